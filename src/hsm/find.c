/* SPDX-License-Identifier: Apache-2.0 */
/* Objects by CKA_ID, what there is on a token, and the end of a key. */
#include "hsm/internal.h"

#include <stdlib.h>
#include <string.h>

enum { OBJECTS_MAX = 65536 };

CK_RV hsm_raw_find(struct hsm *hsm, CK_SESSION_HANDLE session, CK_ATTRIBUTE *match,
	CK_ULONG match_count, CK_OBJECT_HANDLE *out, size_t max, size_t *ret_count)
{
	CK_ULONG got = 0;
	size_t n = 0;
	CK_RV rv;

	rv = hsm->p11->C_FindObjectsInit(session, match, match_count);
	if (rv != CKR_OK)
		return rv;
	do {
		rv = hsm->p11->C_FindObjects(session, out + n, max - n, &got);
		n += got;
	} while (rv == CKR_OK && got && n < max);
	hsm->p11->C_FindObjectsFinal(session);
	*ret_count = n;
	return rv;
}

static CK_RV find_id(struct hsm *hsm, CK_SESSION_HANDLE session, const unsigned char *id,
	const CK_OBJECT_CLASS *object_class, CK_OBJECT_HANDLE *out, size_t max, size_t *ret_count)
{
	static const CK_BBOOL yes = CK_TRUE;
	struct hsm_template match = {.count = 0};

	hsm_template_add(&match, CKA_TOKEN, &yes, sizeof(yes));
	hsm_template_add(&match, CKA_ID, id, HSM_ID_LEN);
	if (object_class)
		hsm_template_add(&match, CKA_CLASS, object_class, sizeof(*object_class));
	return hsm_raw_find(hsm, session, match.attr, match.count, out, max, ret_count);
}

static size_t attr_len(const CK_ATTRIBUTE *a)
{
	return a->ulValueLen == CK_UNAVAILABLE_INFORMATION ? 0 : a->ulValueLen;
}

/* Attributes one by one: a token that lacks one of them leaves the others readable. */
static CK_RV read_one(struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
	CK_ATTRIBUTE_TYPE type, void *out, size_t size, size_t *ret_len)
{
	CK_ATTRIBUTE a = {type, out, size};
	CK_RV rv = hsm->p11->C_GetAttributeValue(session, object, &a, 1);

	*ret_len = rv == CKR_OK ? attr_len(&a) : 0;
	if (rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE ||
		rv == CKR_BUFFER_TOO_SMALL)
		return CKR_OK;
	return rv;
}

static CK_RV describe(
	struct hsm *hsm, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE handle, struct hsm_object *o)
{
	CK_OBJECT_CLASS object_class = CK_UNAVAILABLE_INFORMATION;
	CK_KEY_TYPE type = CK_UNAVAILABLE_INFORMATION;
	CK_ULONG value_len = 0;
	size_t got;
	CK_RV rv;

	memset(o, 0, sizeof(*o));
	rv = read_one(hsm, session, handle, CKA_CLASS, &object_class, sizeof(object_class), &got);
	if (rv == CKR_OK)
		rv = read_one(hsm, session, handle, CKA_ID, o->id, sizeof(o->id), &got);
	o->has_id = got == HSM_ID_LEN;
	if (rv == CKR_OK)
		rv = read_one(
			hsm, session, handle, CKA_LABEL, o->label, sizeof(o->label) - 1, &got);
	o->object_class = object_class;
	o->class_name = object_class == CKO_SECRET_KEY	  ? "secret-key"
			: object_class == CKO_PRIVATE_KEY ? "private-key"
			: object_class == CKO_PUBLIC_KEY  ? "public-key"
			: object_class == CKO_DATA	  ? "data"
							  : "other";
	if (rv != CKR_OK || (object_class != CKO_SECRET_KEY && object_class != CKO_PRIVATE_KEY &&
				    object_class != CKO_PUBLIC_KEY))
		return rv;
	rv = read_one(hsm, session, handle, CKA_KEY_TYPE, &type, sizeof(type), &got);
	if (rv == CKR_OK && (type == CKK_AES || type == CKK_GENERIC_SECRET))
		rv = read_one(
			hsm, session, handle, CKA_VALUE_LEN, &value_len, sizeof(value_len), &got);
	if (rv == CKR_OK)
		rv = hsm_read_usage(hsm, session, handle, object_class, &o->usage);
	o->key_type = type;
	o->alg = hsm_alg_of(type, value_len);
	o->len = value_len ? value_len : hsm_alg_len(o->alg);
	return rv;
}

/* --- find --- */

struct find_ctx {
	const unsigned char *id;
	size_t count;
	CK_OBJECT_HANDLE handle;
	struct hsm_object object;
};

static CK_RV find_key(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	static const CK_OBJECT_CLASS classes[] = {CKO_SECRET_KEY, CKO_PRIVATE_KEY};
	struct find_ctx *c = arg;
	CK_RV rv = CKR_OK;

	c->count = 0;
	for (size_t i = 0; rv == CKR_OK && i < COUNT_OF(classes); i++) {
		CK_OBJECT_HANDLE got[2];
		size_t n = 0;

		rv = find_id(hsm, session, c->id, &classes[i], got, COUNT_OF(got), &n);
		if (n)
			c->handle = got[0];
		c->count += n;
	}
	if (rv == CKR_OK && c->count == 1)
		rv = describe(hsm, session, c->handle, &c->object);
	return rv;
}

enum kms_status hsm_key_find(struct hsm *hsm, const unsigned char id[HSM_ID_LEN], const char *name,
	struct hsm_key *ret_key, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "find", .what = name};
	struct find_ctx c = {.id = id};
	enum kms_status st;

	st = hsm_do(hsm, &work, find_key, &c, NULL, err);
	if (st)
		return st;
	if (c.count != 1) {
		st = kms_fail(err, c.count ? KMS_ERR_STATE : KMS_ERR_NOT_FOUND,
			"cannot find '%s' on token '%s': %s", name ? name : "the key", hsm->label,
			c.count ? "several keys have its CKA_ID" : "no key has its CKA_ID");
		kms_hint(err, "run 'cardkms doctor'; nothing is chosen or removed by itself");
		return st;
	}
	*ret_key = (struct hsm_key){
		.handle = c.handle,
		.generation = hsm->generation,
		.alg = c.object.alg,
		.usage = c.object.usage,
		.token = true,
	};
	memcpy(ret_key->id, id, HSM_ID_LEN);
	memcpy(ret_key->label, c.object.label, sizeof(ret_key->label));
	return KMS_OK;
}

struct count_ctx {
	const unsigned char *id;
	size_t count;
	CK_OBJECT_HANDLE handle[8];
};

static CK_RV count_id(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct count_ctx *c = arg;

	return find_id(hsm, session, c->id, NULL, c->handle, COUNT_OF(c->handle), &c->count);
}

enum kms_status hsm_key_count(
	struct hsm *hsm, const unsigned char id[HSM_ID_LEN], size_t *ret_count, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "look for objects"};
	struct count_ctx c = {.id = id};
	enum kms_status st;

	st = hsm_do(hsm, &work, count_id, &c, NULL, err);
	if (!st)
		*ret_count = c.count;
	return st;
}

/* --- destroy --- */

static CK_RV destroy_all(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	struct count_ctx *c = arg;
	CK_RV rv = CKR_OK;

	for (size_t i = 0; rv == CKR_OK && i < c->count; i++)
		rv = hsm->p11->C_DestroyObject(session, c->handle[i]);
	if (rv == CKR_OK)
		rv = count_id(hsm, session, c);
	return rv;
}

enum kms_status hsm_key_destroy(
	struct hsm *hsm, const unsigned char id[HSM_ID_LEN], const char *name, struct kms_err *err)
{
	const struct hsm_work look = {.doing = "find", .what = name};
	const struct hsm_work work = {.doing = "destroy", .what = name, .changes = true};
	struct count_ctx c = {.id = id};
	enum kms_status st;

	st = hsm_do(hsm, &look, count_id, &c, NULL, err);
	if (st)
		return st;
	if (!c.count)
		return kms_fail(err, KMS_ERR_NOT_FOUND,
			"cannot destroy '%s' on token '%s': no object has its CKA_ID",
			name ? name : "the key", hsm->label);
	st = hsm_do(hsm, &work, destroy_all, &c, NULL, err);
	if (!st && c.count)
		return kms_fail(err, KMS_ERR_HSM,
			"cannot destroy '%s' on token '%s': the token said yes, but %zu objects "
			"with its "
			"CKA_ID are still there",
			name ? name : "the key", hsm->label, c.count);
	return st;
}

/* --- list --- */

struct list_ctx {
	struct hsm_object *list;
	size_t count;
	bool nomem;
};

static CK_RV list_all(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	static const CK_BBOOL yes = CK_TRUE;
	struct hsm_template match = {.count = 0};
	FREE_AUTO CK_OBJECT_HANDLE *handles = calloc(OBJECTS_MAX, sizeof(*handles));
	struct list_ctx *c = arg;
	size_t n = 0;
	CK_RV rv;

	free(c->list);
	c->list = NULL;
	c->count = 0;
	if (!handles)
		return CKR_HOST_MEMORY;
	hsm_template_add(&match, CKA_TOKEN, &yes, sizeof(yes));
	rv = hsm_raw_find(hsm, session, match.attr, match.count, handles, OBJECTS_MAX, &n);
	if (rv != CKR_OK)
		return rv;
	c->list = calloc(n + 1, sizeof(*c->list));
	if (!c->list)
		return CKR_HOST_MEMORY;
	for (size_t i = 0; rv == CKR_OK && i < n; i++) {
		rv = describe(hsm, session, handles[i], &c->list[c->count]);
		/* NSS finds its profile objects too, which are no objects of anybody. */
		if (rv == CKR_OK && c->list[c->count].object_class < CKO_VENDOR_DEFINED)
			c->count++;
	}
	return rv;
}

enum kms_status hsm_objects(
	struct hsm *hsm, struct hsm_object **ret_list, size_t *ret_count, struct kms_err *err)
{
	const struct hsm_work work = {.doing = "list the objects"};
	struct list_ctx c = {.list = NULL};
	enum kms_status st;

	st = hsm_do(hsm, &work, list_all, &c, NULL, err);
	if (st) {
		free(c.list);
		return st;
	}
	*ret_list = c.list;
	*ret_count = c.count;
	return KMS_OK;
}

/* --- the public half of a pair --- */

struct point_ctx {
	const unsigned char *id;
	unsigned char *point;
	size_t count;
	size_t len;
};

static CK_RV read_point(struct hsm *hsm, CK_SESSION_HANDLE session, void *arg)
{
	static const CK_OBJECT_CLASS public_key = CKO_PUBLIC_KEY;
	unsigned char der[HSM_POINT_LEN + 2];
	struct point_ctx *c = arg;
	CK_OBJECT_HANDLE got[2];
	CK_RV rv;

	c->len = 0;
	rv = find_id(hsm, session, c->id, &public_key, got, COUNT_OF(got), &c->count);
	if (rv != CKR_OK || c->count != 1)
		return rv;
	rv = read_one(hsm, session, got[0], CKA_EC_POINT, der, sizeof(der), &c->len);
	if (rv != CKR_OK)
		return rv;
	/* PKCS#11 has the DER of an ECPoint, an OCTET STRING; some tokens give the bare point. */
	if (c->len == sizeof(der) && der[0] == 0x04 && der[1] == HSM_POINT_LEN && der[2] == 0x04)
		memcpy(c->point, der + 2, HSM_POINT_LEN);
	else if (c->len == HSM_POINT_LEN && der[0] == 0x04)
		memcpy(c->point, der, HSM_POINT_LEN);
	else
		c->len = 0;
	return CKR_OK;
}

enum kms_status hsm_pair_point(struct hsm *hsm, const unsigned char id[HSM_ID_LEN],
	const char *name, unsigned char ret_point[HSM_POINT_LEN], struct kms_err *err)
{
	const struct hsm_work work = {.doing = "read the public key", .what = name};
	unsigned char point[HSM_POINT_LEN];
	struct point_ctx c = {.id = id, .point = point};
	enum kms_status st;

	st = hsm_do(hsm, &work, read_point, &c, NULL, err);
	if (st)
		return st;
	if (c.count != 1)
		return kms_fail(err, c.count ? KMS_ERR_STATE : KMS_ERR_NOT_FOUND,
			"cannot read the public key '%s' on token '%s': %s", name ? name : "",
			hsm->label, c.count ? "several have its CKA_ID" : "none has its CKA_ID");
	if (!c.len)
		return kms_fail(err, KMS_ERR_HSM,
			"cannot read the public key '%s' on token '%s': it is no uncompressed "
			"P-256 point",
			name ? name : "", hsm->label);
	memcpy(ret_point, point, HSM_POINT_LEN);
	return KMS_OK;
}
