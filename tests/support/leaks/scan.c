/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leakscan NEEDLES PID [PATH…]: searches a process that waits for somebody (0: none), and files, once.
 * A line "found WHERE FORM NAME PIECES" for each, and "searched BYTES".
 */
#include "support/leaks/places.h"

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
	static struct needles needles;
	struct findings f = {.needles = &needles};

	if (argc < 3) {
		fprintf(stderr, "leakscan NEEDLES PID [PATH…]\n");
		return 2;
	}
	needles_read(&needles, argv[1]);
	if (strcmp(argv[2], "0") != 0)
		search_process(&f, (pid_t)atol(argv[2]));
	for (int i = 3; i < argc; i++)
		search_path(&f, argv[i]);
	for (size_t i = 0; i < f.count; i++)
		printf("found %s %s %s %ld\n", f.items[i].where, form_names[f.items[i].form],
			needles.items[f.items[i].needle].name, f.items[i].pieces);
	printf("searched %zu\n", f.searched);
	findings_free(&f);
	return 0;
}
