/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of shipments: a part of the table in commands.c, and included there alone. */
/* clang-format off */
	{
		.path = "shipment send",
		.summary = "tell a partner which cards go to it, and which keys are on them",
		.details =
			"One signed file: the cards, and of each its issuer security domain's key set, "
			"version\n"
			"and diversification bytes. Either the cards of a table with a column 'card', or "
			"all\n"
			"active cards with the keys of K that have not left yet. All of them or none.",
		.flags = CLI_CHANGES,
		.positional = {{"ORG", "the partner"}, {"[F]", "a table (CSV) that names the cards"}},
		.options = {{"--keyset", "K", "all cards with its keys, instead of a table",
				    OPTION_OPTIONAL},
			{"-o", "F", "the file to write", OPTION_REQUIRED}},
		.run = cli_shipment_send,
	},
	{
		.path = "shipment receive",
		.summary = "take a partner's shipment: its cards become known, with their keys",
		.details =
			"The key sets must have been imported from that partner: they are known by their "
			"check\n"
			"values. 'card replace' and 'batch create' then need no --from. All cards or "
			"none: what is\n"
			"wrong is told with its line and column.",
		.flags = CLI_CHANGES,
		.positional = {{"F", "the shipment"}},
		.run = cli_shipment_receive,
	},
	{
		.path = "shipment reconcile",
		.summary = "what a partner announced against what the registry has seen",
		.details =
			"missing: announced, and never in a reader here. different: came with another key "
			"set,\n"
			"version or diversification bytes. unexpected: had keys of that partner and was "
			"not\n"
			"announced. Exit status 3 if there is any; at most 1,000 of each are listed.",
		.positional = {{"ORG", "the partner"}},
		.run = cli_shipment_reconcile,
	},
	{
		.path = "shipment list",
		.summary = "shipments sent and received",
		.run = cli_shipment_list,
	},
	{
		.path = "shipment show",
		.summary = "a shipment and its first 1,000 cards",
		.positional = {{"ID", "as 'shipment list' has it"}},
		.run = cli_shipment_show,
	},
	{
		.path = "shipment reissue",
		.summary = "write the file of a sent shipment again",
		.flags = CLI_CHANGES,
		.positional = {{"ID", "as 'shipment list' has it"}},
		.options = {{"-o", "F", "the file to write", OPTION_REQUIRED}},
		.run = cli_shipment_reissue,
	},
	/* clang-format on */
