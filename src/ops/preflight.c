/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/preflight.h"

#include "base/clock.h"
#include "base/file.h"
#include "ceremony/separation.h"
#include "ops/ceremony.h"
#include "ops/custody.h"
#include "ops/meta.h"
#include "ops/officer_lock.h"
#include "ops/op.h"
#include "ops/token.h"
#include "paper/output.h"
#include "paper/sheet.h"
#include "store/people.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct look {
	struct op_site *site;
	const struct cer_plan *plan;
	json_t *rows;
	unsigned failed;
};

static enum kms_status tell(struct look *look, const char *condition, bool asked, bool good,
	const char *detail, struct kms_err *err)
{
	const char *state = good ? "ok" : asked ? "failed" : "not asked";

	look->failed += asked && !good;
	if (json_array_append_new(look->rows, json_pack("{s:s, s:s, s:s}", "condition", condition,
						      "state", state, "detail", detail)))
		return kms_nomem(err);
	return KMS_OK;
}

/* ---- the machine ---- */

/* /proc/swaps: a heading, then a line for each area. */
static enum kms_status no_swap(struct look *look, struct kms_err *err)
{
	FILE *f = fopen("/proc/swaps", "re");
	char line[256], first[256] = "";
	int lines = 0;

	while (f && fgets(line, sizeof(line), f))
		if (lines++ == 1)
			sscanf(line, "%255s", first);
	if (f)
		fclose(f);
	if (lines == 1)
		return tell(look, "no-swap", look->plan->conditions & CER_PLAN_NO_SWAP, true,
			"no swap area is on", err);
	snprintf(line, sizeof(line), "%.200s: turn it off with swapoff -a",
		lines ? first : "/proc/swaps cannot be read");
	return tell(look, "no-swap", look->plan->conditions & CER_PLAN_NO_SWAP, false, line, err);
}

static enum kms_status no_network(struct look *look, struct kms_err *err)
{
	const bool asked = look->plan->conditions & CER_PLAN_NO_NETWORK;
	char detail[IF_NAMESIZE + 40] = "no interface is up but the loopback";
	struct ifaddrs *list = NULL;
	bool good = true;

	if (getifaddrs(&list))
		return tell(
			look, "no-network", asked, false, "the interfaces cannot be listed", err);
	for (const struct ifaddrs *i = list; i && good; i = i->ifa_next)
		if ((i->ifa_flags & IFF_UP) && !(i->ifa_flags & IFF_LOOPBACK)) {
			good = false;
			snprintf(detail, sizeof(detail), "interface %.*s is up", IF_NAMESIZE,
				i->ifa_name);
		}
	freeifaddrs(list);
	return tell(look, "no-network", asked, good, detail, err);
}

/* The program itself leaves no core (base/secret.h); a terminal or shell beside it may. */
static enum kms_status no_core(struct look *look, struct kms_err *err)
{
	const bool asked = look->plan->conditions & CER_PLAN_NO_CORE;
	FILE *f = fopen("/proc/sys/kernel/core_pattern", "re");
	char pattern[200] = "", detail[300];
	bool piped;

	if (!f || !fgets(pattern, sizeof(pattern), f))
		pattern[0] = 0;
	if (f)
		fclose(f);
	pattern[strcspn(pattern, "\n")] = 0;
	piped = pattern[0] == '|';
	if (piped)
		snprintf(detail, sizeof(detail),
			"a crash handler gets core dumps (%s): set kernel.core_pattern", pattern);
	else
		snprintf(detail, sizeof(detail), "core dumps go to no crash handler");
	return tell(look, "no-core", asked, !piped, detail, err);
}

static enum kms_status memory_is_locked(struct look *look, struct kms_err *err)
{
	/* A process that got this far has its secret heap: secret_heap_open refuses otherwise. */
	struct rlimit limit = {0};
	char detail[80];

	getrlimit(RLIMIT_MEMLOCK, &limit);
	if (limit.rlim_cur == RLIM_INFINITY)
		snprintf(detail, sizeof(detail), "locked, without a limit");
	else
		snprintf(detail, sizeof(detail), "locked (limit %lu KiB)",
			(unsigned long)limit.rlim_cur / 1024);
	return tell(look, "secret memory", true, true, detail, err);
}

static enum kms_status clock_is_right(struct look *look, struct kms_err *err)
{
	const char *date = look->plan->fields[CER_PLAN_DATE];
	struct kms_err why = {0};
	char now[CLOCK_TEXT_SIZE], detail[200];
	int64_t time;

	if (op_log_clock(look->site, &time, &why)) {
		snprintf(detail, sizeof(detail), "%.190s", why.msg);
		return tell(look, "clock", true, false, detail, err);
	}
	clock_format(time, now);
	if (strncmp(now, date, strlen(date)) == 0)
		snprintf(detail, sizeof(detail), "%s", now);
	else
		snprintf(detail, sizeof(detail), "it is %s, and the ceremony is for %s", now, date);
	return tell(look, "clock", look->plan->conditions & CER_PLAN_CLOCK,
		strncmp(now, date, strlen(date)) == 0, detail, err);
}

/* ---- the site ---- */

static enum kms_status token_is_there(struct look *look, struct kms_err *err)
{
	/* Setup makes the token, restore fills an empty one. */
	const bool fresh =
		look->plan->kind == CER_PLAN_HSM_SETUP || look->plan->kind == CER_PLAN_RESTORE;
	enum op_token token = OP_TOKEN_ABSENT;
	struct kms_err why = {0};
	char detail[300];

	if (op_token_state(look->site, &token, &why)) {
		snprintf(detail, sizeof(detail), "%.290s", why.msg);
		return tell(look, "token", true, false, detail, err);
	}
	if (token == OP_TOKEN_READY || fresh)
		return tell(look, "token", true, true,
			token == OP_TOKEN_READY ? "ready" : "an empty slot is free", err);
	return tell(look, "token", true, false, "the token is not set up", err);
}

static enum kms_status officers_are_known(struct look *look, struct kms_err *err)
{
	char detail[NAME_MAX_BYTES + 140] = "both are enrolled and active";
	struct kms_err why = {0};
	bool good = true;

	for (size_t i = 0; good && i < look->plan->officers.count; i++) {
		STORE_AUTO(officer) struct store_officer row = {0};
		const char *name = look->plan->officers.names[i];
		char folded[NAME_MAX_BYTES + 1];
		enum kms_status st;

		name_fold(name, folded);
		st = store_officer_get(look->site->store, folded, name, &row, err);
		if (st && st != KMS_ERR_NOT_FOUND)
			return st;
		good = !st && strcmp(row.state, "active") == 0;
		if (good && !officer_lock_check(look->site, &row, &why))
			continue;
		if (good)
			snprintf(detail, sizeof(detail), "%.200s", why.msg);
		else
			snprintf(detail, sizeof(detail), "%s is no active officer of this site",
				name);
		good = false;
		kms_err_clear(err);
	}
	return tell(look, "officers", true, good, detail, err);
}

/* Nobody gets a second component of a key; who acts for it holds none (ceremony/separation.h). */
static enum kms_status parts_are_apart(struct look *look, struct kms_err *err)
{
	const struct cer_plan *plan = look->plan;
	const char *label = plan->fields[CER_PLAN_LABEL];
	struct op_custodians held __attribute__((cleanup(op_custodians_free))) = {0};
	JS_AUTO json_t *overrides = json_array();
	struct op op = {.site = look->site, .overrides = overrides};
	struct cer_person people[2];
	struct kms_err why = {0};
	char detail[300];
	enum kms_status st;

	if (!label)
		return KMS_OK;
	st = op_custodians_of(look->site, label, &held, err);
	if (st)
		return st;
	for (size_t i = 0; i < 2; i++) {
		people[i] = (struct cer_person){plan->officers.names[i], "approve"};
		op.officers[i] = (char *)plan->officers.names[i]; /* who would override */
	}
	st = custody_rule_pairs(&op, label, &plan->pairs, &why);
	if (!st)
		st = cer_separation_check(label, held.items, held.count, people, 2, &why);
	snprintf(detail, sizeof(detail), "%.290s",
		st ? why.msg : "nobody holds a part that excludes another");
	return tell(look, "separation", true, !st, detail, err);
}

static enum kms_status partner_is_known(struct look *look, struct kms_err *err)
{
	const char *name = look->plan->fields[CER_PLAN_PARTNER];
	STORE_AUTO(partner) struct store_partner row = {0};
	enum kms_status st;

	if (!name)
		return KMS_OK;
	st = store_partner_get(look->site->store, name, &row, err);
	if (st && st != KMS_ERR_NOT_FOUND)
		return st;
	kms_err_clear(err);
	return tell(look, "partner", true, !st, st ? "not enrolled" : row.fingerprint, err);
}

static enum kms_status files_are_there(struct look *look, struct kms_err *err)
{
	static const enum cer_plan_field read[] = {CER_PLAN_KEY_PLAN, CER_PLAN_REQUEST};
	enum kms_status st = KMS_OK;

	for (size_t i = 0; !st && i < sizeof(read) / sizeof(*read); i++) {
		const char *path = look->plan->fields[read[i]];

		if (path)
			st = tell(look, "file", true, access(path, R_OK) == 0, path, err);
	}
	/* The same line of the file names what an import reads and what an export writes. */
	if (!st && look->plan->fields[CER_PLAN_PACKAGE])
		st = tell(look, "file", true,
			(access(look->plan->fields[CER_PLAN_PACKAGE], F_OK) == 0) ==
				(look->plan->kind == CER_PLAN_IMPORT),
			look->plan->fields[CER_PLAN_PACKAGE], err);
	if (!st && look->plan->fields[CER_PLAN_BACKUP_FILE])
		st = tell(look, "file", true,
			(access(look->plan->fields[CER_PLAN_BACKUP_FILE], F_OK) == 0) ==
				(look->plan->kind == CER_PLAN_RESTORE),
			look->plan->fields[CER_PLAN_BACKUP_FILE], err);
	return st;
}

static enum kms_status printer_is_there(struct look *look, struct kms_err *err)
{
	const char *where = look->plan->fields[CER_PLAN_PRINT];
	const char *label = look->plan->fields[CER_PLAN_LABEL];
	struct paper_output output;
	struct kms_err why = {0};
	char detail[300];
	enum kms_status st;

	if (!where || !label)
		return KMS_OK;
	st = paper_output_open(where, &output, &why);
	if (!st)
		st = paper_sheet_check(label, &look->plan->pairs, &why);
	snprintf(detail, sizeof(detail), "%.290s", st ? why.msg : where);
	return tell(look, "printer", true, !st, detail, err);
}

enum kms_status op_preflight(
	struct op_site *site, const struct cer_plan *plan, json_t **ret_rows, struct kms_err *err)
{
	static enum kms_status (*const looks[])(struct look * look, struct kms_err * err) = {
		no_swap,
		no_network,
		no_core,
		memory_is_locked,
		clock_is_right,
		token_is_there,
		officers_are_known,
		parts_are_apart,
		partner_is_known,
		files_are_there,
		printer_is_there,
	};
	JS_AUTO json_t *rows = json_array();
	struct look look = {.site = site, .plan = plan, .rows = rows};
	enum kms_status st = rows ? KMS_OK : kms_nomem(err);

	for (size_t i = 0; !st && i < sizeof(looks) / sizeof(*looks); i++)
		st = looks[i](&look, err);
	if (st)
		return st;
	*ret_rows = json_incref(rows);
	if (look.failed == 0)
		return KMS_OK;
	kms_fail(err, KMS_ERR_MISMATCH, "%u of the ceremony's conditions %s not met", look.failed,
		look.failed == 1 ? "is" : "are");
	return kms_hint(err, "mend what says 'failed'; nothing was begun");
}
