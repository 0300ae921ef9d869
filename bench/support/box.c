/* SPDX-License-Identifier: Apache-2.0 */
#include "support/box.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

const char *bench_bin(void)
{
	const char *folder = getenv("CARDKMS_BIN");

	return folder ? folder : "build";
}

enum kms_status bench_box_open(struct bench_box *box, unsigned cards, unsigned serial,
	const char *fault, struct kms_err *err)
{
	char path[PATH_MAX], count[16], line[64] = "";
	int out[2];
	FILE *in;

	snprintf(box->place.dir, sizeof(box->place.dir), "/dev/shm/cardkms-bench.XXXXXX");
	if (!mkdtemp(box->place.dir)) {
		box->place.dir[0] = 0;
		return kms_fail(err, KMS_ERR_IO, "no folder in /dev/shm");
	}
	if (pipe(out) < 0)
		return kms_fail(err, KMS_ERR_IO, "no pipe");
	snprintf(path, sizeof(path), "%s/cardsim", bench_bin());
	snprintf(count, sizeof(count), "%u", cards);
	box->sim = fork();
	if (box->sim == 0) {
		char state[PATH_MAX], first[16];

		snprintf(state, sizeof(state), "%s/cards", box->place.dir);
		snprintf(first, sizeof(first), "%u", serial);
		(void)!dup2(out[1], STDOUT_FILENO);
		close(out[0]);
		close(out[1]);
		execl(path, path, "--state", state, "--cards", count, "--profile", "gp23-scp03",
			"--serial", first, "--listen", "127.0.0.1:0",
			fault ? "--fault" : (char *)NULL, fault, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	in = fdopen(out[0], "r");
	if (in && fgets(line, sizeof(line), in)) {
		char *port = strrchr(line, ' ');

		if (port)
			snprintf(box->reader, sizeof(box->reader), "tcp:127.0.0.1:%.5s", port + 1);
	}
	if (in)
		fclose(in);
	box->reader[strcspn(box->reader, "\n")] = 0;
	return box->reader[0] ? KMS_OK : kms_fail(err, KMS_ERR_IO, "'%s' does not listen", path);
}

void bench_box_close(struct bench_box *box)
{
	if (box->sim > 0) {
		kill(box->sim, SIGTERM);
		waitpid(box->sim, NULL, 0);
	}
	bench_place_close(&box->place);
}
