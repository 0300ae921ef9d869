/* SPDX-License-Identifier: Apache-2.0 */
/* A child on a terminal of its own, driven as a person would: wait for a text, then type. */
#ifndef TEST_PTY_H
#define TEST_PTY_H

#include "base/buf.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <cmocka.h>

enum { PTY_PATIENCE_MS = 15000 };

struct pty {
	int master;
	int slave;  /* kept open here, so that its settings can be read after the child's end */
	int result; /* what the child reports, apart from its terminal */
	pid_t pid;
	struct buf out; /* everything that the terminal was sent */
	size_t seen;	/* up to here it was waited for */
	struct termios before;
};

/* body(arg, fd) runs in the child; what it writes to fd is its result. Its value is the exit
 * status. */
static inline void pty_start(struct pty *p, int (*body)(void *arg, int fd), void *arg)
{
	int pipes[2];

	*p = (struct pty){0};
	assert_int_equal(openpty(&p->master, &p->slave, NULL, NULL, NULL), 0);
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(tcgetattr(p->slave, &p->before), 0);
	p->pid = fork();
	assert_true(p->pid >= 0);
	if (p->pid == 0) {
		close(p->master);
		close(pipes[0]);
		if (login_tty(p->slave))
			_exit(99);
		_exit(body(arg, pipes[1]));
	}
	close(pipes[1]);
	p->result = pipes[0];
}

/* Reads what has come; false after `ms` without anything. */
static inline bool pty_read(struct pty *p, int ms)
{
	struct pollfd fd = {p->master, POLLIN, 0};
	char data[4096];
	ssize_t n;

	if (poll(&fd, 1, ms) <= 0)
		return false;
	n = read(p->master, data, sizeof(data));
	if (n <= 0)
		return false;
	assert_int_equal(buf_append(&p->out, data, (size_t)n, NULL), 0);
	return true;
}

static inline void pty_expect(struct pty *p, const char *text)
{
	const char *at;

	while (!p->out.data ||
		!(at = memmem(p->out.data + p->seen, p->out.len - p->seen, text, strlen(text))))
		if (!pty_read(p, PTY_PATIENCE_MS)) {
			kill(p->pid, SIGKILL);
			fail_msg("waited for '%s' in vain; the terminal shows:\n%s", text,
				p->out.data ? p->out.data + p->seen : "nothing");
		}
	p->seen = (size_t)(at - p->out.data) + strlen(text);
}

static inline void pty_type(struct pty *p, const char *text)
{
	assert_int_equal(write(p->master, text, strlen(text)), (ssize_t)strlen(text));
}

/* The usual turn. */
static inline void pty_answer(struct pty *p, const char *prompt, const char *text)
{
	pty_expect(p, prompt);
	pty_type(p, text);
}

/* The child's wait status; its result in `result`. The terminal must be as it was. */
static inline int pty_end(struct pty *p, char *result, size_t size)
{
	struct termios after;
	size_t len = 0;
	ssize_t n;
	int status = 0;

	while ((n = read(p->result, result + len, size - 1 - len)) > 0)
		len += (size_t)n;
	result[len] = 0;
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	while (pty_read(p, 0))
		;
	assert_int_equal(tcgetattr(p->slave, &after), 0);
	assert_int_equal(after.c_lflag, p->before.c_lflag);
	assert_int_equal(after.c_iflag, p->before.c_iflag);
	assert_true(after.c_lflag & ECHO);
	close(p->result);
	close(p->master);
	close(p->slave);
	return status;
}

static inline void pty_free(struct pty *p)
{
	buf_free(&p->out);
}

#endif
