/* SPDX-License-Identifier: Apache-2.0 */
/* What the two parts of the batch commands share. */
#ifndef CLI_BATCH_H
#define CLI_BATCH_H

#include "cli/cli.h"

#include <sys/types.h>

enum { CLI_WORKER_NAME = 96 };

/*
 * HOST:PID:WHERE, by which a worker holds its cards and a leader its batch. Machines that were made from one
 * image may have one host name, and the same numbers of processes: WHERE tells two of them apart, and two containers of
 * one machine.
 */
void cli_batch_worker_name(pid_t pid, char ret_name[CLI_WORKER_NAME]);

#endif
