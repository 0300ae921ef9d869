/* SPDX-License-Identifier: Apache-2.0 */
#include "support/softhsm.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* SoftHSM and NSS leak a little per object and per C_Initialize; their leaks are not ours. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:libsofthsm2\nleak:libsoftokn3\nleak:libfreebl\nleak:libnspr4\nleak:"
	       "libnssutil3\n"
	       "leak:libsqlite3\n";
}

static void check(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	return ftw->level ? remove(path) : 0;
}

static void empty_folder(const char *dir)
{
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void make_folder(char dir[64], const char *name)
{
	snprintf(dir, 64, "/tmp/%s-XXXXXX", name);
	check(mkdtemp(dir), "mkdtemp");
}

static void remove_folder(char dir[64])
{
	if (!*dir)
		return;
	empty_folder(dir);
	rmdir(dir);
	*dir = 0;
}

void softhsm_use(const struct softhsm *s)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/softhsm2.conf", s->dir);
	check(!setenv("SOFTHSM2_CONF", path, 1), "setenv");
}

void softhsm_open(struct softhsm *s)
{
	char path[96];
	FILE *f;

	make_folder(s->dir, "softhsm");
	snprintf(path, sizeof(path), "%s/tokens", s->dir);
	check(!mkdir(path, 0700), path);
	snprintf(path, sizeof(path), "%s/softhsm2.conf", s->dir);
	f = fopen(path, "w");
	check(f, path);
	fprintf(f,
		"directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
		s->dir);
	check(!fclose(f), path);
	softhsm_use(s);
}

void softhsm_lose_tokens(const struct softhsm *s)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/tokens", s->dir);
	empty_folder(path);
}

void softhsm_close(struct softhsm *s)
{
	remove_folder(s->dir);
}

bool softokn_installed(void)
{
	return !access(SOFTOKN_MODULE, R_OK);
}

void softokn_open(struct softokn *s)
{
	make_folder(s->dir, "softokn");
	snprintf(s->init_args, sizeof(s->init_args),
		"configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=", s->dir);
}

void softokn_close(struct softokn *s)
{
	remove_folder(s->dir);
}
