/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CAP files: what a Java Card package is made of, checked before any of it goes to a card.
 *
 * A CAP file is a JAR (ZIP) with one component a file, `…/javacard/NAME.cap`. What the card loads is
 * the components one after the other, in the order of enum cap_component, without Debug (and without
 * Descriptor, unless asked). Pure: bytes in, structs out. Nothing is ever written to a path that an
 * archive names, and no component is unpacked that is larger than a component can be.
 */
#ifndef CARD_CAP_H
#define CARD_CAP_H

#include "base/hash.h"
#include "card/gpdata.h"

enum {
	CAP_FILE_MAX = 4 * 1024 * 1024,
	CAP_COMPONENT_MAX = 3 + 0xFFFF, /* tag, two bytes of size, contents */
	CAP_ENTRIES_MAX = 4096,
	CAP_APPLETS_MAX = 64,
	CAP_IMPORTS_MAX = 255, /* its count is one byte */
};

/* In the order of loading. */
enum cap_component {
	CAP_HEADER,
	CAP_DIRECTORY,
	CAP_IMPORT,
	CAP_APPLET,
	CAP_CLASS,
	CAP_METHOD,
	CAP_STATIC_FIELD,
	CAP_EXPORT,
	CAP_CONSTANT_POOL,
	CAP_REFERENCE_LOCATION,
	CAP_DESCRIPTOR,
	CAP_COMPONENTS,
};

struct cap_package {
	struct gp_aid aid;
	unsigned major, minor;
};

struct cap {
	struct cap_package package;
	unsigned format_major, format_minor;
	struct cap_package imports[CAP_IMPORTS_MAX];
	size_t import_count;
	struct gp_aid applets[CAP_APPLETS_MAX];
	size_t applet_count;
	size_t sizes[CAP_COMPONENTS]; /* with tag and size; 0: the package has none */
	size_t code_len;	      /* the load file data block without Descriptor */
	struct buf code;	      /* … and with it: it stands last */
};

/* "Header", "Directory", …; never NULL. */
const char *cap_component_name(enum cap_component component);

/*
 * KMS_ERR_INVALID says which entry or component is wrong and why: no ZIP, truncated, another size
 * than it says or Directory says, a component twice or under two folders, a name that leads out
 * of the archive, more bytes than a component can have. KMS_ERR_UNSUPPORTED: the extended format.
 * On KMS_OK cap_free the result.
 */
KMS_CHECKED enum kms_status cap_read(
	const void *data, size_t len, struct cap *ret_cap, struct kms_err *err);
void cap_free(struct cap *cap);

/* SHA-256 of what is loaded: the load file data block hash of INSTALL [for load]. */
KMS_CHECKED enum kms_status cap_hash(const struct cap *cap, bool with_descriptor,
	unsigned char ret_hash[HASH_SIZE], struct kms_err *err);

#define CAP_AUTO __attribute__((cleanup(cap_free)))

#endif
