/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/key.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

static const struct key_alg_info algs[] = {
	[KEY_ALG_NONE] = {"none", KEY_FAMILY_NONE, 0, 0, 0, 0, KEY_KCV_NONE},
	[KEY_TDEA2] = {"tdea2", KEY_FAMILY_TDES, 16, 8, 2, 80, KEY_KCV_TDES_ZERO},
	[KEY_TDEA3] = {"tdea3", KEY_FAMILY_TDES, 24, 8, 3, 112, KEY_KCV_TDES_ZERO},
	[KEY_AES128] = {"aes128", KEY_FAMILY_AES, 16, 16, 0, 128, KEY_KCV_AES_GP},
	[KEY_AES192] = {"aes192", KEY_FAMILY_AES, 24, 16, 0, 192, KEY_KCV_AES_GP},
	[KEY_AES256] = {"aes256", KEY_FAMILY_AES, 32, 16, 0, 256, KEY_KCV_AES_GP},
	[KEY_P256] = {"p256", KEY_FAMILY_EC, 0, 0, 0, 128, KEY_KCV_NONE},
};

static const char *const roles[] = {
	[KEY_ROLE_NONE] = "none",
	[KEY_ROLE_ENC] = "enc",
	[KEY_ROLE_MAC] = "mac",
	[KEY_ROLE_KEK] = "kek",
	[KEY_ROLE_TRANSPORT] = "transport",
	[KEY_ROLE_SITE] = "site",
	[KEY_ROLE_ZONE] = "zone",
	[KEY_ROLE_IDENTITY] = "identity",
	[KEY_ROLE_AUDIT] = "audit",
	[KEY_ROLE_DAP] = "dap",
	[KEY_ROLE_TOKEN] = "token",
	[KEY_ROLE_RECEIPT] = "receipt",
};

static const char *const states[] = {
	[KEY_STATE_NONE] = "none",
	[KEY_PENDING] = "pending",
	[KEY_PREACTIVE] = "pre-activation",
	[KEY_ACTIVE] = "active",
	[KEY_SUSPENDED] = "suspended",
	[KEY_DEACTIVATED] = "deactivated",
	[KEY_COMPROMISED] = "compromised",
	[KEY_DESTROYED] = "destroyed",
	[KEY_VOID] = "void",
};

static const char *const kcv_methods[] = {
	[KEY_KCV_NONE] = "none",
	[KEY_KCV_TDES_ZERO] = "tdes-zero",
	[KEY_KCV_AES_GP] = "aes-gp",
	[KEY_KCV_AES_ZERO] = "aes-zero",
	[KEY_KCV_CMAC] = "cmac",
};

#define TO(state) (1u << (state))

/*
 * From each state where a key may go, after SP 800-57 part 1, 7.1 to 7.3 (pre-activation, active,
 * suspended: read in revision 4, in parts). That deactivated and compromised keys never become
 * active again is our rule: what 7.4 and 7.5 say of it was not read. pending and void are ours: a
 * key is pending until its object in the HSM is verified, and void if that never happened.
 */
static const unsigned transitions[] = {
	[KEY_STATE_NONE] = 0,
	[KEY_PENDING] = TO(KEY_PREACTIVE) | TO(KEY_ACTIVE) | TO(KEY_VOID),
	[KEY_PREACTIVE] = TO(KEY_ACTIVE) | TO(KEY_COMPROMISED) | TO(KEY_DESTROYED),
	[KEY_ACTIVE] =
		TO(KEY_SUSPENDED) | TO(KEY_DEACTIVATED) | TO(KEY_COMPROMISED) | TO(KEY_DESTROYED),
	[KEY_SUSPENDED] =
		TO(KEY_ACTIVE) | TO(KEY_DEACTIVATED) | TO(KEY_COMPROMISED) | TO(KEY_DESTROYED),
	[KEY_DEACTIVATED] = TO(KEY_COMPROMISED) | TO(KEY_DESTROYED),
	[KEY_COMPROMISED] = TO(KEY_DESTROYED),
	[KEY_DESTROYED] = 0,
	[KEY_VOID] = 0,
};

static const char *name_at(const char *const *names, size_t count, size_t i)
{
	return names[i < count ? i : 0];
}

/* The index of text in names, from 1; on failure an error that lists the names. */
static enum kms_status parse_name(const char *what, const char *text, const char *const *names,
	size_t count, size_t *ret_index, struct kms_err *err)
{
	char list[160] = "";
	size_t used = 0;

	for (size_t i = 1; i < count; i++) {
		int n;

		if (strcmp(text, names[i]) == 0) {
			*ret_index = i;
			return KMS_OK;
		}
		n = snprintf(list + used, sizeof(list) - used, "%s%s", i > 1 ? ", " : "", names[i]);
		if (n > 0 && (size_t)n < sizeof(list) - used)
			used += (size_t)n;
	}
	kms_fail(err, KMS_ERR_INVALID, "'%.40s' is no %s", text, what);
	return kms_hint(err, "one of: %s", list);
}

const struct key_alg_info *key_alg_info(enum key_alg alg)
{
	return &algs[(size_t)alg < COUNT_OF(algs) ? alg : KEY_ALG_NONE];
}

const char *key_alg_name(enum key_alg alg)
{
	return key_alg_info(alg)->name;
}

const char *key_role_name(enum key_role role)
{
	return name_at(roles, COUNT_OF(roles), role);
}

const char *key_state_name(enum key_state state)
{
	return name_at(states, COUNT_OF(states), state);
}

const char *key_kcv_method_name(enum key_kcv_method method)
{
	return name_at(kcv_methods, COUNT_OF(kcv_methods), method);
}

enum kms_status key_alg_parse(const char *text, enum key_alg *ret_alg, struct kms_err *err)
{
	const char *names[COUNT_OF(algs)];
	enum kms_status st;
	size_t i;

	for (i = 0; i < COUNT_OF(algs); i++)
		names[i] = algs[i].name;
	st = parse_name("key algorithm", text, names, COUNT_OF(algs), &i, err);
	if (st)
		return st;
	*ret_alg = (enum key_alg)i;
	return KMS_OK;
}

enum kms_status key_role_parse(const char *text, enum key_role *ret_role, struct kms_err *err)
{
	enum kms_status st;
	size_t i;

	st = parse_name("key role", text, roles, COUNT_OF(roles), &i, err);
	if (st)
		return st;
	*ret_role = (enum key_role)i;
	return KMS_OK;
}

enum kms_status key_state_parse(const char *text, enum key_state *ret_state, struct kms_err *err)
{
	enum kms_status st;
	size_t i;

	st = parse_name("key state", text, states, COUNT_OF(states), &i, err);
	if (st)
		return st;
	*ret_state = (enum key_state)i;
	return KMS_OK;
}

enum kms_status key_kcv_method_parse(
	const char *text, enum key_kcv_method *ret_method, struct kms_err *err)
{
	enum kms_status st;
	size_t i;

	st = parse_name("check value method", text, kcv_methods, COUNT_OF(kcv_methods), &i, err);
	if (st)
		return st;
	*ret_method = (enum key_kcv_method)i;
	return KMS_OK;
}

bool key_kcv_method_fits(enum key_kcv_method method, enum key_alg alg)
{
	switch (method) {
	case KEY_KCV_TDES_ZERO:
		return key_alg_is_tdes(alg);
	case KEY_KCV_AES_GP:
	case KEY_KCV_AES_ZERO:
		return key_alg_is_aes(alg);
	case KEY_KCV_CMAC:
		return key_alg_is_tdes(alg) || key_alg_is_aes(alg);
	case KEY_KCV_NONE:
		break;
	}
	return false;
}

bool key_role_is_master(enum key_role role)
{
	return key_role_number(role) != 0;
}

bool key_role_is_content(enum key_role role)
{
	return role == KEY_ROLE_DAP || role == KEY_ROLE_TOKEN || role == KEY_ROLE_RECEIPT;
}

unsigned key_role_number(enum key_role role)
{
	switch (role) {
	case KEY_ROLE_ENC:
		return 1;
	case KEY_ROLE_MAC:
		return 2;
	case KEY_ROLE_KEK:
		return 3;
	default:
		return 0;
	}
}

bool key_state_may_become(enum key_state from, enum key_state to)
{
	return (size_t)from < COUNT_OF(transitions) && (size_t)to < COUNT_OF(transitions) &&
	       (transitions[from] & TO(to)) != 0;
}

enum kms_status key_state_check(
	const char *label, enum key_state from, enum key_state to, struct kms_err *err)
{
	char list[120] = "";
	size_t used = 0;

	if (key_state_may_become(from, to))
		return KMS_OK;
	for (size_t i = 0; i < COUNT_OF(states); i++) {
		int n;

		if (!key_state_may_become(from, (enum key_state)i))
			continue;
		n = snprintf(list + used, sizeof(list) - used, "%s%s", used ? ", " : "", states[i]);
		if (n > 0 && (size_t)n < sizeof(list) - used)
			used += (size_t)n;
	}
	kms_fail(err, KMS_ERR_STATE, "key '%s' is %s and cannot become %s", label,
		key_state_name(from), key_state_name(to));
	return kms_hint(err, used ? "from %s it can only become: %s" : "%s is an end: nothing%s",
		key_state_name(from), used ? list : " follows it");
}

enum kms_status key_wrap_allowed(enum key_alg wrapping, enum key_alg wrapped, struct kms_err *err)
{
	const struct key_alg_info *outer = key_alg_info(wrapping), *inner = key_alg_info(wrapped);

	if (!outer->length || !inner->length)
		return kms_fail(err, KMS_ERR_INVALID, "a key of algorithm %s cannot wrap one of %s",
			outer->name, inner->name);
	if (outer->strength >= inner->strength)
		return KMS_OK;
	kms_fail(err, KMS_ERR_DENIED,
		"a %s key (%u bits of strength) is weaker than the %s key (%u bits) it would wrap",
		outer->name, outer->strength, inner->name, inner->strength);
	return kms_hint(err, "use a wrapping key of at least %u bits", inner->strength);
}

enum kms_status key_scope_check(const char *keyset, const char *owner, const char *customer,
	const char *verb, struct kms_err *err)
{
	if (!owner && !customer)
		return KMS_OK;
	if (owner && customer && name_same(owner, customer))
		return KMS_OK;
	kms_fail(err, KMS_ERR_DENIED, "cannot %s key set '%s' for %s: it belongs to %s", verb,
		keyset, customer ? customer : "this site", owner ? owner : "this site itself");
	return kms_hint(err, "a master that two card issuers share lets each open the other's "
			     "cards: use a key set whose plan names this customer");
}
