/* SPDX-License-Identifier: Apache-2.0 */
/* What the two parts of the batch commands share. */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "cli/cli.h"

#include <sys/types.h>

enum { CLI_WORKER_NAME = 96 };

/* HOST:PID, by which a worker holds its cards. */
void cli_batch_worker_name(pid_t pid, char ret_name[CLI_WORKER_NAME]);

KMS_CHECKED enum kms_status cli_batch_number(struct cli *cli, const char *option, long least,
	long most, long otherwise, long *ret_number, struct kms_err *err);

#endif
