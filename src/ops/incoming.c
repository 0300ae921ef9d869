/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/incoming.h"

#include "base/hex.h"
#include "hsm/crypto.h"
#include "keys/blocktoken.h"
#include "ops/ceremony.h"
#include "ops/twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void incoming_free(struct incoming *in)
{
	store_key_free(&in->transport);
	free(in->serial);
	free(in->sets);
	free(in->keys);
	*in = (struct incoming){0};
}

/* ---- validate ---- */

static enum kms_status check_transport_value(
	struct incoming *in, const struct doc_checked_key *said, struct kms_err *err)
{
	char here[80], there[80];
	enum key_kcv_method method;
	struct key_kcv kcv;
	enum kms_status st = key_kcv_method_parse(in->transport.check_method, &method, err);

	if (!st)
		st = key_kcv_parse(method, in->transport.check_value, &kcv, err);
	if (st)
		return st;
	snprintf(here, sizeof(here), "transport key '%.50s'", in->transport.label);
	snprintf(there, sizeof(there), "the sender (of '%.40s')", said->label);
	st = key_kcv_check(here, &kcv, there, &said->kcv, err);
	if (st == KMS_ERR_MISMATCH || st == KMS_ERR_INVALID)
		kms_hint(err,
			"name the transport key that the keys were wrapped under ('%s' at their "
			"sender)",
			said->label);
	if (!st && in->transport_alg != said->alg)
		st = kms_fail(err, KMS_ERR_MISMATCH, "transport key '%s' is %s, the sender says %s",
			in->transport.label, key_alg_name(in->transport_alg),
			key_alg_name(said->alg));
	return st;
}

enum kms_status incoming_transport(struct incoming *in, struct op *op, const char *label,
	const char *partner, enum key_wrapping wrapping, const struct doc_checked_key *said,
	const char *carrier, struct kms_err *err)
{
	enum hsm_role role;
	enum hsm_where where;
	enum kms_status st;

	in->origin = partner;
	st = op_transport_row(op->site, label, "unwrap", partner, &in->transport, err);
	if (!st)
		st = key_alg_parse(in->transport.algorithm, &in->transport_alg, err);
	if (!st)
		st = key_wrapping_parse(
			in->transport.wrapping ? in->transport.wrapping : "", &in->wrapping, err);
	if (!st)
		st = said ? check_transport_value(in, said, err) : KMS_OK;
	if (!st && in->wrapping != wrapping)
		st = kms_fail(err, KMS_ERR_DENIED,
			"transport key '%s' is bound to %s, the keys are wrapped by %s",
			in->transport.label, key_wrapping_name(in->wrapping),
			key_wrapping_name(wrapping));
	if (!st)
		st = op_separation(op, in->transport.label, "import", carrier, err);
	if (!st)
		st = hsm_transport_role(op->site->hsm, key_alg_to_hsm(in->transport_alg),
			key_wrapping_to_hsm(in->wrapping), false, &role, &where, err);
	if (!st && key_wrapping_is_block(in->wrapping))
		st = op_key_blocks(op, "each imported key", err);
	else if (!st && where == HSM_HOST_ASSISTED)
		st = op_host_assisted(op, "each imported key", err);
	if (!st)
		st = op_meta_find(op->site, META_HSM_SERIAL, &in->serial, err);
	if (!st)
		st = op_detail(op, "transport_key", json_string(in->transport.label), err);
	if (!st && carrier)
		st = op_detail(op, "carrier", json_string(carrier), err);
	return st;
}

enum kms_status incoming_alloc(struct incoming *in, size_t sets, size_t keys, struct kms_err *err)
{
	in->sets = calloc(sets, sizeof(*in->sets));
	in->keys = calloc(keys, sizeof(*in->keys));
	if (!in->sets || !in->keys)
		return kms_nomem(err);
	in->set_count = sets;
	in->key_count = keys;
	return KMS_OK;
}

void incoming_set_from_plan(
	struct incoming_set *set, const struct key_plan_set *plan, const struct op_site *site)
{
	*set = (struct incoming_set){.customer = plan->customer ? plan->customer : site->name,
		.div = &plan->div,
		.alg = plan->alg,
		.kvn = plan->key_version,
		.exportable = plan->exportable,
		.period = plan->period};
	memcpy(set->name, plan->name, sizeof(set->name));
}

static enum kms_status label_free(
	struct op *op, const struct incoming_key *key, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key there = {0};
	STORE_AUTO(keyset) struct store_keyset set = {0};
	enum kms_status st = store_key_by_label(op->site->store, key->label, &there, err);

	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		st = store_keyset_get(op->site->store, key->set->name, &set, err);
	}
	if (!st) {
		kms_fail(err, KMS_ERR_EXISTS, "there is a key set '%s' here already (%s)",
			key->set->name, there.origin ? there.origin : set.origin);
		return kms_hint(err, "import it under another name: --rename OLD=NEW");
	}
	if (st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return KMS_OK;
}

/* What the header says, which nobody has yet proved: enough to refuse. */
static enum kms_status check_header(
	const struct incoming *in, const struct incoming_key *key, struct kms_err *err)
{
	struct key_block block;
	enum kms_status st = key_block_parse((const char *)key->block, key->block_len, &block, err);

	if (!st)
		st = key_block_is_master(
			&block, in->transport_alg, key->set->alg, key->set->kvn, in->usage, err);
	if (!st && block.fields.exportability == 'N' && key->set->exportable) {
		kms_fail(err, KMS_ERR_DENIED,
			"the key block says 'N', not exportable; key set '%s' shall be exportable",
			key->set->name);
		st = kms_hint(err, "take it with 'export = never'");
	}
	return st ? kms_prefix(err, "cannot import '%s': ", key->sent_as) : KMS_OK;
}

/* Nor two of them, that come together. */
static enum kms_status no_twin(
	const struct incoming *in, struct op *op, size_t i, struct kms_err *err)
{
	const struct incoming_key *key = &in->keys[i];
	enum kms_status st = op_twin_check(op, key->label, key->set->alg, &key->expected, err);

	for (size_t j = 0; !st && key->expected.len && j < i; j++)
		if (in->keys[j].set->alg == key->set->alg &&
			key_kcv_same(&in->keys[j].expected, &key->expected))
			st = op_twin_override(op, key->label, in->keys[j].label, err);
	return st;
}

static enum kms_status validate_key(
	struct incoming *in, struct op *op, size_t i, struct kms_err *err)
{
	struct incoming_key *key = &in->keys[i];
	enum kms_status st = key_label(key->set->name, key->role, key->label, err);

	if (!st)
		st = op_new_id(key->id, err);
	if (!st)
		st = label_free(op, key, err);
	for (size_t j = 0; !st && j < i; j++)
		if (key_label_same(key->label, in->keys[j].label))
			st = kms_fail(err, KMS_ERR_INVALID,
				"two of the keys would both be '%s' here", key->label);
	if (!st)
		st = no_twin(in, op, i, err);
	if (!st && key_wrapping_is_block(in->wrapping))
		st = check_header(in, key, err);
	return st ? st
		  : op_wrapping_rules(
			    op, in->wrapping, in->transport_alg, key->set->alg, key->sent_as, err);
}

enum kms_status incoming_validate(struct incoming *in, struct op *op, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < in->key_count; i++)
		st = validate_key(in, op, i, err);
	return st;
}

/* ---- intend ---- */

static enum kms_status add_set(const struct incoming *in, struct op *op,
	const struct incoming_set *set, struct kms_err *err)
{
	char div[KEY_DIV_TEXT_SIZE], period[KEY_PERIOD_TEXT_SIZE];

	key_div_print(set->div, div);
	key_period_print(&set->period, period);
	return store_keyset_add(op->site->store,
		&(struct store_keyset){.name = set->name,
			.customer = set->customer,
			.algorithm = key_alg_name(set->alg),
			.diversification = set->div->name,
			.definition = div,
			.kvn = set->kvn,
			.exportable = set->exportable ? "partner" : "never",
			.cryptoperiod = set->period.unit == KEY_PERIOD_NONE ? NULL : period,
			.origin = in->origin,
			.order_ref = set->order,
			.state = "pending",
			.op_id = op->id,
			.created = op->now},
		err);
}

static enum kms_status write_row(const struct incoming *in, struct op *op,
	const struct incoming_key *key, bool active, struct kms_err *err)
{
	const struct op_master master = {.id = key->id,
		.label = key->label,
		.keyset = key->set->name,
		.role = key->role,
		.alg = key->set->alg,
		.kvn = key->set->kvn,
		.exportable = key->set->exportable,
		.period = &key->set->period,
		.origin = in->origin,
		.hsm_serial = in->serial,
		.made = &key->made,
		.kcv = &key->kcv};

	return op_master_write(op, &master, active, err);
}

enum kms_status incoming_intend(struct incoming *in, struct op *op, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < in->set_count; i++)
		st = add_set(in, op, &in->sets[i], err);
	for (size_t i = 0; !st && i < in->key_count; i++)
		st = write_row(in, op, &in->keys[i], false, err);
	return st;
}

/* ---- act, verify ---- */

static enum kms_status unwrap_block(struct op *op, struct hsm *hsm, struct hsm_key *under,
	const struct hsm_new *spec, struct incoming_key *key, struct kms_err *err)
{
	struct key_block block;
	enum kms_status st = key_block_parse((const char *)key->block, key->block_len, &block, err);

	return st ? st
		  : key_block_unwrap_hsm(hsm, under, &block, spec, op->site->policy.host_assisted,
			    &key->made, err);
}

enum kms_status incoming_unwrap_key(struct op *op, const struct incoming_place *place,
	struct hsm_key *under, enum key_wrapping wrapping, struct incoming_key *key,
	struct kms_err *err)
{
	struct hsm_new spec = {.alg = key_alg_to_hsm(key->set->alg),
		.role = place->role,
		.check = key_kcv_to_hsm(key->expected.method),
		.label = key->label};
	enum kms_status st;

	if (!hex_decode_strict(key->id, spec.id, sizeof(spec.id)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
	if (key_wrapping_is_block(wrapping))
		st = unwrap_block(op, place->hsm, under, &spec, key, err);
	else
		st = hsm_unwrap(place->hsm, under, key_wrapping_to_hsm(wrapping),
			op->site->policy.host_assisted, key->block, key->block_len, &spec,
			&key->made, err);
	if (st) {
		if (strcmp(key->sent_as, key->label) != 0)
			kms_prefix(err, "the sender's '%s': ", key->sent_as);
		kms_hint(err, "none of the keys was %s", place->done);
		return st;
	}
	op->host_assisted |= key->made.where == HSM_HOST_ASSISTED;
	return KMS_OK;
}

static struct incoming_place imported_to(const struct op *op)
{
	return (struct incoming_place){
		op->site->hsm, HSM_MASTER_VAULT, "import", "imported", "the sender"};
}

enum kms_status incoming_act(struct incoming *in, struct op *op, struct kms_err *err)
{
	const struct incoming_place place = imported_to(op);
	struct hsm_key transport;
	enum kms_status st = op_key_verify(op->site, &in->transport, err);

	if (!st)
		st = op_key_object(op->site, &in->transport, &transport, err);
	for (size_t i = 0; !st && i < in->key_count; i++)
		st = incoming_unwrap_key(op, &place, &transport, in->wrapping, &in->keys[i], err);
	return st;
}

enum kms_status incoming_verify_key(
	const struct incoming_place *place, struct incoming_key *key, struct kms_err *err)
{
	const struct store_key row = {
		.cka_id = key->id, .label = key->label, .algorithm = key_alg_name(key->set->alg)};
	char what[100];
	struct hsm_key object;
	enum kms_status st = op_key_object_at(place->hsm, &row, &object, err);

	if (!st)
		st = hsm_key_check_role(place->hsm, &object, place->role, err);
	/* A key that only signs has shown its check value when it was made. */
	if (!st && place->role == HSM_CARD_SIGN)
		st = key_kcv_of_made(&key->made, key->expected.method, &key->kcv, err);
	else if (!st)
		st = key_kcv_hsm(place->hsm, &object, key->expected.method, &key->kcv, err);
	snprintf(what, sizeof(what), "cannot %s '%.50s': its", place->verb, key->sent_as);
	if (!st && key->expected.len)
		st = key_kcv_check(what, &key->kcv, place->said_by, &key->expected, err);
	if (st == KMS_ERR_MISMATCH)
		kms_hint(err, "none of the keys was %s", place->done);
	return st;
}

enum kms_status incoming_verify(struct incoming *in, struct op *op, struct kms_err *err)
{
	const struct incoming_place place = imported_to(op);
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < in->key_count; i++)
		st = incoming_verify_key(&place, &in->keys[i], err);
	return st;
}

/* ---- commit ---- */

static enum kms_status report_keys(const struct incoming *in, struct op *op, struct kms_err *err)
{
	JS_AUTO json_t *keys = json_array();
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < in->key_count; i++)
		st = op_checked_json(
			keys, in->keys[i].label, in->keys[i].set->alg, &in->keys[i].kcv, err);
	if (!st)
		st = op_detail(op, "keys", json_incref(keys), err);
	if (!st)
		st = op_report(op, "where",
			json_string(
				hsm_where_name(op->host_assisted ? HSM_HOST_ASSISTED : HSM_IN_HSM)),
			err);
	return st ? st : op_report(op, "keys", json_incref(keys), err);
}

enum kms_status incoming_commit(struct incoming *in, struct op *op, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < in->set_count; i++)
		st = store_keyset_set_state(
			op->site->store, in->sets[i].name, "pending", "active", err);
	for (size_t i = 0; !st && i < in->key_count; i++)
		st = write_row(in, op, &in->keys[i], true, err);
	return st ? st : report_keys(in, op, err);
}

/* ---- steps ---- */

enum kms_status incoming_step_intend(struct op *op, struct kms_err *err)
{
	return incoming_intend(op->args, op, err);
}

enum kms_status incoming_step_act(struct op *op, struct kms_err *err)
{
	return incoming_act(op->args, op, err);
}

enum kms_status incoming_step_verify(struct op *op, struct kms_err *err)
{
	return incoming_verify(op->args, op, err);
}

enum kms_status incoming_step_commit(struct op *op, struct kms_err *err)
{
	return incoming_commit(op->args, op, err);
}
