/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of batches: a part of the table in commands.c, and included there alone. */
{
	.path = "batch create",
	.summary = "cards to be worked on, from a file",
	.details = "FILE is CSV with a header line: reader, card, profile, kdd; later columns are "
		   "fields\n"
		   "for personalise. Where card or kdd stands, the card in the reader must be that "
		   "one. A\n"
		   "malformed line is told and counts as a card that failed; the others stand.",
	.flags = CLI_CHANGES,
	.positional = {{"NAME", "of the batch"}, {"FILE", "the cards"}},
	.options = {{"--do", "ACTION", "inject, replace, verify, issue or personalise",
			    OPTION_REQUIRED},
		{"--keyset", "NAME", "put on the cards; verify: that opens them", OPTION_OPTIONAL},
		{"--from", "NAME", "replace: the key set on the cards; default: as recorded",
			OPTION_OPTIONAL},
		{"--customer", "ORG", "inject, replace: whose cards they are", OPTION_OPTIONAL},
		{"--key-version", "N", "as with 'card replace'", OPTION_OPTIONAL},
		{"--from-version", "N", "as with 'card replace'", OPTION_OPTIONAL},
		{"--script", "F", "personalise: the script", OPTION_OPTIONAL},
		{"--stop-after", "N",
			"stop when so many authentications in a row fail (3; 0: never)",
			OPTION_OPTIONAL}},
	.run = cli_batch_create,
},
	{
		.path = "batch run",
		.summary = "have workers work on a batch, and follow it to its end",
		.details = "Starts processes 'cardkms worker', and others for those that die. They "
			   "take "
			   "the PIN\n"
			   "from the agent ('cardkms unlock'), or as it is given here. Ctrl-C "
			   "pauses the "
			   "batch. Ends\n"
			   "with 0 if all cards are done, with 3 if some are not.",
		.positional = {{"NAME", "the batch"}},
		.options = {{"--workers", "N", "processes (1 to 64; default 1)", OPTION_OPTIONAL},
			{"--hsm", "NAME", "production HSMs, shared out among the workers",
				OPTION_REPEATED},
			{"--patience", "S",
				"give up when for so long no card was ended (default 300)",
				OPTION_OPTIONAL}},
		.run = cli_batch_run,
	},
	{
		.path = "batch status",
		.summary = "how far batches are",
		.positional = {{"[NAME]", "one of them"}},
		.run = cli_batch_status,
	},
	{
		.path = "batch pause",
		.summary = "have the workers of a batch end after the card at hand",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "the batch"}},
		.run = cli_batch_pause,
	},
	{
		.path = "batch resume",
		.summary = "make a batch ready that was paused or had stopped",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "the batch"}},
		.run = cli_batch_resume,
	},
	{
		.path = "batch retry",
		.summary = "have cards that failed wait again",
		.details =
			"A card whose outcome is unknown is first settled by its journal, as 'card "
			"resume' does.",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "the batch"}},
		.options = {{"--state", "S", "failed (default), unknown or quarantined",
			OPTION_OPTIONAL}},
		.run = cli_batch_retry,
	},
	{
		.path = "batch report",
		.summary = "what became of each card",
		.positional = {{"NAME", "the batch"}},
		.options = {{"-o", "F", "every card, as a CSV file", OPTION_OPTIONAL}},
		.run = cli_batch_report,
	},
	{
		.path = "worker",
		.summary = "work on the cards of a batch that runs, beside others",
		.details =
			"For machines beside that of 'batch run', which starts its own. It may be "
			"killed at any time.",
		.positional = {{"NAME", "the batch"}},
		.options = {{"--hsm", "NAME", "the production HSM to use", OPTION_OPTIONAL}},
		.run = cli_worker,
	},
