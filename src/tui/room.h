/* SPDX-License-Identifier: Apache-2.0 */
/* The room of a key ceremony on the full screen: the face of ceremony/drive.h. */
#ifndef TUI_ROOM_H
#define TUI_ROOM_H

#include "base/err.h"
#include "ceremony/drive.h"
#include "ceremony/machine.h"
#include "tui/screen.h"

enum { TUI_REVEAL_SECONDS = 120 }; /* four lines are copied in that time; Space shows them again */

/*
 * As room_run of cli/room.h: until the machine wants its components combined or is done. Whatever
 * happens, nothing of a component is on the screen afterwards, and a ceremony that cannot go on is
 * cer_abort-ed with its reason. The machine must not be unattended.
 */
KMS_CHECKED enum kms_status tui_room_run(
	struct tui *t, const struct cer_printer *printer, struct cer *c, struct kms_err *err);

#endif
