/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/serve.h"

#include "sim/link.h"

#include "base/buf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
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
	GONE_MS = 600,	     /* how long a card that lost power is out of the vpcd reader */
	MUTE_MS = 3000,	     /* when vpcd, which waits for ever, is told that a card is mute */
	PATIENCE_MS = 10000, /* how long vpcd may be away */
};

/* ---- sockets ---- */

static enum kms_status resolve(const char *address, const char *default_port, bool passive,
	struct addrinfo **ret_list, struct kms_err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = passive ? AI_PASSIVE : 0};
	FREE_AUTO char *copy = strdup(address ? address : "");
	const char *port = default_port;
	char *host = copy, *colon, *bracket;
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
	bracket = strchr(host, ']'); /* [::1]:PORT */
	if (host[0] == '[' && bracket && !bracket[1]) {
		*bracket = 0;
		host++;
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
		if (connect(fd, list->ai_addr, list->ai_addrlen) == 0)
			return fd;
		close(fd);
	}
	return -1;
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
static bool vpcd_session(struct sim_link *link, int signals)
{
	for (;;) {
		struct pollfd wait[2] = {{.fd = signals, .events = POLLIN}};
		int timeout = -1;

		sim_link_poll(link, &wait[1], &timeout);
		if (poll(wait, 2, timeout) < 0 && errno != EINTR)
			return false;
		if (wait[0].revents)
			return true;
		if (sim_link_over(link) || (wait[1].revents && !sim_link_turn(link)))
			return false;
	}
}

static enum kms_status vpcd_loop(const struct sim_serve *serve, const struct addrinfo *list,
	int signals, struct kms_err *err)
{
	struct sim_slot *slot = serve->box->slots[0];
	enum kms_status st = KMS_OK;
	/*
	 * The reader may just have lost another card. pcscd looks every 0.4 s, and must see it empty:
	 * otherwise a card torn in SCardTransmit and put in again stays "absent" for ever.
	 */
	bool stop = pause_for(signals, GONE_MS);
	int waited = 0;

	while (!stop && !st) {
		int fd = connect_any(list);
		struct sim_reader *reader;
		struct sim_link *link;

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
		link = sim_link_new(serve->box, serve->faults, serve->trace, fd);
		if (!link)
			return kms_nomem(err);
		sim_link_patience(link, MUTE_MS);
		reader = sim_link_reader(link);
		st = sim_reader_insert(reader, slot, err);
		if (!st)
			stop = vpcd_session(link, signals);
		if (reader->slot)
			slot = reader->slot; /* it may have been swapped */
		sim_link_free(link);
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
	struct sim_link *links[LINKS_MAX];
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
	const struct sim_serve *serve = desk->serve;
	int fd = accept4(desk->listener, NULL, NULL, SOCK_CLOEXEC);
	struct sim_slot *slot = sim_box_next(serve->box);
	struct kms_err err = {0};
	struct sim_link *link;

	if (fd < 0)
		return;
	if (!slot) {
		close(fd);
		return;
	}
	link = sim_link_new(serve->box, serve->faults, serve->trace, fd);
	if (!link)
		return;
	sim_link_reader(link)->choose = serve->box->count > 1;
	if (sim_reader_insert(sim_link_reader(link), slot, &err)) {
		fprintf(stderr, "cardsim: %s\n", err.msg);
		sim_link_free(link);
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
	int timeout = -1;

	wait[0] = (struct pollfd){.fd = desk->signals, .events = POLLIN};
	wait[1] = (struct pollfd){.fd = desk->listener, .events = POLLIN};
	if (count == LINKS_MAX || !card_free(desk->serve->box))
		wait[1].fd = -1;
	for (size_t i = 0; i < count; i++)
		sim_link_poll(desk->links[i], &wait[2 + i], &timeout);
	if (poll(wait, 2 + count, timeout) < 0)
		return errno == EINTR;
	if (wait[0].revents)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (wait[2 + i].revents && !sim_link_turn(desk->links[i]))
			sim_link_free(desk->links[i]);
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
			sim_link_free(desk->links[i]);
		close(desk->listener);
	}
	close(desk->signals);
	free(desk);
	return st;
}
