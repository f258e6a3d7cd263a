/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role opener - opens a file of ours when it is told to, and says when it has.
 *
 * It waits for the gate as anybody does who opens a file, so that the canary (role-canary.c), which must not,
 * can see for how long.
 */
#include "ringfortd/role.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "ringfortd/drop.h"
#include "ringfortd/role-life.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Let through or not: what counts is that somebody answered. */
static void go_out(int root)
{
	close_fd(openat(root, ROLE_OPENER_FILE, O_RDONLY | O_CLOEXEC));
}

int role_opener(const struct opener_role *role)
{
	char word;
	int r;

	role_take_precedence("opener");
	/* To be fetched from a disk first would be no wait for the gate. */
	role_stay_in_memory("opener");
	r = drop_canary();
	if (r < 0) {
		log_error("cannot begin: %s", strerror(-r));
		return 1;
	}
	while (read(role->canary_fd, &word, 1) == 1) {
		go_out(role->root_fd);
		if (send(role->canary_fd, &word, 1, MSG_NOSIGNAL) < 0)
			break;
	}
	return 0;
}
