/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LD_PRELOAD for tests: lets reading, writing and syncing of files under one folder go wrong, or loses
 * what was never synced.
 *
 *   FAULTFS_DIR     only files under this folder count (an absolute path without links)
 *   FAULTFS_EXCEPT  files whose path holds this text do not count
 *   FAULTFS_AT      "sync:3:before", "sync:3:after": the process is killed at its third fsync or
 *                   fdatasync; "write:2:before|after": at its second write;
 *                   "write:5:ENOSPC", "sync:1:EIO", "read:2:EIO": that call fails; "write:5+:ENOSPC":
 *                   all from there
 *   FAULTFS_LOSE    "unsynced": when the process is killed above, or ends, what was not synced is
 *                   taken back first, as a power failure may do;
 *                   "all": as if no sync had ever reached the disk
 *   FAULTFS_LOG     a file that gets one line a call: "sync N FILE", "write N FILE" or "read N FILE"
 *
 * Taken back are bytes and sizes of files until the file is synced, and names (files made, renamed and
 * removed) until their folder is. Folders that are made stay.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum kind { READS, WRITES, SYNCS, KINDS };
static const char *const kind_words[KINDS] = {"read", "write", "sync"};

enum when { BEFORE, AFTER, FAILS };
enum change { BYTES, MADE, RENAMED, REMOVED };

/*
 * What was before a change. Files are told by inode, since one may be open twice. `kept` is another
 * name of the file that lost `path`, to a removal or to the file that was called `from`.
 */
struct old {
	struct old *next;
	enum change change;
	dev_t dev;
	ino_t ino;
	char *path, *from, *kept;
	off_t size, offset;
	size_t len;
	unsigned char bytes[];
};

static struct {
	bool ready, lose, never_synced;
	char dir[PATH_MAX];
	size_t dir_len;
	const char *except;
	int log_fd;
	unsigned long calls[KINDS];
	bool set, onward;
	enum kind kind;
	enum when when;
	unsigned long nth;
	int error;
	struct old *olds; /* newest first */
} fs = {.log_fd = -1};

static ssize_t (*real_read)(int, void *, size_t);
static ssize_t (*real_pread)(int, void *, size_t, off_t);
static ssize_t (*real_write)(int, const void *, size_t);
static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
static int (*real_fsync)(int);
static int (*real_fdatasync)(int);
static int (*real_ftruncate)(int, off_t);
static int (*real_open)(const char *, int, ...);
static int (*real_rename)(const char *, const char *);
static int (*real_unlink)(const char *);

static void bad_words(const char *value)
{
	fprintf(stderr, "faultfs: '%s' makes no sense\n", value);
	_exit(99);
}

static void read_plan(const char *text)
{
	char kind[8], nth[16], what[16], *end;

	if (sscanf(text, "%7[a-z]:%15[0-9+]:%15s", kind, nth, what) != 3)
		bad_words(text);
	fs.nth = strtoul(nth, &end, 10);
	fs.onward = *end == '+';
	for (fs.kind = 0; fs.kind < KINDS && strcmp(kind, kind_words[fs.kind]) != 0; fs.kind++)
		;
	fs.when = strcmp(what, "before") == 0 ? BEFORE : strcmp(what, "after") == 0 ? AFTER : FAILS;
	fs.error = strcmp(what, "ENOSPC") == 0 ? ENOSPC : strcmp(what, "EIO") == 0 ? EIO : 0;
	if (fs.kind == KINDS || fs.nth == 0 || (fs.when == FAILS && !fs.error))
		bad_words(text);
	fs.set = true;
}

static void start(void)
{
	const char *dir = getenv("FAULTFS_DIR"), *at = getenv("FAULTFS_AT");
	const char *log = getenv("FAULTFS_LOG"), *lose = getenv("FAULTFS_LOSE");

	if (fs.ready)
		return;
	fs.ready = true;
	*(void **)&real_read = dlsym(RTLD_NEXT, "read");
	*(void **)&real_pread = dlsym(RTLD_NEXT, "pread64");
	*(void **)&real_write = dlsym(RTLD_NEXT, "write");
	*(void **)&real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
	*(void **)&real_fsync = dlsym(RTLD_NEXT, "fsync");
	*(void **)&real_fdatasync = dlsym(RTLD_NEXT, "fdatasync");
	*(void **)&real_ftruncate = dlsym(RTLD_NEXT, "ftruncate64");
	*(void **)&real_open = dlsym(RTLD_NEXT, "open64");
	*(void **)&real_rename = dlsym(RTLD_NEXT, "rename");
	*(void **)&real_unlink = dlsym(RTLD_NEXT, "unlink");
	if (!dir || !*dir)
		return;
	fs.except = getenv("FAULTFS_EXCEPT");
	fs.dir_len = (size_t)snprintf(fs.dir, sizeof(fs.dir), "%s/", dir);
	if (log && *log)
		fs.log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (at && *at)
		read_plan(at);
	if (lose && *lose) {
		fs.lose = true;
		fs.never_synced = strcmp(lose, "all") == 0;
		if (!fs.never_synced && strcmp(lose, "unsynced") != 0)
			bad_words(lose);
	}
}

/* Whether a descriptor is a file (or, for syncs, a folder) that counts. */
static bool counts(int fd, char path[PATH_MAX])
{
	char link[40];
	ssize_t n;

	start();
	if (!fs.dir_len)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n <= 0)
		return false;
	path[n] = 0;
	if (fs.except && strstr(path, fs.except))
		return false;
	return strncmp(path, fs.dir, fs.dir_len) == 0 || strncmp(path, fs.dir, fs.dir_len - 1) == 0;
}

static bool path_counts(const char *path)
{
	return !(fs.except && strstr(path, fs.except)) && strncmp(path, fs.dir, fs.dir_len) == 0;
}

/* A name that need not exist, from the root. False if it does not count, or nothing is to be lost. */
static bool name_counts(const char *path, char ret_path[PATH_MAX])
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	start();
	if (!fs.lose)
		return false;
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) + 1 : 1,
		slash ? path : ".");
	if (!realpath(folder, ret_path))
		return false;
	strncat(ret_path, "/", PATH_MAX - strlen(ret_path) - 1);
	strncat(ret_path, slash ? slash + 1 : path, PATH_MAX - strlen(ret_path) - 1);
	return path_counts(ret_path);
}

static void drop(struct old *old)
{
	if (old->kept)
		real_unlink(old->kept);
	free(old->kept);
	free(old->from);
	free(old->path);
	free(old);
}

static void take_back_bytes(const struct old *old)
{
	struct stat st;
	int fd = real_open(old->path, O_WRONLY | O_CLOEXEC);

	/* A file that has been removed or replaced since is no more to be lost. */
	if (fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == old->dev && st.st_ino == old->ino) {
		if (real_pwrite(fd, old->bytes, old->len, old->offset) < 0 ||
			real_ftruncate(fd, old->size) < 0)
			bad_words(old->path);
	}
	if (fd >= 0)
		close(fd);
}

static void take_back(void)
{
	while (fs.olds) {
		struct old *old = fs.olds;

		if (old->change == BYTES)
			take_back_bytes(old);
		else if (old->change == MADE)
			real_unlink(old->path);
		else if (old->change == RENAMED)
			real_rename(old->path, old->from);
		if (old->kept)
			real_rename(old->kept, old->path);
		fs.olds = old->next;
		drop(old);
	}
}

static struct old *new_old(enum change change, const char *path, size_t len)
{
	struct old *old = calloc(1, sizeof(*old) + len);

	if (!old || !(old->path = strdup(path)))
		_exit(99);
	old->change = change;
	return old;
}

static void push(struct old *old)
{
	old->next = fs.olds;
	fs.olds = old;
}

/* What loses its name keeps another one. */
static void keep_file(struct old *old)
{
	static unsigned count;
	char kept[PATH_MAX + 32];

	snprintf(kept, sizeof(kept), "%s.lost-%d-%u", old->path, (int)getpid(), count++);
	if (link(old->path, kept) == 0 && !(old->kept = strdup(kept)))
		_exit(99);
}

static void keep_old(int fd, const char *path, off_t offset, size_t len)
{
	struct stat st;
	struct old *old;
	int reader;
	ssize_t n = 0;

	if (!fs.lose || fstat(fd, &st) || !S_ISREG(st.st_mode))
		return;
	old = new_old(BYTES, path, len);
	reader = real_open(path, O_RDONLY | O_CLOEXEC);
	if (reader >= 0) {
		n = real_pread(reader, old->bytes, len, offset);
		close(reader);
	}
	old->dev = st.st_dev;
	old->ino = st.st_ino;
	old->size = st.st_size;
	old->offset = offset;
	old->len = n > 0 ? (size_t)n : 0;
	push(old);
}

/* Whether a sync of a file or folder keeps this change. */
static bool is_kept_by(const struct old *old, const struct stat *st, const char *path)
{
	size_t len = strlen(path);

	if (old->change == BYTES)
		return old->dev == st->st_dev && old->ino == st->st_ino;
	return S_ISDIR(st->st_mode) && strncmp(old->path, path, len) == 0 &&
	       old->path[len] == '/' && !strchr(old->path + len + 1, '/');
}

static void forget_old(int fd, const char *path)
{
	struct stat st;

	if (fs.never_synced || fstat(fd, &st))
		return;
	for (struct old **p = &fs.olds; *p;) {
		struct old *old = *p;

		if (!is_kept_by(old, &st, path)) {
			p = &old->next;
			continue;
		}
		*p = old->next;
		drop(old);
	}
}

static bool is_here(enum kind kind, enum when when)
{
	return fs.set && fs.kind == kind && fs.when == when &&
	       (fs.calls[kind] == fs.nth || (fs.onward && fs.calls[kind] > fs.nth));
}

static void die_here(enum kind kind, enum when when)
{
	if (!is_here(kind, when))
		return;
	take_back();
	kill(getpid(), SIGKILL);
}

/* Counts the call; true if it is to fail, with errno set. */
static bool begins(enum kind kind, const char *path)
{
	fs.calls[kind]++;
	if (fs.log_fd >= 0)
		dprintf(fs.log_fd, "%s %lu %s\n", kind_words[kind], fs.calls[kind],
			path + fs.dir_len - 1);
	die_here(kind, BEFORE);
	if (!is_here(kind, FAILS))
		return false;
	errno = fs.error;
	return true;
}

static ssize_t write_at(int fd, const void *data, size_t len, off_t offset, bool at)
{
	char path[PATH_MAX];
	ssize_t n;

	if (!counts(fd, path))
		return at ? real_pwrite(fd, data, len, offset) : real_write(fd, data, len);
	if (begins(WRITES, path))
		return -1;
	keep_old(fd, path, at ? offset : lseek(fd, 0, SEEK_CUR), len);
	n = at ? real_pwrite(fd, data, len, offset) : real_write(fd, data, len);
	die_here(WRITES, AFTER);
	return n;
}

static ssize_t read_at(int fd, void *data, size_t len, off_t offset, bool at)
{
	char path[PATH_MAX];

	start();
	if (counts(fd, path) && begins(READS, path))
		return -1;
	return at ? real_pread(fd, data, len, offset) : real_read(fd, data, len);
}

static int sync_it(int fd, int (*real)(int))
{
	char path[PATH_MAX];
	int rc;

	if (!counts(fd, path))
		return real(fd);
	if (begins(SYNCS, path))
		return -1;
	rc = real(fd);
	if (rc == 0)
		forget_old(fd, path);
	die_here(SYNCS, AFTER);
	return rc;
}

/* dlsym and the rest may write before start() has run through: libc's own write is not preloaded. */
ssize_t read(int fd, void *data, size_t len)
{
	return read_at(fd, data, len, 0, false);
}

ssize_t pread(int fd, void *data, size_t len, off_t offset)
{
	return read_at(fd, data, len, offset, true);
}

ssize_t pread64(int fd, void *data, size_t len, off_t offset);
ssize_t pread64(int fd, void *data, size_t len, off_t offset)
{
	return read_at(fd, data, len, offset, true);
}

ssize_t write(int fd, const void *data, size_t len)
{
	return write_at(fd, data, len, 0, false);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	return write_at(fd, data, len, offset, true);
}

ssize_t pwrite64(int fd, const void *data, size_t len, off_t offset);
ssize_t pwrite64(int fd, const void *data, size_t len, off_t offset)
{
	return write_at(fd, data, len, offset, true);
}

int fsync(int fd)
{
	start();
	return sync_it(fd, real_fsync);
}

int fdatasync(int fd)
{
	start();
	return sync_it(fd, real_fdatasync);
}

static int truncate_it(int fd, off_t size)
{
	char path[PATH_MAX];
	struct stat st;

	if (counts(fd, path) && fstat(fd, &st) == 0)
		keep_old(fd, path, size, size < st.st_size ? (size_t)(st.st_size - size) : 0);
	return real_ftruncate(fd, size);
}

int ftruncate(int fd, off_t size)
{
	return truncate_it(fd, size);
}

int ftruncate64(int fd, off_t size);
int ftruncate64(int fd, off_t size)
{
	return truncate_it(fd, size);
}

static int open_it(const char *path, int flags, mode_t mode)
{
	char name[PATH_MAX];
	bool made = (flags & O_CREAT) && name_counts(path, name) && access(name, F_OK) != 0;
	int fd;

	start();
	fd = real_open(path, flags, mode);
	if (fd >= 0 && made)
		push(new_old(MADE, name, 0));
	return fd;
}

static mode_t mode_of(int flags, va_list more)
{
	return flags & (O_CREAT | __O_TMPFILE) ? va_arg(more, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = mode_of(flags, more);
	va_end(more);
	return open_it(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = mode_of(flags, more);
	va_end(more);
	return open_it(path, flags, mode);
}

int rename(const char *from, const char *to)
{
	char old_name[PATH_MAX], new_name[PATH_MAX];
	struct old *old = NULL;
	int rc;

	if (name_counts(from, old_name) && name_counts(to, new_name)) {
		old = new_old(RENAMED, new_name, 0);
		old->from = strdup(old_name);
		keep_file(old);
	}
	start();
	rc = real_rename(from, to);
	if (old && rc == 0)
		push(old);
	else if (old)
		drop(old);
	return rc;
}

int unlink(const char *path)
{
	char name[PATH_MAX];
	struct old *old = NULL;
	int rc;

	if (name_counts(path, name)) {
		old = new_old(REMOVED, name, 0);
		keep_file(old);
	}
	start();
	rc = real_unlink(path);
	if (old && rc == 0)
		push(old);
	else if (old)
		drop(old);
	return rc;
}

__attribute__((destructor)) static void end(void)
{
	take_back();
}
