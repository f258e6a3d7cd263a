/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "sensor/path.h"
#include "sensor/bpf/record.h"
#include "sensor/names.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void turn(const char *bytes, uint32_t length, uint32_t quality, uint32_t flags, const char *expected)
{
	char *in = malloc(length + 1), *out = malloc(path_bound(length));
	uint32_t n;

	/* Exactly as large as needed: the sanitizer sees every byte too many. */
	memcpy(in, bytes, length);
	in = realloc(in, length ? length : 1);
	n = path_turn(in, length, quality, flags, out);
	assert(n == strlen(out));
	if (strcmp(out, expected))
		fprintf(stderr, "got '%s', expected '%s'\n", out, expected);
	assert(strcmp(out, expected) == 0);
	free(in);
	free(out);
}

#define WALKED(literal, expected) \
	turn(literal, sizeof(literal) - 1, RINGFORT_QUALITY_RESOLVED, PROBE_FILE_REVERSED, expected)
#define BELOW(literal, expected) \
	turn(literal, sizeof(literal) - 1, RINGFORT_QUALITY_CALLER, \
	     PROBE_FILE_REVERSED | PROBE_FILE_RELATIVE, expected)
#define CALLED(literal, expected) \
	turn(literal, sizeof(literal) - 1, RINGFORT_QUALITY_CALLER, 0, expected)

static void a_walked_path_is_turned_round(void)
{
	WALKED("ls\0bin\0usr\0", "/usr/bin/ls");
	WALKED("ls\0bin\0usr", "/usr/bin/ls");
	WALKED("x", "/x");
	WALKED("", "/");
	WALKED("\0", "/");
	WALKED("a\0\0b", "/b/a");
}

static void a_relative_call_continues_below_its_folder(void)
{
	BELOW("bin\0usr\0\0ls", "/usr/bin/ls");
	BELOW("\0etc/passwd", "/etc/passwd");
	BELOW("bin\0usr\0\0./x//y/./z/", "/usr/bin/x/y/z");
	BELOW("bin\0usr\0\0", "/usr/bin");
	BELOW("bin\0usr\0\0.", "/usr/bin");
	BELOW("bin\0usr\0\0/etc/x", "/etc/x");
	BELOW("bin\0usr", "/usr/bin");
}

static void dots_right_below_a_walked_folder_are_resolved_and_others_are_kept(void)
{
	BELOW("bin\0usr\0\0../lib/x", "/usr/lib/x");
	BELOW("bin\0usr\0\0../../../../x", "/x");
	BELOW("bin\0usr\0\0link/../x", "/usr/bin/link/../x");
	BELOW("bin\0usr\0\0..", "/usr");
	BELOW("usr\0\0..", "/");
}

static void the_string_of_a_call_is_tidied_only_where_that_changes_nothing(void)
{
	CALLED("/usr//bin/./ls", "/usr/bin/ls");
	CALLED("/../x", "/x");
	CALLED("/a/../x", "/a/../x");
	CALLED("./x", "./x");
	CALLED("x//y", "x//y");
	CALLED("", "");
	CALLED("/", "/");
	CALLED("/x\0hidden", "/x");
	turn("/odd//name", 10, RINGFORT_QUALITY_RESOLVED, 0, "/odd//name");
}

static void noise_never_passes_the_bound(void)
{
	static const char letters[] = { '\0', '/', '.', 'a', '\0', '/' };
	char bytes[64];

	srandom(1);
	for (int i = 0; i < 200000; i++) {
		uint32_t length = (uint32_t)random() % sizeof(bytes);
		uint32_t flags = ((uint32_t)random() & 3) << 30;
		char *in = malloc(length ? length : 1), *out = malloc(path_bound(length));

		for (uint32_t k = 0; k < length; k++)
			in[k] = letters[random() % (long)sizeof(letters)];
		assert(path_turn(in, length, (uint32_t)random() % 4, flags, out) == strlen(out));
		free(in);
		free(out);
	}
	(void)bytes;
}

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void container_is(const char *path, bool there)
{
	const char *id = names_container_id(path);

	assert((id != NULL) == there);
	assert(!id || strncmp(id, ID, 64) == 0);
}

static void containers_are_told_by_their_digits(void)
{
	container_is("/system.slice/docker-" ID ".scope", true);
	container_is("/docker/" ID, true);
	container_is(ID, true);
	container_is("/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope/init", true);
	container_is("/machine.slice/libpod-conmon-" ID ".scope", false);
	container_is("/machine.slice/libpod-" ID ".scope", true);
	container_is("/x/" ID "0", false);
	container_is("/user.slice/user-0.slice", false);
	container_is("", false);
	/* the innermost */
	container_is("/docker/ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff/docker/" ID, true);
}

static void terminals_have_their_names(void)
{
	struct names *names;

	assert(names_new(&names, NULL) == 0);
	assert(strcmp(names_tty(names, 0), "") == 0);
	assert(strcmp(names_tty(names, 136u << 20 | 12), "/dev/pts/12") == 0);
	assert(strcmp(names_tty(names, 5u << 20 | 1), "/dev/console") == 0);
	assert(strcmp(names_tty(names, 136u << 20 | 12), "/dev/pts/12") == 0);
	assert(names_cgroup(names, 1).path_length == 0);
	names_free(names);
}

int main(void)
{
	a_walked_path_is_turned_round();
	a_relative_call_continues_below_its_folder();
	dots_right_below_a_walked_folder_are_resolved_and_others_are_kept();
	the_string_of_a_call_is_tidied_only_where_that_changes_nothing();
	noise_never_passes_the_bound();
	containers_are_told_by_their_digits();
	terminals_have_their_names();
	return 0;
}
