/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast an application's load file gets onto a card: whole operations (op_app_load) under SCP03, on SoftHSM
 * and on cardsim over TCP, against the line alone.
 *
 *   load.bytes_per_s        bytes of the load file by the time of the whole operation
 *   load.bare_bytes_per_s   the same, of the same LOAD commands sent to the same cardsim by a bare loop
 *   load.ratio              bare time / our time
 *   load.total_ms, .card_ms, .commands   of an operation: all of it, waiting for the card, commands to it
 *   load.slow.…             the same where a card takes 10 ms for each command, as those in a reader do at least
 *
 * The bare half sends the LOAD commands of one of our loads, byte for byte as its trace has them, which is before
 * secure messaging, one after the other over a socket. It has no session: the card takes each from the line, refuses
 * it with a status word (6982), and that is all. There is neither INSTALL [for load], nor a reading of what the card
 * has, nor encryption and MACs on either side, nor HSM, registry and log.
 */
#include "base/file.h"
#include "base/hex.h"
#include "ops/ops.h"
#include "support/bench.h"
#include "support/box.h"
#include "support/site.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	CODE = 60000, /* of the CAP file; LOAD numbers 256 blocks */
	BLOCKS_MAX = 256,
	SLOW_PAIRS = 3,
	COMMAND_MAX = 5 + 255 + 1,
	LINE_MAX_CHARS = 4096,
};

#define MODULE	"/usr/lib/softhsm/libsofthsm2.so"
#define KEYSET	"Issuer1"
#define PACKAGE "A00000000201"
#define APPLET	"A000000002010101"

static const char plan[] = "[plan]\nname = bench\n"
			   "[keyset \"" KEYSET "\"]\nalgorithm = aes128\n"
			   "diversification = kdf3\ncustomer = Bank\nkey-version = 0x30\n"
			   "export = never\n";

/* As it goes over the line: two bytes of length, and the command. */
struct frame {
	unsigned char bytes[2 + COMMAND_MAX];
	size_t len;
};

struct desk {
	struct op_site *site;
	struct op_card_line *line;
	const char *reader;
	char cap[PATH_MAX];
	double bytes, card_us, commands; /* of the last load */
	struct frame frames[BLOCKS_MAX];
	size_t frame_count;
};

/* ---- ours ---- */

static struct op_app_where where(const struct desk *desk, const char *trace)
{
	return (struct op_app_where){.card = {.reader = desk->reader, .trace_path = trace},
		.keyset = KEYSET,
		.line = desk->line};
}

static double number(const json_t *report, const char *name)
{
	return (double)json_integer_value(json_object_get(report, name));
}

static enum kms_status load(struct desk *desk, const char *trace, struct kms_err *err)
{
	const struct op_app_load in = {.where = where(desk, trace), .path = desk->cap};
	JS_AUTO json_t *report = NULL;
	enum kms_status st = op_app_load(desk->site, &in, &report, err);

	if (st)
		return st;
	if (json_is_true(json_object_get(report, "already")))
		return kms_fail(err, KMS_ERR_STATE, "the card had the load file already");
	desk->bytes = number(report, "bytes");
	desk->card_us = number(report, "card_us");
	desk->commands = number(report, "commands");
	return KMS_OK;
}

static enum kms_status take_off(struct desk *desk, struct kms_err *err)
{
	const struct op_app_change in = {
		.where = where(desk, NULL), .file = PACKAGE, .aid = PACKAGE};
	JS_AUTO json_t *report = NULL;

	return op_app_delete(desk->site, &in, &report, err);
}

static enum kms_status inject(struct desk *desk, struct kms_err *err)
{
	const struct op_card_change in = {.where = {.reader = desk->reader},
		.keyset = KEYSET,
		.customer = "Bank",
		.line = desk->line};
	JS_AUTO json_t *report = NULL;

	return op_card_inject(desk->site, &in, &report, err);
}

/* ---- the line alone ---- */

/* "> 80E80000 EF …": LOAD as it was before secure messaging. */
static enum kms_status add_frame(struct desk *desk, const char *line, struct kms_err *err)
{
	struct frame *frame = &desk->frames[desk->frame_count];
	char hex[2 * COMMAND_MAX + 1];
	size_t digits = 0;
	enum kms_status st;

	if (strncmp(line, "> 80E8", 6) != 0)
		return KMS_OK;
	for (line += 2; *line; line++)
		if (*line != ' ' && *line != '\n' && digits < sizeof(hex) - 1)
			hex[digits++] = *line;
	if (desk->frame_count == BLOCKS_MAX)
		return kms_fail(err, KMS_ERR_INTERNAL, "more than %d blocks", BLOCKS_MAX);
	st = hex_decode(hex, digits, "command", frame->bytes + 2, COMMAND_MAX, &frame->len, err);
	frame->bytes[0] = (unsigned char)(frame->len >> 8);
	frame->bytes[1] = (unsigned char)frame->len;
	frame->len += 2;
	desk->frame_count += !st;
	return st;
}

static enum kms_status read_trace(struct desk *desk, const char *path, struct kms_err *err)
{
	char line[LINE_MAX_CHARS];
	FILE *in = fopen(path, "r");
	double bytes = 0;
	enum kms_status st = in ? KMS_OK : kms_fail(err, KMS_ERR_IO, "no trace '%s'", path);

	while (!st && fgets(line, sizeof(line), in))
		st = add_frame(desk, line, err);
	if (in)
		fclose(in);
	for (size_t i = 0; i < desk->frame_count; i++)
		bytes += (double)desk->frames[i].len;
	if (!st && bytes < desk->bytes)
		st = kms_fail(err, KMS_ERR_INTERNAL, "the trace has %.0f bytes of %.0f", bytes,
			desk->bytes);
	bench_say("  load: %.0f bytes in %zu commands of %.0f bytes in all", desk->bytes,
		desk->frame_count, bytes);
	return st;
}

static bool send_all(int fd, const unsigned char *bytes, size_t len)
{
	return send(fd, bytes, len, MSG_NOSIGNAL) == (ssize_t)len;
}

/* The length of the answer, 0 if there is none. */
static size_t answer(int fd, unsigned char out[64])
{
	unsigned char head[2];
	size_t len;

	if (recv(fd, head, 2, MSG_WAITALL) != 2)
		return 0;
	len = (size_t)head[0] << 8 | head[1];
	return len <= 64 && recv(fd, out, len, MSG_WAITALL) == (ssize_t)len ? len : 0;
}

/* Framing of vpcd (card/reader.h): power on, ask for the ATR. */
static int card_on(const char *reader, struct kms_err *err)
{
	static const unsigned char on[] = {0, 1, 1, 0, 1, 4};
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
	unsigned char atr[64];

	to.sin_port = htons((uint16_t)strtoul(strrchr(reader, ':') + 1, NULL, 10));
	if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0 &&
		send_all(fd, on, sizeof(on)) && answer(fd, atr) > 0)
		return fd;
	if (fd >= 0)
		close(fd);
	(void)kms_fail(err, KMS_ERR_IO, "no card at '%s'", reader);
	return -1;
}

static enum kms_status bare(const struct desk *desk, double *ret_s, struct kms_err *err)
{
	int fd = card_on(desk->reader, err);
	unsigned char got[64];
	double start = bench_now();
	bool good = fd >= 0;

	if (!good)
		return err->code;
	/* Without a session the card refuses each: had it taken one, this would be no bare line. */
	for (size_t i = 0; good && i < desk->frame_count; i++)
		good = send_all(fd, desk->frames[i].bytes, desk->frames[i].len) &&
		       answer(fd, got) == 2 && got[0] == 0x69;
	*ret_s = bench_now() - start;
	close(fd);
	return good ? KMS_OK
		    : kms_fail(err, KMS_ERR_IO, "the card did not refuse a block of no session");
}

/* ---- pairs ---- */

static enum kms_status ours(struct desk *desk, double *ret_s, struct kms_err *err)
{
	double start = bench_now();
	enum kms_status st = load(desk, NULL, err);

	*ret_s = bench_now() - start;
	return st ? st : take_off(desk, err);
}

static enum kms_status pair(struct desk *desk, size_t turn, double ret_s[2], struct kms_err *err)
{
	enum kms_status st = turn % 2 ? bare(desk, &ret_s[1], err) : ours(desk, &ret_s[0], err);

	if (!st)
		st = turn % 2 ? ours(desk, &ret_s[0], err) : bare(desk, &ret_s[1], err);
	return st;
}

static enum kms_status measure(
	struct desk *desk, const char *name, size_t pairs, struct kms_err *err)
{
	double rate[BENCH_PAIRS], bare_rate[BENCH_PAIRS], ratio[BENCH_PAIRS], total[BENCH_PAIRS],
		card[BENCH_PAIRS], s[2];
	enum kms_status st = pair(desk, 0, s, err); /* not counted */

	for (size_t i = 0; !st && i < pairs; i++) {
		st = pair(desk, i, s, err);
		rate[i] = desk->bytes / s[0];
		bare_rate[i] = desk->bytes / s[1];
		ratio[i] = s[1] / s[0];
		total[i] = s[0] * 1e3;
		card[i] = desk->card_us / 1e3;
	}
	if (st)
		return st;
	bench_print(name, "bytes_per_s", bench_median(rate, pairs), "bytes/s");
	bench_print(name, "bare_bytes_per_s", bench_median(bare_rate, pairs), "bytes/s");
	bench_print(name, "ratio", bench_median(ratio, pairs), "ratio");
	bench_print(name, "total_ms", bench_median(total, pairs), "ms");
	bench_print(name, "card_ms", bench_median(card, pairs), "ms");
	bench_print(name, "commands", desk->commands, "commands");
	bench_say("  %s: %zu pairs, ratios %.3f to %.3f", name, pairs, ratio[0], ratio[pairs - 1]);
	return KMS_OK;
}

/* ---- all of it ---- */

static enum kms_status make_cap(const char *path, struct kms_err *err)
{
	char program[PATH_MAX], bytes[16];
	int status = 1;
	pid_t child;

	snprintf(program, sizeof(program), "%s/capmaker", bench_bin());
	snprintf(bytes, sizeof(bytes), "%d", CODE);
	child = fork();
	if (child == 0) {
		execl(program, program, path, PACKAGE, APPLET, "1", "0", bytes, (char *)NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status)
		return kms_fail(err, KMS_ERR_IO, "'%s' made no CAP file", program);
	return KMS_OK;
}

static enum kms_status one_card(
	struct desk *desk, const char *name, size_t pairs, const char *trace, struct kms_err *err)
{
	enum kms_status st = op_card_line_open(&desk->line, err);

	if (!st)
		st = inject(desk, err);
	if (!st)
		st = load(desk, trace, err);
	if (!st)
		st = take_off(desk, err);
	if (!st)
		st = read_trace(desk, trace, err);
	if (!st)
		st = measure(desk, name, pairs, err);
	op_card_line_close(desk->line);
	return st;
}

static enum kms_status with_card(struct op_site *site, const struct bench_place *place,
	const char *name, size_t pairs, unsigned serial, const char *fault, struct kms_err *err)
{
	struct bench_box box = {.sim = 0};
	struct desk *desk = calloc(1, sizeof(*desk));
	char trace[PATH_MAX];
	enum kms_status st = desk ? bench_box_open(&box, 1, serial, fault, err) : kms_nomem(err);

	if (!st) {
		desk->site = site;
		desk->reader = box.reader;
		snprintf(desk->cap, sizeof(desk->cap), "%s/bench.cap", place->dir);
		snprintf(trace, sizeof(trace), "%s/%s.trace", place->dir, name);
		st = make_cap(desk->cap, err);
	}
	if (!st)
		st = one_card(desk, name, pairs, trace, err);
	bench_box_close(&box);
	free(desk);
	return st;
}

int main(void)
{
	BENCH_PLACE_AUTO struct bench_place place = {{0}};
	struct op_site *site = NULL;
	char profiles[PATH_MAX];
	struct kms_err err = {0};
	enum kms_status st = secret_heap_open(&err);

	if (!st)
		st = bench_place_open(&place, &err);
	if (!st)
		st = bench_site_make(&place, MODULE, plan, &err);
	if (!st)
		st = bench_site_open(&place, &site, &err);
	if (!st) {
		snprintf(profiles, sizeof(profiles), "%s/../share/cardkms/profiles", bench_bin());
		site->profiles = profiles;
		st = with_card(site, &place, "load", BENCH_PAIRS, 1, NULL, &err);
	}
	if (!st)
		st = with_card(site, &place, "load.slow", SLOW_PAIRS, 2, "slow:10", &err);
	op_site_close(site);
	return bench_exit(st, &err);
}
