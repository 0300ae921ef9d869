/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/terminfo.h"

#include <curses.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

static const char *capability(const char *name)
{
	const char *value = tigetstr(name);

	return value == (const char *)-1 ? NULL : value;
}

bool terminfo_can_move(const char *type)
{
	int error;
	bool can;

	if (setupterm(type, STDERR_FILENO, &error) != OK)
		return false;
	can = capability("cup") && capability("clear");
	del_curterm(cur_term);
	return can;
}

size_t terminfo_move(int row, int column, char *out, size_t size)
{
	const char *cup = capability("cup"), *text = cup ? tiparm(cup, row, column) : NULL;
	size_t len = 0;

	/* "$<5>" is a pause in milliseconds that terminals of the seventies needed. */
	while (text && *text && len < size) {
		if (text[0] == '$' && text[1] == '<')
			text += strcspn(text, ">") + 1;
		else
			out[len++] = *text++;
	}
	return len;
}
