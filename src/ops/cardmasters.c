/* SPDX-License-Identifier: Apache-2.0 */
/* Opening the masters of a key set for work on cards: which may be used, and for what. */
#include "ops/cardkeys_int.h"

#include "base/clock.h"
#include "ops/meta.h"

#include <stdlib.h>
#include <string.h>

static const enum key_role roles[CARD_ROLES] = {
	[CARD_ENC] = KEY_ROLE_ENC, [CARD_MAC] = KEY_ROLE_MAC, [CARD_DEK] = KEY_ROLE_KEK};

static enum kms_status check_state(
	const struct store_key *row, enum op_card_use use, struct kms_err *err)
{
	enum key_state state;
	enum kms_status st = key_state_parse(row->state, &state, err);

	if (st || state == KEY_ACTIVE)
		return st;
	if (use == OP_CARD_NEW) {
		kms_fail(err, KMS_ERR_STATE, "cannot put keys of '%s' on cards: '%s' is %s%s%s%s",
			row->keyset, row->label, row->state, row->state_reason ? " (" : "",
			row->state_reason ? row->state_reason : "", row->state_reason ? ")" : "");
		return kms_hint(
			err, "a key set that is not active is only good for getting cards off it");
	}
	if (state == KEY_SUSPENDED || state == KEY_DEACTIVATED || state == KEY_COMPROMISED)
		return KMS_OK;
	return kms_fail(err, KMS_ERR_STATE, "cannot open cards with keys of '%s': '%s' is %s",
		row->keyset, row->label, row->state);
}

static enum kms_status load_key(
	struct op_card_masters *m, enum card_role role, enum op_card_use use, struct kms_err *err)
{
	STORE_AUTO(key) struct store_key row = {0};
	char label[KEY_LABEL_MAX + 1];
	enum kms_status st = key_label(m->row.name, roles[role], label, err);

	if (!st)
		st = store_key_by_label(m->site->store, label, &row, err);
	if (!st && (!row.keyset || strcmp(row.keyset, m->row.name) != 0))
		st = kms_fail(err, KMS_ERR_STORE, "the row of '%s' is not of key set '%s'", label,
			m->row.name);
	if (!st)
		st = check_state(&row, use, err);
	if (!st && strcmp(row.algorithm, m->row.algorithm) != 0)
		st = kms_fail(err, KMS_ERR_STORE, "'%s' is %s, its key set is %s", label,
			row.algorithm, m->row.algorithm);
	/* A wrong master would put keys on cards that nobody could derive again. */
	if (!st)
		st = op_site_cards_key(m->site, &row, &m->token[role], err);
	m->site->other_masters |= st == KMS_ERR_MISMATCH;
	if (!st && row.deactivate_after && row.deactivate_after < m->info.period_ends)
		m->info.period_ends = row.deactivate_after;
	return st;
}

/* Active keys whose period is over are what officers may decide about; other states are not. */
static enum kms_status check_period(
	const struct op_card_masters *m, struct op *op, struct kms_err *err)
{
	char end[CLOCK_TEXT_SIZE];
	int64_t now;
	enum kms_status st = op_log_clock(m->site, &now, err);

	if (st || now < m->info.period_ends)
		return st;
	clock_format(m->info.period_ends, end);
	if (op)
		return op_override(op, err,
			"cannot put keys of '%s' on cards: their cryptoperiod ended on %s",
			m->row.name, end);
	kms_fail(err, KMS_ERR_DENIED,
		"cannot put keys of '%s' on cards: their cryptoperiod ended on %s", m->row.name,
		end);
	return kms_hint(err, "make a new key set ('cardkms hsm update')");
}

static enum kms_status fill_info(struct op_card_masters *m, struct kms_err *err)
{
	struct op_card_masters_info *info = &m->info;
	enum kms_status st = key_alg_parse(m->row.algorithm, &info->alg, err);

	if (!st)
		st = key_div_parse(m->row.definition ? m->row.definition : m->row.diversification,
			&m->div, err);
	if (!st)
		st = key_div_fits(&m->div, info->alg, err);
	if (!st && info->alg == KEY_TDEA3) {
		kms_fail(err, KMS_ERR_UNSUPPORTED,
			"keys of '%s' are 3TDEA, which no card takes: SCP02 has DES keys of 16 "
			"bytes, SCP03 AES keys",
			m->row.name);
		return kms_hint(
			err, "use a key set of tdea2 (SCP02) or of an aes algorithm (SCP03)");
	}
	if (st)
		return st;
	info->keyset = m->row.name;
	info->customer = m->row.customer;
	info->key_version = (unsigned)m->row.kvn;
	info->div = &m->div;
	info->type = key_alg_is_tdes(info->alg) ? CARD_KEY_DES : CARD_KEY_AES;
	info->key_len = key_alg_info(info->alg)->length;
	info->period_ends = INT64_MAX;
	return KMS_OK;
}

static enum kms_status open_masters(struct op_card_masters *m, struct op *op, const char *keyset,
	enum op_card_use use, struct kms_err *err)
{
	enum kms_status st = store_keyset_get(m->site->store, keyset, &m->row, err);

	if (!st && strcmp(m->row.state, "active") != 0)
		st = kms_fail(err, KMS_ERR_STATE, "key set '%s' is %s", keyset, m->row.state);
	if (!st)
		st = fill_info(m, err);
	if (!st)
		st = op_site_cards_hsm(m->site, err);
	for (enum card_role role = CARD_ENC; !st && role < CARD_ROLES; role++)
		st = load_key(m, role, use, err);
	if (!st && use == OP_CARD_NEW)
		st = check_period(m, op, err);
	return st ? st : op_card_masters_copy(m, err);
}

enum kms_status op_card_masters_copy(struct op_card_masters *masters, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (enum card_role role = CARD_ENC; !st && role < CARD_ROLES; role++) {
		hsm_key_drop(masters->site->cards, &masters->copy[role]);
		st = hsm_key_session_copy(
			masters->site->cards, &masters->token[role], &masters->copy[role], err);
	}
	return st;
}

enum kms_status op_card_masters_open(struct op_site *site, struct op *op, const char *keyset,
	enum op_card_use use, struct op_card_masters **ret_masters, struct kms_err *err)
{
	struct op_card_masters *m = calloc(1, sizeof(*m));
	enum kms_status st;

	if (!m)
		return kms_nomem(err);
	m->site = site;
	m->use = use;
	st = open_masters(m, op, keyset, use, err);
	if (st) {
		op_card_masters_free(m);
		return st;
	}
	*ret_masters = m;
	return KMS_OK;
}

const struct op_card_masters_info *op_card_masters_info(const struct op_card_masters *masters)
{
	return &masters->info;
}

void op_card_masters_free(struct op_card_masters *masters)
{
	if (!masters)
		return;
	for (enum card_role role = CARD_ENC; role < CARD_ROLES; role++) {
		if (masters->site->cards)
			hsm_key_drop(masters->site->cards, &masters->copy[role]);
		secret_free(&masters->zero[role]);
	}
	store_keyset_free(&masters->row);
	free(masters);
}
