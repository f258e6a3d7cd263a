/* SPDX-License-Identifier: Apache-2.0 */
/* ringfort findings - what the solutions found. */
#include "cli/cli.h"
#include "cli/daemon.h"
#include "cli/stream.h"
#include "cli/tree.h"
#include "cli/when.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is no string has no value and the length 0. */
static void put_text(const struct screen *screen, const json_t *string)
{
	screen_text(screen, json_string_value(string), json_string_length(string));
}

static void put_word(const struct screen *screen, const json_t *string)
{
	screen_word(screen, json_string_value(string), json_string_length(string));
}

static void put_words(const struct screen *screen, const json_t *array)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			fputc(' ', screen->file);
		put_word(screen, json_array_get(array, i));
	}
}

static enum ink level_ink(const char *level)
{
	static const struct {
		const char *level;
		enum ink ink;
	} inks[] = {
		{ "critical", INK_RED }, { "high", INK_RED }, { "medium", INK_YELLOW }, { "low", INK_CYAN },
	};

	for (size_t i = 0; i < sizeof(inks) / sizeof(inks[0]); i++)
		if (strcmp(level, inks[i].level) == 0)
			return inks[i].ink;
	return INK_PLAIN;
}

static bool put_address(const struct screen *screen, const json_t *address)
{
	const json_t *ip = json_object_get(address, "ip");
	const json_t *path = json_object_get(address, "path");

	if (json_is_string(ip)) {
		bool brackets = strchr(json_string_value(ip), ':');

		fputs(brackets ? "[" : "", screen->file);
		put_text(screen, ip);
		fprintf(screen->file, "%s:%llu", brackets ? "]" : "",
			(unsigned long long)tree_uint(address, "port"));
		return true;
	}
	if (json_is_string(path))
		put_word(screen, path);
	return json_is_string(path);
}

/* What tells most: the command line of an exec, else the path, the address, the other process. */
static void put_object(const struct screen *screen, const json_t *told)
{
	static const char *const paths[] = { "to.path", "file.path", "target_exe" };
	static const char *const addresses[] = { "remote", "local" };
	const json_t *argv = json_object_get(told, "argv");

	if (json_array_size(argv) > 0) {
		put_words(screen, argv);
		return;
	}
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const json_t *path = tree_at(told, paths[i]);

		if (json_string_length(path) > 0) {
			put_word(screen, path);
			return;
		}
	}
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
		if (put_address(screen, json_object_get(told, addresses[i])))
			return;
	put_words(screen, tree_at(told, "process.argv"));
}

/* The image: for a process.exec the new one. */
static const json_t *image_of(const json_t *told)
{
	const json_t *file = tree_at(told, "file.path");

	if (strcmp(tree_string(told, "type"), "process.exec") == 0 && json_string_length(file) > 0)
		return file;
	return tree_at(told, "process.exe");
}

static void put_more(const struct screen *screen, const json_t *told)
{
	static const char *const lists[] = { "tags", "references" };
	const char *author = tree_string(told, "author");
	const char *name;
	json_t *value;

	fputs("    rule ", screen->file);
	put_text(screen, json_object_get(told, "rule_id"));
	if (author[0]) {
		fputs(" by ", screen->file);
		screen_text(screen, author, strlen(author));
	}
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		const json_t *list = json_object_get(told, lists[i]);

		if (json_array_size(list) == 0)
			continue;
		fprintf(screen->file, "\n    %s ", lists[i]);
		put_words(screen, list);
	}
	json_object_foreach(json_object_get(told, "matched"), name, value) {
		fputs("\n    matched ", screen->file);
		screen_text(screen, name, strlen(name));
		fputs(" = ", screen->file);
		if (json_is_string(value))
			put_word(screen, value);
	}
	fputc('\n', screen->file);
}

static void put_finding(const struct screen *screen, const json_t *told, bool verbose)
{
	const char *level = tree_string(told, "level");
	const json_t *image = image_of(told);
	uint64_t count = tree_uint(told, "count");
	char date[32];

	screen_ink(screen, INK_DIM);
	fputs(when_date(tree_uint(told, "time_ns"), date), screen->file);
	screen_ink(screen, level_ink(level));
	fputc(' ', screen->file);
	screen_text(screen, level, strlen(level));
	screen_ink(screen, INK_BOLD);
	fputc(' ', screen->file);
	put_text(screen, json_object_get(told, "title"));
	screen_ink(screen, INK_PLAIN);
	if (count > 1)
		fprintf(screen->file, " (%llu times)", (unsigned long long)count);
	fputs(": ", screen->file);
	if (json_is_string(image)) {
		put_word(screen, image);
		fputs(": ", screen->file);
	}
	put_object(screen, told);
	screen_ink(screen, INK_DIM);
	fputs(" [", screen->file);
	put_text(screen, json_object_get(told, "solution"));
	fputs("]", screen->file);
	screen_ink(screen, INK_PLAIN);
	fputc('\n', screen->file);
	if (verbose)
		put_more(screen, told);
}

static int on_packet(struct cli *cli, const struct packet *packet, void *context)
{
	const json_t *told;
	json_t *finding;

	if (packet->kind != WIRE_JSON)
		return 0;
	if (cli->options->given & OPTION_BIT(JSON)) {
		fwrite(packet->data, 1, packet->size, cli->out.file);
		fputc('\n', cli->out.file);
		return 1;
	}
	finding = tree_parse(packet->data, packet->size);
	told = json_object_get(finding, "ringfort");
	if (told) {
		put_finding(&cli->out, told, cli->options->given & OPTION_BIT(VERBOSE));
	} else { /* better ugly than unseen */
		screen_text(&cli->out, packet->data, packet->size);
		fputc('\n', cli->out.file);
	}
	json_decref(finding);
	return 1;
}

static bool wants_footer(const struct cli *cli)
{
	const char *term = getenv("TERM");

	return (cli->options->given & OPTION_BIT(FOLLOW)) && !(cli->options->given & OPTION_BIT(JSON)) &&
	       isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

int command_findings(struct cli *cli)
{
	struct wire_request request = {
		.operation = WIRE_FINDINGS,
		.types = cli->options->types,
		.since_ns = cli->options->since_ns,
	};

	if (cli->options->given & OPTION_BIT(FOLLOW))
		request.flags |= WIRE_FOLLOW;
	return stream_run(cli, request, wants_footer(cli), on_packet, NULL);
}
