/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/profile.h"

#include "sim/registry.h"
#include "sim/settings.h"

#include "base/conf.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/secret.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- one value at a time ---- */

struct parse {
	const char *source;
	struct sim_nv *nv;
	struct kms_err *err;
};

static enum kms_status at_line(
	const struct parse *p, const struct conf_entry *entry, const char *why)
{
	return kms_fail(p->err, KMS_ERR_INVALID, "%s, line %d: %s", p->source, entry->line, why);
}

static enum kms_status unknown(const struct parse *p, const struct conf_entry *entry)
{
	return kms_fail(p->err, KMS_ERR_INVALID, "%s, line %d: there is no '%s' in [%s]", p->source,
		entry->line, entry->name, entry->section);
}

static enum kms_status bytes(const struct parse *p, const struct conf_entry *entry,
	const char *text, unsigned char *out, size_t max, size_t *ret_len)
{
	enum kms_status st = hex_decode(text, strlen(text), entry->name, out, max, ret_len, p->err);

	return st ? kms_prefix(p->err, "%s, line %d: ", p->source, entry->line) : KMS_OK;
}

static enum kms_status exact(
	const struct parse *p, const struct conf_entry *entry, unsigned char *out, size_t len)
{
	unsigned char value[64];
	size_t got = 0;
	enum kms_status st = bytes(p, entry, entry->value, value, sizeof(value), &got);

	if (st)
		return st;
	if (got != len)
		return at_line(p, entry, "wrong number of bytes");
	memcpy(out, value, len);
	return KMS_OK;
}

static enum kms_status aid_of(const struct parse *p, const struct conf_entry *entry,
	const char *text, struct sim_aid *ret_aid)
{
	struct sim_aid aid = {.len = 0};
	enum kms_status st = bytes(p, entry, text, aid.data, sizeof(aid.data), &aid.len);

	if (st)
		return st;
	if (!sim_aid_valid(&aid))
		return at_line(p, entry, "an AID has 5 to 16 bytes");
	*ret_aid = aid;
	return KMS_OK;
}

/* ---- sections ---- */

static enum kms_status in_card(const struct parse *p, const struct conf_entry *entry)
{
	enum kms_status st = sim_setting_set(&p->nv->config, entry->name, entry->value, p->err);

	return st ? kms_prefix(p->err, "%s, line %d: ", p->source, entry->line) : KMS_OK;
}

static enum kms_status set_object(const struct parse *p, const struct conf_entry *entry,
	struct sim_entry *domain, unsigned tag)
{
	unsigned char value[SIM_OBJECT_MAX];
	size_t len = 0;
	enum kms_status st = bytes(p, entry, entry->value, value, sizeof(value), &len);

	if (st)
		return st;
	return sim_object_set(domain, tag, value, len) ? KMS_OK
						       : at_line(p, entry, "too many objects");
}

static enum kms_status in_isd(const struct parse *p, const struct conf_entry *entry)
{
	struct sim_entry *issuer = &p->nv->entries[0];

	if (strcmp(entry->name, "aid") == 0)
		return aid_of(p, entry, entry->value, &issuer->aid);
	if (strcmp(entry->name, "life") == 0)
		return exact(p, entry, &p->nv->life, 1);
	if (strcmp(entry->name, "privileges") == 0)
		return exact(p, entry, issuer->privileges, 3);
	if (strcmp(entry->name, "iin") == 0)
		return set_object(p, entry, issuer, 0x42);
	if (strcmp(entry->name, "cin") == 0)
		return set_object(p, entry, issuer, 0x45);
	if (strcmp(entry->name, "card-data") == 0)
		return set_object(p, entry, issuer, 0x66);
	if (strcmp(entry->name, "capability") == 0)
		return set_object(p, entry, issuer, 0x67);
	return unknown(p, entry);
}

/* The three keys of a version, made when its section begins. */
static bool make_set(struct sim_entry *issuer, unsigned char kvn)
{
	if (sim_key_find(issuer, 1, kvn))
		return true;
	if (issuer->key_count + 3 > SIM_KEYS_MAX || !sim_set_of(issuer, kvn))
		return false;
	for (unsigned char kid = 1; kid <= 3; kid++)
		issuer->keys[issuer->key_count++] =
			(struct sim_key){.kid = kid, .kvn = kvn, .type = SIM_TYPE_AES};
	return true;
}

static enum kms_status in_key_set(
	const struct parse *p, const struct conf_entry *entry, const char *version)
{
	static const char *const names[] = {"enc", "mac", "dek"};
	struct sim_entry *issuer = &p->nv->entries[0];
	unsigned char kvn = 0;
	size_t got = 0;
	enum kms_status st = bytes(p, entry, version, &kvn, 1, &got);

	if (st)
		return st;
	if (got != 1 || kvn == 0 || !make_set(issuer, kvn))
		return at_line(p, entry, "a key version is two hexadecimal digits, not 00");
	for (unsigned i = 0; i < 3; i++) {
		struct sim_key *key = sim_key_find(issuer, i + 1, kvn);

		if (strcmp(entry->name, names[i]) == 0)
			return bytes(p, entry, entry->value, key->value, SIM_KEY_MAX, &key->len);
	}
	if (strcmp(entry->name, "counter") == 0) {
		sim_set_of(issuer, kvn)->counter =
			(uint32_t)strtoul(entry->value, NULL, 0) & 0xFFFFFF;
		return KMS_OK;
	}
	if (strcmp(entry->name, "type") != 0)
		return unknown(p, entry);
	if (strcmp(entry->value, "des") != 0 && strcmp(entry->value, "aes") != 0)
		return at_line(p, entry, "a type is des or aes");
	for (unsigned kid = 1; kid <= 3; kid++)
		sim_key_find(issuer, kid, kvn)->type =
			entry->value[0] == 'd' ? SIM_TYPE_DES : SIM_TYPE_AES;
	return KMS_OK;
}

static enum kms_status in_elf(
	const struct parse *p, const struct conf_entry *entry, const char *name)
{
	struct sim_aid aid;
	struct sim_elf *elf;
	enum kms_status st = aid_of(p, entry, name, &aid);

	if (st)
		return st;
	elf = sim_elf_find(p->nv, &aid);
	if (!elf) {
		if (p->nv->elf_count == SIM_ELFS_MAX)
			return at_line(p, entry, "too many load files");
		elf = &p->nv->elfs[p->nv->elf_count++];
		elf->aid = aid;
	}
	if (strcmp(entry->name, "version") == 0)
		return exact(p, entry, elf->version, 2);
	if (strcmp(entry->name, "domain") == 0)
		return aid_of(p, entry, entry->value, &elf->domain);
	if (strcmp(entry->name, "modules") != 0)
		return unknown(p, entry);
	for (char *save = NULL, *word = strtok_r(entry->value, ", ", &save); word;
		word = strtok_r(NULL, ", ", &save)) {
		if (elf->module_count == SIM_MODULES_MAX)
			return at_line(p, entry, "too many modules");
		st = aid_of(p, entry, word, &elf->modules[elf->module_count++]);
		if (st)
			return st;
	}
	return KMS_OK;
}

static enum kms_status in_application(
	const struct parse *p, const struct conf_entry *line, const char *name)
{
	struct sim_aid aid;
	struct sim_entry *entry;
	enum kms_status st = aid_of(p, line, name, &aid);

	if (st)
		return st;
	entry = sim_entry_find(p->nv, &aid);
	if (!entry) {
		if (p->nv->entry_count == SIM_ENTRIES_MAX)
			return at_line(p, line, "too many applications");
		entry = &p->nv->entries[p->nv->entry_count++];
		entry->aid = aid;
		entry->life = SIM_SELECTABLE;
	}
	if (strcmp(line->name, "life") == 0)
		return exact(p, line, &entry->life, 1);
	if (strcmp(line->name, "privileges") == 0)
		return exact(p, line, entry->privileges, 3);
	if (strcmp(line->name, "domain") == 0)
		return aid_of(p, line, line->value, &entry->domain);
	if (strcmp(line->name, "load-file") == 0)
		return aid_of(p, line, line->value, &entry->elf);
	if (strcmp(line->name, "module") == 0)
		return aid_of(p, line, line->value, &entry->module);
	return unknown(p, line);
}

/* [answer N]: command, then response. */
static enum kms_status in_answer(const struct parse *p, const struct conf_entry *entry)
{
	struct sim_config *config = &p->nv->config;
	struct sim_answer *answer;
	enum kms_status st;

	if (strcmp(entry->name, "command") == 0) {
		if (config->answer_count == SIM_ANSWERS_MAX)
			return at_line(p, entry, "too many answers");
		answer = &config->answers[config->answer_count++];
		st = bytes(p, entry, entry->value, answer->command, sizeof(answer->command),
			&answer->command_len);
		if (!st && answer->command_len < 4)
			return at_line(p, entry, "a command has at least 4 bytes");
		return st;
	}
	if (strcmp(entry->name, "response") != 0 || config->answer_count == 0)
		return unknown(p, entry);
	answer = &config->answers[config->answer_count - 1];
	st = bytes(p, entry, entry->value, answer->response, sizeof(answer->response),
		&answer->response_len);
	if (!st && answer->response_len < 2)
		return at_line(p, entry, "a response has at least 2 bytes");
	return st;
}

static const char *after(const char *section, const char *word)
{
	size_t len = strlen(word);

	return strncmp(section, word, len) == 0 && section[len] == ' ' ? section + len + 1 : NULL;
}

static enum kms_status one(const struct parse *p, const struct conf_entry *entry)
{
	const char *name;

	if (strcmp(entry->section, "card") == 0)
		return in_card(p, entry);
	if (strcmp(entry->section, "isd") == 0)
		return in_isd(p, entry);
	if ((name = after(entry->section, "key-set")))
		return in_key_set(p, entry, name);
	if ((name = after(entry->section, "load-file")))
		return in_elf(p, entry, name);
	if ((name = after(entry->section, "application")))
		return in_application(p, entry, name);
	if (after(entry->section, "answer"))
		return in_answer(p, entry);
	return kms_fail(p->err, KMS_ERR_INVALID, "%s, line %d: there is no section [%s]", p->source,
		entry->line, entry->section);
}

/* ---- the whole ---- */

static enum kms_status check(const struct parse *p)
{
	struct sim_nv *nv = p->nv;
	struct sim_entry *issuer = &nv->entries[0];

	for (size_t i = 0; i < issuer->key_count; i++)
		if (!sim_set_protocol(&nv->config, issuer, issuer->keys[i].kvn))
			return kms_fail(p->err, KMS_ERR_INVALID,
				"%s: key set %02X opens no secure channel: enc, mac and dek must "
				"have one length that its type has, and [card] must name scp02 "
				"(des) or scp03 (aes)",
				p->source, issuer->keys[i].kvn);
	for (size_t i = 0; i < nv->config.answer_count; i++)
		if (nv->config.answers[i].response_len < 2)
			return kms_fail(p->err, KMS_ERR_INVALID, "%s: answer %zu has no response",
				p->source, i + 1);
	for (size_t i = 0; i < nv->entry_count; i++)
		if (nv->entries[i].domain.len == 0)
			nv->entries[i].domain = issuer->aid;
	for (size_t i = 0; i < nv->elf_count; i++)
		if (nv->elfs[i].domain.len == 0)
			nv->elfs[i].domain = issuer->aid;
	if (nv->config.rule == SIM_RULE_REPLACE)
		nv->config.sets_max = 1;
	return KMS_OK;
}

enum kms_status sim_profile_parse(const char *source, const char *text, size_t len,
	struct sim_nv *ret_nv, struct kms_err *err)
{
	static const struct sim_aid default_aid = {
		{0xA0, 0x00, 0x00, 0x01, 0x51, 0x00, 0x00, 0x00}, 8}; /* GPCS H.1.3 */
	CONF_AUTO struct conf conf = {0};
	struct parse p = {.source = source, .err = err};
	enum kms_status st = conf_parse(source, text, len, &conf, err);

	if (st)
		return st;
	p.nv = calloc(1, sizeof(*p.nv));
	if (!p.nv)
		return kms_nomem(err);
	sim_settings_default(&p.nv->config);
	p.nv->life = SIM_OP_READY;
	p.nv->entry_count = 1;
	p.nv->entries[0] = (struct sim_entry){
		.aid = default_aid, .life = SIM_PERSONALIZED, .privileges = {0x9E, 0xFE, 0x80}};
	for (size_t i = 0; !st && i < conf.count; i++)
		st = one(&p, &conf.entries[i]);
	if (!st)
		st = check(&p);
	if (!st)
		*ret_nv = *p.nv;
	secret_wipe(p.nv, sizeof(*p.nv));
	free(p.nv);
	return st;
}

enum kms_status sim_profile_load(const char *name, struct sim_nv *ret_nv, struct kms_err *err)
{
	const char *text = sim_profile_text(name);
	BUF_AUTO struct buf file = {0};
	enum kms_status st;

	if (text)
		return sim_profile_parse(name, text, strlen(text), ret_nv, err);
	st = file_read(name, 64 * 1024, &file, err);
	if (st)
		return kms_hint(err, "cardsim --profiles lists the built-in ones");
	return sim_profile_parse(name, buf_text(&file), file.len, ret_nv, err);
}

static void add(unsigned char *at, uint32_t serial)
{
	uint32_t value =
		(uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];

	value += serial;
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(value >> (24 - 8 * i));
}

void sim_profile_number(struct sim_nv *nv, uint32_t serial)
{
	struct sim_object *cin = sim_object_find(&nv->entries[0], 0x45);

	if (cin && cin->len >= 4)
		add(cin->data + cin->len - 4, serial);
	if (nv->config.cplc_len == sizeof(nv->config.cplc))
		add(nv->config.cplc + 12, serial);
	add(nv->config.kdd + 4, serial);
}
