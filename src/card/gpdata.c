/* SPDX-License-Identifier: Apache-2.0 */
#include "card/gpdata.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

enum {
	TAG_FCI = 0x6F,
	TAG_AID = 0x84,
	TAG_PROPRIETARY = 0xA5,
	TAG_MAX_DATA = 0x9F65,
	TAG_CARD_DATA = 0x66,
	TAG_RECOGNITION = 0x73,
	TAG_OID = 0x06,
	TAG_VERSION = 0x60,
	TAG_IDENTIFICATION = 0x63,
	TAG_SCP = 0x64,
	TAG_CPLC = 0x9F7F,
	TAG_KEYS = 0xE0,
	TAG_KEY = 0xC0,
	TAG_ENTRY = 0xE3,
	TAG_ENTRY_AID = 0x4F,
	TAG_ENTRY_STATE = 0x9F70,
	TAG_ENTRY_PRIVILEGES = 0xC5,
	TAG_ENTRY_FILE = 0xC4,
	TAG_ENTRY_VERSION = 0xCE,
	TAG_ENTRY_MODULE = 0x84,
	TAG_ENTRY_DOMAIN = 0xCC,
};

/* ---- AID ---- */

enum kms_status gp_aid_set(const void *bytes, size_t len, const char *what, struct gp_aid *ret_aid,
	struct kms_err *err)
{
	if (len < GP_AID_MIN || len > GP_AID_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: an AID has 5 to 16 bytes, not %zu", what, len);
	memset(ret_aid, 0, sizeof(*ret_aid));
	memcpy(ret_aid->bytes, bytes, len);
	ret_aid->len = len;
	return KMS_OK;
}

enum kms_status gp_aid_parse(
	const char *hex, const char *what, struct gp_aid *ret_aid, struct kms_err *err)
{
	unsigned char bytes[GP_AID_MAX];
	size_t len = 0;
	enum kms_status st = hex_decode(hex, strlen(hex), what, bytes, sizeof(bytes), &len, err);

	return st ? st : gp_aid_set(bytes, len, what, ret_aid, err);
}

bool gp_aid_same(const struct gp_aid *a, const struct gp_aid *b)
{
	return a->len == b->len && memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* ---- SELECT ---- */

static enum kms_status fci_proprietary(
	const struct tlv *a5, const char *what, struct gp_fci *fci, struct kms_err *err)
{
	struct tlv_reader r = tlv_inside(a5);

	while (tlv_more(&r)) {
		struct tlv tlv;
		enum kms_status st = tlv_next(&r, what, &tlv, err);

		if (st)
			return st;
		if (tlv.tag == TAG_RECOGNITION)
			fci->has_management = true;
		if (tlv.tag != TAG_MAX_DATA)
			continue;
		if (tlv.len < 1 || tlv.len > 2)
			return kms_fail(
				err, KMS_ERR_INVALID, "%s: tag 9F65 has %zu bytes", what, tlv.len);
		fci->max_data = tlv.len == 1 ? tlv.value[0] : tlv.value[0] << 8 | tlv.value[1];
	}
	return KMS_OK;
}

enum kms_status gp_fci_parse(
	const unsigned char *data, size_t len, struct gp_fci *ret_fci, struct kms_err *err)
{
	static const char what[] = "answer to SELECT";
	struct gp_fci fci = {0};
	struct tlv_reader r;
	struct tlv top;
	enum kms_status st;

	if (len == 0) {
		*ret_fci = fci;
		return KMS_OK;
	}
	st = tlv_only(data, len, TAG_FCI, what, &top, err);
	if (st)
		return st;
	r = tlv_inside(&top);
	while (tlv_more(&r)) {
		struct tlv tlv;

		st = tlv_next(&r, what, &tlv, err);
		if (!st && tlv.tag == TAG_AID)
			st = gp_aid_set(tlv.value, tlv.len, what, &fci.aid, err);
		if (!st && tlv.tag == TAG_PROPRIETARY)
			st = fci_proprietary(&tlv, what, &fci, err);
		if (st)
			return st;
	}
	*ret_fci = fci;
	return KMS_OK;
}

/* ---- CPLC ---- */

static const struct {
	const char *name;
	unsigned char at, len;
} cplc_fields[GP_CPLC_FIELDS] = {
	[GP_CPLC_IC_FABRICATOR] = {"ic-fabricator", 0, 2},
	[GP_CPLC_IC_TYPE] = {"ic-type", 2, 2},
	[GP_CPLC_OS_ID] = {"os-id", 4, 2},
	[GP_CPLC_OS_DATE] = {"os-date", 6, 2},
	[GP_CPLC_OS_LEVEL] = {"os-level", 8, 2},
	[GP_CPLC_IC_DATE] = {"ic-date", 10, 2},
	[GP_CPLC_IC_SERIAL] = {"ic-serial", 12, 4},
	[GP_CPLC_IC_BATCH] = {"ic-batch", 16, 2},
	[GP_CPLC_MODULE_FABRICATOR] = {"module-fabricator", 18, 2},
	[GP_CPLC_MODULE_DATE] = {"module-date", 20, 2},
	[GP_CPLC_ICC_MANUFACTURER] = {"icc-manufacturer", 22, 2},
	[GP_CPLC_EMBEDDING_DATE] = {"embedding-date", 24, 2},
	[GP_CPLC_PREPERSO] = {"prepersonalizer", 26, 2},
	[GP_CPLC_PREPERSO_DATE] = {"prepersonalization-date", 28, 2},
	[GP_CPLC_PREPERSO_EQUIPMENT] = {"prepersonalization-equipment", 30, 4},
	[GP_CPLC_PERSO] = {"personalizer", 34, 2},
	[GP_CPLC_PERSO_DATE] = {"personalization-date", 36, 2},
	[GP_CPLC_PERSO_EQUIPMENT] = {"personalization-equipment", 38, 4},
};

enum kms_status gp_cplc_parse(
	const unsigned char *data, size_t len, struct gp_cplc *ret_cplc, struct kms_err *err)
{
	struct tlv tlv = {.value = data, .len = len};

	if (len != GP_CPLC_SIZE) {
		enum kms_status st = tlv_only(data, len, TAG_CPLC, "CPLC", &tlv, err);

		if (st)
			return st;
	}
	if (tlv.len != GP_CPLC_SIZE)
		return kms_fail(
			err, KMS_ERR_INVALID, "CPLC: %zu bytes, not %d", tlv.len, GP_CPLC_SIZE);
	memcpy(ret_cplc->bytes, tlv.value, GP_CPLC_SIZE);
	return KMS_OK;
}

const char *gp_cplc_name(enum gp_cplc_field field)
{
	return cplc_fields[field].name;
}

const unsigned char *gp_cplc_get(
	const struct gp_cplc *cplc, enum gp_cplc_field field, size_t *ret_len)
{
	*ret_len = cplc_fields[field].len;
	return cplc->bytes + cplc_fields[field].at;
}

static bool all(const unsigned char *bytes, size_t len, unsigned char value)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != value)
			return false;
	return true;
}

bool gp_cplc_chip_id(const struct gp_cplc *cplc, unsigned char ret_id[GP_CHIP_ID_SIZE])
{
	const unsigned char *own = cplc->bytes + cplc_fields[GP_CPLC_IC_SERIAL].at;

	if (all(own, 6, 0x00) || all(own, 6, 0xFF))
		return false;
	memcpy(ret_id, cplc->bytes, 4);
	memcpy(ret_id + 4, own, 6);
	return true;
}

/* ---- card recognition data ---- */

/* {globalPlatform} = 1.2.840.114283 (GPCS 2.3.1 appendix H). */
static const unsigned char gp_oid[] = {0x2A, 0x86, 0x48, 0x86, 0xFC, 0x6B};

enum { OID_RECOGNITION = 1, OID_VERSION = 2, OID_IDENTIFICATION = 3, OID_SCP = 4, SUBIDS_MAX = 8 };

/* The numbers after {globalPlatform}; 0 if it is another OID or malformed. */
static size_t oid_numbers(const struct tlv *oid, unsigned numbers[SUBIDS_MAX])
{
	size_t count = 0;
	unsigned value = 0;

	if (oid->len < sizeof(gp_oid) || memcmp(oid->value, gp_oid, sizeof(gp_oid)) != 0)
		return 0;
	for (size_t i = sizeof(gp_oid); i < oid->len; i++) {
		if (count == SUBIDS_MAX || value > 0x1FFFF)
			return 0;
		value = value << 7 | (oid->value[i] & 0x7F);
		if (oid->value[i] & 0x80)
			continue;
		numbers[count++] = value;
		value = 0;
	}
	return oid->len && oid->value[oid->len - 1] & 0x80 ? 0 : count;
}

static void take_version(const unsigned *numbers, size_t count, struct gp_recognition *recognition)
{
	size_t used = 0;

	for (size_t i = 1; i < count; i++) {
		int n = snprintf(recognition->version + used, sizeof(recognition->version) - used,
			"%s%u", i > 1 ? "." : "", numbers[i]);

		if (n < 0 || used + (size_t)n >= sizeof(recognition->version))
			break;
		used += (size_t)n;
	}
}

/* The OIDs within one application tag: one (format 1) or several (format 2). */
static enum kms_status take_oids(struct tlv_reader r, const char *what,
	struct gp_recognition *recognition, struct kms_err *err)
{
	while (tlv_more(&r)) {
		unsigned numbers[SUBIDS_MAX];
		struct tlv tlv;
		size_t count;
		enum kms_status st = tlv_next(&r, what, &tlv, err);

		if (st)
			return st;
		if (tlv.tag != TAG_OID)
			continue;
		count = oid_numbers(&tlv, numbers);
		if (count >= 2 && numbers[0] == OID_VERSION)
			take_version(numbers, count, recognition);
		if (count >= 1 && numbers[0] == OID_IDENTIFICATION)
			recognition->unique_id = true;
		if (count < 3 || numbers[0] != OID_SCP)
			continue;
		if (recognition->count == GP_SCPS_MAX)
			return kms_fail(err, KMS_ERR_INVALID, "%s: more than %d secure channels",
				what, GP_SCPS_MAX);
		recognition->scps[recognition->count].scp = numbers[1];
		recognition->scps[recognition->count++].i = numbers[2];
	}
	return KMS_OK;
}

static enum kms_status take_template(const struct tlv *template, const char *what,
	struct gp_recognition *recognition, struct kms_err *err)
{
	struct tlv_reader r = tlv_inside(template);
	unsigned numbers[SUBIDS_MAX];
	bool named = false;

	while (tlv_more(&r)) {
		struct tlv tlv;
		enum kms_status st = tlv_next(&r, what, &tlv, err);

		if (!st && tlv.tag == TAG_OID)
			named |= oid_numbers(&tlv, numbers) == 1 && numbers[0] == OID_RECOGNITION;
		if (!st && (tlv.tag == TAG_VERSION || tlv.tag == TAG_IDENTIFICATION ||
				   tlv.tag == TAG_SCP))
			st = take_oids(tlv_inside(&tlv), what, recognition, err);
		if (st)
			return st;
	}
	if (!named)
		return kms_fail(err, KMS_ERR_INVALID,
			"%s: it does not say that it is GlobalPlatform's", what);
	return KMS_OK;
}

enum kms_status gp_recognition_parse(const unsigned char *data, size_t len,
	struct gp_recognition *ret_recognition, struct kms_err *err)
{
	static const char what[] = "card recognition data";
	struct gp_recognition recognition = {0};
	struct tlv top = {0}, template = {0};
	struct tlv_reader r = tlv_read(data, len);
	enum kms_status st = tlv_next(&r, what, &top, err);

	if (!st && r.left > 0)
		st = kms_fail(err, KMS_ERR_INVALID, "%s: %zu bytes after its end", what, r.left);
	if (!st && top.tag == TAG_RECOGNITION)
		template = top;
	else if (!st && top.tag == TAG_CARD_DATA)
		st = tlv_find(tlv_inside(&top), TAG_RECOGNITION, what, &template, err);
	else if (!st)
		st = kms_fail(err, KMS_ERR_INVALID, "%s: tag %X where 66 should be", what, top.tag);
	if (!st)
		st = take_template(&template, what, &recognition, err);
	if (st == KMS_ERR_NOT_FOUND)
		st = kms_fail(err, KMS_ERR_INVALID, "%s: no tag 73 in it", what);
	if (!st)
		*ret_recognition = recognition;
	return st;
}

/* ---- key information template ---- */

static bool take_component(
	const unsigned char **at, size_t *left, bool extended, struct gp_key_info *key)
{
	size_t size = extended ? 4 : 2;

	if (*left < size || key->count == GP_COMPONENTS_MAX)
		return false;
	key->components[key->count].type = (*at)[extended ? 1 : 0];
	key->components[key->count++].length =
		extended ? (unsigned)(*at)[2] << 8 | (*at)[3] : (*at)[1];
	*at += size;
	*left -= size;
	return true;
}

/* Tables 11-28 (types of one byte) and 11-29 (FF xx, then usage and access). */
static bool take_key(const struct tlv *tlv, struct gp_key_info *key)
{
	const unsigned char *at = tlv->value + 2;
	size_t left = tlv->len - 2;
	bool extended;

	if (tlv->len < 4)
		return false;
	key->id = tlv->value[0];
	key->version = tlv->value[1];
	extended = at[0] == 0xFF;
	while (left > 0 && (!extended || at[0] == 0xFF))
		if (!take_component(&at, &left, extended, key))
			return false;
	for (int part = 0; extended && part < 2; part++) {
		size_t size = left ? 1u + at[0] : 1;

		if (left < size)
			return false;
		at += size;
		left -= size;
	}
	return left == 0;
}

enum kms_status gp_key_list_parse(
	const unsigned char *data, size_t len, struct gp_key_list *ret_list, struct kms_err *err)
{
	static const char what[] = "key information";
	struct gp_key_list list = {0};
	struct tlv_reader r;
	struct tlv top;
	enum kms_status st = tlv_only(data, len, TAG_KEYS, what, &top, err);

	if (st)
		return st;
	r = tlv_inside(&top);
	while (tlv_more(&r)) {
		struct tlv tlv;

		st = tlv_next(&r, what, &tlv, err);
		if (st)
			return st;
		if (tlv.tag != TAG_KEY || tlv.len == 0)
			continue;
		if (list.count == GP_KEYS_MAX)
			return kms_fail(
				err, KMS_ERR_INVALID, "%s: more than %d keys", what, GP_KEYS_MAX);
		if (!take_key(&tlv, &list.keys[list.count++]))
			return kms_fail(
				err, KMS_ERR_INVALID, "%s: key %zu is malformed", what, list.count);
	}
	*ret_list = list;
	return KMS_OK;
}

bool gp_key_list_set(
	const struct gp_key_list *list, unsigned version, unsigned *ret_type, unsigned *ret_length)
{
	unsigned seen = 0, type = 0, length = 0;
	bool alike = true;

	for (size_t i = 0; i < list->count; i++) {
		const struct gp_key_info *key = &list->keys[i];

		if (key->version != version || key->id < 1 || key->id > 3 || key->count == 0)
			continue;
		if (seen &&
			(key->components[0].type != type || key->components[0].length != length))
			alike = false;
		type = key->components[0].type;
		length = key->components[0].length;
		seen |= 1u << key->id;
	}
	*ret_type = alike ? type : 0;
	*ret_length = alike ? length : 0;
	return seen == 0x0E;
}

/* ---- GET STATUS ---- */

static enum kms_status add_module(struct gp_entry *entry, const unsigned char *bytes, size_t len,
	const char *what, struct kms_err *err)
{
	if (entry->module_count == GP_MODULES_MAX)
		return kms_fail(err, KMS_ERR_INVALID, "%s: a load file of more than %d modules",
			what, GP_MODULES_MAX);
	return gp_aid_set(bytes, len, what, &entry->modules[entry->module_count++], err);
}

static void entry_version(struct gp_entry *entry, const struct tlv *tlv)
{
	entry->has_version = true;
	entry->version[0] = tlv->value[0];
	entry->version[1] = tlv->value[1];
}

static enum kms_status take_entry(
	const struct tlv *e3, const char *what, struct gp_entry *entry, struct kms_err *err)
{
	struct tlv_reader r = tlv_inside(e3);
	enum kms_status st = KMS_OK;

	while (!st && tlv_more(&r)) {
		struct tlv tlv;

		st = tlv_next(&r, what, &tlv, err);
		if (st)
			return st;
		if (tlv.tag == TAG_ENTRY_AID)
			st = gp_aid_set(tlv.value, tlv.len, what, &entry->aid, err);
		else if (tlv.tag == TAG_ENTRY_DOMAIN && tlv.len)
			st = gp_aid_set(tlv.value, tlv.len, what, &entry->domain, err);
		else if (tlv.tag == TAG_ENTRY_FILE && tlv.len)
			st = gp_aid_set(tlv.value, tlv.len, what, &entry->file, err);
		else if (tlv.tag == TAG_ENTRY_MODULE && tlv.len)
			st = add_module(entry, tlv.value, tlv.len, what, err);
		else if (tlv.tag == TAG_ENTRY_VERSION && tlv.len == sizeof(entry->version))
			entry_version(entry, &tlv);
		else if (tlv.tag == TAG_ENTRY_STATE && tlv.len)
			entry->state = tlv.value[0];
		else if (tlv.tag == TAG_ENTRY_PRIVILEGES)
			for (size_t i = 0; i < tlv.len && i < 3; i++)
				entry->privileges |= (unsigned)tlv.value[i] << (16 - 8 * i);
	}
	if (!st && entry->aid.len == 0)
		st = kms_fail(err, KMS_ERR_INVALID, "%s: an entry without AID", what);
	return st;
}

static enum kms_status add_entry(struct gp_registry *registry, const struct gp_entry *entry,
	const char *what, struct kms_err *err)
{
	if (registry->count == GP_REGISTRY_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "%s: more than %d entries", what, GP_REGISTRY_MAX);
	registry->entries[registry->count++] = *entry;
	return KMS_OK;
}

enum kms_status gp_registry_parse(
	const unsigned char *data, size_t len, struct gp_registry *registry, struct kms_err *err)
{
	static const char what[] = "answer to GET STATUS";
	struct tlv_reader r = tlv_read(data, len);

	while (tlv_more(&r)) {
		struct gp_entry entry = {0};
		struct tlv tlv;
		enum kms_status st = tlv_next(&r, what, &tlv, err);

		if (!st && tlv.tag != TAG_ENTRY)
			st = kms_fail(err, KMS_ERR_INVALID, "%s: tag %X where E3 should be", what,
				tlv.tag);
		if (!st)
			st = take_entry(&tlv, what, &entry, err);
		if (!st)
			st = add_entry(registry, &entry, what, err);
		if (st)
			return st;
	}
	return KMS_OK;
}

/* A byte of length, then so many bytes. */
static bool take_lv(
	const unsigned char **at, size_t *left, const unsigned char **ret, size_t *ret_len)
{
	if (*left < 1 || *left - 1 < (*at)[0])
		return false;
	*ret_len = (*at)[0];
	*ret = *at + 1;
	*left -= 1 + *ret_len;
	*at += 1 + *ret_len;
	return true;
}

static enum kms_status take_modules(const unsigned char **at, size_t *left, struct gp_entry *entry,
	const char *what, struct kms_err *err)
{
	const unsigned char *name;
	size_t len, count = *left ? (*at)[0] : 1;
	enum kms_status st = KMS_OK;

	if (*left) {
		++*at;
		--*left;
	}
	while (!st && count-- > 0)
		st = take_lv(at, left, &name, &len)
			     ? add_module(entry, name, len, what, err)
			     : kms_fail(
				       err, KMS_ERR_INVALID, "%s: its modules are cut short", what);
	return st;
}

enum kms_status gp_registry_parse_old(const unsigned char *data, size_t len, bool modules,
	struct gp_registry *registry, struct kms_err *err)
{
	static const char what[] = "answer to GET STATUS";

	while (len > 0) {
		struct gp_entry entry = {0};
		const unsigned char *aid;
		size_t aid_len;
		enum kms_status st;

		if (!take_lv(&data, &len, &aid, &aid_len) || len < 2)
			return kms_fail(err, KMS_ERR_INVALID, "%s: an entry is cut short", what);
		entry.state = data[0];
		entry.privileges = (unsigned)data[1] << 16;
		data += 2;
		len -= 2;
		st = gp_aid_set(aid, aid_len, what, &entry.aid, err);
		if (!st && modules)
			st = take_modules(&data, &len, &entry, what, err);
		if (!st)
			st = add_entry(registry, &entry, what, err);
		if (st)
			return st;
	}
	return KMS_OK;
}

const char *gp_card_state_name(unsigned state)
{
	switch (state) {
	case 0x01:
		return "op-ready";
	case 0x07:
		return "initialized";
	case 0x0F:
		return "secured";
	case 0x7F:
		return "card-locked";
	case 0xFF:
		return "terminated";
	default:
		return "?";
	}
}

const char *gp_domain_state_name(unsigned state)
{
	if ((state & 0x83) == 0x83)
		return "locked";
	switch (state) {
	case 0x03:
		return "installed";
	case 0x07:
		return "selectable";
	case 0x0F:
		return "personalized";
	default:
		return "?";
	}
}

const char *gp_application_state_name(unsigned state)
{
	if ((state & 0x83) == 0x83)
		return "locked";
	if (state == 0x03)
		return "installed";
	if (state == 0x07)
		return "selectable";
	return (state & 0x87) == 0x07 ? "application-specific" : "?";
}
