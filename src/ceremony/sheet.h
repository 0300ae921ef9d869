/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The component sheet (docs/formats/sheet.md): what two custodians put into a tamper-evident bag.
 *
 * Its text holds the component, so it exists only as a struct secret and is never built by a
 * printf-family function.
 */
#ifndef CEREMONY_SHEET_H
#define CEREMONY_SHEET_H

#include "base/err.h"
#include "base/secret.h"
#include "base/utf8.h"
#include "ceremony/id.h"
#include "ceremony/pairs.h"
#include "keys/kcv.h"
#include "keys/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CER_FINGERPRINT_BYTES = 32, /* SHA-256 */
	CER_SERIAL_MAX = 999999,
	CER_SHEET_MAX = 8192, /* bytes of text */
};

struct cer_identity {
	unsigned char fingerprint[CER_FINGERPRINT_BYTES];
};

struct cer_sheet {
	uint32_t serial; /* 0 to CER_SERIAL_MAX */
	char ceremony[CER_ID_SIZE];
	char purpose[16]; /* cer_purpose_known */
	char label[KEY_LABEL_MAX + 1];
	enum key_alg alg;
	unsigned component; /* 1 to components */
	unsigned components;
	struct cer_pair custodians;
	struct secret bytes; /* the component, of full length */
	struct key_kcv kcv;  /* of the component */
	struct cer_identity here;
	struct cer_identity partner;
	bool has_partner; /* only a transport key has one */
};

/* The key of a quorum on paper: for when its officers cannot be had. */
#define CER_PURPOSE_QUORUM "quorum key"

/* "transport key", "site key", "zone key", "quorum key": what has components. */
bool cer_purpose_known(const char *purpose);

#define CER_SHEET_AUTO __attribute__((cleanup(cer_sheet_free)))
void cer_sheet_free(struct cer_sheet *sheet);

KMS_CHECKED enum kms_status cer_sheet_render(
	const struct cer_sheet *sheet, struct secret *ret_text, struct kms_err *err);

/*
 * Reads what cer_sheet_render wrote (blanks may differ; the record at the foot may be filled in).
 * The words of the fingerprints must agree with their hex. Errors as for cer_component_parse.
 */
KMS_CHECKED enum kms_status cer_sheet_parse(
	const char *text, size_t len, struct cer_sheet *ret_sheet, struct kms_err *err);

#endif
