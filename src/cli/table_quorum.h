/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the quorum: a part of the table in commands.c, and included there alone. */
{
	.path = "officer enrol",
	.summary = "give one more officer a share of the quorum",
	.details = "Opened by the quorum that there is; whoever joins gives a passphrase. "
		   "All shares\n"
		   "are made anew, under a new key; those of others who hold one need nobody.",
	.flags = CLI_CHANGES,
	.positional = {{"NAME", "the officer, enrolled with 'officer add'"}},
	.run = cli_officer_enrol,
},
	{
		.path = "officer revoke",
		.summary = "take an officer's share of the quorum back",
		.details =
			"Opened by the others. All shares are made anew, under a new key, and the "
			"PINs are\n"
			"rotated. Refused if fewer would remain than are needed. The person stays "
			"enrolled:\n"
			"'officer disable' is another step.",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "the officer"}},
		.run = cli_officer_revoke,
	},
	{
		.path = "officer rekey",
		.summary = "a new passphrase for an officer who gives the old one",
		.details =
			"Asks for officer.NAME and new-passphrase.NAME. A share stays what it is: "
			"if "
			"somebody\n"
			"else had learned the old passphrase, have 'quorum change' make all shares "
			"anew.",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "the officer"}},
		.run = cli_officer_rekey,
	},
	{
		.path = "quorum set",
		.summary = "have M of N officers open the principal HSM instead of its PINs",
		.details =
			"Asks for pin and so-pin once more, and for the passphrase of each officer "
			"named, at\n"
			"least two of them security officers. Both PINs are replaced by random "
			"ones "
			"that nobody\n"
			"sees: from now on every command that needs the HSM asks for M officers "
			"instead\n"
			"(officer.NAME), and replaces the PIN it opened.",
		.flags = CLI_CHANGES,
		.options = {{"--threshold", "M", "how many open it: 2 or more", OPTION_REQUIRED}},
		.run = cli_quorum_set,
	},
	{
		.path = "quorum show",
		.summary = "who opens the principal HSM, and what is sealed",
		.run = cli_quorum_show,
	},
	{
		.path = "quorum change",
		.summary = "another number of officers, or others",
		.details = "Opened by the quorum that there is. Who joins gives a passphrase; who "
			   "stays "
			   "need not\n"
			   "be there. Everything is sealed anew under a new key, and the PINs are "
			   "rotated.",
		.flags = CLI_CHANGES,
		.options = {{"--threshold", "M", "how many open it: 2 or more", OPTION_REQUIRED}},
		.run = cli_quorum_change,
	},
	{
		.path = "quorum open",
		.summary = "see that the officers can open the HSM; or open it without them",
		.details =
			"--break-glass takes the two components that 'quorum break-glass' wrote "
			"(component.1,\n"
			"component.2) instead of the officers' passphrases, and at once makes a "
			"new "
			"quorum of\n"
			"--threshold M of --officers A,B,C, after which the sheets are void. It is "
			"logged.",
		.flags = CLI_CHANGES,
		.options = {{"--break-glass", NULL, "by the quorum's key on paper",
				    OPTION_OPTIONAL},
			{"--threshold", "M", "of the new quorum", OPTION_OPTIONAL}},
		.run = cli_quorum_open,
	},
	{
		.path = "quorum break-glass",
		.summary =
			"write the quorum's key on two sheets, for when its officers cannot be had",
		.details = "DIR/break-glass-1.txt and -2.txt, for two pairs of custodians and two "
			   "safes. Both\n"
			   "together open the HSM; each alone says nothing. They are void after "
			   "the next\n"
			   "change of the quorum.",
		.flags = CLI_CHANGES,
		.options = {{"--pairs", "F", "who keeps which component, of two", OPTION_REQUIRED},
			{"--sheets", "DIR", "the folder, best on a tmpfs", OPTION_REQUIRED}},
		.run = cli_quorum_break_glass,
	},
