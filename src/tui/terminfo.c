/* SPDX-License-Identifier: Apache-2.0 */
#include "tui/terminfo.h"

#include <curses.h>
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

const char *terminfo_move(int row, int column)
{
	const char *cup = capability("cup");

	return cup ? tiparm(cup, row, column) : NULL;
}
