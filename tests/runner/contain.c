/* SPDX-License-Identifier: Apache-2.0 */
/*
 * contain [-t SECONDS] PROGRAM [ARG…]: runs one test so that it can neither disturb nor outlive
 * anything.
 *
 * The test gets a private TMPDIR (its HOME too), no terminal, an empty standard input and a fixed
 * locale. It fails if it leaves a process behind (all descendants come back to this process as
 * their subreaper), if it overruns SECONDS, or if any process of it made a sanitizer report, even
 * one whose exit status a script expected. Its own exit status is passed on otherwise.
 * KEEP=1 in the environment keeps the folder of a test that fails.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	EXIT_LEFTOVER = 80,
	EXIT_REPORT = 81,
	EXIT_TIMEOUT = 82,
	EXIT_STOPPED = 83,
	EXIT_SETUP = 84,
	GRACE_MS = 3000, /* for processes that are on their way out when the test ends */
	POLL_MS = 20,
	DEPTH_MAX = 32,
};

static void fail_setup(const char *what)
{
	fprintf(stderr, "contain: %s: %s\n", what, strerror(errno));
	exit(EXIT_SETUP);
}

static long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Reads at most size - 1 bytes of a small file as text; zero bytes within become blanks. */
static size_t read_text(const char *path, char *out, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

	if (fd >= 0)
		close(fd);
	if (n < 0)
		n = 0;
	for (ssize_t i = 0; i < n; i++)
		if (!out[i])
			out[i] = ' ';
	out[n] = 0;
	return (size_t)n;
}

/* Calls act for each living child of this process; returns how many there are. */
static int each_child(void (*act)(pid_t pid))
{
	char path[64], text[1024], *p;
	struct dirent *entry;
	int count = 0;
	DIR *proc = opendir("/proc");

	if (!proc)
		fail_setup("cannot read /proc");
	while ((entry = readdir(proc))) {
		pid_t pid = (pid_t)strtol(entry->d_name, &p, 10);
		char state;
		int parent;

		if (*p || pid <= 0)
			continue;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		read_text(path, text, sizeof(text));
		/* "PID (name) S PPID …"; the name may hold anything, also ")". */
		p = strrchr(text, ')');
		if (!p || sscanf(p + 1, " %c %d", &state, &parent) != 2)
			continue;
		if (parent != getpid() || state == 'Z')
			continue;
		act(pid);
		count++;
	}
	closedir(proc);
	return count;
}

static void name_child(pid_t pid)
{
	char path[64], text[200];

	snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
	read_text(path, text, sizeof(text));
	fprintf(stderr, "contain: the test left process %d running: %s\n", pid, text);
}

static void kill_child(pid_t pid)
{
	kill(pid, SIGKILL);
}

/* Kills every descendant: what a killed one leaves behind becomes a child of this process. */
static void kill_all(void)
{
	const struct timespec pause = {0, POLL_MS * 1000000L};

	for (;;) {
		each_child(kill_child);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			continue;
		if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD)
			return;
		nanosleep(&pause, NULL);
	}
}

/* Waits for `pid`, reaping others; false when the time is over or a signal asks to stop. */
static bool wait_for(pid_t pid, long until, const sigset_t *signals, int *ret_status, int *ret_exit)
{
	for (;;) {
		const struct timespec pause = {0, 200 * 1000000L};
		int status, sig;
		pid_t ended;

		while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
			if (ended == pid) {
				*ret_status = status;
				return true;
			}
		}
		sig = sigtimedwait(signals, NULL, &pause);
		if (sig > 0 && sig != SIGCHLD) {
			*ret_exit = EXIT_STOPPED;
			return false;
		}
		if (now_ms() > until) {
			*ret_exit = EXIT_TIMEOUT;
			return false;
		}
	}
}

/* Whether all other descendants end by themselves within the grace time. */
static bool all_gone(void)
{
	const struct timespec pause = {0, POLL_MS * 1000000L};
	long until = now_ms() + GRACE_MS;

	for (;;) {
		pid_t ended = waitpid(-1, NULL, WNOHANG);

		if (ended < 0 && errno == ECHILD)
			return true;
		if (ended > 0)
			continue;
		if (now_ms() > until)
			return false;
		nanosleep(&pause, NULL);
	}
}

/* Prints the sanitizer reports in a folder; returns how many there are. */
static int print_reports(const char *folder)
{
	static char text[32768];
	char path[2 * PATH_MAX];
	struct dirent *entry;
	int count = 0;
	DIR *dir = opendir(folder);

	if (!dir)
		return 0;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		if (!read_text(path, text, sizeof(text)))
			continue;
		fprintf(stderr, "contain: sanitizer report of one process of the test:\n%s\n",
			text);
		count++;
	}
	closedir(dir);
	return count;
}

static int unlock_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	if (type == FTW_D || type == FTW_DNR)
		(void)!chmod(path, 0700);
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	if (remove(path))
		fprintf(stderr, "contain: cannot remove %s: %s\n", path, strerror(errno));
	return 0;
}

static void remove_folder(const char *path)
{
	/* A test may have made folders read-only; mounts that it forgot are not entered. */
	nftw(path, unlock_one, DEPTH_MAX, FTW_PHYS | FTW_MOUNT);
	nftw(path, remove_one, DEPTH_MAX, FTW_PHYS | FTW_MOUNT | FTW_DEPTH);
}

/* Adds ":log_path=FOLDER/report" to a sanitizer's options. */
static void set_log_path(const char *name, const char *folder)
{
	const char *old = getenv(name);
	char value[PATH_MAX + 512];

	snprintf(value, sizeof(value), "%s%slog_path=%s/report", old ? old : "", old ? ":" : "",
		folder);
	setenv(name, value, 1);
}

/* Makes ROOT/tmp and ROOT/reports and points the environment of the test at them. */
static void prepare(char *root, size_t size)
{
	static const char *const unset[] = {"CARDKMS_SITE", "SOFTHSM2_CONF", "XDG_CONFIG_HOME",
		"XDG_RUNTIME_DIR", "PGHOST", "PGPORT", "PGDATA", "PGUSER", "PGDATABASE",
		"PGSERVICE", "CDPATH", "BASH_ENV"};
	const char *base = getenv("TMPDIR");
	char path[PATH_MAX];

	snprintf(root, size, "%s/XXXXXX", base && *base ? base : "/tmp");
	if (!mkdtemp(root))
		fail_setup("cannot make a folder for the test");
	/* Servers that tests start as another user (PostgreSQL) must be able to pass through. */
	if (chmod(root, 0711))
		fail_setup("cannot open the folder of the test");
	snprintf(path, sizeof(path), "%s/reports", root);
	if (mkdir(path, 0777) || chmod(path, 0777))
		fail_setup("cannot make the folder for reports");
	set_log_path("ASAN_OPTIONS", path);
	set_log_path("UBSAN_OPTIONS", path);
	set_log_path("LSAN_OPTIONS", path);
	snprintf(path, sizeof(path), "%s/t", root);
	if (mkdir(path, 0711))
		fail_setup("cannot make a folder for the test");
	setenv("TMPDIR", path, 1);
	setenv("HOME", path, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("TZ", "UTC", 1);
	for (size_t i = 0; i < sizeof(unset) / sizeof(unset[0]); i++)
		unsetenv(unset[i]);
}

static void run(char **argv, const sigset_t *old_signals, pid_t parent)
{
	int null = open("/dev/null", O_RDONLY);

	/* If this process is killed outright, the test goes with it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != parent)
		_exit(EXIT_SETUP);
	/* A session of its own has no controlling terminal: a prompt fails instead of waiting. */
	if (setsid() < 0 || null < 0 || dup2(null, STDIN_FILENO) < 0)
		_exit(EXIT_SETUP);
	close(null);
	sigprocmask(SIG_SETMASK, old_signals, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "contain: cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(EXIT_SETUP);
}

/* The exit status for a test that ended by itself. */
static int judge(int status, const char *reports)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);

	if (WIFSIGNALED(status))
		fprintf(stderr, "contain: the test died of signal %d (%s)\n", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	if (!all_gone()) {
		each_child(name_child);
		code = EXIT_LEFTOVER;
	}
	if (print_reports(reports))
		code = EXIT_REPORT;
	return code;
}

int main(int argc, char **argv)
{
	char root[PATH_MAX / 4], reports[PATH_MAX];
	sigset_t signals, old_signals;
	pid_t pid, self = getpid();
	int option, status, code = 0;
	long seconds = 120;

	while ((option = getopt(argc, argv, "+t:")) != -1) {
		if (option != 't')
			return EXIT_SETUP;
		seconds = strtol(optarg, NULL, 10);
	}
	if (optind >= argc || seconds <= 0) {
		fprintf(stderr, "usage: contain [-t SECONDS] PROGRAM [ARG…]\n");
		return EXIT_SETUP;
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
		fail_setup("cannot become the subreaper of the test");
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &old_signals);
	prepare(root, sizeof(root));
	snprintf(reports, sizeof(reports), "%s/reports", root);

	pid = fork();
	if (pid < 0)
		fail_setup("cannot fork");
	if (pid == 0)
		run(argv + optind, &old_signals, self);
	if (wait_for(pid, now_ms() + seconds * 1000, &signals, &status, &code))
		code = judge(status, reports);
	else if (code == EXIT_TIMEOUT)
		fprintf(stderr, "contain: the test was still running after %ld s\n", seconds);
	kill_all();
	if (code != 0 && getenv("KEEP"))
		fprintf(stderr, "contain: kept %s\n", root);
	else
		remove_folder(root);
	return code;
}
