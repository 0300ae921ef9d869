/* SPDX-License-Identifier: Apache-2.0 */
#include "card/script.h"

#include "base/hex.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <winscard.h>

struct script {
	struct card_link base;
	const struct card_step *steps;
	size_t count, next;
	size_t *used;
	bool pulled;
};

/* The hex of a command, without what PUT KEY carries: a script's error may end in a log. */
static enum kms_status unexpected(const struct script *s, size_t len, struct kms_err *err)
{
	if (s->next >= s->count)
		return kms_fail(err, KMS_ERR_INTERNAL,
			"script: a command of %zu bytes after all %zu steps", len, s->count);
	return kms_fail(err, KMS_ERR_INTERNAL,
		"script: step %zu is not the command that came (%zu bytes)", s->next + 1, len);
}

static bool same(const char *want, const unsigned char *command, size_t len)
{
	char *text;
	bool equal;

	if (!want)
		return true;
	text = malloc(2 * len + 1);
	if (!text)
		return false;
	hex_encode(command, len, text);
	equal = strcasecmp(text, want) == 0;
	free(text);
	return equal;
}

static enum kms_status script_transmit(struct card_link *base, const unsigned char *command,
	size_t len, unsigned char *answer, size_t max, size_t *ret_len, struct kms_err *err)
{
	struct script *s = (struct script *)base;
	const struct card_step *step = &s->steps[s->next];

	if (s->pulled)
		return card_pcsc_fail(err, SCARD_W_REMOVED_CARD, "talk to the card in", base->name);
	if (s->next >= s->count || !same(step->command, command, len))
		return unexpected(s, len, err);
	s->next++;
	if (s->used)
		*s->used = s->next;
	switch (step->fault) {
	case CARD_FAULT_PULLED:
		s->pulled = true;
		return card_pcsc_fail(err, SCARD_W_REMOVED_CARD, "talk to the card in", base->name);
	case CARD_FAULT_MUTE:
		return card_pcsc_fail(
			err, SCARD_E_NOT_TRANSACTED, "talk to the card in", base->name);
	case CARD_FAULT_NOTHING:
		*ret_len = 0;
		return KMS_OK;
	default:
		return hex_decode(step->answer, strlen(step->answer), "an answer of the script",
			answer, max, ret_len, err);
	}
}

static enum kms_status script_reset(struct card_link *base, struct kms_err *err)
{
	struct script *s = (struct script *)base;

	if (s->pulled)
		return card_pcsc_fail(err, SCARD_W_REMOVED_CARD, "reset the card in", base->name);
	return KMS_OK;
}

static void link_free(struct card_link *base)
{
	free(base);
}

enum kms_status card_script_open(const struct card_step *steps, size_t count, size_t *ret_used,
	struct card_link **ret_link, struct kms_err *err)
{
	static const struct card_link_ops ops = {script_transmit, script_reset, link_free};
	struct script *s = calloc(1, sizeof(*s));

	if (!s)
		return kms_nomem(err);
	s->base.ops = &ops;
	s->base.protocol = CARD_T1;
	strcpy(s->base.name, "script");
	s->steps = steps;
	s->count = count;
	s->used = ret_used;
	if (ret_used)
		*ret_used = 0;
	*ret_link = &s->base;
	return KMS_OK;
}

struct fake {
	struct card_link base;
	size_t (*answer)(void *ctx, const unsigned char *command, size_t len, unsigned char *out,
		size_t max);
	void *ctx;
};

static enum kms_status fake_transmit(struct card_link *base, const unsigned char *command,
	size_t len, unsigned char *answer, size_t max, size_t *ret_len, struct kms_err *err)
{
	struct fake *f = (struct fake *)base;

	(void)err;
	*ret_len = f->answer(f->ctx, command, len, answer, max);
	return KMS_OK;
}

static enum kms_status fake_reset(struct card_link *base, struct kms_err *err)
{
	(void)base;
	(void)err;
	return KMS_OK;
}

enum kms_status card_fake_open(size_t (*answer)(void *ctx, const unsigned char *command, size_t len,
				       unsigned char *out, size_t max),
	void *ctx, struct card_link **ret_link, struct kms_err *err)
{
	static const struct card_link_ops ops = {fake_transmit, fake_reset, link_free};
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		return kms_nomem(err);
	f->base.ops = &ops;
	f->base.protocol = CARD_T1;
	strcpy(f->base.name, "fake");
	f->answer = answer;
	f->ctx = ctx;
	*ret_link = &f->base;
	return KMS_OK;
}
