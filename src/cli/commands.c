/* SPDX-License-Identifier: Apache-2.0 */
/* The command table. Order is that of the help; words here are the manual. */
#include "cli/commands.h"

#include "cli/options.h"

const struct cli_option cli_global_options[] = {
	{"-s", "DIR", "the site's folder (or the environment's CARDKMS_SITE)", 0},
	{"--json", NULL, "one JSON object on standard output", 0},
	{"--dry-run", NULL, "check everything, change nothing", 0},
	{"--yes", NULL, "answer yes to every question that can be answered so", 0},
	{"--officers", "A,B", "the two officers who approve", 0},
	{"--override", "REASON", "set a rule aside, by two officers; it is logged", 0},
	{"--digest", "HEX", "do only what has this digest, as --dry-run printed it", 0},
	{"--pin-fd", "N", "read secrets from file descriptor N, as lines name=value", 0},
	{"--help", NULL, "help on the command", 0},
	{"--version", NULL, "the program's version", 0},
	{NULL, NULL, NULL, 0},
};

const struct cli_command cli_commands[] = {
	{
		.path = "site init",
		.summary = "make a site: its folder with configuration and registry",
		.details = "The HSM is named by an RFC 7512 URI with module-path and token, and is "
			   "not\n"
			   "touched yet. A PIN in the URI is refused.",
		.flags = CLI_CHANGES | CLI_NO_SITE,
		.positional = {{"DIR", "the folder; it may exist, if it holds no site"}},
		.options = {{"--name", "ORG", "the organisation, as partners will know it",
				    OPTION_REQUIRED},
			{"--role", "ROLE", "manufacturer or issuer", OPTION_REQUIRED},
			{"--hsm", "URI", "pkcs11:token=LABEL?module-path=/path/to/module.so",
				OPTION_REQUIRED},
			{"--init-args", "STR", "what the module wants at C_Initialize (NSS)",
				OPTION_OPTIONAL},
			{"--store", "URI",
				"registry in an empty PostgreSQL database: postgresql://HOST/NAME",
				OPTION_OPTIONAL}},
		.run = cli_site_init,
	},
	{
		.path = "site status",
		.summary = "who this site is and what it holds",
		.run = cli_site_status,
	},
	{
		.path = "site identity",
		.summary = "this site's identity: fingerprint in hex and in words to read aloud",
		.run = cli_site_identity,
	},
	{
		.path = "site identity export",
		.summary = "write the identity file that partners enrol",
		.details = "The file is public. What makes it yours is the fingerprint, which the\n"
			   "partner compares with you by voice or in person.",
		.options = {{"-o", "F", "the file to write", OPTION_REQUIRED}},
		.run = cli_site_identity_export,
	},
	{
		.path = "store migrate",
		.summary = "move the registry from its file to PostgreSQL",
		.details = "URI names an empty database. All rows are copied in one transaction, "
			   "read back and\n"
			   "compared; then site.ini names the database. The file stays where it "
			   "is, and nothing\n"
			   "uses it any more. If it is cut off, make the database anew and run it "
			   "again.",
		.flags = CLI_CHANGES,
		.positional = {{"URI", "postgresql://…, without a password"}},
		.run = cli_store_migrate,
	},
	{
		.path = "partner add",
		.summary = "enrol a partner by its identity file and fingerprint",
		.flags = CLI_CHANGES,
		.positional = {{"F", "the partner's identity file"}},
		.options = {{"--fingerprint", "HEX", "as the partner said it, not as the file says",
			OPTION_REQUIRED}},
		.run = cli_partner_add,
	},
	{
		.path = "partner rotate",
		.summary = "replace a partner's identity by its new one",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"F", "the partner's new identity file"}},
		.options = {{"--fingerprint", "HEX", "of the new identity", OPTION_REQUIRED}},
		.run = cli_partner_rotate,
	},
	{
		.path = "partner revoke",
		.summary = "stop believing a partner: its files are refused from now on",
		.flags = CLI_CHANGES,
		.positional = {{"ORG", "the partner"}},
		.options = {REASON},
		.run = cli_partner_revoke,
	},
	{
		.path = "partner list",
		.summary = "all partners, also former identities",
		.run = cli_partner_list,
	},
#include "cli/table_officers.h"
#include "cli/table_quorum.h"
	{
		.path = "hsm setup",
		.summary = "set up the principal HSM: token, PINs, identity, key sets of a plan",
		.details =
			"Initialises the token that the site's URI names; where there is none of "
			"that\n"
			"label, the first uninitialised slot gets it. A token that holds keys is\n"
			"refused, unless --erase is given and its label typed. Asks for so-pin and "
			"pin.\n"
			"Then make the site key, 'site-key create', and a backup, 'backup create'. "
			"If the "
			"HSM\n"
			"is lost: --rebuild makes a new identity on an empty token; master and "
			"AES\n"
			"content keys count as lost until 'site-key restore' and 'backup restore' "
			"have\n"
			"brought them back; pairs for DAPs and tokens have ended.",
		.flags = CLI_CHANGES,
		.options = {{"--plan", "F", "the key plan", OPTION_OPTIONAL},
			{"--erase", NULL, "give up what is on the token (its label must be typed)",
				OPTION_OPTIONAL},
			{"--rebuild", NULL,
				"the site's HSM is lost: this token takes its place (two officers)",
				OPTION_OPTIONAL}},
		.run = cli_hsm_setup,
	},
	{
		.path = "hsm update",
		.summary = "make the key sets of a plan that are not there yet",
		.details = "Key sets that are there already, just as the plan has them, are left "
			   "alone.",
		.flags = CLI_CHANGES,
		.options = {{"--plan", "F", "the key plan", OPTION_REQUIRED}},
		.run = cli_hsm_update,
	},
	{
		.path = "hsm status",
		.summary = "the token: identity, PIN states, how many keys",
		.run = cli_hsm_status,
	},
	{
		.path = "hsm capabilities",
		.summary = "what the token can really do, found by trying, and which way is taken",
		.details =
			"Each mechanism is tried with a known answer on objects that do not stay.",
		.run = cli_hsm_capabilities,
	},
	{
		.path = "hsm qualify",
		.summary = "whether an HSM is fit: known answers, attributes, published attacks",
		.details = "Nothing of it stays on the token. An attack that succeeds is one that "
			   "a holder "
			   "of the operator PIN can make: docs/hsm-support.md says what it means. "
			   "Exits "
			   "with 3 if something is missing that every site needs.",
		.options = {{"-o", "F", "the report, also as F.json", OPTION_OPTIONAL}},
		.run = cli_hsm_qualify,
	},
	{
		.path = "hsm check",
		.summary = "every key: is it there, with its attributes and its check value",
		.run = cli_hsm_check,
	},
	{
		.path = "hsm add",
		.summary = "add an HSM that shall hold copies of this site's keys",
		.details = "kind production: for card lines and services, where keys are not "
			   "extractable; "
			   "kind\n"
			   "vault: a second vault. An empty token is set up (so-pin.NAME, "
			   "pin.NAME). Keys "
			   "get\n"
			   "there by 'hsm replicate', once both HSMs have a common wrapping key.",
		.flags = CLI_CHANGES,
		.positional = {{"NAME", "what it is to be called"}},
		.options = {{"--hsm", "URI", "pkcs11:token=LABEL?module-path=/path/to/module.so",
				    OPTION_REQUIRED},
			{"--kind", "KIND", "production or vault", OPTION_REQUIRED},
			{"--init-args", "STR", "what the module wants at C_Initialize (NSS)",
				OPTION_OPTIONAL}},
		.run = cli_hsm_add,
	},
	{
		.path = "hsm list",
		.summary = "all HSMs of the site",
		.run = cli_hsm_list,
	},
	{
		.path = "hsm remove",
		.summary = "destroy the copies on another HSM, and forget it",
		.details =
			"--lost: the HSM is gone or given away as it is; its copies are given up "
			"unseen.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"NAME", "the HSM, as 'hsm list' has it"}},
		.options = {{"--lost", NULL, "do not look for it", OPTION_OPTIONAL}},
		.run = cli_hsm_remove,
	},
	{
		.path = "hsm replicate",
		.summary = "copy the active master keys to another HSM of the site",
		.details = "Wrapped at the principal HSM, unwrapped at the other, under a key that "
			   "both "
			   "have\n"
			   "from their ceremonies: a zone key for production, where copies are not "
			   "extractable,\n"
			   "the site key for a vault. What is there already is left alone.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"NAME", "the HSM, as 'hsm list' has it"}},
		.options = {{"--keyset", "K", "only this key set; several may follow",
				    OPTION_REPEATED},
			{"--under", "LABEL", "which wrapping key, if both have several",
				OPTION_OPTIONAL}},
		.run = cli_hsm_replicate,
	},
	{
		.path = "hsm compare",
		.summary = "another HSM against the registry: what is where, what has drifted",
		.details = "Exit code 3 if a copy is missing, another, of other attributes, or of "
			   "a key "
			   "that is\n"
			   "no longer in use; or if the HSM holds what is no copy.",
		.positional = {{"NAME", "the HSM, as 'hsm list' has it"}},
		.run = cli_hsm_compare,
	},
	{
		.path = "key list",
		.summary = "the keys there are",
		.options = {{"--keyset", "K", "only of this key set", OPTION_OPTIONAL},
			{"--state", "S",
				"only in this state (pending, active, suspended, deactivated, "
				"compromised, destroyed, void)",
				OPTION_OPTIONAL}},
		.run = cli_key_list,
	},
	{
		.path = "key show",
		.summary = "all that is known of a key, never its value",
		.positional = {{"LABEL", "the key"}},
		.run = cli_key_show,
	},
	{
		.path = "key suspend",
		.summary = "not to be used for now",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "a key, or a key set"}},
		.options = {REASON},
		.run = cli_key_suspend,
	},
	{
		.path = "key resume",
		.summary = "a suspended key is active again",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "a key, or a key set"}},
		.options = {REASON},
		.run = cli_key_resume,
	},
	{
		.path = "key retire",
		.summary = "not to be used any more; before a witness: destroyed as well",
		.details =
			"Of a key or a whole key set. Cards that still depend on it are counted; "
			"going "
			"on\n"
			"then takes an override. With --witness (a third person, who proves a "
			"passphrase)\n"
			"two officers destroy what is retired, on every HSM of the site; with an "
			"imported\n"
			"key set goes the transport key that it came under, unless another one "
			"needs "
			"it.",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "a key, or a key set"}},
		.options = {REASON,
			{"--witness", "NAME", "who sees it destroyed: any enrolled person",
				OPTION_OPTIONAL}},
		.run = cli_key_retire,
	},
	{
		.path = "key compromise",
		.summary = "somebody may know it; says what hangs on it, and what is to be done",
		.details = "Of a key or a whole key set. Lists the key sets that must be thought "
			   "to be "
			   "known,\n"
			   "their cards, partners, HSMs and backups. Their keys are not marked by "
			   "this.",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "a key, or a key set"}},
		.options = {REASON, {"--cards", "F", "write the dependent cards to this CSV file",
					    OPTION_OPTIONAL}},
		.run = cli_key_compromise,
	},
	{
		.path = "key impact",
		.summary = "the same list, before anything has happened",
		.positional = {{"LABEL", "a key, or a key set"}},
		.options = {{"--cards", "F", "write the dependent cards to this CSV file",
			OPTION_OPTIONAL}},
		.run = cli_key_impact,
	},
	{
		.path = "key destroy",
		.summary = "remove it from every HSM of the site for good; its record stays",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"LABEL", "a key, or a key set"}},
		.options = {REASON},
		.run = cli_key_destroy,
	},
	{
		.path = "key export",
		.summary = "masters in X9.143 (TR-31) key blocks, for a payment HSM or a cloud",
		.details = "One block a line: of a key set enc, mac, kek, or of one key. The "
			   "transport key\n"
			   "must be bound to key blocks (transport-key … --wrapping x9143). Each "
			   "key passes\n"
			   "through this machine's locked memory: only if site.ini has key-blocks "
			   "= allow.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"LABEL", "a master key, or a key set"}},
		.options =
			{{"--transport-key", "LABEL", "shared with the recipient", OPTION_REQUIRED},
				{"-o", "F", "the file to write", OPTION_REQUIRED},
				{"--usage", "U",
					"key usage in the header: B3 (default), E5, E6 or two "
					"digits",
					OPTION_OPTIONAL},
				{"--exportability", "X",
					"N (default): the recipient keeps it; E: may pass it on; "
					"S: "
					"also in weaker forms, by --override",
					OPTION_OPTIONAL},
				{"--carrier", "NAME", "who will carry it", OPTION_OPTIONAL}},
		.run = cli_key_export,
	},
	{
		.path = "key import",
		.summary = "key sets from X9.143 (TR-31) key blocks of a payment HSM or a cloud",
		.details = "The key plan says what the key sets are; the file has enc, mac and kek "
			   "of each\n"
			   "in its order, one block a line. Usage, algorithm, mode of use, key "
			   "version\n"
			   "number and exportability of each header must fit the plan.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"F", "the key blocks (docs/formats/key-block.md)"}},
		.options =
			{{"--transport-key", "LABEL", "under which they were made",
				 OPTION_REQUIRED},
				{"--plan", "F", "the key plan of these key sets", OPTION_REQUIRED},
				{"--usage", "U",
					"the only key usage to take (default: B3 or E5), as agreed "
					"with "
					"the sender",
					OPTION_OPTIONAL},
				{"--check-value", "HEX",
					"of each key in the file's order, as the sender says",
					OPTION_REPEATED},
				{"--carrier", "NAME", "who carried it", OPTION_OPTIONAL}},
		.run = cli_key_import,
	},
#include "cli/table_derive.h"
	{
		.path = "key block show",
		.summary = "explain what the headers of key blocks say; needs no key and no site",
		.details = "Nothing of it is proved: that takes the key block protection key.",
		.flags = CLI_NO_SITE,
		.positional = {{"F", "key blocks, one a line"}},
		.run = cli_key_block_show,
	},
	{
		.path = "transport-key create",
		.summary =
			"key ceremony: a new transport key, shown as components to its custodians",
		.details =
			"On a terminal each component is shown to its pair alone, who confirm by\n"
			"retyping its check value. Without a terminal the sheets go to files of "
			"mode\n"
			"0600 in --sheets DIR (DIR/LABEL-1.txt …), best on a tmpfs.\n"
			"With --print no component is on the screen: its sheet comes from the "
			"printer\n"
			"whose device is named (it takes PDF; a pipe with a print system at its "
			"end "
			"will\n"
			"do), or lies as a PDF in a folder on a tmpfs until the pair has it on "
			"paper, and\n"
			"is wiped then. A sheet that fails is void: register, minutes and audit "
			"log say so,\n"
			"and the component is printed again under a new serial number. Without a "
			"terminal\n"
			"all sheets come one after the other, and files stay in the folder.",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "the new key's label"}},
		.options = {TRANSPORT_OPTIONS, SHEETS},
		.run = cli_transport_create,
	},
	{
		.path = "transport-key import",
		.summary = "key ceremony: custodians type the components, the key is rebuilt in "
			   "this HSM",
		.details =
			"Each component's check value is verified before the next pair is called.\n"
			"Without a terminal: lines component.N and check-value.N of --pin-fd.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"LABEL", "the key's label here"}},
		.options = {TRANSPORT_OPTIONS,
			{"--check-value", "HEX", "of the whole key, as the other site says",
				OPTION_REQUIRED},
			{"--ceremony", "ID", "the id that must be on every sheet",
				OPTION_OPTIONAL}},
		.run = cli_transport_import,
	},
	{
		.path = "site-key create",
		.summary = "key ceremony: the key that backups are wrapped under, as components",
		.details =
			"Made in the HSM and shown as components, as a transport key is, but for "
			"this\n"
			"site's own custodians: with them and a backup a lost HSM is rebuilt. "
			"--print is\n"
			"explained at 'transport-key create'.",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "the new key's label"}},
		.options = {VAULT_KEY_OPTIONS, SHEETS},
		.run = cli_site_key_create,
	},
	{
		.path = "site-key restore",
		.summary = "key ceremony: custodians type the components, the site key is there "
			   "again",
		.details =
			"Into an HSM that was set up anew ('hsm setup --rebuild'), into that of a "
			"new\n"
			"site, or with --hsm into a second vault. Without a terminal: lines "
			"component.N\n"
			"and check-value.N of --pin-fd.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"LABEL", "the key's label"}},
		.options = {VAULT_KEY_OPTIONS, TYPED_IN},
		.run = cli_site_key_restore,
	},
	{
		.path = "zone-key create",
		.summary = "key ceremony: a key under which keys are copied to production HSMs",
		.details = "A zone key opens no backup. Production HSMs that serve one place "
			   "share one, and so do a site and who personalises its cards (key "
			   "derive).",
		.flags = CLI_CHANGES,
		.positional = {{"LABEL", "the new key's label"}},
		.options = {VAULT_KEY_OPTIONS, ZONE_WRAPPING, SHEETS},
		.run = cli_zone_key_create,
	},
	{
		.path = "zone-key restore",
		.summary = "key ceremony: custodians type a zone key's components into another HSM",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"LABEL", "the key's label"}},
		.options = {VAULT_KEY_OPTIONS, ZONE_WRAPPING, TYPED_IN},
		.run = cli_zone_key_restore,
	},
	{
		.path = "backup create",
		.summary = "write master and content keys, under the site key, and what is known "
			   "of them",
		.details = "Wrapped inside the HSM, sealed with the site key, signed by the site. "
			   "What no "
			   "HSM\n"
			   "gives out (transport, site and zone keys, pairs) is named, not "
			   "included. Of\n"
			   "the keys for DAPs, tokens and receipts ('card key create') the AES "
			   "keys are\n"
			   "in it.\n"
			   "Takes no other file's place.",
		.flags = CLI_CHANGES,
		.options = {{"-o", "F", "the backup file to write", OPTION_REQUIRED},
			{"--site-key", "LABEL", "which site key, if there are several",
				OPTION_OPTIONAL}},
		.run = cli_backup_create,
	},
	{
		.path = "backup list",
		.summary = "the backups that were made",
		.run = cli_backup_list,
	},
	{
		.path = "backup verify",
		.summary = "prove that a backup can be restored; says which keys are not in it",
		.details =
			"Signature, form and coverage; then, with the HSM, the seal and every key, "
			"unwrapped\n"
			"to objects that do not stay. --offline leaves the HSM out. Without a "
			"site: "
			"by the\n"
			"identity that signed it.",
		.flags = CLI_NO_SITE,
		.positional = {{"F", "the backup"}},
		.options = {{"--offline", NULL, "without the HSM", OPTION_OPTIONAL},
			{"--identity", "F", "the identity file of the site that wrote it",
				OPTION_OPTIONAL}},
		.run = cli_backup_verify,
	},
	{
		.path = "backup restore",
		.summary = "bring the keys of a backup back, all of them or none",
		.details = "Into the HSM that took a lost one's place ('hsm setup --rebuild'), or "
			   "that of "
			   "a new\n"
			   "site. The site key comes first ('site-key restore'). What was "
			   "destroyed on "
			   "purpose\n"
			   "since stays destroyed.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"F", "the backup"}},
		.options = {{"--fingerprint", "HEX",
			"of the identity that signed it, as it stands on the sheets",
			OPTION_OPTIONAL}},
		.run = cli_backup_restore,
	},
	{
		.path = "exchange request",
		.summary = "ask a partner for key sets, to be imported into this HSM, once",
		.flags = CLI_CHANGES,
		.options = {{"--from", "ORG", "the enrolled partner", OPTION_REQUIRED},
			{"--keyset", "K",
				"a key set, by the partner's name for it; several may follow",
				OPTION_REPEATED},
			{"-o", "F", "the request file to write", OPTION_REQUIRED}},
		.run = cli_exchange_request,
	},
	{
		.path = "exchange export",
		.summary =
			"answer a request: the key sets under a transport key, in a signed package",
		.details = "Neither the two officers nor the carrier may be custodians of the "
			   "transport\n"
			   "key. Under a key bound to raw-hex or raw-cbc only by --override.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.options = {{"--request", "F", "the partner's request", OPTION_REQUIRED},
			{"--transport-key", "LABEL", "shared with that partner", OPTION_REQUIRED},
			{"-o", "F", "the package file to write", OPTION_REQUIRED},
			{"--carrier", "NAME", "who will carry it", OPTION_OPTIONAL},
			{"--listing", "F", "raw wrapping: also a listing to type by hand",
				OPTION_OPTIONAL}},
		.run = cli_exchange_export,
	},
	{
		.path = "exchange show",
		.summary = "explain an exchange file; with -s also judge its signature",
		.flags = CLI_NO_SITE,
		.positional = {{"F", "an identity, request, package or receipt"}},
		.run = cli_exchange_show,
	},
	{
		.path = "exchange import",
		.summary = "import the key sets of a package: all keys or none",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"F", "the package"}},
		.options =
			{{"--transport-key", "LABEL", "under which it was wrapped",
				 OPTION_REQUIRED},
				{"--receipt", "F", "the receipt file to write, for the partner",
					OPTION_REQUIRED},
				{"--carrier", "NAME", "who carried it", OPTION_OPTIONAL},
				{"--rename", "OLD=NEW", "another name for a key set here",
					OPTION_REPEATED}},
		.run = cli_exchange_import,
	},
	{
		.path = "exchange receipt",
		.summary = "take the partner's receipt, which closes an export",
		.flags = CLI_CHANGES,
		.positional = {{"F", "the receipt"}},
		.run = cli_exchange_receipt,
	},
	{
		.path = "exchange export-listing",
		.summary = "key sets for a legacy KMS: a listing of encrypted keys to type by hand",
		.details = "For a partner without an identity (transport-key … --legacy). The "
			   "listing is\n"
			   "not signed and ECB and CBC have no integrity: by --override only.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.options = {{"--transport-key", "LABEL", "bound to raw-hex or raw-cbc",
				    OPTION_REQUIRED},
			{"--keyset", "K", "a key set; several may follow", OPTION_REPEATED},
			{"-o", "F", "the listing to write", OPTION_REQUIRED},
			{"--carrier", "NAME", "who will carry it", OPTION_OPTIONAL}},
		.run = cli_exchange_export_listing,
	},
	{
		.path = "exchange import-listing",
		.summary = "key sets from a legacy KMS, as a listing typed by hand",
		.details =
			"The key plan says what the key sets are: algorithm, diversification, key\n"
			"version, customer. By --override only; every check value is compared.",
		.flags = CLI_CHANGES | CLI_OFFICERS,
		.positional = {{"F", "the listing (docs/formats/exchange.md)"}},
		.options = {{"--transport-key", "LABEL", "under which the keys were encrypted",
				    OPTION_REQUIRED},
			{"--plan", "F", "the key plan of these key sets", OPTION_REQUIRED},
			{"--carrier", "NAME", "who carried it", OPTION_OPTIONAL}},
		.run = cli_exchange_import_listing,
	},
	{
		.path = "exchange list",
		.summary = "all requests, packages and receipts",
		.run = cli_exchange_list,
	},
	{
		.path = "exchange reissue",
		.summary = "write a file again that this site made",
		.details = "A package only by two officers, none of them a custodian of its "
			   "transport key.",
		.flags = CLI_CHANGES,
		.positional = {{"ID", "of the request, package or receipt"}},
		.options = {{"-o", "F", "the file to write", OPTION_REQUIRED}},
		.run = cli_exchange_reissue,
	},
#include "cli/table_ceremony.h"
#include "cli/table_custody.h"
	{
		.path = "audit list",
		.summary = "the audit log",
		.run = cli_audit_list,
	},
	{
		.path = "audit verify",
		.summary = "verify this site's log, an export, or a proof; offline",
		.details =
			"Without a file: the store's own log. With one: an export or a proof, "
			"by the\n"
			"identity given (no site needed) or one that the site knows. Names the "
			"first\n"
			"bad entry; exit code 3. With a site it is compared with every checkpoint "
			"that\n"
			"partners' documents brought, and with --witness also with others.",
		.flags = CLI_NO_SITE,
		.positional = {{"[F]", "an export or a proof"}},
		.options = {{"--identity", "F",
				    "the identity file of the site whose log it is; after a "
				    "rebuild the former "
				    "one, then the present one",
				    OPTION_REPEATED},
			{"--witness", "F", "checkpoints that somebody else holds of that log",
				OPTION_OPTIONAL}},
		.run = cli_audit_verify,
	},
	{
		.path = "audit witnesses",
		.summary = "the checkpoints that are held of partners' logs, and partners hold of "
			   "this one",
		.details = "They came and went in requests, packages and receipts. 'audit verify' "
			   "compares with\n"
			   "all of them, so that no site can write its history anew alone.",
		.options = {{"--of", "ORG", "only of this site's log", OPTION_OPTIONAL},
			{"-o", "F", "write them to F, for 'audit verify --witness F'",
				OPTION_OPTIONAL}},
		.run = cli_audit_witnesses,
	},
	{
		.path = "audit checkpoint",
		.summary = "sign the log as it is, in the HSM",
		.run = cli_audit_checkpoint,
	},
	{
		.path = "audit export",
		.summary = "write the log and its checkpoints to one file, for an auditor",
		.options = {{"-o", "F", "the file to write", OPTION_REQUIRED},
			{"--sign", NULL,
				"log in and sign a checkpoint first (as when a pin is given)",
				OPTION_OPTIONAL}},
		.run = cli_audit_export,
	},
	{
		.path = "audit prove",
		.summary = "a proof, verifiable offline, that one entry is in the log",
		.positional = {{"ENTRY", "its number in 'audit list'"}},
		.options = {{"-o", "F", "the file to write (default: standard output)",
			OPTION_OPTIONAL}},
		.run = cli_audit_prove,
	},
#include "cli/table_agent.h"
#include "cli/table_batch.h"
#include "cli/table_cards.h"
#include "cli/table_shipments.h"
	{
		.path = "doctor",
		.summary = "settle what an interrupted operation left; compare store, HSM and log",
		.details = "What an unfinished operation made is taken back, an unfinished "
			   "destruction is\n"
			   "completed. What it does not know it reports and leaves alone.",
		.flags = CLI_CHANGES,
		.run = cli_doctor,
	},
	{
		.path = "help",
		.summary = "this help; of a noun, of a command",
		.flags = CLI_NO_SITE,
		.positional = {{"[NOUN]", "a noun"}, {"[VERB]", "a verb"},
			{"[VERB]", "a further word"}},
		.options = {{"--man", NULL, "the man page, as roff", OPTION_OPTIONAL},
			{"--bash-completion", NULL, "the completion script for bash",
				OPTION_OPTIONAL}},
		.run = cli_help_command,
	},
	{
		.path = "version",
		.summary = "the program's version",
		.flags = CLI_NO_SITE,
		.run = cli_version,
	},
	{.path = NULL},
};
