/* SPDX-License-Identifier: Apache-2.0 */
/* Readers of PC/SC, by libpcsclite. */
#include "card/reader.h"

#include "base/text.h"
#include "card/reader_int.h"

#include <stdlib.h>
#include <string.h>
#include <winscard.h>

static const char pnp[] = "\\\\?PnP?\\Notification"; /* "readers came or went" */

struct pcsc {
	struct card_system base;
	SCARDCONTEXT context;
	bool open;
};

struct pcsc_link {
	struct card_link base;
	SCARDHANDLE handle;
	DWORD protocol;
};

/* pcscd is asked for when it is first needed, and again after it went away. */
static enum kms_status context_open(struct pcsc *p, const char *what, struct kms_err *err)
{
	LONG rv;

	if (p->open && SCardIsValidContext(p->context) == SCARD_S_SUCCESS)
		return KMS_OK;
	if (p->open)
		(void)SCardReleaseContext(p->context);
	p->open = false;
	rv = SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &p->context);
	if (rv != SCARD_S_SUCCESS)
		return card_pcsc_fail(err, rv, what, NULL);
	p->open = true;
	return KMS_OK;
}

static void reader_fill(struct card_reader *r, const SCARD_READERSTATE *state)
{
	DWORD s = state->dwEventState;

	r->present = (s & SCARD_STATE_PRESENT) != 0;
	r->in_use = (s & (SCARD_STATE_EXCLUSIVE | SCARD_STATE_INUSE)) != 0;
	r->mute = (s & SCARD_STATE_MUTE) != 0;
	r->atr.len = 0;
	if (r->present && state->cbAtr <= CARD_ATR_MAX) {
		r->atr.len = state->cbAtr;
		memcpy(r->atr.bytes, state->rgbAtr, state->cbAtr);
	}
}

/* The names, without what is in the readers. A name that cannot be shown cannot be used either. */
static enum kms_status names(struct pcsc *p, struct card_reader_list *list, struct kms_err *err)
{
	char multi[CARD_READERS_MAX * CARD_READER_NAME_SIZE + 1];
	DWORD len = sizeof(multi);
	LONG rv = SCardListReaders(p->context, NULL, multi, &len);

	list->count = 0;
	if (rv == SCARD_E_NO_READERS_AVAILABLE)
		return KMS_OK;
	if (rv != SCARD_S_SUCCESS)
		return card_pcsc_fail(err, rv, "list the card readers", NULL);
	for (const char *at = multi; at < multi + len && *at; at += strlen(at) + 1) {
		struct card_reader *r = &list->readers[list->count];

		if (strlen(at) >= CARD_READER_NAME_SIZE ||
			!text_printable(at, CARD_READER_NAME_SIZE - 1))
			continue;
		if (list->count == CARD_READERS_MAX)
			break;
		memset(r, 0, sizeof(*r));
		strcpy(r->name, at);
		list->count++;
	}
	return KMS_OK;
}

static enum kms_status pcsc_list(
	struct card_system *system, struct card_reader_list *ret_list, struct kms_err *err)
{
	struct pcsc *p = (struct pcsc *)system;
	SCARD_READERSTATE states[CARD_READERS_MAX] = {0};
	struct card_reader_list list;
	enum kms_status st;
	LONG rv;

	st = context_open(p, "list the card readers", err);
	if (!st)
		st = names(p, &list, err);
	if (st)
		return st;
	for (size_t i = 0; i < list.count; i++)
		states[i].szReader = list.readers[i].name;
	if (list.count > 0) {
		rv = SCardGetStatusChange(p->context, 0, states, (DWORD)list.count);
		if (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT)
			return card_pcsc_fail(err, rv, "ask for the state of the readers", NULL);
	}
	for (size_t i = 0; i < list.count; i++)
		reader_fill(&list.readers[i], &states[i]);
	*ret_list = list;
	return KMS_OK;
}

static enum kms_status pcsc_transmit(struct card_link *base, const unsigned char *command,
	size_t len, unsigned char *answer, size_t max, size_t *ret_len, struct kms_err *err)
{
	struct pcsc_link *link = (struct pcsc_link *)base;
	const SCARD_IO_REQUEST *pci =
		link->protocol == SCARD_PROTOCOL_T0 ? SCARD_PCI_T0 : SCARD_PCI_T1;
	DWORD got = (DWORD)max;
	LONG rv = SCardTransmit(link->handle, pci, command, (DWORD)len, NULL, answer, &got);

	if (rv != SCARD_S_SUCCESS)
		return card_pcsc_fail(err, rv, "talk to the card in", base->name);
	*ret_len = got;
	return KMS_OK;
}

static enum kms_status take_status(struct pcsc_link *link, struct kms_err *err)
{
	DWORD state, atr_len = CARD_ATR_MAX;
	unsigned char atr[CARD_ATR_MAX];
	LONG rv = SCardStatus(link->handle, NULL, NULL, &state, &link->protocol, atr, &atr_len);

	if (rv != SCARD_S_SUCCESS)
		return card_pcsc_fail(err, rv, "talk to the card in", link->base.name);
	link->base.protocol = link->protocol == SCARD_PROTOCOL_T0 ? CARD_T0 : CARD_T1;
	link->base.atr.len = atr_len;
	memcpy(link->base.atr.bytes, atr, atr_len);
	return KMS_OK;
}

static enum kms_status pcsc_reset(struct card_link *base, struct kms_err *err)
{
	struct pcsc_link *link = (struct pcsc_link *)base;
	DWORD protocol;
	LONG rv = SCardReconnect(link->handle, SCARD_SHARE_EXCLUSIVE,
		SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_UNPOWER_CARD, &protocol);

	if (rv != SCARD_S_SUCCESS)
		return card_pcsc_fail(err, rv, "reset the card in", base->name);
	return take_status(link, err);
}

/* The card is left without power: no session, no keys in it. */
static void pcsc_link_close(struct card_link *base)
{
	struct pcsc_link *link = (struct pcsc_link *)base;

	(void)SCardDisconnect(link->handle, SCARD_UNPOWER_CARD);
	free(link);
}

static const struct card_link_ops link_ops = {pcsc_transmit, pcsc_reset, pcsc_link_close};

static enum kms_status pcsc_connect(struct card_system *system, const char *reader,
	struct card_link **ret_link, struct kms_err *err)
{
	struct pcsc *p = (struct pcsc *)system;
	struct pcsc_link *link;
	enum kms_status st;
	LONG rv;

	if (strlen(reader) >= CARD_READER_NAME_SIZE)
		return card_pcsc_fail(err, SCARD_E_UNKNOWN_READER, "use", reader);
	st = context_open(p, "connect to a card", err);
	if (st)
		return st;
	link = calloc(1, sizeof(*link));
	if (!link)
		return kms_nomem(err);
	link->base.ops = &link_ops;
	strcpy(link->base.name, reader);
	rv = SCardConnect(p->context, reader, SCARD_SHARE_EXCLUSIVE,
		SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &link->handle, &link->protocol);
	if (rv != SCARD_S_SUCCESS) {
		free(link);
		return card_pcsc_fail(err, rv, "connect to the card in", reader);
	}
	st = take_status(link, err);
	if (st) {
		pcsc_link_close(&link->base);
		return st;
	}
	*ret_link = &link->base;
	return KMS_OK;
}

/* Sleeps until any reader or card comes or goes, or the time is up. */
static enum kms_status sleep_until_change(
	struct pcsc *p, const struct card_reader_list *list, int64_t left_ms, struct kms_err *err)
{
	SCARD_READERSTATE states[CARD_READERS_MAX + 1] = {0};
	DWORD count = (DWORD)list->count;
	LONG rv;

	for (size_t i = 0; i < list->count; i++)
		states[i].szReader = list->readers[i].name;
	states[count].szReader = pnp;
	rv = SCardGetStatusChange(p->context, 0, states, count + 1);
	if (rv == SCARD_S_SUCCESS || rv == SCARD_E_TIMEOUT) {
		for (size_t i = 0; i <= count; i++)
			states[i].dwCurrentState =
				states[i].dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
		/* pcsclite sees a change only while it waits: not for longer than a second. */
		rv = SCardGetStatusChange(
			p->context, (DWORD)(left_ms < 1000 ? left_ms : 1000), states, count + 1);
	}
	if (rv != SCARD_S_SUCCESS && rv != SCARD_E_TIMEOUT && rv != SCARD_E_UNKNOWN_READER)
		return card_pcsc_fail(err, rv, "wait for a card", NULL);
	return KMS_OK;
}

static enum kms_status pcsc_wait(struct card_system *system, const char *reader,
	enum card_event event, int timeout_ms, struct card_reader *ret_reader, struct kms_err *err)
{
	struct pcsc *p = (struct pcsc *)system;
	int64_t end = card_now_ms() + timeout_ms;

	for (;;) {
		struct card_reader_list list;
		int64_t left = end - card_now_ms();
		enum kms_status st = pcsc_list(system, &list, err);

		if (st)
			return st;
		if (card_happened(&list, reader, event, ret_reader))
			return KMS_OK;
		if (left <= 0)
			return card_nothing_happened(reader, event, timeout_ms, err);
		st = sleep_until_change(p, &list, left, err);
		if (st)
			return st;
	}
}

static void pcsc_close(struct card_system *system)
{
	struct pcsc *p = (struct pcsc *)system;

	if (p->open)
		(void)SCardReleaseContext(p->context);
	free(p);
}

enum kms_status card_pcsc_open(struct card_system **ret_system, struct kms_err *err)
{
	static const struct card_system_ops ops = {
		"pcsc", pcsc_list, pcsc_connect, pcsc_wait, pcsc_close};
	struct pcsc *p = calloc(1, sizeof(*p));

	if (!p)
		return kms_nomem(err);
	p->base.ops = &ops;
	*ret_system = &p->base;
	return KMS_OK;
}
