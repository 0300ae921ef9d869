/* SPDX-License-Identifier: Apache-2.0 */
#include "emulate.h"

#include "trusted.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static struct {
	CK_FUNCTION_LIST *real;
	struct emulate options;
} pins;

enum who { USER, SO };

/* The counter's file, locked; -1 if there is none to be had: then the token is broken. */
static int open_count(CK_SLOT_ID slot, enum who who)
{
	CK_TOKEN_INFO info;
	char path[512], serial[17] = {0};
	int fd;

	if (pins.real->C_GetTokenInfo(slot, &info) != CKR_OK)
		return -1;
	for (size_t i = 0; i < 16 && info.serialNumber[i] > ' '; i++)
		serial[i] = info.serialNumber[i] == '/' ? '_' : (char)info.serialNumber[i];
	snprintf(path, sizeof(path), "%s/pin-%s-%s", pins.options.state, serial,
		who == SO ? "so" : "user");
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX)) {
		close(fd);
		return -1;
	}
	return fd;
}

static unsigned read_count(int fd)
{
	char text[16] = {0};

	if (pread(fd, text, sizeof(text) - 1, 0) < 0)
		return 0;
	return (unsigned)strtoul(text, NULL, 10);
}

static bool write_count(int fd, unsigned count)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%u\n", count);

	return !ftruncate(fd, 0) && pwrite(fd, text, (size_t)n, 0) == n;
}

static unsigned count_of(CK_SLOT_ID slot, enum who who)
{
	int fd = open_count(slot, who);
	unsigned count;

	if (fd < 0)
		return 0;
	count = read_count(fd);
	close(fd);
	return count;
}

static void set_count(CK_SLOT_ID slot, enum who who, unsigned count)
{
	int fd = open_count(slot, who);

	if (fd >= 0) {
		(void)!write_count(fd, count);
		close(fd);
	}
}

/* One try of a PIN: refused unseen if locked, counted if wrong. */
struct
try {
	CK_SESSION_HANDLE s;
	CK_USER_TYPE user;
	CK_SLOT_ID slot;
	int fd;
	unsigned count;
};

static CK_RV try_begin(struct try *t)
{
	CK_SESSION_INFO info = {0};
	CK_RV rv = pins.real->C_GetSessionInfo(t->s, &info);

	if (rv != CKR_OK)
		return rv;
	t->slot = info.slotID;
	t->fd = open_count(t->slot, t->user == CKU_SO ? SO : USER);
	if (t->fd < 0)
		return CKR_DEVICE_ERROR;
	t->count = read_count(t->fd);
	if (t->count >= pins.options.pin_tries) {
		close(t->fd);
		return CKR_PIN_LOCKED;
	}
	return CKR_OK;
}

static CK_RV try_end(struct try *t, CK_RV rv)
{
	bool good = true;

	if (rv == CKR_PIN_INCORRECT || rv == CKR_PIN_LEN_RANGE) {
		good = write_count(t->fd, t->count + 1);
		if (t->count + 1 >= pins.options.pin_tries)
			rv = CKR_PIN_LOCKED;
	} else if (rv == CKR_OK && t->count) {
		good = write_count(t->fd, 0);
	}
	close(t->fd);
	return good ? rv : CKR_DEVICE_ERROR;
}

static CK_RV pin_Login(CK_SESSION_HANDLE s, CK_USER_TYPE user, unsigned char *in, CK_ULONG in_len)
{
	struct try t = {.s = s, .user = user};
	CK_RV rv = try_begin(&t);

	if (rv != CKR_OK)
		return rv;
	return try_end(&t, pins.real->C_Login(s, user, in, in_len));
}

/* Of whoever is logged in, else of the user. */
static CK_RV pin_SetPIN(CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len, unsigned char *in2,
	CK_ULONG in2_len)
{
	struct try t = {.s = s, .user = CKU_USER};
	CK_SESSION_INFO info = {0};
	CK_RV rv = pins.real->C_GetSessionInfo(s, &info);

	if (rv == CKR_OK && info.state == CKS_RW_SO_FUNCTIONS)
		t.user = CKU_SO;
	if (rv == CKR_OK)
		rv = try_begin(&t);
	if (rv != CKR_OK)
		return rv;
	return try_end(&t, pins.real->C_SetPIN(s, in, in_len, in2, in2_len));
}

static CK_RV pin_InitPIN(CK_SESSION_HANDLE s, unsigned char *in, CK_ULONG in_len)
{
	CK_SESSION_INFO info = {0};
	CK_RV rv = pins.real->C_InitPIN(s, in, in_len);

	if (rv == CKR_OK && pins.real->C_GetSessionInfo(s, &info) == CKR_OK)
		set_count(info.slotID, USER, 0);
	return rv;
}

static CK_RV pin_InitToken(
	CK_SLOT_ID slot, unsigned char *pin, CK_ULONG pin_len, unsigned char *label)
{
	bool locked = count_of(slot, SO) >= pins.options.pin_tries;
	CK_RV rv = locked ? CKR_PIN_LOCKED : pins.real->C_InitToken(slot, pin, pin_len, label);

	if (rv == CKR_OK) {
		set_count(slot, USER, 0);
		set_count(slot, SO, 0);
	} else if (rv == CKR_PIN_INCORRECT) {
		set_count(slot, SO, count_of(slot, SO) + 1);
	}
	return rv;
}

static CK_FLAGS flags_of(unsigned count, CK_FLAGS low, CK_FLAGS final, CK_FLAGS locked)
{
	return (count ? low : 0) | (count + 1 == pins.options.pin_tries ? final : 0) |
	       (count >= pins.options.pin_tries ? locked : 0);
}

static CK_RV pin_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
	CK_RV rv = pins.real->C_GetTokenInfo(slot, info);

	if (rv != CKR_OK || !(info->flags & CKF_TOKEN_INITIALIZED))
		return rv;
	info->flags &= ~(CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED |
			 CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED);
	info->flags |= flags_of(count_of(slot, USER), CKF_USER_PIN_COUNT_LOW,
			       CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED) |
		       flags_of(count_of(slot, SO), CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY,
			       CKF_SO_PIN_LOCKED);
	return CKR_OK;
}

CK_FUNCTION_LIST *emulate_around(CK_FUNCTION_LIST *real, const struct emulate *options)
{
	static CK_FUNCTION_LIST list;

	pins.real = options->trusted ? trusted_around(real, options->state) : real;
	pins.options = *options;
	if (!options->pin_tries)
		return pins.real;
	list = *pins.real;
	list.C_Login = pin_Login;
	list.C_SetPIN = pin_SetPIN;
	list.C_InitPIN = pin_InitPIN;
	list.C_InitToken = pin_InitToken;
	list.C_GetTokenInfo = pin_GetTokenInfo;
	return &list;
}
