/* SPDX-License-Identifier: Apache-2.0 */
/* Boot line - words between blanks; a quote keeps blanks together, as the kernel reads them. */
#include "ringfortd/boot-line.h"

#include "base/fs.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define MAX_BYTES 32768 /* with a boot configuration it may be longer than the loader's line */

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static size_t word_length(const char *word)
{
	bool quoted = false;
	size_t length = 0;

	while (word[length] && (quoted || !blank(word[length]))) {
		if (word[length] == '"')
			quoted = !quoted;
		length++;
	}
	return length;
}

static bool says_yes(const char *value, size_t length)
{
	static const char *const yes[] = { "1", "y", "yes", "t", "true", "on" };

	if (length >= 2 && value[0] == '"' && value[length - 1] == '"') {
		value++;
		length -= 2;
	}
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strlen(yes[i]) == length && strncasecmp(yes[i], value, length) == 0)
			return true;
	return false;
}

bool boot_line_disables(const char *line)
{
	const size_t own = sizeof(BOOT_LINE_WORD) - 1;
	bool disables = false;
	size_t length;

	for (; *line; line += length) {
		while (blank(*line))
			line++;
		length = word_length(line);
		if (length < own || strncmp(line, BOOT_LINE_WORD, own) != 0)
			continue;
		if (length == own)
			disables = true;
		else if (line[own] == '=')
			disables = says_yes(line + own + 1, length - own - 1);
	}
	return disables;
}

bool boot_line_read(void)
{
	static char line[MAX_BYTES];

	return fs_read_at(AT_FDCWD, "/proc/cmdline", line, sizeof(line)) > 0 && boot_line_disables(line);
}
