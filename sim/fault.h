/* SPDX-License-Identifier: Apache-2.0 */
/* Faults on order: what goes wrong with the n-th command of a card. Each happens once. */
#ifndef SIM_FAULT_H
#define SIM_FAULT_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sim_fault_kind {
	SIM_DROP_BEFORE, /* power is lost before the command does anything */
	SIM_DROP_AFTER,	 /* … after it has done everything, before the response */
	SIM_DROP_WRITE,	 /* … instead of the n-th write to the card's memory */
	SIM_SW,		 /* the command is not run; this status comes back */
	SIM_SW_AFTER,	 /* the command is run; this status comes back */
	SIM_SHORT,	 /* only the first `value` bytes of the response come back */
	SIM_LONG,	 /* `value` bytes too many come back, before the status */
	SIM_CORRUPT,	 /* the last byte of the response data comes back changed */
	SIM_MUTE,	 /* no response, ever */
	SIM_SWAP,	 /* another card gets the command, and all after it */
	SIM_SLOW,	 /* every response takes `at` milliseconds longer */
};

struct sim_fault {
	enum sim_fault_kind kind;
	uint32_t at; /* 1 is the first */
	uint32_t value;
};

enum { SIM_FAULTS_MAX = 16 };

struct sim_faults {
	struct sim_fault list[SIM_FAULTS_MAX];
	size_t count;
};

/* drop-before:N drop-after:N drop-write:N sw:N:6A80 sw-after:N:6A80 short:N[:BYTES]
 * long:N[:BYTES] corrupt:N mute:N swap:N slow:MS */
KMS_CHECKED enum kms_status sim_fault_parse(
	struct sim_faults *faults, const char *text, struct kms_err *err);

/* The fault of that kind for command n, or NULL. */
const struct sim_fault *sim_fault_at(
	const struct sim_faults *faults, enum sim_fault_kind kind, uint32_t n);
/* The first of that kind, or NULL. */
const struct sim_fault *sim_fault_any(const struct sim_faults *faults, enum sim_fault_kind kind);

/* What SHORT, LONG, CORRUPT and SW_AFTER make of a response of at most max bytes. */
size_t sim_fault_response(const struct sim_faults *faults, uint32_t n, unsigned char *response,
	size_t len, size_t max);

#endif
