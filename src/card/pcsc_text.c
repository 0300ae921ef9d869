/* SPDX-License-Identifier: Apache-2.0 */
/* What the codes of PC/SC mean to people. */
#include "card/reader.h"

#include <stdio.h>
#include <winscard.h>

struct code {
	long code;
	const char *name;
	enum kms_status status;
	const char *why;  /* NULL: no words of our own */
	const char *hint; /* NULL: none */
};

#define ROW(code, status, why, hint)                   \
	{                                              \
		(long)(code), #code, status, why, hint \
	}

static const char put_in[] = "put a card in, chip first; contactless: leave it on the reader";
static const char unknown_effect[] = "what the card did is not known: look before trying again";

static const struct code codes[] = {
	ROW(SCARD_E_NO_SERVICE, KMS_ERR_IO, "the smart card service (pcscd) does not run",
		"start it: systemctl start pcscd.socket (Debian package pcscd)"),
	ROW(SCARD_E_SERVICE_STOPPED, KMS_ERR_IO, "the smart card service (pcscd) was stopped",
		"start it: systemctl start pcscd.socket"),
	ROW(SCARD_F_COMM_ERROR, KMS_ERR_IO, "the line to the smart card service (pcscd) broke",
		unknown_effect),
	ROW(SCARD_E_NO_ACCESS, KMS_ERR_DENIED, "the smart card service refuses this user",
		"polkit decides who may use readers: see pcscd's polkit rules"),
	ROW(SCARD_W_SECURITY_VIOLATION, KMS_ERR_DENIED, "the smart card service refuses this user",
		"polkit decides who may use readers: see pcscd's polkit rules"),
	ROW(SCARD_E_NO_READERS_AVAILABLE, KMS_ERR_NOT_FOUND, "there is no card reader",
		"plug one in; pcscd needs its driver (Debian package libccid)"),
	ROW(SCARD_E_UNKNOWN_READER, KMS_ERR_NOT_FOUND, "there is no such reader",
		"card list shows the readers there are"),
	ROW(SCARD_E_READER_UNAVAILABLE, KMS_ERR_IO, "the reader was unplugged", unknown_effect),
	ROW(SCARD_E_NO_SMARTCARD, KMS_ERR_NOT_FOUND, "there is no card in it", put_in),
	ROW(SCARD_W_REMOVED_CARD, KMS_ERR_IO, "the card was pulled", unknown_effect),
	ROW(SCARD_W_RESET_CARD, KMS_ERR_IO, "the card was reset by another program",
		unknown_effect),
	ROW(SCARD_W_UNPOWERED_CARD, KMS_ERR_IO, "the card has no power",
		"take it out and put it in again"),
	ROW(SCARD_W_UNRESPONSIVE_CARD, KMS_ERR_IO, "the card is mute: it does not answer a reset",
		"is it the right way round, its contacts clean?"),
	ROW(SCARD_W_UNSUPPORTED_CARD, KMS_ERR_IO, "the reader cannot talk to this card", NULL),
	ROW(SCARD_E_PROTO_MISMATCH, KMS_ERR_IO, "the card speaks neither T=0 nor T=1", NULL),
	ROW(SCARD_E_NOT_TRANSACTED, KMS_ERR_IO, "the card did not answer", unknown_effect),
	ROW(SCARD_E_TIMEOUT, KMS_ERR_NOT_FOUND, "nothing happened in the time given", NULL),
	ROW(SCARD_E_SHARING_VIOLATION, KMS_ERR_BUSY, "another program holds the card",
		"close it; gpg's scdaemon holds cards: gpgconf --kill scdaemon"),
	ROW(SCARD_E_COMM_DATA_LOST, KMS_ERR_IO, "bytes were lost on the line", unknown_effect),
	ROW(SCARD_E_INSUFFICIENT_BUFFER, KMS_ERR_IO, "the answer is longer than any card may send",
		unknown_effect),
	ROW(SCARD_E_CANCELLED, KMS_ERR_CANCELLED, "it was cancelled", NULL),
	ROW(SCARD_E_NO_MEMORY, KMS_ERR_NOMEM, NULL, NULL),
	ROW(SCARD_E_INVALID_HANDLE, KMS_ERR_IO, NULL, NULL),
	ROW(SCARD_E_INVALID_PARAMETER, KMS_ERR_INTERNAL, NULL, NULL),
	ROW(SCARD_E_INVALID_VALUE, KMS_ERR_INTERNAL, NULL, NULL),
	ROW(SCARD_E_INVALID_ATR, KMS_ERR_IO, NULL, NULL),
	ROW(SCARD_E_NOT_READY, KMS_ERR_IO, NULL, NULL),
	ROW(SCARD_E_READER_UNSUPPORTED, KMS_ERR_IO, NULL, NULL),
	ROW(SCARD_E_CARD_UNSUPPORTED, KMS_ERR_IO, NULL, NULL),
	ROW(SCARD_E_SERVER_TOO_BUSY, KMS_ERR_BUSY, NULL, NULL),
	ROW(SCARD_F_INTERNAL_ERROR, KMS_ERR_IO, NULL, NULL),
	ROW(SCARD_F_UNKNOWN_ERROR, KMS_ERR_IO, NULL, NULL),
};

static const struct code *code_find(long code)
{
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].code == code)
			return &codes[i];
	return NULL;
}

void card_pcsc_name(long code, char ret_name[32])
{
	const struct code *row = code_find(code);

	if (row)
		snprintf(ret_name, 32, "%s", row->name);
	else
		snprintf(ret_name, 32, "0x%08lX", (unsigned long)code & 0xFFFFFFFFUL);
}

enum kms_status card_pcsc_fail(struct kms_err *err, long code, const char *what, const char *reader)
{
	const struct code *row = code_find(code);
	enum kms_status st = row ? row->status : KMS_ERR_IO;
	const char *why = row ? row->why : NULL;

	if (!why)
		why = pcsc_stringify_error((LONG)code);
	if (reader)
		kms_fail(err, st, "cannot %s '%s': %s", what, reader, why);
	else
		kms_fail(err, st, "cannot %s: %s", what, why);
	if (row)
		kms_native(err, "%s", row->name);
	else
		kms_native(err, "0x%08lX", (unsigned long)code & 0xFFFFFFFFUL);
	if (row && row->hint)
		(void)kms_hint(err, "%s", row->hint);
	return st;
}
