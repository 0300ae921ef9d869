/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A main for fuzz targets without libFuzzer: replays every file of the folders and files named,
 * whole, cut short, and with single bytes changed. The changes are the same in every run.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

enum {
	INPUT_MAX = 1 << 20,
	CUTS = 48,    /* of each input, evenly spread */
	CHANGES = 96, /* of one byte each */
};

struct run {
	size_t files;
	size_t inputs;
};

/* A copy of its own, exactly as long as the input: the sanitizer sees a read past the end. */
static void feed(struct run *run, const uint8_t *data, size_t size, size_t at, uint8_t flip)
{
	uint8_t *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	if (size)
		memcpy(copy, data, size);
	if (at < size)
		copy[at] ^= flip;
	LLVMFuzzerTestOneInput(copy, size);
	free(copy);
	run->inputs++;
}

static void replay_file(struct run *run, const char *path)
{
	static const uint8_t flips[] = {0x01, 0x20, 0x80, 0xff};
	uint8_t *data = malloc(INPUT_MAX);
	FILE *file = fopen(path, "rb");
	size_t size, step;

	if (!data || !file) {
		fprintf(stderr, "replay: cannot read %s\n", path);
		exit(1);
	}
	size = fread(data, 1, INPUT_MAX, file);
	fclose(file);
	run->files++;
	feed(run, data, size, size, 0);
	step = size / CUTS + 1;
	for (size_t cut = 0; cut < size; cut += step)
		feed(run, data, cut, cut, 0);
	step = size / CHANGES + 1;
	for (size_t at = 0, i = 0; at < size; at += step, i++)
		feed(run, data, size, at, flips[i % sizeof(flips)]);
	free(data);
}

static void replay_folder(struct run *run, const char *folder)
{
	struct dirent **names;
	char path[4096];
	int count = scandir(folder, &names, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		if (names[i]->d_name[0] != '.') {
			snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
			replay_file(run, path);
		}
		free(names[i]);
	}
	if (count >= 0)
		free(names);
}

int main(int argc, char **argv)
{
	struct run run = {0};
	struct stat st;

	if (LLVMFuzzerInitialize)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++) {
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			replay_folder(&run, argv[i]);
		else
			replay_file(&run, argv[i]);
	}
	printf("replayed %zu inputs made of %zu files\n", run.inputs, run.files);
	if (run.files == 0) {
		fprintf(stderr, "replay: the corpus is empty, so nothing was tested\n");
		return 1;
	}
	return 0;
}
