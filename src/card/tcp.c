/* SPDX-License-Identifier: Apache-2.0 */
/* Cards at the other end of a TCP connection, in the framing of vpcd. */
#include "card/reader.h"

#include "base/text.h"
#include "card/reader_int.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	CONTROL_OFF = 0,
	CONTROL_ON = 1,
	CONTROL_ATR = 4,
	FRAME_MAX = 65535,
	DEFAULT_TIMEOUT_MS = 30000,
	CHOOSE_MS = 5000,
	CHOOSE_AGAIN_MS = 20,
	POLL_MS = 200, /* card_wait asks that often whether somebody listens */
};

struct tcp {
	struct card_system base;
	int timeout_ms;
	struct card_reader_list readers; /* names only: "HOST:PORT" */
};

struct tcp_link {
	struct card_link base;
	int fd;
	int timeout_ms;
};

static enum kms_status broken(const struct tcp_link *link, const char *why, struct kms_err *err)
{
	kms_fail(err, KMS_ERR_IO, "cannot talk to the card at '%s': %s", link->base.name, why);
	return kms_hint(err, "what the card did is not known: look before trying again");
}

static enum kms_status broken_errno(const struct tcp_link *link, int error, struct kms_err *err)
{
	enum kms_status st = broken(link, strerror(error), err);

	kms_native(err, "%s", strerrorname_np(error));
	return st;
}

static enum kms_status send_frame(
	struct tcp_link *link, const unsigned char *data, size_t len, struct kms_err *err)
{
	unsigned char *frame;
	size_t done = 0, total = len + 2;

	if (len > FRAME_MAX)
		return kms_fail(
			err, KMS_ERR_INVALID, "%zu bytes are too many for one message", len);
	frame = malloc(total);
	if (!frame)
		return kms_nomem(err);
	frame[0] = (unsigned char)(len >> 8);
	frame[1] = (unsigned char)len;
	memcpy(frame + 2, data, len);
	while (done < total) {
		ssize_t n = send(link->fd, frame + done, total - done, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int error = errno;

			free(frame);
			return broken_errno(link, error, err);
		}
		done += (size_t)n;
	}
	free(frame);
	return KMS_OK;
}

static enum kms_status receive(
	struct tcp_link *link, unsigned char *out, size_t len, int64_t end, struct kms_err *err)
{
	size_t done = 0;

	while (done < len) {
		int64_t left = end - card_now_ms();
		struct pollfd wait = {.fd = link->fd, .events = POLLIN};
		int ready = poll(&wait, 1, left > 0 ? (int)left : 0);
		ssize_t n;

		if (ready < 0 && errno == EINTR)
			continue;
		if (ready < 0)
			return broken_errno(link, errno, err);
		if (ready == 0) {
			(void)broken(link, "the card did not answer in time", err);
			kms_native(err, "ETIMEDOUT");
			return KMS_ERR_IO;
		}
		n = recv(link->fd, out + done, len - done, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return broken_errno(link, errno, err);
		if (n == 0)
			return broken(link, "the card was pulled", err);
		done += (size_t)n;
	}
	return KMS_OK;
}

static enum kms_status receive_frame(
	struct tcp_link *link, unsigned char *out, size_t max, size_t *ret_len, struct kms_err *err)
{
	int64_t end = card_now_ms() + link->timeout_ms;
	unsigned char head[2];
	enum kms_status st = receive(link, head, 2, end, err);
	size_t len = (size_t)head[0] << 8 | head[1];

	if (st)
		return st;
	if (len > max)
		return broken(link, "the answer is longer than any card may send", err);
	st = receive(link, out, len, end, err);
	if (st)
		return st;
	*ret_len = len;
	return KMS_OK;
}

static enum kms_status tcp_transmit(struct card_link *base, const unsigned char *command,
	size_t len, unsigned char *answer, size_t max, size_t *ret_len, struct kms_err *err)
{
	struct tcp_link *link = (struct tcp_link *)base;
	enum kms_status st;

	if (len < 4) /* one byte would be a control code */
		return kms_fail(err, KMS_ERR_INVALID, "%zu bytes are no command", len);
	st = send_frame(link, command, len, err);
	return st ? st : receive_frame(link, answer, max, ret_len, err);
}

static enum kms_status power_on(struct tcp_link *link, struct kms_err *err)
{
	static const unsigned char on[] = {CONTROL_ON}, ask[] = {CONTROL_ATR};
	unsigned char atr[CARD_ATR_MAX];
	size_t len = 0;
	enum kms_status st = send_frame(link, on, 1, err);

	if (!st)
		st = send_frame(link, ask, 1, err);
	if (!st)
		st = receive_frame(link, atr, sizeof(atr), &len, err);
	if (st)
		return st;
	link->base.atr.len = len;
	memcpy(link->base.atr.bytes, atr, len);
	return KMS_OK;
}

static enum kms_status tcp_reset(struct card_link *base, struct kms_err *err)
{
	static const unsigned char off[] = {CONTROL_OFF};
	struct tcp_link *link = (struct tcp_link *)base;
	enum kms_status st = send_frame(link, off, 1, err);

	return st ? st : power_on(link, err);
}

static void tcp_link_close(struct card_link *base)
{
	static const unsigned char off[] = {CONTROL_OFF};
	struct tcp_link *link = (struct tcp_link *)base;
	struct kms_err ignored;

	if (link->fd >= 0) {
		if (send_frame(link, off, 1, &ignored) == KMS_OK)
			(void)shutdown(link->fd, SHUT_WR);
		(void)close(link->fd);
	}
	free(link);
}

/* "HOST:PORT", or "HOST:PORT/CARD" for one card of a box. */
struct address {
	char host[CARD_READER_NAME_SIZE], port[8];
	const char *card; /* in what was parsed; NULL: whichever comes */
};

static bool parse_address(const char *name, struct address *ret_address)
{
	const char *slash = strchr(name, '/');
	size_t end = slash ? (size_t)(slash - name) : strlen(name);
	const char *colon = memrchr(name, ':', end);
	size_t host = colon ? (size_t)(colon - name) : 0, port = colon ? end - host - 1 : 0;

	if (host == 0 || host >= sizeof(ret_address->host) || port == 0 ||
		port >= sizeof(ret_address->port) || strspn(colon + 1, "0123456789") < port ||
		(slash && !slash[1]))
		return false;
	memcpy(ret_address->host, name, host);
	ret_address->host[host] = 0;
	memcpy(ret_address->port, colon + 1, port);
	ret_address->port[port] = 0;
	ret_address->card = slash ? slash + 1 : NULL;
	return true;
}

/* Of this machine: 127.0.0.0/8 and ::1. */
static bool is_loopback(const struct sockaddr *address)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)address;

	if (address->sa_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return address->sa_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

/*
 * -1 and errno, or EAI in *ret_eai. EPERM: not on this machine. Keys go to a card encrypted under
 * keys that the maker of the card knows, too: no network may carry them (docs/threat-model.md).
 */
static int dial(const struct address *address, int *ret_eai)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	int fd = -1, error = ECONNREFUSED, one = 1;

	*ret_eai = getaddrinfo(address->host, address->port, &hints, &found);
	if (*ret_eai)
		return -1;
	for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
		if (!is_loopback(at->ai_addr)) {
			error = EPERM;
			continue;
		}
		fd = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
		if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) == 0)
			break;
		error = errno;
		if (fd >= 0)
			close(fd);
		fd = -1;
	}
	freeaddrinfo(found);
	if (fd < 0) {
		errno = error;
		return -1;
	}
	/* Small messages there and back: Nagle's delay would cost 40 ms for each. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/*
 * Has the simulator put a card in by its name (docs/cardsim.md). At each connection it puts in the next one
 * first, so the one that is wanted may be in another's reader for a moment.
 */
static enum kms_status choose(struct tcp_link *link, const char *card, struct kms_err *err)
{
	int64_t end = card_now_ms() + CHOOSE_MS;
	unsigned char command[5 + CARD_READER_NAME_SIZE] = {0xFF, 0x53, 0, 0};
	unsigned char answer[2];
	size_t len = strlen(card), got = 0;
	enum kms_status st;

	command[4] = (unsigned char)len;
	snprintf((char *)command + 5, sizeof(command) - 5, "%s", card);
	do {
		st = send_frame(link, command, 5 + len, err);
		if (!st)
			st = receive_frame(link, answer, sizeof(answer), &got, err);
		if (st || (got == 2 && answer[0] == 0x90 && answer[1] == 0))
			return st;
		(void)poll(NULL, 0, CHOOSE_AGAIN_MS);
	} while (card_now_ms() < end);
	kms_fail(err, KMS_ERR_NOT_FOUND, "there is no card '%s' at '%s', or somebody has it", card,
		link->base.name);
	return kms_hint(err, "names are those of the state files of a cardsim that has several");
}

static enum kms_status tcp_connect(struct card_system *system, const char *reader,
	struct card_link **ret_link, struct kms_err *err)
{
	static const struct card_link_ops ops = {tcp_transmit, tcp_reset, tcp_link_close};
	struct tcp *t = (struct tcp *)system;
	struct tcp_link *link;
	struct address address;
	enum kms_status st;
	int eai;

	if (strlen(reader) >= CARD_READER_NAME_SIZE || !parse_address(reader, &address))
		return kms_fail(err, KMS_ERR_NOT_FOUND, "'%.60s…' is no HOST:PORT", reader);
	link = calloc(1, sizeof(*link));
	if (!link)
		return kms_nomem(err);
	link->base.ops = &ops;
	link->base.protocol = CARD_T1;
	link->timeout_ms = t->timeout_ms;
	strcpy(link->base.name, reader);
	link->fd = dial(&address, &eai);
	if (link->fd < 0) {
		int error = errno;

		free(link);
		if (!eai && error == EPERM) {
			kms_fail(err, KMS_ERR_DENIED, "'%s' is not on this machine", reader);
			return kms_hint(err,
				"tcp: is for cardsim on 127.0.0.1 or ::1: cards are worked on in a "
				"local reader only");
		}
		kms_fail(err, KMS_ERR_NOT_FOUND, "there is no card at '%s': %s", reader,
			eai ? gai_strerror(eai) : strerror(error));
		if (!eai)
			kms_native(err, "%s", strerrorname_np(error));
		return kms_hint(err, "does the simulator listen there?");
	}
	st = address.card ? choose(link, address.card, err) : KMS_OK;
	if (!st)
		st = power_on(link, err);
	if (st) {
		tcp_link_close(&link->base);
		return st;
	}
	*ret_link = &link->base;
	return KMS_OK;
}

/* Whether somebody listens. That is not asked of the card: it would end another's session. */
static bool listens(const char *name)
{
	struct address address;
	int eai, fd = parse_address(name, &address) ? dial(&address, &eai) : -1;

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static enum kms_status tcp_list(
	struct card_system *system, struct card_reader_list *ret_list, struct kms_err *err)
{
	struct tcp *t = (struct tcp *)system;

	(void)err;
	*ret_list = t->readers;
	for (size_t i = 0; i < ret_list->count; i++)
		ret_list->readers[i].present = listens(ret_list->readers[i].name);
	return KMS_OK;
}

static enum kms_status tcp_wait(struct card_system *system, const char *reader,
	enum card_event event, int timeout_ms, struct card_reader *ret_reader, struct kms_err *err)
{
	int64_t end = card_now_ms() + timeout_ms;

	for (;;) {
		struct card_reader_list list;
		enum kms_status st = tcp_list(system, &list, err);

		if (st)
			return st;
		if (card_happened(&list, reader, event, ret_reader))
			return KMS_OK;
		if (card_now_ms() >= end)
			return card_nothing_happened(reader, event, timeout_ms, err);
		(void)poll(NULL, 0, POLL_MS);
	}
}

static void tcp_close(struct card_system *system)
{
	free(system);
}

static enum kms_status parse(struct tcp *t, const char *addresses, struct kms_err *err)
{
	for (const char *at = addresses; *at;) {
		size_t len = strcspn(at, ",");
		struct card_reader *r = &t->readers.readers[t->readers.count];
		struct address address;

		if (t->readers.count == CARD_READERS_MAX)
			return kms_fail(err, KMS_ERR_USAGE, "more than %d addresses of cards",
				CARD_READERS_MAX);
		if (len >= CARD_READER_NAME_SIZE)
			return kms_fail(err, KMS_ERR_USAGE, "the address of a card is too long");
		memcpy(r->name, at, len);
		if (!text_printable(r->name, len) || !parse_address(r->name, &address)) {
			kms_fail(err, KMS_ERR_USAGE,
				"an address of a card is not HOST:PORT, nor "
				"HOST:PORT/CARD");
			return kms_hint(err, "for example tcp:localhost:35963");
		}
		t->readers.count++;
		at += len;
		at += *at == ',';
	}
	if (t->readers.count == 0)
		return kms_fail(err, KMS_ERR_USAGE, "tcp: needs the HOST:PORT of a card");
	return KMS_OK;
}

enum kms_status card_tcp_open(
	const char *addresses, int timeout_ms, struct card_system **ret_system, struct kms_err *err)
{
	static const struct card_system_ops ops = {
		"tcp", tcp_list, tcp_connect, tcp_wait, tcp_close};
	struct tcp *t = calloc(1, sizeof(*t));
	enum kms_status st;

	if (!t)
		return kms_nomem(err);
	t->base.ops = &ops;
	t->timeout_ms = timeout_ms > 0 ? timeout_ms : DEFAULT_TIMEOUT_MS;
	st = parse(t, addresses, err);
	if (st) {
		free(t);
		return st;
	}
	*ret_system = &t->base;
	return KMS_OK;
}
