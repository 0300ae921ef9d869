/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/serve.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	LINKS_MAX = 256,
	PAYLOAD_MAX = 65535,
	GONE_MS = 300,	     /* how long a card that lost power is out of the vpcd reader */
	PATIENCE_MS = 10000, /* how long vpcd may be away */
};

/* One connection and the reader at its end. */
struct link {
	int fd;
	struct sim_reader reader;
	unsigned char in[2 + PAYLOAD_MAX];
	size_t in_len;
	unsigned char out[2 + SIM_RESPONSE_MAX];
};

/* ---- sockets ---- */

/* Linux acknowledges late; without these a reader gets some 20 commands a second. */
static void hurry(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

static enum kms_status resolve(const char *address, const char *default_port, bool passive,
	struct addrinfo **ret_list, struct kms_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
	FREE_AUTO char *host = strdup(address ? address : "");
	const char *port = default_port;
	char *colon;
	int failed;

	if (!host)
		return kms_nomem(err);
	colon = strrchr(host, ':');
	if (colon) {
		*colon = 0;
		port = colon + 1;
	} else if (*host && strspn(host, "0123456789") == strlen(host)) {
		port = host;
	}
	/* Never on all interfaces unless it is asked for by name. */
	failed = getaddrinfo(port == host || !*host ? "localhost" : host, port, &hints, ret_list);
	if (failed)
		return kms_fail(err, KMS_ERR_USAGE, "cannot use address '%s': %s",
			address ? address : port, gai_strerror(failed));
	return KMS_OK;
}

static int connect_any(const struct addrinfo *list)
{
	for (; list; list = list->ai_next) {
		int fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC, 0);

		if (fd < 0)
			continue;
		if (connect(fd, list->ai_addr, list->ai_addrlen) == 0) {
			hurry(fd);
			return fd;
		}
		close(fd);
	}
	return -1;
}

static bool send_all(int fd, const unsigned char *data, size_t len)
{
	while (len > 0) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent <= 0)
			return false;
		data += sent;
		len -= (size_t)sent;
	}
	return true;
}

/* ---- one connection ---- */

static struct link *link_new(const struct sim_serve *serve, int fd)
{
	struct link *link = calloc(1, sizeof(*link));

	if (!link)
		return NULL;
	link->fd = fd;
	link->reader.box = serve->box;
	link->reader.faults = serve->faults;
	link->reader.trace = serve->trace;
	return link;
}

static void link_free(struct link *link)
{
	if (!link)
		return;
	sim_reader_eject(&link->reader);
	if (link->fd >= 0)
		close(link->fd);
	free(link);
}

static bool handle(struct link *link, const unsigned char *payload, size_t len)
{
	size_t got = 0;

	switch (sim_reader_payload(&link->reader, payload, len, link->out + 2, &got)) {
	case SIM_REPLY:
		link->out[0] = (unsigned char)(got >> 8);
		link->out[1] = (unsigned char)got;
		return send_all(link->fd, link->out, 2 + got);
	case SIM_SILENCE:
		return true;
	case SIM_GONE:
		return false;
	}
	return false;
}

/* Reads what there is and answers it. False: the connection is over. */
static bool link_turn(struct link *link)
{
	ssize_t got = recv(link->fd, link->in + link->in_len, sizeof(link->in) - link->in_len, 0);
	size_t at = 0;

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (got <= 0)
		return false;
	hurry(link->fd); /* the kernel forgets TCP_QUICKACK by itself */
	link->in_len += (size_t)got;
	while (link->in_len - at >= 2) {
		size_t len = (size_t)link->in[at] << 8 | link->in[at + 1];

		if (link->in_len - at - 2 < len)
			break;
		if (!handle(link, link->in + at + 2, len))
			return false;
		at += 2 + len;
	}
	memmove(link->in, link->in + at, link->in_len - at);
	link->in_len -= at;
	return true;
}

/* ---- signals ---- */

static int signals_open(struct kms_err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	if (fd < 0)
		kms_fail(err, KMS_ERR_IO, "cannot watch for signals: %s", strerror(errno));
	return fd;
}

/* True if a signal came before the time was up. */
static bool pause_for(int signals, int ms)
{
	struct pollfd wait = {.fd = signals, .events = POLLIN};

	return poll(&wait, 1, ms) > 0;
}

/* ---- vpcd ---- */

/* The card in the reader until it loses power or the reader goes. True: a signal came. */
static bool vpcd_session(struct link *link, int signals)
{
	struct pollfd wait[] = {
		{.fd = signals, .events = POLLIN}, {.fd = link->fd, .events = POLLIN}};

	for (;;) {
		if (poll(wait, 2, -1) < 0 && errno != EINTR)
			return false;
		if (wait[0].revents)
			return true;
		if (wait[1].revents && !link_turn(link))
			return false;
	}
}

static enum kms_status vpcd_loop(const struct sim_serve *serve, const struct addrinfo *list,
	int signals, struct kms_err *err)
{
	struct sim_slot *slot = serve->box->slots[0];
	enum kms_status st = KMS_OK;
	bool stop = false;
	int waited = 0;

	while (!stop && !st) {
		int fd = connect_any(list);
		struct link *link;

		if (fd < 0) {
			if (waited >= PATIENCE_MS)
				return kms_fail(err, KMS_ERR_IO,
					"cannot put the card into a reader: vpcd does not listen "
					"at %s",
					serve->address ? serve->address : "localhost:35963");
			stop = pause_for(signals, GONE_MS);
			waited += GONE_MS;
			continue;
		}
		waited = 0;
		link = link_new(serve, fd);
		if (!link) {
			close(fd);
			return kms_nomem(err);
		}
		st = sim_reader_insert(&link->reader, slot, err);
		if (!st)
			stop = vpcd_session(link, signals);
		if (link->reader.slot)
			slot = link->reader.slot; /* it may have been swapped */
		link_free(link);
		if (!st && !stop)
			stop = pause_for(signals, GONE_MS);
	}
	return st;
}

enum kms_status sim_serve_vpcd(const struct sim_serve *serve, struct kms_err *err)
{
	struct addrinfo *list = NULL;
	enum kms_status st = resolve(serve->address, "35963", false, &list, err);
	int signals;

	if (st)
		return st;
	signals = signals_open(err);
	if (signals >= 0)
		st = vpcd_loop(serve, list, signals, err);
	else
		st = err->code;
	if (signals >= 0)
		close(signals);
	freeaddrinfo(list);
	return st;
}

/* ---- listening ---- */

struct desk {
	const struct sim_serve *serve;
	int listener;
	int signals;
	struct link *links[LINKS_MAX];
	size_t count;
};

static enum kms_status listen_at(const struct sim_serve *serve, int *ret_fd, struct kms_err *err)
{
	struct addrinfo *list = NULL;
	enum kms_status st = resolve(serve->address, "0", true, &list, err);
	char host[NI_MAXHOST], port[NI_MAXSERV];
	struct sockaddr_storage bound;
	socklen_t len = sizeof(bound);
	int fd, one = 1;

	if (st)
		return st;
	fd = socket(list->ai_family, list->ai_socktype | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (fd < 0 || bind(fd, list->ai_addr, list->ai_addrlen) < 0 || listen(fd, 128) < 0 ||
		getsockname(fd, (struct sockaddr *)&bound, &len) < 0 ||
		getnameinfo((struct sockaddr *)&bound, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
		st = kms_fail(err, KMS_ERR_IO, "cannot listen at '%s': %s", serve->address,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		freeaddrinfo(list);
		return st;
	}
	freeaddrinfo(list);
	printf("listening %s %s\n", host, port);
	fflush(stdout);
	*ret_fd = fd;
	return KMS_OK;
}

static void desk_accept(struct desk *desk)
{
	int fd = accept4(desk->listener, NULL, NULL, SOCK_CLOEXEC);
	struct sim_slot *slot;
	struct kms_err err = {0};
	struct link *link;

	if (fd < 0)
		return;
	hurry(fd);
	slot = sim_box_next(desk->serve->box);
	link = slot ? link_new(desk->serve, fd) : NULL;
	if (!link) {
		close(fd);
		return;
	}
	link->reader.choose = desk->serve->box->count > 1;
	if (sim_reader_insert(&link->reader, slot, &err)) {
		fprintf(stderr, "cardsim: %s\n", err.msg);
		link_free(link);
		return;
	}
	desk->links[desk->count++] = link;
}

static bool card_free(const struct sim_box *box)
{
	for (size_t i = 0; i < box->count; i++)
		if (!box->slots[(box->next + i) % box->count]->busy)
			return true;
	return false;
}

/* While no card is free a caller waits in the backlog. False: a signal came. */
static bool desk_turn(struct desk *desk)
{
	struct pollfd wait[2 + LINKS_MAX];
	size_t count = desk->count, kept = 0;

	wait[0] = (struct pollfd){.fd = desk->signals, .events = POLLIN};
	wait[1] = (struct pollfd){.fd = desk->listener, .events = POLLIN};
	if (count == LINKS_MAX || !card_free(desk->serve->box))
		wait[1].fd = -1;
	for (size_t i = 0; i < count; i++)
		wait[2 + i] = (struct pollfd){.fd = desk->links[i]->fd, .events = POLLIN};
	if (poll(wait, 2 + count, -1) < 0)
		return errno == EINTR;
	if (wait[0].revents)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (wait[2 + i].revents && !link_turn(desk->links[i]))
			link_free(desk->links[i]);
		else
			desk->links[kept++] = desk->links[i];
	}
	desk->count = kept;
	if (wait[1].fd >= 0 && wait[1].revents)
		desk_accept(desk);
	return true;
}

enum kms_status sim_serve_listen(const struct sim_serve *serve, struct kms_err *err)
{
	struct desk *desk = calloc(1, sizeof(*desk));
	enum kms_status st;

	if (!desk)
		return kms_nomem(err);
	desk->serve = serve;
	desk->signals = signals_open(err);
	if (desk->signals < 0) {
		free(desk);
		return err->code;
	}
	st = listen_at(serve, &desk->listener, err);
	if (!st) {
		while (desk_turn(desk)) {
		}
		for (size_t i = 0; i < desk->count; i++)
			link_free(desk->links[i]);
		close(desk->listener);
	}
	close(desk->signals);
	free(desk);
	return st;
}
