/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Card readers, behind one vtable: PC/SC, TCP to cardsim, and a script for tests.
 *
 * A card_system lists readers and waits for cards; a card_link is the line to one card. Both belong
 * to one thread. Neither prints, logs, or knows what the bytes mean.
 *
 * Errors of the whole folder, so that a caller can tell a tear from a refusal:
 *   KMS_ERR_IO         the line broke, the card was mute, or its answer is no answer. Whether the
 *                      card carried the command out is *unknown*. err->native: "SCARD_…", errno.
 *   KMS_ERR_CARD       the card answered with a status word that is an error: err->native "SW 6A80".
 *   KMS_ERR_MISMATCH   a cryptogram, MAC or check value of the card is wrong. For a command under
 *                      R-MAC that, too, leaves unknown what the card did.
 *   KMS_ERR_INVALID    what the card or a file says is malformed.
 *   KMS_ERR_NOT_FOUND  no such reader, or no card in it.
 *   KMS_ERR_BUSY       another program holds the card.
 */
#ifndef CARD_READER_H
#define CARD_READER_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	CARD_READER_NAME_SIZE = 129, /* MAX_READERNAME of pcsclite, and a zero */
	CARD_ATR_MAX = 33,
	CARD_READERS_MAX = 16,
	CARD_WIRE_COMMAND_MAX = 4 + 3 + 65535 + 2,
	CARD_WIRE_RESPONSE_MAX = 8192 + 2, /* a longer answer is refused */
};

enum card_protocol {
	CARD_T0, /* case 4 goes out without Le, case 1 with P3 = 00 (apdu_encode) */
	CARD_T1,
};

struct card_atr {
	unsigned char bytes[CARD_ATR_MAX];
	size_t len; /* 0: unknown */
};

struct card_reader {
	char name[CARD_READER_NAME_SIZE]; /* as the system has it; printable */
	bool present;			  /* a card is in it */
	bool in_use;			  /* another program holds the card */
	bool mute;			  /* the card gave no ATR */
	struct card_atr atr;
};

struct card_reader_list {
	struct card_reader readers[CARD_READERS_MAX];
	size_t count;
};

enum card_event { CARD_INSERTED, CARD_REMOVED };

struct card_link;
struct card_system;

struct card_link_ops {
	/*
	 * One command out, one answer in. *ret_len is at least 2 on KMS_OK: an answer of 0 or 1 bytes
	 * (pcscd does that when a card is torn) is KMS_ERR_IO, not success.
	 */
	enum kms_status (*transmit)(struct card_link *link, const unsigned char *command,
		size_t len, unsigned char *answer, size_t max, size_t *ret_len,
		struct kms_err *err);
	/* Cold reset: power off and on. link->atr is the new one. */
	enum kms_status (*reset)(struct card_link *link, struct kms_err *err);
	void (*close)(struct card_link *link);
};

struct card_link {
	const struct card_link_ops *ops;
	char name[CARD_READER_NAME_SIZE];
	struct card_atr atr;
	enum card_protocol protocol;
	uint64_t exchanges; /* commands sent since it was opened */
	uint64_t waited_us; /* for the card, from the connecting on */
};

struct card_system_ops {
	const char *kind; /* "pcsc", "tcp", "script" */
	enum kms_status (*list)(
		struct card_system *system, struct card_reader_list *ret_list, struct kms_err *err);
	enum kms_status (*connect)(struct card_system *system, const char *reader,
		struct card_link **ret_link, struct kms_err *err);
	enum kms_status (*wait)(struct card_system *system, const char *reader,
		enum card_event event, int timeout_ms, struct card_reader *ret_reader,
		struct kms_err *err);
	void (*close)(struct card_system *system);
};

struct card_system {
	const struct card_system_ops *ops;
};

/* No reader is KMS_OK and an empty list. */
KMS_CHECKED enum kms_status card_list(
	struct card_system *system, struct card_reader_list *ret_list, struct kms_err *err);

/*
 * Opens the line to the card in that reader, for this program alone. Closing it takes the power from
 * the card, so that no session stays open behind it. NULL: the only reader that holds a card;
 * KMS_ERR_USAGE if several do.
 */
KMS_CHECKED enum kms_status card_connect(struct card_system *system, const char *reader,
	struct card_link **ret_link, struct kms_err *err);

/*
 * Waits until a card is in that reader, or in any if NULL; or until none is, in that reader (an
 * unplugged one has none) or in any. Readers plugged in while waiting count. KMS_ERR_NOT_FOUND after
 * timeout_ms. What is so already counts. For CARD_REMOVED ret_reader has a name at most.
 */
KMS_CHECKED enum kms_status card_wait(struct card_system *system, const char *reader,
	enum card_event event, int timeout_ms, struct card_reader *ret_reader, struct kms_err *err);

KMS_CHECKED enum kms_status card_transmit(struct card_link *link, const unsigned char *command,
	size_t len, unsigned char *answer, size_t max, size_t *ret_len, struct kms_err *err);
KMS_CHECKED enum kms_status card_reset(struct card_link *link, struct kms_err *err);

/* Both are safe on NULL. A link outlives no system. */
void card_link_close(struct card_link *link);
void card_system_close(struct card_system *system);

#define CARD_LINK_AUTO __attribute__((cleanup(card_link_close_pointer)))
static inline void card_link_close_pointer(struct card_link **p)
{
	card_link_close(*p);
}
#define CARD_SYSTEM_AUTO __attribute__((cleanup(card_system_close_pointer)))
static inline void card_system_close_pointer(struct card_system **p)
{
	card_system_close(*p);
}

/*
 * "pcsc" (or NULL) is PC/SC; "tcp:HOST:PORT[,HOST:PORT…]" is cardsim, each address one reader.
 * PC/SC talks to pcscd only when it is first needed: opening does not fail without it.
 */
KMS_CHECKED enum kms_status card_system_open(
	const char *spec, struct card_system **ret_system, struct kms_err *err);

KMS_CHECKED enum kms_status card_pcsc_open(struct card_system **ret_system, struct kms_err *err);

/*
 * Cards on this machine (127.0.0.0/8, ::1) only; any other is KMS_ERR_DENIED.
 *
 * Framing of vpcd (vsmartcard): each message is two bytes of length, big endian, and that many
 * bytes; a message of one byte is a control code: 00 power off, 01 power on, 02 reset, 04 ask for
 * the ATR. Only the ATR and APDUs have answers. The simulator listens, this side connects.
 * timeout_ms: for one answer; 0 is the default of 30 s.
 */
KMS_CHECKED enum kms_status card_tcp_open(const char *addresses, int timeout_ms,
	struct card_system **ret_system, struct kms_err *err);

/* The name of a code of PC/SC: "SCARD_E_NO_SERVICE", "0x80100042" for one it does not know. */
void card_pcsc_name(long code, char ret_name[32]);

/*
 * Tells people what a code of PC/SC means, in err: `cannot WHAT 'READER': …` with a hint and
 * err->native. Returns the status that goes with it.
 */
enum kms_status card_pcsc_fail(
	struct kms_err *err, long code, const char *what, const char *reader);

#endif
