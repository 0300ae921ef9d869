/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of component sheets, where no terminal shows them: DIR/LABEL-1.txt and so on, of mode 0600,
 * made before anything is drawn, filled one by one.
 */
#ifndef CLI_SHEETS_H
#define CLI_SHEETS_H

#include "base/secret.h"
#include "keys/key.h"

#include <limits.h>

struct sheets {
	const char *dir, *label;
	size_t count;
	char path[KEY_COMPONENTS_MAX][PATH_MAX];
	int fd[KEY_COMPONENTS_MAX];
	size_t made;
};

/* ctx: struct sheets. KMS_ERR_EXISTS if one of them is there already. */
KMS_CHECKED enum kms_status sheets_prepare(void *ctx, struct kms_err *err);
KMS_CHECKED enum kms_status sheets_write(
	void *ctx, unsigned number, const struct secret *sheet, struct kms_err *err);
/* Of a ceremony that came to nothing: overwritten, then removed. */
void sheets_remove(struct sheets *sheets);
void sheets_close(struct sheets *sheets);

#endif
