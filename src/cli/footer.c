/* SPDX-License-Identifier: Apache-2.0 */
/* Footer - a line at the bottom of the terminal that keeps itself current. */
#include "cli/footer.h"

#include "base/cleanup.h"
#include "cli/daemon.h"
#include "cli/tree.h"
#include "cli/when.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define ASK_EVERY_MS 1000
#define ANSWER_WITHIN_MS 3000

struct footer {
	const struct screen *screen;
	const char *socket;
	struct daemon *daemon; /* while an answer is awaited */
	uint64_t asked_ms;     /* CLOCK_MONOTONIC of the last question */
	uint64_t answered_ms, performed; /* of the answer before this one */
	char *text;
	size_t text_size;
	bool drawn;
	bool stale; /* text is newer than what was drawn */
	struct sigaction old_int, old_term, old_hup, old_winch;
};

static volatile sig_atomic_t footer_signal;
static volatile sig_atomic_t footer_resized;

static void note_signal(int number)
{
	if (number == SIGWINCH)
		footer_resized = 1;
	else
		footer_signal = number;
}

struct footer *footer_open(const struct screen *screen, const char *socket)
{
	/* Without SA_RESTART, so that poll(2) returns. */
	struct sigaction action = { .sa_handler = note_signal };
	struct footer *footer = calloc(1, sizeof(*footer));

	if (!footer)
		return NULL;
	footer->screen = screen;
	footer->socket = socket;
	footer_signal = 0;
	sigaction(SIGINT, &action, &footer->old_int);
	sigaction(SIGTERM, &action, &footer->old_term);
	sigaction(SIGHUP, &action, &footer->old_hup);
	sigaction(SIGWINCH, &action, &footer->old_winch);
	return footer;
}

struct footer *footer_close(struct footer *footer)
{
	if (!footer)
		return NULL;
	footer_clear(footer);
	fflush(footer->screen->file);
	sigaction(SIGINT, &footer->old_int, NULL);
	sigaction(SIGTERM, &footer->old_term, NULL);
	sigaction(SIGHUP, &footer->old_hup, NULL);
	sigaction(SIGWINCH, &footer->old_winch, NULL);
	daemon_close(footer->daemon);
	free(footer->text);
	free(footer);
	return NULL;
}

int footer_fd(const struct footer *footer)
{
	return footer && footer->daemon ? daemon_fd(footer->daemon) : -1;
}

int footer_due_ms(const struct footer *footer)
{
	uint64_t now = when_monotonic_ms(), due;

	if (!footer)
		return -1;
	if (footer->asked_ms == 0)
		return 0;
	due = footer->asked_ms + (footer->daemon ? ANSWER_WITHIN_MS : ASK_EVERY_MS);
	return due > now ? (int)(due - now) : 0;
}

void footer_clear(struct footer *footer)
{
	if (!footer || !footer->drawn)
		return;
	fputs("\r\033[J", footer->screen->file);
	footer->drawn = false;
}

void footer_draw(struct footer *footer)
{
	if (!footer || !footer->text)
		return;
	footer_clear(footer);
	/* Without wrapping at the margin: what does not fit is not shown. */
	fprintf(footer->screen->file, "\033[?7l%s\033[0m\033[?7h\r", footer->text);
	fflush(footer->screen->file);
	footer->drawn = true;
	footer->stale = false;
	footer_resized = 0;
}

static void put_solutions(const struct screen *out, const json_t *status)
{
	const json_t *solutions = json_object_get(status, "solutions");

	for (size_t i = 0; i < json_array_size(solutions); i++) {
		const json_t *solution = json_array_get(solutions, i);
		const char *name = tree_string(solution, "name");
		const char *state = tree_string(solution, "state");

		fputs(" | ", out->file);
		screen_text(out, name, strlen(name));
		fputc(' ', out->file);
		screen_ink(out, strcmp(state, "active") == 0 ? INK_GREEN : INK_YELLOW);
		screen_text(out, state, strlen(state));
		screen_ink(out, INK_DIM);
	}
}

static void set_text(struct footer *footer, const json_t *status, const char *trouble)
{
	struct screen out = *footer->screen;
	uint64_t now = when_monotonic_ms(), performed = 0, lost = 0;
	char *text = NULL;
	size_t size;

	out.file = open_memstream(&text, &size);
	if (!out.file)
		return;
	screen_ink(&out, INK_DIM);
	if (status) {
		const json_t *events = json_object_get(status, "events");

		performed = tree_uint(events, "performed");
		lost = tree_uint(events, "lost");
		if (footer->answered_ms && now > footer->answered_ms && performed >= footer->performed)
			fprintf(out.file, "%llu events/s",
				(unsigned long long)((performed - footer->performed) * 1000 /
						     (now - footer->answered_ms)));
		else
			fprintf(out.file, "%llu events", (unsigned long long)performed);
		fputs(" | ", out.file);
		screen_ink(&out, lost ? INK_RED : INK_DIM);
		fprintf(out.file, "lost %llu", (unsigned long long)lost);
		screen_ink(&out, INK_DIM);
		put_solutions(&out, status);
	} else {
		screen_ink(&out, INK_RED);
		fputs(trouble, out.file);
	}
	fclose(out.file);
	free(footer->text);
	footer->text = text;
	footer->stale = true;
	footer->answered_ms = status ? now : 0;
	footer->performed = performed;
}

static void ask(struct footer *footer)
{
	struct wire_request request = { .operation = WIRE_STATUS };

	footer->daemon = daemon_close(footer->daemon);
	footer->asked_ms = when_monotonic_ms();
	if (daemon_open(footer->socket, request, &footer->daemon) < 0)
		set_text(footer, NULL, "ringfortd is not running");
}

static void read_answer(struct footer *footer)
{
	struct packet packet;
	json_t *status;
	int r = daemon_next(footer->daemon, &packet);

	if (r == -EAGAIN)
		return;
	if (r < 0 || packet.kind != WIRE_JSON) {
		set_text(footer, NULL, "ringfortd does not tell its status");
		footer->daemon = daemon_close(footer->daemon);
		return;
	}
	status = tree_parse(packet.data, packet.size);
	set_text(footer, status, "ringfortd's status cannot be read");
	json_decref(status);
	/* WIRE_END follows; there is no need to see it. */
	footer->daemon = daemon_close(footer->daemon);
}

void footer_turn(struct footer *footer)
{
	if (!footer)
		return;
	if (footer->daemon)
		read_answer(footer);
	if (footer_due_ms(footer) == 0) {
		if (footer->daemon)
			set_text(footer, NULL, "ringfortd does not answer");
		ask(footer);
	}
	if (footer->stale || footer_resized)
		footer_draw(footer);
}

int footer_interrupted(const struct footer *footer)
{
	return footer ? (int)footer_signal : 0;
}
