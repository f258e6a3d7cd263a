/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OCSF - events as JSON, by the tables of the schema.
 *
 * The "ocsf" column holds dotted paths ("actor.process.user.uid").  For each type the leaves are
 * sorted once, so that one walk opens and closes the objects between them.
 */
#include "event/json.h"

#include <ringfort/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OCSF_VERSION "1.8.0"
#define OCSF_LEAVES 64

struct leaf {
	const struct ringfort_field *field;
	bool common; /* a field of the acting process */
};

struct plan {
	bool ready;
	size_t n;
	struct leaf leaves[OCSF_LEAVES];
};

static const char *class_name(uint32_t class_uid)
{
	switch (class_uid) {
	case 1001:
		return "File System Activity";
	case 1007:
		return "Process Activity";
	case 2004:
		return "Detection Finding";
	case 4001:
		return "Network Activity";
	default:
		return "Base Event";
	}
}

static const char *category_name(uint32_t category_uid)
{
	static const char *const names[] = { "Uncategorized", "System Activity", "Findings",
					     "Identity & Access Management", "Network Activity" };

	return category_uid < sizeof(names) / sizeof(names[0]) ? names[category_uid] : names[0];
}

void json_ocsf_head(struct json *json, uint32_t class_uid, uint32_t activity_id,
		    uint32_t severity_id, uint64_t time_ns, const char *hostname)
{
	json_name_uint(json, "class_uid", class_uid);
	json_name_string(json, "class_name", class_name(class_uid));
	json_name_uint(json, "category_uid", class_uid / 1000);
	json_name_string(json, "category_name", category_name(class_uid / 1000));
	json_name_uint(json, "activity_id", activity_id);
	json_name_uint(json, "type_uid", (uint64_t)class_uid * 100 + activity_id);
	json_name_uint(json, "severity_id", severity_id);
	json_name_uint(json, "time", time_ns / 1000000);
	json_name(json, "metadata");
	json_begin_object(json);
	json_name_string(json, "version", OCSF_VERSION);
	json_name(json, "product");
	json_begin_object(json);
	json_name_string(json, "name", "Ringfort");
	json_name_string(json, "vendor_name", "Ringfort");
	json_name_string(json, "version", RINGFORT_VERSION);
	json_end_object(json);
	json_end_object(json);
	json_name(json, "device");
	json_begin_object(json);
	json_name_string(json, "hostname", hostname);
	json_name_uint(json, "type_id", 0);
	json_end_object(json);
}

static int leaf_compare(const void *a, const void *b)
{
	return strcmp(((const struct leaf *)a)->field->ocsf, ((const struct leaf *)b)->field->ocsf);
}

static void plan_add(struct plan *plan, const struct ringfort_field *fields, uint32_t n, bool common)
{
	for (uint32_t i = 0; i < n && plan->n < OCSF_LEAVES; i++)
		if (fields[i].ocsf[0])
			plan->leaves[plan->n++] = (struct leaf){ &fields[i], common };
}

static const struct plan *plan_of(uint32_t type)
{
	static struct plan plans[RINGFORT_MAX_TYPES];
	const struct ringfort_type_info *info = ringfort_type_info(type);
	const struct ringfort_field *common;
	struct plan *plan = &plans[type];
	uint32_t n;

	if (plan->ready)
		return plan;
	common = ringfort_process_fields(&n);
	plan_add(plan, common, n, true);
	plan_add(plan, info->fields, info->n_fields, false);
	qsort(plan->leaves, plan->n, sizeof(plan->leaves[0]), leaf_compare);
	plan->ready = true;
	return plan;
}

static struct ringfort_span span_at(const void *at)
{
	return *(const struct ringfort_span *)at;
}

static uint32_t u32_at(const void *at)
{
	return *(const uint32_t *)at;
}

static void write_span(struct json *json, const struct ringfort_event *event,
		       struct ringfort_span span)
{
	json_bytes(json, ringfort_string(event, span), span.length);
}

static void write_strings(struct json *json, const struct ringfort_event *event,
			  struct ringfort_span list)
{
	const char *text = NULL;

	json_begin_array(json);
	while ((text = ringfort_next_string(event, list, text)))
		json_string(json, text);
	json_end_array(json);
}

/* A command line: the arguments with a space between them. */
static void write_joined(struct json *json, const struct ringfort_event *event,
			 struct ringfort_span list)
{
	char *line = malloc(list.length + 1);

	if (!line) {
		json->broken = true;
		return;
	}
	memcpy(line, ringfort_string(event, list), list.length);
	for (uint32_t i = 0; i < list.length; i++)
		if (line[i] == '\0')
			line[i] = ' ';
	json_bytes(json, line, list.length);
	free(line);
}

/* ip needs no more room than the longest IPv6 address in full, 8 groups of 4 digits. */
static void format_ip(const struct ringfort_addr *addr, char text[40])
{
	const uint8_t *ip = addr->ip;
	size_t used = 0;

	if (addr->family == RINGFORT_FAMILY_INET) {
		snprintf(text, 40, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
		return;
	}
	for (int i = 0; i < 16; i += 2)
		used += (size_t)snprintf(text + used, 40 - used, "%s%x", i ? ":" : "",
					 (unsigned)(ip[i] << 8 | ip[i + 1]));
}

static bool addr_has_ip(const struct ringfort_addr *addr)
{
	return addr->family == RINGFORT_FAMILY_INET || addr->family == RINGFORT_FAMILY_INET6;
}

static void write_addr(struct json *json, const struct ringfort_event *event,
		       const struct ringfort_addr *addr, bool ocsf)
{
	const char *family = ringfort_value_name("family", addr->family);
	char ip[40];

	json_begin_object(json);
	if (!ocsf && family)
		json_name_string(json, "family", family);
	else if (!ocsf)
		json_name_uint(json, "family", addr->family);
	if (addr_has_ip(addr)) {
		format_ip(addr, ip);
		json_name_string(json, "ip", ip);
		json_name_uint(json, "port", addr->port);
	}
	if (addr->path.offset) {
		json_name(json, ocsf ? "name" : "path");
		write_span(json, event, addr->path);
	}
	json_end_object(json);
}

static void write_file(struct json *json, const struct ringfort_event *event,
		       const struct ringfort_file *file)
{
	const char *quality = ringfort_value_name("quality", file->quality);

	json_begin_object(json);
	json_name(json, "path");
	write_span(json, event, file->path);
	json_name_string(json, "quality", quality ? quality : "none");
	json_name_uint(json, "dev", file->dev);
	json_name_uint(json, "ino", file->ino);
	json_name_uint(json, "mnt_ns", file->mnt_ns);
	for (uint32_t bit = 0; bit < 32; bit++) {
		const char *name = ringfort_value_name("file_flags", bit);

		if (name)
			json_name_bool(json, name, file->flags >> bit & 1);
	}
	json_end_object(json);
}

static void write_flags(struct json *json, const char *set, uint32_t flags)
{
	json_begin_array(json);
	for (uint32_t bit = 0; bit < 32; bit++) {
		const char *name = flags >> bit & 1 ? ringfort_value_name(set, bit) : NULL;

		if (name)
			json_string(json, name);
	}
	json_end_array(json);
}

static void write_enum(struct json *json, const char *set, uint32_t value)
{
	const char *name = ringfort_value_name(set, value);

	if (name)
		json_string(json, name);
	else
		json_uint(json, value);
}

/* A field as the object "ringfort" shows it: every kind in full. */
static void write_field(struct json *json, const struct ringfort_event *event, const void *base,
			const struct ringfort_field *field)
{
	const void *at = (const char *)base + field->offset;
	const struct ringfort_proc *proc = at;

	switch ((enum ringfort_kind)field->kind) {
	case RINGFORT_KIND_U32:
		json_uint(json, u32_at(at));
		break;
	case RINGFORT_KIND_U64:
		json_uint(json, *(const uint64_t *)at);
		break;
	case RINGFORT_KIND_I32:
		json_int(json, *(const int32_t *)at);
		break;
	case RINGFORT_KIND_BOOL:
		json_bool(json, u32_at(at));
		break;
	case RINGFORT_KIND_ENUM:
		write_enum(json, field->set, u32_at(at));
		break;
	case RINGFORT_KIND_FLAGS:
		write_flags(json, field->set, u32_at(at));
		break;
	case RINGFORT_KIND_STR:
		write_span(json, event, span_at(at));
		break;
	case RINGFORT_KIND_STRV:
		write_strings(json, event, span_at(at));
		break;
	case RINGFORT_KIND_FILE:
		write_file(json, event, at);
		break;
	case RINGFORT_KIND_ADDR:
		write_addr(json, event, at, false);
		break;
	case RINGFORT_KIND_PROC:
		json_begin_object(json);
		json_name_uint(json, "pid", proc->pid);
		json_name_uint(json, "start_ns", proc->start_ns);
		json_end_object(json);
		break;
	}
}

/* A field as an OCSF leaf: OCSF's users and groups have string ids. */
static void write_leaf(struct json *json, const struct ringfort_event *event, const void *base,
		       const struct ringfort_field *field)
{
	const void *at = (const char *)base + field->offset;
	const char *last = strrchr(field->ocsf, '.');
	char text[24];

	switch ((enum ringfort_kind)field->kind) {
	case RINGFORT_KIND_U32:
		if (!last || strcmp(last, ".uid") != 0) {
			json_uint(json, u32_at(at));
			break;
		}
		snprintf(text, sizeof(text), "%u", u32_at(at));
		json_string(json, text);
		break;
	case RINGFORT_KIND_ENUM:
		json_uint(json, u32_at(at));
		break;
	case RINGFORT_KIND_I32:
		snprintf(text, sizeof(text), "%d", *(const int32_t *)at);
		json_string(json, text);
		break;
	case RINGFORT_KIND_STRV:
		if (last && strcmp(last, ".cmd_line") == 0)
			write_joined(json, event, span_at(at));
		else
			write_strings(json, event, span_at(at));
		break;
	case RINGFORT_KIND_FILE:
		write_span(json, event, ((const struct ringfort_file *)at)->path);
		break;
	case RINGFORT_KIND_ADDR:
		write_addr(json, event, at, true);
		break;
	case RINGFORT_KIND_PROC:
		json_uint(json, ((const struct ringfort_proc *)at)->pid);
		break;
	default:
		write_field(json, event, base, field);
	}
}

/* Names of a dotted path up to the leaf; how many are the same as in the path before. */
static size_t shared_depth(const char *a, const char *b)
{
	size_t depth = 0;

	for (; *a && *a == *b; a++, b++)
		if (*a == '.')
			depth++;
	return depth;
}

static size_t path_depth(const char *path)
{
	size_t depth = 0;

	for (; *path; path++)
		depth += *path == '.';
	return depth;
}

static void open_objects(struct json *json, const char *path, size_t from, size_t to)
{
	for (size_t depth = 0; depth < to; depth++) {
		const char *dot = strchr(path, '.');
		char name[64];

		if (depth >= from) {
			snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
			json_name(json, name);
			json_begin_object(json);
		}
		path = dot + 1;
	}
}

void json_ocsf_fields(struct json *json, const struct ringfort_event *event)
{
	const struct plan *plan = plan_of(event->type);
	const char *previous = "";
	size_t open = 0;

	for (size_t i = 0; i < plan->n; i++) {
		const struct ringfort_field *field = plan->leaves[i].field;
		const void *base = plan->leaves[i].common ? (const void *)&event->process :
							    (const void *)(event + 1);
		size_t keep = shared_depth(previous, field->ocsf);
		const char *leaf = strrchr(field->ocsf, '.');

		for (; open > keep; open--)
			json_end_object(json);
		open_objects(json, field->ocsf, open, path_depth(field->ocsf));
		open = path_depth(field->ocsf);
		json_name(json, leaf ? leaf + 1 : field->ocsf);
		write_leaf(json, event, base, field);
		previous = field->ocsf;
	}
	for (; open > 0; open--)
		json_end_object(json);
}

void json_ringfort_fields(struct json *json, const struct ringfort_event *event)
{
	const struct ringfort_type_info *info = ringfort_type_info(event->type);
	const struct ringfort_field *common;
	uint32_t n;

	json_name_string(json, "type", info->name);
	json_name_uint(json, "seq", event->seq);
	json_name_uint(json, "time_ns", event->time_ns);
	json_name_uint(json, "monotonic_ns", event->monotonic_ns);
	json_name(json, "via");
	write_enum(json, "via", event->via);
	if (event->flags & RINGFORT_FLAG_SELFTEST)
		json_name_bool(json, "selftest", true);
	json_name(json, "process");
	json_begin_object(json);
	common = ringfort_process_fields(&n);
	for (uint32_t i = 0; i < n; i++) {
		json_name(json, common[i].name);
		write_field(json, event, &event->process, &common[i]);
	}
	json_end_object(json);
	for (uint32_t i = 0; i < info->n_fields; i++) {
		json_name(json, info->fields[i].name);
		write_field(json, event, event + 1, &info->fields[i]);
	}
}

void json_ocsf_event(struct json *json, const struct ringfort_event *event, const char *hostname)
{
	const struct ringfort_type_info *info = ringfort_type_info(event->type);

	json_begin_object(json);
	json_ocsf_head(json, info->class_uid, info->activity_id, 1, event->time_ns, hostname);
	json_ocsf_fields(json, event);
	json_name(json, "ringfort");
	json_begin_object(json);
	json_ringfort_fields(json, event);
	json_end_object(json);
	json_end_object(json);
}
