/* SPDX-License-Identifier: Apache-2.0 */
/* How the value of a field is made - see mapping-fields.h */
#include "mapping-fields.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define COMM_BYTES 15

static const void *body(const struct maker *maker, const struct field_row *row)
{
	return (const char *)(maker->event + 1) + row->offset;
}

static const void *proc(const struct maker *maker, const struct field_row *row)
{
	return (const char *)&maker->event->process + row->offset;
}

static void set(struct sigma_value *ret, const char *text, size_t n)
{
	*ret = (struct sigma_value){ .type = SIGMA_STRING, .string = { text, n } };
}

static void set_span(struct maker *maker, struct ringfort_span span, struct sigma_value *ret)
{
	if (span.offset)
		set(ret, ringfort_string(maker->event, span), span.length);
}

/* Room in the scratch memory; NULL when it is used up, and the field is then absent. */
static char *take(struct maker *maker, size_t n)
{
	char *room = maker->scratch + maker->n_scratch;

	if (n > MAPPING_SCRATCH - maker->n_scratch)
		return NULL;
	maker->n_scratch += n;
	return room;
}

/* By hand: printf() would be half of what an event costs. */
static void set_number(struct maker *maker, struct sigma_value *ret, uint32_t number)
{
	char *text = take(maker, 11), *first;

	if (!text)
		return;
	first = text + 10;
	*first = 0;
	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	set(ret, first, (size_t)(text + 10 - first));
}

/* A list of arguments has a NUL byte after each but the last: for a line these become blanks. */
static void set_line(struct maker *maker, struct ringfort_span list, struct sigma_value *ret)
{
	char *line;

	if (!list.offset)
		return;
	line = take(maker, list.length + 1);
	if (!line)
		return;
	memcpy(line, ringfort_string(maker->event, list), list.length);
	line[list.length] = 0;
	for (char *nul = line; (nul = memchr(nul, 0, list.length - (size_t)(nul - line)));)
		*nul = ' ';
	set(ret, line, list.length);
}

static void add_to_list(struct maker *maker, struct sigma_value *list, const char *text, size_t n)
{
	if (maker->n_lists == MAPPING_LISTS || list->n_list == MAPPING_MAX_LIST)
		return;
	if (list->type != SIGMA_LIST)
		*list = (struct sigma_value){ .type = SIGMA_LIST,
					      .list = &maker->lists[maker->n_lists] };
	maker->lists[maker->n_lists++] = (struct sigma_string){ text, n };
	list->n_list++;
}

void make_constant(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set(ret, row->text, strlen(row->text));
}

void make_constants(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	for (const char *text = row->text; *text;) {
		size_t n = strcspn(text, " ");

		add_to_list(maker, ret, text, n);
		text += n;
		text += strspn(text, " ");
	}
}

void make_called(struct maker *maker, struct ringfort_span called, struct sigma_value *ret)
{
	const struct ringfort_event *event = maker->event;
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(event);
	struct ringfort_span cwd = exec ? exec->cwd : event->process.cwd;
	const char *path = ringfort_string(event, called);
	char *whole;
	size_t n;

	if (!called.length)
		return;
	if (*path == '/' || !cwd.length || *ringfort_string(event, cwd) != '/') {
		set(ret, path, called.length);
		return;
	}
	while (called.length > 2 && path[0] == '.' && path[1] == '/') {
		path += 2;
		called.length -= 2;
	}
	n = (size_t)cwd.length + 1 + called.length + 1;
	whole = take(maker, n);
	if (!whole)
		return;
	n = (size_t)snprintf(whole, n, "%s/%s",
			     cwd.length == 1 ? "" : ringfort_string(event, cwd), path);
	set(ret, whole, n);
}

void make_image(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	const struct ringfort_process *process = &maker->event->process;

	if (maker->called && process->exe_called.length)
		make_called(maker, process->exe_called, ret);
	else
		set_span(maker, process->exe, ret);
}

void make_exec_image(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(maker->event);

	if (maker->called && exec->called.length)
		make_called(maker, exec->called, ret);
	else
		set_span(maker, exec->file.path, ret);
}

void make_parent_image(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	const struct ringfort_process *process = &maker->event->process;
	struct ringfort_span called = process->parent_exe_called;

	/* The parent's working directory when it was called is not known: only whole paths. */
	if (maker->called && called.length && *ringfort_string(maker->event, called) == '/')
		set_span(maker, called, ret);
	else
		set_span(maker, process->parent_exe, ret);
}

void make_comm(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	const struct ringfort_process_exec *exec = ringfort_as_process_exec(maker->event);
	struct ringfort_span path = exec ? exec->called : maker->event->process.exe_called;
	const char *text, *slash;
	size_t n;

	if (!path.length)
		path = exec ? exec->file.path : maker->event->process.exe;
	if (!path.length)
		return;
	text = ringfort_string(maker->event, path);
	slash = memrchr(text, '/', path.length);
	n = slash ? path.length - (size_t)(slash + 1 - text) : path.length;
	set(ret, slash ? slash + 1 : text, n < COMM_BYTES ? n : COMM_BYTES);
}

void make_proc_u32(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set_number(maker, ret, *(const uint32_t *)proc(maker, row));
}

void make_proc_id(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	if (*(const uint32_t *)proc(maker, row) != UINT32_MAX)
		make_proc_u32(maker, row, ret);
}

void make_proc_user(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	/* The sandbox has no list of users, and asking one is not for the path of an event. */
	if (*(const uint32_t *)proc(maker, row))
		make_proc_u32(maker, row, ret);
	else
		set(ret, "root", 4);
}

void make_proc_str(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set_span(maker, *(const struct ringfort_span *)proc(maker, row), ret);
}

void make_proc_line(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set_line(maker, *(const struct ringfort_span *)proc(maker, row), ret);
}

void make_body_u32(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set_number(maker, ret, *(const uint32_t *)body(maker, row));
}

void make_body_octal(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	char *text = take(maker, 8);

	if (text)
		set(ret, text, (size_t)snprintf(text, 8, "%04o",
						*(const uint32_t *)body(maker, row) & 07777));
}

void make_body_str(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set_span(maker, *(const struct ringfort_span *)body(maker, row), ret);
}

void make_body_file(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set_span(maker, ((const struct ringfort_file *)body(maker, row))->path, ret);
}

void make_body_line(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set_line(maker, *(const struct ringfort_span *)body(maker, row), ret);
}

void make_body_list(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	struct ringfort_span list = *(const struct ringfort_span *)body(maker, row);

	for (const char *text = NULL; (text = ringfort_next_string(maker->event, list, text));)
		add_to_list(maker, ret, text, strlen(text));
}

void make_body_argument(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	struct ringfort_span list = *(const struct ringfort_span *)body(maker, row);
	const char *text = ringfort_string(maker->event, list), *end = text + list.length, *nul;

	for (uint32_t i = row->index; i; i--) {
		nul = memchr(text, 0, (size_t)(end - text));
		if (!nul)
			return;
		text = nul + 1;
	}
	nul = memchr(text, 0, (size_t)(end - text));
	if (list.offset)
		set(ret, text, (size_t)((nul ? nul : end) - text));
}

void make_body_enum(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	uint32_t value = *(const uint32_t *)body(maker, row);
	const char *name = ringfort_value_name(row->text, value);

	if (name)
		set(ret, name, strlen(name));
	else
		set_number(maker, ret, value);
}

void make_body_flags(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	uint32_t flags = *(const uint32_t *)body(maker, row);

	for (uint32_t bit = 0; bit < 32; bit++) {
		const char *name = flags >> bit & 1 ? ringfort_value_name(row->text, bit) : NULL;

		if (name)
			add_to_list(maker, ret, name, strlen(name));
	}
}

void make_body_ip(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	const struct ringfort_addr *address = body(maker, row);
	char *text;

	if (address->family != AF_INET && address->family != AF_INET6)
		return;
	text = take(maker, INET6_ADDRSTRLEN);
	if (text && inet_ntop((int)address->family, address->ip, text, INET6_ADDRSTRLEN))
		set(ret, text, strlen(text));
}

void make_body_port(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	const struct ringfort_addr *address = body(maker, row);

	if (address->family == AF_INET || address->family == AF_INET6)
		set_number(maker, ret, address->port);
}

void make_body_ipv6(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	const struct ringfort_addr *address = body(maker, row);

	if (address->family == AF_INET6)
		set(ret, "true", 4);
	else if (address->family == AF_INET)
		set(ret, "false", 5);
}

void make_body_target_pid(struct maker *maker, const struct field_row *row, struct sigma_value *ret)
{
	set_number(maker, ret, ((const struct ringfort_proc *)body(maker, row))->pid);
}
