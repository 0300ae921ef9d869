/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the command table (commands.c, which includes it there) that is about cards. */
/* clang-format off */
	{
		.path = "app show",
		.summary = "what a CAP file holds: package, applets, imports, sizes, load file hash",
		.details = "Needs no card and no site. The hash is SHA-256 of what a card loads.",
		.positional = {{"F", "the CAP file"}},
		.run = cli_app_show,
	},
	{
		.path = "app load",
		.summary = "load a CAP file onto a card",
		.details =
			"The recorded keys open the card. What it has is read before and after; what "
			"it has\n"
			"already is said so, and is no error. After a lost line run the command again: "
			"a card\n"
			"takes a load file whole or not at all.",
		.flags = CLI_CHANGES,
		.positional = {{"F", "the CAP file"}},
		.options = {CONTENT_OPTIONS,
			{"--hash", NULL, "the card shall compare the SHA-256 of the load file",
				OPTION_OPTIONAL},
			{"--dap", "F", "a signature for the card to verify ('app dap')",
				OPTION_REPEATED},
			DELEGATED_OPTIONS},
		.run = cli_app_load,
	},
	{
		.path = "app dap",
		.summary = "sign a CAP file's hash for a security domain that verifies it (DAP)",
		.details = "In the principal HSM. The file goes with the CAP file: 'app load --dap'.",
		.flags = CLI_CHANGES,
		.positional = {{"F", "the CAP file"}},
		.options = {{"--domain", "AID", "of the security domain that verifies it, in hex",
				    OPTION_REQUIRED},
			SIGNING_OPTIONS},
		.run = cli_app_dap,
	},
	{
		.path = "app token load",
		.summary = "a token: whoever has it may load this CAP file in a delegated domain",
		.details = "In the principal HSM, over the command as it will be sent (GPCS appendix "
			   "C.4). For 'app\n"
			   "load --domain AID --token F', on any card whose token key is this one.",
		.flags = CLI_CHANGES,
		.positional = {{"F", "the CAP file"}},
		.options = {{"--domain", "AID", "of the security domain that loads it, in hex",
				    OPTION_REQUIRED},
			SIGNING_OPTIONS},
		.run = cli_app_token_load,
	},
	{
		.path = "app token install",
		.summary = "a token for 'app install' with exactly these words",
		.flags = CLI_CHANGES,
		.positional = {{"[F]", "the CAP file that names load file and module"}},
		.options = {INSTALL_OPTIONS, SIGNING_OPTIONS},
		.run = cli_app_token_install,
	},
	{
		.path = "app token make-selectable",
		.summary = "a token for 'app install' of what a card has installed and not made selectable",
		.flags = CLI_CHANGES,
		.positional = {{"AID", "of the application, in hex"}},
		.options = {{"--privileges", "P", "as they were installed; default: nothing",
				    OPTION_OPTIONAL},
			SIGNING_OPTIONS},
		.run = cli_app_token_selectable,
	},
	{
		.path = "app token extradite",
		.summary = "a token for 'app extradite' to exactly this security domain",
		.flags = CLI_CHANGES,
		.positional = {{"AID", "of the application or load file, in hex"}},
		.options = {{"--to", "AID", "of the security domain, in hex", OPTION_REQUIRED},
			SIGNING_OPTIONS},
		.run = cli_app_token_extradite,
	},
	{
		.path = "app token delete",
		.summary = "a token for 'app delete'",
		.flags = CLI_CHANGES,
		.positional = {{"AID", "of the application or load file, in hex"}},
		.options = {{"--related", NULL, "with all applications of the load file",
				    OPTION_OPTIONAL},
			SIGNING_OPTIONS},
		.run = cli_app_token_delete,
	},
	{
		.path = "app install",
		.summary = "make an application of a module that is on a card, and make it selectable",
		.details = "Privileges are words joined by commas (card-lock, global-delete, …) or two "
			   "or six hex\n"
			   "digits. An application that is there already is no error.",
		.flags = CLI_CHANGES,
		.positional = {{"[F]", "the CAP file that names load file and module"}},
		.options = {CONTENT_OPTIONS, INSTALL_OPTIONS, DELEGATED_OPTIONS},
		.run = cli_app_install,
	},
	{
		.path = "app delete",
		.summary = "take an application or a load file off a card",
		.flags = CLI_CHANGES,
		.positional = {{"AID", "of the application or load file, in hex"}},
		.options = {CONTENT_OPTIONS,
			{"--related", NULL, "with all applications of the load file",
				OPTION_OPTIONAL},
			DELEGATED_OPTIONS},
		.run = cli_app_delete,
	},
	{
		.path = "app extradite",
		.summary = "give an application or load file to another security domain of the card",
		.flags = CLI_CHANGES,
		.positional = {{"AID", "of the application or load file, in hex"}},
		.options = {CONTENT_OPTIONS,
			{"--to", "AID", "of the security domain, in hex", OPTION_REQUIRED},
			DELEGATED_OPTIONS},
		.run = cli_app_extradite,
	},
	{
		.path = "app personalise",
		.summary = "give an application its data and its keys, by a script",
		.details =
			"The script names data groups and, if the application shall have keys of its "
			"own, a key\n"
			"set: they are diversified for the card and encrypted under its DEK in the HSM. "
			"Fields\n"
			"that differ from card to card come from a CSV file with a column 'card'.",
		.flags = CLI_CHANGES,
		.positional = {{"SCRIPT", "the script"}},
		.options = {CONTENT_OPTIONS,
			{"--fields", "F", "CSV file with the fields of each card",
				OPTION_OPTIONAL}},
		.run = cli_app_personalise,
	},
	{
		.path = "card contents",
		.summary = "what is on a card: load files, modules, applications, security domains",
		.details = "Asked under a secure channel, opened by the recorded keys.",
		.options = {CONTENT_OPTIONS},
		.run = cli_card_contents,
	},
	{
		.path = "card list",
		.summary = "the cards of the registry, and the readers",
		.options = {{"--state", "S",
				    "only in this state (known, changing, active, quarantined, "
				    "terminated)",
				    OPTION_OPTIONAL},
			{"--profile", "P", "only of this profile", OPTION_OPTIONAL},
			{"--after", "CARD", "go on after this one", OPTION_OPTIONAL},
			{"--limit", "N", "at most so many (500)", OPTION_OPTIONAL},
			{"--reader", "R", "this reader, or tcp:HOST:PORT", OPTION_OPTIONAL}},
		.run = cli_card_list,
	},
	{
		.path = "card info",
		.summary = "who a card is, what it says of itself, what the registry knows of it",
		.details = "Nothing is authenticated: what a card says of itself proves nothing.",
		.positional = {{"[CARD]", "of the registry; default: the one in the reader"}},
		.options = {CARD_OPTIONS},
		.run = cli_card_info,
	},
	{
		.path = "card inject",
		.summary = "a new card's initial keys are replaced by its own of a key set",
		.details =
			"The initial keys come by --pin-fd (initial.enc, initial.mac, initial.kek "
			"in\n"
			"hex); without them the public test keys of the card's profile are taken.\n"
			"A card that is taken over already is said so, and is no error.",
		.flags = CLI_CHANGES,
		.options = {CARD_OPTIONS, {"--keyset", "NEW", "the key set", OPTION_REQUIRED},
			{"--customer", "ORG", "whose card it is", OPTION_REQUIRED}, CARD_VERSIONS,
			CARD_COUNT},
		.run = cli_card_inject,
	},
	{
		.path = "card replace",
		.summary = "take a card over: its keys are replaced by those of another key set",
		.details =
			"The card must hold the old set: its cryptogram is checked before anything "
			"is\n"
			"authenticated, so a wrong master key set spends no try. If the card is "
			"torn,\n"
			"'card resume' finds out which keys it has and goes on.",
		.flags = CLI_CHANGES,
		.options = {CARD_OPTIONS,
			{"--keyset", "NEW", "the key set it shall have", OPTION_REQUIRED},
			{"--from", "OLD", "the key set it has; default: as recorded",
				OPTION_OPTIONAL},
			{"--customer", "ORG", "whose card it is; default: of the old set",
				OPTION_OPTIONAL},
			CARD_VERSIONS, CARD_COUNT},
		.run = cli_card_replace,
	},
	{
		.path = "card verify",
		.summary = "prove which key set opens a card, and which no longer does",
		.details =
			"The recorded set (or --keyset) is authenticated with. Sets named by --not "
			"are\n"
			"judged by the card's cryptogram alone: no try is spent on a wrong key.\n"
			"Exit code 3 if it is not as it should be.",
		.flags = CLI_CHANGES,
		.options = {CARD_OPTIONS, CARD_AID,
			{"--keyset", "K", "instead of the recorded one", OPTION_OPTIONAL},
			{"--key-version", "HH", "its version on the card", OPTION_OPTIONAL},
			{"--not", "K", "a set that must not open it", OPTION_REPEATED}, CARD_COUNT},
		.run = cli_card_verify,
	},
	{
		.path = "card resume",
		.summary = "find out what a torn card has, and finish its change",
		.details = "Finds the open change of the card in the reader. Initial keys are "
			   "needed again\n"
			   "where it began with them.",
		.flags = CLI_CHANGES,
		.options = {CARD_OPTIONS, CARD_AID,
			{"--settle", NULL, "do not go on: keep the keys that the card has",
				OPTION_OPTIONAL}},
		.run = cli_card_resume,
	},
	{
		.path = "card issue",
		.summary = "a finished card goes to its holder: its life cycle becomes SECURED",
		.details = "The registry counts how often. --again records another holder of a card that "
			   "was issued.",
		.flags = CLI_CHANGES,
		.options = {CONTENT_OPTIONS,
			{"--again", "REASON", "issue it once more", OPTION_OPTIONAL}},
		.run = cli_card_issue,
	},
	{
		.path = "card lock",
		.summary = "lock an issued card, or one application of it",
		.flags = CLI_CHANGES,
		.options = {CONTENT_OPTIONS, {"--application", "AID", "only this application, in hex", OPTION_OPTIONAL}},
		.run = cli_card_lock,
	},
	{
		.path = "card unlock",
		.summary = "unlock a card, or one application of it",
		.flags = CLI_CHANGES,
		.options = {CONTENT_OPTIONS, {"--application", "AID", "only this application, in hex", OPTION_OPTIONAL}},
		.run = cli_card_unlock,
	},
	{
		.path = "card terminate",
		.summary = "end a card for good",
		.details = "Two officers, and Yes typed (or --pin-fd N with the line terminate=Yes).",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.options = {CONTENT_OPTIONS},
		.run = cli_card_terminate,
	},
	{
		.path = "card history",
		.summary = "all that happened to a card",
		.positional = {{"CARD", "its id, as in 'card list'"}},
		.run = cli_card_history,
	},
	{
		.path = "card key create",
		.summary = "a key behind the content of cards: it signs load files, makes tokens, verifies receipts",
		.details =
			"Made in the principal HSM, where it signs and verifies and does nothing else. "
			"A P-256 pair\n"
			"never leaves it; an AES key leaves it only encrypted for a card ('card key put').",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "the new key's label"}},
		.options = {{"--use", "U", "dap, token or receipt", OPTION_REQUIRED},
			{"--algorithm", "A", "aes256 (default), aes128 or p256", OPTION_OPTIONAL}},
		.run = cli_card_key_create,
	},
	{
		.path = "card key put",
		.summary = "put such a key into a security domain of a card",
		.details =
			"An AES key goes encrypted under the domain's DEK, as its own keys do; of a pair "
			"goes the\n"
			"public half. What the card has already is said so, and is no error. After a lost "
			"line run\n"
			"the command again.",
		.flags = CLI_CHANGES,
		.options = {CARD_OPTIONS, {"--key", "LABEL", "the key", OPTION_REQUIRED},
			{"--domain", "AID", "of the security domain that gets it; default: the issuer's",
				OPTION_OPTIONAL},
			{"--key-version", "HH",
				"on the card, in hex; default: 73 for dap, 70 for token, 71 for receipt",
				OPTION_OPTIONAL},
			{"--key-id", "HH", "key identifier, in hex; default: 01", OPTION_OPTIONAL},
			{"--replace", NULL, "in the place of another key of that version",
				OPTION_OPTIONAL}},
		.run = cli_card_key_put,
	},
	{
		.path = "card domain create",
		.summary = "a supplementary security domain on a card",
		.details = "Opened by the issuer security domain's keys until 'card domain keys' "
			   "gives it its\n"
			   "own.",
		.flags = CLI_CHANGES,
		.options = {CARD_OPTIONS,
			{"--aid", "AID", "of the new domain, in hex", OPTION_REQUIRED},
			{"--file", "AID", "load file (A0000001515350)", OPTION_OPTIONAL},
			{"--module", "AID", "module (A000000151535041)", OPTION_OPTIONAL},
			{"--privileges", "HEX", "2 or 6 digits (800000: security domain)",
				OPTION_OPTIONAL}},
		.run = cli_card_domain_create,
	},
	{
		.path = "card domain keys",
		.summary = "give a supplementary security domain keys of its own, or replace them",
		.flags = CLI_CHANGES,
		.options = {CARD_OPTIONS,
			{"--aid", "AID", "of the domain, in hex", OPTION_REQUIRED},
			{"--keyset", "K", "the key set", OPTION_REQUIRED},
			{"--key-version", "HH", "of the new set on the card", OPTION_OPTIONAL},
			CARD_COUNT},
		.run = cli_card_domain_keys,
	},
	{
		.path = "card domain list",
		.summary = "the security domains of a card, with their keys",
		.positional = {{"[CARD]", "of the registry; default: the one in the reader"}},
		.options = {CARD_OPTIONS},
		.run = cli_card_domain_list,
	},
