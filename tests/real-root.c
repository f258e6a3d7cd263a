/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real-root - run a command outside the chroot that we are in, with the same files.
 *
 *   real-root COMMAND [ARGUMENT...]
 *
 * The paths that the kernel tells are those of the mount namespace, and it makes no user namespace
 * for who is chrooted; so in a chroot (a fresh root made with debootstrap, say) ./test runs itself by this.
 */
#include "host/chroot.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char folder[PATH_MAX];
	int r;

	if (argc < 2 || !getcwd(folder, sizeof(folder))) {
		fprintf(stderr, "usage: real-root COMMAND [ARGUMENT...]\n");
		return 2;
	}
	r = host_leave_chroot();
	if (r < 0 || chdir(folder) < 0) {
		fprintf(stderr, "real-root: cannot leave the chroot: %s\n", strerror(-r));
		return 77;
	}
	execvp(argv[1], argv + 1);
	perror(argv[1]);
	return 127;
}
