/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The room of a key ceremony: drives a struct cer (ceremony/machine.h), on a terminal with people or
 * from the secrets of --pin-fd without.
 *
 * Both go on until the machine wants its components combined (CER_STEP_COMBINE), is done or has
 * failed. Who called combines in the HSM, gives cer_answer_combined, and is through: no step that
 * needs people follows. Whatever happens, the terminal is wiped and as before on return, and a
 * ceremony that cannot go on is cer_abort-ed with its reason.
 */
#ifndef CLI_ROOM_H
#define CLI_ROOM_H

#include "base/err.h"
#include "ceremony/drive.h"
#include "ceremony/machine.h"
#include "cli/pinfd.h"
#include "tui/term.h"

/* The machine must not be unattended; printer: NULL, or where its sheets go. KMS_OK: cer_next is
 * COMBINE or DONE. */
KMS_CHECKED enum kms_status room_run(
	struct term *t, const struct cer_printer *printer, struct cer *c, struct kms_err *err);

/*
 * For an unattended import: answers with component.N, check-value.N and, where given, ceremony.N
 * (the id on the sheet). Any refusal ends the ceremony.
 */
KMS_CHECKED enum kms_status room_run_secrets(
	struct pinfd *secrets, struct cer *c, struct kms_err *err);

#endif
