/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan - what a manifest asks for and the operator grants, as options for host_spawn().
 *
 * In the sandbox the package is /solution, and its folders of content are /content/0, /content/1, ...:
 * a solution reads everything below /content.  Namespaces are shared only when both manifest and
 * configuration say so; event types are those that the manifest asks for and the operator grants; acts
 * to decide likewise, but where the operator says nothing there are none.
 *
 * A plan is a pure function of its inputs, filled in place; its options point into it and into the
 * manifest and the configuration, so neither may move while it is used.  The caller adds environment,
 * descriptors, cgroup, and further binds (the folder of libringfort, say) through plan_bind().
 */
#ifndef RINGFORT_HOST_PLAN_H
#define RINGFORT_HOST_PLAN_H

#include "host/cgroup.h"
#include "host/config.h"
#include "host/manifest.h"
#include "host/spawn.h"

#include <stdint.h>

#define PLAN_PACKAGE "/solution"
#define PLAN_CONTENT "/content"

enum plan_purpose {
	PLAN_RUN,  /* to stay: the solution itself */
	PLAN_PROBE /* to try its content: probe_arguments */
};

struct plan {
	struct spawn_options options;
	struct cgroup_limits limits;
	uint64_t events;    /* granted types */
	uint32_t authorize; /* granted acts, 1u << enum ringfort_act */
	uint32_t net;       /* granted to its rules, 1u << enum ringfort_net_act */
	uint32_t mode;      /* enum config_mode */
	uint32_t miss;      /* enum manifest_miss */
	struct spawn_bind binds[SPAWN_MAX_BINDS];
	const char *arguments[PLAIN_LIST_MAX + 2];
	char executable[2 * PLAIN_TEXT_SIZE];
	char content[2 * PLAIN_TEXT_SIZE];
	char targets[PLAIN_LIST_MAX][sizeof(PLAN_CONTENT) + 12];
};

/**
 * plan_fill() - make the plan
 * @manifest: checked
 * @operator_says: its entry in the configuration, checked, or NULL when there is none
 * @package:  absolute path of the package's folder
 *
 * Return: 0; -ENOEXEC there are no probe_arguments to probe with; -EACCES no type is granted.
 */
int plan_fill(struct plan *ret_plan, const struct manifest *manifest,
	      const struct config_solution *operator_says, const char *package, uid_t uid,
	      enum plan_purpose purpose);

/** plan_bind() - show one more file or folder.  0, or -ENOSPC. */
int plan_bind(struct plan *plan, const char *source, const char *target, bool executable);

#endif
