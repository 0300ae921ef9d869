/* SPDX-License-Identifier: Apache-2.0 */
/* Inside ops/: whose signatures count under the checkpoints of a log: identities, by what is enrolled. */
#ifndef OPS_SIGNERS_H
#define OPS_SIGNERS_H

#include "audit/check.h"
#include "base/utf8.h"
#include "exchange/doc.h"
#include "ops/site.h"
#include "store/people.h"

struct op_signers {
	struct audit_signer now;
	struct audit_signer *former; /* identities that the site had before, oldest first */
	size_t former_count;
	char name[NAME_MAX_BYTES + 1];
	char fingerprint[DOC_FINGERPRINT_SIZE];
};

#define OP_SIGNERS_AUTO __attribute__((cleanup(op_signers_free)))

/* Added to what is there, as its newest identity. */
KMS_CHECKED enum kms_status op_signers_file(
	const char *path, struct op_signers *signers, struct kms_err *err);
/* Of this site. */
KMS_CHECKED enum kms_status op_signers_self(
	struct op_site *site, struct op_signers *signers, struct kms_err *err);
/* A partner's identity, with those that it superseded: its log goes on from theirs. */
KMS_CHECKED enum kms_status op_signers_partner(const struct store_partner_list *partners,
	size_t place, struct op_signers *signers, struct kms_err *err);
void op_signers_free(struct op_signers *signers);

#endif
