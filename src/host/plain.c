/* SPDX-License-Identifier: Apache-2.0 */
/* Plain - checks of fixed-size data from a process that is not trusted. */
#include "host/plain.h"

#include <string.h>

bool plain_text(const char *text, size_t size)
{
	size_t length = strnlen(text, size);

	if (length == size)
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	for (size_t i = length; i < size; i++)
		if (text[i] != '\0')
			return false;
	return true;
}

bool plain_list(const struct plain_list *list, bool (*valid)(const char *text))
{
	if (list->n > PLAIN_LIST_MAX)
		return false;
	for (uint32_t i = 0; i < PLAIN_LIST_MAX; i++) {
		if (!plain_text(list->text[i], sizeof(list->text[i])))
			return false;
		if (i >= list->n ? list->text[i][0] != '\0' : valid && !valid(list->text[i]))
			return false;
	}
	return true;
}

bool plain_name(const char *text)
{
	size_t length = strlen(text);

	return length > 0 && length < PLAIN_NAME_SIZE &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == length;
}

/* Parts between slashes: none empty, none that walks. */
static bool parts_valid(const char *text)
{
	for (;;) {
		size_t length = strcspn(text, "/");

		if (length == 0 || (length == 1 && text[0] == '.') ||
		    (length == 2 && text[0] == '.' && text[1] == '.'))
			return false;
		text += length;
		if (*text == '\0')
			return true;
		text++;
	}
}

bool plain_absolute_path(const char *text)
{
	return text[0] == '/' && parts_valid(text + 1);
}

bool plain_relative_path(const char *text)
{
	return parts_valid(text);
}
