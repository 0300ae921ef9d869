/* SPDX-License-Identifier: Apache-2.0 */
/* Set up the principal HSM: token, PINs, the site's identity, the key sets of a plan; and update. */
#include "ops/ops.h"

#include "base/hex.h"
#include "exchange/identity.h"
#include "hsm/crypto.h"
#include "hsm/probe.h"
#include "ops/keygen.h"
#include "ops/rebuild.h"
#include "ops/reconcile.h"
#include "ops/token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct setup_pair {
	char id[OP_ID_HEX];
	struct hsm_key key;
	unsigned char point[P256_POINT_SIZE];
};

struct setup_args {
	const char *plan_path;
	bool erase, rebuild;
	struct keygen gen;
	enum op_token token;
	bool initialise;
	struct secret so_pin, pin;
	struct setup_pair identity, audit;
	struct hsm_token_info info;
	struct buf document;
	char fingerprint[DOC_FINGERPRINT_SIZE];
};

static void setup_clear(struct setup_args *a)
{
	keygen_free(&a->gen);
	secret_free(&a->so_pin);
	secret_free(&a->pin);
	buf_free(&a->document);
}

static enum kms_status setup_check(struct op *op, struct kms_err *err)
{
	struct setup_args *a = op->args;

	if (a->rebuild && a->plan_path)
		return kms_fail(err, KMS_ERR_USAGE,
			"--rebuild takes no plan: the keys come back from a backup");

	return keygen_load(&a->gen, op, a->plan_path, err);
}

/* ---- validate ---- */

static enum kms_status ask_pins(
	struct op *op, struct setup_args *a, bool fresh, struct kms_err *err)
{
	struct op_front *front = &op->site->front;
	enum kms_status (*ask)(void *, const char *, const char *, struct secret *,
		struct kms_err *) = fresh ? front->new_secret : front->secret;
	enum kms_status st;

	if (!ask)
		return kms_fail(err, KMS_ERR_IO, "there is nobody to ask for the PINs");
	st = ask(front->ctx, "so-pin", "administrator (SO) PIN", &a->so_pin, err);
	if (!st)
		st = ask(front->ctx, "pin", "operator PIN", &a->pin, err);
	if (!st && secret_equal(&a->so_pin, &a->pin)) {
		op_say(op->site,
			"warning: the administrator PIN and the operator PIN are the same; "
			"they should be held by different people");
		st = op_detail(op, "same_pins", json_true(), err);
	}
	return st;
}

static enum kms_status refuse_or_erase(
	struct op *op, struct setup_args *a, size_t objects, struct kms_err *err)
{
	char question[200];

	if (!a->erase) {
		kms_fail(err, KMS_ERR_EXISTS,
			"the token '%s' (serial %s) holds %zu object%s already", a->info.label,
			a->info.serial, objects, objects == 1 ? "" : "s");
		return kms_hint(err, "set up an empty token, or erase this one for good: "
				     "hsm setup --erase, then type its label");
	}
	/* It ends keys, as key destroy does. */
	if (!op->officers[0]) {
		kms_fail(err, KMS_ERR_DENIED,
			"erasing the token '%s' with its %zu object%s needs two officers",
			a->info.label, objects, objects == 1 ? "" : "s");
		return kms_hint(err, "name them: --officers A,B");
	}
	a->initialise = true;
	if (op->site->dry_run) {
		op_say(op->site, "would erase the token '%s' with its %zu objects", a->info.label,
			objects);
		return KMS_OK;
	}
	if (!op->site->front.type_to_confirm)
		return kms_fail(err, KMS_ERR_IO, "there is nobody to confirm the erasing");
	snprintf(question, sizeof(question),
		"Everything on the token '%s' (serial %s, %zu objects) will be lost.",
		a->info.label, a->info.serial, objects);
	return op->site->front.type_to_confirm(
		op->site->front.ctx, question, "token-label", a->info.label, err);
}

/* Logs in to a token with PINs, and settles there what an earlier setup left. */
static enum kms_status enter_ready_token(struct op *op, struct setup_args *a, struct kms_err *err)
{
	enum kms_status st;

	st = hsm_token_info(op->site->hsm, &a->info, err);
	if (!st)
		st = op_ask_last_try(op->site, &a->info, err);
	if (!st)
		st = ask_pins(op, a, false, err);
	if (!st)
		st = hsm_login(op->site->hsm, &a->pin, err);
	if (st)
		return st;
	op->site->token_found = true;
	op->site->logged_in = true;
	st = hsm_probe_tidy(op->site->hsm, err);
	return st ? st : op_reconcile(op->site, true, NULL, err);
}

/* It must be empty, or be erased on request. */
static enum kms_status validate_ready_token(
	struct op *op, struct setup_args *a, struct kms_err *err)
{
	FREE_AUTO struct hsm_object *objects = NULL;
	size_t count;
	enum kms_status st = hsm_objects(op->site->hsm, &objects, &count, err);

	if (!st && count > 0)
		st = refuse_or_erase(op, a, count, err);
	if (st || a->initialise)
		return st;
	/* Ends the operator's login, on a token that cannot have both. */
	op->site->logged_in = false;
	st = hsm_check_so_pin(op->site->hsm, &a->so_pin, err);
	if (!st)
		st = hsm_login(op->site->hsm, &a->pin, err);
	if (st)
		return st;
	op->site->logged_in = true;
	return keygen_try_token(&a->gen, op, err);
}

/* It gives up for good what an HSM held that may only be unplugged: as erasing one does. */
static enum kms_status rebuild_rules(struct op *op, bool set_up, struct kms_err *err)
{
	const struct setup_args *a = op->args;

	if (set_up && !a->rebuild) {
		kms_fail(err, KMS_ERR_STATE, "this site's HSM is set up already");
		return kms_hint(err,
			"add key sets with 'cardkms hsm update --plan F'; if the HSM is "
			"lost: --rebuild");
	}
	if (!set_up && a->rebuild) {
		kms_fail(err, KMS_ERR_STATE, "this site has had no HSM that could be lost");
		return kms_hint(err, "leave --rebuild out");
	}
	if (!a->rebuild || op->officers[0])
		return KMS_OK;
	kms_fail(err, KMS_ERR_DENIED, "giving up the site's HSM for lost needs two officers");
	return kms_hint(err, "name them: --officers A,B");
}

static enum kms_status setup_validate(struct op *op, struct kms_err *err)
{
	struct setup_args *a = op->args;
	FREE_AUTO char *identity = NULL;
	enum kms_status st;

	st = op_meta_find(op->site, META_IDENTITY, &identity, err);
	if (!st)
		st = rebuild_rules(op, identity != NULL, err);
	if (!st)
		st = op_token_state(op->site, &a->token, err);
	if (st)
		return st;
	op->site->token_blank = a->token != OP_TOKEN_READY;
	/* First of all: what an interrupted setup left must not pass for key sets that are there. */
	st = op->site->token_blank ? op_reconcile(op->site, true, NULL, err)
				   : enter_ready_token(op, a, err);
	if (!st)
		st = keygen_validate(&a->gen, op, err);
	if (!st)
		st = op_new_id(a->identity.id, err);
	if (!st)
		st = op_new_id(a->audit.id, err);
	if (!st)
		st = op_subject(op, err, "%s", hsm_uri_token(op->site->hsm));
	if (st)
		return st;
	if (a->token == OP_TOKEN_READY)
		return validate_ready_token(op, a, err);
	a->initialise = a->token == OP_TOKEN_ABSENT;
	if (a->initialise && !*hsm_uri_token(op->site->hsm)) {
		kms_fail(err, KMS_ERR_INVALID, "the site's HSM URI names no token to initialise");
		return kms_hint(err, "add token=LABEL to [hsm] uri in site.ini");
	}
	return ask_pins(op, a, true, err);
}

/* ---- intend, act ---- */

/* Until a rebuild commits, the labels are those of the pairs that were lost. */
static const char *pair_label(const struct op *op, enum key_role role, bool active)
{
	const struct setup_args *a = op->args;
	const bool audit = role == KEY_ROLE_AUDIT;

	if (a->rebuild && !active)
		return audit ? LABEL_AUDIT ".new" : LABEL_IDENTITY ".new";
	return audit ? LABEL_AUDIT : LABEL_IDENTITY;
}

static enum kms_status pair_row(struct op *op, const struct setup_pair *pair, enum key_role role,
	const char *serial, bool active, struct kms_err *err)
{
	char point[2 * P256_POINT_SIZE + 1];
	struct store_key row = {.cka_id = pair->id,
		.label = pair_label(op, role, active),
		.role = key_role_name(role),
		.algorithm = key_alg_name(KEY_P256),
		.state = active ? "active" : "pending",
		.location = "vault",
		.origin = "generated",
		.exportable = "never",
		.hsm_serial = serial,
		.op_id = op->id,
		.created = op->now,
		.state_changed = op->now};

	if (!active)
		return store_key_add(op->site->store, &row, err);
	hex_encode(pair->point, sizeof(pair->point), point);
	row.public_key = point;
	row.activated = op->now;
	return store_key_update(op->site->store, &row, "pending", err);
}

/* The token's serial may not exist yet; the commit writes it. */
static enum kms_status setup_intend(struct op *op, struct kms_err *err)
{
	struct setup_args *a = op->args;
	enum kms_status st;

	st = pair_row(op, &a->identity, KEY_ROLE_IDENTITY, "-", false, err);
	if (!st)
		st = pair_row(op, &a->audit, KEY_ROLE_AUDIT, "-", false, err);
	return st ? st : keygen_intend(&a->gen, op, "-", err);
}

static enum kms_status make_pair(
	struct op *op, struct setup_pair *pair, enum key_role role, struct kms_err *err)
{
	struct hsm_new spec = {.alg = HSM_EC_P256,
		.role = role == KEY_ROLE_AUDIT ? HSM_AUDIT : HSM_IDENTITY,
		.label = role == KEY_ROLE_AUDIT ? LABEL_AUDIT : LABEL_IDENTITY};

	if (!hex_decode_strict(pair->id, spec.id, sizeof(spec.id)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
	return hsm_pair_generate(op->site->hsm, &spec, &pair->key, pair->point, err);
}

struct identity_signer {
	struct hsm *hsm;
	struct hsm_key *key;
};

static enum kms_status sign_identity(void *ctx, const unsigned char digest[HASH_SIZE],
	unsigned char ret_sig[P256_SIG_SIZE], struct kms_err *err)
{
	struct identity_signer *s = ctx;

	return hsm_sign(s->hsm, s->key, digest, ret_sig, err);
}

static enum kms_status write_identity(struct op *op, struct setup_args *a, struct kms_err *err)
{
	struct identity_signer ctx = {op->site->hsm, &a->identity.key};
	struct p256_signer signer = {.ctx = &ctx, .sign = sign_identity};
	struct doc_identity identity = {.name = op->site->name,
		.hsm_manufacturer = a->info.manufacturer,
		.hsm_model = a->info.model,
		.hsm_serial = a->info.serial,
		.created = op->now};
	enum kms_status st;

	memcpy(signer.point, a->identity.point, P256_POINT_SIZE);
	memcpy(identity.identity_key, a->identity.point, P256_POINT_SIZE);
	memcpy(identity.audit_key, a->audit.point, P256_POINT_SIZE);
	st = doc_site_role_parse(op->site->role, &identity.role, err);
	if (!st)
		st = doc_identity_fingerprint(&identity, a->fingerprint, err);
	return st ? st : doc_identity_write(&identity, &signer, &a->document, err);
}

static enum kms_status prepare_token(struct op *op, struct setup_args *a, struct kms_err *err)
{
	struct hsm *hsm = op->site->hsm;
	const bool erase = a->erase && a->token == OP_TOKEN_READY;
	const struct op_token_setup setup = {.state = a->token,
		.label = !a->initialise ? NULL
			 : erase	? a->info.label
					: hsm_uri_token(hsm),
		.logged_in = op->site->logged_in,
		.so_pin = &a->so_pin,
		.pin = &a->pin};
	struct hsm_token_info info;
	enum kms_status st;

	if (a->initialise)
		op->site->logged_in = false;
	st = op_token_set_up(hsm, &setup, &info, err);
	if (st)
		return st;
	a->info = info;
	op->site->token_found = true;
	op->site->token_blank = false;
	op->site->logged_in = true;
	return KMS_OK;
}

static enum kms_status setup_act(struct op *op, struct kms_err *err)
{
	struct setup_args *a = op->args;
	enum kms_status st = prepare_token(op, a, err);

	/* Before the first master: it decides how masters are made. */
	if (!st)
		st = hsm_probe_trusted(op->site->hsm, &a->so_pin, err);
	if (!st)
		st = op_caps_save(op->site, err);
	/* On a token that could not be logged in to before, this comes first of all. */
	if (!st && a->token != OP_TOKEN_READY)
		st = keygen_try_token(&a->gen, op, err);
	if (!st)
		st = make_pair(op, &a->identity, KEY_ROLE_IDENTITY, err);
	if (!st)
		st = make_pair(op, &a->audit, KEY_ROLE_AUDIT, err);
	if (!st)
		st = keygen_act(&a->gen, op, err);
	return st ? st : write_identity(op, a, err);
}

static enum kms_status setup_verify(struct op *op, struct kms_err *err)
{
	struct setup_args *a = op->args;
	unsigned char point[P256_POINT_SIZE], id[HSM_ID_LEN];
	enum kms_status st = keygen_verify(&a->gen, op, err);

	if (st)
		return st;
	if (!hex_decode_strict(a->identity.id, id, sizeof(id)))
		return kms_fail(err, KMS_ERR_INTERNAL, "a CKA_ID is no hex");
	st = hsm_pair_point(op->site->hsm, id, LABEL_IDENTITY, point, err);
	if (!st && memcmp(point, a->identity.point, sizeof(point)) != 0)
		st = kms_fail(err, KMS_ERR_MISMATCH,
			"the identity key read back from the HSM is another one");
	return st;
}

static enum kms_status setup_commit(struct op *op, struct kms_err *err)
{
	struct setup_args *a = op->args;
	struct store *store = op->site->store;
	enum kms_status st = a->rebuild ? op_give_up_hsm(op, err) : KMS_OK;

	if (!st)
		st = pair_row(op, &a->identity, KEY_ROLE_IDENTITY, a->info.serial, true, err);
	if (!st)
		st = pair_row(op, &a->audit, KEY_ROLE_AUDIT, a->info.serial, true, err);
	if (!st)
		st = keygen_commit(&a->gen, op, a->info.serial, err);
	if (!st)
		st = store_meta_set(store, META_HSM_SERIAL, a->info.serial, err);
	if (!st)
		st = store_meta_set(store, META_HSM_LABEL, a->info.label, err);
	if (!st)
		st = store_meta_set(store, META_FINGERPRINT, a->fingerprint, err);
	if (!st)
		st = store_meta_set(store, META_IDENTITY, a->document.data, err);
	if (!st)
		st = op_detail(op, "hsm_serial", json_string(a->info.serial), err);
	if (!st)
		st = op_detail(op, "fingerprint", json_string(a->fingerprint), err);
	if (!st)
		st = op_report(op, "token", json_string(a->info.label), err);
	if (!st)
		st = op_report(op, "serial", json_string(a->info.serial), err);
	return st ? st : op_report(op, "fingerprint", json_string(a->fingerprint), err);
}

enum kms_status op_hsm_setup(struct op_site *site, const struct op_hsm_setup *in,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "hsm.setup",
		.dual = DUAL_GENERATE,
		.check = setup_check,
		.validate = setup_validate,
		.intend = setup_intend,
		.act = setup_act,
		.verify = setup_verify,
		.commit = setup_commit,
	};
	static const struct op_kind rebuild = {
		.name = OP_HSM_REBUILD,
		.dual = DUAL_DESTROY,
		.check = setup_check,
		.validate = setup_validate,
		.intend = setup_intend,
		.act = setup_act,
		.verify = setup_verify,
		.commit = setup_commit,
	};
	struct setup_args args __attribute__((cleanup(setup_clear))) = {
		.plan_path = in->plan_path, .erase = in->erase, .rebuild = in->rebuild};

	return op_run(site, in->rebuild ? &rebuild : &kind, &args, ret_report, err);
}

/* ---- hsm update ---- */

struct update_args {
	const char *plan_path;
	struct keygen gen;
	char *serial;
};

static void update_clear(struct update_args *a)
{
	keygen_free(&a->gen);
	free(a->serial);
}

static enum kms_status update_check(struct op *op, struct kms_err *err)
{
	struct update_args *a = op->args;
	enum kms_status st = keygen_load(&a->gen, op, a->plan_path, err);

	return st ? st : op_subject(op, err, "%s", a->gen.plan.name);
}

static enum kms_status update_validate(struct op *op, struct kms_err *err)
{
	struct update_args *a = op->args;
	enum kms_status st = keygen_validate(&a->gen, op, err);

	if (!st)
		st = op_meta_find(op->site, META_HSM_SERIAL, &a->serial, err);
	return st ? st : keygen_try_token(&a->gen, op, err);
}

static enum kms_status update_intend(struct op *op, struct kms_err *err)
{
	struct update_args *a = op->args;

	return keygen_intend(&a->gen, op, a->serial, err);
}

static enum kms_status update_act(struct op *op, struct kms_err *err)
{
	struct update_args *a = op->args;

	return keygen_act(&a->gen, op, err);
}

static enum kms_status update_verify(struct op *op, struct kms_err *err)
{
	struct update_args *a = op->args;

	return keygen_verify(&a->gen, op, err);
}

static enum kms_status update_commit(struct op *op, struct kms_err *err)
{
	struct update_args *a = op->args;

	return keygen_commit(&a->gen, op, a->serial, err);
}

enum kms_status op_hsm_update(
	struct op_site *site, const char *plan_path, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "hsm.update",
		.needs = OP_NEED_IDENTITY | OP_NEED_LOGIN,
		.dual = DUAL_GENERATE,
		.check = update_check,
		.validate = update_validate,
		.intend = update_intend,
		.act = update_act,
		.verify = update_verify,
		.commit = update_commit,
	};
	struct update_args args __attribute__((cleanup(update_clear))) = {.plan_path = plan_path};

	return op_run(site, &kind, &args, ret_report, err);
}
