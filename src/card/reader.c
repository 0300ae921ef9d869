/* SPDX-License-Identifier: Apache-2.0 */
#include "card/reader.h"

#include "card/reader_int.h"

#include <string.h>
#include <time.h>

enum kms_status card_system_open(
	const char *spec, struct card_system **ret_system, struct kms_err *err)
{
	if (!spec || strcmp(spec, "pcsc") == 0)
		return card_pcsc_open(ret_system, err);
	if (strncmp(spec, "tcp:", 4) == 0)
		return card_tcp_open(spec + 4, 0, ret_system, err);
	kms_fail(err, KMS_ERR_USAGE, "'%.60s' names no kind of card reader", spec);
	return kms_hint(err, "write pcsc, or tcp:HOST:PORT for the simulator");
}

void card_system_close(struct card_system *system)
{
	if (system)
		system->ops->close(system);
}

void card_link_close(struct card_link *link)
{
	if (link)
		link->ops->close(link);
}

enum kms_status card_list(
	struct card_system *system, struct card_reader_list *ret_list, struct kms_err *err)
{
	return system->ops->list(system, ret_list, err);
}

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000U + (uint64_t)t.tv_nsec / 1000;
}

/* The one reader with a card in it. */
static enum kms_status only_reader(
	struct card_system *system, char ret_name[CARD_READER_NAME_SIZE], struct kms_err *err)
{
	struct card_reader_list list;
	const struct card_reader *found = NULL;
	enum kms_status st = card_list(system, &list, err);

	if (st)
		return st;
	if (list.count == 0) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "there is no card reader");
		return kms_hint(err, "plug one in");
	}
	for (size_t i = 0; i < list.count; i++) {
		if (!list.readers[i].present)
			continue;
		if (found) {
			kms_fail(err, KMS_ERR_USAGE, "cards are in '%s' and '%s'", found->name,
				list.readers[i].name);
			return kms_hint(err, "name the reader that is meant");
		}
		found = &list.readers[i];
	}
	if (!found) {
		kms_fail(err, KMS_ERR_NOT_FOUND, "there is no card in %s",
			list.count == 1 ? list.readers[0].name : "any reader");
		return kms_hint(err, "put one in, chip first; contactless: leave it on the reader");
	}
	memcpy(ret_name, found->name, CARD_READER_NAME_SIZE);
	return KMS_OK;
}

enum kms_status card_connect(struct card_system *system, const char *reader,
	struct card_link **ret_link, struct kms_err *err)
{
	char name[CARD_READER_NAME_SIZE];
	uint64_t start;
	enum kms_status st;

	if (!reader) {
		st = only_reader(system, name, err);
		if (st)
			return st;
		reader = name;
	}
	start = now_us();
	st = system->ops->connect(system, reader, ret_link, err);
	if (!st)
		(*ret_link)->waited_us = now_us() - start;
	return st;
}

enum kms_status card_wait(struct card_system *system, const char *reader, enum card_event event,
	int timeout_ms, struct card_reader *ret_reader, struct kms_err *err)
{
	return system->ops->wait(system, reader, event, timeout_ms, ret_reader, err);
}

enum kms_status card_transmit(struct card_link *link, const unsigned char *command, size_t len,
	unsigned char *answer, size_t max, size_t *ret_len, struct kms_err *err)
{
	size_t got = 0;
	uint64_t start;
	enum kms_status st;

	link->exchanges++;
	start = now_us();
	st = link->ops->transmit(link, command, len, answer, max, &got, err);
	link->waited_us += now_us() - start;
	if (st)
		return st;
	if (got < 2) {
		kms_fail(err, KMS_ERR_IO,
			"the card in '%s' answered with %zu bytes, not even a status word",
			link->name, got);
		return kms_hint(err, "it may have been pulled: what it did is not known");
	}
	*ret_len = got;
	return KMS_OK;
}

enum kms_status card_reset(struct card_link *link, struct kms_err *err)
{
	return link->ops->reset(link, err);
}

/* ---- shared ---- */

int64_t card_now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

bool card_happened(const struct card_reader_list *list, const char *reader, enum card_event event,
	struct card_reader *ret_reader)
{
	const struct card_reader *with_card = NULL;

	for (size_t i = 0; i < list->count && !with_card; i++)
		if (list->readers[i].present &&
			(!reader || strcmp(list->readers[i].name, reader) == 0))
			with_card = &list->readers[i];
	if ((with_card != NULL) != (event == CARD_INSERTED))
		return false;
	memset(ret_reader, 0, sizeof(*ret_reader));
	if (with_card)
		*ret_reader = *with_card;
	else if (reader)
		strncpy(ret_reader->name, reader, CARD_READER_NAME_SIZE - 1);
	return true;
}

enum kms_status card_nothing_happened(
	const char *reader, enum card_event event, int timeout_ms, struct kms_err *err)
{
	return kms_fail(err, KMS_ERR_NOT_FOUND, "no card was %s %s within %d s",
		event == CARD_INSERTED ? "put into" : "taken out of",
		reader ? reader : "any reader", (timeout_ms + 999) / 1000);
}
