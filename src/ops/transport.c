/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transport keys: created as components in a ceremony, or rebuilt from them in one.
 *
 * The ceremony is a state machine (ceremony/machine.h) that the front drives; here is what it
 * stands in: who may hold what, the HSM's part, and the record.
 */
#include "ops/ops.h"

#include "base/hex.h"
#include "ceremony/separation.h"
#include "keys/component.h"
#include "ops/ceremony.h"
#include "ops/meta.h"
#include "ops/reconcile.h"
#include "store/journal.h"
#include "store/people.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TRIES = 3 };

struct transport_args {
	const struct op_transport *in;
	enum cer_kind kind;
	enum key_alg alg;
	enum key_wrapping wrapping;
	struct key_kcv expected; /* import */
	struct cer_pairs pairs;
	struct store_partner partner;
	char sheets_ceremony[CER_ID_SIZE]; /* import: as expected, or "" */
	char id[OP_ID_HEX];		   /* of the key object */
	char ceremony[CER_ID_SIZE];
	enum hsm_role role;
	char *serial;
	char *fingerprint;
	int64_t first_serial;
	struct cer *cer;
	struct hsm_made made;
	struct key_kcv kcv;
};

static void transport_clear(struct transport_args *a)
{
	store_partner_free(&a->partner);
	free(a->serial);
	free(a->fingerprint);
	cer_free(a->cer);
}

/* ---- check ---- */

static enum kms_status check_wrapping(struct transport_args *a, struct kms_err *err)
{
	const bool aes = key_alg_is_aes(a->alg);
	enum kms_status st = KMS_OK;

	a->wrapping = aes ? KEY_WRAP_AES_KW : KEY_WRAP_ECB;
	if (a->in->wrapping && strcmp(a->in->wrapping, "x9143") == 0)
		a->wrapping = key_wrapping_block(a->alg);
	else if (a->in->wrapping)
		st = op_wrapping_parse(a->in->wrapping, &a->wrapping, err);
	if (st)
		return st;
	if (key_wrapping_is_block(a->wrapping) && a->wrapping != key_wrapping_block(a->alg))
		return kms_fail(err, KMS_ERR_INVALID, "%s is not for a transport key of %s: %s is",
			key_wrapping_name(a->wrapping), key_alg_name(a->alg),
			key_wrapping_name(key_wrapping_block(a->alg)));
	if (a->wrapping == KEY_WRAP_AES_KW && !aes) {
		kms_fail(err, KMS_ERR_INVALID, "aes-kw needs an AES transport key, not %s",
			key_alg_name(a->alg));
		return kms_hint(err,
			"choose aes128, aes192 or aes256, or --wrapping raw-hex for a site "
			"that still runs a legacy KMS");
	}
	return KMS_OK;
}

static enum kms_status transport_check(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	const struct op_transport *in = a->in;
	enum kms_status st;

	st = key_label_check(in->label, "the transport key's label", err);
	if (!st)
		st = key_alg_parse(in->algorithm, &a->alg, err);
	if (!st && a->alg == KEY_P256)
		st = kms_fail(err, KMS_ERR_INVALID, "a transport key cannot be %s", in->algorithm);
	if (!st)
		st = check_wrapping(a, err);
	if (!st && (in->components < KEY_COMPONENTS_MIN || in->components > KEY_COMPONENTS_MAX))
		st = kms_fail(err, KMS_ERR_INVALID, "a key has %d to %d components, not %zu",
			KEY_COMPONENTS_MIN, KEY_COMPONENTS_MAX, in->components);
	if (!st)
		st = cer_pairs_load(in->pairs_path, in->components, &a->pairs, err);
	if (!st && in->legacy && !op_wrapping_is_raw(a->wrapping) &&
		!key_wrapping_is_block(a->wrapping)) {
		kms_fail(err, KMS_ERR_INVALID,
			"a partner without identity takes raw wrapping or key blocks only, not %s",
			key_wrapping_name(a->wrapping));
		st = kms_hint(err, "--legacy goes with --wrapping raw-hex, raw-cbc or x9143");
	}
	if (!st && in->check_value)
		st = key_kcv_parse(key_alg_info(a->alg)->kcv, in->check_value, &a->expected, err);
	if (!st && in->ceremony)
		st = cer_id_parse(in->ceremony, a->sheets_ceremony, err);
	return st ? st : op_subject(op, err, "%s", in->label);
}

/* ---- validate ---- */

static enum kms_status label_is_free(struct op *op, const char *label, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key there = {0};
	enum kms_status st = store_key_by_label(op->site->store, label, &there, err);

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

/* The partner that the key is shared with: enrolled, or, with a legacy KMS, known by name only. */
static enum kms_status find_partner(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	enum kms_status st = store_partner_get(op->site->store, a->in->partner, &a->partner, err);

	if (!a->in->legacy) {
		if (st == KMS_ERR_NOT_FOUND)
			kms_hint(err, "enrol the partner first: 'cardkms partner add F "
				      "--fingerprint HEX'");
		return st;
	}
	if (!st)
		return kms_fail(err, KMS_ERR_INVALID,
			"'%s' is enrolled with an identity: leave --legacy out", a->in->partner);
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	st = name_check(a->in->partner, "the partner's name", err);
	if (!st)
		st = op_partner_spelling(op->site, a->in->partner, err);
	if (!st && !(a->partner.name = strdup(a->in->partner)))
		st = kms_nomem(err);
	return st;
}

static enum kms_status separation_from(struct op *op, const char *label, struct kms_err *err)
{
	struct transport_args *a = op->args;
	struct op_custodians earlier __attribute__((cleanup(op_custodians_free))) = {0};
	enum kms_status st = op_custodians_of(op->site, label, &earlier, err);

	return st ? st : cer_separation_pairs(label, earlier.items, earlier.count, &a->pairs, err);
}

/*
 * The key that is to be imported may have been here before under another label. Three bytes that agree
 * by chance are one case in sixteen million.
 */
static enum kms_status separation_under_other_labels(struct op *op, struct kms_err *err)
{
	const struct store_key_filter transport = {.role = key_role_name(KEY_ROLE_TRANSPORT)};
	struct transport_args *a = op->args;
	STORE_AUTO(key_list) struct store_key_list keys = {0};
	char check[KEY_KCV_TEXT_SIZE];
	enum kms_status st = store_keys(op->site->store, &transport, &keys, err);

	key_kcv_print(&a->expected, check);
	for (size_t i = 0; !st && i < keys.count; i++) {
		const struct store_key *there = &keys.items[i];

		if (!there->check_value || strcmp(there->check_value, check) != 0 ||
			strcmp(there->algorithm, key_alg_name(a->alg)) != 0)
			continue;
		st = separation_from(op, there->label, err);
	}
	return st;
}

/* Nobody may get a second component of this key, not even years later at a re-issue. */
static enum kms_status separation_over_time(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	enum kms_status st = separation_from(op, a->in->label, err);

	return st || a->kind != CER_IMPORT ? st : separation_under_other_labels(op, err);
}

static enum kms_status token_can(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	enum hsm_where where;
	struct hsm_way way;
	enum kms_status st;

	st = hsm_transport_role(op->site->hsm, key_alg_to_hsm(a->alg),
		key_wrapping_to_hsm(a->wrapping), a->kind == CER_CREATE, &a->role, &where, err);
	if (!st && key_wrapping_is_block(a->wrapping))
		st = op_key_blocks(op, "each key under this one", err);
	if (!st && where == HSM_HOST_ASSISTED)
		op_say(op->site,
			"note: on this token '%s' will wrap through this machine's locked memory "
			"(%s with %s): each use is logged",
			a->in->label, key_wrapping_name(a->wrapping), key_alg_name(a->alg));
	if (!st)
		st = hsm_way(op->site->hsm, HSM_OP_COMPONENTS_XOR, &way, err);
	if (!st && way.where == HSM_HOST_ASSISTED)
		st = op_host_assisted(op, "combining the components", err);
	return st ? st : op_caps_save(op->site, err);
}

static enum kms_status warn_tdea2(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;

	if (a->alg != KEY_TDEA2)
		return KMS_OK;
	if (op->site->policy.tdea2 == TDEA2_FORBID)
		return op_override(
			op, err, "a 2TDEA transport key is forbidden by the site's policy");
	op_say(op->site, "warning: 2TDEA is deprecated (80 bits of strength)");
	return KMS_OK;
}

static enum kms_status transport_validate(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	unsigned char random[CER_ID_RANDOM];
	enum kms_status st;

	st = label_is_free(op, a->in->label, err);
	if (!st)
		st = find_partner(op, err);
	if (!st)
		st = separation_over_time(op, err);
	if (!st)
		st = warn_tdea2(op, err);
	if (!st)
		st = token_can(op, err);
	if (!st)
		st = op_meta_find(op->site, META_HSM_SERIAL, &a->serial, err);
	if (!st)
		st = op_meta_find(op->site, META_FINGERPRINT, &a->fingerprint, err);
	if (!st)
		st = op_new_id(a->id, err);
	if (!st)
		st = hsm_random_public(op->site->hsm, random, sizeof(random), err);
	if (st)
		return st;
	cer_id_make(random, a->ceremony);
	st = op_detail(op, "algorithm", json_string(key_alg_name(a->alg)), err);
	if (!st)
		st = op_detail(op, "partner", json_string(a->partner.name), err);
	if (!st)
		st = op_detail(op, "components", json_integer((json_int_t)a->in->components), err);
	if (!st)
		st = op_detail(op, "wrapping", json_string(key_wrapping_name(a->wrapping)), err);
	return st ? st : op_detail(op, "ceremony", json_string(a->ceremony), err);
}

/* ---- intend ---- */

static enum kms_status add_custodians(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
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

/* The key's row, PENDING until it has its check value. */
static enum kms_status write_row(struct op *op, bool active, struct kms_err *err)
{
	const struct transport_args *a = op->args;
	char check[KEY_KCV_TEXT_SIZE], proof[2 * HSM_PROOF_MAX + 1];
	struct store_key row = {.cka_id = a->id,
		.label = a->in->label,
		.role = key_role_name(KEY_ROLE_TRANSPORT),
		.algorithm = key_alg_name(a->alg),
		.state = active ? "active" : "pending",
		.location = "vault",
		.origin = "components",
		.partner = a->partner.name,
		.wrapping = key_wrapping_name(a->wrapping),
		.direction = a->kind == CER_CREATE ? "wrap" : "unwrap",
		.exportable = "never",
		.ceremony_id = a->ceremony,
		.hsm_serial = a->serial,
		.op_id = op->id,
		.created = op->now,
		.state_changed = op->now};

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

static enum kms_status transport_intend(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	enum kms_status st;

	st = store_ceremony_add(op->site->store,
		&(struct store_ceremony){.id = a->ceremony,
			.kind = op->kind->name,
			.key_label = a->in->label,
			.algorithm = key_alg_name(a->alg),
			.components = (int64_t)a->in->components,
			.partner = a->partner.name,
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
	const struct transport_args *a = op->args;
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < a->in->components; i++)
		st = hsm_random(op->site->hsm, key_alg_info(a->alg)->length, &c->part[i], err);
	/* A chance of 2^-50: drawn again next time rather than explained to custodians. */
	return st ? st : key_components_check(a->alg, c->part, a->in->components, err);
}

static enum kms_status open_room(struct op *op, struct components *components, struct kms_err *err)
{
	struct transport_args *a = op->args;
	struct cer_setup setup = {.kind = a->kind,
		.alg = a->alg,
		.purpose = "transport key",
		.label = a->in->label,
		.ceremony = a->kind == CER_CREATE ? a->ceremony
			    : *a->sheets_ceremony ? a->sheets_ceremony
						  : NULL,
		.pairs = &a->pairs,
		.site = op->site->name,
		.partner = a->in->legacy ? NULL : a->partner.name,
		.first_serial = (uint32_t)a->first_serial,
		.expected = a->kind == CER_IMPORT ? &a->expected : NULL,
		.tries = a->in->unattended ? 1 : TRIES,
		.unattended = a->in->unattended,
		.now = op->now};

	if (!hex_decode_strict(a->fingerprint, setup.here.fingerprint, CER_FINGERPRINT_BYTES) ||
		(!a->in->legacy &&
			!hex_decode_strict(a->partner.fingerprint,
				setup.partner_identity.fingerprint, CER_FINGERPRINT_BYTES)))
		return kms_fail(err, KMS_ERR_STORE, "a fingerprint in the store is damaged");
	return cer_new(&setup, a->kind == CER_CREATE ? components->part : NULL, &a->cer, err);
}

/* Before anything is created: what these components make is what the other site says it is. */
static enum kms_status combined_is_expected(
	const struct transport_args *a, const struct components *c, struct kms_err *err)
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
		st = key_kcv_check("the combined key's", &kcv, "the other site", &a->expected, err);
	if (st == KMS_ERR_MISMATCH)
		kms_hint(err,
			"each component was right by itself, so one belongs to another key or "
			"ceremony: compare the sheets' ceremony ids; nothing was created");
	return st;
}

/* The components become a key in the HSM. They stay the machine's; copies live for this call. */
static enum kms_status combine(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
	struct components copy __attribute__((cleanup(components_clear))) = {0};
	struct hsm_new spec = {.alg = key_alg_to_hsm(a->alg),
		.role = a->role,
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
		st = hsm_key_from_components(op->site->hsm, &spec, copy.part, a->in->components,
			op->site->policy.host_assisted, &a->made, err);
	if (!st)
		st = key_kcv_of_made(&a->made, key_alg_info(a->alg)->kcv, &a->kcv, err);
	if (st)
		return st;
	op->host_assisted |= a->made.where == HSM_HOST_ASSISTED;
	return cer_answer_combined(a->cer, &a->kcv, op->site->now(), err);
}

static enum kms_status run_ceremony(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
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
	if (!st && cer_state(a->cer) != CER_DONE)
		st = kms_fail(err, KMS_ERR_INTERNAL, "the ceremony did not end");
	if (st && a->cer)
		cer_abort(a->cer, err->msg, op->site->now());
	return st;
}

static enum kms_status finish_ceremony(
	struct op *op, const char *state, const char *sheet_state, struct kms_err *err)
{
	struct transport_args *a = op->args;
	BUF_AUTO struct buf minutes = {0};
	enum kms_status st = op_minutes(op, a->cer, a->serial, &minutes, err);

	for (unsigned i = 1; !st && i <= a->in->components; i++) {
		const struct key_kcv *kcv = cer_check_value(a->cer, i);
		char check[KEY_KCV_TEXT_SIZE];

		if (kcv)
			key_kcv_print(kcv, check);
		st = store_component_set(op->site->store, a->ceremony, i,
			a->first_serial ? a->first_serial + i - 1 : 0, kcv ? check : NULL,
			sheet_state, err);
	}
	return st ? st
		  : store_ceremony_finish(op->site->store, a->ceremony, state, buf_text(&minutes),
			    op->site->now(), err);
}

/* A ceremony that failed keeps its minutes; what it left is undone by op_settle. */
static void record_failure(struct op *op)
{
	struct transport_args *a = op->args;
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

static enum kms_status transport_act(struct op *op, struct kms_err *err)
{
	enum kms_status st = run_ceremony(op, err);

	if (st)
		record_failure(op);
	return st;
}

static enum kms_status transport_verify(struct op *op, struct kms_err *err)
{
	const struct transport_args *a = op->args;
	const struct store_key row = {
		.cka_id = a->id, .label = a->in->label, .algorithm = key_alg_name(a->alg)};
	struct hsm_key key;
	enum kms_status st = op_key_object(op->site, &row, &key, err);

	if (!st)
		st = hsm_key_check_role(op->site->hsm, &key, a->role, err);
	return st ? st
		  : hsm_key_prove(op->site->hsm, &key, key_wrapping_to_hsm(a->wrapping),
			    a->made.proof, a->made.proof_len, err);
}

static enum kms_status transport_commit(struct op *op, struct kms_err *err)
{
	struct transport_args *a = op->args;
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
	if (a->kind == CER_IMPORT && *sheets)
		st = op_report(op, "sheets_ceremony", json_string(sheets), err);
	if (!st)
		st = op_report(op, "where",
			json_string(
				hsm_where_name(op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			err);
	return st;
}

static const struct op_kind create_kind = {
	.name = "transport-key.create",
	.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
	.dual = DUAL_GENERATE,
	.check = transport_check,
	.validate = transport_validate,
	.intend = transport_intend,
	.act = transport_act,
	.verify = transport_verify,
	.commit = transport_commit,
};

static const struct op_kind import_kind = {
	.name = OP_TRANSPORT_IMPORT,
	.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
	.dual = DUAL_IMPORT,
	.check = transport_check,
	.validate = transport_validate,
	.intend = transport_intend,
	.act = transport_act,
	.verify = transport_verify,
	.commit = transport_commit,
};

enum kms_status op_transport_create(struct op_site *site, const struct op_transport *transport,
	json_t **ret_report, struct kms_err *err)
{
	struct transport_args args
		__attribute__((cleanup(transport_clear))) = {.in = transport, .kind = CER_CREATE};

	return op_run(site, &create_kind, &args, ret_report, err);
}

enum kms_status op_transport_import(struct op_site *site, const struct op_transport *transport,
	json_t **ret_report, struct kms_err *err)
{
	struct transport_args args
		__attribute__((cleanup(transport_clear))) = {.in = transport, .kind = CER_IMPORT};

	return op_run(site, &import_kind, &args, ret_report, err);
}
