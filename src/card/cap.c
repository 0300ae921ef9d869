/* SPDX-License-Identifier: Apache-2.0 */
/* CAP files: components, checked and put in order. What is in the ZIP: cap_zip.c. */
#include "card/cap.h"

#include "card/cap_int.h"

#include <string.h>

enum {
	FLAG_APPLET = 0x04,
	FLAG_EXTENDED = 0x08,
	DIRECTORY_SIZES = 11, /* components 1 to 11; newer formats add Debug, which is not loaded */
};

static const struct {
	const char *name;
	unsigned char tag;
	bool required;
} components[CAP_COMPONENTS] = {
	[CAP_HEADER] = {"Header", 1, true},
	[CAP_DIRECTORY] = {"Directory", 2, true},
	[CAP_IMPORT] = {"Import", 4, true},
	[CAP_APPLET] = {"Applet", 3, false},
	[CAP_CLASS] = {"Class", 6, true},
	[CAP_METHOD] = {"Method", 7, true},
	[CAP_STATIC_FIELD] = {"StaticField", 8, true},
	[CAP_EXPORT] = {"Export", 10, false},
	[CAP_CONSTANT_POOL] = {"ConstantPool", 5, true},
	[CAP_REFERENCE_LOCATION] = {"RefLocation", 9, true},
	[CAP_DESCRIPTOR] = {"Descriptor", 11, false},
};

const char *cap_component_name(enum cap_component component)
{
	return component < CAP_COMPONENTS ? components[component].name : "?";
}

/* What is left of a component. */
struct cursor {
	const unsigned char *at;
	size_t left;
	const char *name;
};

static enum kms_status take(
	struct cursor *c, size_t len, const unsigned char **ret_bytes, struct kms_err *err)
{
	if (len > c->left) {
		kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: component %s ends in the middle of a field",
			c->name);
		return KMS_ERR_INVALID; /* a constant: the compiler sees that *ret_bytes is set on KMS_OK */
	}
	*ret_bytes = c->at;
	c->at += len;
	c->left -= len;
	return KMS_OK;
}

static enum kms_status take_aid(struct cursor *c, struct gp_aid *ret_aid, struct kms_err *err)
{
	const unsigned char *len, *bytes;
	enum kms_status st = take(c, 1, &len, err);

	if (!st)
		st = take(c, *len, &bytes, err);
	return st ? st : gp_aid_set(bytes, *len, c->name, ret_aid, err);
}

static enum kms_status take_package(
	struct cursor *c, struct cap_package *ret_package, struct kms_err *err)
{
	const unsigned char *version;
	enum kms_status st = take(c, 2, &version, err);

	if (st)
		return st;
	ret_package->minor = version[0];
	ret_package->major = version[1];
	return take_aid(c, &ret_package->aid, err);
}

static enum kms_status parse_header(
	struct cap *cap, struct cursor *c, unsigned *ret_flags, struct kms_err *err)
{
	static const unsigned char magic[] = {0xDE, 0xCA, 0xFF, 0xED};
	const unsigned char *head;
	enum kms_status st = take(c, 7, &head, err);

	if (st)
		return st;
	if (memcmp(head, magic, sizeof(magic)) != 0)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: component Header does not begin with DECAFFED");
	cap->format_minor = head[4];
	cap->format_major = head[5];
	*ret_flags = head[6];
	if (*ret_flags & FLAG_EXTENDED)
		return kms_fail(err, KMS_ERR_UNSUPPORTED,
			"cannot read the CAP file: it is in the extended format (several "
			"packages)");
	return take_package(c, &cap->package, err);
}

static enum kms_status parse_imports(struct cap *cap, struct cursor *c, struct kms_err *err)
{
	const unsigned char *count;
	enum kms_status st = take(c, 1, &count, err);

	for (unsigned i = 0; !st && i < *count; i++) {
		st = take_package(c, &cap->imports[i], err);
		if (!st)
			cap->import_count = i + 1;
	}
	return st;
}

static enum kms_status parse_applets(struct cap *cap, struct cursor *c, struct kms_err *err)
{
	const unsigned char *count, *method;
	enum kms_status st = take(c, 1, &count, err);

	if (!st && (*count == 0 || *count > CAP_APPLETS_MAX))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: component Applet names %u applets, not 1 to %d",
			(unsigned)*count, CAP_APPLETS_MAX);
	for (unsigned i = 0; !st && i < *count; i++) {
		st = take_aid(c, &cap->applets[i], err);
		if (!st)
			st = take(c, 2, &method, err); /* offset of its install method */
		if (!st)
			cap->applet_count = i + 1;
	}
	return st;
}

/* Directory repeats the size of each component, 0 for those that the package has not. */
static enum kms_status check_directory(const struct cap *cap, struct cursor *c, struct kms_err *err)
{
	const unsigned char *sizes;
	enum kms_status st = take(c, (size_t)2 * DIRECTORY_SIZES, &sizes, err);

	for (unsigned i = 0; !st && i < CAP_COMPONENTS; i++) {
		const unsigned char *at = sizes + (size_t)2 * (components[i].tag - 1u);
		size_t said = (size_t)at[0] << 8 | at[1];
		size_t has = cap->sizes[i] ? cap->sizes[i] - 3 : 0;

		/* Descriptor is not for the card: it may have been left out. */
		if (said != has && !(i == CAP_DESCRIPTOR && !has))
			return kms_fail(err, KMS_ERR_INVALID,
				"cannot read the CAP file: component %s has %zu bytes, Directory "
				"says %zu",
				components[i].name, has, said);
	}
	return st;
}

static enum kms_status check_component(
	const struct buf *part, enum cap_component which, struct cursor *ret_c, struct kms_err *err)
{
	const unsigned char *bytes = (const unsigned char *)part->data;

	if (part->len < 3)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: component %s is truncated: %zu bytes",
			components[which].name, part->len);
	if (bytes[0] != components[which].tag)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: component %s has tag %02X, not %02X",
			components[which].name, (unsigned)bytes[0],
			(unsigned)components[which].tag);
	if (((size_t)bytes[1] << 8 | bytes[2]) != part->len - 3)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: component %s says it has %u bytes, and has %zu",
			components[which].name, (unsigned)(bytes[1] << 8 | bytes[2]),
			part->len - 3);
	*ret_c = (struct cursor){bytes + 3, part->len - 3, components[which].name};
	return KMS_OK;
}

static enum kms_status assemble(struct cap *cap, const struct buf parts[CAP_COMPONENTS],
	struct cursor cursors[CAP_COMPONENTS], struct kms_err *err)
{
	for (enum cap_component i = 0; i < CAP_COMPONENTS; i++) {
		enum kms_status st;

		if (!parts[i].data && components[i].required)
			return kms_fail(err, KMS_ERR_INVALID,
				"cannot read the CAP file: component %s is missing",
				components[i].name);
		if (!parts[i].data)
			continue;
		st = check_component(&parts[i], i, &cursors[i], err);
		if (!st)
			st = buf_append(&cap->code, parts[i].data, parts[i].len, err);
		if (st)
			return st;
		cap->sizes[i] = parts[i].len;
	}
	cap->code_len = cap->code.len - cap->sizes[CAP_DESCRIPTOR];
	return KMS_OK;
}

enum kms_status cap_parse(
	struct cap *cap, const struct buf parts[CAP_COMPONENTS], struct kms_err *err)
{
	struct cursor cursors[CAP_COMPONENTS] = {0};
	unsigned flags = 0;
	enum kms_status st = assemble(cap, parts, cursors, err);

	if (!st)
		st = parse_header(cap, &cursors[CAP_HEADER], &flags, err);
	if (!st)
		st = check_directory(cap, &cursors[CAP_DIRECTORY], err);
	if (!st)
		st = parse_imports(cap, &cursors[CAP_IMPORT], err);
	if (st)
		return st;
	if (!(flags & FLAG_APPLET) != !cap->sizes[CAP_APPLET])
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: Header says that it has %s, and it has %s",
			flags & FLAG_APPLET ? "applets" : "none",
			flags & FLAG_APPLET ? "none" : "applets");
	return cap->sizes[CAP_APPLET] ? parse_applets(cap, &cursors[CAP_APPLET], err) : KMS_OK;
}

enum kms_status cap_read(const void *data, size_t len, struct cap *ret_cap, struct kms_err *err)
{
	struct buf parts[CAP_COMPONENTS] = {0};
	CAP_AUTO struct cap cap = {0};
	enum kms_status st = cap_unzip(data, len, parts, err);

	if (!st)
		st = cap_parse(&cap, parts, err);
	for (size_t i = 0; i < CAP_COMPONENTS; i++)
		buf_free(&parts[i]);
	if (st)
		return st;
	*ret_cap = cap;
	cap = (struct cap){0};
	return KMS_OK;
}

void cap_free(struct cap *cap)
{
	buf_free(&cap->code);
}

enum kms_status cap_hash(const struct cap *cap, bool with_descriptor,
	unsigned char ret_hash[HASH_SIZE], struct kms_err *err)
{
	return hash_sha256(
		cap->code.data, with_descriptor ? cap->code.len : cap->code_len, ret_hash, err);
}
