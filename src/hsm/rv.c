/* SPDX-License-Identifier: Apache-2.0 */
/* Names of CK_RV values, and what a person can do about some of them. */
#include "hsm/internal.h"

#include <stdio.h>

struct rv_row {
	CK_RV rv;
	const char *name;
	const char *hint;
};

#define ROW(name)                 \
	{                         \
		name, #name, NULL \
	}
#define ROW_HINT(name, hint)      \
	{                         \
		name, #name, hint \
	}

#define PIN_RULES                                                                                 \
	"choose a PIN by the token's own rules (its manual): length and kinds of characters, as " \
	"capitals, digits and signs"

static const struct rv_row rows[] = {
	ROW(CKR_OK),
	ROW(CKR_CANCEL),
	ROW_HINT(CKR_HOST_MEMORY, "free memory on this machine and try again"),
	ROW(CKR_SLOT_ID_INVALID),
	ROW_HINT(CKR_GENERAL_ERROR, "the token's own log may say more"),
	ROW_HINT(CKR_FUNCTION_FAILED, "the token's own log may say more"),
	ROW(CKR_ARGUMENTS_BAD),
	ROW(CKR_NO_EVENT),
	ROW(CKR_NEED_TO_CREATE_THREADS),
	ROW(CKR_CANT_LOCK),
	ROW(CKR_ATTRIBUTE_READ_ONLY),
	ROW(CKR_ATTRIBUTE_SENSITIVE),
	ROW(CKR_ATTRIBUTE_TYPE_INVALID),
	ROW(CKR_ATTRIBUTE_VALUE_INVALID),
	ROW_HINT(CKR_ACTION_PROHIBITED, "the token's policy forbids it"),
	ROW(CKR_DATA_INVALID),
	ROW(CKR_DATA_LEN_RANGE),
	ROW_HINT(CKR_DEVICE_ERROR,
		"see that the HSM runs and is reachable, then run 'cardkms doctor'"),
	ROW_HINT(CKR_DEVICE_MEMORY, "the token is full: remove objects that are no longer needed"),
	ROW_HINT(CKR_DEVICE_REMOVED,
		"see that the HSM runs and is reachable, then run 'cardkms doctor'"),
	ROW(CKR_ENCRYPTED_DATA_INVALID),
	ROW(CKR_ENCRYPTED_DATA_LEN_RANGE),
	ROW(CKR_FUNCTION_CANCELED),
	ROW(CKR_FUNCTION_NOT_PARALLEL),
	ROW_HINT(CKR_FUNCTION_NOT_SUPPORTED,
		"'cardkms hsm capabilities' shows what this token can do"),
	ROW_HINT(CKR_KEY_HANDLE_INVALID, "the key is gone from the token: run 'cardkms doctor'"),
	ROW(CKR_KEY_SIZE_RANGE),
	ROW(CKR_KEY_TYPE_INCONSISTENT),
	ROW(CKR_KEY_NOT_NEEDED),
	ROW(CKR_KEY_CHANGED),
	ROW(CKR_KEY_NEEDED),
	ROW(CKR_KEY_INDIGESTIBLE),
	ROW_HINT(CKR_KEY_FUNCTION_NOT_PERMITTED, "the key's attributes forbid this use"),
	ROW_HINT(CKR_KEY_NOT_WRAPPABLE,
		"the key may only be wrapped under a key that the token trusts"),
	ROW_HINT(CKR_KEY_UNEXTRACTABLE,
		"the key was made not to leave this HSM, as all keys of a production HSM"),
	ROW_HINT(CKR_MECHANISM_INVALID, "'cardkms hsm capabilities' shows what this token can do"),
	ROW(CKR_MECHANISM_PARAM_INVALID),
	ROW_HINT(CKR_OBJECT_HANDLE_INVALID,
		"the object is gone from the token: run 'cardkms doctor'"),
	ROW(CKR_OPERATION_ACTIVE),
	ROW(CKR_OPERATION_NOT_INITIALIZED),
	ROW(CKR_PIN_INCORRECT),
	ROW_HINT(CKR_PIN_INVALID, PIN_RULES),
	ROW_HINT(CKR_PIN_LEN_RANGE, PIN_RULES),
	ROW_HINT(CKR_PIN_EXPIRED, "set a new PIN with the token's own tool"),
	ROW_HINT(CKR_PIN_LOCKED, "the administrator must unlock it"),
	ROW(CKR_SESSION_CLOSED),
	ROW_HINT(CKR_SESSION_COUNT,
		"the token has no session left: close other programs that use it"),
	ROW(CKR_SESSION_HANDLE_INVALID),
	ROW(CKR_SESSION_PARALLEL_NOT_SUPPORTED),
	ROW(CKR_SESSION_READ_ONLY),
	ROW_HINT(CKR_SESSION_EXISTS, "close other programs that use this token"),
	ROW(CKR_SESSION_READ_ONLY_EXISTS),
	ROW(CKR_SESSION_READ_WRITE_SO_EXISTS),
	ROW(CKR_SIGNATURE_INVALID),
	ROW(CKR_SIGNATURE_LEN_RANGE),
	ROW(CKR_TEMPLATE_INCOMPLETE),
	ROW(CKR_TEMPLATE_INCONSISTENT),
	ROW_HINT(CKR_TOKEN_NOT_PRESENT,
		"see that the HSM runs and is reachable, then run 'cardkms doctor'"),
	ROW(CKR_TOKEN_NOT_RECOGNIZED),
	ROW_HINT(CKR_TOKEN_WRITE_PROTECTED, "the token is write-protected"),
	ROW(CKR_UNWRAPPING_KEY_HANDLE_INVALID),
	ROW(CKR_UNWRAPPING_KEY_SIZE_RANGE),
	ROW(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT),
	ROW(CKR_USER_ALREADY_LOGGED_IN),
	ROW_HINT(CKR_USER_NOT_LOGGED_IN, "log in to the token first"),
	ROW(CKR_USER_PIN_NOT_INITIALIZED),
	ROW(CKR_USER_TYPE_INVALID),
	ROW(CKR_USER_ANOTHER_ALREADY_LOGGED_IN),
	ROW(CKR_USER_TOO_MANY_TYPES),
	ROW(CKR_WRAPPED_KEY_INVALID),
	ROW(CKR_WRAPPED_KEY_LEN_RANGE),
	ROW(CKR_WRAPPING_KEY_HANDLE_INVALID),
	ROW(CKR_WRAPPING_KEY_SIZE_RANGE),
	ROW(CKR_WRAPPING_KEY_TYPE_INCONSISTENT),
	ROW(CKR_RANDOM_SEED_NOT_SUPPORTED),
	ROW(CKR_RANDOM_NO_RNG),
	ROW(CKR_DOMAIN_PARAMS_INVALID),
	ROW(CKR_BUFFER_TOO_SMALL),
	ROW(CKR_SAVED_STATE_INVALID),
	ROW(CKR_INFORMATION_SENSITIVE),
	ROW(CKR_STATE_UNSAVEABLE),
	ROW_HINT(CKR_CRYPTOKI_NOT_INITIALIZED, "open the HSM again"),
	ROW(CKR_CRYPTOKI_ALREADY_INITIALIZED),
	ROW(CKR_MUTEX_BAD),
	ROW(CKR_MUTEX_NOT_LOCKED),
	ROW_HINT(CKR_FUNCTION_REJECTED, "the token's policy forbids it"),
};

static const struct rv_row *rv_row(CK_RV rv)
{
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].rv == rv)
			return &rows[i];
	return NULL;
}

const char *hsm_rv_name(unsigned long rv)
{
	const struct rv_row *row = rv_row(rv);

	return row ? row->name : rv >= CKR_VENDOR_DEFINED ? "CKR_VENDOR_DEFINED" : "CKR_unknown";
}

enum kms_status hsm_fail_rv(
	struct hsm *hsm, CK_RV rv, struct kms_err *err, const char *doing, const char *what)
{
	const struct rv_row *row = rv_row(rv);
	enum kms_status code = rv == CKR_MECHANISM_INVALID || rv == CKR_FUNCTION_NOT_SUPPORTED
				       ? KMS_ERR_UNSUPPORTED
				       : KMS_ERR_HSM;
	char name[32];

	if (row)
		snprintf(name, sizeof(name), "%s", row->name);
	else
		snprintf(name, sizeof(name), "CKR_0x%08lX", rv);
	kms_fail(err, code, "cannot %s%s%s%s on token '%s': %s", doing, what ? " '" : "",
		what ? what : "", what ? "'" : "", hsm->label, row ? row->name : name);
	kms_native(err, "%s", row ? row->name : name);
	if (row && row->hint)
		kms_hint(err, "%s", row->hint);
	return code;
}
