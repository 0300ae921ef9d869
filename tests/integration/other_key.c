/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts another key in the place of one on a token: the same label, identifier, algorithm and attributes, other
 * bytes. For tests that show that a copy is not trusted by its name.
 *
 *   other_key URI LABEL <PIN          a master of a production HSM
 */
#include "hsm/object.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum kms_status replace(struct hsm *hsm, const char *label, struct kms_err *err)
{
	struct hsm_object *objects = NULL;
	struct hsm_new spec = {.role = HSM_MASTER_PRODUCTION, .label = label};
	struct hsm_made made;
	size_t count = 0;
	enum kms_status st = hsm_objects(hsm, &objects, &count, err);

	for (size_t i = 0; !st && i < count; i++)
		if (strcmp(objects[i].label, label) == 0) {
			/* SoftHSM does not tell how long an unwrapped key is. */
			spec.alg = objects[i].alg == HSM_AES_ANY ? HSM_AES128 : objects[i].alg;
			memcpy(spec.id, objects[i].id, sizeof(spec.id));
		}
	free(objects);
	if (!st && spec.alg == HSM_ALG_NONE)
		st = kms_fail(err, KMS_ERR_NOT_FOUND, "no '%s'", label);
	if (!st)
		st = hsm_key_destroy(hsm, spec.id, label, err);
	return st ? st : hsm_key_generate(hsm, &spec, &made, err);
}

int main(int argc, char **argv)
{
	struct kms_err err = {0};
	struct hsm *hsm = NULL;
	struct secret pin = {0};
	char line[64] = "";
	enum kms_status st;

	if (argc != 3 || !fgets(line, sizeof(line), stdin)) {
		fprintf(stderr, "usage: other_key URI LABEL <PIN\n");
		return 2;
	}
	line[strcspn(line, "\n")] = 0;
	st = secret_heap_open(&err);
	if (!st)
		st = secret_copy(&pin, line, strlen(line), &err);
	if (!st)
		st = hsm_open(argv[1], NULL, &hsm, &err);
	if (!st)
		st = hsm_find_token(hsm, &err);
	if (!st)
		st = hsm_login(hsm, &pin, &err);
	if (!st)
		st = replace(hsm, argv[2], &err);
	if (st)
		fprintf(stderr, "other_key: %s %s\n", err.msg, err.native);
	hsm_close(hsm);
	secret_free(&pin);
	return st ? 1 : 0;
}
