/* SPDX-License-Identifier: Apache-2.0 */
/* The commands key derive …: a part of the table in commands.c. */
{
	.path = "key derive",
	.summary = "the keys of many cards, wrapped, for who personalises them",
	.details = "For each row of the file of cards (CSV; a column kdd, in hex) the card's ENC "
		   "and MAC\n"
		   "keys and KEK. They leave the HSM under a zone key (or a transport key that "
		   "wraps),\n"
		   "thousands at once where the token can, with a manifest that the site signs: "
		   "F and\n"
		   "F.manifest (docs/formats/derived-keys.md). What ends it leaves F.part and "
		   "F.progress:\n"
		   "the same command goes on from there. A key bound to raw-cbc has no integrity: "
		   "by\n"
		   "--override only.",
	.flags = CLI_CHANGES | CLI_OFFICERS,
	.options = {{"--cards", "FILE", "the cards: CSV with a header line", OPTION_REQUIRED},
		{"--wrap-under", "LABEL", "the zone key that the recipient has too",
			OPTION_REQUIRED},
		{"-o", "F", "the file of keys to write", OPTION_REQUIRED},
		{"--keyset", "K",
			"whose masters; default: the column keyset, else the only one "
			"there is",
			OPTION_OPTIONAL}},
	.run = cli_key_derive,
},
	{
		.path = "key derive-verify",
		.summary = "whether a file of cards' keys is what its signed manifest says",
		.details = "Signature, size, chunks, hash; no key is unwrapped. Exit code 3 if "
			   "anything differs.\n"
			   "The signature must be this site's or an enrolled partner's, or, with "
			   "--identity,\n"
			   "of that identity file (no site needed).",
		.flags = CLI_NO_SITE,
		.positional = {{"F", "the file of keys"}},
		.options = {{"--manifest", "F", "default: F.manifest", OPTION_OPTIONAL},
			{"--identity", "F", "the sender's identity file", OPTION_OPTIONAL},
			{"--cards", "FILE", "compare with this file of cards as well",
				OPTION_OPTIONAL}},
		.run = cli_key_derive_verify,
	},
