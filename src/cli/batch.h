/* SPDX-License-Identifier: Apache-2.0 */
/* What the two parts of the batch commands share. */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "cli/cli.h"

#include <sys/types.h>

enum { CLI_WORKER_NAME = 96 };

/* HOST:PID, by which a worker holds its cards. */
void cli_batch_worker_name(pid_t pid, char ret_name[CLI_WORKER_NAME]);

#endif
