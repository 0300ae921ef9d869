/* SPDX-License-Identifier: Apache-2.0 */
/* app show: what a CAP file holds; no site, no card. */
#include "base/file.h"
#include "base/hex.h"
#include "card/cap.h"
#include "ops/app.h"

static json_t *package_json(const struct cap_package *package)
{
	return json_pack("{s:o, s:o}", "aid", op_aid_json(&package->aid), "version",
		json_sprintf("%u.%u", package->major, package->minor));
}

static enum kms_status rows(const struct cap *cap, json_t *components, json_t *imports,
	json_t *applets, struct kms_err *err)
{
	int failed = 0;

	for (enum cap_component i = 0; i < CAP_COMPONENTS; i++)
		if (cap->sizes[i])
			failed |= json_array_append_new(components,
				json_pack("{s:s, s:I}", "component", cap_component_name(i), "bytes",
					(json_int_t)cap->sizes[i]));
	for (size_t i = 0; i < cap->import_count; i++)
		failed |= json_array_append_new(imports, package_json(&cap->imports[i]));
	for (size_t i = 0; i < cap->applet_count; i++)
		failed |= json_array_append_new(
			applets, json_pack("{s:o}", "applet", op_aid_json(&cap->applets[i])));
	return failed ? kms_nomem(err) : KMS_OK;
}

enum kms_status op_app_show(const char *path, json_t **ret_result, struct kms_err *err)
{
	BUF_AUTO struct buf file = {0};
	CAP_AUTO struct cap cap = {0};
	JS_AUTO json_t *components = json_array(), *imports = json_array(), *applets = json_array();
	unsigned char hash[HASH_SIZE];
	char text[2 * HASH_SIZE + 1];
	enum kms_status st = file_read(path, CAP_FILE_MAX, &file, err);

	if (!st)
		st = cap_read(file.data, file.len, &cap, err);
	if (st)
		return kms_prefix(err, "%s: ", path);
	st = cap_hash(&cap, false, hash, err);
	if (!st)
		st = rows(&cap, components, imports, applets, err);
	if (st)
		return st;
	hex_encode(hash, sizeof(hash), text);
	*ret_result = json_pack("{s:o, s:o, s:I, s:s, s:O, s:O, s:O}", "package",
		op_aid_json(&cap.package.aid), "version",
		json_sprintf("%u.%u", cap.package.major, cap.package.minor), "load_bytes",
		(json_int_t)cap.code_len, "sha256", text, "components", components, "imports",
		imports, "applets", applets);
	return *ret_result ? KMS_OK : kms_nomem(err);
}
