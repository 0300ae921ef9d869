/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch run: leads the workers of a batch. They are processes of their own, since work on SoftHSM grows
 * with processes and not with threads, and since any of them may die: its cards go to the others.
 *
 *   each turn       those that have ended are buried, and replaced after a while
 *   half a second   how far it is, as a bar on a terminal; elsewhere a line each ten seconds
 *   five seconds    the batch is still led (half a second on a terminal)
 */
#include "cli/batch.h"
#include "cli/commands.h"
#include "cli/front.h"

#include "base/file.h"
#include "ops/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	WORKERS_MAX = 64,
	TICK_MS = 250,
	LEAD_MS = 5000,
	SHOW_TERMINAL_MS = 500,
	SHOW_MS = 10000,
	AGAIN_MS = 1000, /* before the first replacement; twice as long each time, at most: */
	AGAIN_MAX_MS = 30000,
	BAR = 24,
	SECRETS_FD = 3,
};

struct slot {
	pid_t pid; /* 0: none now */
	int64_t next_ms;
	int64_t wait_ms; /* before the next one is started */
	unsigned starts;
	char dead[CLI_WORKER_NAME]; /* who was here before, and is not buried yet; or "" */
};

struct run {
	struct cli *cli;
	struct op_site *site;
	const char *name;
	char runner[CLI_WORKER_NAME];
	char **hsms;
	size_t hsm_count;
	struct slot slots[WORKERS_MAX];
	size_t count;
	int64_t patience_ms, began_ms, moved_ms, led_ms, shown_ms;
	json_int_t ended_at_first, ended; /* cards that are not waiting */
	json_t *status;			  /* as it was seen last; NULL before the first time */
	bool terminal;
	unsigned died;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- a worker's process ---- */

/* A pipe holds them all: PINFD_MAX bytes are fewer than it takes. Nothing of them is copied elsewhere. */
static enum kms_status write_secrets(const struct pinfd *secrets, int fd, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < secrets->count; i++) {
		const struct pinfd_entry *entry = &secrets->entries[i];

		st = file_write_fd(fd, "a pipe", entry->name, strlen(entry->name), err);
		if (!st)
			st = file_write_fd(fd, "a pipe", "=", 1, err);
		if (!st)
			st = file_write_fd(fd, "a pipe", entry->value.data, entry->value.len, err);
		if (!st)
			st = file_write_fd(fd, "a pipe", "\n", 1, err);
	}
	return st;
}

/* In the child. It has no terminal to ask on, and no output but its complaints. */
static void become_worker(const struct run *r, const struct slot *slot, int secrets)
{
	const char *words[16] = {"cardkms", "-s", r->site->dir, "worker", r->name};
	size_t count = 5;
	int null = open("/dev/null", O_RDWR);

	if (r->hsm_count) {
		words[count++] = "--hsm";
		words[count++] = r->hsms[((size_t)(slot - r->slots) + slot->starts) % r->hsm_count];
	}
	if (secrets >= 0) {
		words[count++] = "--pin-fd";
		words[count++] = "3";
	}
	setsid();
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 ||
		(secrets >= 0 && secrets != SECRETS_FD && dup2(secrets, SECRETS_FD) < 0) ||
		(secrets == SECRETS_FD && fcntl(secrets, F_SETFD, 0) < 0))
		_exit(1);
	execv("/proc/self/exe", (char *const *)words);
	_exit(1);
}

static enum kms_status start(struct run *r, struct slot *slot, struct kms_err *err)
{
	const struct pinfd *secrets = &r->cli->secrets;
	int pipe_fds[2] = {-1, -1};
	enum kms_status st = KMS_OK;
	pid_t pid;

	if (secrets->count && pipe2(pipe_fds, O_CLOEXEC) != 0)
		return kms_fail(err, KMS_ERR_IO, "no pipe: %s", strerror(errno));
	if (secrets->count)
		st = write_secrets(secrets, pipe_fds[1], err);
	if (secrets->count)
		close(pipe_fds[1]);
	pid = st ? -1 : fork();
	if (pid == 0)
		become_worker(r, slot, pipe_fds[0]);
	if (pipe_fds[0] >= 0)
		close(pipe_fds[0]);
	if (st)
		return st;
	if (pid < 0)
		return kms_fail(err, KMS_ERR_IO, "cannot start a worker: %s", strerror(errno));
	slot->pid = pid;
	slot->starts++;
	return KMS_OK;
}

/* ---- what becomes of it ---- */

/* Its cards go to the others. The store may be away: then again, before another takes its place. */
static bool bury(struct run *r, struct slot *slot)
{
	struct kms_err err = {0};

	if (!slot->dead[0])
		return true;
	if (op_batch_bury(r->site, r->name, slot->dead, &err)) {
		cli_say("note: the cards of worker %s wait: %s", slot->dead, err.msg);
		slot->next_ms = now_ms() + AGAIN_MS;
		return false;
	}
	slot->dead[0] = 0;
	return true;
}

static void ended(struct run *r, struct slot *slot, int how)
{
	const bool failed = !WIFEXITED(how) || WEXITSTATUS(how) != 0;

	cli_batch_worker_name(slot->pid, slot->dead);
	if (WIFSIGNALED(how)) {
		r->died++;
		cli_say("note: worker %s was killed by signal %d", slot->dead, WTERMSIG(how));
	}
	slot->pid = 0;
	slot->wait_ms = !failed || WIFSIGNALED(how)	   ? AGAIN_MS
			: slot->wait_ms * 2 < AGAIN_MAX_MS ? slot->wait_ms * 2
							   : AGAIN_MAX_MS;
	slot->next_ms = now_ms() + slot->wait_ms;
	(void)bury(r, slot);
}

static size_t look_for_dead(struct run *r)
{
	size_t alive = 0;

	for (size_t i = 0; i < r->count; i++) {
		struct slot *slot = &r->slots[i];
		int how = 0;

		if (slot->pid && waitpid(slot->pid, &how, WNOHANG) == slot->pid)
			ended(r, slot, how);
		alive += slot->pid != 0;
	}
	return alive;
}

static json_int_t number(const struct run *r, const char *name)
{
	return json_integer_value(json_object_get(r->status, name));
}

static bool state_is(const struct run *r, const char *state)
{
	return r->status &&
	       strcmp(json_string_value(json_object_get(r->status, "state")), state) == 0;
}

static void show(struct run *r, bool last)
{
	const json_int_t cards = number(r, "cards"), here = r->ended - r->ended_at_first;
	const double seconds = (double)(now_ms() - r->began_ms) / 1000;
	const double rate = seconds > 0 ? (double)here / seconds : 0;
	const long left = rate > 0 ? (long)((double)(cards - r->ended) / rate) : 0;
	char bar[BAR + 1], text[200];
	size_t full = cards ? (size_t)(r->ended * BAR / cards) : 0;

	for (size_t i = 0; i < BAR; i++)
		bar[i] = i < full ? '#' : '.';
	bar[BAR] = 0;
	snprintf(text, sizeof(text),
		"%lld of %lld  done %lld  failed %lld  quarantined %lld  unknown %lld  %.1f/s  "
		"%ld:%02ld left",
		(long long)r->ended, (long long)cards, (long long)number(r, "done"),
		(long long)number(r, "failed"), (long long)number(r, "quarantined"),
		(long long)number(r, "unknown"), rate, left / 60, left % 60);
	if (r->terminal)
		fprintf(stderr, "\r[%s] %s\033[K%s", bar, text, last ? "\n" : "");
	else
		fprintf(stderr, "%s\n", text);
	r->shown_ms = now_ms();
}

/* The store may be away for a while: what was known last stands. */
static void look_at_batch(struct run *r)
{
	json_t *status = NULL;
	struct kms_err err = {0};
	enum kms_status st = op_batch_led(r->site, r->name, r->runner, &status, &err);
	json_int_t ended;

	r->led_ms = now_ms();
	if (st) {
		cli_say("note: the batch cannot be looked at: %s", err.msg);
		return;
	}
	json_decref(r->status);
	r->status = status;
	ended = number(r, "cards") - number(r, "queued") - number(r, "leased");
	if (ended != r->ended)
		r->moved_ms = now_ms();
	r->ended = ended;
}

/* ---- to its end ---- */

static enum kms_status start_those_due(struct run *r, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < r->count; i++)
		if (!r->slots[i].pid && r->slots[i].next_ms <= now_ms() && bury(r, &r->slots[i]))
			st = start(r, &r->slots[i], err);
	return st;
}

static void end_all(const struct run *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->slots[i].pid)
			kill(r->slots[i].pid, SIGTERM);
}

static enum kms_status pause_it(struct run *r, struct kms_err *err)
{
	JS_AUTO json_t *report = NULL;

	interrupted = 0;
	end_all(r);
	return state_is(r, "running") ? op_batch_pause(r->site, r->name, &report, err) : KMS_OK;
}

static enum kms_status turn(struct run *r, bool *ret_on, struct kms_err *err)
{
	size_t alive = look_for_dead(r);
	const int64_t now = now_ms();
	enum kms_status st = KMS_OK;

	if (interrupted)
		st = pause_it(r, err);
	if (now >= r->led_ms + (r->terminal ? SHOW_TERMINAL_MS : LEAD_MS) || alive == 0)
		look_at_batch(r);
	if (now >= r->shown_ms + (r->terminal ? SHOW_TERMINAL_MS : SHOW_MS))
		show(r, false);
	if (!st && (!r->status || state_is(r, "running"))) {
		if (now > r->moved_ms + r->patience_ms) {
			end_all(r);
			kms_fail(err, KMS_ERR_STATE, "no card was ended for %lld seconds",
				(long long)(r->patience_ms / 1000));
			return kms_hint(err,
				"batch '%s' can be run again; what the workers said "
				"stands above",
				r->name);
		}
		if (r->status)
			st = start_those_due(r, err);
	} else if (!st && alive == 0) {
		*ret_on = false;
	}
	return st;
}

static void run_clear(struct run *r)
{
	json_decref(r->status);
	cli_values_free(r->hsms, r->hsm_count);
}

static enum kms_status follow(struct run *r, struct kms_err *err)
{
	struct kms_err ignored = {0};
	bool on = true;
	enum kms_status st = KMS_OK;

	r->began_ms = r->moved_ms = now_ms();
	look_at_batch(r);
	r->ended_at_first = r->ended;
	while (!st && on) {
		st = turn(r, &on, err);
		if (!st && on)
			(void)poll(NULL, 0, TICK_MS);
	}
	while (st && look_for_dead(r))
		(void)poll(NULL, 0, TICK_MS);
	look_at_batch(r);
	show(r, true);
	/* If that cannot be said, it ends by itself. */
	(void)!op_batch_leave(r->site, r->name, r->runner, &ignored);
	return st;
}

/* All are done; or some are not, which is an answer; or it was stopped. */
static enum kms_status verdict(const struct run *r, struct kms_err *err)
{
	const char *reason = json_string_value(json_object_get(r->status, "reason"));

	if (state_is(r, "stopped")) {
		kms_fail(err, KMS_ERR_STATE, "the batch was stopped: %s", reason ? reason : "-");
		return kms_hint(err, "find out why, then 'cardkms batch resume %s'", r->name);
	}
	if (state_is(r, "paused")) {
		kms_fail(err, KMS_ERR_CANCELLED, "the batch was paused");
		return kms_hint(err, "'cardkms batch resume %s' makes it ready again", r->name);
	}
	if (number(r, "done") == number(r, "cards"))
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH, "%lld of %lld cards are not done",
		(long long)(number(r, "cards") - number(r, "done")), (long long)number(r, "cards"));
	return kms_hint(err, "'cardkms batch report %s' names them", r->name);
}

enum kms_status cli_batch_run(struct cli *cli, struct kms_err *err)
{
	const struct sigaction act = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
	struct run r __attribute__((cleanup(run_clear))) = {
		.cli = cli, .name = cli->positional[0], .terminal = isatty(2) && !cli->json};
	long workers, patience;
	OPEN_SITE;

	r.site = site;
	cli_batch_worker_name(getpid(), r.runner);
	st = cli_number(cli, "--workers", 1, WORKERS_MAX, 1, &workers, err);
	if (!st)
		st = cli_number(cli, "--patience", 1, 1000000, 300, &patience, err);
	if (!st)
		st = cli_values(cli, "--hsm", &r.hsms, &r.hsm_count, err);
	if (!st)
		st = op_batch_lead(site, r.name, r.runner, err);
	if (st)
		return st;
	r.count = (size_t)workers;
	r.patience_ms = (int64_t)patience * 1000;
	for (size_t i = 0; i < r.count; i++)
		r.slots[i].wait_ms = AGAIN_MS / 2;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	st = follow(&r, err);
	if (!r.status) /* it never came to be seen; follow said so */
		return st;
	if (json_object_set_new(r.status, "workers_killed", json_integer(r.died)))
		return kms_nomem(err);
	cli->result = json_incref(r.status);
	cli_print_fields(cli, cli->result,
		"batch state cards done failed quarantined unknown workers_killed");
	return st ? st : verdict(&r, err);
}
