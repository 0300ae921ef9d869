/* SPDX-License-Identifier: Apache-2.0 */
#include "support/leaks/places.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	CHUNK = 1 << 20,
	PAGE = 4096,
	CHUNK_PAGES = CHUNK / PAGE,
};

/*
 * The largest mapping that is looked at. Only AddressSanitizer's shadow is larger, which has a byte
 * of state for eight of the program and none of its data.
 */
static const uint64_t mapping_max = UINT64_C(1) << 38;

struct place {
	struct findings *findings;
	const char *where;
};

static void note(void *context, int needle, enum form form, size_t at)
{
	const struct place *place = context;
	struct findings *f = place->findings;
	struct finding *item;

	(void)at;
	for (size_t i = 0; i < f->count; i++) {
		item = &f->items[i];
		if (item->needle == needle && item->form == form &&
			strcmp(item->where, place->where) == 0) {
			item->pieces++;
			return;
		}
	}
	f->items = reallocarray(f->items, f->count + 1, sizeof(*f->items));
	if (!f->items)
		abort();
	item = &f->items[f->count++];
	*item = (struct finding){.form = form, .needle = needle, .pieces = 1};
	snprintf(item->where, sizeof(item->where), "%s", place->where);
}

void findings_free(struct findings *f)
{
	free(f->items);
	*f = (struct findings){.needles = f->needles};
}

/*
 * Reads at most want bytes, less where the source ends or cannot be read. A piece that goes over the
 * end of a chunk is found because the next chunk begins before it: see search_range.
 */
static size_t read_at(int fd, unsigned char *data, size_t want, uint64_t at)
{
	size_t done = 0;

	while (done < want) {
		ssize_t n = pread(fd, data + done, want - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

/* Whether any page from address `from` on is in memory or swap. */
static bool present(int pagemap, uint64_t from, size_t pages)
{
	uint64_t entries[CHUNK_PAGES];
	size_t got = read_at(pagemap, (unsigned char *)entries, pages * sizeof(entries[0]),
		from / PAGE * sizeof(entries[0]));

	for (size_t i = 0; i < got / sizeof(entries[0]); i++)
		if (entries[i] >> 62)
			return true;
	return got == 0;
}

static void search_range(
	struct place *place, int fd, int pagemap, uint64_t from, uint64_t to, unsigned char *data)
{
	for (uint64_t at = from; at < to; at += CHUNK) {
		size_t len = to - at < CHUNK ? (size_t)(to - at) : CHUNK;
		size_t want =
			to - at < CHUNK + NEEDLE_REACH ? (size_t)(to - at) : CHUNK + NEEDLE_REACH;
		size_t got;

		if (pagemap >= 0 && !present(pagemap, at, (len + PAGE - 1) / PAGE))
			continue;
		got = read_at(fd, data, want, at);
		if (got < len)
			len = got;
		needles_search(place->findings->needles, data, len, got - len, note, place);
		place->findings->searched += len;
	}
}

static int open_of(pid_t pid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		fprintf(stderr, "cannot search the memory of process %d: %s: %s\n", (int)pid, path,
			strerror(errno));
		exit(2);
	}
	return fd;
}

/* A mapping, as /proc/PID/smaps tells it. */
struct mapping {
	uint64_t from, to;
	char name[128];
	bool readable, shared, locked, undumped;
	unsigned long own; /* KiB that are not those of the file */
};

static bool next_mapping(FILE *smaps, struct mapping *ret)
{
	char line[512], access[8];
	unsigned long long from, to;
	unsigned long own;
	int at = 0;

	*ret = (struct mapping){0};
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %n", &from, &to, access, &at) >= 3) {
			ret->from = from;
			ret->to = to;
			ret->readable = access[0] == 'r';
			ret->shared = access[3] == 's';
			line[strcspn(line, "\n")] = 0;
			snprintf(ret->name, sizeof(ret->name), "%.120s", line + at);
		} else if (sscanf(line, "Anonymous: %lu", &own) == 1 ||
			   sscanf(line, "Swap: %lu", &own) == 1) {
			ret->own += own;
		} else if (strncmp(line, "VmFlags:", 8) == 0) {
			ret->locked = strstr(line, " lo") != NULL;
			ret->undumped = strstr(line, " dd") != NULL;
			return true;
		}
	}
	return false;
}

static const char *place_name(const struct mapping *m, char *text, size_t size)
{
	const char *name = strcmp(m->name, "[heap]") == 0    ? "heap"
			   : strcmp(m->name, "[stack]") == 0 ? "stack"
			   : *m->name			     ? m->name
							     : "anon";

	if (!*m->name && m->locked && m->undumped)
		return "secure";
	snprintf(text, size, "%s%s", name, m->locked ? "+locked" : "");
	return text;
}

void search_process(struct findings *f, pid_t pid)
{
	unsigned char *data = malloc(CHUNK + NEEDLE_REACH);
	int mem = open_of(pid, "mem"), pagemap = open_of(pid, "pagemap");
	FILE *smaps = fdopen(open_of(pid, "smaps"), "r");
	char text[160];
	struct mapping m;

	if (!data || !smaps)
		abort();
	while (next_mapping(smaps, &m)) {
		struct place place = {f, place_name(&m, text, sizeof(text))};

		/* What is not shared and has no page of its own is as in the file, or the kernel's. */
		if (!m.readable || (!m.shared && m.own == 0) || strncmp(m.name, "[v", 2) == 0)
			continue;
		if (m.to - m.from > mapping_max) {
			f->left_out += m.to - m.from;
			continue;
		}
		search_range(&place, mem, pagemap, m.from, m.to, data);
	}
	fclose(smaps);
	close(mem);
	close(pagemap);
	free(data);
}

static void search_file(struct findings *f, const char *path, uint64_t size)
{
	unsigned char *data = malloc(CHUNK + NEEDLE_REACH);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct place place = {f, path};

	if (!data)
		abort();
	if (fd >= 0) {
		search_range(&place, fd, -1, 0, size, data);
		close(fd);
	}
	free(data);
}

void search_path(struct findings *f, const char *path)
{
	char *roots[] = {(char *)path, NULL};
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *entry;

	if (!walk)
		abort();
	while ((entry = fts_read(walk)))
		if (entry->fts_info == FTS_F)
			search_file(f, entry->fts_path, (uint64_t)entry->fts_statp->st_size);
	fts_close(walk);
}
