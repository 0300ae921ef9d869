/* SPDX-License-Identifier: Apache-2.0 */
/* People, keys and setups for tests of ceremonies. */
#ifndef SUPPORT_CER_FIXTURE_H
#define SUPPORT_CER_FIXTURE_H

#include "base/hex.h"
#include "ceremony/machine.h"
#include "ceremony/pairs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CER_FIXTURE_TIME = 1795454700 };

/* Eighteen people who are all different, two for each component. */
static inline struct cer_pairs cer_fixture_pairs(size_t count)
{
	static const char *const names[] = {"A. Ortiz", "B. Lindqvist", "C. Haddad", "D. Novak",
		"E. Sato", "F. Okafor", "G. Ruiz", "H. Weiss", "I. Tanaka", "J. Moreau", "K. Silva",
		"L. Jensen", "M. Rossi", "N. Kowalski", "O. Petrov", "P. Nguyen", "Q. Adeyemi",
		"R. Fischer"};
	struct cer_pairs pairs = {.count = count};

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < CER_PAIR_SIZE; j++)
			snprintf(pairs.pairs[i].names[j], sizeof(pairs.pairs[i].names[j]), "%s",
				names[i * CER_PAIR_SIZE + j]);
	return pairs;
}

/* Fingerprints 00 01 02 … and FF FE FD …; pairs must outlive the setup. */
static inline struct cer_setup cer_fixture_setup(
	enum cer_kind kind, enum key_alg alg, const struct cer_pairs *pairs)
{
	struct cer_setup setup = {
		.kind = kind,
		.alg = alg,
		.purpose = "transport key",
		.label = "TK-EXAMPLE-2026",
		.ceremony = kind == CER_CREATE ? "7F3K-22QD" : NULL,
		.pairs = pairs,
		.site = kind == CER_CREATE ? "Card Works" : "Example Bank",
		.partner = kind == CER_CREATE ? "Example Bank" : "Card Works",
		.first_serial = 17,
		.tries = 3,
		.now = CER_FIXTURE_TIME,
	};

	for (unsigned i = 0; i < CER_FINGERPRINT_BYTES; i++) {
		setup.here.fingerprint[i] = (unsigned char)i;
		setup.partner_identity.fingerprint[i] = (unsigned char)(0xFF - i);
	}
	return setup;
}

/* A failure of the fixture itself ends the program: no test can go on. */
static inline void cer_fixture_must(enum kms_status st, const struct kms_err *err)
{
	if (st) {
		fprintf(stderr, "fixture: %s\n", err->msg);
		abort();
	}
}

/* Component number `index`: bytes that depend on seed and index, never zero. */
static inline void cer_fixture_component(
	enum key_alg alg, unsigned seed, unsigned index, struct secret *out)
{
	struct kms_err err = {0};
	unsigned long long x = seed * 2654435761ULL + index * 40503ULL + 12345;

	cer_fixture_must(secret_alloc(out, key_alg_info(alg)->length, &err), &err);
	for (size_t i = 0; i < out->len; i++) {
		x = x * 6364136223846793005ULL + 1442695040888963407ULL;
		out->data[i] = (unsigned char)(x >> 40 | 2);
	}
}

/* The check value of one component by the algorithm's default method, as text. */
static inline void cer_fixture_kcv(
	enum key_alg alg, const struct secret *key, char text[KEY_KCV_TEXT_SIZE])
{
	struct kms_err err = {0};
	struct key_kcv kcv;

	cer_fixture_must(key_kcv_default(alg, key, &kcv, &err), &err);
	key_kcv_print(&kcv, text);
}

/* Whether text holds eight or more digits of the component in a row, blanks not counting. */
static inline bool cer_fixture_leaks(const char *text, const struct secret *component)
{
	char digits[2 * KEY_MAX_LEN + 1];
	size_t len = 0, text_len = strlen(text);
	char *squeezed = malloc(text_len + 1);
	bool leaks = false;

	for (size_t i = 0; i < text_len; i++)
		if (text[i] != ' ' && text[i] != '\n')
			squeezed[len++] = text[i] >= 'a' && text[i] <= 'f'
						  ? (char)(text[i] - 'a' + 'A')
						  : text[i];
	squeezed[len] = 0;
	hex_encode(component->data, component->len, digits);
	for (size_t i = 0; i + 8 <= 2 * component->len; i += 2)
		leaks |= memmem(squeezed, len, digits + i, 8) != NULL;
	free(squeezed);
	return leaks;
}

#endif
