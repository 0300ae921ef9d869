/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a simulated card is made of.
 *
 * A card is two parts: struct sim_nv is what survives a loss of power and is exactly what the state
 * file holds; struct sim_channel is what does not. A command checks everything first, then changes
 * nv, then calls sim_commit once for each change that a real card would make at once; a torn card
 * is therefore in a state between two commits, never in the middle of one.
 *
 * Specifications, as cited in this folder:
 *   GPCS     GlobalPlatform Card Specification 2.3.1 (March 2018)
 *   GP211    GlobalPlatform Card Specification 2.1.1 (March 2003)
 *   AmdD     Amendment D: Secure Channel Protocol '03', 1.2 (April 2020)
 *   AmdD111  the same, 1.1.1 (July 2014)
 */
#ifndef SIM_TYPES_H
#define SIM_TYPES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SIM_AID_MAX = 16,
	SIM_KEY_MAX = 32,     /* a secret key */
	SIM_POINT_LEN = 65,   /* a public key: '04', two coordinates */
	SIM_KEYS_MAX = 48,    /* of one security domain */
	SIM_OBJECTS_MAX = 8,  /* data objects of one security domain */
	SIM_OBJECT_MAX = 255, /* bytes of one */
	SIM_ENTRIES_MAX = 32, /* security domains and applications, the ISD first */
	SIM_ELFS_MAX = 16,
	SIM_MODULES_MAX = 8,   /* of one load file */
	SIM_CHANNELS_MAX = 20, /* GPCS 11.1.4: 0 to 19 */
	SIM_ANSWERS_MAX = 16,
	SIM_TOKEN_ID_MAX = 127,
	SIM_DATA_MAX = 4096,   /* a chained command, a response before it is cut up */
	SIM_COMMAND_MAX = 261, /* header, Lc, 255 bytes, Le: GPCS 11.1.5 */
};

/* Key types, GPCS Table 11-16. */
enum {
	SIM_TYPE_DES = 0x80,
	SIM_TYPE_AES = 0x88,
	SIM_TYPE_EC_PUBLIC = 0xB0,
	SIM_TYPE_EC_REFERENCE = 0xF0
};
/* Key parameter references, GPCS Table B-2. */
enum { SIM_CURVE_P256 = 0x00 };

/*
 * The versions of the keys that tokens, receipts and DAPs are verified or made with; each has one key.
 * GPCS 7.5.1 leaves versions to configuration documents: these are those of the UICC configuration.
 */
enum { SIM_KVN_TOKEN = 0x70, SIM_KVN_RECEIPT = 0x71, SIM_KVN_DAP = 0x73, SIM_KID_CONTENT = 1 };

/* Life cycle, GPCS Tables 11-3 to 11-6. */
enum {
	SIM_LOADED = 0x01,
	SIM_INSTALLED = 0x03,
	SIM_SELECTABLE = 0x07,
	SIM_PERSONALIZED = 0x0F,
	SIM_LOCKED = 0x80, /* the bit */
	SIM_OP_READY = 0x01,
	SIM_INITIALIZED = 0x07,
	SIM_SECURED = 0x0F,
	SIM_CARD_LOCKED = 0x7F,
	SIM_TERMINATED = 0xFF,
};

/* Current security level, GPCS Table 10-1. */
enum {
	SIM_C_MAC = 0x01,
	SIM_C_DECRYPTION = 0x02,
	SIM_R_MAC = 0x10,
	SIM_R_ENCRYPTION = 0x20,
	SIM_AUTHENTICATED = 0x80,
};

struct sim_aid {
	unsigned char data[SIM_AID_MAX];
	size_t len;
};

struct sim_key {
	unsigned char kid;
	unsigned char kvn;
	unsigned char type; /* SIM_TYPE_… */
	size_t len;
	unsigned char value[SIM_POINT_LEN];
};

/* What belongs to all keys of one version. */
struct sim_set {
	unsigned char kvn;
	uint32_t counter; /* GPCS E.1.2, AmdD 6.2.2.1 */
	uint32_t fails;	  /* since the last successful EXTERNAL AUTHENTICATE */
};

struct sim_object {
	unsigned tag;
	size_t len;
	unsigned char data[SIM_OBJECT_MAX];
};

/* An application; a security domain if its first privilege says so (GPCS Table 11-7). */
struct sim_entry {
	struct sim_aid aid;
	unsigned char life;
	unsigned char privileges[3];
	struct sim_aid domain; /* associated security domain; the ISD's is itself */
	struct sim_aid elf;
	struct sim_aid module;
	struct sim_key keys[SIM_KEYS_MAX]; /* in the order they came */
	size_t key_count;
	struct sim_set sets[SIM_KEYS_MAX];
	size_t set_count;
	uint32_t put_keys; /* how many PUT KEYs it has taken: no card tells, tests want to know */
	struct sim_object objects[SIM_OBJECTS_MAX];
	size_t object_count;
	uint32_t confirmations; /* receipts it has given: GPCS C.5 */
};

struct sim_elf {
	struct sim_aid aid;
	struct sim_aid domain;
	unsigned char version[2];
	struct sim_aid modules[SIM_MODULES_MAX];
	size_t module_count;
};

enum sim_version { SIM_GP211, SIM_GP23 };
enum sim_rule { SIM_RULE_CONSUME, SIM_RULE_REPLACE, SIM_RULE_ADD };
enum sim_limit { SIM_LIMIT_BLOCK, SIM_LIMIT_LOCK, SIM_LIMIT_TERMINATE };
enum sim_key_block { SIM_BLOCK_BOTH, SIM_BLOCK_WITH_LENGTH, SIM_BLOCK_PLAIN };

/* A canned answer to one plain command, for replaying recorded traces. */
struct sim_answer {
	unsigned char command[SIM_COMMAND_MAX];
	size_t command_len; /* without Le */
	unsigned char response[300];
	size_t response_len; /* with the status word */
};

/* What the card was built as; fixed for its life. settings.c names each. */
struct sim_config {
	enum sim_version version; /* which Card Specification */
	int scp02;		  /* i, or -1: DES key sets open no secure channel */
	int scp03;		  /* i, or -1 */
	unsigned char atr[33];
	size_t atr_len; /* 0: one that fits t0 */
	unsigned char kdd[10];
	unsigned char cplc[42];
	size_t cplc_len;    /* 0: GET DATA 9F7F is refused */
	bool kdd_object;    /* GET DATA CF */
	bool key_template;  /* GET DATA E0 */
	enum sim_rule rule; /* what happens to a factory set, version FF */
	uint32_t sets_max;  /* complete key sets of one security domain */
	bool delete_last;   /* DELETE may take the last complete set */
	enum sim_key_block key_block;
	uint32_t retry_limit; /* failed EXTERNAL AUTHENTICATEs; 0: any number */
	enum sim_limit on_limit;
	uint32_t blocked_sw;
	bool count_updates; /* an INITIALIZE UPDATE counts until its EXTERNAL AUTHENTICATE succeeds */
	bool inherit;	    /* a security domain without keys uses those of the domain above it */
	uint32_t min_level; /* C_MAC, C_DECRYPTION that PUT KEY and STORE DATA ask for */
	uint32_t channels;
	bool t0;		     /* 61xx and 6Cxx as over T=0 */
	unsigned char challenge[16]; /* test only: the card's challenge */
	size_t challenge_len;	     /* 0: a random or pseudo-random one */
	struct sim_answer answers[SIM_ANSWERS_MAX];
	size_t answer_count;
};

struct sim_nv {
	struct sim_config config;
	unsigned char life; /* of the card */
	struct sim_entry entries[SIM_ENTRIES_MAX];
	size_t entry_count;
	struct sim_elf elfs[SIM_ELFS_MAX];
	size_t elf_count;
};

enum sim_phase { SIM_PHASE_NONE, SIM_PHASE_STARTED, SIM_PHASE_OPEN, SIM_PHASE_ABORTED };

/* A secure channel session: GPCS appendix E, AmdD. */
struct sim_session {
	enum sim_phase phase;
	unsigned char scp; /* 2 or 3 */
	unsigned char i;
	unsigned char kvn;
	struct sim_aid owner; /* the security domain whose keys it uses */
	unsigned level;	      /* bits of Table 10-1 */
	unsigned first_level; /* what EXTERNAL AUTHENTICATE set */
	bool silent_r_mac;    /* SCP02 BEGIN R-MAC SESSION with P1=00 */
	size_t key_len;
	unsigned char enc[SIM_KEY_MAX];
	unsigned char mac[SIM_KEY_MAX];
	unsigned char rmac[SIM_KEY_MAX];
	unsigned char dek[SIM_KEY_MAX]; /* SCP02: of the session; SCP03: the static one */
	unsigned char host_cryptogram[16];
	unsigned char chain[16];     /* C-MAC chaining value; SCP02: its first 8 bytes */
	unsigned char r_chain[8];    /* SCP02 R-MAC */
	unsigned char r_seed[8];     /* SCP02: C-MAC of EXTERNAL AUTHENTICATE, GPCS E.3.2 */
	uint32_t encryption_counter; /* AmdD 6.2.6 */
};

/* A command that comes in pieces. */
struct sim_gather {
	bool active;
	bool raw; /* pieces of one wrapped command (GPCS 11.1.5.1), not wrapped one by one */
	unsigned char header[4];
	unsigned char data[SIM_DATA_MAX];
	size_t len;
	unsigned next_block;
};

/* How a security domain may change the card's content: GPCS 9.1.3.2, 9.1.3.3. */
enum sim_right { SIM_RIGHT_NONE, SIM_RIGHT_AUTHORIZED, SIM_RIGHT_DELEGATED };

/* Tag 93 of a token (GPCS Tables 11-23 and 11-48 to 11-51), which its receipt repeats. */
struct sim_token_id {
	bool there;
	unsigned char data[SIM_TOKEN_ID_MAX];
	size_t len;
};

struct sim_channel {
	bool open;
	bool selected; /* an application is */
	struct sim_aid application;
	struct sim_session session;
	struct sim_gather chain; /* DELETE, INSTALL, PUT KEY */
	struct sim_gather store; /* STORE DATA */
	struct sim_aid personalize;
	bool personalizing;
	bool loading;
	struct sim_elf load;
	unsigned char load_hash[64];
	size_t load_hash_len;
	enum sim_right load_right;
	struct sim_token_id load_token_id;
	unsigned load_next;
	unsigned char *load_data;
	size_t load_len;
	bool status_started;
	unsigned char status_p1;
	size_t status_next;
	bool select_started;
};

struct sim_card {
	char *path; /* of the state file; NULL: nothing is kept */
	bool sync;  /* fsync with each commit */
	struct sim_nv nv;
	struct sim_channel channels[SIM_CHANNELS_MAX];
	unsigned char pending[SIM_DATA_MAX + 2]; /* GET RESPONSE: what is left, then the status */
	size_t pending_len;
	size_t pending_at;
	unsigned commits; /* since power-on */
	unsigned tear_at; /* power is lost instead of this commit; 0: never */
	bool torn;
	struct kms_err err; /* why, if the state file could not be written */
};

#endif
