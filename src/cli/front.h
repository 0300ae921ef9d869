/* SPDX-License-Identifier: Apache-2.0 */
/* How the operations reach people from the command line: --pin-fd, else the terminal. */
#ifndef CLI_FRONT_H
#define CLI_FRONT_H

#include "cli/cli.h"
#include "ops/ops.h"
#include "ops/site.h"

/* The front keeps a pointer to cli. */
struct op_front cli_front(struct cli *cli);

/* Opens the site that -s or CARDKMS_SITE names, with the officers, override and dry run given. */
KMS_CHECKED enum kms_status cli_open_site(
	struct cli *cli, struct op_site **ret_site, struct kms_err *err);

/* Which card, by the options of CARD_OPTIONS. */
struct op_card_where cli_card_where(struct cli *cli);

#define CLI_SITE_AUTO __attribute__((cleanup(cli_close_site)))
static inline void cli_close_site(struct op_site **site)
{
	op_site_close(*site);
}

/*
 * Most commands: open the site, call, print. Declares `site`, which closes at the end, and `st`,
 * which becomes the operation's.
 */
#define OPEN_SITE                                            \
	CLI_SITE_AUTO struct op_site *site = NULL;           \
	enum kms_status st = cli_open_site(cli, &site, err); \
	if (st)                                              \
	return st

#endif
