/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/fault.h"

#include <stdlib.h>
#include <string.h>

enum argument { NO_MORE, MAY_BE_BYTES, MUST_BE_SW };

struct word {
	const char *name;
	enum sim_fault_kind kind;
	enum argument more;
	uint32_t value; /* without the argument */
};

static const struct word words[] = {
	{"drop-before", SIM_DROP_BEFORE, NO_MORE, 0},
	{"drop-after", SIM_DROP_AFTER, NO_MORE, 0},
	{"drop-write", SIM_DROP_WRITE, NO_MORE, 0},
	{"sw", SIM_SW, MUST_BE_SW, 0},
	{"sw-after", SIM_SW_AFTER, MUST_BE_SW, 0},
	{"short", SIM_SHORT, MAY_BE_BYTES, 1},
	{"long", SIM_LONG, MAY_BE_BYTES, 300},
	{"corrupt", SIM_CORRUPT, NO_MORE, 0},
	{"mute", SIM_MUTE, NO_MORE, 0},
	{"swap", SIM_SWAP, NO_MORE, 0},
	{"slow", SIM_SLOW, NO_MORE, 0},
};

static bool number(const char **at, int base, uint32_t max, uint32_t *ret)
{
	char *end = NULL;
	unsigned long value;

	if (**at == '-' || **at == '+' || **at == ' ')
		return false;
	value = strtoul(*at, &end, base);
	if (end == *at || value > max)
		return false;
	*at = end;
	*ret = (uint32_t)value;
	return true;
}

enum kms_status sim_fault_parse(struct sim_faults *faults, const char *text, struct kms_err *err)
{
	const char *at = strchr(text, ':');
	size_t len = at ? (size_t)(at - text) : strlen(text);
	struct sim_fault fault = {.at = 0};
	const struct word *word = NULL;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].name) == len && strncmp(words[i].name, text, len) == 0)
			word = &words[i];
	if (!word || !at)
		goto bad;
	fault.kind = word->kind;
	fault.value = word->value;
	at++;
	if (!number(&at, 10, 1000000, &fault.at) || fault.at == 0)
		goto bad;
	if (*at == ':' && word->more != NO_MORE) {
		at++;
		if (word->more == MUST_BE_SW ? !number(&at, 16, 0xFFFF, &fault.value)
					     : !number(&at, 10, 60000, &fault.value))
			goto bad;
	} else if (word->more == MUST_BE_SW) {
		goto bad;
	}
	if (*at)
		goto bad;
	if (faults->count == SIM_FAULTS_MAX)
		return kms_fail(err, KMS_ERR_USAGE, "more than %d faults", SIM_FAULTS_MAX);
	faults->list[faults->count++] = fault;
	return KMS_OK;
bad:
	kms_fail(err, KMS_ERR_USAGE, "there is no fault '%.60s'", text);
	return kms_hint(err, "drop-before:N drop-after:N drop-write:N sw:N:6A80 sw-after:N:6A80 "
			     "short:N[:BYTES] long:N[:BYTES] corrupt:N mute:N swap:N slow:MS");
}

const struct sim_fault *sim_fault_at(
	const struct sim_faults *faults, enum sim_fault_kind kind, uint32_t n)
{
	for (size_t i = 0; i < faults->count; i++)
		if (faults->list[i].kind == kind && faults->list[i].at == n)
			return &faults->list[i];
	return NULL;
}

const struct sim_fault *sim_fault_any(const struct sim_faults *faults, enum sim_fault_kind kind)
{
	for (size_t i = 0; i < faults->count; i++)
		if (faults->list[i].kind == kind)
			return &faults->list[i];
	return NULL;
}

size_t sim_fault_response(const struct sim_faults *faults, uint32_t n, unsigned char *response,
	size_t len, size_t max)
{
	const struct sim_fault *fault;

	fault = sim_fault_at(faults, SIM_SW_AFTER, n);
	if (fault) {
		response[0] = (unsigned char)(fault->value >> 8);
		response[1] = (unsigned char)fault->value;
		len = 2;
	}
	if (sim_fault_at(faults, SIM_CORRUPT, n) && len > 2)
		response[len - 3] ^= 0x01;
	fault = sim_fault_at(faults, SIM_LONG, n);
	if (fault && len >= 2) {
		size_t more = fault->value < max - len ? fault->value : max - len;

		memmove(response + len - 2 + more, response + len - 2, 2);
		memset(response + len - 2, 0xA5, more);
		len += more;
	}
	fault = sim_fault_at(faults, SIM_SHORT, n);
	if (fault && fault->value < len)
		len = fault->value;
	return len;
}
