/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the command table (commands.c, which includes it there) that is about ceremonies. */
/* clang-format off */
	{
		.path = "ceremony list",
		.summary = "all key ceremonies",
		.run = cli_ceremony_list,
	},
	{
		.path = "ceremony show",
		.summary = "a ceremony: custodians, sheets, minutes",
		.positional = {{"ID", "as on the sheets: 7F3K-22QD"}},
		.run = cli_ceremony_show,
	},
	{
		.path = "ceremony check",
		.summary = "is this ceremony file in order, and is this room fit for it?",
		.details =
			"Shows the file's SHA-256, its first eight bytes also as words to read "
			"aloud, and\n"
			"looks at the machine and the site: swap, network, crash handler, clock, "
			"token,\n"
			"officers, separation, files. Exit code 3 if a condition is not met.",
		.positional = {{"F", "the ceremony file"}},
		.run = cli_ceremony_check,
	},
	{
		.path = "ceremony run",
		.summary = "carry out a ceremony file, from its check to its minutes",
		.details =
			"Looks at the room as check does, and begins only if every condition is "
			"met and\n"
			"somebody has said that the file is the one agreed on. The officers are "
			"those of\n"
			"the file. On a terminal it takes the full screen, at least 80 columns by "
			"24 lines.\n"
			"Whatever comes of it stands in the minutes: 'ceremony report'. Where the file "
			"says\n"
			"'print', or with --print, the sheets come from a printer: 'transport-key "
			"create'.",
		.flags = CLI_CHANGES,
		.positional = {{"F", "the ceremony file"}},
		.options =
			{SHEETS, {"--plain", NULL, "line by line, without the full screen",
					OPTION_OPTIONAL}},
		.run = cli_ceremony_run,
	},
	{
		.path = "ceremony rehearse",
		.summary = "the same steps on throw-away sites, with test components",
		.details = "On SoftHSM tokens in a folder on a memory disk, which is removed at "
			   "the end. "
			   "Nothing\n"
			   "of this site is touched, and it need not be there. PIN and passphrases "
			   "are\n"
			   "'rehearsal-only'. What must be there before, a partner's package for "
			   "example, "
			   "is made\n"
			   "first. A real ceremony refuses test components, and a rehearsal all "
			   "others.",
		.flags = CLI_NO_SITE,
		.positional = {{"F", "the ceremony file"}},
		.options = {{"--test-sheets", "DIR",
				    "where the sheets go whose components are to be typed",
				    OPTION_OPTIONAL},
			SHEETS,
			{"--plain", NULL, "line by line, without the full screen", OPTION_OPTIONAL},
			{"--module", "FILE", "SoftHSM's PKCS#11 module", OPTION_OPTIONAL}},
		.run = cli_ceremony_rehearse,
	},
	{
		.path = "ceremony meetings",
		.summary = "ceremony files that were carried out",
		.run = cli_ceremony_meetings,
	},
	{
		.path = "ceremony report",
		.summary = "the minutes of a meeting or key ceremony, as a PDF to be signed",
		.details = "People, room, steps, check values, hashes, exceptions, the audit log's "
			   "checkpoint, a\n"
			   "QR code of the public facts, lines to sign. Never a component.",
		.positional = {{"ID", "of the meeting or of the ceremony: 7F3K-22QD"}},
		.options = {{"-o", "F", "the PDF to write", OPTION_REQUIRED}},
		.run = cli_ceremony_report,
	},
