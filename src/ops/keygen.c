/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/keygen.h"

#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const enum key_role master_roles[] = {KEY_ROLE_ENC, KEY_ROLE_MAC, KEY_ROLE_KEK};
enum { MASTERS = sizeof(master_roles) / sizeof(master_roles[0]) };

void keygen_free(struct keygen *gen)
{
	key_plan_free(&gen->plan);
	free(gen->keys);
	*gen = (struct keygen){0};
}

enum kms_status keygen_note_plan(struct op *op, const struct key_plan *plan, struct kms_err *err)
{
	char digest[2 * sizeof(plan->digest) + 1];
	enum kms_status st = op_detail(op, "plan", json_string(plan->name), err);

	hex_encode(plan->digest, sizeof(plan->digest), digest);
	return st ? st : op_detail(op, "plan_sha256", json_string(digest), err);
}

enum kms_status keygen_load(
	struct keygen *gen, struct op *op, const char *path, struct kms_err *err)
{
	enum kms_status st;

	if (!path)
		return KMS_OK;
	st = key_plan_load(path, &gen->plan, err);
	return st ? st : keygen_note_plan(op, &gen->plan, err);
}

/* ---- validate ---- */

/* What the store would hold of a set of the plan, for comparing and for adding. */
struct set_texts {
	char div[KEY_DIV_TEXT_SIZE];
	char period[KEY_PERIOD_TEXT_SIZE];
	const char *customer;
};

static void set_texts(const struct key_plan_set *set, const struct op *op, struct set_texts *t)
{
	key_div_print(&set->div, t->div);
	key_period_print(&set->period, t->period);
	t->customer = set->customer ? set->customer : op->site->name;
}

static enum kms_status compare_set(const struct key_plan_set *set, const struct op *op,
	const struct store_keyset *there, const char *source, struct kms_err *err)
{
	const char *differs = NULL;
	struct set_texts t;

	set_texts(set, op, &t);
	if (strcmp(there->algorithm, key_alg_name(set->alg)) != 0)
		differs = "algorithm";
	else if (strcmp(there->diversification, set->div.name) != 0 ||
		 strcmp(there->definition ? there->definition : t.div, t.div) != 0)
		differs = "diversification";
	else if (there->kvn != (int64_t)set->key_version)
		differs = "key-version";
	else if (strcmp(there->customer, t.customer) != 0)
		differs = "customer";
	else if (strcmp(there->exportable, set->exportable ? "partner" : "never") != 0)
		differs = "export";
	else if (strcmp(there->cryptoperiod ? there->cryptoperiod : "none", t.period) != 0)
		differs = "cryptoperiod";
	if (!differs)
		return KMS_OK;
	kms_fail(err, KMS_ERR_EXISTS,
		"%s, line %d: there is a key set '%s' already, with another %s", source, set->line,
		set->name, differs);
	return kms_hint(err, "a key set never changes: give the new one another name");
}

static enum kms_status plan_key(
	struct keygen *gen, struct op *op, const struct key_plan_set *set, struct kms_err *err)
{
	for (size_t i = 0; i < MASTERS; i++) {
		STORE_AUTO(key) struct store_key there = {0};
		struct keygen_key *key = &gen->keys[gen->count];
		enum kms_status st;

		key->set = set;
		key->role = master_roles[i];
		st = key_label(set->name, key->role, key->label, err);
		if (!st)
			st = op_new_id(key->id, err);
		if (st)
			return st;
		st = store_key_by_label(op->site->store, key->label, &there, err);
		if (!st)
			return kms_fail(err, KMS_ERR_EXISTS,
				"%s, line %d: there is a key '%s' already", gen->plan.source,
				set->line, key->label);
		if (st != KMS_ERR_NOT_FOUND)
			return st;
		kms_err_clear(err);
		gen->count++;
	}
	return KMS_OK;
}

static enum kms_status report_sets(struct keygen *gen, struct op *op, struct kms_err *err)
{
	JS_AUTO json_t *labels = json_array();
	enum kms_status st;

	for (size_t i = 0; i < gen->count; i++)
		if (json_array_append_new(labels, json_string(gen->keys[i].label)))
			return kms_nomem(err);
	st = op_detail(op, "keys", json_incref(labels), err);
	if (!st)
		st = op_report(op, "new_keys", json_incref(labels), err);
	return st ? st
		  : op_report(
			    op, "sets_already_there", json_integer((json_int_t)gen->skipped), err);
}

/* 2TDEA: 80 bits of strength in SP 800-57 part 1 (revision 3), no longer for new data; said before
 * anything is made. */
static enum kms_status ask_tdea2(struct keygen *gen, struct op *op, struct kms_err *err)
{
	size_t count = 0;
	char question[160];

	for (size_t i = 0; i < gen->count; i++)
		count += gen->keys[i].set->alg == KEY_TDEA2 && gen->keys[i].role == KEY_ROLE_ENC;
	if (count == 0)
		return KMS_OK;
	if (op->site->policy.tdea2 == TDEA2_FORBID)
		return op_override(op, err,
			"%zu key set%s of the plan use 2TDEA, which the site's policy forbids",
			count, count == 1 ? "" : "s");
	if (op->site->policy.tdea2 == TDEA2_ALLOW)
		return KMS_OK;
	snprintf(question, sizeof(question),
		"%zu key set%s of the plan use%s 2TDEA, which is deprecated (80 bits). Make them",
		count, count == 1 ? "" : "s", count == 1 ? "s" : "");
	if (op->site->dry_run) {
		op_say(op->site, "would ask: %s?", question);
		return KMS_OK;
	}
	return op_ask_confirm(op->site, question, err);
}

enum kms_status keygen_validate(struct keygen *gen, struct op *op, struct kms_err *err)
{
	const struct key_plan *plan = &gen->plan;
	enum kms_status st = KMS_OK;

	gen->keys = calloc(plan->count * MASTERS + 1, sizeof(*gen->keys));
	if (!gen->keys)
		return kms_nomem(err);
	for (size_t i = 0; !st && i < plan->count; i++) {
		STORE_AUTO(keyset) struct store_keyset there = {0};

		st = store_keyset_get(op->site->store, plan->sets[i].name, &there, err);
		if (!st) {
			st = compare_set(&plan->sets[i], op, &there, plan->source, err);
			gen->skipped++;
		} else if (st == KMS_ERR_NOT_FOUND) {
			kms_err_clear(err);
			st = plan_key(gen, op, &plan->sets[i], err);
		}
	}
	if (!st)
		st = ask_tdea2(gen, op, err);
	return st ? st : report_sets(gen, op, err);
}

/* ---- the token ---- */

/* That the token makes keys of the algorithm and tells their check values. */
static enum kms_status try_algorithm(struct op *op, enum key_alg alg, struct kms_err *err)
{
	const bool aes = key_alg_is_aes(alg);
	const enum hsm_op needed[] = {
		aes ? HSM_OP_GENERATE_AES
		    : (alg == KEY_TDEA2 ? HSM_OP_GENERATE_TDEA2 : HSM_OP_GENERATE_TDEA3),
		aes ? HSM_OP_CHECK_VALUE_AES : HSM_OP_CHECK_VALUE_TDEA};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		struct hsm_way way;
		enum kms_status st = hsm_way(op->site->hsm, needed[i], &way, err);

		if (st)
			return st;
		if (!way.available) {
			kms_fail(err, KMS_ERR_UNSUPPORTED, "the token cannot do it (%s): %s keys",
				way.op, key_alg_name(alg));
			return kms_hint(err,
				"'cardkms hsm capabilities' shows what it can do; nothing "
				"was created");
		}
	}
	return KMS_OK;
}

enum kms_status keygen_try_token(struct keygen *gen, struct op *op, struct kms_err *err)
{
	bool tried[KEY_P256 + 1] = {false};

	for (size_t i = 0; i < gen->count; i++) {
		const struct key_plan_set *set = gen->keys[i].set;
		enum kms_status st;

		if (tried[set->alg])
			continue;
		tried[set->alg] = true;
		st = try_algorithm(op, set->alg, err);
		if (st) {
			kms_prefix(err, "%s, line %d: key set '%s': ", gen->plan.source, set->line,
				set->name);
			return st;
		}
	}
	return gen->count ? op_caps_save(op->site, err) : KMS_OK;
}

static enum kms_status add_keyset(
	struct op *op, const struct key_plan_set *set, struct kms_err *err)
{
	struct set_texts t;

	set_texts(set, op, &t);
	return store_keyset_add(op->site->store,
		&(struct store_keyset){.name = set->name,
			.customer = t.customer,
			.algorithm = key_alg_name(set->alg),
			.diversification = set->div.name,
			.definition = t.div,
			.kvn = set->key_version,
			.exportable = set->exportable ? "partner" : "never",
			.cryptoperiod = set->period.unit == KEY_PERIOD_NONE ? NULL : t.period,
			.origin = "generated",
			.state = "pending",
			.op_id = op->id,
			.created = op->now},
		err);
}

static enum kms_status write_row(const struct keygen_key *key, struct op *op, const char *serial,
	bool active, struct kms_err *err)
{
	const struct key_plan_set *set = key->set;
	const struct op_master master = {.id = key->id,
		.label = key->label,
		.keyset = set->name,
		.role = key->role,
		.alg = set->alg,
		.kvn = set->key_version,
		.exportable = set->exportable,
		.period = &set->period,
		.origin = "generated",
		.hsm_serial = serial,
		.made = &key->made,
		.kcv = &key->kcv};

	return op_master_write(op, &master, active, err);
}

enum kms_status keygen_intend(
	struct keygen *gen, struct op *op, const char *hsm_serial, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < gen->count; i++) {
		if (gen->keys[i].role == KEY_ROLE_ENC)
			st = add_keyset(op, gen->keys[i].set, err);
		if (!st)
			st = write_row(&gen->keys[i], op, hsm_serial, false, err);
	}
	return st;
}

enum kms_status keygen_act(struct keygen *gen, struct op *op, struct kms_err *err)
{
	for (size_t i = 0; i < gen->count; i++) {
		struct keygen_key *key = &gen->keys[i];
		const enum key_alg alg = key->set->alg;
		struct hsm_new spec = {.alg = key_alg_to_hsm(alg),
			.role = HSM_MASTER_VAULT,
			.check = key_kcv_to_hsm(key_alg_info(alg)->kcv),
			.label = key->label};
		enum kms_status st;

		if (!hex_decode_strict(key->id, spec.id, sizeof(spec.id)))
			return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
		st = hsm_key_generate(op->site->hsm, &spec, &key->made, err);
		if (!st)
			st = key_kcv_of_made(&key->made, key_alg_info(alg)->kcv, &key->kcv, err);
		if (st) {
			kms_prefix(err, "cannot make '%s': ", key->label);
			return st;
		}
	}
	return KMS_OK;
}

enum kms_status keygen_verify(struct keygen *gen, struct op *op, struct kms_err *err)
{
	for (size_t i = 0; i < gen->count; i++) {
		const struct keygen_key *key = &gen->keys[i];
		const struct store_key row = {.cka_id = key->id,
			.label = key->label,
			.algorithm = key_alg_name(key->set->alg)};
		struct key_kcv now;
		struct hsm_key object;
		enum kms_status st;

		st = op_key_object(op->site, &row, &object, err);
		if (!st)
			st = key_kcv_hsm(op->site->hsm, &object, key->kcv.method, &now, err);
		if (!st)
			st = key_kcv_check(key->label, &now, "its creation", &key->kcv, err);
		if (st)
			return st;
	}
	return KMS_OK;
}

static enum kms_status report_keys(struct keygen *gen, struct op *op, struct kms_err *err)
{
	JS_AUTO json_t *rows = json_array();

	for (size_t i = 0; i < gen->count; i++) {
		STORE_AUTO(key) struct store_key row = {0};
		json_t *object;
		enum kms_status st;

		st = store_key_get(op->site->store, gen->keys[i].id, &row, err);
		if (!st)
			st = op_key_json(&row, &object, err);
		if (st)
			return st;
		if (json_array_append_new(rows, object))
			return kms_nomem(err);
	}
	json_object_del(op->report, "new_keys");
	return op_report(op, "keys", json_incref(rows), err);
}

/* Check values into the audit entry: what, and that it is what the HSM holds. */
static enum kms_status detail_keys(struct keygen *gen, struct op *op, struct kms_err *err)
{
	JS_AUTO json_t *keys = json_array();

	for (size_t i = 0; i < gen->count; i++) {
		const struct keygen_key *key = &gen->keys[i];
		char check[KEY_KCV_TEXT_SIZE];

		key_kcv_print(&key->kcv, check);
		if (json_array_append_new(
			    keys, json_pack("{s:s, s:s, s:s, s:s, s:s}", "label", key->label, "id",
					  key->id, "algorithm", key_alg_name(key->set->alg),
					  "check_value", check, "check_method",
					  key_kcv_method_name(key->kcv.method))))
			return kms_nomem(err);
	}
	return op_detail(op, "keys", json_incref(keys), err);
}

enum kms_status keygen_commit(
	struct keygen *gen, struct op *op, const char *hsm_serial, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < gen->count; i++) {
		if (gen->keys[i].role == KEY_ROLE_ENC)
			st = store_keyset_set_state(
				op->site->store, gen->keys[i].set->name, "pending", "active", err);
		if (!st)
			st = write_row(&gen->keys[i], op, hsm_serial, true, err);
	}
	if (!st)
		st = detail_keys(gen, op, err);
	return st ? st : report_keys(gen, op, err);
}
