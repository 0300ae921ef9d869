/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers: PC/SC without a pcscd and what its codes become, and cards behind TCP with a peer that
 * is a process of this test.
 */
#include "card/reader.h"
#include "support/expect.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <winscard.h>

static struct kms_err err;

/* ---- PC/SC ---- */

static void test_no_pcscd(void **state)
{
	CARD_SYSTEM_AUTO struct card_system *system = NULL;
	struct card_reader_list list;
	struct card_link *link = NULL;
	struct card_reader reader;

	(void)state;
	expect_ok(&err, card_system_open(NULL, &system, &err));
	expect_err(&err, card_list(system, &list, &err), KMS_ERR_IO, "(pcscd) does not run");
	assert_string_equal(err.native, "SCARD_E_NO_SERVICE");
	assert_non_null(strstr(err.hint, "systemctl start pcscd"));
	expect_err(&err, card_connect(system, NULL, &link, &err), KMS_ERR_IO, "does not run");
	expect_err(&err, card_connect(system, "Reader 1", &link, &err), KMS_ERR_IO, "does not run");
	expect_err(&err, card_wait(system, NULL, CARD_INSERTED, 10, &reader, &err), KMS_ERR_IO,
		"does not run");
	assert_null(link);
}

static void test_codes(void **state)
{
	static const struct {
		long code;
		enum kms_status status;
		const char *name, *text;
	} rows[] = {
		{SCARD_E_NO_READERS_AVAILABLE, KMS_ERR_NOT_FOUND, "SCARD_E_NO_READERS_AVAILABLE",
			"there is no card reader"},
		{SCARD_E_UNKNOWN_READER, KMS_ERR_NOT_FOUND, "SCARD_E_UNKNOWN_READER",
			"there is no such reader"},
		{SCARD_E_NO_SMARTCARD, KMS_ERR_NOT_FOUND, "SCARD_E_NO_SMARTCARD",
			"there is no card in it"},
		{SCARD_W_REMOVED_CARD, KMS_ERR_IO, "SCARD_W_REMOVED_CARD", "the card was pulled"},
		{SCARD_W_UNRESPONSIVE_CARD, KMS_ERR_IO, "SCARD_W_UNRESPONSIVE_CARD",
			"the card is mute"},
		{SCARD_E_NOT_TRANSACTED, KMS_ERR_IO, "SCARD_E_NOT_TRANSACTED",
			"the card did not answer"},
		{SCARD_E_SHARING_VIOLATION, KMS_ERR_BUSY, "SCARD_E_SHARING_VIOLATION",
			"another program holds the card"},
		{SCARD_E_READER_UNAVAILABLE, KMS_ERR_IO, "SCARD_E_READER_UNAVAILABLE",
			"the reader was unplugged"},
		{SCARD_W_SECURITY_VIOLATION, KMS_ERR_DENIED, "SCARD_W_SECURITY_VIOLATION",
			"refuses this user"},
		{(long)(int)0x80100070, KMS_ERR_IO, "0x80100070", "cannot do it 'R'"},
	};
	char name[32];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		expect_err(&err, card_pcsc_fail(&err, rows[i].code, "do it", "R"), rows[i].status,
			rows[i].text);
		assert_string_equal(err.native, rows[i].name);
		card_pcsc_name(rows[i].code, name);
		assert_string_equal(name, rows[i].name);
		assert_non_null(strstr(err.msg, "cannot do it 'R': "));
	}
}

static void test_specs(void **state)
{
	static const char *const bad[] = {
		"usb", "tcp:", "tcp:host", "tcp:host:", "tcp::1", "tcp:host:12x", "tcp:a:1,b"};
	struct card_system *system = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (card_system_open(bad[i], &system, &err) != KMS_ERR_USAGE)
			fail_msg("'%s' is taken", bad[i]);
		assert_null(system);
	}
	for (int many = 16; many <= 17; many++) {
		char text[400] = "tcp:";

		for (int i = 0; i < many; i++)
			strcat(text, i ? ",h:1" : "h:1");
		assert_int_equal(
			card_system_open(text, &system, &err) == KMS_OK, many <= CARD_READERS_MAX);
	}
	card_system_close(system);
	card_system_close(NULL);
	card_link_close(NULL);
}

/* ---- TCP ---- */

/* What the peer does after it has given its ATR. */
enum peer {
	PEER_ECHO,   /* answers with the command's last two bytes before 9000 */
	PEER_CLOSES, /* hangs up instead of an answer */
	PEER_SILENT, /* never answers */
	PEER_EMPTY,  /* answers with a message of no bytes */
	PEER_HUGE,   /* announces more than any card may send */
	PEER_HALF,   /* hangs up within the answer */
};

static bool read_all(int fd, unsigned char *out, size_t len)
{
	for (size_t done = 0; done < len;) {
		ssize_t n = read(fd, out + done, len - done);

		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return true;
}

static void say(int fd, const unsigned char *data, size_t len)
{
	unsigned char frame[300] = {(unsigned char)(len >> 8), (unsigned char)len};

	memcpy(frame + 2, data, len);
	if (write(fd, frame, len + 2) != (ssize_t)(len + 2))
		_exit(2);
}

static void peer_serve(int fd, enum peer kind)
{
	static const unsigned char atr[] = {0x3B, 0x80, 0x01, 0x81};
	unsigned char head[2], message[70000], answer[4] = {0, 0, 0x90, 0x00};

	while (read_all(fd, head, 2)) {
		size_t len = (size_t)head[0] << 8 | head[1];

		if (!read_all(fd, message, len))
			return;
		if (len == 1) {
			if (message[0] == 4)
				say(fd, atr, sizeof(atr));
			continue;
		}
		memcpy(answer, message + len - 2, 2);
		if (kind == PEER_ECHO)
			say(fd, answer, 4);
		else if (kind == PEER_EMPTY)
			say(fd, answer, 0);
		else if (kind == PEER_HUGE)
			say(fd, (const unsigned char *)"", 0), (void)!write(fd, "\xFF\xFF", 2);
		else if (kind == PEER_HALF)
			(void)!write(fd, "\x00\x04\x90", 3);
		if (kind == PEER_CLOSES || kind == PEER_HALF)
			return;
	}
}

static pid_t peer_start(enum peer kind, char ret_name[64])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	pid_t pid;

	assert_true(listener >= 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(listener, 4), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
	snprintf(ret_name, 64, "127.0.0.1:%u", ntohs(at.sin_port));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		while ((fd = accept(listener, NULL, NULL)) >= 0) {
			peer_serve(fd, kind);
			close(fd);
		}
		_exit(0);
	}
	close(listener);
	return pid;
}

static void peer_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void test_tcp(void **state)
{
	static const unsigned char command[] = {0x80, 0xCA, 0x9F, 0x7F, 0x00};
	static unsigned char longest[CARD_WIRE_COMMAND_MAX];
	CARD_SYSTEM_AUTO struct card_system *system = NULL;
	CARD_LINK_AUTO struct card_link *link = NULL;
	struct card_reader_list list;
	struct card_reader reader;
	unsigned char answer[16];
	char name[64];
	pid_t peer = peer_start(PEER_ECHO, name);
	size_t len = 0;

	(void)state;
	expect_ok(&err, card_tcp_open(name, 2000, &system, &err));
	expect_ok(&err, card_list(system, &list, &err));
	assert_true(list.count == 1 && list.readers[0].present);
	expect_ok(&err, card_wait(system, NULL, CARD_INSERTED, 1000, &reader, &err));
	assert_string_equal(reader.name, name);
	expect_ok(&err, card_connect(system, NULL, &link, &err));
	assert_true(link->atr.len == 4 && link->atr.bytes[0] == 0x3B && link->protocol == CARD_T1);
	expect_ok(&err, card_transmit(link, command, 5, answer, sizeof(answer), &len, &err));
	assert_int_equal(len, 4);
	assert_memory_equal(answer, "\x7F\x00\x90\x00", 4);
	expect_ok(&err, card_reset(link, &err));
	expect_ok(&err, card_transmit(link, command, 5, answer, sizeof(answer), &len, &err));
	assert_int_equal(link->exchanges, 2);
	expect_err(&err, card_transmit(link, command, 1, answer, sizeof(answer), &len, &err),
		KMS_ERR_INVALID, "1 bytes are no command");
	expect_err(&err,
		card_transmit(link, longest, sizeof(longest), answer, sizeof(answer), &len, &err),
		KMS_ERR_INVALID, "too many for one message");
	peer_stop(peer);
	expect_err(&err, card_transmit(link, command, 5, answer, sizeof(answer), &len, &err),
		KMS_ERR_IO, "cannot talk to the card at");
	expect_err(&err, card_connect(system, name, &(struct card_link *){NULL}, &err),
		KMS_ERR_NOT_FOUND, "there is no card at");
	assert_string_equal(err.native, "ECONNREFUSED");
	expect_err(&err, card_connect(system, NULL, &(struct card_link *){NULL}, &err),
		KMS_ERR_NOT_FOUND, "there is no card in 127.0.0.1");
	expect_ok(&err, card_wait(system, name, CARD_REMOVED, 1000, &reader, &err));
	expect_err(&err, card_wait(system, name, CARD_INSERTED, 10, &reader, &err),
		KMS_ERR_NOT_FOUND, "no card was put into");
}

static void test_tcp_faults(void **state)
{
	static const struct {
		enum peer kind;
		const char *text;
	} rows[] = {
		{PEER_CLOSES, "the card was pulled"},
		{PEER_SILENT, "did not answer in time"},
		{PEER_EMPTY, "0 bytes, not even a status word"},
		{PEER_HALF, "the card was pulled"},
	};
	static const unsigned char command[] = {0x80, 0xCA, 0x9F, 0x7F, 0x00};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		CARD_SYSTEM_AUTO struct card_system *system = NULL;
		CARD_LINK_AUTO struct card_link *link = NULL;
		unsigned char answer[16];
		char name[64];
		pid_t peer = peer_start(rows[i].kind, name);
		size_t len = 77;

		expect_ok(&err, card_tcp_open(name, 200, &system, &err));
		expect_ok(&err, card_connect(system, name, &link, &err));
		expect_err(&err,
			card_transmit(link, command, 5, answer, sizeof(answer), &len, &err),
			KMS_ERR_IO, rows[i].text);
		assert_true(strstr(err.hint, "not known") != NULL);
		assert_int_equal(len, 77);
		peer_stop(peer);
	}
}

static void test_tcp_oversized(void **state)
{
	static const unsigned char command[] = {0x80, 0xCA, 0x9F, 0x7F, 0x00};
	CARD_SYSTEM_AUTO struct card_system *system = NULL;
	CARD_LINK_AUTO struct card_link *link = NULL;
	unsigned char answer[16];
	char name[64];
	pid_t peer = peer_start(PEER_HUGE, name);
	size_t len = 0;

	(void)state;
	expect_ok(&err, card_tcp_open(name, 500, &system, &err));
	expect_ok(&err, card_connect(system, name, &link, &err));
	expect_err(&err, card_transmit(link, command, 5, answer, sizeof(answer), &len, &err),
		KMS_ERR_IO, "not even a status word");
	expect_err(&err, card_transmit(link, command, 5, answer, sizeof(answer), &len, &err),
		KMS_ERR_IO, "longer than any card may send");
	peer_stop(peer);
}

static int setup(void **state)
{
	(void)state;
	/* A socket that is not there: no pcscd of this machine is meant. */
	return setenv("PCSCLITE_CSOCK_NAME", "/nonexistent/pcscd.comm", 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_pcscd),
		cmocka_unit_test(test_codes),
		cmocka_unit_test(test_specs),
		cmocka_unit_test(test_tcp),
		cmocka_unit_test(test_tcp_faults),
		cmocka_unit_test(test_tcp_oversized),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
