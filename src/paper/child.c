/* SPDX-License-Identifier: Apache-2.0 */
#include "paper/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void in_child(enum kms_status (*draw)(const void *ctx, struct kms_err *err), const void *ctx,
	unsigned seconds, int out)
{
	struct kms_err result = {0};
	sigset_t alarm_only;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The parent may have blocked every signal while a terminal is open. */
	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	signal(SIGALRM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	alarm(seconds);
	if (draw(ctx, &result) == KMS_OK)
		result.code = KMS_OK;
	result.where = NULL;
	/* One write below PIPE_BUF: all of it or nothing arrives. */
	_Static_assert(sizeof(result) <= 4096, "an error fits into a pipe at once");
	_exit(write(out, &result, sizeof(result)) == (ssize_t)sizeof(result) ? 0 : 1);
}

static enum kms_status ended_badly(int status, unsigned seconds, struct kms_err *err)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		kms_fail(
			err, KMS_ERR_IO, "printing took longer than %u s and was stopped", seconds);
	else if (WIFSIGNALED(status))
		kms_fail(err, KMS_ERR_IO, "the printing process was ended by signal %d",
			WTERMSIG(status));
	else
		kms_fail(err, KMS_ERR_IO, "the printing process ended without a result");
	return kms_hint(err, "what has been printed so far is void");
}

enum kms_status paper_in_child(enum kms_status (*draw)(const void *ctx, struct kms_err *err),
	const void *ctx, unsigned seconds, struct kms_err *err)
{
	struct kms_err result;
	int ends[2], status = 0;
	ssize_t got;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return kms_fail(err, KMS_ERR_IO, "cannot print: %s", strerror(errno));
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		in_child(draw, ctx, seconds, ends[1]);
	}
	close(ends[1]);
	if (pid < 0) {
		close(ends[0]);
		return kms_fail(
			err, KMS_ERR_IO, "cannot start the printing process: %s", strerror(errno));
	}
	do
		got = read(ends[0], &result, sizeof(result));
	while (got < 0 && errno == EINTR);
	close(ends[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (got != (ssize_t)sizeof(result) || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return ended_badly(status, seconds, err);
	if (result.code && err)
		*err = result;
	return result.code;
}
