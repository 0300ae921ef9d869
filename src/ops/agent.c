/* SPDX-License-Identifier: Apache-2.0 */
/* What programs ask the agent, and what both ends share. */
#include "ops/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { WAIT_SECONDS = 5 };

enum kms_status agent_address(
	const char *dir, int *ret_dir_fd, struct sockaddr_un *ret_address, struct kms_err *err)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return kms_fail(
			err, KMS_ERR_IO, "cannot open the folder '%s': %s", dir, strerror(errno));
	*ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(ret_address->sun_path, sizeof(ret_address->sun_path),
		"/proc/self/fd/%d/agent.sock", fd);
	*ret_dir_fd = fd;
	return KMS_OK;
}

bool agent_send(int fd, const void *data, size_t len)
{
	const unsigned char *p = data;

	while (len > 0) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool agent_receive(int fd, void *data, size_t len)
{
	unsigned char *p = data;

	while (len > 0) {
		ssize_t n = recv(fd, p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

bool agent_peer(int fd, unsigned seconds, long *ret_uid)
{
	const struct timeval wait = {.tv_sec = seconds};
	struct ucred who;
	socklen_t len = sizeof(who);

	*ret_uid = -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ||
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len))
		return false;
	*ret_uid = (long)who.uid;
	return who.uid == geteuid();
}

static enum kms_status no_agent(struct kms_err *err)
{
	kms_fail(err, KMS_ERR_STATE, "no agent of this site is running");
	return kms_hint(err,
		"start one, as a service of the user that works on cards: 'cardkms -s DIR agent'");
}

/* *ret_fd is -1 if there is no agent. */
static enum kms_status call(const char *dir, int *ret_fd, struct kms_err *err)
{
	struct sockaddr_un address;
	int folder = -1, fd = -1;
	long uid;
	enum kms_status st = agent_address(dir, &folder, &address, err);

	*ret_fd = -1;
	if (st)
		return st;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		st = kms_fail(err, KMS_ERR_IO, "cannot make a socket: %s", strerror(errno));
	else if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0) {
		if (agent_peer(fd, WAIT_SECONDS, &uid)) {
			*ret_fd = fd;
			fd = -1;
		} else {
			st = kms_fail(err, KMS_ERR_DENIED,
				"the agent of this site belongs to another user (uid %ld)", uid);
		}
	} else if (errno != ENOENT && errno != ECONNREFUSED && errno != EACCES) {
		st = kms_fail(err, KMS_ERR_IO, "cannot reach the agent: %s", strerror(errno));
	}
	if (fd >= 0)
		close(fd);
	close(folder);
	return st;
}

/* One request and its answer; what comes with it is left to be received from *ret_fd. */
static enum kms_status ask(const char *dir, enum agent_ask what, const char *name,
	const struct secret *value, uint32_t seconds, int *ret_fd, struct agent_answer *ret_answer,
	struct kms_err *err)
{
	struct agent_request request = {.ask = (uint8_t)what,
		.name_len = (uint8_t)strlen(name),
		.value_len = value ? (uint16_t)value->len : 0,
		.seconds = seconds};
	int fd;
	enum kms_status st;

	if (strlen(name) > AGENT_NAME_MAX || (value && value->len > AGENT_PIN_MAX))
		return kms_fail(err, KMS_ERR_INVALID, "too long for the agent");
	st = call(dir, &fd, err);
	if (st || fd < 0)
		return st ? st : no_agent(err);
	if (agent_send(fd, &request, sizeof(request)) && agent_send(fd, name, request.name_len) &&
		(!value || agent_send(fd, value->data, value->len)) &&
		agent_receive(fd, ret_answer, sizeof(*ret_answer))) {
		*ret_fd = fd;
		return KMS_OK;
	}
	close(fd);
	kms_fail(err, KMS_ERR_IO, "the agent did not answer");
	return kms_hint(err,
		"what it said is where it was started; 'cardkms agent --status' asks it again");
}

enum kms_status agent_get(const char *dir, const char *name, struct secret *ret_pin, bool *ret_held,
	struct kms_err *err)
{
	SECRET_AUTO struct secret pin = {0};
	struct agent_answer answer;
	int fd = -1;
	enum kms_status st = ask(dir, AGENT_GET, name, NULL, 0, &fd, &answer, err);

	*ret_held = false;
	if (st == KMS_ERR_STATE) {
		kms_err_clear(err);
		return KMS_OK;
	}
	if (st)
		return st;
	if (answer.code == AGENT_DONE && answer.value_len <= AGENT_PIN_MAX) {
		st = secret_alloc(&pin, answer.value_len, err);
		if (!st && !agent_receive(fd, pin.data, pin.len))
			st = kms_fail(err, KMS_ERR_IO, "the agent did not answer");
		if (!st) {
			secret_take(ret_pin, &pin);
			*ret_held = true;
		}
	}
	close(fd);
	return st;
}

enum kms_status agent_put(const char *dir, const char *name, const struct secret *pin,
	uint32_t seconds, struct kms_err *err)
{
	struct agent_answer answer;
	int fd = -1;
	enum kms_status st = ask(dir, AGENT_PUT, name, pin, seconds, &fd, &answer, err);

	if (!st)
		close(fd);
	if (!st && answer.code != AGENT_DONE)
		st = kms_fail(err, KMS_ERR_STATE, "the agent holds %d PINs, and takes no more",
			AGENT_PINS_MAX);
	return st;
}

enum kms_status agent_forget(const char *dir, const char *name, struct kms_err *err)
{
	struct agent_answer answer;
	int fd = -1;
	enum kms_status st = ask(dir, AGENT_FORGET, name, NULL, 0, &fd, &answer, err);

	if (!st)
		close(fd);
	return st;
}

enum kms_status agent_forget_all(const char *dir, unsigned *ret_count, struct kms_err *err)
{
	struct agent_answer answer = {0};
	int fd = -1;
	enum kms_status st = ask(dir, AGENT_FORGET_ALL, "", NULL, 0, &fd, &answer, err);

	if (st == KMS_ERR_STATE) {
		kms_err_clear(err);
		st = KMS_OK;
	}
	if (fd >= 0)
		close(fd);
	if (!st)
		*ret_count = answer.count;
	return st;
}

enum kms_status agent_status(const char *dir, struct buf *ret_lines, struct kms_err *err)
{
	char lines[AGENT_STATUS_MAX];
	struct agent_answer answer;
	int fd = -1;
	enum kms_status st = ask(dir, AGENT_STATUS, "", NULL, 0, &fd, &answer, err);

	if (st)
		return st;
	if (answer.value_len > sizeof(lines) || !agent_receive(fd, lines, answer.value_len))
		st = kms_fail(err, KMS_ERR_IO, "the agent did not answer");
	close(fd);
	return st ? st : buf_append(ret_lines, lines, answer.value_len, err);
}
