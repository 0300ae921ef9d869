/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a document says of audit logs besides the sender's own checkpoint, so that each site is the
 * witness of the other: the newest checkpoint of the recipient that the sender holds, and a proof that
 * the sender's log goes on from the one that the recipient said it holds. Both may be missing: at first
 * there is none.
 */
#ifndef EXCHANGE_WITNESS_H
#define EXCHANGE_WITNESS_H

#include "base/hash.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DOC_PATH_MAX = 65 }; /* as AUDIT_PATH_MAX */

struct doc_witness {
	const char *seen; /* the note's text, or NULL */
	bool continues;	  /* a proof is there: from `size` entries to the document's checkpoint */
	uint64_t size;
	size_t count;
	unsigned char path[DOC_PATH_MAX][HASH_SIZE]; /* RFC 9162 section 2.1.4.1 */
};

#endif
