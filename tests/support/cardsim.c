/* SPDX-License-Identifier: Apache-2.0 */
#include "support/cardsim.h"

#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

static void path_of(const struct cardsim *sim, const char *name, char ret_path[192])
{
	snprintf(ret_path, 192, "%s/%s", sim->folder, name);
}

static void run(const struct cardsim *sim, const char *const *faults, int out)
{
	const char *words[2 * CARDSIM_FAULTS_MAX + 8] = {CARDSIM_PATH, "--listen", "127.0.0.1:0"};
	char state[192], profile[192];
	size_t n = 3;

	path_of(sim, "card.json", state);
	path_of(sim, "card.ini", profile);
	words[n++] = "--state";
	words[n++] = state;
	words[n++] = "--profile";
	words[n++] = profile;
	for (size_t i = 0; faults && faults[i]; i++) {
		check(i < CARDSIM_FAULTS_MAX, "too many faults");
		words[n++] = "--fault";
		words[n++] = faults[i];
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	execv(CARDSIM_PATH, (char *const *)words);
	_exit(127);
}

void cardsim_restart(struct cardsim *sim, const char *const *faults)
{
	char line[128] = "";
	unsigned port = 0;
	FILE *out;
	int ends[2];

	if (sim->pid) {
		kill(sim->pid, SIGTERM);
		waitpid(sim->pid, NULL, 0);
	}
	check(pipe2(ends, O_CLOEXEC) == 0, "pipe");
	sim->pid = fork();
	check(sim->pid >= 0, "fork");
	if (sim->pid == 0)
		run(sim, faults, ends[1]);
	close(ends[1]);
	out = fdopen(ends[0], "r");
	check(out && fgets(line, sizeof(line), out) != NULL, "cardsim did not start");
	check(sscanf(line, "listening 127.0.0.1 %u", &port) == 1, line);
	fclose(out);
	snprintf(sim->address, sizeof(sim->address), "127.0.0.1:%u", port);
}

void cardsim_start(struct cardsim *sim, const char *profile, const char *const *faults)
{
	const char *tmp = getenv("TMPDIR");
	char path[192];
	FILE *file;

	memset(sim, 0, sizeof(*sim));
	snprintf(sim->folder, sizeof(sim->folder), "%s/cardsim-XXXXXX", tmp ? tmp : "/tmp");
	check(mkdtemp(sim->folder) != NULL, "mkdtemp");
	path_of(sim, "card.ini", path);
	file = fopen(path, "w");
	check(file && fputs(profile, file) >= 0 && fclose(file) == 0, path);
	cardsim_restart(sim, faults);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void cardsim_stop(struct cardsim *sim)
{
	if (!sim->pid)
		return;
	kill(sim->pid, SIGTERM);
	waitpid(sim->pid, NULL, 0);
	check(nftw(sim->folder, remove_entry, 4, FTW_DEPTH | FTW_PHYS) == 0, sim->folder);
	memset(sim, 0, sizeof(*sim));
}

unsigned cardsim_fails(const struct cardsim *sim)
{
	char path[192], line[256];
	unsigned most = 0, fails;
	FILE *file;

	path_of(sim, "card.json", path);
	file = fopen(path, "r");
	check(file != NULL, path);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, " \"fails\": %u", &fails) == 1 && fails > most)
			most = fails;
	fclose(file);
	return most;
}
