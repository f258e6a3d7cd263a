/* SPDX-License-Identifier: Apache-2.0 */
/* Paths - defaults, and the folder that this program was started from. */
#include "ringfortd/paths.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_CONFIG "/etc/ringfort/ringfortd.yaml"
#define DEFAULT_STATE "/var/lib/ringfort"
#define DEFAULT_RUNTIME "/run/ringfort"

/* Absolute, so that it means the same after a chdir; the folder need not be there yet. */
static int set_path(char to[PATH_MAX], const char *given, const char *fallback)
{
	const char *path = given ? given : fallback;
	char cwd[PATH_MAX];
	int n;

	if (path[0] == '/')
		n = snprintf(to, PATH_MAX, "%s", path);
	else if (!getcwd(cwd, sizeof(cwd)))
		return -errno;
	else
		n = snprintf(to, PATH_MAX, "%s/%s", cwd, path);
	if (n >= PATH_MAX)
		return -ENAMETOOLONG;
	while (n > 1 && to[n - 1] == '/')
		to[--n] = '\0';
	return 0;
}

/* "/usr/sbin/ringfortd" gives "/usr" */
static int find_prefix(char prefix[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", prefix, PATH_MAX - 1);

	if (n < 0)
		return -errno;
	prefix[n] = '\0';
	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(prefix, '/');

		if (slash)
			*slash = '\0';
	}
	return 0;
}

static void name_instance(struct paths *paths)
{
	uint32_t hash = 2166136261u;

	if (strcmp(paths->runtime, DEFAULT_RUNTIME) == 0) {
		strcpy(paths->instance, "main");
		return;
	}
	for (const char *p = paths->runtime; *p; p++)
		hash = (hash ^ (unsigned char)*p) * 16777619u;
	snprintf(paths->instance, sizeof(paths->instance), "i%08x", hash);
}

int paths_init(struct paths *paths, const char *config, const char *state, const char *runtime)
{
	char prefix[PATH_MAX];
	int r;

	r = set_path(paths->config, config, DEFAULT_CONFIG);
	if (r == 0)
		r = set_path(paths->state, state, DEFAULT_STATE);
	if (r == 0)
		r = set_path(paths->runtime, runtime, DEFAULT_RUNTIME);
	if (r == 0)
		r = find_prefix(prefix);
	if (r < 0)
		return r;
	if (snprintf(paths->solutions, PATH_MAX, "%s/libexec/ringfort/solutions", prefix) >= PATH_MAX ||
	    snprintf(paths->library, PATH_MAX, "%s/lib/libringfort.so.0", prefix) >= PATH_MAX ||
	    snprintf(paths->command, PATH_MAX, "%s/bin/ringfort", prefix) >= PATH_MAX)
		return -ENAMETOOLONG;
	name_instance(paths);
	return 0;
}
