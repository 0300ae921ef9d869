/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON (jansson) in the one canonical form of cardkms: object members sorted by their names' bytes,
 * two blanks of indent, no floats, UTF-8 unescaped, one newline at the end. A signed document is
 * accepted only if its bytes are what js_canonical would write again.
 */
#ifndef BASE_JS_H
#define BASE_JS_H

#include "base/buf.h"
#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define JS_AUTO __attribute__((cleanup(js_free_pointer)))
static inline void js_free_pointer(json_t **p)
{
	json_decref(*p);
}

KMS_CHECKED enum kms_status js_canonical(
	const json_t *value, struct buf *ret_text, struct kms_err *err);

/* One line without blanks, members sorted, no newline: for audit entries and --json output. */
KMS_CHECKED enum kms_status js_line(const json_t *value, struct buf *ret_text, struct kms_err *err);

/*
 * Parses a document that must be one object in canonical form; `what` names it in messages.
 * Nesting, duplicate members and floats are bounded or refused before anything is believed.
 */
KMS_CHECKED enum kms_status js_parse_canonical(
	const char *what, const char *text, size_t len, json_t **ret_object, struct kms_err *err);

/* Parses one object in any spelling (audit lines, which are hashed byte for byte anyway). */
KMS_CHECKED enum kms_status js_parse_object(
	const char *what, const char *text, size_t len, json_t **ret_object, struct kms_err *err);

/* Members of an object; a wrong type or a missing member is KMS_ERR_INVALID naming both. */
KMS_CHECKED enum kms_status js_get_text(const json_t *object, const char *what, const char *name,
	const char **ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status js_get_int(const json_t *object, const char *what, const char *name,
	int64_t min, int64_t max, int64_t *ret_value, struct kms_err *err);
KMS_CHECKED enum kms_status js_get_array(const json_t *object, const char *what, const char *name,
	json_t **ret_borrowed, struct kms_err *err);
KMS_CHECKED enum kms_status js_get_object(const json_t *object, const char *what, const char *name,
	json_t **ret_borrowed, struct kms_err *err);

/* Refuses members other than those in the NULL-terminated list: what is not understood is not
 * accepted. */
KMS_CHECKED enum kms_status js_only(
	const json_t *object, const char *what, const char *const *names, struct kms_err *err);

#endif
