/* SPDX-License-Identifier: Apache-2.0 */
/* The built-in profiles: two ordinary cards, then one for each way in which cards differ. */
#include "sim/profile.h"

#include <string.h>

/* Public test keys, whatever their version: 40 41 42 … */
#define KEY16	    "404142434445464748494A4B4C4D4E4F"
#define KEY32	    KEY16 "505152535455565758595A5B5C5D5E5F"
#define VALUES(key) "enc = " key "\nmac = " key "\ndek = " key "\n"
#define DES(kvn)    "[key-set " kvn "]\ntype = des\n" VALUES(KEY16)
#define AES128(kvn) "[key-set " kvn "]\ntype = aes\n" VALUES(KEY16)
#define AES256(kvn) "[key-set " kvn "]\ntype = aes\n" VALUES(KEY32)

/*
 * The package and module names of supplementary security domains are those that many cards have;
 * no specification gives them.
 */
#define REST                                                                                \
	"kdd = 00000000000100000000\n"                                                      \
	"cplc = 4790 5040 4791 8102 3100 8348 00000001 0102 0000 8349 0000 8350 0000 0000 " \
	"00000000 "                                                                         \
	"0000 0000 00000000\n"                                                              \
	"[isd]\naid = A000000151000000\nlife = 01\nprivileges = 9EFE80\n"                   \
	"iin = 43415244\ncin = 0000000000000001\n"                                          \
	"[load-file A0000001515350]\nversion = 0203\nmodules = A000000151535041\n"

#define GP211(i)			     "version = 2.1.1\nscp02 = " i "\n"
#define GP23(i)				     "version = 2.3.1\nscp03 = " i "\n"
#define CONSUME				     "rule = consume\n"
#define REPLACE				     "rule = replace\n"
#define ADD				     "rule = add\n"
#define COUNTING			     REPLACE "count-updates = yes\n"
#define SILENT				     CONSUME "key-template = no\nkdd-object = no\n"
#define CARD(about, version, settings, keys) "; " about "\n[card]\n" version settings REST keys

struct built_in {
	const char *name;
	const char *text;
};

static const struct built_in built_ins[] = {
	{"gp211-scp02", CARD("Card Specification 2.1.1, SCP02 i=15; the first set consumes FF",
				GP211("15"), CONSUME, DES("FF"))},
	{"gp211-scp02-i55", CARD("the same with the well-known pseudo-random card challenge",
				    GP211("55"), CONSUME, DES("FF"))},
	{"gp23-scp03",
		CARD("Card Specification 2.3.1, SCP03 i=70, AES-128; the first set consumes FF",
			GP23("70"), CONSUME, AES128("FF"))},
	{"gp23-scp03-aes256", CARD("the same with AES-256", GP23("70"), CONSUME, AES256("FF"))},
	{"gp23-scp03-s16",
		CARD("the same in S16 mode of Amendment D 1.2", GP23("71"), CONSUME, AES128("FF"))},
	{"replace-scp02", CARD("one set, version 01, that can only be replaced", GP211("15"),
				  REPLACE, DES("01"))},
	{"replace-scp03", CARD("one set, version 01, that can only be replaced", GP23("70"),
				  REPLACE, AES128("01"))},
	{"add-delete-scp02",
		CARD("version 01, and up to seven other sets beside it; the last one stays",
			GP211("15"), ADD, DES("01"))},
	{"add-delete-scp03",
		CARD("version 01, and up to seven other sets beside it; the last one stays",
			GP23("70"), ADD, AES128("01"))},
	{"counting-scp02", CARD("replace, and an INITIALIZE UPDATE counts until it is followed up",
				   GP211("15"), COUNTING, DES("01"))},
	{"counting-scp03", CARD("replace, and an INITIALIZE UPDATE counts until it is followed up",
				   GP23("70"), COUNTING, AES128("01"))},
	{"no-e0-scp02", CARD("tells nothing of its keys: no GET DATA E0, no CF", GP211("15"),
				SILENT, DES("FF"))},
	{"no-e0-scp03", CARD("tells nothing of its keys: no GET DATA E0, no CF", GP23("70"), SILENT,
				AES128("FF"))},
};

const char *sim_profile_name(size_t i)
{
	return i < sizeof(built_ins) / sizeof(built_ins[0]) ? built_ins[i].name : NULL;
}

const char *sim_profile_text(const char *name)
{
	for (size_t i = 0; sim_profile_name(i); i++)
		if (strcmp(built_ins[i].name, name) == 0)
			return built_ins[i].text;
	return NULL;
}
