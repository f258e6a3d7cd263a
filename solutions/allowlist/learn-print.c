/* SPDX-License-Identifier: Apache-2.0 */
/* Learn: the policy - see learn.h */
#include "learn.h"

#include "digest.h"
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ID_NAME 40 /* of an id, from the file's name */
#define ID_HEX 12  /* and from its path, so that files of one name differ */

/* ---- text --------------------------------------------------------------------------------- */

/* One character of text that is UTF-8, as JSON's is, and step over it. */
static uint32_t next_character(const unsigned char **text)
{
	const unsigned char *p = *text;
	unsigned int n = *p < 0x80 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
	uint32_t character = n ? *p & (0x3fu >> n) : *p;

	for (p++; n; n--, p++)
		character = character << 6 | (*p & 0x3f);
	*text = p;
	return character;
}

/* In double quotes, in ASCII: good as a YAML scalar, and in a comment, whatever the name holds. */
static void print_quoted(FILE *stream, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	putc('"', stream);
	while (*p) {
		uint32_t character = next_character(&p);

		if (character == '"' || character == '\\')
			fprintf(stream, "\\%c", (int)character);
		else if (character < ' ' || character == 0x7f)
			fprintf(stream, "\\x%02x", character);
		else if (character < 0x80)
			putc((int)character, stream);
		else
			fprintf(stream, character < 0x10000 ? "\\u%04x" : "\\U%08x", character);
	}
	putc('"', stream);
}

/* The path as a pattern for it alone: with a wildcard in its name, escaped. */
static char *pattern_of(const char *path)
{
	char *pattern = malloc(2 * strlen(path) + 1), *at = pattern;

	if (!pattern || !strpbrk(path, "*?"))
		return pattern ? strcpy(pattern, path) : NULL;
	for (; *path; path++) {
		if (strchr("*?[]\\", *path))
			*at++ = '\\';
		*at++ = *path;
	}
	*at = 0;
	return pattern;
}

/* ls-0123456789ab: names can be read, and do not change when files are added. */
static int print_id(FILE *stream, const char *path)
{
	const char *name = strrchr(path, '/') + 1;
	char hex[DIGEST_HEX];
	struct digest digest;
	int r = digest_of_bytes(path, strlen(path), &digest);

	if (r < 0)
		return r;
	digest_format(&digest, hex);
	for (size_t i = 0; i < ID_NAME && name[i]; i++) {
		char c = name[i] >= 'A' && name[i] <= 'Z' ? name[i] | 0x20 : name[i];

		putc((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '-', stream);
	}
	fprintf(stream, "-%.*s", ID_HEX, hex);
	return 0;
}

/* ---- rules -------------------------------------------------------------------------------- */

/* What the file is today, as far as the options ask. */
struct facts {
	struct stat status;
	struct digest digest;
};

/* The reason why today's file says nothing about the one that was executed, or NULL. */
static const char *look(const char *path, json_int_t ino, const struct learn_options *options,
			struct facts *ret)
{
	_cleanup_(cleanup_close) int fd = -1;

	if (!options->owner && !options->hash)
		return NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &ret->status) < 0)
		return strerror(errno);
	if (!S_ISREG(ret->status.st_mode) || (ino && (json_int_t)ret->status.st_ino != ino))
		return "another file is there now";
	if (options->hash && digest_of_file(fd, UINT64_MAX, &ret->digest))
		return "it cannot be read";
	return NULL;
}

static int print_rule(FILE *stream, const char *path, json_int_t n, const struct facts *facts,
		      const struct learn_options *options)
{
	_cleanup_(cleanup_free) char *pattern = pattern_of(path);
	char hex[DIGEST_HEX];
	int r;

	if (!pattern)
		return -ENOMEM;
	fputs("  # ", stream);
	print_quoted(stream, path);
	if (n)
		fprintf(stream, ", executed %lld times\n", (long long)n);
	else
		fputs(", the loader of others\n", stream);
	fputs("  - id: ", stream);
	r = print_id(stream, path);
	if (r < 0)
		return r;
	fputs("\n    action: allow\n    path: ", stream);
	print_quoted(stream, pattern);
	putc('\n', stream);
	if (options->owner)
		fprintf(stream, "    owner: %u\n", facts->status.st_uid);
	if (options->hash) {
		digest_format(&facts->digest, hex);
		fprintf(stream, "    sha256: \"%s\"\n", hex);
	}
	return 0;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The keys in order: a list of *ret_n, to be freed; NULL without memory. */
static const char **sorted_keys(json_t *object, size_t *ret_n)
{
	const char **keys = calloc(json_object_size(object) + 1, sizeof(*keys));
	const char *key;
	json_t *value;
	size_t n = 0;

	if (!keys)
		return NULL;
	json_object_foreach(object, key, value)
		keys[n++] = key;
	qsort(keys, n, sizeof(*keys), by_text);
	*ret_n = n;
	return keys;
}

static int print_rules(struct learned *learned, const struct learn_options *options, FILE *stream)
{
	_cleanup_(cleanup_free) const char **paths = NULL;
	size_t n, n_printed = 0;
	int r = 0;

	paths = sorted_keys(learned->files, &n);
	if (!paths)
		return -ENOMEM;
	fputs("rules:", stream);
	for (size_t i = 0; i < n && !r; i++) {
		const json_t *file = json_object_get(learned->files, paths[i]);
		struct facts facts = { 0 };
		const char *why = look(paths[i], json_integer_value(json_object_get(file, "ino")),
				       options, &facts);

		if (why) {
			json_object_set_new(learned->left_out, paths[i], json_string(why));
			continue;
		}
		fputs(n_printed++ ? "" : "\n", stream);
		r = print_rule(stream, paths[i], json_integer_value(json_object_get(file, "n")),
			       &facts, options);
	}
	if (!n_printed)
		fputs(" []\n", stream);
	return r;
}

static int print_left_out(const struct learned *learned, FILE *stream)
{
	_cleanup_(cleanup_free) const char **paths = NULL;
	size_t n;

	paths = sorted_keys(learned->left_out, &n);
	if (!paths)
		return -ENOMEM;
	if (n)
		fputs("# Left out:\n", stream);
	for (size_t i = 0; i < n; i++) {
		fputs("#   ", stream);
		print_quoted(stream, paths[i]);
		fprintf(stream, ": %s\n",
			json_string_value(json_object_get(learned->left_out, paths[i])));
	}
	return 0;
}

int learn_print(struct learned *learned, const struct learn_options *options, FILE *stream)
{
	int r;

	fprintf(stream, "# Learned from %llu executions of %zu files.\n",
		(unsigned long long)learned->n_executions,
		json_object_size(learned->files) + json_object_size(learned->left_out));
	r = print_rules(learned, options, stream);
	if (!r)
		r = print_left_out(learned, stream);
	if (!r && (fflush(stream) || ferror(stream)))
		r = -EIO;
	return r;
}
