/* SPDX-License-Identifier: Apache-2.0 */
/* Policy: files and folders. */
#include "policy-internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FOLDER_DEPTH 16

static int refuse_file(struct policy *policy, const char *path, int error)
{
	struct refusal refusal;

	if (error == ENOMEM)
		return -ENOMEM;
	refuse(&refusal, 0, "cannot be read: %s", strerror(error));
	policy_refuse(policy, path, 0, refusal.reason);
	return 0;
}

static int load_file(struct policy *policy, const char *path, int fd)
{
	_cleanup_(cleanup_free) char *text = NULL;
	size_t n = 0, n_allocated = 0;

	/* One byte more than allowed, so that the reader sees that there is more. */
	while (n <= POLICY_MAX_BYTES) {
		ssize_t got;

		if (n == n_allocated) {
			char *grown = realloc(text, n_allocated += 1 + n + 65536);

			if (!grown)
				return -ENOMEM;
			text = grown;
		}
		got = read(fd, text + n, n_allocated - n);
		if (got < 0)
			return refuse_file(policy, path, errno);
		if (!got)
			break;
		n += (size_t)got;
	}
	return policy_read(policy, path, text, n);
}

static bool is_policy_name(const char *name)
{
	return has_suffix(name, ".yaml") || has_suffix(name, ".yml");
}

static bool is_folder(const char *path)
{
	struct stat status;

	return !stat(path, &status) && S_ISDIR(status.st_mode);
}

static int add_lists(struct policy *policy, const char *folder)
{
	int r = policy->packages ? 0 : packages_new(&policy->packages);

	if (!r)
		r = packages_add_folder(policy->packages, folder);
	return r == -ENOSPC ? refuse_file(policy, folder, ENOSPC) : r;
}

static int load_path(struct policy *policy, const char *path, unsigned int depth);

static int load_entry(struct policy *policy, const char *folder, const char *name,
		      unsigned int depth)
{
	_cleanup_(cleanup_free) char *path = NULL;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return -ENOMEM;
	return is_policy_name(name) || is_folder(path) ? load_path(policy, path, depth + 1) : 0;
}

static int load_folder(struct policy *policy, const char *path, unsigned int depth)
{
	struct dirent **entries;
	bool has_lists = false;
	int n, r = 0;

	if (depth > MAX_FOLDER_DEPTH)
		return refuse_file(policy, path, ELOOP);
	n = scandir(path, &entries, NULL, alphasort);
	if (n < 0)
		return refuse_file(policy, path, errno);
	for (int i = 0; i < n; i++) {
		const char *name = entries[i]->d_name;

		if (has_suffix(name, PACKAGES_SUFFIX))
			has_lists = true;
		else if (!r && name[0] != '.')
			r = load_entry(policy, path, name, depth);
		free(entries[i]);
	}
	free(entries);
	return !r && has_lists ? add_lists(policy, path) : r;
}

static int load_path(struct policy *policy, const char *path, unsigned int depth)
{
	/* Not blocking: the path may be a FIFO. */
	_cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status) < 0)
		return refuse_file(policy, path, errno);
	if (S_ISDIR(status.st_mode))
		return load_folder(policy, path, depth);
	if (!S_ISREG(status.st_mode))
		return refuse_file(policy, path, EINVAL);
	return load_file(policy, path, fd);
}

int policy_load(struct policy **ret, const char *const *paths, size_t n_paths,
		policy_report_fn report, void *userdata)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	int r = policy_new(&policy, report, userdata);

	for (size_t i = 0; i < n_paths && !r; i++)
		r = load_path(policy, paths[i], 0);
	if (!r && !policy->n_files && !policy->n_refused)
		policy_refuse(policy, n_paths ? paths[0] : "", 0, "there is no *.yaml and no *.yml here");
	if (!r)
		r = policy_finish(policy);
	if (r < 0)
		return r;
	*ret = take_ptr(policy);
	return 0;
}

int policy_load_text(struct policy **ret, const char *file, const char *text, size_t n,
		     policy_report_fn report, void *userdata)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	int r = policy_new(&policy, report, userdata);

	if (!r)
		r = policy_read(policy, file, text, n);
	if (!r)
		r = policy_finish(policy);
	if (r < 0)
		return r;
	*ret = take_ptr(policy);
	return 0;
}
