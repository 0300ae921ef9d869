/* SPDX-License-Identifier: Apache-2.0 */
#include "support/forward.h"

#include "support/folder.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS_MAX = 24 };

static void run_server(const struct forward *f, const char *where, const char *module,
	const char *options, int ready)
{
	char state[96], faults[96], words[128];
	const char *argv[WORDS_MAX] = {FORWARD_DAEMON, "-s", state, "-f", faults, "-l", where};
	size_t n = 7;

	snprintf(state, sizeof(state), "%s", f->dir);
	snprintf(faults, sizeof(faults), "%s/faults", f->dir);
	snprintf(words, sizeof(words), "%s", options);
	for (char *w = strtok(words, " "); w && n < WORDS_MAX - 2; w = strtok(NULL, " "))
		argv[n++] = w;
	argv[n++] = module;
	dup2(ready, STDOUT_FILENO);
	execv(FORWARD_DAEMON, (char *const *)(uintptr_t)argv);
	_exit(127);
}

void forward_start_at(struct forward *f, const char *where, const char *module, const char *options)
{
	char word[8] = "", own[96];
	int pipes[2];

	folder_make(f->dir, "forward");
	snprintf(own, sizeof(own), "%s/socket", f->dir);
	if (!where)
		where = own;
	folder_check(!pipe(pipes), "pipe");
	folder_check(!setenv("KILLP11_SOCKET", where, 1), "setenv");
	f->pid = fork();
	folder_check(f->pid >= 0, "fork");
	if (f->pid == 0)
		run_server(f, where, module, options, pipes[1]);
	close(pipes[1]);
	folder_check(read(pipes[0], word, sizeof(word) - 1) >= 5 && !strncmp(word, "ready", 5),
		FORWARD_DAEMON);
	close(pipes[0]);
}

void forward_start(struct forward *f, const char *module, const char *options)
{
	forward_start_at(f, NULL, module, options);
}

void forward_faults(const struct forward *f, const char *faults)
{
	char path[96];
	FILE *out;

	snprintf(path, sizeof(path), "%s/faults", f->dir);
	out = fopen(path, "w");
	folder_check(out != NULL, path);
	fputs(faults, out);
	folder_check(!fclose(out), path);
}

void forward_stop(struct forward *f)
{
	if (!f->pid)
		return;
	kill(f->pid, SIGTERM);
	waitpid(f->pid, NULL, 0);
	f->pid = 0;
	folder_remove(f->dir);
}
