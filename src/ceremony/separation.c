/* SPDX-License-Identifier: Apache-2.0 */
#include "ceremony/separation.h"

#include "base/utf8.h"

enum kms_status cer_separation_check(const char *key, const struct cer_custodian *custodians,
	size_t custodian_count, const struct cer_person *people, size_t people_count,
	struct kms_err *err)
{
	for (size_t i = 0; i < people_count; i++) {
		for (size_t j = 0; j < custodian_count; j++) {
			if (!name_same(people[i].name, custodians[j].name))
				continue;
			kms_fail(err, KMS_ERR_DENIED,
				"%s cannot %s under '%s': %s is custodian of component %u of that "
				"key",
				people[i].name, people[i].does, key, custodians[j].name,
				custodians[j].component);
			return kms_hint(
				err, "somebody who holds no component of it has to do this");
		}
	}
	return KMS_OK;
}

enum kms_status cer_separation_pairs(const char *key, const struct cer_custodian *earlier,
	size_t earlier_count, const struct cer_pairs *pairs, struct kms_err *err)
{
	for (size_t i = 0; i < earlier_count; i++) {
		size_t component = cer_pairs_find(pairs, earlier[i].name);

		if (component == 0 || component == earlier[i].component)
			continue;
		kms_fail(err, KMS_ERR_DENIED,
			"%s cannot be custodian of component %zu of '%s': the same person has held "
			"component %u of that key",
			earlier[i].name, component, key, earlier[i].component);
		return kms_hint(err,
			"name somebody else for component %zu in the pairs file, "
			"or give them component %u again",
			component, earlier[i].component);
	}
	return KMS_OK;
}
