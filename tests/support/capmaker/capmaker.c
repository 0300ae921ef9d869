/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAP files of the project's own, for tests, benchmarks and the demo: well-formed, and no program.
 *
 *   capmaker FILE PACKAGE APPLET MAJOR MINOR BYTES
 *
 * AIDs in hex; BYTES (1 to 65000) of the Method component, which is noise that does not compress.
 */
#include "base/hex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zip.h>

enum { COMPONENT_MAX = 3 + 65000, COMPONENTS = 9, AID_MAX = 16, DIRECTORY = 31 };

struct part {
	const char *name;
	unsigned tag;
	size_t len; /* of bytes + 3 */
	unsigned char *bytes;
};

struct aid {
	unsigned char bytes[AID_MAX];
	size_t len;
};

static void die(const char *why)
{
	fprintf(stderr, "capmaker: %s\n", why);
	exit(1);
}

static struct aid parse_aid(const char *hex)
{
	struct aid aid;
	struct kms_err err;

	if (hex_decode(hex, strlen(hex), "AID", aid.bytes, sizeof(aid.bytes), &aid.len, &err) ||
		aid.len < 5)
		die("an AID is 5 to 16 bytes in hex");
	return aid;
}

static struct part *add(struct part *parts, const char *name, unsigned tag, size_t room)
{
	struct part *part = parts;

	while (part->name)
		part++;
	*part = (struct part){name, tag, 3, calloc(1, 3 + room)};
	if (!part->bytes)
		die("out of memory");
	part->bytes[0] = (unsigned char)tag;
	return part;
}

static void put(struct part *part, const void *bytes, size_t len)
{
	memcpy(part->bytes + part->len, bytes, len);
	part->len += len;
}

static void put_aid(struct part *part, const struct aid *aid)
{
	unsigned char len = (unsigned char)aid->len;

	put(part, &len, 1);
	put(part, aid->bytes, aid->len);
}

static void finish(struct part *part)
{
	part->bytes[1] = (unsigned char)((part->len - 3) >> 8);
	part->bytes[2] = (unsigned char)(part->len - 3);
}

/* In the order of loading; Directory is filled in when all are there. */
static void make(struct part *parts, char **argv)
{
	static const unsigned char magic[] = {0xDE, 0xCA, 0xFF, 0xED, 2, 2, 4};
	static const unsigned char import[] = {1, 6, 1, 7, 0xA0, 0, 0, 0, 0x62, 1, 1};
	static const unsigned char zeros[10];
	const struct aid package = parse_aid(argv[2]), applet = parse_aid(argv[3]);
	const unsigned char version[] = {
		(unsigned char)atoi(argv[5]), (unsigned char)atoi(argv[4])};
	const long method = atol(argv[6]);
	struct part *part, *directory;
	unsigned long noise = 1;

	if (method < 1 || method > COMPONENT_MAX - 3)
		die("the Method component has 1 to 65000 bytes");
	part = add(parts, "Header", 1, 64);
	put(part, magic, sizeof(magic));
	put(part, version, 2);
	put_aid(part, &package);
	directory = add(parts, "Directory", 2, DIRECTORY);
	directory->len += DIRECTORY;
	put(add(parts, "Import", 4, sizeof(import)), import, sizeof(import));
	part = add(parts, "Applet", 3, 32);
	put(part, "\x01", 1);
	put_aid(part, &applet);
	put(part, zeros, 2);
	put(add(parts, "Class", 6, 1), zeros, 1);
	part = add(parts, "Method", 7, (size_t)method);
	for (long i = 0; i < method; i++) {
		unsigned char byte;

		noise = noise * 6364136223846793005UL + 1442695040888963407UL;
		byte = (unsigned char)(noise >> 56);
		put(part, &byte, 1);
	}
	put(add(parts, "StaticField", 8, 10), zeros, 10);
	put(add(parts, "ConstantPool", 5, 2), zeros, 2);
	put(add(parts, "RefLocation", 9, 4), zeros, 4);
	for (size_t i = 0; i < COMPONENTS; i++) {
		finish(&parts[i]);
		memcpy(directory->bytes + 3 + (size_t)2 * (parts[i].tag - 1), parts[i].bytes + 1,
			2);
	}
}

int main(int argc, char **argv)
{
	struct part parts[COMPONENTS + 1] = {{0}};
	zip_t *zip;

	if (argc != 7)
		die("usage: capmaker FILE PACKAGE APPLET MAJOR MINOR BYTES");
	make(parts, argv);
	zip = zip_open(argv[1], ZIP_CREATE | ZIP_TRUNCATE, NULL);
	if (!zip)
		die("cannot make the file");
	for (size_t i = 0; i < COMPONENTS; i++) {
		char name[64];
		zip_source_t *source = zip_source_buffer(zip, parts[i].bytes, parts[i].len, 0);

		snprintf(name, sizeof(name), "own/javacard/%s.cap", parts[i].name);
		if (!source || zip_file_add(zip, name, source, ZIP_FL_ENC_UTF_8) < 0)
			die(zip_strerror(zip));
	}
	if (zip_close(zip))
		die(zip_strerror(zip));
	for (size_t i = 0; i < COMPONENTS; i++)
		free(parts[i].bytes);
	return 0;
}
