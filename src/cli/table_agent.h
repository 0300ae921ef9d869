/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the command table (commands.c, which includes it there) that is about the agent. */
/* clang-format off */
	{
		.path = "agent",
		.summary = "hold operator PINs in locked memory for this user's programs, until "
			   "SIGTERM",
		.details = "Run it as a service of the user that works on cards. It starts without "
			   "a PIN; 'unlock' "
			   "gives it\n"
			   "one, 'lock' takes all of them away. Only processes of the same user "
			   "are answered.",
		.options = {{"--status", NULL,
			"say which PINs the running agent holds, and how often it "
			"gave them",
			OPTION_OPTIONAL}},
		.run = cli_agent,
	},
	{
		.path = "unlock",
		.summary = "give the operator PIN of an HSM to the agent, for a time",
		.details = "The PIN is asked for and proved by a login. The principal HSM's is "
			   "refused where "
			   "policy says\n"
			   "vault = offline, and that of a second vault always. With unlock among "
			   "the words of "
			   "two-officers\n"
			   "in site.ini it takes two officers.",
		.flags = CLI_CHANGES,
		.options = {{"--hsm", "NAME", "a production HSM instead of the principal one",
				    OPTION_OPTIONAL},
			{"--for", "TIME", "like 90s, 30m, 12h (the default) or 2d; at most 7d",
				OPTION_OPTIONAL}},
		.run = cli_unlock,
	},
	{
		.path = "lock",
		.summary = "make the agent forget every PIN at once",
		.flags = CLI_CHANGES,
		.run = cli_lock,
	},
