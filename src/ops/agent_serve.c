/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's own loop: one request at a time, none longer than a moment, forgotten when time is up. */
#include "ops/agent.h"

#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { REQUEST_SECONDS = 2, WAITING = 64 };

struct held {
	char name[AGENT_NAME_MAX + 1]; /* "" if the place is free */
	struct secret pin;
	int64_t until; /* seconds since the machine was started, sleep included */
	uint64_t given;
};

struct agent {
	struct held held[AGENT_PINS_MAX];
	struct sockaddr_un address;
	int folder, listener, signals;
	void (*say)(void *ctx, const char *text);
	void *ctx;
};

static int64_t now(void)
{
	const int64_t since_start = clock_since_start();

	/* Without a clock every PIN's time is over. */
	return since_start > 0 ? since_start : INT64_MAX;
}

static void forget(struct held *h)
{
	secret_free(&h->pin);
	*h = (struct held){0};
}

static unsigned forget_all(struct agent *a)
{
	unsigned count = 0;

	for (size_t i = 0; i < AGENT_PINS_MAX; i++) {
		count += a->held[i].name[0] != 0;
		forget(&a->held[i]);
	}
	return count;
}

static void forget_late(struct agent *a)
{
	for (size_t i = 0; i < AGENT_PINS_MAX; i++)
		if (a->held[i].name[0] && a->held[i].until <= now())
			forget(&a->held[i]);
}

/* Milliseconds until the next is to be forgotten; -1: none is held. */
static int wait_for(const struct agent *a)
{
	int64_t next = INT64_MAX, left;

	for (size_t i = 0; i < AGENT_PINS_MAX; i++)
		if (a->held[i].name[0] && a->held[i].until < next)
			next = a->held[i].until;
	if (next == INT64_MAX)
		return -1;
	left = next - now();
	return left <= 0 ? 0 : left > 3600 ? 3600 * 1000 : (int)left * 1000;
}

/* The place of that name, or with "" a free one. */
static struct held *place(struct agent *a, const char *name)
{
	for (size_t i = 0; i < AGENT_PINS_MAX; i++)
		if (strcmp(a->held[i].name, name) == 0)
			return &a->held[i];
	return NULL;
}

/* ---- one request ---- */

static void complain(struct agent *a, const char *what, long uid)
{
	char text[160];

	snprintf(text, sizeof(text), "agent: %s (uid %ld)", what, uid);
	a->say(a->ctx, text);
}

static bool answer(int fd, enum agent_code code, unsigned count, const void *value, size_t len)
{
	const struct agent_answer head = {
		.code = (uint8_t)code, .count = (uint8_t)count, .value_len = (uint16_t)len};

	return agent_send(fd, &head, sizeof(head)) && (len == 0 || agent_send(fd, value, len));
}

static bool give(struct agent *a, int fd, const char *name)
{
	struct held *h = *name ? place(a, name) : NULL;

	if (!h)
		return answer(fd, AGENT_NONE, 0, NULL, 0);
	h->given++;
	return answer(fd, AGENT_DONE, 0, h->pin.data, h->pin.len);
}

static bool take(struct agent *a, int fd, const struct agent_request *request, const char *name)
{
	SECRET_AUTO struct secret pin = {0};
	struct held *h = place(a, name);

	if (!*name || request->value_len == 0 || request->value_len > AGENT_PIN_MAX ||
		request->seconds == 0 || secret_alloc(&pin, request->value_len, NULL) ||
		!agent_receive(fd, pin.data, pin.len))
		return false;
	if (!h)
		h = place(a, "");
	if (!h)
		return answer(fd, AGENT_NONE, 0, NULL, 0);
	forget(h);
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->until = now() + request->seconds;
	secret_take(&h->pin, &pin);
	return answer(fd, AGENT_DONE, 0, NULL, 0);
}

static bool tell(const struct agent *a, int fd)
{
	char lines[AGENT_STATUS_MAX];
	size_t len = 0;

	for (size_t i = 0; i < AGENT_PINS_MAX; i++)
		if (a->held[i].name[0])
			len += (size_t)snprintf(lines + len, sizeof(lines) - len,
				"%s %" PRId64 " %" PRIu64 "\n", a->held[i].name,
				a->held[i].until - now(), a->held[i].given);
	return answer(fd, AGENT_DONE, 0, lines, len);
}

static bool serve(struct agent *a, int fd)
{
	struct agent_request request;
	char name[AGENT_NAME_MAX + 1] = "";
	struct held *h;

	if (!agent_receive(fd, &request, sizeof(request)) || request.name_len > AGENT_NAME_MAX ||
		!agent_receive(fd, name, request.name_len) || strlen(name) != request.name_len)
		return false;
	switch (request.ask) {
	case AGENT_GET:
		return give(a, fd, name);
	case AGENT_PUT:
		return take(a, fd, &request, name);
	case AGENT_FORGET:
		h = *name ? place(a, name) : NULL;
		if (h)
			forget(h);
		return answer(fd, h ? AGENT_DONE : AGENT_NONE, 0, NULL, 0);
	case AGENT_FORGET_ALL:
		return answer(fd, AGENT_DONE, forget_all(a), NULL, 0);
	case AGENT_STATUS:
		return tell(a, fd);
	default:
		return false;
	}
}

static void serve_next(struct agent *a)
{
	int fd = accept4(a->listener, NULL, NULL, SOCK_CLOEXEC);
	long uid;

	if (fd < 0)
		return;
	if (!agent_peer(fd, REQUEST_SECONDS, &uid))
		complain(a, "another user was refused", uid);
	else if (!serve(a, fd))
		complain(a, "a request was cut off or makes no sense", uid);
	close(fd);
}

/* ---- beginning and end ---- */

static enum kms_status bad(const char *what, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_IO, "cannot start the agent: %s: %s", what, strerror(errno));
}

/* The folder's lock, which ends with the process, is what makes it the only one. */
static enum kms_status begin(struct agent *a, const char *dir, struct kms_err *err)
{
	const char *path = a->address.sun_path;
	sigset_t ends;
	enum kms_status st = agent_address(dir, &a->folder, &a->address, err);

	if (st)
		return st;
	if (flock(a->folder, LOCK_EX | LOCK_NB)) {
		if (errno != EWOULDBLOCK)
			return bad(dir, err);
		kms_fail(err, KMS_ERR_BUSY, "the site '%s' has an agent already", dir);
		return kms_hint(err, "'cardkms agent --status' asks it what it holds");
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &ends, NULL))
		return bad("signals", err);
	a->signals = signalfd(-1, &ends, SFD_CLOEXEC);
	a->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (a->signals < 0 || a->listener < 0)
		return bad("socket", err);
	if (unlink(path) && errno != ENOENT)
		return bad(path, err);
	umask(0177);
	if (bind(a->listener, (const struct sockaddr *)&a->address, sizeof(a->address)) ||
		listen(a->listener, WAITING))
		return bad("agent.sock", err);
	return KMS_OK;
}

static void end(struct agent *a)
{
	forget_all(a);
	if (a->listener >= 0) {
		unlink(a->address.sun_path);
		close(a->listener);
	}
	if (a->signals >= 0)
		close(a->signals);
	if (a->folder >= 0)
		close(a->folder);
	free(a);
}

static inline void end_pointer(struct agent **a)
{
	if (*a)
		end(*a);
}

enum kms_status agent_serve(
	const char *dir, void (*say)(void *ctx, const char *text), void *ctx, struct kms_err *err)
{
	struct agent *a __attribute__((cleanup(end_pointer))) = calloc(1, sizeof(*a));
	enum kms_status st;

	if (!a)
		return kms_nomem(err);
	a->folder = a->listener = a->signals = -1;
	a->say = say;
	a->ctx = ctx;
	st = begin(a, dir, err);
	if (st)
		return st;
	say(ctx, "agent: ready");
	for (;;) {
		struct pollfd fds[] = {{.fd = a->signals, .events = POLLIN},
			{.fd = a->listener, .events = POLLIN}};

		if (poll(fds, 2, wait_for(a)) < 0 && errno != EINTR)
			return bad("poll", err);
		forget_late(a);
		if (fds[0].revents)
			return KMS_OK;
		if (fds[1].revents)
			serve_next(a);
	}
}
