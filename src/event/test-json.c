/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of events, read back by somebody else's parser.  Argument: only print one type's JSON. */
#undef NDEBUG
#include "event/sample.h"

#include <assert.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

static _Alignas(8) char buffer[RINGFORT_MAX_EVENT];

static json_t *parse(const struct ringfort_event *event)
{
	json_error_t error;
	json_t *tree = json_loads(sample_json(event), JSON_REJECT_DUPLICATES, &error);

	if (!tree)
		fprintf(stderr, "%s: %s\n", ringfort_type_info(event->type)->name, error.text);
	assert(json_is_object(tree));
	return tree;
}

static void check_string(const json_t *value, const char *before, const char *name)
{
	char expected[128];

	snprintf(expected, sizeof(expected), "%s%s", before, name);
	assert(strcmp(json_string_value(value), expected) == 0);
}

static void check_list(const json_t *value, const char *name)
{
	assert(json_array_size(value) == 3);
	assert(strcmp(json_string_value(json_array_get(value, 0)), name) == 0);
	assert(strcmp(json_string_value(json_array_get(value, 1)), "two words") == 0);
	assert(strcmp(json_string_value(json_array_get(value, 2)), "") == 0);
}

static void check_file(const json_t *value, const char *name, uint32_t number)
{
	check_string(json_object_get(value, "path"), "/sample/", name);
	assert(strcmp(json_string_value(json_object_get(value, "quality")), "resolved") == 0);
	assert(json_integer_value(json_object_get(value, "dev")) == 8);
	assert(json_integer_value(json_object_get(value, "ino")) == number);
	assert(json_integer_value(json_object_get(value, "mnt_ns")) == 4026531840);
	assert(json_is_false(json_object_get(value, "foreign_ns")));
	assert(json_is_false(json_object_get(value, "deleted")));
	assert(json_is_false(json_object_get(value, "memfd")));
	assert(json_is_false(json_object_get(value, "truncated")));
}

static void check_field(const json_t *object, const struct ringfort_field *field, uint32_t number)
{
	const json_t *value = json_object_get(object, field->name);

	switch ((enum ringfort_kind)field->kind) {
	case RINGFORT_KIND_U32:
		assert(json_integer_value(value) == number);
		break;
	case RINGFORT_KIND_U64:
		assert(json_integer_value(value) == 0x100000000ll + number);
		break;
	case RINGFORT_KIND_I32:
		assert(json_integer_value(value) == -(json_int_t)number);
		break;
	case RINGFORT_KIND_BOOL:
		assert(json_is_true(value));
		break;
	case RINGFORT_KIND_ENUM:
		if (ringfort_value_name(field->set, 1))
			check_string(value, "", ringfort_value_name(field->set, 1));
		else
			assert(json_integer_value(value) == 1);
		break;
	case RINGFORT_KIND_FLAGS:
		assert(json_array_size(value) == 1);
		check_string(json_array_get(value, 0), "", ringfort_value_name(field->set, 0));
		break;
	case RINGFORT_KIND_STR:
		check_string(value, "value of ", field->name);
		break;
	case RINGFORT_KIND_STRV:
		check_list(value, field->name);
		break;
	case RINGFORT_KIND_FILE:
		check_file(value, field->name, number);
		break;
	case RINGFORT_KIND_ADDR:
		check_string(json_object_get(value, "family"), "", "inet");
		check_string(json_object_get(value, "ip"), "", "192.0.2.1");
		assert(json_integer_value(json_object_get(value, "port")) == 443);
		break;
	case RINGFORT_KIND_PROC:
		assert(json_integer_value(json_object_get(value, "pid")) == number);
		assert(json_integer_value(json_object_get(value, "start_ns")) == 5000000000);
		break;
	}
}

static void every_field_of_every_type_is_there_by_its_name(void)
{
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);
		json_t *tree, *told, *process;

		if (!info)
			continue;
		tree = parse(sample_event(type, buffer));
		told = json_object_get(tree, "ringfort");
		process = json_object_get(told, "process");
		check_string(json_object_get(told, "type"), "", info->name);
		assert(json_integer_value(json_object_get(told, "time_ns")) == (json_int_t)SAMPLE_TIME_NS);
		check_string(json_object_get(told, "via"), "", "syscall");
		assert(json_integer_value(json_object_get(told, "seq")) == 7);
		for (uint32_t i = 0; i < n; i++)
			check_field(process, &common[i], SAMPLE_PROCESS + i);
		for (uint32_t i = 0; i < info->n_fields; i++)
			check_field(told, &info->fields[i], SAMPLE_FIELDS + i);
		json_decref(tree);
	}
}

/* The names that the issue promises to those who read the JSON. */
static void the_promised_members_of_process_are_there(void)
{
	static const char *const names[] = { "pid", "start_ns", "ppid", "uid", "gid", "loginuid", "exe",
					     "exe_called", "argv", "cwd", "cgroup", "container_id" };
	json_t *tree = parse(sample_event(ringfort_type_process_exec, buffer));
	json_t *process = json_object_get(json_object_get(tree, "ringfort"), "process");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		assert(json_object_get(process, names[i]));
	json_decref(tree);
}

static void check_ocsf_path(const json_t *tree, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, ".");
		char name[64];

		assert(n < sizeof(name));
		snprintf(name, sizeof(name), "%.*s", (int)n, path);
		tree = json_object_get(tree, name);
		assert(tree);
		path += n + (path[n] == '.');
	}
}

static void every_field_with_an_ocsf_name_is_at_its_place(void)
{
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);
		json_t *tree;

		if (!info)
			continue;
		tree = parse(sample_event(type, buffer));
		for (uint32_t i = 0; i < n; i++)
			check_ocsf_path(tree, common[i].ocsf);
		for (uint32_t i = 0; i < info->n_fields; i++)
			check_ocsf_path(tree, info->fields[i].ocsf);
		json_decref(tree);
	}
}

static void the_ocsf_head_says_class_activity_and_time(void)
{
	json_t *tree = parse(sample_event(ringfort_type_file_rename, buffer));

	assert(json_integer_value(json_object_get(tree, "class_uid")) == 1001);
	assert(json_integer_value(json_object_get(tree, "category_uid")) == 1);
	assert(json_integer_value(json_object_get(tree, "activity_id")) == 5);
	assert(json_integer_value(json_object_get(tree, "type_uid")) == 100105);
	assert(json_integer_value(json_object_get(tree, "time")) == (json_int_t)(SAMPLE_TIME_NS / 1000000));
	check_string(json_object_get(json_object_get(tree, "device"), "hostname"), "", "host.example");
	json_decref(tree);
}

static const char *exe_of(json_t *tree)
{
	json_t *told = json_object_get(tree, "ringfort");

	return json_string_value(json_object_get(json_object_get(told, "process"), "exe"));
}

static void bytes_that_are_not_utf8_become_replacement_characters(void)
{
	static const struct {
		const char *bytes, *expected;
	} cases[] = {
		{ "/tmp/\xff\xfe", "/tmp/\xef\xbf\xbd\xef\xbf\xbd" },
		{ "cut \xe2\x82", "cut \xef\xbf\xbd\xef\xbf\xbd" },
		{ "surrogate \xed\xa0\x80", "surrogate \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "overlong \xc0\xaf", "overlong \xef\xbf\xbd\xef\xbf\xbd" },
		{ "above \xf4\x90\x80\x80", "above \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
		{ "fine \xc3\xa4 \xe2\x82\xac \xf0\x9f\x8f\xb0", "fine \xc3\xa4 \xe2\x82\xac \xf0\x9f\x8f\xb0" },
		{ "\"\\\b\n\t\x1b[2J\x7f", "\"\\\b\n\t\x1b[2J\x7f" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ringfort_event *event = sample_event(ringfort_type_file_unlink, buffer);
		json_t *tree;

		sample_set(event, &event->process.exe, cases[i].bytes, (uint32_t)strlen(cases[i].bytes));
		tree = parse(event);
		assert(strcmp(exe_of(tree), cases[i].expected) == 0);
		assert(!strchr(sample_json(event), '\n') && !strchr(sample_json(event), '\x1b') &&
		       !strchr(sample_json(event), '\x7f'));
		json_decref(tree);
	}
}

static void values_without_a_name_are_numbers(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_file_create, buffer);
	struct ringfort_file_create *create = (void *)(event + 1);
	json_t *tree;

	create->kind = 77;
	event->via = 9;
	tree = parse(event);
	assert(json_integer_value(json_object_get(json_object_get(tree, "ringfort"), "kind")) == 77);
	assert(json_integer_value(json_object_get(json_object_get(tree, "ringfort"), "via")) == 9);
	json_decref(tree);
}

static void addresses_of_every_family_are_told(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_net_connect, buffer);
	struct ringfort_net_connect *act = (void *)(event + 1);
	json_t *tree, *told;

	act->remote = (struct ringfort_addr){ .family = RINGFORT_FAMILY_INET6, .port = 53,
					      .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	act->local = (struct ringfort_addr){ .family = RINGFORT_FAMILY_UNIX };
	sample_set(event, &act->local.path, "@hidden", 7);
	tree = parse(event);
	told = json_object_get(tree, "ringfort");
	check_string(json_object_get(json_object_get(told, "remote"), "ip"), "", "2001:db8:0:0:0:0:0:1");
	check_string(json_object_get(json_object_get(told, "local"), "path"), "", "@hidden");
	assert(!json_object_get(json_object_get(told, "local"), "ip"));
	json_decref(tree);
}

static void absent_strings_are_empty(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_process_exec, buffer);
	json_t *tree;

	event->process.exe = (struct ringfort_span){ 0 };
	event->process.argv = (struct ringfort_span){ 0 };
	tree = parse(event);
	assert(strcmp(exe_of(tree), "") == 0);
	json_decref(tree);
}

int main(int argc, char **argv)
{
	if (argc > 1) {
		puts(sample_json(sample_event(ringfort_type_by_name(argv[1]), buffer)));
		return 0;
	}
	every_field_of_every_type_is_there_by_its_name();
	the_promised_members_of_process_are_there();
	every_field_with_an_ocsf_name_is_at_its_place();
	the_ocsf_head_says_class_activity_and_time();
	bytes_that_are_not_utf8_become_replacement_characters();
	values_without_a_name_are_numbers();
	addresses_of_every_family_are_told();
	absent_strings_are_empty();
	return 0;
}
