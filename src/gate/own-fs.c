/* SPDX-License-Identifier: Apache-2.0 */
/* Own fs - a file system that nobody else sees. */
#include "gate/own-fs.h"

#include "base/cleanup.h"

#include <errno.h>
#include <sys/mount.h>

int own_fs_open(int *ret_root)
{
	_cleanup_(closep) int context = fsopen("tmpfs", FSOPEN_CLOEXEC);
	int root;

	if (context < 0 || fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	root = fsmount(context, FSMOUNT_CLOEXEC, 0);
	if (root < 0)
		return -errno;
	*ret_root = root;
	return 0;
}
