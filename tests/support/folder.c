/* SPDX-License-Identifier: Apache-2.0 */
#include "support/folder.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

void folder_check(bool good, const char *what)
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

void folder_empty(const char *dir)
{
	nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void folder_make(char dir[FOLDER_SIZE], const char *name)
{
	snprintf(dir, FOLDER_SIZE, "/tmp/%s-XXXXXX", name);
	folder_check(mkdtemp(dir), "mkdtemp");
}

void folder_remove(char dir[FOLDER_SIZE])
{
	if (!*dir)
		return;
	folder_empty(dir);
	rmdir(dir);
	*dir = 0;
}
