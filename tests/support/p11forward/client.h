/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PKCS#11 functions that are carried out somewhere else. Calls go out one at a time. A connection
 * that is lost answers CKR_DEVICE_REMOVED until C_Finalize and C_Initialize make a new one; whether
 * the call that was under way took effect is then unknown, as with any HSM in a network.
 */
#ifndef P11FORWARD_CLIENT_H
#define P11FORWARD_CLIENT_H

#include "wire.h"

/* Sends the request and fills the answer; false: the connection is lost. */
typedef bool client_exchange_fn(void *ctx, const struct wire *request, struct wire *answer);

/* Connects, at each C_Initialize, to what this environment variable then names (wire.h). */
CK_FUNCTION_LIST *client_of(const char *variable);

/* Asks `exchange` instead, for a token whose answers are made up. */
CK_FUNCTION_LIST *client_by(client_exchange_fn *exchange, void *ctx);

#endif
