/* SPDX-License-Identifier: Apache-2.0 */
/* Assemble - a complete event from a record of the probe and what the table knows. */
#include "sensor/assemble.h"

#include "base/cleanup.h"
#include "sensor/bpf/calls.h"
#include "sensor/path.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* A field that holds a span, in the struct of its type. */
struct span_field {
	uint32_t offset; /* of the span */
	uint32_t file;   /* of the struct ringfort_file around it, when kind is FILE */
	uint32_t kind;
	bool walked; /* a plain string that the probe writes leaf first */
};

#define MAX_SPANS 32

struct shape {
	uint32_t size; /* of the struct of the type; 0: no such type */
	uint32_t n_spans;
	struct span_field spans[MAX_SPANS];
};

struct assembler {
	const struct probe_env *env;
	struct shape shapes[RINGFORT_MAX_TYPES];
	uint32_t used;
	union {
		struct ringfort_event event;
		char bytes[RINGFORT_MAX_EVENT];
	};
};

/* What of the process' strings is left out of an event that would be too large, step by step. */
enum leave_out {
	LEAVE_NOTHING,
	LEAVE_LINE,
	LEAVE_PARENT_ARGV,
	LEAVE_ARGV,
	LEAVE_PARENT,
	LEAVE_IMAGE,
	_LEAVE_N
};

static void learn_shape(struct shape *shape, const struct ringfort_type_info *info)
{
	shape->size = info->size;
	for (uint32_t i = 0; i < info->n_fields; i++) {
		const struct ringfort_field *field = &info->fields[i];
		struct span_field span = { .offset = field->offset, .kind = field->kind };

		switch (field->kind) {
		case RINGFORT_KIND_STR:
			/* Whichever type has one: the probe gets it in one way only (record.h). */
			span.walked = strcmp(field->name, "cwd") == 0;
			break;
		case RINGFORT_KIND_STRV:
			break;
		case RINGFORT_KIND_FILE:
			span.file = field->offset;
			span.offset += (uint32_t)offsetof(struct ringfort_file, path);
			break;
		case RINGFORT_KIND_ADDR:
			span.offset += (uint32_t)offsetof(struct ringfort_addr, path);
			break;
		default:
			continue;
		}
		assert(shape->n_spans < MAX_SPANS);
		shape->spans[shape->n_spans++] = span;
	}
}

int assembler_new(struct assembler **ret_assembler, const struct probe_env *env)
{
	struct assembler *assembler = calloc(1, sizeof(*assembler));

	if (!assembler)
		return -ENOMEM;
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (info)
			learn_shape(&assembler->shapes[type], info);
	}
	assembler->env = env;
	*ret_assembler = assembler;
	return 0;
}

struct assembler *assembler_free(struct assembler *assembler)
{
	free(assembler);
	return NULL;
}

static struct ringfort_span *span_at(void *base, const struct span_field *field)
{
	return (struct ringfort_span *)((char *)base + field->offset);
}

int assemble_check(const struct assembler *assembler, const struct probe_record *record)
{
	const struct shape *shape;
	uint32_t strings_at;

	if (record->type >= RINGFORT_MAX_TYPES)
		return -EBADMSG;
	shape = &assembler->shapes[record->type];
	strings_at = (uint32_t)sizeof(*record) + shape->size;
	if (!shape->size || record->size < strings_at || record->size > RINGFORT_MAX_EVENT)
		return -EBADMSG;
	for (uint32_t i = 0; i < shape->n_spans; i++) {
		const struct ringfort_span *span = span_at((void *)(record + 1), &shape->spans[i]);

		if (span->offset == 0 && span->length == 0)
			continue;
		if (span->offset < strings_at || span->offset > record->size ||
		    span->length > record->size - span->offset)
			return -EBADMSG;
	}
	return 0;
}

/* ---- strings ------------------------------------------------------------------------------ */

/* The caller has made sure that there is room. */
static struct ringfort_span put(struct assembler *a, const char *bytes, uint32_t length)
{
	struct ringfort_span span = { .offset = a->used, .length = length };

	if (length == 0)
		return (struct ringfort_span){ 0 };
	memcpy(a->bytes + a->used, bytes, length);
	a->bytes[a->used + length] = '\0';
	a->used += length + 1;
	return span;
}

struct ringfort_span assemble_string(struct assembler *a, const char *bytes, uint32_t length)
{
	if (a->used + 1 >= RINGFORT_MAX_EVENT)
		return (struct ringfort_span){ 0 };
	if (length > RINGFORT_MAX_EVENT - 1 - a->used)
		length = RINGFORT_MAX_EVENT - 1 - a->used;
	return put(a, bytes, length);
}

/* An image's strings lie behind one another there and do so in the event. */
static struct ringfort_span next_span(uint32_t *at, uint32_t length)
{
	struct ringfort_span span = { .offset = *at, .length = length };

	*at += length + 1;
	return length ? span : (struct ringfort_span){ 0 };
}

static void put_image(struct assembler *a, const struct image *image)
{
	struct ringfort_process *process = &a->event.process;
	uint32_t at = a->used;

	process->exe = next_span(&at, image->exe_length);
	process->exe_called = next_span(&at, image->called_length);
	process->argv = next_span(&at, image->argv_length);
	process->cwd = next_span(&at, image->cwd_length);
	memcpy(a->bytes + a->used, image->text, at - a->used);
	a->used = at;
}

static void put_parent(struct assembler *a, const struct image *parent)
{
	struct ringfort_process *process = &a->event.process;
	uint32_t at = a->used;

	process->parent_exe = next_span(&at, parent->exe_length);
	process->parent_exe_called = next_span(&at, parent->called_length);
	process->parent_argv = next_span(&at, parent->argv_length);
	memcpy(a->bytes + a->used, parent->text, at - a->used);
	a->used = at;
}

/* The same without the arguments. */
static void put_image_short(struct assembler *a, const struct image *image)
{
	const char *called = image->text + image->exe_length + 1;
	const char *cwd = called + image->called_length + 1 + image->argv_length + 1;

	a->event.process.exe = put(a, image->text, image->exe_length);
	a->event.process.exe_called = put(a, called, image->called_length);
	a->event.process.cwd = put(a, cwd, image->cwd_length);
}

static void put_parent_short(struct assembler *a, const struct image *parent)
{
	a->event.process.parent_exe = put(a, parent->text, parent->exe_length);
	a->event.process.parent_exe_called = put(a, parent->text + parent->exe_length + 1,
						 parent->called_length);
}

static uint32_t size_of_image(const struct image *image, bool with_argv, bool with_cwd)
{
	return image->exe_length + image->called_length + (with_argv ? image->argv_length : 0) +
	       (with_cwd ? image->cwd_length : 0) + 4;
}

/* Bytes that the strings of the process take at most. */
static uint32_t size_of_process(const struct assemble_context *context, enum leave_out leave)
{
	uint32_t size = context->cgroup.path_length + context->cgroup.container_length + 2 +
			(uint32_t)strlen(context->tty) + 1;

	if (context->process && leave < LEAVE_IMAGE)
		size += size_of_image(context->process->image, leave < LEAVE_ARGV, true);
	if (context->process && leave < LEAVE_LINE)
		size += context->process->line->length + 1;
	if (context->parent && leave < LEAVE_PARENT)
		size += size_of_image(context->parent, leave < LEAVE_PARENT_ARGV, false);
	return size;
}

static void put_process(struct assembler *a, const struct assemble_context *context,
			enum leave_out leave)
{
	struct ringfort_process *process = &a->event.process;

	process->tty = put(a, context->tty, (uint32_t)strlen(context->tty));
	process->cgroup = put(a, context->cgroup.path, context->cgroup.path_length);
	process->container_id = put(a, context->cgroup.container, context->cgroup.container_length);
	if (context->process && leave < LEAVE_ARGV)
		put_image(a, context->process->image);
	else if (context->process && leave < LEAVE_IMAGE)
		put_image_short(a, context->process->image);
	if (context->process && leave < LEAVE_LINE)
		process->ancestors = put(a, context->process->line->text,
					 context->process->line->length);
	if (context->parent && leave < LEAVE_PARENT_ARGV)
		put_parent(a, context->parent);
	else if (context->parent && leave < LEAVE_PARENT)
		put_parent_short(a, context->parent);
}

/* ---- the struct of the type ----------------------------------------------------------------- */

/* A whole list that is cut says so where its type has a flag for it. */
static void tell_cut(struct ringfort_event *event, const struct ringfort_span *span)
{
	if (event->type == ringfort_type_process_exec) {
		struct ringfort_process_exec *exec = (struct ringfort_process_exec *)(event + 1);

		if (span == &exec->argv)
			exec->flags |= 1u << RINGFORT_EXEC_ARGV_TRUNCATED;
		if (span == &exec->env)
			exec->flags |= 1u << RINGFORT_EXEC_ENV_TRUNCATED;
	}
}

static struct ringfort_span put_path(struct assembler *a, const char *text, uint32_t length,
				     uint32_t quality, uint32_t flags)
{
	struct ringfort_span span = { .offset = a->used };

	span.length = path_turn(text, length, quality, flags, a->bytes + a->used);
	if (span.length == 0)
		return (struct ringfort_span){ 0 };
	a->used += span.length + 1;
	return span;
}

static void put_file(struct assembler *a, struct ringfort_file *file, const char *text,
		     uint32_t length)
{
	uint32_t flags = file->flags;

	file->flags = flags & ~(PROBE_FILE_REVERSED | PROBE_FILE_RELATIVE);
	file->path = put_path(a, text, length, file->quality, flags);
}

static void put_list(struct assembler *a, struct ringfort_span *span, const char *text,
		     uint32_t length)
{
	*span = (struct ringfort_span){ .offset = a->used, .length = length };
	memcpy(a->bytes + a->used, text, length);
	a->bytes[a->used + length] = '\0';
	a->used += length + 1;
}

static bool is_wanted(const struct probe_env *env, const char *variable, uint32_t length)
{
	union {
		char bytes[PROBE_ENV_NAME_SIZE];
		uint64_t word;
	} begin = { "" };

	memcpy(begin.bytes, variable, length < sizeof(begin) ? length : sizeof(begin));
	return probe_env_wanted(env, (const uint8_t *)begin.bytes);
}

/* The variables that are asked for, out of all; every one has its NUL byte, the last one in the record. */
static void put_wanted(struct assembler *a, struct ringfort_span *span, const char *text, uint32_t length)
{
	const char *end = text + length, *next;
	uint32_t begin = a->used;

	for (; text < end; text = next) {
		uint32_t n = (uint32_t)strnlen(text, (size_t)(end - text));

		next = text + n + 1;
		if (!is_wanted(a->env, text, n))
			continue;
		memcpy(a->bytes + a->used, text, n);
		a->bytes[a->used + n] = '\0';
		a->used += n + 1;
	}
	*span = (struct ringfort_span){ 0 };
	if (a->used > begin)
		*span = (struct ringfort_span){ .offset = begin, .length = a->used - begin - 1 };
}

/* Does this span hold more variables than are asked for?  Asked once: the event does not tell. */
static bool take_whole_env(struct ringfort_event *event, const struct ringfort_span *span)
{
	struct ringfort_process_exec *exec = (struct ringfort_process_exec *)(event + 1);

	if (event->type != ringfort_type_process_exec || span != &exec->env ||
	    !(exec->flags & PROBE_EXEC_ENV_WHOLE))
		return false;
	exec->flags &= ~PROBE_EXEC_ENV_WHOLE;
	return true;
}

static void put_span(struct assembler *a, const struct probe_record *record, void *body,
		     const struct span_field *field, uint32_t cut)
{
	struct ringfort_span *span = span_at(body, field);
	const char *text = assemble_text(record, *span);
	uint32_t length = span->length;

	if (field->kind == RINGFORT_KIND_FILE) {
		struct ringfort_file *file = (struct ringfort_file *)((char *)body + field->file);

		/* The root, walked, has no name and may have no span. */
		if (span->offset || file->flags & PROBE_FILE_REVERSED)
			put_file(a, file, text, length);
	} else if (span->offset == 0) {
		return;
	} else if (take_whole_env(&a->event, span)) {
		put_wanted(a, span, text, length);
	} else if (field->kind == RINGFORT_KIND_STRV) {
		if (length > cut)
			tell_cut(&a->event, span);
		put_list(a, span, text, length > cut ? cut : length);
	} else if (field->walked) {
		*span = put_path(a, text, length, RINGFORT_QUALITY_RESOLVED, PROBE_FILE_REVERSED);
	} else {
		*span = put(a, text, (uint32_t)strnlen(text, length));
	}
}

static void put_type(struct assembler *a, const struct probe_record *record,
		     const struct shape *shape, uint32_t cut)
{
	for (uint32_t i = 0; i < shape->n_spans; i++)
		put_span(a, record, &a->event + 1, &shape->spans[i], cut);
}

/* Bytes that the strings of the type take at most when every list is cut to that length. */
static uint32_t size_of_type(const struct probe_record *record, const struct shape *shape,
			     uint32_t cut)
{
	uint32_t size = 0;

	for (uint32_t i = 0; i < shape->n_spans; i++) {
		const struct span_field *field = &shape->spans[i];
		uint32_t length = span_at((void *)(record + 1), field)->length;

		if (field->kind == RINGFORT_KIND_STRV && length > cut)
			length = cut;
		size += path_bound(length);
	}
	return size;
}

/* A process that ends has left its own before its files are closed; the table knows which it was. */
static uint32_t mount_namespace(const struct probe_record *record, const struct process *process)
{
	return record->mnt_ns || !process ? record->mnt_ns : process->mnt_ns;
}

static void put_fixed(struct assembler *a, const struct probe_record *record,
		      const struct assemble_context *context, uint32_t type_size)
{
	a->event = (struct ringfort_event){
		.type = record->type,
		.via = record->via,
		.flags = context->flags,
		.seq = context->seq,
		.time_ns = record->monotonic_ns + context->realtime_offset_ns,
		.monotonic_ns = record->monotonic_ns,
		.process = {
			.pid = record->pid,
			.tid = record->tid,
			.start_ns = record->start_ns,
			.ppid = record->ppid,
			.parent_start_ns = record->parent_start_ns,
			.uid = record->uid,
			.gid = record->gid,
			.euid = record->euid,
			.egid = record->egid,
			.loginuid = record->loginuid,
			.session = record->session,
			.mnt_ns = mount_namespace(record, context->process),
			.cgroup_id = record->cgroup_id,
		},
	};
	memcpy(&a->event + 1, record + 1, type_size);
	a->used = (uint32_t)sizeof(a->event) + type_size;
}

/* How much has to go so that the event fits.  Nearly every record passes at the first comparison. */
static int choose_cuts(const struct probe_record *record, const struct shape *shape,
		       const struct assemble_context *context, uint32_t room,
		       enum leave_out *ret_leave, uint32_t *ret_cut)
{
	uint32_t cut = RINGFORT_MAX_EVENT, strings = size_of_type(record, shape, cut);
	enum leave_out leave = LEAVE_NOTHING;

	while (size_of_process(context, leave) + strings > room && leave + 1 < _LEAVE_N)
		leave++;
	while (size_of_process(context, leave) + strings > room) {
		if (cut == 0)
			return -E2BIG;
		cut /= 2;
		strings = size_of_type(record, shape, cut);
	}
	*ret_leave = leave;
	*ret_cut = cut;
	return 0;
}

struct ringfort_event *assemble_begin(struct assembler *a, const struct probe_record *record,
				      const struct assemble_context *context)
{
	const struct shape *shape = &a->shapes[record->type];
	enum leave_out leave;
	uint32_t cut;

	put_fixed(a, record, context, shape->size);
	if (choose_cuts(record, shape, context, RINGFORT_MAX_EVENT - a->used, &leave, &cut) < 0)
		return NULL;
	put_process(a, context, leave);
	put_type(a, record, shape, cut);
	return &a->event;
}

void assemble_end(struct assembler *a)
{
	while (a->used % 8)
		a->bytes[a->used++] = '\0';
	a->event.size = a->used;
}
