/* SPDX-License-Identifier: Apache-2.0 */
/* The ZIP around a CAP file, by libzip. Names are compared, never used as paths. */
#include "card/cap_int.h"

#include <string.h>
#include <zip.h>

static void archive_close(zip_t **archive)
{
	if (*archive)
		zip_discard(*archive);
}

static void entry_close(zip_file_t **file)
{
	if (*file)
		(void)zip_fclose(*file);
}

static enum kms_status archive_open(
	const void *data, size_t len, zip_t **ret_archive, struct kms_err *err)
{
	zip_error_t why;
	zip_source_t *source;
	enum kms_status st = KMS_OK;

	zip_error_init(&why);
	source = zip_source_buffer_create(data, len, 0, &why);
	*ret_archive =
		source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &why) : NULL;
	if (!*ret_archive) {
		st = kms_fail(err, KMS_ERR_INVALID, "cannot read the CAP file as a ZIP archive: %s",
			zip_error_strerror(&why));
		if (source)
			zip_source_free(source);
	}
	zip_error_fini(&why);
	return st;
}

/* A name that would lead out of the folder in which somebody unpacks it. */
static bool leads_out(const char *name)
{
	size_t len = strlen(name);

	return name[0] == '/' || strchr(name, '\\') || strncmp(name, "../", 3) == 0 ||
	       strstr(name, "/../") || (len >= 3 && strcmp(name + len - 3, "/..") == 0) ||
	       strcmp(name, "..") == 0;
}

/* CAP_COMPONENTS unless the name is `FOLDER/javacard/COMPONENT.cap`. ret_folder: its length. */
static enum cap_component component_of(const char *name, size_t *ret_folder)
{
	const char *slash = strrchr(name, '/');
	static const char folder[] = "javacard/";
	size_t head = slash ? (size_t)(slash + 1 - name) : 0;

	if (head < strlen(folder) ||
		strncmp(name + head - strlen(folder), folder, strlen(folder)) != 0)
		return CAP_COMPONENTS;
	*ret_folder = head;
	for (enum cap_component i = 0; i < CAP_COMPONENTS; i++) {
		const char *word = cap_component_name(i);
		size_t len = strlen(word);

		if (strncmp(name + head, word, len) == 0 && strcmp(name + head + len, ".cap") == 0)
			return i;
	}
	return CAP_COMPONENTS;
}

/* Bounded by what comes out, whatever the archive says of it. */
static enum kms_status unpack(zip_t *archive, zip_uint64_t index, const char *name,
	struct buf *ret_part, struct kms_err *err)
{
	__attribute__((cleanup(entry_close))) zip_file_t *file = zip_fopen_index(archive, index, 0);
	char block[4096];
	zip_int64_t got;
	enum kms_status st;

	if (!file)
		return kms_fail(err, KMS_ERR_INVALID, "cannot unpack '%.100s' of the CAP file: %s",
			name, zip_strerror(archive));
	while ((got = zip_fread(file, block, sizeof(block))) > 0) {
		if (ret_part->len + (size_t)got > CAP_COMPONENT_MAX)
			return kms_fail(err, KMS_ERR_INVALID,
				"cannot unpack '%.100s' of the CAP file: more than %d bytes, which "
				"no component has",
				name, CAP_COMPONENT_MAX);
		st = buf_append(ret_part, block, (size_t)got, err);
		if (st)
			return st;
	}
	if (got < 0)
		return kms_fail(err, KMS_ERR_INVALID, "cannot unpack '%.100s' of the CAP file: %s",
			name, zip_file_strerror(file));
	if (ret_part->len == 0)
		return kms_fail(
			err, KMS_ERR_INVALID, "cannot read the CAP file: '%.100s' is empty", name);
	return KMS_OK;
}

/* The folder of the first component found, with which all others must agree. */
struct folder {
	const char *name;
	size_t len;
};

static enum kms_status take_entry(zip_t *archive, zip_uint64_t index, struct folder *folder,
	struct buf parts[CAP_COMPONENTS], struct kms_err *err)
{
	const char *name = zip_get_name(archive, index, ZIP_FL_ENC_RAW);
	enum cap_component which;
	size_t head = 0;

	if (!name)
		return kms_fail(err, KMS_ERR_INVALID, "cannot read the CAP file: %s",
			zip_strerror(archive));
	if (leads_out(name))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: the name '%.100s' in it leads out of the "
			"archive",
			name);
	which = component_of(name, &head);
	if (which == CAP_COMPONENTS)
		return KMS_OK;
	if (parts[which].data)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: component %s is in it twice",
			cap_component_name(which));
	if (folder->name && (head != folder->len || strncmp(name, folder->name, head) != 0))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: components of two packages are in it ('%.100s')",
			name);
	*folder = (struct folder){name, head};
	return unpack(archive, index, name, &parts[which], err);
}

enum kms_status cap_unzip(
	const void *data, size_t len, struct buf ret_parts[CAP_COMPONENTS], struct kms_err *err)
{
	__attribute__((cleanup(archive_close))) zip_t *archive = NULL;
	struct folder folder = {0};
	zip_int64_t count;
	enum kms_status st;

	if (len > CAP_FILE_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: %zu bytes; none has more than %d", len,
			CAP_FILE_MAX);
	st = archive_open(data, len, &archive, err);
	if (st)
		return st;
	count = zip_get_num_entries(archive, 0);
	if (count > CAP_ENTRIES_MAX)
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot read the CAP file: more than %d files in it", CAP_ENTRIES_MAX);
	for (zip_int64_t i = 0; !st && i < count; i++)
		st = take_entry(archive, (zip_uint64_t)i, &folder, ret_parts, err);
	return st;
}
