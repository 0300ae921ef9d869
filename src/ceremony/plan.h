/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ceremony file (docs/formats/ceremony.md): what will be done in a ceremony, to which key, by
 * whom, and in what room. It is agreed on and read aloud by its hash before anybody enters the room.
 *
 * Pure and strict: an unknown or missing name, one that its kind of ceremony has no use for, and one
 * person in two parts that exclude each other are errors that name file and line.
 */
#ifndef CEREMONY_PLAN_H
#define CEREMONY_PLAN_H

#include "base/conf.h"
#include "base/err.h"
#include "base/hash.h"
#include "ceremony/pairs.h"

#include <stdbool.h>
#include <stddef.h>

enum cer_plan_kind {
	CER_PLAN_HSM_SETUP,
	CER_PLAN_HSM_UPDATE,
	CER_PLAN_SITE_KEY_CREATE,
	CER_PLAN_SITE_KEY_RESTORE,
	CER_PLAN_TRANSPORT_CREATE,
	CER_PLAN_TRANSPORT_IMPORT,
	CER_PLAN_EXPORT,
	CER_PLAN_IMPORT,
	CER_PLAN_BACKUP,
	CER_PLAN_RESTORE,
	CER_PLAN_REPLICATE,
	CER_PLAN_DESTROY,
	CER_PLAN_KINDS,
};

/* What the file may say beside its kind and its people. */
enum cer_plan_field {
	CER_PLAN_TITLE,
	CER_PLAN_DATE, /* 2026-11-30 */
	CER_PLAN_PLACE,
	CER_PLAN_LABEL, /* of the key */
	CER_PLAN_ALGORITHM,
	CER_PLAN_WRAPPING,
	CER_PLAN_PARTNER,
	CER_PLAN_CHECK_VALUE,
	CER_PLAN_HSM,	   /* the other HSM of a replication */
	CER_PLAN_KEY_PLAN, /* files */
	CER_PLAN_REQUEST,
	CER_PLAN_PACKAGE,
	CER_PLAN_RECEIPT,
	CER_PLAN_BACKUP_FILE,
	CER_PLAN_PRINT, /* where component sheets are printed */
	CER_PLAN_FIELDS,
};

/* What must be so in the room before anything begins. */
enum cer_plan_condition {
	CER_PLAN_NO_SWAP = 1 << 0,
	CER_PLAN_NO_NETWORK = 1 << 1, /* no interface is up but the loopback */
	CER_PLAN_NO_CORE = 1 << 2,    /* no core dumps, no crash handler that gets them */
	CER_PLAN_CLOCK = 1 << 3,      /* a person confirms date and time */
};

enum { CER_PEOPLE_MAX = 16 };

struct cer_people {
	size_t count;
	char names[CER_PEOPLE_MAX][NAME_MAX_BYTES + 1];
};

struct cer_plan {
	enum cer_plan_kind kind;
	const char *fields[CER_PLAN_FIELDS]; /* NULL where the file says nothing; point into conf */
	struct cer_pairs pairs;		     /* count 0: a kind without components */
	struct cer_people officers;	     /* the two who approve */
	struct cer_people witnesses;
	struct cer_people attendees; /* all others in the room */
	unsigned conditions; /* enum cer_plan_condition, or-ed; all unless the file says no */
	unsigned char hash[HASH_SIZE]; /* SHA-256 of the file's bytes */
	struct conf conf;
};

#define CER_PLAN_AUTO __attribute__((cleanup(cer_plan_free)))

KMS_CHECKED enum kms_status cer_plan_parse(const char *source, const char *text, size_t len,
	struct cer_plan *ret_plan, struct kms_err *err);
KMS_CHECKED enum kms_status cer_plan_load(
	const char *path, struct cer_plan *ret_plan, struct kms_err *err);
void cer_plan_free(struct cer_plan *plan);

/* Whether a file of that kind may say it. */
bool cer_plan_may_say(enum cer_plan_kind kind, enum cer_plan_field field);

const char *cer_plan_kind_name(enum cer_plan_kind kind); /* "transport-key-create" */
/* Whether the components of a key are shown or typed in a ceremony of this kind; in that of a new HSM
 * they may be. */
bool cer_plan_has_components(enum cer_plan_kind kind);

#endif
