/* SPDX-License-Identifier: Apache-2.0 */
#include "support/softhsm.h"

#include "support/folder.h"

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

void softhsm_use(const struct softhsm *s)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/softhsm2.conf", s->dir);
	folder_check(!setenv("SOFTHSM2_CONF", path, 1), "setenv");
}

void softhsm_open(struct softhsm *s)
{
	char path[96];
	FILE *f;

	folder_make(s->dir, "softhsm");
	snprintf(path, sizeof(path), "%s/tokens", s->dir);
	folder_check(!mkdir(path, 0700), path);
	snprintf(path, sizeof(path), "%s/softhsm2.conf", s->dir);
	f = fopen(path, "w");
	folder_check(f, path);
	fprintf(f,
		"directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = ERROR\n",
		s->dir);
	folder_check(!fclose(f), path);
	softhsm_use(s);
}

void softhsm_lose_tokens(const struct softhsm *s)
{
	char path[96];

	snprintf(path, sizeof(path), "%s/tokens", s->dir);
	folder_empty(path);
}

void softhsm_close(struct softhsm *s)
{
	folder_remove(s->dir);
}

bool softokn_installed(void)
{
	return !access(SOFTOKN_MODULE, R_OK);
}

void softokn_open(struct softokn *s)
{
	folder_make(s->dir, "softokn");
	snprintf(s->init_args, sizeof(s->init_args),
		"configdir='sql:%s' certPrefix='' keyPrefix='' secmod='secmod.db' flags=", s->dir);
}

void softokn_close(struct softokn *s)
{
	folder_remove(s->dir);
}
