/* SPDX-License-Identifier: Apache-2.0 */
/* Throw-away folders of programs that test. What fails ends the program: nothing then means anything. */
#ifndef SUPPORT_FOLDER_H
#define SUPPORT_FOLDER_H

#include <stdbool.h>

enum { FOLDER_SIZE = 64 };

void folder_check(bool good, const char *what);
void folder_make(char dir[FOLDER_SIZE], const char *name); /* /tmp/NAME-XXXXXX */
void folder_empty(const char *dir);
void folder_remove(char dir[FOLDER_SIZE]); /* sets it to ""; safe on "" */

#endif
