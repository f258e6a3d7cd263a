/* SPDX-License-Identifier: Apache-2.0 */
/* Schema - the reference of all types and fields. */
#include "cli/schema.h"

#include "event/json.h"

#include <ringfort/event.h>
#include <string.h>

static const struct kind_row {
	const char *name;
	const char *json; /* how it looks in JSON */
} kinds[] = {
	[RINGFORT_KIND_U32] = { "u32", "number" },
	[RINGFORT_KIND_U64] = { "u64", "number" },
	[RINGFORT_KIND_I32] = { "i32", "number" },
	[RINGFORT_KIND_BOOL] = { "bool", "true or false" },
	[RINGFORT_KIND_ENUM] = { "enum", "name of the value, or its number where it has no name" },
	[RINGFORT_KIND_FLAGS] = { "flags", "array of the names of the bits that are set" },
	[RINGFORT_KIND_STR] = { "str", "string; bytes that are not UTF-8 become U+FFFD" },
	[RINGFORT_KIND_STRV] = { "strv", "array of strings" },
	[RINGFORT_KIND_FILE] = { "file", "object: path, quality, dev, ino, mnt_ns, and a boolean per bit of file_flags" },
	[RINGFORT_KIND_ADDR] = { "addr", "object: family; ip and port, or path" },
	[RINGFORT_KIND_PROC] = { "proc", "object: pid, start_ns" },
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

static const struct {
	const char *set, *text;
	uint32_t number;
} values[] = {
#define RINGFORT_ENUM(set_, ident, number_, text_) \
	{ .set = #set_, .text = text_, .number = number_ },
#include <ringfort/events.def>
};

#define N_VALUES (sizeof(values) / sizeof(values[0]))

/* A '|' would end the cell. */
static void put_cell(FILE *file, const char *text)
{
	fputs(" ", file);
	for (; *text; text++)
		fprintf(file, *text == '|' ? "\\%c" : "%c", *text);
	fputs(" |", file);
}

static void put_code(FILE *file, const char *text)
{
	if (text[0])
		fprintf(file, " `%s` |", text);
	else
		fputs("  |", file);
}

static void put_fields(FILE *file, const struct ringfort_field *fields, uint32_t n)
{
	if (n == 0)
		return;
	fputs("| field | kind | unit | OCSF | Sigma | since | meaning |\n"
	      "|---|---|---|---|---|---|---|\n", file);
	for (uint32_t i = 0; i < n; i++) {
		const struct ringfort_field *field = &fields[i];
		bool set = strcmp(field->set, "none") != 0;

		fputs("|", file);
		put_code(file, field->name);
		if (set)
			fprintf(file, " %s [%s](#%s) |", kinds[field->kind].name, field->set, field->set);
		else
			fprintf(file, " %s |", kinds[field->kind].name);
		put_cell(file, field->unit);
		put_code(file, field->ocsf);
		put_code(file, field->sigma);
		fprintf(file, " %u |", field->since);
		put_cell(file, field->meaning);
		fputc('\n', file);
	}
	fputc('\n', file);
}

static void put_type(FILE *file, const struct ringfort_type_info *info)
{
	fprintf(file, "## %s\n\n%s.\n\nNumber %u, ", info->name, info->meaning, info->number);
	if (info->class_uid)
		fprintf(file, "OCSF class %u activity %u, ", info->class_uid, info->activity_id);
	if (info->sigma[0])
		fprintf(file, "Sigma category `%s`, ", info->sigma);
	fprintf(file, "carried by the %s ring, since version %u.\n\n", info->rare ? "rare" : "bulk",
		info->since);
	put_fields(file, info->fields, info->n_fields);
}

static void put_sets(FILE *file)
{
	const char *set = "";

	fputs("# Sets of values\n\nOf flags the number is that of the bit.\n", file);
	for (size_t i = 0; i < N_VALUES; i++) {
		if (strcmp(values[i].set, set) != 0)
			fprintf(file, "\n## %s\n\n| number | name |\n|---|---|\n", values[i].set);
		set = values[i].set;
		fprintf(file, "| %u | `%s` |\n", values[i].number, values[i].text);
	}
}

static void print_markdown(FILE *file)
{
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	fputs("# Events\n\n"
	      "Printed by `ringfort events --schema` from `include/ringfort/events.def`, the only place\n"
	      "that names a type or a field; the build refreshes this page.\n\n", file);
	fprintf(file, "Schema hash: `%016llx`\n\n", (unsigned long long)ringfort_schema_hash());
	fputs("In JSON an event is an OCSF object; the fields below are members of its object `ringfort`,\n"
	      "beside `type`, `seq` (number among the events of its type, lost ones counted), `time_ns`\n"
	      "(CLOCK_REALTIME), `monotonic_ns`, [`via`](#via) and `process`.\n\n"
	      "| kind | in JSON |\n|---|---|\n", file);
	for (size_t i = 0; i < N_KINDS; i++)
		fprintf(file, "| %s | %s |\n", kinds[i].name, kinds[i].json);
	fputs("\n# The acting process\n\nThe object `process` of every event.\n\n", file);
	put_fields(file, common, n);
	fputs("# Types\n\n", file);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		if (ringfort_type_info(type))
			put_type(file, ringfort_type_info(type));
	put_sets(file);
}

static void json_fields(struct json *json, const struct ringfort_field *fields, uint32_t n)
{
	json_begin_array(json);
	for (uint32_t i = 0; i < n; i++) {
		json_begin_object(json);
		json_name_string(json, "name", fields[i].name);
		json_name_string(json, "kind", kinds[fields[i].kind].name);
		if (strcmp(fields[i].set, "none") != 0)
			json_name_string(json, "set", fields[i].set);
		json_name_string(json, "unit", fields[i].unit);
		json_name_string(json, "ocsf", fields[i].ocsf);
		json_name_string(json, "sigma", fields[i].sigma);
		json_name_uint(json, "since", fields[i].since);
		json_name_string(json, "meaning", fields[i].meaning);
		json_end_object(json);
	}
	json_end_array(json);
}

static void json_type(struct json *json, const struct ringfort_type_info *info)
{
	json_begin_object(json);
	json_name_string(json, "name", info->name);
	json_name_uint(json, "number", info->number);
	json_name_string(json, "sigma", info->sigma);
	json_name_uint(json, "class_uid", info->class_uid);
	json_name_uint(json, "activity_id", info->activity_id);
	json_name_string(json, "ring", info->rare ? "rare" : "bulk");
	json_name_uint(json, "since", info->since);
	json_name_string(json, "meaning", info->meaning);
	json_name(json, "fields");
	json_fields(json, info->fields, info->n_fields);
	json_end_object(json);
}

static void json_sets(struct json *json)
{
	json_begin_object(json);
	for (size_t i = 0; i < N_VALUES; i++) {
		bool first = i == 0 || strcmp(values[i].set, values[i - 1].set) != 0;
		bool last = i + 1 == N_VALUES || strcmp(values[i].set, values[i + 1].set) != 0;

		if (first) {
			json_name(json, values[i].set);
			json_begin_object(json);
		}
		json_name_uint(json, values[i].text, values[i].number);
		if (last)
			json_end_object(json);
	}
	json_end_object(json);
}

static void print_json(FILE *file)
{
	struct json json = { 0 };
	char hash[24];
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);
	const char *text;

	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)ringfort_schema_hash());
	json_begin_object(&json);
	json_name_string(&json, "schema_hash", hash);
	json_name(&json, "process");
	json_fields(&json, common, n);
	json_name(&json, "types");
	json_begin_array(&json);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		if (ringfort_type_info(type))
			json_type(&json, ringfort_type_info(type));
	json_end_array(&json);
	json_name(&json, "sets");
	json_sets(&json);
	json_end_object(&json);
	text = json_text(&json);
	fprintf(file, "%s\n", text ? text : "");
	json_done(&json);
}

void schema_print(const struct screen *screen, bool json)
{
	if (json)
		print_json(screen->file);
	else
		print_markdown(screen->file);
}
