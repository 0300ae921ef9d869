/* SPDX-License-Identifier: Apache-2.0 */
/* RFC 7512 URIs: which module, which token, and nothing secret. */
#include "hsm/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef P11_MODULE_PATH
#define P11_MODULE_PATH "/usr/lib/x86_64-linux-gnu/pkcs11"
#endif

static void uri_free_pointer(P11KitUri **uri)
{
	if (*uri)
		p11_kit_uri_free(*uri);
}

/* A URI is never quoted in a message: it may be the one that holds a PIN. */
static enum kms_status uri_rules(P11KitUri *uri, struct kms_err *err)
{
	CK_ULONG attrs = 0;

	if (p11_kit_uri_get_pin_value(uri) || p11_kit_uri_get_pin_source(uri)) {
		kms_fail(err, KMS_ERR_INVALID,
			"cannot use the HSM's URI: it has pin-value or pin-source, and a "
			"configuration "
			"holds no secret");
		kms_hint(err, "remove it; the PIN is asked for, or read from --pin-fd");
		return KMS_ERR_INVALID;
	}
	if (p11_kit_uri_any_unrecognized(uri))
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot use the HSM's URI: it has an attribute that is not known here");
	(void)p11_kit_uri_get_attributes(uri, &attrs);
	if (attrs) {
		kms_fail(err, KMS_ERR_INVALID,
			"cannot use the HSM's URI: it names an object (object, id or type), not a "
			"token");
		kms_hint(err,
			"name the token only: pkcs11:token=LABEL?module-path=/path/to/module.so");
		return KMS_ERR_INVALID;
	}
	return KMS_OK;
}

static enum kms_status uri_module(P11KitUri *uri, char **ret_path, struct kms_err *err)
{
	const char *path = p11_kit_uri_get_module_path(uri);
	const char *name = p11_kit_uri_get_module_name(uri);
	char *out = NULL;

	if (path && path[0] != '/')
		return kms_fail(err, KMS_ERR_INVALID,
			"cannot use the HSM's URI: module-path '%s' is not absolute", path);
	if (path) {
		out = strdup(path);
	} else if (name) {
		if (!*name || strchr(name, '/'))
			return kms_fail(err, KMS_ERR_INVALID,
				"cannot use the HSM's URI: module-name '%s' is not a file name",
				name);
		if (asprintf(&out, "%s/%s%s", P11_MODULE_PATH, name,
			    strstr(name, ".so") ? "" : ".so") < 0)
			out = NULL;
	} else {
		kms_fail(err, KMS_ERR_INVALID, "cannot use the HSM's URI: it names no module");
		kms_hint(err, "add ?module-path=/path/to/module.so");
		return KMS_ERR_INVALID;
	}
	if (!out)
		return kms_nomem(err);
	*ret_path = out;
	return KMS_OK;
}

enum kms_status hsm_uri_parse(
	const char *text, P11KitUri **ret_uri, char **ret_module_path, struct kms_err *err)
{
	__attribute__((cleanup(uri_free_pointer))) P11KitUri *uri = p11_kit_uri_new();
	enum kms_status st;
	int rc;

	if (!uri)
		return kms_nomem(err);
	rc = p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri);
	if (rc == P11_KIT_URI_NO_MEMORY)
		return kms_nomem(err);
	if (rc) {
		kms_fail(err, KMS_ERR_INVALID, "cannot read the HSM's URI: %s",
			rc == P11_KIT_URI_BAD_SCHEME	 ? "it does not start with pkcs11:"
			: rc == P11_KIT_URI_BAD_ENCODING ? "bad percent encoding"
			: rc == P11_KIT_URI_BAD_VERSION	 ? "bad library-version"
							 : "bad syntax");
		kms_hint(err, "RFC 7512: pkcs11:token=LABEL?module-path=/path/to/module.so");
		return KMS_ERR_INVALID;
	}
	st = uri_rules(uri, err);
	if (!st)
		st = uri_module(uri, ret_module_path, err);
	if (st)
		return st;
	*ret_uri = uri;
	uri = NULL;
	return KMS_OK;
}

enum kms_status hsm_uri_check(const char *text, struct kms_err *err)
{
	__attribute__((cleanup(uri_free_pointer))) P11KitUri *uri = NULL;
	FREE_AUTO char *path = NULL;

	return hsm_uri_parse(text, &uri, &path, err);
}

void hsm_text(char *out, const unsigned char *padded, size_t len)
{
	while (len && (padded[len - 1] == ' ' || padded[len - 1] == 0))
		len--;
	memcpy(out, padded, len);
	out[len] = 0;
}
