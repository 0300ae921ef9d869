/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private TRUSTED wrapping keys in front of SoftHSM, which knows only public ones.
 *
 * The operator makes a private token key with WRAP; the administrator, who sees such keys and
 * nothing else that is private, marks it with C_SetAttributeValue(CKA_TRUSTED). Nobody else can. A
 * key with WRAP_WITH_TRUSTED, once set, is wrapped by such keys only; copies inherit that, and no
 * copy is trusted. This is kept in a file of the state folder, by a tag that the real module holds
 * behind the label of every secret key (it has no other attribute of private keys that can be read
 * back); clients see labels without it, and cannot search by them.
 */
#ifndef P11FORWARD_TRUSTED_H
#define P11FORWARD_TRUSTED_H

#include <p11-kit/pkcs11.h>

CK_FUNCTION_LIST *trusted_around(CK_FUNCTION_LIST *real, const char *state);

#endif
