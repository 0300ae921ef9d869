/* SPDX-License-Identifier: Apache-2.0 */
/* batch create, status, pause, resume, retry, report; worker. Running one: batch_run.c. */
#include "cli/batch.h"

#include "base/hash.h"
#include "base/hex.h"
#include "cli/commands.h"
#include "cli/front.h"
#include "ops/ops.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WHERE_SIZE = 2 * 4 + 1 }; /* hex of four bytes */

static const char status_columns[] =
	"batch do state cards queued leased done failed quarantined unknown";

static enum kms_status action_of(struct cli *cli, const char **ret_action, struct kms_err *err)
{
	static const char *const actions[] = {
		"inject", "replace", "verify", "issue", "personalise"};
	const char *text = cli_value(cli, "--do");

	for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++)
		if (strcmp(text, actions[i]) == 0) {
			*ret_action = actions[i];
			return KMS_OK;
		}
	return kms_fail(err, KMS_ERR_USAGE,
		"--do is inject, replace, verify, issue or personalise, not '%s'", text);
}

enum kms_status cli_batch_create(struct cli *cli, struct kms_err *err)
{
	struct op_batch in = {.name = cli->positional[0],
		.path = cli->positional[1],
		.keyset = cli_value(cli, "--keyset"),
		.from = cli_value(cli, "--from"),
		.customer = cli_value(cli, "--customer"),
		.script = cli_value(cli, "--script")};
	CLI_SITE_AUTO struct op_site *site = NULL;
	const json_t *line;
	long stop_after;
	size_t i;
	enum kms_status st = action_of(cli, &in.action, err);

	if (!st)
		st = cli_key_version(cli, "--key-version", 0x7F, &in.version, err);
	if (!st)
		st = cli_key_version(cli, "--from-version", 0xFF, &in.old_version, err);
	if (!st)
		st = cli_number(
			cli, "--stop-after", 0, 1000000, OP_BATCH_STOP_AFTER, &stop_after, err);
	if (st)
		return st;
	in.stop_after = stop_after;
	in.initial_given = pinfd_get(&cli->secrets, "initial.enc") != NULL;
	st = cli_open_site(cli, &site, err);
	if (!st)
		st = op_batch_create(site, &in, &cli->result, err);
	if (st)
		return st;
	json_array_foreach(json_object_get(cli->result, "malformed"), i, line)
	{
		cli_say("note: %s", json_string_value(line));
	}
	cli_print_fields(cli, cli->result, "batch cards");
	return KMS_OK;
}

enum kms_status cli_batch_status(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_batch_status(site, cli->positional[0], &cli->result, err);
	if (st)
		return st;
	if (json_is_array(cli->result))
		cli_print_table(cli, cli->result, status_columns);
	else
		cli_print_fields(cli, cli->result,
			"batch do state reason led_by cards queued leased done failed quarantined "
			"unknown");
	return KMS_OK;
}

static enum kms_status steer(struct cli *cli,
	enum kms_status (*op)(struct op_site *, const char *, json_t **, struct kms_err *),
	struct kms_err *err)
{
	OPEN_SITE;
	st = op(site, cli->positional[0], &cli->result, err);
	cli_print_fields(cli, cli->result, "batch state");
	return st;
}

enum kms_status cli_batch_pause(struct cli *cli, struct kms_err *err)
{
	return steer(cli, op_batch_pause, err);
}

enum kms_status cli_batch_resume(struct cli *cli, struct kms_err *err)
{
	return steer(cli, op_batch_resume, err);
}

enum kms_status cli_batch_retry(struct cli *cli, struct kms_err *err)
{
	const char *state = cli_value(cli, "--state");
	OPEN_SITE;

	if (!state)
		state = "failed";
	if (strcmp(state, "failed") != 0 && strcmp(state, "unknown") != 0 &&
		strcmp(state, "quarantined") != 0)
		return kms_fail(err, KMS_ERR_USAGE,
			"--state is failed, unknown or quarantined, not '%s'", state);
	st = op_batch_retry(site, cli->positional[0], state, &cli->result, err);
	cli_print_fields(cli, cli->result, "batch cards state");
	return st;
}

enum kms_status cli_batch_report(struct cli *cli, struct kms_err *err)
{
	OPEN_SITE;
	st = op_batch_report(site, cli->positional[0], cli_value(cli, "-o"), &cli->result, err);
	if (st)
		return st;
	cli_print_fields(cli, cli->result,
		"batch do state reason cards queued leased done failed quarantined unknown");
	cli_print_table(cli, json_object_get(cli->result, "not_done"),
		"line reader card state tries detail");
	return KMS_OK;
}

/* ---- a worker ---- */

static volatile int told_to_end;

static void on_signal(int signal)
{
	(void)signal;
	told_to_end = 1;
}

/* The kernel draws a new id at each start (random(4)); what is a process's number, its PID namespace says. */
static void where_we_are(char ret_where[WHERE_SIZE])
{
	const int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	unsigned char hash[HASH_SIZE] = {0};
	char text[200];
	const ssize_t boot = fd < 0 ? 0 : read(fd, text, sizeof(text) / 2);
	const ssize_t at = boot > 0 ? boot : 0;
	const ssize_t space = readlink("/proc/self/ns/pid", text + at, sizeof(text) / 2);
	struct kms_err ignored = {0};

	if (fd >= 0)
		close(fd);
	(void)!hash_sha256(text, (size_t)(at + (space > 0 ? space : 0)), hash, &ignored);
	hex_encode(hash, WHERE_SIZE / 2, ret_where);
}

void cli_batch_worker_name(pid_t pid, char ret_name[CLI_WORKER_NAME])
{
	char host[64] = "", where[WHERE_SIZE];

	if (gethostname(host, sizeof(host) - 1) != 0)
		strcpy(host, "localhost");
	where_we_are(where);
	snprintf(ret_name, CLI_WORKER_NAME, "%s:%ld:%s", host, (long)pid, where);
}

enum kms_status cli_worker(struct cli *cli, struct kms_err *err)
{
	char name[CLI_WORKER_NAME];
	const struct op_batch_work in = {
		.name = cli->positional[0], .worker = name, .end = &told_to_end};
	const struct sigaction act = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	OPEN_SITE;

	cli_batch_worker_name(getpid(), name);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGINT, &act, NULL);
	site->cards_name = cli_value(cli, "--hsm");
	st = op_batch_work(site, &in, &cli->result, err);
	cli_print_fields(cli, cli->result, "batch worker ended");
	return st;
}
