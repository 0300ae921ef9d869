/* SPDX-License-Identifier: Apache-2.0 */
/* What is said to the people in the room, at each step. */
#include "ceremony/component.h"
#include "ceremony/machine_int.h"
#include "ceremony/words.h"

#include "base/hex.h"

#include <stdarg.h>
#include <stdio.h>

KMS_CHECKED static enum kms_status title(struct cer *c, const char *fmt, ...) KMS_PRINTF(2, 3);

/* Always KMS_OK, so that it can begin a chain. */
static enum kms_status title(struct cer *c, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(c->title, sizeof(c->title), fmt, args);
	va_end(args);
	return KMS_OK;
}

static enum kms_status put_fingerprint(
	struct cer *c, const char *name, const struct cer_identity *id, struct kms_err *err)
{
	char hex[2 * CER_FINGERPRINT_BYTES + 1];
	enum kms_status st;

	hex_encode(id->fingerprint, CER_FINGERPRINT_BYTES, hex);
	st = buf_printf(&c->text, err, "%s\n  %s", name, hex);
	for (size_t i = 0; i < CER_FINGERPRINT_BYTES && !st; i++)
		st = buf_printf(&c->text, err, "%s%s", i % 8 ? " " : "\n  ",
			cer_word(id->fingerprint[i], i));
	return st ? st : buf_puts(&c->text, "\n", err);
}

static enum kms_status say_introduce(struct cer *c, struct kms_err *err)
{
	const char *verb = c->kind == CER_CREATE ? "create" : "import";
	enum kms_status st;

	st = title(c, "Key ceremony%s%s: %s %s %s", c->ceremony[0] ? " " : "", c->ceremony, verb,
		c->purpose, c->label);
	if (!st)
		st = buf_printf(&c->text, err,
			"The %s (%s) exists outside an HSM only as %zu components.\n"
			"Each belongs to two custodians; all of them together make the key, fewer\n"
			"tell nothing about it.\n",
			c->purpose, key_alg_name(c->alg), c->pairs.count);
	if (!st && c->printed)
		st = buf_puts(&c->text,
			"One pair after the other is called. Its component is printed, and is on\n"
			"no screen. Only that pair sees its sheet: it takes it from the printer,\n"
			"types the check value on it, and seals it in a tamper-evident bag. No\n"
			"photographs, no telephones.\n",
			err);
	else if (!st && c->kind == CER_CREATE)
		st = buf_puts(&c->text,
			"One pair after the other is called. Only that pair sees the screen. It\n"
			"copies its component onto a component sheet, types the check value back,\n"
			"and seals the sheet in a tamper-evident bag. No photographs, no\n"
			"telephones.\n",
			err);
	if (!st && c->kind == CER_IMPORT)
		st = buf_puts(&c->text,
			"One pair after the other is called with its bag still sealed. Only that\n"
			"pair sees the screen and its sheet. It types its component, which is not\n"
			"shown, and then the check value on the sheet. No photographs, no\n"
			"telephones.\n",
			err);
	return st;
}

static enum kms_status say_room(struct cer *c, struct kms_err *err)
{
	enum kms_status st = title(c, "Who is here, and for which sites");

	for (size_t i = 0; i < c->pairs.count && !st; i++)
		st = buf_printf(&c->text, err, "component %zu  %s, %s\n", i + 1,
			c->pairs.pairs[i].names[0], c->pairs.pairs[i].names[1]);
	if (!st)
		st = buf_puts(&c->text, "\nIdentity fingerprints, to be read aloud:\n", err);
	if (!st)
		st = put_fingerprint(c, c->site, &c->here, err);
	if (!st && c->partner[0])
		st = put_fingerprint(c, c->partner, &c->partner_identity, err);
	return st;
}

static enum kms_status say_call(struct cer *c, struct kms_err *err)
{
	const struct cer_pair *pair = cer_pair_at(c);
	enum kms_status st = title(c, "Component %u of %zu: %s and %s", c->at, c->pairs.count,
		pair->names[0], pair->names[1]);

	if (!st)
		st = buf_printf(&c->text, err,
			"Call %s and %s to the screen.\n"
			"Everybody else leaves the room or turns away.\n",
			pair->names[0], pair->names[1]);
	if (!st && c->printed)
		st = buf_puts(&c->text,
			"Go to the printer, with the bag: the sheet is printed next. Take it as "
			"it\n"
			"comes out.\n",
			err);
	else if (!st && c->kind == CER_CREATE)
		st = buf_puts(&c->text,
			"Have ready: a pen, and a form for the component sheet. The component is\n"
			"shown next.\n",
			err);
	if (!st && c->kind == CER_IMPORT)
		st = buf_puts(&c->text,
			"Check that the bag is unbroken and bears the number in the record. Then\n"
			"open it.\n",
			err);
	return st;
}

/* On the sheet "this site" is the one that made it: seen from here, the partner. */
static enum kms_status say_compare(struct cer *c, struct kms_err *err)
{
	enum kms_status st = title(c, "Component %u of %zu: fingerprints", c->at, c->pairs.count);

	if (!st && c->partner[0])
		st = buf_puts(&c->text,
			"Under \"identity\" the sheet must say, as \"this site\" and as "
			"\"partner\":\n",
			err);
	if (!st && c->partner[0])
		st = put_fingerprint(c, c->partner, &c->partner_identity, err);
	if (!st && !c->partner[0])
		st = buf_puts(&c->text,
			"Under \"identity\" the sheet must say what this site's identity was when\n"
			"the key was made:\n",
			err);
	if (!st)
		st = put_fingerprint(c, c->site, &c->here, err);
	if (!st && c->partner[0])
		st = buf_puts(&c->text,
			"A sheet of another system has none: then say yes only if the security\n"
			"officer has compared them with the other site in another way.\n",
			err);
	return st;
}

static enum kms_status say_show(struct cer *c, struct kms_err *err)
{
	enum kms_status st = title(c, "Component %u of %zu", c->at, c->pairs.count);

	if (!st && c->printed)
		return buf_printf(&c->text, err,
			"Sheet %06u is printed. It must bear this number, and be complete and\n"
			"easy to read: each digit, each line with its check digits.\n",
			c->serials[c->at - 1]);
	return st ? st
		  : buf_puts(&c->text,
			    "Copy the whole sheet, then compare it with the screen: one reads, "
			    "the\n"
			    "other checks. It is shown this once.\n",
			    err);
}

static enum kms_status say_ask(struct cer *c, struct kms_err *err)
{
	size_t lines = cer_component_lines(key_alg_info(c->alg)->length);

	switch (c->step) {
	case CER_STEP_RETYPE:
		return buf_puts(&c->text,
			c->printed ? "Type the check value that is on your sheet.\n"
				   : "Type the check value from your copy, not from the screen.\n",
			err);
	case CER_STEP_ASK_ID:
		return buf_puts(&c->text,
			"Type the ceremony's id from the sheet, like 7F3K-22QD. If the sheet has\n"
			"none, press Enter only.\n",
			err);
	case CER_STEP_ASK_COMPONENT:
		return buf_printf(&c->text, err,
			"Type the component: %zu lines, each four groups of four digits and then\n"
			"its two check digits. If the sheet has no check digits, leave them out "
			"in\n"
			"all lines. Nothing that you type is shown.\n",
			lines);
	default:
		return buf_printf(&c->text, err,
			"Type the check value (%s) that the sheet gives for this component.\n",
			key_kcv_method_name(c->method));
	}
}

static enum kms_status say_clear(struct cer *c, struct kms_err *err)
{
	enum kms_status st = title(c, "Component %u of %zu is done", c->at, c->pairs.count);

	return st ? st
		  : buf_puts(&c->text,
			    c->kind == CER_CREATE
				    ? "Seal the sheet in its bag and write the bag's number down.\n"
				    : "Seal the sheet in a new bag, or destroy it before "
				      "witnesses, as "
				      "your rules say.\n",
			    err);
}

static enum kms_status say_done(struct cer *c, struct kms_err *err)
{
	char value[KEY_KCV_TEXT_SIZE];
	enum kms_status st = title(c, "The %s %s is %s", c->purpose, c->label,
		c->kind == CER_CREATE ? "created" : "imported");

	key_kcv_print(&c->combined, value);
	return st ? st
		  : buf_printf(&c->text, err, "Its check value is %s (%s).\n", value,
			    key_kcv_method_name(c->method));
}

enum kms_status cer_write_text(struct cer *c, struct kms_err *err)
{
	switch (c->step) {
	case CER_STEP_INTRODUCE:
		return say_introduce(c, err);
	case CER_STEP_ROOM:
		return say_room(c, err);
	case CER_STEP_CALL:
		return say_call(c, err);
	case CER_STEP_COMPARE:
		return say_compare(c, err);
	case CER_STEP_SHOW:
		return say_show(c, err);
	case CER_STEP_RETYPE:
	case CER_STEP_ASK_ID:
	case CER_STEP_ASK_COMPONENT:
	case CER_STEP_ASK_CHECK:
		snprintf(c->title, sizeof(c->title), "Component %u of %zu", c->at, c->pairs.count);
		return say_ask(c, err);
	case CER_STEP_CLEAR:
		return say_clear(c, err);
	case CER_STEP_COMBINE:
		return title(c, "All %zu components are here", c->pairs.count);
	case CER_STEP_DONE:
		return say_done(c, err);
	case CER_STEP_FAILED:
		break;
	}
	return KMS_OK;
}
