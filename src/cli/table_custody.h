/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the command table (commands.c, which includes it there) that is about custody. */
/* clang-format off */
#define COMPONENT_OPTION {"--component", "N", "which component", OPTION_REQUIRED}
	{
		.path = "custody list",
		.summary = "where each component is: pair, sheet, bag, safe, dates",
		.details =
			"By what the ceremonies and 'custody move' recorded. --person lists every\n"
			"component that this person holds, stands by for, or has ever held.",
		.options = {{"--key", "LABEL", "only of this key", OPTION_OPTIONAL},
			{"--person", "NAME", "only this person's, also former ones",
				OPTION_OPTIONAL}},
		.run = cli_custody_list,
	},
	{
		.path = "custody history",
		.summary = "all that became of the sheet of a component",
		.positional = {{"LABEL", "the key"}},
		.options = {COMPONENT_OPTION},
		.run = cli_custody_history,
	},
	{
		.path = "custody move",
		.summary = "record what became of a component's sheet: bag, safe, hands, journey",
		.details =
			"What is not named stays as it was. Nobody ever gets a second component of "
			"one\n"
			"key, whatever was returned or re-issued; a name that is nearly that of "
			"another\n"
			"component's custodian takes an override. Two officers, themselves no "
			"custodians\n"
			"of the key, approve --pair, --deputies, --sent and --destroyed.",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "the key"}},
		.options = {COMPONENT_OPTION,
			{"--pair", "A,B", "it goes into the hands of these two", OPTION_OPTIONAL},
			{"--deputies", "X,Y", "who stands by for the pair; \"\": nobody",
				OPTION_OPTIONAL},
			{"--bag", "NUMBER", "of the tamper-evident bag; each is used once",
				OPTION_OPTIONAL},
			{"--safe", "NAME", "where it lies", OPTION_OPTIONAL},
			{"--sheet", "SERIAL", "number on the sheet, where it came from elsewhere",
				OPTION_OPTIONAL},
			{"--by", "CHANNEL", "how it was conveyed, here or (--sent) away",
				OPTION_OPTIONAL},
			{"--carrier", "NAME", "who had it on the way", OPTION_OPTIONAL},
			{"--on", "DATE", "when; today if not said", OPTION_OPTIONAL},
			{"--due", "DATE", "it is to be returned by then", OPTION_OPTIONAL},
			{"--accepted", "DATE", "the pair signed the acceptance form",
				OPTION_OPTIONAL},
			{"--issue", NULL, "a returned sheet goes to its pair again",
				OPTION_OPTIONAL},
			{"--return", NULL, "the pair gave it back, or it came back",
				OPTION_OPTIONAL},
			{"--sent", NULL, "it has left this site (--by)", OPTION_OPTIONAL},
			{"--destroyed", NULL, "the sheet was destroyed before the officers",
				OPTION_OPTIONAL}},
		.run = cli_custody_move,
	},
	{
		.path = "custody audit",
		.summary = "is every component where it should be, and with whom it may be",
		.details =
			"Finds: no place, no bag, overdue, no acceptance, way unknown, two "
			"components\n"
			"in one place or conveyed on one way, one person with two (also under two\n"
			"spellings), people who have left, sheets of destroyed keys. Says which "
			"keys must\n"
			"be replaced. Exit code 3 if there is anything.",
		.run = cli_custody_audit,
	},
	{
		.path = "custody leave",
		.summary = "a custodian has left: never again one, and what must be re-keyed",
		.details =
			"While one component is not known to people who have left, the key itself "
			"must be\n"
			"replaced, no more; if all are, so must be what travelled under it.",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "the person"}},
		.options = {REASON, {"--on", "DATE", "when; today if not said", OPTION_OPTIONAL}},
		.run = cli_custody_leave,
	},
	{
		.path = "custody register",
		.summary = "the custodian register with deputies, as a PDF to be signed",
		.options = {{"-o", "F", "the PDF to write", OPTION_REQUIRED}},
		.run = cli_custody_register,
	},
	{
		.path = "custody acceptance",
		.summary = "the form by which a pair accepts its component, as a PDF to be signed",
		.details = "What it says of the component is public: 'custody move … --accepted' "
			   "records that\n"
			   "it was signed.",
		.options = {{"--key", "LABEL", "the key", OPTION_REQUIRED}, COMPONENT_OPTION,
			{"-o", "F", "the PDF to write", OPTION_REQUIRED}},
		.run = cli_custody_acceptance,
	},
#undef COMPONENT_OPTION
