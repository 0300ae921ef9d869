/* SPDX-License-Identifier: Apache-2.0 */
/* Status words: GPCS 2.3.1 tables 11-10, 11-26, 11-31, 11-39, 11-78, 11-83, 11-84, 11-87, and ISO. */
#include "card/apdu.h"
#include "card/gp.h"

#include <stdio.h>

struct row {
	uint16_t sw;
	const char *text;
};

static const struct row texts[] = {
	{0x6200, "warning, no more is told"},
	{0x6283, "the card is locked (CARD_LOCKED)"},
	{0x6300, "authentication failed"},
	{0x6310, "more data is available"},
	{0x6400, "no specific diagnosis"},
	{0x6581, "memory failure"},
	{0x6700, "wrong length"},
	{0x6881, "this logical channel is not open"},
	{0x6882, "secure messaging is not supported"},
	{0x6883, "last command of a chain expected"},
	{0x6982, "security status not satisfied"},
	{0x6983, "authentication method blocked"},
	{0x6984, "referenced data not usable"},
	{0x6985, "conditions of use not satisfied"},
	{0x6986, "command not allowed"},
	{0x6987, "secure messaging data missing"},
	{0x6988, "secure messaging data wrong"},
	{0x6999, "the application cannot be selected"},
	{0x6A80, "wrong data"},
	{0x6A81, "function not supported, or the card is locked"},
	{0x6A82, "application or file not found"},
	{0x6A84, "not enough memory on the card"},
	{0x6A86, "wrong P1 or P2"},
	{0x6A88, "referenced data not found"},
	{0x6B00, "wrong P1 or P2"},
	{0x6D00, "the card does not know this command"},
	{0x6E00, "the card does not know this class"},
	{0x6F00, "unknown error of the card"},
	{0x9000, "done"},
	{0x9484, "algorithm not supported"},
	{0x9485, "invalid key check value"},
};

bool apdu_sw_ok(uint16_t sw)
{
	return sw == 0x9000 || sw >> 8 == 0x62 || (sw >> 8 == 0x63 && (sw & 0xF0) != 0xC0);
}

const char *apdu_sw_text(uint16_t sw)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i].sw == sw)
			return texts[i].text;
	if (sw >> 8 == 0x61)
		return "more data is available";
	if (sw >> 8 == 0x6C)
		return "wrong Le";
	if (sw >> 4 == 0x63C)
		return "authentication failed, the card counts";
	return "a status word without a meaning known to cardkms";
}

struct hint {
	unsigned char ins; /* 0: any */
	uint16_t sw;
	const char *text;
};

static const struct hint hints[] = {
	{GP_PUT_KEY, 0x6A80,
		"the card did not like the key data: another key type or size than the set it "
		"replaces, another key-block encoding (profile), or a version it does not take"},
	{GP_PUT_KEY, 0x6982,
		"the card computed another check value than it was sent: the DEK of the set in use "
		"is not the one on the card; or the security level was too low"},
	{GP_PUT_KEY, 0x6985,
		"this version may exist already, or the card's state does not allow key changes"},
	{GP_PUT_KEY, 0x6A84, "the card has no room for one more key set: replace one, or delete"},
	{GP_PUT_KEY, 0x6A88, "the version to be replaced is not on the card"},
	{GP_PUT_KEY, 0x9484, "the card does not know keys of this type"},
	{GP_PUT_KEY, 0x9485, "the DEK of the set in use is not the one on the card"},
	{GP_INITIALIZE_UPDATE, 0x6A88, "there is no key set of this version on the card"},
	{GP_INITIALIZE_UPDATE, 0x6982,
		"the card may be locked, or have blocked its keys after failed authentications"},
	{GP_INITIALIZE_UPDATE, 0x6983, "the keys are blocked after failed authentications"},
	{GP_INITIALIZE_UPDATE, 0x6985, "the card may be locked or terminated"},
	{GP_INITIALIZE_UPDATE, 0x6700,
		"the card wants a host challenge of another length (S8, S16)"},
	{GP_EXTERNAL_AUTHENTICATE, 0x6300,
		"the card has counted a failed authentication: do not try again with these keys"},
	{GP_EXTERNAL_AUTHENTICATE, 0x6982,
		"the card has counted a failed authentication: do not try again with these keys"},
	{GP_DELETE, 0x6985, "the card may refuse to delete the last set, or the one in use"},
	{GP_DELETE, 0x6A88, "there is no such key set on the card"},
	{GP_SELECT, 0x6A81, "the card may be locked"},
	{GP_SELECT, 0x6A82, "this card has no such application: is the profile the right one?"},
	{0, 0x6982, "the secure channel may have ended: start again"},
	{0, 0x6987, "the secure channel may have ended: start again"},
	{0, 0x6988, "the secure channel has ended: start again"},
};

enum kms_status apdu_refused(struct kms_err *err, unsigned char ins, const char *what, uint16_t sw)
{
	kms_fail(err, KMS_ERR_CARD, "%s was refused: SW %04X, %s", what, sw, apdu_sw_text(sw));
	kms_native(err, "SW %04X", sw);
	for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
		if (hints[i].sw == sw && (hints[i].ins == ins || hints[i].ins == 0)) {
			(void)kms_hint(err, "%s", hints[i].text);
			break;
		}
	}
	return KMS_ERR_CARD;
}
