/* SPDX-License-Identifier: Apache-2.0 */
/*
 * p11forwardd [-i INIT_ARGS] [-e ENTRY] [-s STATE] [-p TRIES] [-t] [-f FAULTS] -l WHERE MODULE
 *
 * Serves a real PKCS#11 module at WHERE ("/path" of a Unix socket or "127.0.0.1:PORT"), as an HSM in
 * a network would: whoever connects (libp11forward.so with KILLP11_SOCKET) gets a process of his own
 * that loads MODULE, so a client that is killed takes nothing of the token with it.
 *
 *   -i  given to C_Initialize, instead of what the client gives
 *   -e  the function that gives the list, if not C_GetFunctionList (NSS's FIPS slot: FC_GetFunctionList)
 *   -s  the folder for what outlives a connection; -p and -t need it
 *   -p  lock a PIN at this wrong try (emulate.h)
 *   -t  private TRUSTED keys (trusted.h)
 *   -f  a file of faults (faults.h, a NAME=VALUE a line), read at each new connection if it is
 *       there. Here "killed" is a connection that is lost, and "hang" ends when the client does. The
 *       line "ONCE" removes the file: the connection after this one is well again.
 *
 * Says "ready" on standard output when it listens. For tests only: there is no access control.
 */
#include "emulate.h"
#include "faults.h"
#include "serve.h"

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct server {
	const char *where, *module, *entry, *init_args, *faults;
	struct emulate emulate;
};

static void usage(void)
{
	fprintf(stderr, "usage: p11forwardd [-i INIT_ARGS] [-e ENTRY] [-s STATE] [-p TRIES] [-t] "
			"[-f FAULTS] -l WHERE MODULE\n");
	exit(2);
}

static struct server read_options(int argc, char **argv)
{
	struct server server = {.entry = "C_GetFunctionList"};
	int c;

	while ((c = getopt(argc, argv, "l:i:e:s:p:tf:")) != -1) {
		switch (c) {
		case 'l':
			server.where = optarg;
			break;
		case 'i':
			server.init_args = optarg;
			break;
		case 'e':
			server.entry = optarg;
			break;
		case 's':
			server.emulate.state = optarg;
			break;
		case 'p':
			server.emulate.pin_tries = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			server.emulate.trusted = true;
			break;
		case 'f':
			server.faults = optarg;
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || !server.where ||
		((server.emulate.pin_tries || server.emulate.trusted) && !server.emulate.state))
		usage();
	server.module = argv[optind];
	return server;
}

static CK_FUNCTION_LIST *load(const struct server *server)
{
	void *module = dlopen(server->module, RTLD_NOW | RTLD_LOCAL);
	CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
	CK_FUNCTION_LIST *list = NULL;

	if (module)
		*(void **)&get = dlsym(module, server->entry);
	if (!get || get(&list) != CKR_OK) {
		fprintf(stderr, "p11forwardd: cannot load %s: %s\n", server->module, dlerror());
		_exit(1);
	}
	return list;
}

static void read_faults(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[512];

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		char *value = strchr(line, '=');

		line[strcspn(line, "\n")] = 0;
		if (!*line)
			continue;
		if (strcmp(line, "ONCE") == 0) {
			unlink(path);
			continue;
		}
		if (!value)
			faults_bad_words("fault", line);
		*value++ = 0;
		faults_set(line, value);
	}
	fclose(f);
}

/* Until nobody waits for the answer any more. */
static void hang(void *ctx)
{
	struct pollfd gone = {.fd = *(int *)ctx, .events = POLLRDHUP};

	while (poll(&gone, 1, -1) < 0 && errno == EINTR)
		;
	_exit(0);
}

static void serve_one(const struct server *server, int fd)
{
	CK_FUNCTION_LIST *list;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	list = load(server);
	/* A token that was burnt took its memory with it. */
	if (server->emulate.state && mkdir(server->emulate.state, 0700) && errno != EEXIST)
		_exit(1);
	if (server->emulate.state)
		list = emulate_around(list, &server->emulate);
	if (server->faults)
		read_faults(server->faults);
	faults_hang_by(hang, &fd);
	serve(fd, faults_around(list), server->init_args);
	/* The module may not be torn down in order: its client is gone. */
	_exit(0);
}

int main(int argc, char **argv)
{
	struct server server = read_options(argc, argv);
	int listening = wire_listen(server.where);

	if (listening < 0) {
		fprintf(stderr, "p11forwardd: cannot listen at %s: %s\n", server.where,
			strerror(errno));
		return 1;
	}
	signal(SIGCHLD, SIG_IGN); /* children need no burial */
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		int fd = accept(listening, NULL, NULL);
		pid_t child;

		if (fd < 0)
			continue;
		child = fork();
		if (child == 0) {
			close(listening);
			serve_one(&server, fd);
		}
		close(fd);
	}
}
