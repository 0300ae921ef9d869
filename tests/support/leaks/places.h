/* SPDX-License-Identifier: Apache-2.0 */
/* Where keys are searched: the memory of a process that stands still, and files. */
#ifndef LEAKS_PLACES_H
#define LEAKS_PLACES_H

#include "support/leaks/needles.h"

#include <stdio.h>
#include <sys/types.h>

/*
 * What was found at one stop, counted by place, form and needle. Places of memory are "secure" (the
 * secure heap of OpenSSL: locked and not dumped), "heap", "stack", "anon", each with "+locked" where
 * the process has locked the pages, or the path of what is mapped; of files their path.
 */
struct findings {
	const struct needles *needles;
	struct finding {
		char where[160];
		enum form form;
		int needle;
		long pieces;
	} * items;
	size_t count;
	size_t searched, left_out; /* bytes */
};

void findings_free(struct findings *f);

/* All that pid has in memory. Ends the program if it cannot be read: root can. */
void search_process(struct findings *f, pid_t pid);

/* A file, or all files under a folder. What is not there is nothing to find. */
void search_path(struct findings *f, const char *path);

#endif
