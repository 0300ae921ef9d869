/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/link.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PAYLOAD_MAX = 65535 };

struct sim_link {
	int fd;
	struct sim_reader reader;
	unsigned char in[2 + PAYLOAD_MAX];
	size_t in_len;
	unsigned char out[2 + SIM_RESPONSE_MAX]; /* one answer at a time */
	size_t out_len;
	size_t out_at;
	int64_t due;	  /* milliseconds; before it the answer is not sent */
	int64_t mute_end; /* 0: the card is not mute, or may be for ever */
	int patience;
};

void sim_link_hurry(int fd)
{
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_QUICKACK, &one, sizeof(one));
}

static int64_t now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

struct sim_link *sim_link_new(
	struct sim_box *box, const struct sim_faults *faults, bool trace, int fd)
{
	struct sim_link *link = calloc(1, sizeof(*link));

	if (!link) {
		close(fd);
		return NULL;
	}
	link->fd = fd;
	link->reader.box = box;
	link->reader.faults = faults;
	link->reader.trace = trace;
	sim_link_hurry(fd);
	return link;
}

void sim_link_free(struct sim_link *link)
{
	if (!link)
		return;
	sim_reader_eject(&link->reader);
	close(link->fd);
	free(link);
}

struct sim_reader *sim_link_reader(struct sim_link *link)
{
	return &link->reader;
}

void sim_link_patience(struct sim_link *link, int ms)
{
	link->patience = ms;
}

bool sim_link_over(const struct sim_link *link)
{
	return link->mute_end > 0 && now_ms() >= link->mute_end;
}

static void no_later(int64_t left, int *timeout)
{
	if (left > 0 && (*timeout < 0 || left < *timeout))
		*timeout = (int)left;
}

static bool pending(const struct sim_link *link)
{
	return link->out_at < link->out_len;
}

void sim_link_poll(const struct sim_link *link, struct pollfd *ret_wait, int *timeout)
{
	int64_t left = pending(link) && link->due > 0 ? link->due - now_ms() : 0;

	*ret_wait = (struct pollfd){
		.fd = left > 0 ? -1 : link->fd, .events = pending(link) ? POLLOUT : POLLIN};
	no_later(left, timeout);
	if (link->mute_end > 0)
		no_later(link->mute_end - now_ms(), timeout);
}

static bool flush(struct sim_link *link)
{
	while (pending(link)) {
		ssize_t sent = send(link->fd, link->out + link->out_at,
			link->out_len - link->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN;
		link->out_at += (size_t)sent;
	}
	return true;
}

static bool handle(struct sim_link *link, const unsigned char *payload, size_t len)
{
	uint32_t delay = len > 1 ? sim_reader_delay(&link->reader) : 0;
	size_t got = 0;

	switch (sim_reader_payload(&link->reader, payload, len, link->out + 2, &got)) {
	case SIM_REPLY:
		link->out[0] = (unsigned char)(got >> 8);
		link->out[1] = (unsigned char)got;
		link->out_at = 0;
		link->out_len = 2 + got;
		link->due = delay > 0 ? now_ms() + delay : 0;
		return delay > 0 || flush(link);
	case SIM_SILENCE:
		if (link->reader.mute && link->mute_end == 0 && link->patience > 0)
			link->mute_end = now_ms() + link->patience;
		return true;
	case SIM_GONE:
		return false;
	}
	return false;
}

/* Answers what has come whole, until an answer has to wait. */
static bool answer(struct sim_link *link)
{
	size_t at = 0;

	while (!pending(link) && link->in_len - at >= 2) {
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

bool sim_link_turn(struct sim_link *link)
{
	ssize_t got;

	if (pending(link))
		return flush(link) && answer(link);
	got = recv(
		link->fd, link->in + link->in_len, sizeof(link->in) - link->in_len, MSG_DONTWAIT);
	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (got <= 0)
		return false;
	sim_link_hurry(link->fd); /* the kernel forgets TCP_QUICKACK by itself */
	link->in_len += (size_t)got;
	return answer(link);
}
