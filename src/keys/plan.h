/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key plans: the INI file from which `hsm setup` and `hsm update` make master key sets.
 * docs/formats/key-plan.md describes the file. A plan is accepted whole or not at all; each error
 * names file and line.
 */
#ifndef KEYS_PLAN_H
#define KEYS_PLAN_H

#include "base/err.h"
#include "keys/div.h"
#include "keys/key.h"

#include <stdint.h>

enum { KEY_PLAN_SETS_MAX = 256, KEY_PLAN_DIVS_MAX = 64, KEY_PLAN_FILE_MAX = 256 * 1024 };

enum key_period_unit {
	KEY_PERIOD_NONE,
	KEY_PERIOD_DAYS,
	KEY_PERIOD_MONTHS,
	KEY_PERIOD_YEARS,
};

struct key_period {
	enum key_period_unit unit; /* KEY_PERIOD_NONE: no end */
	unsigned count;
};

struct key_plan_set {
	int line; /* of the section's first entry */
	char name[KEY_SET_NAME_MAX + 1];
	char *customer; /* NULL: this site's own */
	enum key_alg alg;
	struct key_div div;
	unsigned key_version; /* KEY_VERSION_MIN … KEY_VERSION_MAX */
	bool exportable;      /* export = partner */
	struct key_period period;
};

struct key_plan {
	char *source; /* the file's name */
	char *name;
	unsigned char digest[32]; /* SHA-256 of the file's bytes */
	struct key_plan_set *sets;
	size_t count; /* 1 … KEY_PLAN_SETS_MAX */
};

#define KEY_PLAN_AUTO __attribute__((cleanup(key_plan_free)))

KMS_CHECKED enum kms_status key_plan_parse(const char *source, const char *text, size_t len,
	struct key_plan *ret_plan, struct kms_err *err);
KMS_CHECKED enum kms_status key_plan_load(
	const char *path, struct key_plan *ret_plan, struct kms_err *err);
void key_plan_free(struct key_plan *plan);

/* Key sets in 2TDEA: what needs a yes before anything is created. */
size_t key_plan_count_alg(const struct key_plan *plan, enum key_alg alg);

const struct key_plan_set *key_plan_find(const struct key_plan *plan, const char *set_name);

/* When a key that is activated at `from` expires; INT64_MAX without a cryptoperiod. */
int64_t key_period_end(const struct key_period *period, int64_t from);

/* "36 months", "1 year", "none"; the same words are parsed. */
enum { KEY_PERIOD_TEXT_SIZE = 24 };
void key_period_print(const struct key_period *period, char ret_text[KEY_PERIOD_TEXT_SIZE]);
KMS_CHECKED enum kms_status key_period_parse(
	const char *text, struct key_period *ret_period, struct kms_err *err);

#endif
