/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "sensor/assemble.h"
#include "sensor/probe-env.h"
#include "sensor/test-record.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static struct assembler *assembler;
static struct probe_env env;
static struct builder b;

static const struct assemble_context nobody = { .tty = "", .seq = 1 };

/* The event of the record in b, which must be good. */
static const struct ringfort_event *assembled(const struct assemble_context *context)
{
	struct ringfort_event *event;

	assert(assemble_check(assembler, &b.head) == 0);
	event = assemble_begin(assembler, &b.head, context);
	assert(event);
	assemble_end(assembler);
	assert(event->size % 8 == 0 && event->size <= RINGFORT_MAX_EVENT);
	assert(ringfort_event_check(event, event->size) == 0);
	return event;
}

static void is(const struct ringfort_event *event, struct ringfort_span span, const char *expected)
{
	if (strcmp(ringfort_string(event, span), expected) || span.length != strlen(expected))
		fprintf(stderr, "got '%s' (%u), expected '%s'\n", ringfort_string(event, span),
			span.length, expected);
	assert(strcmp(ringfort_string(event, span), expected) == 0);
	assert(span.length == strlen(expected));
}

static void is_list(const struct ringfort_event *event, struct ringfort_span span,
		    const char *const *expected)
{
	const char *at = NULL;

	while ((at = ringfort_next_string(event, span, at)))
		assert(*expected && strcmp(at, *expected++) == 0);
	assert(!*expected);
}

/* A process with an image, its parent with another, and a line above both. */
struct family {
	struct table *table;
	struct process *child, *parent;
};

static void family_new(struct family *f)
{
	const struct table_options options = { .max_processes = 10, .grace_ms = 1000, .max_bytes = 1 << 20 };
	struct process *init;

	assert(table_new(&f->table, &options) == 0);
	init = table_add(f->table, 1, 1000, 0);
	assert(table_set_image(f->table, init, &(struct image_text){ .exe = "/sbin/init", .exe_length = 10 }) == 0);
	f->parent = table_add(f->table, 50, 2000, 0);
	assert(table_inherit(f->table, f->parent, init) == 0);
	assert(table_set_image(f->table, f->parent, &(struct image_text){
		.exe = "/usr/bin/dash", .exe_length = 13, .called = "/bin/sh", .called_length = 7,
		.argv = "sh\0-c", .argv_length = 5, .cwd = "/root", .cwd_length = 5 }) == 0);
	f->child = table_add(f->table, 100, 5000, 0);
	assert(table_inherit(f->table, f->child, f->parent) == 0);
	assert(table_set_image(f->table, f->child, &(struct image_text){
		.exe = "/usr/bin/cat", .exe_length = 12, .called = "cat", .called_length = 3,
		.argv = "cat\0\0x", .argv_length = 6, .cwd = "/tmp", .cwd_length = 4 }) == 0);
}

static void the_process_block_says_who_acted(void)
{
	struct assemble_context context = { .tty = "/dev/pts/7", .seq = 42, .realtime_offset_ns = 7,
		.flags = RINGFORT_FLAG_SELFTEST,
		.cgroup = { .path = "/a/b", .path_length = 4, .container = "c", .container_length = 1 } };
	const struct ringfort_event *event;
	struct family f;

	family_new(&f);
	context.process = f.child;
	context.parent = f.parent->image;
	builder_begin(&b, ringfort_type_process_exit);
	b.head.via = RINGFORT_VIA_IO_URING;
	event = assembled(&context);
	assert(event->type == ringfort_type_process_exit && event->via == RINGFORT_VIA_IO_URING);
	assert(event->seq == 42 && event->flags == RINGFORT_FLAG_SELFTEST);
	assert(event->monotonic_ns == 1000000 && event->time_ns == 1000007);
	assert(event->process.pid == 100 && event->process.tid == 101 && event->process.start_ns == 5000);
	assert(event->process.ppid == 1 && event->process.parent_start_ns == 1000);
	assert(event->process.uid == 1 && event->process.gid == 2 && event->process.euid == 3);
	assert(event->process.egid == 4 && event->process.loginuid == 5 && event->process.session == 6);
	assert(event->process.mnt_ns == 8 && event->process.cgroup_id == 9);
	is(event, event->process.tty, "/dev/pts/7");
	is(event, event->process.cgroup, "/a/b");
	is(event, event->process.container_id, "c");
	is(event, event->process.exe, "/usr/bin/cat");
	is(event, event->process.exe_called, "cat");
	is_list(event, event->process.argv, (const char *[]){ "cat", "", "x", NULL });
	is(event, event->process.cwd, "/tmp");
	is(event, event->process.parent_exe, "/usr/bin/dash");
	is(event, event->process.parent_exe_called, "/bin/sh");
	is_list(event, event->process.parent_argv, (const char *[]){ "sh", "-c", NULL });
	is_list(event, event->process.ancestors, (const char *[]){ "/usr/bin/dash", "/sbin/init", NULL });
	table_free(f.table);
}

static void what_is_not_known_is_absent(void)
{
	const struct ringfort_event *event;

	builder_begin(&b, ringfort_type_process_exit);
	event = assembled(&nobody);
	assert(event->process.exe.offset == 0 && event->process.tty.offset == 0);
	assert(event->process.parent_argv.offset == 0 && event->process.ancestors.offset == 0);
	assert(event->size == sizeof(*event) + sizeof(struct ringfort_process_exit));
}

static void an_exec_has_its_strings_and_numbers(void)
{
	struct ringfort_process_exec *exec = builder_begin(&b, ringfort_type_process_exec);
	const struct ringfort_process_exec *out;
	const struct ringfort_event *event;

	exec->file = (struct ringfort_file){ .quality = RINGFORT_QUALITY_RESOLVED, .dev = 1, .ino = 2, .mnt_ns = 3,
		.flags = PROBE_FILE_REVERSED | 1u << RINGFORT_FILE_DELETED };
	exec->file.path = builder_list(&b, "dash\0bin\0usr\0");
	exec->called = builder_string(&b, "./script");
	exec->argv = builder_list(&b, "./script\0\0b c");
	exec->argc = 3;
	exec->script = (struct ringfort_file){ .quality = RINGFORT_QUALITY_CALLER, .flags = PROBE_FILE_RELATIVE };
	exec->script.path = builder_list(&b, "tmp\0\0./script");
	exec->interpreter = builder_string(&b, "/bin/sh");
	exec->cwd = builder_list(&b, "tmp");
	exec->env = builder_list(&b, "PATH=/bin\0LD_PRELOAD=x");
	exec->cap_effective = 0x1ffffffffffull;
	exec->stdin_is = RINGFORT_STDIO_SOCKET;
	event = assembled(&nobody);
	out = ringfort_as_process_exec(event);
	is(event, out->file.path, "/usr/bin/dash");
	assert(out->file.flags == 1u << RINGFORT_FILE_DELETED && out->file.quality == RINGFORT_QUALITY_RESOLVED);
	assert(out->file.dev == 1 && out->file.ino == 2 && out->file.mnt_ns == 3);
	is(event, out->called, "./script");
	is_list(event, out->argv, (const char *[]){ "./script", "", "b c", NULL });
	is(event, out->script.path, "/tmp/script");
	assert(out->script.flags == 0);
	is(event, out->interpreter, "/bin/sh");
	is(event, out->cwd, "/tmp");
	is_list(event, out->env, (const char *[]){ "PATH=/bin", "LD_PRELOAD=x", NULL });
	assert(out->argc == 3 && out->cap_effective == 0x1ffffffffffull && out->stdin_is == RINGFORT_STDIO_SOCKET);
}

/* As the probe sends a short environment: all of it, which is not for solutions to see. */
static void of_a_whole_environment_only_what_is_asked_for_is_told(void)
{
	static const struct {
		const char *whole;
		uint32_t length;
		const char *told[4];
	} cases[] = {
#define WHOLE(text) text, sizeof(text) - 1
		{ WHOLE("HOME=/\0PATH=/bin\0SECRET=1\0LD_PRELOAD=x\0LD_"), { "PATH=/bin", "LD_PRELOAD=x", "LD_" } },
		{ WHOLE("PATH=/bin"), { "PATH=/bin" } },
		{ WHOLE("SECRET=PATH=x\0PATHS=1\0PAT\0\0L\0PATH"), { NULL } },
		{ WHOLE(""), { NULL } },
		{ WHOLE("P\0PATH=\0\0\0LD_X"), { "PATH=", "LD_X" } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ringfort_process_exec *exec = builder_begin(&b, ringfort_type_process_exec);
		const struct ringfort_process_exec *out;
		const struct ringfort_event *event;

		exec->flags = PROBE_EXEC_ENV_WHOLE | 1u << RINGFORT_EXEC_SCRIPT;
		exec->env = builder_bytes(&b, cases[i].whole, cases[i].length);
		event = assembled(&nobody);
		out = ringfort_as_process_exec(event);
		assert(out->flags == 1u << RINGFORT_EXEC_SCRIPT);
		if (cases[i].told[0])
			is_list(event, out->env, cases[i].told);
		else
			assert(out->env.offset == 0 && out->env.length == 0);
	}
}

/* Every field of every type of the schema, set and looked for: new ones need no line here. */
static void a_field_of_any_kind_arrives_in_every_type(void)
{
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);
		const struct ringfort_event *event;
		char *body;

		for (uint32_t i = 0; info && i < info->n_fields; i++) {
			const struct ringfort_field *field = &info->fields[i];
			const char *out;

			body = builder_begin(&b, type);
			body += field->offset;
			switch (field->kind) {
			case RINGFORT_KIND_STR:
			case RINGFORT_KIND_STRV:
				*(struct ringfort_span *)body = builder_string(&b, "name");
				break;
			case RINGFORT_KIND_FILE:
				((struct ringfort_file *)body)->flags = PROBE_FILE_REVERSED;
				((struct ringfort_file *)body)->ino = 77;
				((struct ringfort_file *)body)->path = builder_list(&b, "b\0a");
				break;
			case RINGFORT_KIND_ADDR:
				((struct ringfort_addr *)body)->port = 80;
				((struct ringfort_addr *)body)->path = builder_string(&b, "@x");
				break;
			case RINGFORT_KIND_U64:
			case RINGFORT_KIND_PROC:
				memset(body, 0x55, 8);
				break;
			default:
				memset(body, 0x55, 4);
			}
			event = assembled(&nobody);
			out = (const char *)(event + 1) + field->offset;
			switch (field->kind) {
			case RINGFORT_KIND_STR:
			case RINGFORT_KIND_STRV:
				is(event, *(const struct ringfort_span *)out,
				   strcmp(field->name, "cwd") ? "name" : "/name");
				break;
			case RINGFORT_KIND_FILE:
				is(event, ((const struct ringfort_file *)out)->path, "/a/b");
				assert(((const struct ringfort_file *)out)->ino == 77);
				assert(((const struct ringfort_file *)out)->flags == 0);
				break;
			case RINGFORT_KIND_ADDR:
				is(event, ((const struct ringfort_addr *)out)->path, "@x");
				assert(((const struct ringfort_addr *)out)->port == 80);
				break;
			default:
				assert(memcmp(out, "UUUU", 4) == 0);
			}
		}
	}
}

static void the_root_may_have_no_name(void)
{
	struct ringfort_file_attr *attr = builder_begin(&b, ringfort_type_file_attr);
	const struct ringfort_event *event;

	attr->file.flags = PROBE_FILE_REVERSED;
	event = assembled(&nobody);
	is(event, ringfort_as_file_attr(event)->file.path, "/");
}

static void a_string_ends_at_its_first_nul(void)
{
	struct ringfort_process_exec *exec = builder_begin(&b, ringfort_type_process_exec);
	const struct ringfort_event *event;

	exec->called = builder_list(&b, "/bin/ls\0hidden");
	event = assembled(&nobody);
	is(event, ringfort_as_process_exec(event)->called, "/bin/ls");
}

static void hostile_records_are_refused(void)
{
	static const struct ringfort_span bad[] = {
		{ 1, 0 }, { 0, 1 }, { 8, 8 }, { sizeof(struct probe_record), 4 }, { UINT32_MAX, 1 },
		{ UINT32_MAX - 4, 8 }, { 4096, UINT32_MAX }, { 2000, 1 }, { 1200, 0xfffffb50 },
	};
	struct ringfort_process_exec *exec;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		exec = builder_begin(&b, ringfort_type_process_exec);
		builder_string(&b, "some bytes");
		exec->argv = bad[i];
		assert(assemble_check(assembler, &b.head) == -EBADMSG);
		exec = builder_begin(&b, ringfort_type_process_exec);
		exec->file.path = bad[i];
		exec->file.flags = PROBE_FILE_REVERSED;
		assert(assemble_check(assembler, &b.head) == -EBADMSG);
	}
	builder_begin(&b, ringfort_type_process_exec);
	b.head.size -= 8;
	assert(assemble_check(assembler, &b.head) == -EBADMSG);
	b.head.size = 0;
	assert(assemble_check(assembler, &b.head) == -EBADMSG);
	b.head.size = RINGFORT_MAX_EVENT + 8;
	assert(assemble_check(assembler, &b.head) == -EBADMSG);
	builder_begin(&b, ringfort_type_process_exec);
	b.head.type = 0;
	assert(assemble_check(assembler, &b.head) == -EBADMSG);
	b.head.type = 61;
	assert(assemble_check(assembler, &b.head) == -EBADMSG);
	b.head.type = UINT16_MAX;
	assert(assemble_check(assembler, &b.head) == -EBADMSG);
}

/* Spans that overlap pass one by one, and together ask for more than an event can hold. */
static void overlapping_spans_cannot_pass_the_buffer(void)
{
	static char large[60000];
	struct ringfort_process_exec *exec = builder_begin(&b, ringfort_type_process_exec);
	struct ringfort_span span;

	memset(large, 'a', sizeof(large));
	span = builder_bytes(&b, large, sizeof(large));
	exec->called = exec->interpreter = exec->cwd = exec->file.path = exec->script.path = span;
	assert(assemble_check(assembler, &b.head) == 0);
	assert(assemble_begin(assembler, &b.head, &nobody) == NULL);
}

static void noise_in_every_span_never_passes_the_buffer(void)
{
	srandom(2);
	for (int i = 0; i < 20000; i++) {
		uint32_t type = (uint32_t)random() % RINGFORT_MAX_TYPES;
		const struct ringfort_type_info *info = ringfort_type_info(type);
		uint32_t *words;
		struct ringfort_event *event;

		if (!info)
			continue;
		words = builder_begin(&b, type);
		for (uint32_t k = 0; k < info->size / 4; k++)
			words[k] = (uint32_t)(random() % 3 ? random() % 3000 : random());
		for (uint32_t k = 0; k < 2000; k++)
			b.bytes[b.head.size++] = "ab/.\0"[random() % 5];
		if (assemble_check(assembler, &b.head) < 0)
			continue;
		event = assemble_begin(assembler, &b.head, &nobody);
		if (!event)
			continue;
		assemble_end(assembler);
		assert(ringfort_event_check(event, event->size) == 0);
	}
}

/* All at their limits: the largest exec in the largest family. */
static void an_event_that_is_too_large_is_cut_and_says_so(void)
{
	static char path[4095], argv[32768], long_argv[4096];
	struct ringfort_process_exec *exec;
	const struct ringfort_process_exec *out;
	const struct ringfort_event *event;
	struct assemble_context context = { .tty = "/dev/pts/7", .seq = 1,
					    .cgroup = { .path = "/a", .path_length = 2, .container = "" } };
	struct image_text text = { .exe = path, .called = path, .argv = long_argv, .cwd = path,
		.exe_length = 4095, .called_length = 4095, .argv_length = 4096, .cwd_length = 4095 };
	struct family f;

	memset(path, 'p', sizeof(path));
	memset(argv, 'a', sizeof(argv));
	memset(long_argv, 'l', sizeof(long_argv));
	path[0] = '/';
	family_new(&f);
	assert(table_set_image(f.table, f.child, &text) == 0);
	assert(table_set_image(f.table, f.parent, &text) == 0);
	assert(table_set_line(f.table, f.child, f.parent) == 0);
	context.process = f.child;
	context.parent = f.parent->image;

	/* the ancestors and arguments that are elsewhere go first: nothing of the act is cut */
	exec = builder_begin(&b, ringfort_type_process_exec);
	exec->argv = builder_bytes(&b, argv, sizeof(argv));
	exec->called = builder_bytes(&b, path, sizeof(path));
	exec->file.path = builder_bytes(&b, path, sizeof(path));
	event = assembled(&context);
	out = ringfort_as_process_exec(event);
	assert(out->argv.length == sizeof(argv) && !(out->flags & 1u << RINGFORT_EXEC_ARGV_TRUNCATED));
	assert(event->process.exe.length == 4095 && event->process.parent_exe.length == 4095);
	assert(event->process.ancestors.length == 0 && event->process.parent_argv.length == 0);

	/* at last the arguments themselves */
	exec->env = builder_bytes(&b, argv, 16080);
	exec->interpreter = builder_bytes(&b, path, sizeof(path));
	exec->cwd = builder_bytes(&b, path, sizeof(path));
	event = assembled(&context);
	out = ringfort_as_process_exec(event);
	assert(out->argv.length < sizeof(argv) && out->flags & 1u << RINGFORT_EXEC_ARGV_TRUNCATED);
	assert(out->called.length == sizeof(path) && event->process.exe.length == 0);
	table_free(f.table);
}

static void a_string_added_later_is_part_of_the_event(void)
{
	struct ringfort_event *event;

	builder_begin(&b, ringfort_type_process_ptrace);
	event = assemble_begin(assembler, &b.head, &nobody);
	((struct ringfort_process_ptrace *)(event + 1))->target_exe = assemble_string(assembler, "/bin/x", 6);
	assemble_end(assembler);
	assert(ringfort_event_check(event, event->size) == 0);
	is(event, ringfort_as_process_ptrace(event)->target_exe, "/bin/x");
}

int main(void)
{
	assert(probe_env_add(&env, 0, "PATH") == 0 && probe_env_add(&env, 1, "LD_*") == 0);
	assert(assembler_new(&assembler, &env) == 0);
	the_process_block_says_who_acted();
	what_is_not_known_is_absent();
	an_exec_has_its_strings_and_numbers();
	of_a_whole_environment_only_what_is_asked_for_is_told();
	a_field_of_any_kind_arrives_in_every_type();
	the_root_may_have_no_name();
	a_string_ends_at_its_first_nul();
	hostile_records_are_refused();
	overlapping_spans_cannot_pass_the_buffer();
	noise_in_every_span_never_passes_the_buffer();
	an_event_that_is_too_large_is_cut_and_says_so();
	a_string_added_later_is_part_of_the_event();
	assembler_free(assembler);
	return 0;
}
