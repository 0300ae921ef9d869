/* SPDX-License-Identifier: Apache-2.0 */
#include "ops/token.h"

#include "ops/op.h"

enum { WAIT_SECONDS = 5 };

static void tell_waiting(void *ctx, const char *text)
{
	op_say(ctx,
		"note: %s; Ctrl-C ends the program, 'cardkms doctor' then settles what was begun",
		text);
}

enum kms_status op_token_open(struct op_site *site, const char *uri, const char *init_args,
	struct hsm **ret_hsm, struct kms_err *err)
{
	const struct hsm_watch watch = {.tell = tell_waiting, .ctx = site, .seconds = WAIT_SECONDS};

	return hsm_open_watched(uri, init_args, &watch, ret_hsm, err);
}

enum kms_status op_token_state_at(struct hsm *hsm, enum op_token *ret_state, struct kms_err *err)
{
	struct hsm_token_info info;
	enum kms_status st = hsm_find_token(hsm, err);

	if (st == KMS_ERR_NOT_FOUND) {
		kms_err_clear(err);
		*ret_state = OP_TOKEN_ABSENT;
		return KMS_OK;
	}
	if (!st)
		st = hsm_token_info(hsm, &info, err);
	if (!st)
		*ret_state = info.user_pin_set ? OP_TOKEN_READY : OP_TOKEN_NO_PIN;
	return st;
}

enum kms_status op_token_state(struct op_site *site, enum op_token *ret_state, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	if (!site->hsm)
		st = op_token_open(site, site->hsm_uri, site->init_args, &site->hsm, err);
	return st ? st : op_token_state_at(site->hsm, ret_state, err);
}

enum kms_status op_token_set_up(struct hsm *hsm, const struct op_token_setup *setup,
	struct hsm_token_info *ret_info, struct kms_err *err)
{
	enum kms_status st = KMS_OK;

	/* A login on the old token would stand in the way: hsm_init_token ends it. */
	if (setup->label)
		st = hsm_init_token(
			hsm, setup->label, setup->so_pin, setup->state == OP_TOKEN_READY, err);
	if (!st && (setup->label || setup->state == OP_TOKEN_NO_PIN))
		st = hsm_init_pin(hsm, setup->so_pin, setup->pin, err);
	if (!st && (setup->label || !setup->logged_in))
		st = hsm_login(hsm, setup->pin, err);
	return st ? st : hsm_token_info(hsm, ret_info, err);
}
