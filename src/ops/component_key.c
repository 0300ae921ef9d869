/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/component_key.h"

#include "base/hex.h"
#include "ceremony/rehearsal.h"
#include "keys/component.h"
#include "ops/ceremony.h"
#include "ops/custody.h"
#include "ops/reconcile.h"
#include "ops/twin.h"
#include "store/journal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 3 };

void component_key_clear(struct component_key *key)
{
	free(key->serial);
	store_key_free(&key->source);
	op_trust_clear(&key->trust);
	cer_free(key->cer);
}

struct hsm *component_key_hsm(const struct op *op)
{
	const struct component_key *a = op->args;

	return a->at ? a->at->hsm : op->site->hsm;
}

const char *component_key_noun(enum key_role role)
{
	return role == KEY_ROLE_SITE   ? "site key"
	       : role == KEY_ROLE_ZONE ? "zone key"
				       : "transport key";
}

/* ---- check ---- */

enum kms_status component_key_check(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	const struct op_components *in = a->in;
	const char *noun = component_key_noun(a->role);
	char what[40];
	enum kms_status st;

	snprintf(what, sizeof(what), "the %s's label", noun);
	st = key_label_check(in->label, what, err);
	if (!st)
		st = key_alg_parse(in->algorithm, &a->alg, err);
	if (!st && a->alg == KEY_P256)
		st = kms_fail(err, KMS_ERR_INVALID, "a %s cannot be %s", noun, in->algorithm);
	if (!st && (in->components < KEY_COMPONENTS_MIN || in->components > KEY_COMPONENTS_MAX))
		st = kms_fail(err, KMS_ERR_INVALID, "a key has %d to %d components, not %zu",
			KEY_COMPONENTS_MIN, KEY_COMPONENTS_MAX, in->components);
	if (!st && in->pairs)
		a->pairs = *in->pairs;
	else if (!st)
		st = cer_pairs_load(in->pairs_path, in->components, &a->pairs, err);
	if (!st && in->check_value)
		st = key_kcv_parse(key_alg_info(a->alg)->kcv, in->check_value, &a->expected, err);
	if (!st && in->ceremony)
		st = cer_id_parse(in->ceremony, a->sheets_ceremony, err);
	return st ? st : op_subject(op, err, "%s", in->label);
}

/* ---- validate ---- */

static bool same_or_none(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

/* What was lost with its HSM, and is typed in again. */
static bool is_lost_one(const struct component_key *a, const struct store_key *row)
{
	char check[KEY_KCV_TEXT_SIZE];

	key_kcv_print(&a->expected, check);
	return a->kind == CER_IMPORT && strcmp(row->location, KEY_LOST) == 0 &&
	       strcmp(row->role, key_role_name(a->role)) == 0 &&
	       strcmp(row->algorithm, key_alg_name(a->alg)) == 0 &&
	       same_or_none(row->check_value, check) && same_or_none(row->partner, a->partner) &&
	       same_or_none(row->direction, a->direction) &&
	       same_or_none(row->wrapping, key_wrapping_name(a->wrapping));
}

static enum kms_status label_is_free(struct op *op, const char *label, struct kms_err *err)
{
	struct component_key *a = op->args;
	STORE_AUTO(key) struct store_key there = {0};
	enum kms_status st = store_key_by_label(op->site->store, label, &there, err);

	if (!st && is_lost_one(a, &there)) {
		snprintf(a->id, sizeof(a->id), "%s", there.cka_id);
		a->source = there;
		a->comes_back = true;
		there = (struct store_key){0};
		return KMS_OK;
	}
	if (!st && a->kind == CER_IMPORT && strcmp(there.location, KEY_LOST) == 0) {
		kms_fail(err, KMS_ERR_EXISTS,
			"the key '%s' that was lost with its HSM is another: %s %s, check value %s",
			label, there.algorithm, there.role,
			there.check_value ? there.check_value : "-");
		return kms_hint(err, "that key comes back with the options and the check value "
				     "that it had; give "
				     "another one another label");
	}
	if (!st) {
		kms_fail(err, KMS_ERR_EXISTS, "there is a key '%s' already (%s, check value %s)",
			label, there.state, there.check_value ? there.check_value : "-");
		return kms_hint(err, "give the new key another label");
	}
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

/* What the principal HSM holds is what the components shall make on the other one too. */
static enum kms_status find_source(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	const struct store_copy_filter there = {.hsm = a->at->row.name, .state = "active"};
	STORE_AUTO(copy_list) struct store_copy_list copies = {0};
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st = store_key_by_label(op->site->store, a->in->label, &a->source, err);

	if (st == KMS_ERR_NOT_FOUND)
		kms_hint(err, "a key is restored on another HSM after the principal one has it");
	if (!st)
		st = store_copies(op->site->store, &there, &copies, err);
	if (st)
		return st;
	key_kcv_print(&a->expected, check);
	if (strcmp(a->source.role, key_role_name(a->role)) != 0 ||
		strcmp(a->source.algorithm, key_alg_name(a->alg)) != 0)
		return kms_fail(err, KMS_ERR_INVALID, "'%s' is a key of role %s, %s", a->in->label,
			a->source.role, a->source.algorithm);
	if (!a->source.check_value || strcmp(a->source.check_value, check) != 0)
		return kms_fail(err, KMS_ERR_MISMATCH,
			"the check value of '%s' is %s on the principal HSM, not %s", a->in->label,
			a->source.check_value ? a->source.check_value : "-", check);
	for (size_t i = 0; i < copies.count; i++)
		if (strcmp(copies.items[i].cka_id, a->source.cka_id) == 0)
			return kms_fail(err, KMS_ERR_EXISTS, "the HSM '%s' has '%s' already",
				a->at->row.name, a->in->label);
	snprintf(a->id, sizeof(a->id), "%s", a->source.cka_id);
	return KMS_OK;
}

/*
 * The key that is to be imported may have been here before under another label. Three bytes that agree
 * by chance are one case in sixteen million.
 */
static enum kms_status separation_under_other_labels(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	const struct store_key_filter like = {.role = key_role_name(a->role)};
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st = store_keys(op->site->store, &like, &keys, err);

	key_kcv_print(&a->expected, check);
	for (size_t i = 0; !st && i < keys.count; i++) {
		const struct store_key *there = &keys.items[i];

		if (!there->check_value || strcmp(there->check_value, check) != 0 ||
			strcmp(there->algorithm, key_alg_name(a->alg)) != 0)
			continue;
		st = custody_rule_pairs(op, there->label, &a->pairs, err);
	}
	return st;
}

/* Nobody may get a second component of this key, not even years later at a re-issue. */
static enum kms_status separation_over_time(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	enum kms_status st = custody_rule_pairs(op, a->in->label, &a->pairs, err);

	return st || a->kind != CER_IMPORT ? st : separation_under_other_labels(op, err);
}

static enum kms_status token_can_combine(struct op *op, struct kms_err *err)
{
	struct hsm_way way;
	enum kms_status st = hsm_way(component_key_hsm(op), HSM_OP_COMPONENTS_XOR, &way, err);

	if (!st && way.where == HSM_HOST_ASSISTED)
		st = op_host_assisted(op, "combining the components", err);
	return st ? st : op_caps_save_at(op->site, component_key_hsm(op), err);
}

static enum kms_status take_facts(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	FREE_AUTO char *fingerprint = NULL;
	unsigned char random[CER_ID_RANDOM];
	enum kms_status st = op_meta_find(op->site, META_HSM_SERIAL, &a->serial, err);

	if (!st)
		st = op_meta_find(op->site, META_FINGERPRINT, &fingerprint, err);
	if (!st && !*a->here)
		snprintf(a->here, sizeof(a->here), "%s", fingerprint ? fingerprint : "");
	if (!st && !*a->id)
		st = op_new_id(a->id, err);
	if (!st)
		st = hsm_random_public(component_key_hsm(op), random, sizeof(random), err);
	if (!st)
		cer_id_make(random, a->ceremony);
	return st;
}

/* Who shall hold what; in an import also which key it must be. */
static enum kms_status note_people(struct op *op, struct kms_err *err)
{
	const struct component_key *a = op->args;
	JS_AUTO json_t *list = json_array();
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st = KMS_OK;

	if (a->kind == CER_IMPORT) {
		key_kcv_print(&a->expected, check);
		st = op_detail(op, "check_value", json_string(check), err);
	}
	for (size_t i = 0; !st && i < a->pairs.count * CER_PAIR_SIZE; i++)
		if (json_array_append_new(list,
			    json_string(
				    a->pairs.pairs[i / CER_PAIR_SIZE].names[i % CER_PAIR_SIZE])))
			st = kms_nomem(err);
	return st ? st : op_detail(op, "custodians", json_incref(list), err);
}

enum kms_status component_key_validate(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	enum kms_status st;

	st = a->at ? find_source(op, err) : label_is_free(op, a->in->label, err);
	if (!st)
		st = separation_over_time(op, err);
	if (!st && a->kind == CER_IMPORT && !a->at)
		st = op_twin_check(op, a->in->label, a->alg, &a->expected, err);
	if (!st)
		st = token_can_combine(op, err);
	if (!st && !(a->direction && strcmp(a->direction, "unwrap") == 0))
		st = op_trust_begin(op, component_key_hsm(op), a->at ? a->at->row.name : NULL,
			a->hsm_role, &a->trust, err);
	if (!st)
		st = take_facts(op, err);
	if (!st)
		st = op_detail(op, "algorithm", json_string(key_alg_name(a->alg)), err);
	if (!st && a->partner)
		st = op_detail(op, "partner", json_string(a->partner), err);
	if (!st)
		st = op_detail(op, "components", json_integer((json_int_t)a->in->components), err);
	if (!st)
		st = op_detail(op, "wrapping", json_string(key_wrapping_name(a->wrapping)), err);
	if (!st && a->at)
		st = op_detail(op, "hsm", json_string(a->at->row.name), err);
	if (!st)
		st = note_people(op, err);
	return st ? st : op_detail(op, "ceremony", json_string(a->ceremony), err);
}

/* ---- intend ---- */

static enum kms_status add_custodians(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	char folded[NAME_MAX_BYTES + 1];
	enum kms_status st = KMS_OK;

	for (size_t i = 0; i < a->pairs.count; i++)
		for (int who = 0; !st && who < CER_PAIR_SIZE; who++) {
			const char *person = a->pairs.pairs[i].names[who];

			name_fold(person, folded);
			st = store_custodian_add(op->site->store,
				&(struct store_custodian){.ceremony_id = a->ceremony,
					.component = (int64_t)i + 1,
					.position = who + 1,
					.person = person,
					.folded = folded,
					.sheet_state = SHEET_PLANNED},
				err);
		}
	return st;
}

static enum kms_status write_copy(struct op *op, bool active, struct kms_err *err)
{
	const struct component_key *a = op->args;
	char proof[2 * HSM_PROOF_MAX + 1];
	struct store_copy row = {.hsm = a->at->row.name,
		.cka_id = a->id,
		.state = active ? "active" : "pending",
		.via = "components",
		.op_id = op->id,
		.created = op->now,
		.changed = op->now};

	if (!active)
		return store_copy_add(op->site->store, &row, err);
	hex_encode(a->made.proof, a->made.proof_len, proof);
	row.proof = proof;
	return store_copy_update(op->site->store, &row, "pending", err);
}

/* The row that it had, as it is but for where the key is. */
static enum kms_status write_back(struct op *op, bool active, struct kms_err *err)
{
	const struct component_key *a = op->args;
	struct store_key row = a->source;

	row.location = active ? KEY_IN_VAULT : KEY_RESTORING;
	row.op_id = op->id;
	if (active) {
		row.hsm_serial = a->serial;
		row.ceremony_id = a->ceremony;
	}
	return store_key_update(op->site->store, &row, row.state, err);
}

/* The key's row, PENDING until it has its check value. */
static enum kms_status write_row(struct op *op, bool active, struct kms_err *err)
{
	const struct component_key *a = op->args;
	char check[KEY_KCV_TEXT_SIZE], proof[2 * HSM_PROOF_MAX + 1];
	struct store_key row = {.cka_id = a->id,
		.label = a->in->label,
		.role = key_role_name(a->role),
		.algorithm = key_alg_name(a->alg),
		.state = active ? "active" : "pending",
		.location = "vault",
		.origin = "components",
		.partner = a->partner,
		.wrapping = key_wrapping_name(a->wrapping),
		.direction = a->direction,
		.exportable = "never",
		.ceremony_id = a->ceremony,
		.hsm_serial = a->serial,
		.op_id = op->id,
		.created = op->now,
		.state_changed = op->now};

	if (a->at)
		return write_copy(op, active, err);
	if (a->comes_back)
		return write_back(op, active, err);
	if (!active)
		return store_key_add(op->site->store, &row, err);
	key_kcv_print(&a->kcv, check);
	hex_encode(a->made.proof, a->made.proof_len, proof);
	row.check_value = check;
	row.check_method = key_kcv_method_name(a->kcv.method);
	row.proof = proof;
	row.activated = op->now;
	return store_key_update(op->site->store, &row, "pending", err);
}

enum kms_status component_key_intend(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	enum kms_status st;

	st = store_ceremony_add(op->site->store,
		&(struct store_ceremony){.id = a->ceremony,
			.kind = op->kind->name,
			.key_label = a->in->label,
			.algorithm = key_alg_name(a->alg),
			.components = (int64_t)a->in->components,
			.partner = a->partner,
			.op_id = op->id,
			.state = "started",
			.started = op->now},
		err);
	if (!st)
		st = add_custodians(op, err);
	return st ? st : write_row(op, false, err);
}

/* ---- act ---- */

struct components {
	struct secret part[KEY_COMPONENTS_MAX];
};

static void components_clear(struct components *c)
{
	for (size_t i = 0; i < KEY_COMPONENTS_MAX; i++)
		secret_free(&c->part[i]);
}

static enum kms_status draw_components(struct op *op, struct components *c, struct kms_err *err)
{
	const struct component_key *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->in->components; i++) {
		st = hsm_random(
			component_key_hsm(op), key_alg_info(a->alg)->length, &c->part[i], err);
		if (!st && op->site->rehearsal)
			st = cer_rehearsal_mark(&c->part[i], err);
	}
	/* A chance of 2^-50: drawn again next time rather than explained to custodians. */
	return st ? st : key_components_check(a->alg, c->part, a->in->components, err);
}

static enum kms_status open_room(struct op *op, struct components *components, struct kms_err *err)
{
	struct component_key *a = op->args;
	struct cer_setup setup = {.kind = a->kind,
		.alg = a->alg,
		.purpose = component_key_noun(a->role),
		.label = a->in->label,
		.ceremony = a->kind == CER_CREATE ? a->ceremony
			    : *a->sheets_ceremony ? a->sheets_ceremony
						  : NULL,
		.pairs = &a->pairs,
		.site = op->site->name,
		.partner = a->partner_identity ? a->partner : NULL,
		.first_serial = (uint32_t)a->first_serial,
		.expected = a->kind == CER_IMPORT ? &a->expected : NULL,
		.printed = a->in->printed,
		.tries = a->in->unattended ? 1 : TRIES,
		.unattended = a->in->unattended,
		.rehearsal = op->site->rehearsal,
		.now = op->now};

	if (!hex_decode_strict(a->here, setup.here.fingerprint, CER_FINGERPRINT_BYTES) ||
		(a->partner_identity &&
			!hex_decode_strict(a->partner_identity, setup.partner_identity.fingerprint,
				CER_FINGERPRINT_BYTES)))
		return kms_fail(err, KMS_ERR_STORE, "a fingerprint in the store is damaged");
	return cer_new(&setup, a->kind == CER_CREATE ? components->part : NULL, &a->cer, err);
}

/* Before anything is created: what these components make is what the other site says it is. */
static enum kms_status combined_is_expected(
	const struct component_key *a, const struct components *c, struct kms_err *err)
{
	SECRET_AUTO struct secret key = {0};
	struct key_kcv kcv;
	enum kms_status st;

	if (a->kind != CER_IMPORT)
		return KMS_OK;
	st = key_combine(a->alg, c->part, a->in->components, &key, err);
	if (!st)
		st = key_kcv_default(a->alg, &key, &kcv, err);
	if (!st)
		st = key_kcv_check("the combined key's", &kcv,
			a->partner ? "the other site" : "the record of its ceremony", &a->expected,
			err);
	if (st == KMS_ERR_MISMATCH)
		kms_hint(err,
			"each component was right by itself, so one belongs to another key or "
			"ceremony: compare the sheets' ceremony ids; nothing was created");
	return st;
}

/* The components become a key in the HSM. They stay the machine's; copies live for this call. */
static enum kms_status combine(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	struct components copy __attribute__((cleanup(components_clear))) = {0};
	struct hsm_new spec = {.alg = key_alg_to_hsm(a->alg),
		.role = a->hsm_role,
		.wrap = key_wrapping_to_hsm(a->wrapping),
		.check = key_kcv_to_hsm(key_alg_info(a->alg)->kcv),
		.label = a->in->label};
	enum kms_status st = KMS_OK;

	if (!hex_decode_strict(a->id, spec.id, sizeof(spec.id)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
	for (unsigned i = 0; !st && i < a->in->components; i++) {
		const struct secret *part = cer_component(a->cer, i + 1);

		st = part ? secret_copy(&copy.part[i], part->data, part->len, err)
			  : kms_fail(err, KMS_ERR_INTERNAL,
				    "the ceremony ended without its components");
	}
	if (!st)
		st = key_components_check(a->alg, copy.part, a->in->components, err);
	if (!st)
		st = combined_is_expected(a, &copy, err);
	if (!st)
		st = hsm_key_from_components(component_key_hsm(op), &spec, copy.part,
			a->in->components, op->site->policy.host_assisted, &a->made, err);
	if (!st)
		st = key_kcv_of_made(&a->made, key_alg_info(a->alg)->kcv, &a->kcv, err);
	if (st)
		return st;
	op->host_assisted |= a->made.where == HSM_HOST_ASSISTED;
	return cer_answer_combined(a->cer, &a->kcv, op->site->now(), err);
}

static enum kms_status run_ceremony(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	struct components components __attribute__((cleanup(components_clear))) = {0};
	enum kms_status st = KMS_OK;

	if (a->in->prepare)
		st = a->in->prepare(a->in->room_ctx, err);
	if (!st && a->kind == CER_CREATE) {
		st = store_counter_take(op->site->store, STORE_COUNTER_SHEET,
			(int)a->in->components, &a->first_serial, err);
		if (!st)
			st = draw_components(op, &components, err);
	}
	if (!st)
		st = open_room(op, &components, err);
	if (!st)
		st = a->in->room(a->in->room_ctx, a->cer, err);
	if (!st)
		st = combine(op, err);
	if (!st)
		st = op_trust_key(&a->trust, a->id, a->in->label, err);
	if (!st && cer_state(a->cer) != CER_DONE)
		st = kms_fail(err, KMS_ERR_INTERNAL, "the ceremony did not end");
	if (st && a->cer)
		cer_abort(a->cer, err->msg, op->site->now());
	return st;
}

static enum kms_status finish_ceremony(
	struct op *op, const char *state, const char *sheet_state, struct kms_err *err)
{
	struct component_key *a = op->args;
	BUF_AUTO struct buf minutes = {0};
	enum kms_status st = op_minutes(op, a->cer, a->serial, &minutes, err);

	for (unsigned i = 1; !st && i <= a->in->components; i++) {
		const struct key_kcv *kcv = cer_check_value(a->cer, i);
		char check[KEY_KCV_TEXT_SIZE];

		if (kcv)
			key_kcv_print(kcv, check);
		st = store_component_set(op->site->store, a->ceremony, i, cer_serial(a->cer, i),
			kcv ? check : NULL, sheet_state, err);
	}
	return st ? st
		  : store_ceremony_finish(op->site->store, a->ceremony, state, buf_text(&minutes),
			    op->site->now(), err);
}

/* A ceremony that failed keeps its minutes; what it left is undone by op_settle. */
static void record_failure(struct op *op)
{
	struct component_key *a = op->args;
	struct kms_err bad = {0};
	enum kms_status st;

	if (!a->cer)
		return;
	st = store_begin(op->site->store, &bad);
	if (!st)
		st = store_end(
			op->site->store, finish_ceremony(op, "failed", SHEET_VOID, &bad), &bad);
	if (st)
		op_say(op->site, "warning: the minutes could not be kept: %s", bad.msg);
}

enum kms_status component_key_act(struct op *op, struct kms_err *err)
{
	enum kms_status st = run_ceremony(op, err);

	if (st)
		record_failure(op);
	return st;
}

/* Three bytes agree by chance; the proof, where both tokens gave one, is longer. */
static enum kms_status same_as_source(const struct component_key *a, struct kms_err *err)
{
	char proof[2 * HSM_PROOF_MAX + 1];

	hex_encode(a->made.proof, a->made.proof_len, proof);
	if (!a->source.proof || strcmp(a->source.proof, proof) == 0)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_MISMATCH,
		"what the components make is not the '%s' that this site %s", a->in->label,
		a->at ? "has" : "had");
}

enum kms_status component_key_verify(struct op *op, struct kms_err *err)
{
	const struct component_key *a = op->args;
	const struct store_key row = {
		.cka_id = a->id, .label = a->in->label, .algorithm = key_alg_name(a->alg)};
	struct hsm *hsm = component_key_hsm(op);
	struct hsm_key key;
	enum kms_status st = same_as_source(a, err);

	if (!st)
		st = op_key_object_at(hsm, &row, &key, err);
	if (!st)
		st = hsm_key_check_role(hsm, &key, a->hsm_role, err);
	return st ? st
		  : hsm_key_prove(hsm, &key, key_wrapping_to_hsm(a->wrapping), a->made.proof,
			    a->made.proof_len, err);
}

enum kms_status component_key_commit(struct op *op, struct kms_err *err)
{
	struct component_key *a = op->args;
	STORE_AUTO(key) struct store_key row = {0};
	const char *sheets = cer_ceremony_id(a->cer);
	char check[KEY_KCV_TEXT_SIZE];
	json_t *object;
	enum kms_status st;

	key_kcv_print(&a->kcv, check);
	st = write_row(op, true, err);
	if (!st)
		st = finish_ceremony(
			op, "done", a->kind == CER_CREATE ? SHEET_ISSUED : SHEET_ENTERED, err);
	if (!st)
		st = op_detail(op, "check_value", json_string(check), err);
	if (!st)
		st = op_detail(
			op, "check_method", json_string(key_kcv_method_name(a->kcv.method)), err);
	if (!st)
		st = op_detail(op, "id", json_string(a->id), err);
	if (!st)
		st = store_key_get(op->site->store, a->id, &row, err);
	if (!st)
		st = op_key_json(&row, &object, err);
	if (st)
		return st;
	json_decref(op->report);
	op->report = object;
	if (a->at)
		st = op_report(op, "hsm", json_string(a->at->row.name), err);
	if (!st && a->kind == CER_IMPORT && *sheets)
		st = op_report(op, "sheets_ceremony", json_string(sheets), err);
	if (!st)
		st = op_report(op, "where",
			json_string(
				hsm_where_name(op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			err);
	return st;
}
