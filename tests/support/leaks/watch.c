/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leakwatch OPTIONS -- PROGRAM ARG…: runs a program that talks to a card, stands between the two,
 * and holds the program still at each message it sends, at each connection it opens or closes, to
 * search its memory and the files it can have written for keys.
 *
 *   --needles F       the keys: lines NAME HEX; session keys of X.enc, X.mac, X.dek are added as the
 *                     card is asked for them (session.h)
 *   --card HOST:PORT  where a cardsim listens; PROGRAM's argument @READER@ becomes tcp:HOST:PORT of
 *                     this program, which passes everything on
 *   --out F, --err F  take the program's output; searched like --path
 *   --path P          a file or folder to search (may be repeated)
 *   --report F        gets the lines
 *       stop NUMBER WHAT                  "connect", "command 80500000", "control 01", "close", "end"
 *       found NUMBER WHO WHERE FORM NEEDLE PIECES
 *       searched BYTES left-out BYTES     of all stops together
 *
 * Exit status: that of PROGRAM; 2 if this program itself cannot go on.
 */
#include "support/leaks/places.h"
#include "support/leaks/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LIST_MAX = 16, FRAME_MAX = 2 + 65535 };

struct watch {
	struct needles needles;
	const char *card, *out, *err;
	const char *paths[LIST_MAX];
	int path_count;
	FILE *report;
	pid_t program;
	int listener, stops;
	size_t searched, left_out;
};

static void give_up(const char *what)
{
	fprintf(stderr, "leakwatch: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* ---- stops ---- */

static void report(struct watch *w, const char *who, struct findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		fprintf(w->report, "found %d %s %s %s %s %ld\n", w->stops, who, f->items[i].where,
			form_names[f->items[i].form], w->needles.items[f->items[i].needle].name,
			f->items[i].pieces);
	w->searched += f->searched;
	w->left_out += f->left_out;
	findings_free(f);
}

/* The program stands still, or is gone. */
static void search(struct watch *w, const char *what, bool gone)
{
	struct findings f = {.needles = &w->needles};

	fprintf(w->report, "stop %d %s\n", ++w->stops, what);
	if (!gone) {
		search_process(&f, w->program);
		report(w, "program", &f);
	}
	for (int i = 0; i < w->path_count; i++)
		search_path(&f, w->paths[i]);
	search_path(&f, w->out);
	search_path(&f, w->err);
	report(w, "files", &f);
	fflush(w->report);
}

static void stop(struct watch *w, const char *what)
{
	siginfo_t info = {0};

	if (kill(w->program, SIGSTOP))
		give_up("cannot stop the program");
	if (waitid(P_PID, (id_t)w->program, &info, WSTOPPED | WEXITED | WNOWAIT))
		give_up("cannot wait for the program");
	search(w, what, info.si_code != CLD_STOPPED);
	kill(w->program, SIGCONT);
}

/* ---- the line ---- */

static struct sockaddr_in address_of(const char *text)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	char host[64];
	const char *colon = strrchr(text, ':');

	snprintf(host, sizeof(host), "%.*s", colon ? (int)(colon - text) : 0, text);
	errno = EINVAL;
	if (!colon || inet_pton(AF_INET, host, &address.sin_addr) != 1)
		give_up(text);
	address.sin_port = htons((uint16_t)atoi(colon + 1));
	return address;
}

static int listen_anywhere(char *ret_reader, size_t size)
{
	struct sockaddr_in address = address_of("127.0.0.1:0");
	socklen_t len = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, 8) ||
		getsockname(fd, (struct sockaddr *)&address, &len))
		give_up("cannot listen");
	snprintf(ret_reader, size, "tcp:127.0.0.1:%d", ntohs(address.sin_port));
	return fd;
}

static int call_card(const struct watch *w)
{
	struct sockaddr_in address = address_of(w->card);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		give_up(w->card);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static bool read_all(int fd, unsigned char *data, size_t len)
{
	while (len) {
		ssize_t n = read(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Two bytes of length and as many as they say; false when the line has ended. */
static bool read_frame(int fd, unsigned char frame[FRAME_MAX], size_t *ret_len)
{
	if (!read_all(fd, frame, 2))
		return false;
	*ret_len = 2 + (size_t)(frame[0] << 8 | frame[1]);
	return read_all(fd, frame + 2, *ret_len - 2);
}

static void send_frame(int fd, const unsigned char *frame, size_t len)
{
	if (send(fd, frame, len, MSG_NOSIGNAL) != (ssize_t)len && errno != EPIPE &&
		errno != ECONNRESET)
		give_up("cannot pass a message on");
}

static void name_frame(const unsigned char *frame, size_t len, char *text, size_t size)
{
	if (len == 3)
		snprintf(text, size, "control %02X", frame[2]);
	else if (len >= 6)
		snprintf(text, size, "command %02X%02X%02X%02X", frame[2], frame[3], frame[4],
			frame[5]);
	else
		snprintf(text, size, "odd");
}

/* One connection of the program, to its end. */
static void relay(struct watch *w, int program)
{
	static unsigned char frame[FRAME_MAX], command[FRAME_MAX];
	int card = call_card(w), one = 1;
	struct pollfd ends[] = {{program, POLLIN, 0}, {card, POLLIN, 0}};
	char what[32];
	size_t len, command_len = 2;

	setsockopt(program, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	stop(w, "connect");
	for (;;) {
		if (poll(ends, 2, -1) < 0 && errno != EINTR)
			give_up("poll");
		if (ends[1].revents) {
			if (!read_frame(card, frame, &len))
				break;
			session_needles(
				&w->needles, command + 2, command_len - 2, frame + 2, len - 2);
			send_frame(program, frame, len);
		} else if (ends[0].revents) {
			if (!read_frame(program, frame, &len))
				break;
			name_frame(frame, len, what, sizeof(what));
			stop(w, what);
			send_frame(card, frame, len);
			memcpy(command, frame, command_len = len);
		}
	}
	close(card);
	close(program);
	stop(w, "close");
}

/* ---- the program ---- */

static void start(struct watch *w, char **argv, char *reader)
{
	w->program = fork();
	if (w->program < 0)
		give_up("fork");
	if (w->program)
		return;
	for (char **arg = argv; *arg; arg++)
		if (strcmp(*arg, "@READER@") == 0)
			*arg = reader;
	if (dup2(open(w->out, O_WRONLY | O_CREAT | O_TRUNC, 0600), 1) < 0 ||
		dup2(open(w->err, O_WRONLY | O_CREAT | O_TRUNC, 0600), 2) < 0)
		give_up(w->out);
	execvp(argv[0], argv);
	give_up(argv[0]);
}

static int serve(struct watch *w)
{
	int gone = (int)syscall(SYS_pidfd_open, w->program, 0), status;
	struct pollfd ends[] = {{w->listener, POLLIN, 0}, {gone, POLLIN, 0}};

	if (gone < 0)
		give_up("pidfd_open");
	for (;;) {
		if (poll(ends, 2, -1) < 0 && errno != EINTR)
			give_up("poll");
		if (ends[0].revents)
			relay(w, accept4(w->listener, NULL, NULL, SOCK_CLOEXEC));
		else if (ends[1].revents)
			break;
	}
	if (waitpid(w->program, &status, 0) < 0)
		give_up("waitpid");
	search(w, "end", true);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void usage(void)
{
	fputs("leakwatch --needles F --card HOST:PORT --out F --err F --report F [--path P] "
	      "-- PROGRAM ARG...\n",
		stderr);
	exit(2);
}

/* Returns what stands after "--". */
static char **read_options(struct watch *w, char **argv)
{
	for (argv++; argv[0] && strcmp(argv[0], "--") != 0; argv += 2) {
		char *value = argv[1];

		if (!value)
			usage();
		if (strcmp(argv[0], "--needles") == 0)
			needles_read(&w->needles, value);
		else if (strcmp(argv[0], "--card") == 0)
			w->card = value;
		else if (strcmp(argv[0], "--out") == 0)
			w->out = value;
		else if (strcmp(argv[0], "--err") == 0)
			w->err = value;
		else if (strcmp(argv[0], "--report") == 0)
			w->report = fopen(value, "we");
		else if (strcmp(argv[0], "--path") == 0 && w->path_count < LIST_MAX)
			w->paths[w->path_count++] = value;
		else
			usage();
	}
	if (!argv[0] || !argv[1] || !w->needles.count || !w->card || !w->out || !w->err ||
		!w->report)
		usage();
	return argv + 1;
}

int main(int argc, char **argv)
{
	static struct watch w;
	char reader[64];
	int status;

	(void)argc;
	argv = read_options(&w, argv);
	w.listener = listen_anywhere(reader, sizeof(reader));
	start(&w, argv, reader);
	status = serve(&w);
	fprintf(w.report, "searched %zu left-out %zu\n", w.searched, w.left_out);
	return fclose(w.report) ? 2 : status;
}
