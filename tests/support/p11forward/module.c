/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PKCS#11 module for tests: passes every call on, and lets one of them go wrong.
 *
 *   KILLP11_MODULE  the real module, loaded into this process
 *   KILLP11_ENTRY   its function that gives the list, if not C_GetFunctionList
 *   KILLP11_SOCKET  instead of a module: where a p11forwardd serves one, which then plays an HSM in a
 *                   network, out of reach of a process that is killed
 *   KILLP11_AT, KILLP11_RET, KILLP11_REFUSE, KILLP11_LOG, KILLP11_TIME   what goes wrong: faults.h
 */
#include "client.h"
#include "faults.h"

#include <dlfcn.h>
#include <stdlib.h>

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list);

static CK_FUNCTION_LIST *load_real(const char *path)
{
	const char *entry = getenv("KILLP11_ENTRY");
	CK_RV (*get)(CK_FUNCTION_LIST **) = NULL;
	CK_FUNCTION_LIST *list = NULL;
	void *module = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;

	if (module)
		*(void **)&get = dlsym(module, entry && *entry ? entry : "C_GetFunctionList");
	if (!get || get(&list) != CKR_OK)
		faults_bad_words("KILLP11_MODULE", path ? path : "");
	return list;
}

__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST **ret_list)
{
	static const char *const names[] = {"AT", "RET", "REFUSE", "LOG", "TIME"};
	static const char *const variables[] = {
		"KILLP11_AT", "KILLP11_RET", "KILLP11_REFUSE", "KILLP11_LOG", "KILLP11_TIME"};
	static CK_FUNCTION_LIST *list;
	const char *where = getenv("KILLP11_SOCKET");

	if (!list) {
		list = faults_around(where && *where ? client_of("KILLP11_SOCKET")
						     : load_real(getenv("KILLP11_MODULE")));
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			const char *value = getenv(variables[i]);

			if (value)
				faults_set(names[i], value);
		}
	}
	*ret_list = list;
	return CKR_OK;
}
