/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside ops/: keys that exist outside an HSM only as components (transport, site and zone keys).
 *
 * A ceremony is a state machine (ceremony/machine.h) that the front drives; here is what it stands
 * in: who may hold what, the HSM's part, and the record. What a purpose adds (with whom a transport
 * key is shared) is its own file's, whose arguments begin with a struct component_key.
 */
#ifndef OPS_COMPONENT_KEY_H
#define OPS_COMPONENT_KEY_H

#include "ceremony/machine.h"
#include "exchange/doc.h"
#include "ops/hsms.h"
#include "ops/meta.h"
#include "ops/op.h"
#include "ops/ops.h"
#include "ops/trust.h"

struct component_key {
	/* Set by the purpose before the steps run. */
	const struct op_components *in;
	enum cer_kind kind;
	enum key_role role;
	enum key_wrapping wrapping; /* at the latest in its check */

	/* Set by the purpose in its validate. */
	enum hsm_role hsm_role;
	struct op_hsm *at;		 /* a copy for that HSM; NULL: a key of the principal one */
	const char *partner;		 /* NULL: shared with nobody */
	const char *partner_identity;	 /* its fingerprint; NULL: it has none */
	const char *direction;		 /* "wrap" or "unwrap"; NULL: both */
	char here[DOC_FINGERPRINT_SIZE]; /* on the sheets; "": this site's of now */

	enum key_alg alg;
	struct key_kcv expected;	   /* import, or all zero */
	char sheets_ceremony[CER_ID_SIZE]; /* import: as expected, or "" */
	struct cer_pairs pairs;
	struct store_key source; /* with `at`: what it is a copy of; or what comes back: */
	bool comes_back;	 /* it was lost with its HSM; its row is there */
	char id[OP_ID_HEX];	 /* of the key object */
	char ceremony[CER_ID_SIZE];
	char *serial;
	int64_t first_serial; /* create */
	struct op_trust trust;
	struct cer *cer;
	struct hsm_made made;
	struct key_kcv kcv;
};

/* The steps (ops/op.h); op->args begins with the struct. A purpose calls them from its own. */
KMS_CHECKED enum kms_status component_key_check(struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status component_key_validate(struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status component_key_intend(struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status component_key_act(struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status component_key_verify(struct op *op, struct kms_err *err);
KMS_CHECKED enum kms_status component_key_commit(struct op *op, struct kms_err *err);
void component_key_clear(struct component_key *key);

/* The token on which it is made. */
struct hsm *component_key_hsm(const struct op *op);

/* "transport key", "site key", "zone key" */
const char *component_key_noun(enum key_role role);

#endif
