/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of cards over the site's HSM: struct card_keys (card/keys.h), whose static keys are
 * derived on the token and stay there.
 *
 *   op_card_masters_open    the three masters of a key set, as session copies, once for many cards
 *   op_card_keys_derive     one card's set from them and its diversification data
 *   op_card_keys_initial    a vendor's initial keys, which somebody handed over in clear
 *   op_card_keys_may_wrap   before anything that authenticates: can `fresh` get under `old` here?
 *
 * Where keys are. A derived static key is a session object, made when it is first needed and
 * dropped by card_keys_free; its bytes never are in this process, except where the token cannot do
 * what the card needs ("host-assisted"): op_card_keys_host_assisted says for what. Session ENC, MAC
 * and R-MAC keys come out into secret memory: the secure channel is computed here. The session DEK
 * of SCP02 stays on the token where that can wrap under it.
 *
 * Masters must outlive the sets that were derived from them; a set that wraps must not outlive the
 * site. One thread at a time. After a lost connection to the HSM the masters are copied anew with
 * the next card; a set that was in use fails with KMS_ERR_STATE and is to be derived again.
 */
#ifndef OPS_CARDKEYS_H
#define OPS_CARDKEYS_H

#include "card/keys.h"
#include "keys/div.h"
#include "ops/op.h"

struct op_card_masters;

enum op_card_use {
	/*
	 * Keys that are on cards, to authenticate with and to get the cards off them: whatever their
	 * state is as long as they are in the HSM and have been in use. A set that is suspended or
	 * compromised opens its cards until they carry another one.
	 */
	OP_CARD_OLD,
	/*
	 * Keys that shall be put on cards: all three active, and their cryptoperiod not over (which two
	 * officers may override).
	 */
	OP_CARD_NEW,
};

/* What is known of a set. Strings are the masters'. */
struct op_card_masters_info {
	const char *keyset;
	const char *customer; /* whose cards it is for: key_scope_check() is the caller's */
	unsigned key_version; /* of the key plan, 0 if it names none */
	enum key_alg alg;
	const struct key_div *div;
	enum card_key_type type;
	size_t key_len;
	int64_t period_ends; /* INT64_MAX: never */
};

/*
 * Logs in if need be. KMS_ERR_NOT_FOUND: no such key set; KMS_ERR_STATE: not in a state for this
 * use; KMS_ERR_UNSUPPORTED: keys that no card of these protocols takes (3TDEA). op (NULL where
 * nothing is changed) serves the override of an ended cryptoperiod: without one that is
 * KMS_ERR_DENIED.
 */
KMS_CHECKED enum kms_status op_card_masters_open(struct op_site *site, struct op *op,
	const char *keyset, enum op_card_use use, struct op_card_masters **ret_masters,
	struct kms_err *err);
void op_card_masters_free(struct op_card_masters *masters); /* NULL-safe */
const struct op_card_masters_info *op_card_masters_info(const struct op_card_masters *masters);

#define OP_CARD_MASTERS_AUTO __attribute__((cleanup(op_card_masters_free_pointer)))
static inline void op_card_masters_free_pointer(struct op_card_masters **p)
{
	op_card_masters_free(*p);
}

/*
 * The set of one card. Nothing is asked of the HSM yet: a set that turns out not to be on the card
 * costs one derivation. KMS_ERR_INVALID if the method does not take diversification data of this
 * length; "none" takes any and gives the masters themselves. Only what was opened as OP_CARD_NEW can be
 * put on a card.
 */
KMS_CHECKED enum kms_status op_card_keys_derive(struct op_card_masters *masters, const void *kdd,
	size_t kdd_len, struct card_keys **ret_keys, struct kms_err *err);

/*
 * A set in secret memory (card_keys_clear, card_profile_test_keys; taken on KMS_OK) as the old set of
 * a card whose new keys are in the HSM. It authenticates from secret memory; to wrap, its DEK goes to
 * the HSM as a session key that can do nothing else. The site must be logged in by then.
 */
KMS_CHECKED enum kms_status op_card_keys_initial(struct op_site *site, struct card_keys *clear,
	struct card_keys **ret_keys, struct kms_err *err);

/*
 * Whether the keys of `fresh` can be encrypted under the DEK of `old` on this token, and where. To be
 * called before EXTERNAL AUTHENTICATE: what only the host could do is noted in op, or, where the
 * site's policy forbids it, KMS_ERR_DENIED. KMS_ERR_UNSUPPORTED: not possible at all ("none" with
 * masters that may not leave the HSM). A DEK of masters weaker than the new keys is what two officers
 * may override; under a vendor's initial keys anything goes. Nothing is derived.
 */
KMS_CHECKED enum kms_status op_card_keys_may_wrap(struct op *op, const struct card_keys *old,
	const struct card_keys *fresh, struct kms_err *err);

/*
 * The same for one AES key of the site's own, which may leave the token wrapped (HSM_CARD_SIGN): whether
 * it can go under the DEK of `old`; and that it goes there. Only block->block and len are filled in.
 */
KMS_CHECKED enum kms_status op_card_keys_may_wrap_one(struct op *op, const struct card_keys *old,
	const char *label, enum key_alg alg, struct kms_err *err);
KMS_CHECKED enum kms_status op_card_wrap_one(struct op_site *site, struct card_keys *old,
	const struct card_dek *dek, struct hsm_key *target, struct card_key_block *block,
	struct kms_err *err);

/*
 * What static keys of this set passed through host memory for since it was made, as text for logs:
 * "PUT KEY under SCP02", "diversification"; NULL if none did. Of a set that
 * op_card_keys_initial made: "keys in clear".
 */
const char *op_card_keys_host_assisted(const struct card_keys *keys);

#endif
