/* SPDX-License-Identifier: Apache-2.0 */
/* unlock, lock: a PIN into the agent, all of them out of it. */
#include "ops/ops.h"

#include "ops/agent.h"
#include "ops/hsms.h"
#include "ops/meta.h"
#include "ops/quorum.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { UNLOCK_SECONDS_MAX = 7 * 24 * 3600 };

struct unlock {
	const char *hsm; /* NULL: the principal one */
	const char *for_text;
	uint32_t seconds;
	char pin_name[AGENT_NAME_MAX + 1];
	struct secret pin;
};

static void unlock_clear(struct unlock *u)
{
	secret_free(&u->pin);
}

/* "90s", "30m", "12h", "2d". */
static enum kms_status parse_duration(const char *text, uint32_t *ret_seconds, struct kms_err *err)
{
	static const struct {
		char unit;
		unsigned long seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 24 * 3600}};
	char *end = NULL;
	unsigned long n = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;

	for (size_t i = 0; n && end && i < sizeof(units) / sizeof(units[0]); i++) {
		if (*end != units[i].unit || end[1] || n > UNLOCK_SECONDS_MAX / units[i].seconds)
			continue;
		*ret_seconds = (uint32_t)(n * units[i].seconds);
		return KMS_OK;
	}
	kms_fail(err, KMS_ERR_USAGE, "--for takes a time like 90s, 30m, 12h or 2d, not '%s'", text);
	return kms_hint(err, "at most 7d");
}

static enum kms_status unlock_check(struct op *op, struct kms_err *err)
{
	struct unlock *u = op->args;
	BUF_AUTO struct buf lines = {0};
	enum kms_status st = parse_duration(u->for_text, &u->seconds, err);

	if (!st)
		st = agent_status(op->site->dir, &lines, err);
	return st ? st : op_subject(op, err, "%s", u->hsm ? u->hsm : "principal HSM");
}

static enum kms_status login_principal(struct op *op, struct unlock *u, struct kms_err *err)
{
	struct op_site *site = op->site;
	struct op_quorum *quorum = NULL;
	enum kms_status st = op_quorum_find(site, &quorum, err);

	if (st)
		return st;
	if (quorum) {
		kms_fail(err, KMS_ERR_DENIED,
			"a quorum opens the principal HSM: no agent holds its PIN");
		return kms_hint(err, "name a production HSM by --hsm; 'cardkms hsm list' has them");
	}
	if (site->policy.vault_offline) {
		kms_fail(err, KMS_ERR_DENIED,
			"the principal HSM is offline by policy: no agent holds its PIN");
		return kms_hint(err, "name a production HSM by --hsm; 'cardkms hsm list' has them");
	}
	st = op_site_hsm(site, err);
	if (!st)
		st = op_token_login_asked(site, site->hsm, u->pin_name, "", &u->pin, err);
	site->logged_in = !st;
	return st;
}

static enum kms_status login_other(struct op *op, struct unlock *u, struct kms_err *err)
{
	char whose[64];
	struct op_hsm *h = NULL;
	enum kms_status st = op_hsm_open(op->site, u->hsm, &h, err);

	if (!st && !op_hsm_is_production(h)) {
		kms_fail(err, KMS_ERR_DENIED, "the HSM '%s' is a vault: no agent holds its PIN",
			u->hsm);
		return kms_hint(err, "name a production HSM; 'cardkms hsm list' has them");
	}
	if (st)
		return st;
	snprintf(whose, sizeof(whose), "%s HSM's ", u->hsm);
	st = op_token_login_asked(op->site, h->hsm, u->pin_name, whose, &u->pin, err);
	h->logged_in = !st;
	return st;
}

static enum kms_status unlock_validate(struct op *op, struct kms_err *err)
{
	struct unlock *u = op->args;
	enum kms_status st;

	snprintf(u->pin_name, sizeof(u->pin_name), "pin%s%s", u->hsm ? "." : "",
		u->hsm ? u->hsm : "");
	st = u->hsm ? login_other(op, u, err) : login_principal(op, u, err);
	if (!st)
		st = op_detail(op, "seconds", json_integer(u->seconds), err);
	if (!st)
		st = op_report(op, "hsm", json_string(op->subject), err);
	return st ? st : op_report(op, "seconds", json_integer(u->seconds), err);
}

static enum kms_status unlock_act(struct op *op, struct kms_err *err)
{
	const struct unlock *u = op->args;

	return agent_put(op->site->dir, u->pin_name, &u->pin, u->seconds, err);
}

enum kms_status op_unlock(struct op_site *site, const char *hsm, const char *for_text,
	json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {
		.name = "agent.unlock",
		.needs = OP_NEED_IDENTITY,
		.dual = DUAL_UNLOCK,
		.check = unlock_check,
		.validate = unlock_validate,
		.act = unlock_act,
	};
	struct unlock u __attribute__((cleanup(unlock_clear))) = {
		.hsm = hsm, .for_text = for_text ? for_text : "12h"};

	return op_run(site, &kind, &u, ret_report, err);
}

/* Before anything that could fail: what is to be locked is locked, even if it cannot be logged. */
static enum kms_status lock_check(struct op *op, struct kms_err *err)
{
	unsigned count = 0;
	enum kms_status st = KMS_OK;

	if (!op->site->dry_run)
		st = agent_forget_all(op->site->dir, &count, err);
	if (!st)
		st = op_subject(op, err, "agent");
	if (!st)
		st = op_detail(op, "forgotten", json_integer(count), err);
	return st ? st : op_report(op, "forgotten", json_integer(count), err);
}

enum kms_status op_lock(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	static const struct op_kind kind = {.name = "agent.lock", .check = lock_check};

	return op_run(site, &kind, NULL, ret_report, err);
}

/* ---- what it holds ---- */

enum kms_status op_agent_status(struct op_site *site, json_t **ret_report, struct kms_err *err)
{
	BUF_AUTO struct buf lines = {0};
	JS_AUTO json_t *rows = json_array();
	enum kms_status st = agent_status(site->dir, &lines, err);
	char name[AGENT_NAME_MAX + 1];
	long long left, given;
	int used;

	for (const char *p = buf_text(&lines);
		!st && sscanf(p, "%63s %lld %lld\n%n", name, &left, &given, &used) == 3; p += used)
		if (json_array_append_new(
			    rows, json_pack("{s:s, s:I, s:I}", "pin", name, "seconds_left",
					  (json_int_t)left, "given", (json_int_t)given)))
			st = kms_nomem(err);
	if (!st)
		*ret_report = json_incref(rows);
	return st;
}
