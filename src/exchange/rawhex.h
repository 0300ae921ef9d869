/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrapped keys as a listing short enough to type by hand, for sites that run a legacy KMS:
 *
 *   cardkms raw hex
 *   package  PK-000004
 *   transport  TK-EXAMPLE-2026  tdea3  8BAF47  tdes-zero
 *   mode  ecb
 *   key  OPMasterKeyENC1  tdea2  504A77  tdes-zero
 *     A1B2 C3D4 E5F6 0718  2938 4A5B 6C7D 8E9F
 *   end  1
 *
 * It is not signed and proves nothing: ECB and CBC have no integrity, so a key counts only once its
 * check value was compared after unwrapping. Blanks and letter case of hex do not matter to the reader.
 */
#ifndef EXCHANGE_RAWHEX_H
#define EXCHANGE_RAWHEX_H

#include "exchange/package.h"

struct doc_rawhex_key {
	char label[KEY_LABEL_MAX + 1];
	enum key_alg alg;
	struct key_kcv kcv;
	unsigned char block[DOC_BLOCK_MAX];
	size_t block_len;
};

struct doc_rawhex {
	char package_id[DOC_ID_MAX + 1];
	char transport_label[KEY_LABEL_MAX + 1];
	enum key_alg transport_alg;
	struct key_kcv transport_kcv;
	enum key_wrapping wrapping; /* raw-ecb or raw-cbc (IV of zeros) */
	struct doc_rawhex_key *keys;
	size_t key_count;
};

#define DOC_RAWHEX_AUTO __attribute__((cleanup(doc_rawhex_free)))

/* Of a package whose wrapping is raw-ecb or raw-cbc. */
KMS_CHECKED enum kms_status doc_rawhex_write(
	const struct doc_package *package, struct buf *ret_text, struct kms_err *err);
KMS_CHECKED enum kms_status doc_rawhex_parse(
	const char *text, size_t len, struct doc_rawhex *ret_listing, struct kms_err *err);
void doc_rawhex_free(struct doc_rawhex *listing);

#endif
