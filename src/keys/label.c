/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/key.h"

#include <string.h>
#include <strings.h>

static const char label_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
				  "._-";
static const char digits[] = "0123456789";

static const struct {
	enum key_role role;
	char infix[4];
} infixes[] = {
	{KEY_ROLE_ENC, "ENC"},
	{KEY_ROLE_MAC, "MAC"},
	{KEY_ROLE_KEK, "KEK"},
};

enum { INFIX_LEN = 3, INFIXES = sizeof(infixes) / sizeof(infixes[0]) };

static enum kms_status check(const char *text, size_t max, const char *what, struct kms_err *err)
{
	size_t len = strlen(text), good = strspn(text, label_chars);

	if (len == 0)
		return kms_fail(err, KMS_ERR_INVALID, "%s is empty", what);
	if (len > max)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s '%.40s' has %zu characters, at most %zu fit", what, text, len, max);
	if (good < len) {
		kms_fail(err, KMS_ERR_INVALID, "%s '%s': character %zu cannot stand there", what,
			text, good + 1);
		return kms_hint(err, "letters A-Z a-z, digits, full stop, '_' and '-' can");
	}
	if (strchr("._-", text[0]))
		return kms_fail(err, KMS_ERR_INVALID, "%s '%s' must start with a letter or a digit",
			what, text);
	if (text[len - 1] == '.')
		return kms_fail(
			err, KMS_ERR_INVALID, "%s '%s' must not end with a full stop", what, text);
	return KMS_OK;
}

enum kms_status key_label_check(const char *label, const char *what, struct kms_err *err)
{
	return check(label, KEY_LABEL_MAX, what, err);
}

enum kms_status key_set_name_check(const char *name, struct kms_err *err)
{
	return check(name, KEY_SET_NAME_MAX, "key set name", err);
}

bool key_label_same(const char *a, const char *b)
{
	return strcasecmp(a, b) == 0;
}

/* Length of what comes before the trailing digits. */
static size_t stem_len(const char *text)
{
	size_t len = strlen(text);

	while (len && strchr(digits, text[len - 1]))
		len--;
	return len;
}

enum kms_status key_label(const char *keyset, enum key_role role, char ret_label[KEY_LABEL_MAX + 1],
	struct kms_err *err)
{
	enum kms_status st;
	size_t stem;

	st = key_set_name_check(keyset, err);
	if (st)
		return st;
	for (size_t i = 0; i < INFIXES; i++) {
		if (infixes[i].role != role)
			continue;
		stem = stem_len(keyset);
		memcpy(ret_label, keyset, stem);
		memcpy(ret_label + stem, infixes[i].infix, INFIX_LEN);
		memcpy(ret_label + stem + INFIX_LEN, keyset + stem, strlen(keyset + stem) + 1);
		return KMS_OK;
	}
	return kms_fail(err, KMS_ERR_INVALID, "key set '%s' has no key of role %s", keyset,
		key_role_name(role));
}

bool key_label_split(
	const char *label, char ret_keyset[KEY_SET_NAME_MAX + 1], enum key_role *ret_role)
{
	char keyset[KEY_LABEL_MAX + 1];
	size_t len = strlen(label), stem = stem_len(label);

	if (len <= INFIX_LEN || len > KEY_LABEL_MAX || stem < INFIX_LEN)
		return false;
	for (size_t i = 0; i < INFIXES; i++) {
		if (memcmp(label + stem - INFIX_LEN, infixes[i].infix, INFIX_LEN) != 0)
			continue;
		memcpy(keyset, label, stem - INFIX_LEN);
		memcpy(keyset + stem - INFIX_LEN, label + stem, len - stem + 1);
		/*
		 * "A1ENC2" would come from "A12", whose label is "AENC12": not every text of this
		 * form is a label that key_label makes.
		 */
		if (stem > INFIX_LEN && strchr(digits, label[stem - INFIX_LEN - 1]))
			return false;
		if (key_set_name_check(keyset, NULL))
			return false;
		memcpy(ret_keyset, keyset, strlen(keyset) + 1);
		*ret_role = infixes[i].role;
		return true;
	}
	return false;
}
