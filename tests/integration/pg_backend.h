/* SPDX-License-Identifier: Apache-2.0 */
/*
 * store/db.h over libpq, for the test that runs the store's SQL on PostgreSQL. options->path is a
 * connection string; the database must exist, with encoding UTF8 and LC_COLLATE "C".
 */
#ifndef INTEGRATION_PG_BACKEND_H
#define INTEGRATION_PG_BACKEND_H

#include "store/db.h"

extern const struct store_backend pg_backend;

#endif
