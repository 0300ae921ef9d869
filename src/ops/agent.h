/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent: a process of its own that holds operator PINs in locked memory, between `unlock` and
 * `lock`, for the programs of the same user on this machine.
 *
 * It listens on the socket agent.sock (mode 0600) in the site's folder. Each side asks the kernel who the other is
 * (SO_PEERCRED): only the same user is answered, and only the same user's answer is taken. One request a
 * connection; a PIN goes from locked memory to locked memory, through the kernel.
 *
 * Inside ops/: a PIN is held under the name by which it is asked for, "pin" or "pin.NAME".
 */
#ifndef OPS_AGENT_H
#define OPS_AGENT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	AGENT_NAME_MAX = 63,
	AGENT_PIN_MAX = 256,
	AGENT_PINS_MAX = 16,
	AGENT_STATUS_MAX = 4096,
};

/* What is asked of it; both ends are this program, on one machine. */
enum agent_ask { AGENT_GET = 1, AGENT_PUT, AGENT_FORGET, AGENT_FORGET_ALL, AGENT_STATUS };

struct agent_request {
	uint8_t ask; /* enum agent_ask */
	uint8_t name_len;
	uint16_t value_len;
	uint32_t seconds; /* AGENT_PUT: until it is forgotten */
};

/* Who is refused, or makes no sense, gets none. */
enum agent_code { AGENT_DONE = 1, AGENT_NONE };

struct agent_answer {
	uint8_t code;  /* enum agent_code */
	uint8_t count; /* AGENT_FORGET_ALL: how many there were */
	uint16_t value_len;
};

/* ---- for programs ---- */

/* *ret_held: whether there is an agent that holds it. Without an agent that is no error. */
KMS_CHECKED enum kms_status agent_get(const char *dir, const char *name, struct secret *ret_pin,
	bool *ret_held, struct kms_err *err);

/* KMS_ERR_STATE if there is no agent. */
KMS_CHECKED enum kms_status agent_put(const char *dir, const char *name, const struct secret *pin,
	uint32_t seconds, struct kms_err *err);

/* A PIN that was refused must not be tried again by the next program. */
KMS_CHECKED enum kms_status agent_forget(const char *dir, const char *name, struct kms_err *err);

/* *ret_count: how many PINs it held. Without an agent none. */
KMS_CHECKED enum kms_status agent_forget_all(
	const char *dir, unsigned *ret_count, struct kms_err *err);

/* Lines "name seconds-left times-given", empty if nothing is held; KMS_ERR_STATE if there is no agent. */
KMS_CHECKED enum kms_status agent_status(
	const char *dir, struct buf *ret_lines, struct kms_err *err);

/* ---- the agent itself ---- */

/*
 * Serves until SIGTERM, SIGINT or SIGHUP, then wipes everything. `say` gets a line when it is ready, and for what is
 * refused. KMS_ERR_BUSY: the site has one already.
 */
KMS_CHECKED enum kms_status agent_serve(
	const char *dir, void (*say)(void *ctx, const char *text), void *ctx, struct kms_err *err);

/* A Unix address for the socket in that folder, whose path may be too long for one. Keeps the folder open. */
struct sockaddr_un;
KMS_CHECKED enum kms_status agent_address(
	const char *dir, int *ret_dir_fd, struct sockaddr_un *ret_address, struct kms_err *err);

/* All of len bytes, or false: the other side went away or took too long. */
bool agent_send(int fd, const void *data, size_t len);
bool agent_receive(int fd, void *data, size_t len);
/* Whether the other end belongs to this user; neither end waits longer than `seconds` for the other. */
bool agent_peer(int fd, unsigned seconds, long *ret_uid);

#endif
