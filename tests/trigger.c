/* SPDX-License-Identifier: Apache-2.0 */
/* Trigger - the table of acts, and how facts are told. */
#include "trigger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static bool comma;

static void put_name(const char *name)
{
	printf("%s\"%s\":", comma ? "," : "", name);
	comma = true;
}

static void put_text(const char *bytes)
{
	putchar('"');
	for (; *bytes; bytes++) {
		unsigned char c = (unsigned char)*bytes;

		if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

void fact_begin(void)
{
	putchar('{');
	comma = false;
}

void fact_end(void)
{
	puts("}");
	fflush(stdout);
}

void fact_number(const char *name, int64_t value)
{
	put_name(name);
	printf("%lld", (long long)value);
}

void fact_text(const char *name, const char *bytes)
{
	put_name(name);
	put_text(bytes);
}

void fact_list(const char *name, char *const *texts)
{
	put_name(name);
	putchar('[');
	for (int i = 0; texts[i]; i++) {
		if (i)
			putchar(',');
		put_text(texts[i]);
	}
	putchar(']');
}

/* Field 22 of /proc/PID/stat; the name before may hold spaces and brackets. */
static long long start_ticks(pid_t pid)
{
	char path[64], text[1024], *at;
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int field = 3; at && field <= 22; field++)
		at = strchr(at + 1, ' ');
	return at ? atoll(at) : -1;
}

void fact_process(const char *name, pid_t pid)
{
	char full[64];

	snprintf(full, sizeof(full), "%s.pid", name);
	fact_number(full, pid);
	snprintf(full, sizeof(full), "%s.ticks", name);
	fact_number(full, start_ticks(pid));
}

void fact_file(const char *name, const char *path)
{
	char full[64];
	struct stat st;

	check(lstat(path, &st));
	snprintf(full, sizeof(full), "%s.path", name);
	fact_text(full, path);
	snprintf(full, sizeof(full), "%s.dev", name);
	fact_number(full, (int64_t)major(st.st_dev) << 20 | minor(st.st_dev));
	snprintf(full, sizeof(full), "%s.ino", name);
	fact_number(full, (int64_t)st.st_ino);
	snprintf(full, sizeof(full), "%s.mode", name);
	fact_number(full, st.st_mode);
}

long check_result(long result, const char *call)
{
	if (result < 0) {
		fprintf(stderr, "trigger: %s: %s\n", call, strerror(errno));
		exit(1);
	}
	return result;
}

const char *argument(char ***argv)
{
	if (!**argv) {
		fprintf(stderr, "trigger: an argument is missing\n");
		exit(2);
	}
	return *(*argv)++;
}

/* under CALLED ARGV0 [ARG]...: be the parent of what acts, and tell how it ended. */
static void run_under(char **argv)
{
	const char *called = argument(&argv);
	int status;
	pid_t pid;

	pid = (pid_t)check(fork());
	if (pid == 0) {
		execv(called, argv);
		fprintf(stderr, "trigger: cannot execute %s: %s\n", called, strerror(errno));
		_exit(127);
	}
	check(waitpid(pid, &status, 0));
	fact_begin();
	fact_number("status", status);
	fact_end();
}

static const struct act *find(const char *name)
{
	static const struct act *const tables[] = { process_acts, exec_acts, file_acts,
						    net_acts,	  uring_acts, storm_acts,  gate_acts, verdict_acts };

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		for (const struct act *act = tables[i]; act->name; act++)
			if (strcmp(act->name, name) == 0)
				return act;
	return NULL;
}

/* The image that acts of exec end in. */
static int landed(char **argv)
{
	char byte;

	/* Stay until the test has looked, where it left standard input for that. */
	if (argv[0] && strcmp(argv[0], "wait") == 0)
		return read(STDIN_FILENO, &byte, 1) < 0;
	return 0;
}

int main(int argc, char **argv)
{
	const struct act *act;
	char line[16];

	if (argc < 2)
		return 2;
	if (strcmp(argv[1], "landed") == 0)
		return landed(argv + 2);
	if (strcmp(argv[1], "under") == 0) {
		run_under(argv + 2);
		return 0;
	}
	act = find(argv[1]);
	if (!act) {
		fprintf(stderr, "trigger: no act is called %s\n", argv[1]);
		return 2;
	}
	fact_begin();
	fact_number("pid", getpid());
	fact_end();
	if (!fgets(line, sizeof(line), stdin))
		return 1;
	act->run(argv + 2);
	fflush(stdout);
	return 0;
}
