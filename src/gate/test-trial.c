/* SPDX-License-Identifier: Apache-2.0 */
/* Trial - who may, may; who may not is told why. */
#undef NDEBUG
#include "gate/trial.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CGROUP2 "/sys/fs/cgroup"

static const char *cgroup_path(void)
{
	if (access(CGROUP2 "/unified/cgroup.procs", F_OK) == 0)
		return CGROUP2 "/unified";
	return access(CGROUP2 "/cgroup.procs", F_OK) == 0 ? CGROUP2 : NULL;
}

static int n_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	int n = 0, c;

	assert(file);
	while ((c = fgetc(file)) != EOF)
		n += c == '\n';
	fclose(file);
	return n;
}

static void root_is_granted_marks_and_nothing_stays_of_them(void)
{
	int n_mounts = n_lines("/proc/self/mountinfo");
	struct trial trial;
	int before, after;

	before = dup(0);
	close(before);
	trial_run(&trial, cgroup_path());
	after = dup(0);
	close(after);
	printf("# exec: %s, open: %s, net: %s\n", strerror(-trial.exec), strerror(-trial.open), strerror(-trial.net));
	assert(trial.exec == 0 && trial.open == 0);
	assert(before == after && n_lines("/proc/self/mountinfo") == n_mounts);
}

static void without_the_unified_cgroups_nothing_decides_about_the_network(void)
{
	struct trial trial;

	trial_run(&trial, NULL);
	assert(trial.net == -ENOENT);
	trial_run(&trial, "/proc");
	assert(trial.net < 0);
}

static void who_has_no_privilege_is_refused_each_of_it(void)
{
	pid_t pid = fork();
	int status;

	assert(pid >= 0);
	if (pid == 0) {
		struct trial trial;

		assert(setgid(65534) == 0 && setuid(65534) == 0);
		trial_run(&trial, cgroup_path());
		assert(trial.exec < 0 && trial.open < 0 && trial.net < 0);
		_exit(0);
	}
	assert(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
	if (geteuid() != 0) {
		printf("skipped: needs root\n");
		return 77;
	}
	root_is_granted_marks_and_nothing_stays_of_them();
	without_the_unified_cgroups_nothing_decides_about_the_network();
	who_has_no_privilege_is_refused_each_of_it();
	return 0;
}
