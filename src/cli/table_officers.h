/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the command table (commands.c, which includes it there) that is about officers. */
/* clang-format off */
	{
		.path = "officer add",
		.summary = "enrol a person with a passphrase",
		.details =
			"The first two security officers are added without approval; from then on\n"
			"every change of officers needs two of them (--officers A,B).",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "the person"}},
		.options = {{"--role", "ROLE",
			"security-officer (default), operator, custodian or auditor",
			OPTION_OPTIONAL}},
		.run = cli_officer_add,
	},
	{
		.path = "officer disable",
		.summary = "a person no longer approves anything",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "the person"}},
		.run = cli_officer_disable,
	},
	{
		.path = "officer unlock",
		.summary = "a person's passphrase may be tried again",
		.details =
			"After passphrase-tries wrong ones in a row (site.ini; 5) an officer is "
			"locked,\n"
			"until two other officers unlock. Where no two others could, the lock ends "
			"after an\n"
			"hour, and each further wrong try brings another hour.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"NAME", "the person"}},
		.run = cli_officer_unlock,
	},
	{
		.path = "officer list",
		.summary = "all who were enrolled",
		.run = cli_officer_list,
	},
	{
		.path = "approval create",
		.summary = "an officer approves something before it is done, once",
		.details =
			"What is approved is a digest: --dry-run of the command prints it, with all that "
			"it\n"
			"stands for. The officer is not asked again when exactly that is done: --officers\n"
			"names both officers as ever. Used once; anything that changes in between (a "
			"file,\n"
			"a key, a rule set aside) makes another digest.",
		.flags = CLI_CHANGES,
		.positional = {{"DIGEST", "64 hexadecimal digits"}},
		.options = {{"--officer", "NAME", "who approves", OPTION_REQUIRED},
			{"--hours", "N", "valid for so long: 1 to 168, 24 if not said",
				OPTION_OPTIONAL}},
		.run = cli_approval_create,
	},
	{
		.path = "approval list",
		.summary = "what was approved beforehand: open, used, revoked, expired",
		.run = cli_approval_list,
	},
	{
		.path = "approval revoke",
		.summary = "take an approval back, one's own or another's",
		.flags = CLI_CHANGES,
		.positional = {{"ID", "of the approval"}},
		.options = {{"--officer", "NAME", "who revokes it", OPTION_REQUIRED}},
		.run = cli_approval_revoke,
	},
