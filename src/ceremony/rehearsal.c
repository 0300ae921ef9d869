/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/rehearsal.h"

#include "base/hash.h"

#include <string.h>

enum { MARK = 8, STACK = 4096 };

/* The hash function leaves what it works on below on the stack. */
__attribute__((noinline)) static void wipe_stack(void)
{
	unsigned char below[STACK];

	secret_wipe(below, sizeof(below));
}

static enum kms_status mark_of(
	const struct secret *component, unsigned char ret_mark[HASH_SIZE], struct kms_err *err)
{
	static const char name[] = "cardkms rehearsal";
	struct hash_part parts[] = {{name, sizeof(name) - 1}, {component->data, 0}};
	enum kms_status st;

	if (component->len <= MARK)
		return kms_fail(err, KMS_ERR_INVALID, "a component of %zu bytes is too short",
			component->len);
	parts[1].len = component->len - MARK;
	st = hash_sha256_parts(parts, 2, ret_mark, err);
	wipe_stack();
	return st;
}

enum kms_status cer_rehearsal_mark(struct secret *component, struct kms_err *err)
{
	unsigned char mark[HASH_SIZE];
	enum kms_status st = mark_of(component, mark, err);

	if (!st)
		memcpy(component->data + component->len - MARK, mark, MARK);
	secret_wipe(mark, sizeof(mark));
	return st;
}

enum kms_status cer_rehearsal_is(const struct secret *component, bool *ret_is, struct kms_err *err)
{
	unsigned char mark[HASH_SIZE];
	enum kms_status st = mark_of(component, mark, err);

	if (!st)
		*ret_is = memcmp(component->data + component->len - MARK, mark, MARK) == 0;
	secret_wipe(mark, sizeof(mark));
	return st;
}

enum kms_status cer_rehearsal_check(
	const struct secret *component, bool rehearsal, unsigned index, struct kms_err *err)
{
	bool is = false;
	enum kms_status st = cer_rehearsal_is(component, &is, err);

	if (st || is == rehearsal)
		return st;
	if (is) {
		kms_fail(err, KMS_ERR_INVALID, "component %u is refused: it is one of a rehearsal",
			index);
		return kms_hint(err,
			"test sheets have no place in a real ceremony: is this the right "
			"sheet?");
	}
	kms_fail(err, KMS_ERR_INVALID, "component %u is refused: it is none of a rehearsal", index);
	return kms_hint(err,
		"a real component must not be typed in a rehearsal: use the test sheets, "
		"and tell the auditor");
}
