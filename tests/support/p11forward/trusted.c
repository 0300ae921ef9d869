/* SPDX-License-Identifier: Apache-2.0 */
#include "trusted.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	TAG_LEN = 8,
	MARK = 0x1f, /* between a label and its tag */
	LABEL_MAX = 256,
	ID_MAX = 64,
	KEYS_MAX = 4096,
	TEMPLATE_MAX = 64,
	VIRTUAL = 0x40000000, /* handles of private keys that the administrator sees */
};

struct key {
	char tag[TAG_LEN + 1];
	bool trusted;	   /* CKA_TRUSTED */
	bool only_trusted; /* CKA_WRAP_WITH_TRUSTED */
	bool wraps;	   /* a private token key with CKA_WRAP */
	bool token;
	char id[2 * ID_MAX + 1]; /* CKA_ID in hex, "-" if there is none */
};

static struct {
	CK_FUNCTION_LIST *real;
	char path[512];
	struct key keys[KEYS_MAX];
	size_t count;
	CK_OBJECT_HANDLE found[KEYS_MAX]; /* of the administrator's search */
	size_t found_count, found_at;
	bool searching;
} state;

/* ---- what is kept ---- */

/* Token keys from the file, which other processes write too; session keys stay. */
static void load(void)
{
	FILE *f = fopen(state.path, "re");
	size_t kept = 0;
	struct key k;
	int trusted, only_trusted, wraps;

	for (size_t i = 0; i < state.count; i++)
		if (!state.keys[i].token)
			state.keys[kept++] = state.keys[i];
	state.count = kept;
	while (f && state.count < KEYS_MAX &&
		fscanf(f, "%8s %d %d %d %128s", k.tag, &trusted, &only_trusted, &wraps, k.id) ==
			5) {
		k.trusted = trusted;
		k.only_trusted = only_trusted;
		k.wraps = wraps;
		k.token = true;
		state.keys[state.count++] = k;
	}
	if (f)
		fclose(f);
}

static bool save(void)
{
	char fresh[sizeof(state.path) + 4];
	FILE *f;

	snprintf(fresh, sizeof(fresh), "%s.new", state.path);
	f = fopen(fresh, "we");
	if (!f)
		return false;
	for (size_t i = 0; i < state.count; i++) {
		const struct key *k = &state.keys[i];

		if (k->token)
			fprintf(f, "%s %d %d %d %s\n", k->tag, k->trusted, k->only_trusted,
				k->wraps, k->id);
	}
	return !fclose(f) && !rename(fresh, state.path);
}

static bool add(const struct key *k)
{
	load();
	if (state.count == KEYS_MAX)
		return false;
	state.keys[state.count++] = *k;
	return !k->token || save();
}

static struct key *by_tag(const char *tag)
{
	load();
	for (size_t i = 0; i < state.count; i++)
		if (strcmp(state.keys[i].tag, tag) == 0)
			return &state.keys[i];
	return NULL;
}

/* ---- attributes ---- */

static bool has_bool(const CK_ATTRIBUTE *t, CK_ULONG n, CK_ATTRIBUTE_TYPE type, bool otherwise)
{
	for (CK_ULONG i = 0; i < n; i++)
		if (t[i].type == type && t[i].pValue && t[i].ulValueLen == sizeof(CK_BBOOL))
			return *(const CK_BBOOL *)t[i].pValue == CK_TRUE;
	return otherwise;
}

static bool is_secret_key(const CK_ATTRIBUTE *t, CK_ULONG n)
{
	for (CK_ULONG i = 0; i < n; i++)
		if (t[i].type == CKA_CLASS && t[i].pValue)
			return *(const CK_OBJECT_CLASS *)t[i].pValue == CKO_SECRET_KEY;
	return true; /* C_GenerateKey and C_DeriveKey need not say it */
}

static bool bool_of(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE_TYPE type, bool otherwise)
{
	CK_BBOOL value = CK_FALSE;
	CK_ATTRIBUTE a = {type, &value, sizeof(value)};

	return state.real->C_GetAttributeValue(s, o, &a, 1) == CKR_OK ? value == CK_TRUE
								      : otherwise;
}

/* The label as the real module has it: with its tag, if there is one. */
static size_t real_label(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, char out[LABEL_MAX])
{
	CK_ATTRIBUTE a = {CKA_LABEL, out, LABEL_MAX - 1};

	if (state.real->C_GetAttributeValue(s, o, &a, 1) != CKR_OK)
		a.ulValueLen = 0;
	out[a.ulValueLen] = 0;
	return a.ulValueLen;
}

static const char *tag_in(const char *label, size_t len)
{
	return len > TAG_LEN && label[len - TAG_LEN - 1] == MARK ? label + len - TAG_LEN : NULL;
}

static struct key *key_of(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	char label[LABEL_MAX];
	const char *tag = tag_in(label, real_label(s, o, label));

	return tag ? by_tag(tag) : NULL;
}

static bool is_so(CK_SESSION_HANDLE s)
{
	CK_SESSION_INFO info = {0};

	return state.real->C_GetSessionInfo(s, &info) == CKR_OK &&
	       info.state == CKS_RW_SO_FUNCTIONS;
}

static void put_id(const CK_ATTRIBUTE *t, CK_ULONG n, char out[2 * ID_MAX + 1])
{
	strcpy(out, "-");
	for (CK_ULONG i = 0; i < n; i++) {
		if (t[i].type != CKA_ID || !t[i].pValue || !t[i].ulValueLen ||
			t[i].ulValueLen > ID_MAX)
			continue;
		for (CK_ULONG k = 0; k < t[i].ulValueLen; k++)
			snprintf(out + 2 * k, 3, "%02x", ((const unsigned char *)t[i].pValue)[k]);
	}
}

/* ---- a new key: its template without what is kept here, with a tag ---- */

struct draft {
	CK_ATTRIBUTE t[TEMPLATE_MAX + 1];
	CK_ULONG n;
	struct key key;
	char label[LABEL_MAX];
};

static CK_RV make_tag(char tag[TAG_LEN + 1])
{
	unsigned char raw[TAG_LEN];

	if (getrandom(raw, sizeof(raw), 0) != sizeof(raw))
		return CKR_DEVICE_ERROR;
	for (size_t i = 0; i < TAG_LEN; i++)
		tag[i] = "abcdefghijklmnopqrstuvwxyz234567"[raw[i] % 32];
	tag[TAG_LEN] = 0;
	return CKR_OK;
}

/* label ‖ MARK ‖ tag; false: no room for it. */
static bool tagged(char out[LABEL_MAX], const void *label, size_t len, const char *tag)
{
	if (len + TAG_LEN + 1 >= LABEL_MAX)
		return false;
	if (len)
		memcpy(out, label, len);
	out[len] = MARK;
	memcpy(out + len + 1, tag, TAG_LEN);
	return true;
}

/* The first attribute: SoftHSM applies a template in order, and MODIFIABLE may follow. */
static CK_RV label_draft(struct draft *d, const CK_ATTRIBUTE *given)
{
	const size_t len = given && given->pValue ? given->ulValueLen : 0;

	if (make_tag(d->key.tag) != CKR_OK)
		return CKR_DEVICE_ERROR;
	if (!tagged(d->label, len ? given->pValue : NULL, len, d->key.tag))
		return CKR_ATTRIBUTE_VALUE_INVALID;
	memmove(d->t + 1, d->t, d->n * sizeof(d->t[0]));
	d->t[0] = (CK_ATTRIBUTE){CKA_LABEL, d->label, len + 1 + TAG_LEN};
	d->n++;
	/* Before the key is there: a tag without a key does no harm. */
	return add(&d->key) ? CKR_OK : CKR_DEVICE_MEMORY;
}

/* from: the key that a copy is made of, or NULL; label: the copy's, if the template has none. */
static CK_RV prepare(CK_SESSION_HANDLE s, const CK_ATTRIBUTE *t, CK_ULONG n, const struct key *from,
	CK_ATTRIBUTE *label, bool token, struct draft *d)
{
	struct key *k = &d->key;

	memset(d, 0, sizeof(*d));
	if (n > TEMPLATE_MAX)
		return CKR_ARGUMENTS_BAD;
	k->trusted = has_bool(t, n, CKA_TRUSTED, false);
	k->only_trusted = has_bool(t, n, CKA_WRAP_WITH_TRUSTED, from && from->only_trusted);
	if (from && from->only_trusted && !k->only_trusted)
		return CKR_ATTRIBUTE_READ_ONLY;
	if (k->trusted && !is_so(s))
		return CKR_ATTRIBUTE_READ_ONLY;
	k->token = has_bool(t, n, CKA_TOKEN, token);
	k->wraps = k->token && has_bool(t, n, CKA_WRAP, from && from->wraps);
	put_id(t, n, k->id);
	for (CK_ULONG i = 0; i < n; i++) {
		if (t[i].type == CKA_LABEL && is_secret_key(t, n))
			*label = t[i];
		else if (t[i].type != CKA_TRUSTED && t[i].type != CKA_WRAP_WITH_TRUSTED)
			d->t[d->n++] = t[i];
	}
	return is_secret_key(t, n) ? label_draft(d, label) : CKR_OK;
}

static CK_RV prepare_new(CK_SESSION_HANDLE s, const CK_ATTRIBUTE *t, CK_ULONG n, struct draft *d)
{
	CK_ATTRIBUTE label = {CKA_LABEL, NULL, 0};

	return prepare(s, t, n, NULL, &label, false, d);
}

static CK_RV t_CreateObject(
	CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
{
	struct draft d;
	CK_RV rv = prepare_new(s, t, n, &d);

	return rv == CKR_OK ? state.real->C_CreateObject(s, d.t, d.n, made) : rv;
}

static CK_RV t_GenerateKey(
	CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
{
	struct draft d;
	CK_RV rv = prepare_new(s, t, n, &d);

	return rv == CKR_OK ? state.real->C_GenerateKey(s, m, d.t, d.n, made) : rv;
}

static CK_RV t_UnwrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k,
	unsigned char *in, CK_ULONG in_len, CK_ATTRIBUTE *t, CK_ULONG n, CK_OBJECT_HANDLE *made)
{
	struct draft d;
	CK_RV rv = prepare_new(s, t, n, &d);

	return rv == CKR_OK ? state.real->C_UnwrapKey(s, m, k, in, in_len, d.t, d.n, made) : rv;
}

static CK_RV t_DeriveKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k, CK_ATTRIBUTE *t,
	CK_ULONG n, CK_OBJECT_HANDLE *made)
{
	struct draft d;
	CK_RV rv = prepare_new(s, t, n, &d);

	return rv == CKR_OK ? state.real->C_DeriveKey(s, m, k, d.t, d.n, made) : rv;
}

static CK_RV t_CopyObject(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n,
	CK_OBJECT_HANDLE *made)
{
	struct key *of = key_of(s, o);
	char own[LABEL_MAX];
	CK_ATTRIBUTE label = {CKA_LABEL, own, 0};
	struct key from;
	struct draft d;
	CK_RV rv;

	if (!of)
		return state.real->C_CopyObject(s, o, t, n, made);
	from = *of;
	label.ulValueLen = real_label(s, o, own) - TAG_LEN - 1;
	rv = prepare(s, t, n, &from, &label, bool_of(s, o, CKA_TOKEN, false), &d);
	return rv == CKR_OK ? state.real->C_CopyObject(s, o, d.t, d.n, made) : rv;
}

/* ---- reading and changing ---- */

static void patch(CK_ATTRIBUTE *a, const struct key *k)
{
	const bool value = a->type == CKA_TRUSTED ? k->trusted : k->only_trusted;

	if (a->ulValueLen == sizeof(CK_BBOOL) && a->pValue)
		*(CK_BBOOL *)a->pValue = value ? CK_TRUE : CK_FALSE;
}

/* Of a private wrapping key the administrator may read no more than what it is. */
static CK_RV read_virtual(const struct key *k, CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_RV rv = CKR_OK;

	for (CK_ULONG i = 0; i < n; i++) {
		bool known = t[i].type == CKA_TRUSTED || t[i].type == CKA_WRAP_WITH_TRUSTED;

		if (known && t[i].ulValueLen >= sizeof(CK_BBOOL)) {
			t[i].ulValueLen = sizeof(CK_BBOOL);
			patch(&t[i], k);
		} else {
			t[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
			rv = known ? CKR_BUFFER_TOO_SMALL : CKR_ATTRIBUTE_TYPE_INVALID;
		}
	}
	return rv;
}

static struct key *virtual_key(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o)
{
	load();
	if (o < VIRTUAL || o - VIRTUAL >= state.count || !is_so(s) ||
		!state.keys[o - VIRTUAL].wraps)
		return NULL;
	return &state.keys[o - VIRTUAL];
}

/* What the client sees of a label; as C_GetAttributeValue answers. */
static CK_RV read_label(CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *a, CK_ULONG room)
{
	char label[LABEL_MAX];
	const size_t len = real_label(s, o, label) - TAG_LEN - 1;

	a->ulValueLen = len;
	if (!a->pValue)
		return CKR_OK;
	if (len > room) {
		a->ulValueLen = CK_UNAVAILABLE_INFORMATION;
		return CKR_BUFFER_TOO_SMALL;
	}
	memcpy(a->pValue, label, len);
	return CKR_OK;
}

static CK_RV t_GetAttributeValue(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_ATTRIBUTE asked[TEMPLATE_MAX];
	const struct key *k = virtual_key(s, o);
	char label[LABEL_MAX];
	CK_RV rv;

	if (k)
		return read_virtual(k, t, n);
	k = key_of(s, o);
	if (!k || n > TEMPLATE_MAX)
		return state.real->C_GetAttributeValue(s, o, t, n);
	for (CK_ULONG i = 0; i < n; i++) {
		asked[i] = t[i];
		if (t[i].type == CKA_LABEL)
			t[i] = (CK_ATTRIBUTE){CKA_LABEL, label, sizeof(label)};
	}
	rv = state.real->C_GetAttributeValue(s, o, t, n);
	for (CK_ULONG i = 0; i < n; i++) {
		if (t[i].type == CKA_TRUSTED || t[i].type == CKA_WRAP_WITH_TRUSTED)
			patch(&t[i], k);
		if (t[i].type == CKA_LABEL) {
			t[i].pValue = asked[i].pValue;
			if (read_label(s, o, &t[i], asked[i].ulValueLen) != CKR_OK && rv == CKR_OK)
				rv = CKR_BUFFER_TOO_SMALL;
		}
	}
	return rv;
}

static CK_RV change(struct key *k, const CK_ATTRIBUTE *t, CK_ULONG n, bool so)
{
	const bool trusted = has_bool(t, n, CKA_TRUSTED, k->trusted);
	const bool only_trusted = has_bool(t, n, CKA_WRAP_WITH_TRUSTED, k->only_trusted);

	if ((trusted && !k->trusted && !so) || (k->only_trusted && !only_trusted))
		return CKR_ATTRIBUTE_READ_ONLY;
	k->trusted = trusted;
	k->only_trusted = only_trusted;
	return !k->token || save() ? CKR_OK : CKR_DEVICE_ERROR;
}

static CK_RV t_SetAttributeValue(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE o, CK_ATTRIBUTE *t, CK_ULONG n)
{
	CK_ATTRIBUTE rest[TEMPLATE_MAX];
	struct key *k = virtual_key(s, o);
	const bool so = k != NULL;
	char label[LABEL_MAX];
	CK_ULONG rest_n = 0;
	CK_RV rv;

	k = k ? k : key_of(s, o);
	if (!k)
		return state.real->C_SetAttributeValue(s, o, t, n);
	if (n > TEMPLATE_MAX)
		return CKR_ARGUMENTS_BAD;
	for (CK_ULONG i = 0; i < n; i++) {
		if (t[i].type == CKA_TRUSTED || t[i].type == CKA_WRAP_WITH_TRUSTED)
			continue;
		rest[rest_n] = t[i];
		if (t[i].type == CKA_LABEL) {
			if (!tagged(label, t[i].pValue, t[i].ulValueLen, k->tag))
				return CKR_ATTRIBUTE_VALUE_INVALID;
			rest[rest_n].pValue = label;
			rest[rest_n].ulValueLen += TAG_LEN + 1;
		}
		rest_n++;
	}
	if (so)
		return rest_n ? CKR_ATTRIBUTE_READ_ONLY : change(k, t, n, true);
	if (rest_n < n && !bool_of(s, o, CKA_MODIFIABLE, true))
		return CKR_ATTRIBUTE_READ_ONLY;
	rv = rest_n < n ? change(k, t, n, is_so(s)) : CKR_OK;
	return rv == CKR_OK && rest_n ? state.real->C_SetAttributeValue(s, o, rest, rest_n) : rv;
}

/* ---- the administrator's search, by CKA_ID ---- */

static CK_RV t_FindObjectsInit(CK_SESSION_HANDLE s, CK_ATTRIBUTE *t, CK_ULONG n)
{
	char id[2 * ID_MAX + 1];

	put_id(t, n, id);
	if (strcmp(id, "-") == 0 || !is_so(s))
		return state.real->C_FindObjectsInit(s, t, n);
	load();
	state.found_count = state.found_at = 0;
	for (size_t i = 0; i < state.count; i++)
		if (state.keys[i].wraps && strcmp(state.keys[i].id, id) == 0)
			state.found[state.found_count++] = VIRTUAL + i;
	state.searching = true;
	return CKR_OK;
}

static CK_RV t_FindObjects(
	CK_SESSION_HANDLE s, CK_OBJECT_HANDLE *list, CK_ULONG max, CK_ULONG *count)
{
	if (!state.searching)
		return state.real->C_FindObjects(s, list, max, count);
	for (*count = 0; *count < max && state.found_at < state.found_count; (*count)++)
		list[*count] = state.found[state.found_at++];
	return CKR_OK;
}

static CK_RV t_FindObjectsFinal(CK_SESSION_HANDLE s)
{
	if (!state.searching)
		return state.real->C_FindObjectsFinal(s);
	state.searching = false;
	return CKR_OK;
}

/* ---- what it is all for ---- */

static CK_RV t_WrapKey(CK_SESSION_HANDLE s, CK_MECHANISM *m, CK_OBJECT_HANDLE k, CK_OBJECT_HANDLE o,
	unsigned char *out, CK_ULONG *out_len)
{
	const struct key *target = key_of(s, o);
	const struct key *kek;

	if (target && target->only_trusted) {
		kek = key_of(s, k);
		if (!kek || !kek->trusted)
			return CKR_KEY_NOT_WRAPPABLE;
	}
	return state.real->C_WrapKey(s, m, k, o, out, out_len);
}

CK_FUNCTION_LIST *trusted_around(CK_FUNCTION_LIST *real, const char *folder)
{
	static CK_FUNCTION_LIST list;

	state.real = real;
	snprintf(state.path, sizeof(state.path), "%s/trusted", folder);
	list = *real;
	list.C_CreateObject = t_CreateObject;
	list.C_GenerateKey = t_GenerateKey;
	list.C_UnwrapKey = t_UnwrapKey;
	list.C_DeriveKey = t_DeriveKey;
	list.C_CopyObject = t_CopyObject;
	list.C_GetAttributeValue = t_GetAttributeValue;
	list.C_SetAttributeValue = t_SetAttributeValue;
	list.C_FindObjectsInit = t_FindObjectsInit;
	list.C_FindObjects = t_FindObjects;
	list.C_FindObjectsFinal = t_FindObjectsFinal;
	list.C_WrapKey = t_WrapKey;
	return &list;
}
