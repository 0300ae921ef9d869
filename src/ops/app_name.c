/* SPDX-License-Identifier: Apache-2.0 */
/* What a change of a card's content is about: its words (AIDs in hex, privileges) into a command. */
#include "ops/app.h"

#include "base/file.h"
#include "base/hex.h"
#include "card/cap.h"

#include <string.h>

static enum kms_status parse_aid(
	const char *hex, const char *what, struct gp_aid *aid, struct kms_err *err)
{
	return hex ? gp_aid_parse(hex, what, aid, err) : KMS_OK;
}

static enum kms_status from_cap(
	const struct op_app_change *in, struct gp_install *install, struct kms_err *err)
{
	BUF_AUTO struct buf file = {0};
	CAP_AUTO struct cap cap = {0};
	enum kms_status st = file_read(in->path, CAP_FILE_MAX, &file, err);

	if (!st)
		st = cap_read(file.data, file.len, &cap, err);
	if (!st && cap.applet_count == 0)
		st = kms_fail(err, KMS_ERR_INVALID, "it is a library: it has no applet");
	if (st)
		return kms_prefix(err, "%s: ", in->path);
	if (!in->module && cap.applet_count > 1) {
		kms_fail(err, KMS_ERR_USAGE, "%s has %zu applets", in->path, cap.applet_count);
		return kms_hint(err, "name one by --module; 'cardkms app show' lists them");
	}
	install->file = cap.package.aid;
	install->module = cap.applets[0];
	return KMS_OK;
}

static enum kms_status take_params(const char *hex, struct op_app_named *named, struct kms_err *err)
{
	if (!hex)
		return KMS_OK;
	named->install.params = named->params;
	return hex_decode(hex, strlen(hex), "installation parameters", named->params,
		sizeof(named->params), &named->install.params_len, err);
}

static enum kms_status name_install(
	const struct op_app_change *in, struct op_app_named *named, struct kms_err *err)
{
	struct gp_install *install = &named->install;
	enum kms_status st = in->path ? from_cap(in, install, err) : KMS_OK;

	if (!st)
		st = parse_aid(in->file, "AID of the load file", &install->file, err);
	if (!st)
		st = parse_aid(in->module, "AID of the module", &install->module, err);
	if (!st && (install->file.len == 0 || install->module.len == 0))
		return kms_fail(err, KMS_ERR_USAGE,
			"what shall be installed? Name the CAP file, or --file and --module");
	install->instance = install->module;
	if (!st)
		st = parse_aid(in->aid, "AID of the application", &install->instance, err);
	return st ? st : take_params(in->params, named, err);
}

enum kms_status op_app_name(enum gp_content_kind kind, const struct op_app_change *in,
	struct op_app_named *ret_named, struct kms_err *err)
{
	enum kms_status st = kind == GP_CONTENT_INSTALL
				     ? name_install(in, ret_named, err)
				     : gp_aid_parse(in->aid, "AID of the application or load file",
					       &ret_named->install.instance, err);

	if (!st && kind == GP_CONTENT_EXTRADITE)
		st = gp_aid_parse(in->to, "AID of the security domain", &ret_named->to, err);
	if (!st && in->privileges)
		st = gp_privileges_parse(in->privileges, &ret_named->install.privileges, err);
	return st;
}

enum kms_status op_app_content(enum gp_content_kind kind, const struct op_app_change *in,
	const struct op_app_named *named, struct gp_content *ret_content, struct kms_err *err)
{
	const struct gp_install *install = &named->install;

	switch (kind) {
	case GP_CONTENT_INSTALL:
		return gp_content_for_install(install, ret_content, err);
	case GP_CONTENT_SELECTABLE:
		return gp_content_for_selectable(install, ret_content, err);
	case GP_CONTENT_EXTRADITE:
		return gp_content_for_extradition(&named->to, &install->instance, ret_content, err);
	case GP_CONTENT_DELETE:
		return gp_content_for_delete(&install->instance, in->related, ret_content, err);
	case GP_CONTENT_LOAD:
	case GP_CONTENT_NONE:
		break;
	}
	return kms_fail(err, KMS_ERR_INTERNAL, "no such content command");
}
