/* SPDX-License-Identifier: Apache-2.0 */
/* Options that several commands of the table share. */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

/* clang-format off */
#define TRANSPORT_OPTIONS \
	{"--algorithm", "A", "tdea2, tdea3, aes128, aes192 or aes256", OPTION_REQUIRED}, \
	{"--components", "N", "how many: 2 to 9 (3 is usual)", OPTION_REQUIRED}, \
	{"--partner", "ORG", "the enrolled partner it is shared with", OPTION_REQUIRED}, \
	{"--pairs", "F", "who holds which component", OPTION_REQUIRED}, \
	{"--wrapping", "W", "aes-kw (default for AES), x9143 (key blocks), raw-hex (ECB) or raw-cbc", OPTION_OPTIONAL}, \
	{"--legacy", NULL, "the partner has no identity (legacy KMS, payment HSM): raw or key blocks", OPTION_OPTIONAL}

#define VAULT_KEY_OPTIONS \
	{"--algorithm", "A", "aes256 (default), aes192 or aes128", OPTION_OPTIONAL}, \
	{"--components", "N", "how many: 2 to 9 (default 3)", OPTION_OPTIONAL}, \
	{"--pairs", "F", "who holds which component", OPTION_REQUIRED}

#define ZONE_WRAPPING \
	{"--wrapping", "W", "aes-kw (default); raw-cbc: for cards' keys only, without integrity, by override", \
		OPTION_OPTIONAL}

#define SHEETS \
	{"--sheets", "DIR", "write the component sheets there instead of showing them", \
		OPTION_OPTIONAL}, \
	{"--print", "WHERE", "print them instead: a printer's device, or a folder on a tmpfs", \
		OPTION_OPTIONAL}

#define TYPED_IN \
	{"--check-value", "HEX", "of the whole key, as its ceremony's record says", OPTION_REQUIRED}, \
	{"--ceremony", "ID", "the id that must be on every sheet", OPTION_OPTIONAL}, \
	{"--hsm", "NAME", "restore it on this HSM of the site, not on the principal one", \
		OPTION_OPTIONAL}, \
	{"--fingerprint", "HEX", "of the identity on the sheets, if the site had another one then", \
		OPTION_OPTIONAL}
/* clang-format on */

/* clang-format off */
#define CARD_OPTIONS \
	{"--reader", "R", "a reader's name, tcp:HOST:PORT for cardsim; default: the one with a card", \
		OPTION_OPTIONAL}, \
	{"--profile", "P", "the card's profile; default: as recorded, or recognised", OPTION_OPTIONAL}, \
	{"--trace", "F", "append the commands to F, without secrets (simulated cards only)", \
		OPTION_OPTIONAL}
#define CARD_AID \
	{"--aid", "AID", "of a supplementary security domain, in hex", OPTION_OPTIONAL}
/* Whose content it is, and by whose keys. */
#define CONTENT_OPTIONS \
	CARD_OPTIONS, \
	{"--keyset", "K", "that the card must have; default: as recorded", OPTION_OPTIONAL}, \
	{"--domain", "AID", "of the security domain that does it; default: the issuer's", \
		OPTION_OPTIONAL}
/* Delegated management. */
#define DELEGATED_OPTIONS \
	{"--token", "F", "that permits it in the domain ('app token')", OPTION_OPTIONAL}, \
	{"--receipt-key", "LABEL", "the card must give a receipt, made with this key", \
		OPTION_OPTIONAL}, \
	{"--receipt", "F", "write the card's receipt there", OPTION_OPTIONAL}
#define SIGNING_OPTIONS \
	{"--key", "LABEL", "of this site ('card key create')", OPTION_REQUIRED}, \
	{"-o", "F", "the file to write", OPTION_REQUIRED}
#define INSTALL_OPTIONS \
	{"--file", "AID", "of the load file; default: of the CAP file", OPTION_OPTIONAL}, \
	{"--module", "AID", "of the module; default: the only one of the CAP file", \
		OPTION_OPTIONAL}, \
	{"--aid", "AID", "of the application; default: the module's", OPTION_OPTIONAL}, \
	{"--privileges", "P", "what it may do on the card; default: nothing", OPTION_OPTIONAL}, \
	{"--params", "HEX", "that it is given", OPTION_OPTIONAL}
#define CARD_COUNT \
	{"--count", "N", "so many cards, one after the other", OPTION_OPTIONAL}
#define CARD_VERSIONS \
	{"--key-version", "HH", "of the new set on the card, in hex; default: that of the key plan", \
		OPTION_OPTIONAL}, \
	{"--from-version", "HH", "of the set that is on the card; default: as recorded or planned", \
		OPTION_OPTIONAL}
/* clang-format on */

#define REASON                                                             \
	{                                                                  \
		"--reason", "TEXT", "why, for the record", OPTION_OPTIONAL \
	}

#endif
