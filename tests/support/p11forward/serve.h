/* SPDX-License-Identifier: Apache-2.0 */
/* Carries out on a list of functions what a client asks for. */
#ifndef P11FORWARD_SERVE_H
#define P11FORWARD_SERVE_H

#include "wire.h"

/* Until the client is gone; init_args (or NULL) replace what the client gives to C_Initialize. */
void serve(int fd, CK_FUNCTION_LIST *list, const char *init_args);

#endif
