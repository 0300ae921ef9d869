/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Key ceremonies as state machines: create (a key's components are shown, each to its pair) and
 * import (each pair types its component, the key is rebuilt).
 *
 * Pure: no terminal, file, HSM, store or clock. A driver (terminal, test, later a full-screen
 * interface) asks cer_next what to do, does it, and answers with the time of the answer:
 *
 *	while (cer_state(c) == CER_RUNNING) {
 *		cer_next(c, &step);
 *		... step.kind says which cer_answer_ function it wants ...
 *	}
 *
 * Invariants
 * - One pair at a time: between the component of one pair and the call of the next stands a
 *   CER_STEP_CLEAR, whatever was answered.
 * - A component counts only after its check value agreed; CER_DONE is reached only after all did and
 *   the combined check value agreed with what was expected.
 * - struct cer owns every component it was given or read, and wipes all of them the moment it is
 *   done or has failed. Messages, texts, notes and events never hold a digit of a component, save
 *   step.sheet, which is a struct secret.
 * - A refused answer (wrong digits, wrong check value) lets the pair try again until setup.tries
 *   are used up; then, or where trying again cannot help, the state is CER_FAILED.
 */
#ifndef CEREMONY_MACHINE_H
#define CEREMONY_MACHINE_H

#include "base/err.h"
#include "base/secret.h"
#include "ceremony/pairs.h"
#include "ceremony/sheet.h"
#include "keys/kcv.h"
#include "keys/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum cer_kind { CER_CREATE, CER_IMPORT };

enum cer_state { CER_RUNNING, CER_DONE, CER_FAILED };

enum cer_step_kind {
	CER_STEP_INTRODUCE, /* say what will happen: cer_answer_ok */
	CER_STEP_ROOM,	    /* confirm people and both fingerprints: cer_answer_ok or _refuse */
	CER_STEP_CALL,	    /* call step.pair, all others leave or turn away: cer_answer_ok */
	CER_STEP_COMPARE,   /* import: are these the fingerprints on the sheet? _ok or _refuse */
	CER_STEP_SHOW,	    /* show step.sheet (or write it to a file): cer_answer_ok */
	CER_STEP_RETYPE,    /* the pair types the check value it wrote down: cer_answer_text */
	CER_STEP_ASK_ID,    /* the ceremony id on the sheet, "" if none: cer_answer_text */
	CER_STEP_ASK_COMPONENT, /* the digits as typed: cer_answer_secret */
	CER_STEP_ASK_CHECK,	/* the component's check value from the sheet: cer_answer_text */
	CER_STEP_CLEAR,		/* wipe screen and scrollback: cer_answer_ok */
	CER_STEP_COMBINE,	/* combine cer_component 1 to n, then cer_answer_combined */
	CER_STEP_DONE,
	CER_STEP_FAILED, /* step.text has the reason */
};

struct cer_step {
	enum cer_step_kind kind;
	unsigned component; /* 1 to components; 0 where it concerns the whole */
	unsigned components;
	const struct cer_pair *pair; /* of this component, or NULL */
	unsigned done, steps;	     /* how many are behind, of how many in all */
	size_t key_len;		     /* bytes of a component */
	unsigned tries_left;	     /* wrong answers that this pair may still give */
	uint32_t serial;	     /* create: of the component's sheet */
	bool printed;		     /* the sheet comes from a printer, and is not on the screen */
	const char *title;	     /* one line; valid until the next answer, like all below */
	const char *text;	     /* what to say to people: lines, each ended by a newline */
	const struct secret *sheet;  /* CER_STEP_SHOW only */
	const char *check_value;     /* CER_STEP_SHOW and CER_STEP_RETYPE: of the component */
};

/* Borrowed; cer_new copies what it keeps. */
struct cer_setup {
	enum cer_kind kind;
	enum key_alg alg;
	enum key_kcv_method method; /* of the check values; 0 means the algorithm's default */
	const char *purpose;	    /* cer_purpose_known: "transport key", … */
	const char *label;
	const char *ceremony;	       /* id: create must have one; import: expected one or NULL */
	const struct cer_pairs *pairs; /* says how many components */
	const char *site;	       /* this organisation's name */
	/* This site's; at a restore without a partner, the one that it had when the key was made. */
	struct cer_identity here;
	const char *partner; /* its name, or NULL if there is none (site and zone keys) */
	struct cer_identity partner_identity;
	uint32_t first_serial;		/* create: sheet of component 1; the others follow */
	const struct key_kcv *expected; /* combined; import must have it, create may: else NULL */
	unsigned tries;	 /* wrong answers a pair may give before it all stops; 1 to 9 */
	bool printed;	 /* create: sheets are printed, not copied from the screen */
	bool unattended; /* no people to call: only SHOW, ASK_ and COMBINE steps come */
	bool rehearsal;	 /* all components are test components (rehearsal.h), else none is */
	int64_t now;
};

struct cer_event {
	int64_t time;
	unsigned component; /* 0: the whole ceremony */
	const char *what;   /* stable word: "opened", "room", "called", "compared", "shown",
			       "printed", "void", "confirmed", "entered", "accepted", "refused", "cleared", "combined",
			       "done", "failed" */
	char text[400];	    /* for people; never a component's digits */
};

struct cer;

/*
 * Create takes `components` (an array of setup->pairs->count full-length components drawn from the
 * HSM's random generator; left empty); import takes NULL. Refuses a component that is all zero, of
 * wrong length or equal to another.
 */
KMS_CHECKED enum kms_status cer_new(const struct cer_setup *setup, struct secret *components,
	struct cer **ret_cer, struct kms_err *err);
void cer_free(struct cer *c);

#define CER_AUTO __attribute__((cleanup(cer_free_pointer)))
static inline void cer_free_pointer(struct cer **p)
{
	cer_free(*p);
}

enum cer_state cer_state(const struct cer *c);
void cer_next(const struct cer *c, struct cer_step *ret_step);

/*
 * Each returns KMS_OK if the answer was accepted. KMS_ERR_STATE: not what the step asked for, and
 * nothing changed. Anything else: the answer was refused; cer_state tells whether to go on.
 */
KMS_CHECKED enum kms_status cer_answer_ok(struct cer *c, int64_t now, struct kms_err *err);
KMS_CHECKED enum kms_status cer_answer_text(
	struct cer *c, const char *text, int64_t now, struct kms_err *err);
KMS_CHECKED enum kms_status cer_answer_secret(
	struct cer *c, const struct secret *text, int64_t now, struct kms_err *err);
/* The check value of the combined key, computed from the key itself, by setup.method. */
KMS_CHECKED enum kms_status cer_answer_combined(
	struct cer *c, const struct key_kcv *kcv, int64_t now, struct kms_err *err);
/* Somebody says no to what CER_STEP_ROOM or CER_STEP_COMPARE shows. Always KMS_ERR_CANCELLED: the
 * ceremony has failed. */
KMS_CHECKED enum kms_status cer_answer_refuse(struct cer *c, int64_t now, struct kms_err *err);

/*
 * While the step is CER_STEP_SHOW and sheets are printed: what came out is void, and so is its serial
 * number. The component gets another sheet, of serial number `serial`. `why` holds no secret.
 */
KMS_CHECKED enum kms_status cer_answer_void(
	struct cer *c, uint32_t serial, const char *why, int64_t now, struct kms_err *err);

/* Stops the ceremony from outside (Ctrl-C, an HSM error); wipes everything. `why` holds no secret. */
void cer_abort(struct cer *c, const char *why, int64_t now);

/* Component 1 to n, borrowed, while the step is CER_STEP_COMBINE; NULL at any other time. */
const struct secret *cer_component(const struct cer *c, unsigned component);

/* Check values as they are accepted: of component 1 to n, or 0 for the combined key; NULL before. */
const struct key_kcv *cer_check_value(const struct cer *c, unsigned component);

/* Of the sheet of component 1 to n; 0 in an import. */
uint32_t cer_serial(const struct cer *c, unsigned component);

/* The ceremony's id: of this one (create), or as the sheets say (import; "" if they say nothing). */
const char *cer_ceremony_id(const struct cer *c);

/* The record for the minutes. */
size_t cer_event_count(const struct cer *c);
const struct cer_event *cer_event(const struct cer *c, size_t index);

#endif
