/* SPDX-License-Identifier: Apache-2.0 */
/* Probe-dump - print what the probe sees: a tool for those who work on it; not installed. */
#include "sensor/probe.h"

#include <ringfort/event.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	stop = 1;
}

static void on_log(void *userdata, const char *message)
{
	fprintf(stderr, "%s\n", message);
}

/* Bytes of a record, with the NUL bytes between names and strings made visible. */
static void print_span(const struct probe_record *record, struct ringfort_span span)
{
	const char *bytes = (const char *)record + span.offset;

	putchar('"');
	for (uint32_t i = 0; i < span.length; i++)
		if ((unsigned char)bytes[i] < ' ')
			printf("\\%o", bytes[i]);
		else
			putchar(bytes[i]);
	putchar('"');
}

static void print_file(const struct probe_record *record, const struct ringfort_file *file)
{
	print_span(record, file->path);
	printf("(%s flags=%x dev=%" PRIx64 " ino=%" PRIu64 " ns=%" PRIu64 ")",
	       ringfort_value_name("quality", file->quality), file->flags, file->dev, file->ino,
	       file->mnt_ns);
}

static void print_addr(const struct probe_record *record, const struct ringfort_addr *addr)
{
	printf("%u:", addr->family);
	for (uint32_t i = 0; i < 16; i++)
		printf("%02x", addr->ip[i]);
	printf(":%u", addr->port);
	print_span(record, addr->path);
}

static void print_field(const struct probe_record *record, const struct ringfort_field *field)
{
	const void *at = (const char *)(record + 1) + field->offset;

	printf(" %s=", field->name);
	switch (field->kind) {
	case RINGFORT_KIND_STR:
	case RINGFORT_KIND_STRV:
		print_span(record, *(const struct ringfort_span *)at);
		break;
	case RINGFORT_KIND_FILE:
		print_file(record, at);
		break;
	case RINGFORT_KIND_ADDR:
		print_addr(record, at);
		break;
	case RINGFORT_KIND_PROC:
		printf("%u/%" PRIu64, ((const struct ringfort_proc *)at)->pid,
		       ((const struct ringfort_proc *)at)->start_ns);
		break;
	case RINGFORT_KIND_U64:
		printf("%" PRIx64, *(const uint64_t *)at);
		break;
	default:
		printf("%" PRId32, *(const int32_t *)at);
	}
}

static void print_record(const struct probe_record *record)
{
	const struct ringfort_type_info *info = ringfort_type_info(record->type);

	printf("%" PRIu64 " cpu %u n %" PRIu64 " %s via %u pid %u/%" PRIu64 " tid %u ppid %u uid %u tty %x size %u:",
	       record->monotonic_ns, record->cpu, record->n, info ? info->name : "?", record->via,
	       record->pid, record->start_ns, record->tid, record->ppid, record->uid, record->tty,
	       record->size);
	for (uint32_t i = 0; info && i < info->n_fields; i++)
		print_field(record, &info->fields[i]);
	putchar('\n');
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static bool drain(struct probe *probe)
{
	const struct probe_record *record;
	uint64_t until_ns = now_ns();
	bool found = false;

	while (probe_peek(probe, until_ns, &record) == 1) {
		print_record(record);
		probe_release(probe);
		found = true;
	}
	return found;
}

static void follow(struct probe *probe)
{
	struct pollfd fd = { .fd = probe_fd(probe), .events = POLLIN };

	while (!stop) {
		if (drain(probe)) {
			fflush(stdout);
			poll(NULL, 0, 5);
			continue;
		}
		probe_arm(probe);
		if (!drain(probe))
			poll(&fd, 1, -1);
	}
}

static void print_descriptions(const struct probe *probe)
{
	struct probe_description description;
	struct probe_footprint footprint;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		if (!ringfort_type_info(type))
			continue;
		probe_describe(probe, type, &description);
		fprintf(stderr, "%-16s %u %s %s\n", ringfort_type_info(type)->name,
			description.level, description.hook, description.why);
	}
	probe_footprint(probe, &footprint);
	fprintf(stderr, "%u programs, %u attached, %" PRIu64 " instructions, %" PRIu64 " bytes of maps\n",
		footprint.n_programs, footprint.n_attached, footprint.n_instructions,
		footprint.map_bytes);
}

int main(int argc, char **argv)
{
	static const char *const env[] = { "PATH", "LD_*", "HOME" };
	struct probe_options options = {
		.rare_bytes = 1 << 20, .bulk_bytes = 4 << 20, .env = env, .n_env = 3, .log = on_log,
	};
	uint64_t types = argc > 1 ? 0 : ~0ull;
	struct probe *probe = NULL;
	struct stat ns;
	int r;

	for (int i = 1; i < argc; i++)
		types |= 1ull << ringfort_type_by_name(argv[i]);
	/* Here the namespace of whoever looks counts as the host's. */
	if (stat("/proc/self/ns/mnt", &ns) == 0)
		options.host_mnt_ns = (uint32_t)ns.st_ino;
	r = probe_new(&probe, &options);
	if (r < 0) {
		fprintf(stderr, "probe: %s\n", strerror(-r));
		return 1;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	probe_attach(probe, types);
	print_descriptions(probe);
	follow(probe);
	fprintf(stderr, "skipped %" PRIu64 "\n", probe_skipped(probe));
	probe_free(probe);
	return 0;
}
