/* SPDX-License-Identifier: Apache-2.0 */
/* Pattern - see pattern.h */
#include "pattern.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>

/* The reason why no path of the kernel can look so, or NULL. */
static const char *never_matches(const char *text)
{
	if (text[0] != '/')
		return "a path must begin with a slash";
	if (!strncmp(text, "/memfd:", 7))
		return "a memfd has no path; path conditions never hold for it";
	for (const char *part = text; part; part = strchr(part + 1, '/')) {
		size_t n = strcspn(part + 1, "/");

		if (!n && part[1])
			return "a path with two slashes in a row never matches";
		if ((n == 1 && part[1] == '.') || (n == 2 && part[1] == '.' && part[2] == '.'))
			return "a path with `.' or `..' in it never matches";
	}
	return NULL;
}

static size_t count_stars(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '*';
	return n;
}

int pattern_parse(struct pattern *ret, struct arena *arena, const char *text, unsigned int line,
		  struct refusal *ret_refusal)
{
	size_t n = strlen(text);
	bool below = n && text[n - 1] == '/', glob = strpbrk(text, "*?");
	const char *why = never_matches(text);

	if (why)
		return refuse(ret_refusal, line, "%s", why);
	if (n > PATTERN_MAX_BYTES)
		return refuse(ret_refusal, line, "a path has at most %d bytes", PATTERN_MAX_BYTES);
	/* fnmatch() tries, for each star, every length that it could have. */
	if (count_stars(text) > PATTERN_MAX_STARS)
		return refuse(ret_refusal, line, "a path has at most %d stars", PATTERN_MAX_STARS);
	ret->kind = glob ? below ? PATTERN_GLOB_BELOW : PATTERN_GLOB :
		    below ? PATTERN_BELOW : PATTERN_EXACT;
	ret->length = ret->kind == PATTERN_GLOB_BELOW ? n - 1 : n;
	ret->text = arena_strndup(arena, text, ret->length);
	return ret->text ? 0 : -ENOMEM;
}

static bool glob_matches(const char *glob, const char *path, int flags)
{
	return fnmatch(glob, path, FNM_PATHNAME | flags) == 0;
}

bool pattern_matches(const struct pattern *pattern, const char *path)
{
	switch (pattern->kind) {
	case PATTERN_EXACT:
		return !strcmp(path, pattern->text);
	case PATTERN_BELOW:
		return !strncmp(path, pattern->text, pattern->length);
	case PATTERN_GLOB:
		return glob_matches(pattern->text, path, 0);
	case PATTERN_GLOB_BELOW:
		/* FNM_LEADING_DIR takes the folder's own path as well. */
		return glob_matches(pattern->text, path, FNM_LEADING_DIR) &&
		       !glob_matches(pattern->text, path, 0);
	}
	return false;
}
