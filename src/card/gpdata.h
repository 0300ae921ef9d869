/* SPDX-License-Identifier: Apache-2.0 */
/* What cards tell about themselves, parsed. Pure: bytes in, structs out. None of it is a proof. */
#ifndef CARD_GPDATA_H
#define CARD_GPDATA_H

#include "card/tlv.h"

enum {
	GP_AID_MIN = 5,
	GP_AID_MAX = 16,
	GP_CPLC_SIZE = 42,
	GP_SCPS_MAX = 8,
	GP_KEYS_MAX = 64,
	GP_COMPONENTS_MAX = 4,
	GP_ID_MAX = 64, /* IIN, CIN */
	GP_REGISTRY_MAX = 64,
	GP_MODULES_MAX = 32, /* of one load file */
};

struct gp_aid {
	unsigned char bytes[GP_AID_MAX];
	size_t len; /* 5 to 16; 0: none */
};

/* From hex; KMS_ERR_INVALID unless 5 to 16 bytes. */
KMS_CHECKED enum kms_status gp_aid_parse(
	const char *hex, const char *what, struct gp_aid *ret_aid, struct kms_err *err);
KMS_CHECKED enum kms_status gp_aid_set(const void *bytes, size_t len, const char *what,
	struct gp_aid *ret_aid, struct kms_err *err);
bool gp_aid_same(const struct gp_aid *a, const struct gp_aid *b);

/* SELECT (GPCS 2.3.1 table 11-82). Some cards say nothing: all fields empty. */
struct gp_fci {
	struct gp_aid aid;   /* tag 84; len 0 if absent */
	unsigned max_data;   /* tag 9F65; 0 if absent */
	bool has_management; /* template 73 */
};
KMS_CHECKED enum kms_status gp_fci_parse(
	const unsigned char *data, size_t len, struct gp_fci *ret_fci, struct kms_err *err);

/* Card production life cycle data, tag 9F7F: 42 bytes, with or without tag and length. */
enum gp_cplc_field {
	GP_CPLC_IC_FABRICATOR,
	GP_CPLC_IC_TYPE,
	GP_CPLC_OS_ID,
	GP_CPLC_OS_DATE,
	GP_CPLC_OS_LEVEL,
	GP_CPLC_IC_DATE,
	GP_CPLC_IC_SERIAL,
	GP_CPLC_IC_BATCH,
	GP_CPLC_MODULE_FABRICATOR,
	GP_CPLC_MODULE_DATE,
	GP_CPLC_ICC_MANUFACTURER,
	GP_CPLC_EMBEDDING_DATE,
	GP_CPLC_PREPERSO,
	GP_CPLC_PREPERSO_DATE,
	GP_CPLC_PREPERSO_EQUIPMENT,
	GP_CPLC_PERSO,
	GP_CPLC_PERSO_DATE,
	GP_CPLC_PERSO_EQUIPMENT,
	GP_CPLC_FIELDS,
};
struct gp_cplc {
	unsigned char bytes[GP_CPLC_SIZE];
};
KMS_CHECKED enum kms_status gp_cplc_parse(
	const unsigned char *data, size_t len, struct gp_cplc *ret_cplc, struct kms_err *err);
const char *gp_cplc_name(enum gp_cplc_field field); /* "ic-fabricator" */
const unsigned char *gp_cplc_get(
	const struct gp_cplc *cplc, enum gp_cplc_field field, size_t *ret_len);

/*
 * What tells one chip from all others, as far as CPLC can: fabricator, type, serial number, batch:
 * 10 bytes. False if serial number and batch are all 00 or all FF (a chip that was never given any).
 */
enum { GP_CHIP_ID_SIZE = 10 };
bool gp_cplc_chip_id(const struct gp_cplc *cplc, unsigned char ret_id[GP_CHIP_ID_SIZE]);

/* Card recognition data, tag 66 (GPCS 2.3.1 tables H-1 and H-2). */
struct gp_recognition {
	char version[24]; /* "2.2.1"; "" if not told */
	bool unique_id;	  /* {globalPlatform 3}: IIN ‖ CIN identify the card */
	struct gp_scp_option {
		unsigned scp, i;
	} scps[GP_SCPS_MAX];
	size_t count;
};
/* Tag 66 whole, or the template 73 alone (as in the answer to SELECT). */
KMS_CHECKED enum kms_status gp_recognition_parse(const unsigned char *data, size_t len,
	struct gp_recognition *ret_recognition, struct kms_err *err);

/* Key information template, tag E0 (GPCS 2.3.1 tables 11-28 and 11-29). */
struct gp_key_info {
	unsigned id, version;
	size_t count; /* of components */
	struct {
		unsigned type;	 /* as in table 11-16; the second byte of FFxx */
		unsigned length; /* bytes; 0: 256 or more */
	} components[GP_COMPONENTS_MAX];
};
struct gp_key_list {
	struct gp_key_info keys[GP_KEYS_MAX];
	size_t count;
};
KMS_CHECKED enum kms_status gp_key_list_parse(
	const unsigned char *data, size_t len, struct gp_key_list *ret_list, struct kms_err *err);

/*
 * Whether the list has a complete set (identifiers 1, 2, 3) of that version; then its type and
 * length, if all three are alike (0 otherwise). An unauthenticated hint.
 */
bool gp_key_list_set(
	const struct gp_key_list *list, unsigned version, unsigned *ret_type, unsigned *ret_length);

/* GET STATUS (GPCS 2.3.1 tables 11-36 and 11-37). */
struct gp_entry {
	struct gp_aid aid;
	unsigned state;	      /* 9F70 */
	unsigned privileges;  /* C5: three bytes, first highest; one byte fills the highest */
	struct gp_aid domain; /* CC; the rest only where a card tells it */
	struct gp_aid file;   /* C4, of an application: where its code is */
	bool has_version;
	unsigned char version[2];	       /* CE, of a load file */
	struct gp_aid modules[GP_MODULES_MAX]; /* 84, of a load file */
	size_t module_count;
};
struct gp_registry {
	struct gp_entry entries[GP_REGISTRY_MAX];
	size_t count;
};
/* Appends what one answer holds. */
KMS_CHECKED enum kms_status gp_registry_parse(
	const unsigned char *data, size_t len, struct gp_registry *registry, struct kms_err *err);

/*
 * The same in the format without tags, all that older cards have (GPCS 2.1.1 tables 9-22 and 9-24);
 * modules: each load file is followed by the names of its modules.
 */
KMS_CHECKED enum kms_status gp_registry_parse_old(const unsigned char *data, size_t len,
	bool modules, struct gp_registry *registry, struct kms_err *err);

/* "secured", "card-locked", … of the card (GPCS 2.3.1 table 11-6); "?" for none of them. */
const char *gp_card_state_name(unsigned state);
/* "selectable", "personalized", … of a security domain (table 11-5). */
const char *gp_domain_state_name(unsigned state);
/* Of an application (table 11-4): "selectable", "locked", …; "application-specific". */
const char *gp_application_state_name(unsigned state);

/*
 * Privileges (clause 11.1.2), as in gp_entry: words joined by commas ("card-lock,card-terminate"), or
 * two or six hex digits. KMS_ERR_USAGE, with all words, if one is unknown.
 */
KMS_CHECKED enum kms_status gp_privileges_parse(
	const char *text, unsigned *ret_bits, struct kms_err *err);
KMS_CHECKED enum kms_status gp_privileges_text(unsigned bits, struct buf *out, struct kms_err *err);

#endif
