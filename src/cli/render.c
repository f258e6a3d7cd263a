/* SPDX-License-Identifier: Apache-2.0 */
/* Render - an event as one line for people. */
#include "cli/render.h"

#include "cli/when.h"

#include <arpa/inet.h>
#include <string.h>

static void put_span(const struct screen *screen, const struct ringfort_event *event,
		     struct ringfort_span span)
{
	screen_word(screen, ringfort_string(event, span), span.length);
}

static void put_strings(const struct screen *screen, const struct ringfort_event *event,
			struct ringfort_span list)
{
	const char *text = NULL, *blank = "";

	while ((text = ringfort_next_string(event, list, text))) {
		fputs(blank, screen->file);
		screen_word(screen, text, strlen(text));
		blank = " ";
	}
}

static void put_value(const struct screen *screen, const char *set, uint32_t value)
{
	const char *name = ringfort_value_name(set, value);

	if (name)
		fputs(name, screen->file);
	else
		fprintf(screen->file, "%u", value);
}

static void put_flags(const struct screen *screen, const char *set, uint32_t flags)
{
	const char *comma = "";

	for (uint32_t bit = 0; bit < 32; bit++) {
		if (!(flags >> bit & 1))
			continue;
		fputs(comma, screen->file);
		put_value(screen, set, bit);
		comma = ",";
	}
}

static void put_file(const struct screen *screen, const struct ringfort_event *event,
		     const struct ringfort_file *file)
{
	put_span(screen, event, file->path);
	if (file->quality == RINGFORT_QUALITY_RACED)
		fputs(" (raced)", screen->file);
	if (file->flags) {
		fputs(" (", screen->file);
		put_flags(screen, "file_flags", file->flags);
		fputc(')', screen->file);
	}
}

static void put_addr(const struct screen *screen, const struct ringfort_event *event,
		     const struct ringfort_addr *addr)
{
	char ip[INET6_ADDRSTRLEN] = "";

	switch (addr->family) {
	case RINGFORT_FAMILY_INET:
		inet_ntop(AF_INET, addr->ip, ip, sizeof(ip));
		fprintf(screen->file, "%s:%u", ip, addr->port);
		break;
	case RINGFORT_FAMILY_INET6:
		inet_ntop(AF_INET6, addr->ip, ip, sizeof(ip));
		fprintf(screen->file, "[%s]:%u", ip, addr->port);
		break;
	default:
		put_value(screen, "family", addr->family);
		if (addr->path.offset) {
			fputc(':', screen->file);
			put_span(screen, event, addr->path);
		}
	}
}

static void put_error(const struct screen *screen, int32_t error)
{
	const char *name = strerrorname_np(error);

	if (error == 0)
		return;
	screen_ink(screen, INK_YELLOW);
	if (name)
		fprintf(screen->file, " (%s)", name);
	else
		fprintf(screen->file, " (error %d)", error);
	screen_ink(screen, INK_PLAIN);
}

static bool field_empty(const void *at, uint32_t kind)
{
	switch ((enum ringfort_kind)kind) {
	case RINGFORT_KIND_U64:
		return *(const uint64_t *)at == 0;
	case RINGFORT_KIND_STR:
	case RINGFORT_KIND_STRV:
		return ((const struct ringfort_span *)at)->offset == 0;
	case RINGFORT_KIND_FILE:
		return ((const struct ringfort_file *)at)->path.offset == 0;
	case RINGFORT_KIND_ADDR:
		return ((const struct ringfort_addr *)at)->family == 0;
	case RINGFORT_KIND_ENUM:
		return false; /* the first value of a set says as much as the others */
	default:
		return *(const uint32_t *)at == 0;
	}
}

static void put_kind(const struct screen *screen, const struct ringfort_event *event, const void *at,
		     const struct ringfort_field *field)
{
	switch ((enum ringfort_kind)field->kind) {
	case RINGFORT_KIND_U32:
	case RINGFORT_KIND_BOOL:
		fprintf(screen->file, "%u", *(const uint32_t *)at);
		break;
	case RINGFORT_KIND_U64:
		fprintf(screen->file, "%llu", (unsigned long long)*(const uint64_t *)at);
		break;
	case RINGFORT_KIND_I32:
		fprintf(screen->file, "%d", *(const int32_t *)at);
		break;
	case RINGFORT_KIND_ENUM:
		put_value(screen, field->set, *(const uint32_t *)at);
		break;
	case RINGFORT_KIND_FLAGS:
		put_flags(screen, field->set, *(const uint32_t *)at);
		break;
	case RINGFORT_KIND_STR:
		put_span(screen, event, *(const struct ringfort_span *)at);
		break;
	case RINGFORT_KIND_STRV:
		put_strings(screen, event, *(const struct ringfort_span *)at);
		break;
	case RINGFORT_KIND_FILE:
		put_file(screen, event, at);
		break;
	case RINGFORT_KIND_ADDR:
		put_addr(screen, event, at);
		break;
	case RINGFORT_KIND_PROC:
		fprintf(screen->file, "%u", ((const struct ringfort_proc *)at)->pid);
		break;
	}
}

void render_field(const struct screen *screen, const struct ringfort_event *event,
		  const void *base, const struct ringfort_field *field)
{
	const void *at = (const char *)base + field->offset;

	if (field_empty(at, field->kind))
		return;
	fprintf(screen->file, " %s=", field->name);
	put_kind(screen, event, at, field);
}

static void render_exec(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(event);
	uint32_t telling = exec->flags & ~(1u << RINGFORT_EXEC_SCRIPT);

	if (exec->argv.offset)
		put_strings(screen, event, exec->argv);
	else
		put_file(screen, event, &exec->file);
	if (exec->script.path.offset) {
		fputs(" (script ", screen->file);
		put_file(screen, event, &exec->script);
		fputc(')', screen->file);
	}
	if (telling) {
		fputs(" (", screen->file);
		put_flags(screen, "exec_flags", telling);
		fputc(')', screen->file);
	}
	put_error(screen, exec->error);
}

static void render_fork(const struct screen *screen, const struct ringfort_event *event)
{
	fprintf(screen->file, "child %u", ringfort_as_process_fork(event)->child.pid);
}

static void render_exit(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_process_exit *gone = ringfort_as_process_exit(event);

	if (gone->signal)
		fprintf(screen->file, "killed by signal %u%s", gone->signal,
			gone->core_dumped ? ", core dumped" : "");
	else
		fprintf(screen->file, "exit code %d", gone->exit_code);
}

static void put_change(const struct screen *screen, const char *name, uint32_t before, uint32_t after)
{
	if (before != after)
		fprintf(screen->file, "%s %u -> %u ", name, before, after);
}

static void render_setid(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_process_setid *ids = ringfort_as_process_setid(event);

	put_change(screen, "uid", ids->old_uid, ids->uid);
	put_change(screen, "euid", ids->old_euid, ids->euid);
	put_change(screen, "gid", ids->old_gid, ids->gid);
	put_change(screen, "egid", ids->old_egid, ids->egid);
	fprintf(screen->file, "capabilities %llx", (unsigned long long)ids->cap_effective);
}

static void render_ptrace(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_process_ptrace *act = ringfort_as_process_ptrace(event);

	put_value(screen, "ptrace_request", act->request);
	fprintf(screen->file, " %u ", act->target.pid);
	put_span(screen, event, act->target_exe);
	put_error(screen, act->error);
}

static void render_open_write(const struct screen *screen, const struct ringfort_event *event)
{
	put_file(screen, event, &ringfort_as_file_open_write(event)->file);
}

static void render_create(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_file_create *act = ringfort_as_file_create(event);

	if (act->kind != RINGFORT_CREATE_REGULAR) {
		put_value(screen, "create_kind", act->kind);
		fputc(' ', screen->file);
	}
	put_file(screen, event, &act->file);
	if (act->target.offset) {
		fputs(" -> ", screen->file);
		put_span(screen, event, act->target);
	}
}

static void render_modify(const struct screen *screen, const struct ringfort_event *event)
{
	put_file(screen, event, &ringfort_as_file_modify(event)->file);
}

static void render_rename(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_file_rename *act = ringfort_as_file_rename(event);

	put_file(screen, event, &act->from);
	fputs(" -> ", screen->file);
	put_file(screen, event, &act->to);
}

static void render_unlink(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_file_unlink *act = ringfort_as_file_unlink(event);

	if (act->directory)
		fputs("directory ", screen->file);
	put_file(screen, event, &act->file);
}

static void render_attr(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_file_attr *act = ringfort_as_file_attr(event);

	put_value(screen, "attr_kind", act->what);
	if (act->what == RINGFORT_ATTR_MODE)
		fprintf(screen->file, " %04o", act->mode);
	if (act->what == RINGFORT_ATTR_OWNER)
		fprintf(screen->file, " %d:%d", (int)act->new_uid, (int)act->new_gid);
	fputc(' ', screen->file);
	put_file(screen, event, &act->file);
}

static void put_protocol(const struct screen *screen, uint32_t protocol)
{
	put_value(screen, "protocol", protocol);
	fputc(' ', screen->file);
}

static void render_connect(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_net_connect *act = ringfort_as_net_connect(event);

	put_protocol(screen, act->protocol);
	put_addr(screen, event, &act->remote);
	put_error(screen, act->error);
}

static void render_bind(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_net_bind *act = ringfort_as_net_bind(event);

	put_protocol(screen, act->protocol);
	put_addr(screen, event, &act->local);
	put_error(screen, act->error);
}

static void render_listen(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_net_listen *act = ringfort_as_net_listen(event);

	put_protocol(screen, act->protocol);
	put_addr(screen, event, &act->local);
}

static void render_accept(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_net_accept *act = ringfort_as_net_accept(event);

	put_protocol(screen, act->protocol);
	put_addr(screen, event, &act->local);
	fputs(" from ", screen->file);
	put_addr(screen, event, &act->remote);
}

static void render_loss(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_stream_loss *loss = ringfort_as_stream_loss(event);
	const struct ringfort_type_info *info = ringfort_type_info(loss->lost_type);

	screen_ink(screen, INK_RED);
	fprintf(screen->file, "LOST %llu of %s: ", (unsigned long long)loss->count,
		info ? info->name : "a type that cannot be told");
	put_value(screen, "loss_cause", loss->cause);
	screen_ink(screen, INK_PLAIN);
}

static void render_any(const struct screen *screen, const struct ringfort_event *event)
{
	const struct ringfort_type_info *info = ringfort_type_info(event->type);

	for (uint32_t i = 0; i < info->n_fields; i++)
		render_field(screen, event, event + 1, &info->fields[i]);
}

static void (*const renderers[RINGFORT_MAX_TYPES])(const struct screen *,
						   const struct ringfort_event *) = {
	[ringfort_type_process_exec] = render_exec,
	[ringfort_type_process_fork] = render_fork,
	[ringfort_type_process_exit] = render_exit,
	[ringfort_type_process_setid] = render_setid,
	[ringfort_type_process_ptrace] = render_ptrace,
	[ringfort_type_file_open_write] = render_open_write,
	[ringfort_type_file_create] = render_create,
	[ringfort_type_file_modify] = render_modify,
	[ringfort_type_file_rename] = render_rename,
	[ringfort_type_file_unlink] = render_unlink,
	[ringfort_type_file_attr] = render_attr,
	[ringfort_type_net_connect] = render_connect,
	[ringfort_type_net_bind] = render_bind,
	[ringfort_type_net_listen] = render_listen,
	[ringfort_type_net_accept] = render_accept,
	[ringfort_type_stream_loss] = render_loss,
};

/* The image: for a process.exec the new one. */
static struct ringfort_span image_of(const struct ringfort_event *event)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(event);

	return exec && exec->file.path.offset ? exec->file.path : event->process.exe;
}

static void render_all_fields(const struct screen *screen, const struct ringfort_event *event)
{
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	fputs("    ", screen->file);
	screen_ink(screen, INK_DIM);
	fprintf(screen->file, "seq=%llu via=", (unsigned long long)event->seq);
	put_value(screen, "via", event->via);
	render_any(screen, event);
	fputs("\n    process:", screen->file);
	for (uint32_t i = 0; i < n; i++)
		render_field(screen, event, &event->process, &common[i]);
	screen_ink(screen, INK_PLAIN);
	fputc('\n', screen->file);
}

void render_event(const struct screen *screen, const struct ringfort_event *event, bool verbose)
{
	const struct ringfort_type_info *info = ringfort_type_info(event->type);
	char clock[32];

	screen_ink(screen, INK_DIM);
	fprintf(screen->file, "%s", when_clock(event->time_ns, clock));
	screen_ink(screen, INK_CYAN);
	fprintf(screen->file, " %-15s", info->name);
	screen_ink(screen, INK_PLAIN);
	if (event->type != ringfort_type_stream_loss) {
		fprintf(screen->file, " %7u ", event->process.pid);
		put_span(screen, event, image_of(event));
		fputs(": ", screen->file);
	} else {
		fputc(' ', screen->file);
	}
	if (renderers[event->type])
		renderers[event->type](screen, event);
	else
		render_any(screen, event);
	if (event->via != RINGFORT_VIA_SYSCALL) {
		fputs(" via ", screen->file);
		put_value(screen, "via", event->via);
	}
	if (event->flags & RINGFORT_FLAG_SELFTEST)
		fputs(" (self-test)", screen->file);
	fputc('\n', screen->file);
	if (verbose)
		render_all_fields(screen, event);
}
