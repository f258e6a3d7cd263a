/* SPDX-License-Identifier: Apache-2.0 */
/* Plan - from a manifest and the operator's word to the options of a start. */
#include "host/plan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int plan_bind(struct plan *plan, const char *source, const char *target, bool executable)
{
	if (plan->options.n_binds == SPAWN_MAX_BINDS)
		return -ENOSPC;
	plan->binds[plan->options.n_binds++] = (struct spawn_bind){ source, target, executable };
	return 0;
}

static void fill_arguments(struct plan *plan, const struct manifest *manifest,
			   const struct plain_list *list)
{
	const char *slash = strrchr(manifest->executable, '/');
	size_t n = 0;

	plan->arguments[n++] = slash ? slash + 1 : manifest->executable;
	for (uint32_t i = 0; i < list->n; i++)
		plan->arguments[n++] = list->text[i];
	plan->arguments[n] = NULL;
	plan->options.arguments = plan->arguments;
}

static void fill_content(struct plan *plan, const struct manifest *manifest,
			 const struct config_solution *operator_says, const char *package)
{
	uint32_t n = operator_says ? operator_says->content.n : 0;

	for (uint32_t i = 0; i < n; i++) {
		snprintf(plan->targets[i], sizeof(plan->targets[i]), PLAN_CONTENT "/%u", i);
		plan_bind(plan, operator_says->content.text[i], plan->targets[i], false);
	}
	if (n > 0 || manifest->content[0] == '\0')
		return;
	snprintf(plan->content, sizeof(plan->content), "%s/%s", package, manifest->content);
	plan_bind(plan, plan->content, PLAN_CONTENT "/0", false);
}

static void fill_limits(struct plan *plan, const struct manifest *manifest)
{
	plan->limits = (struct cgroup_limits){
		.memory_mb = manifest->memory_mb,
		.pids = manifest->n_pids,
		.cpu_percent = manifest->cpu_percent,
	};
	plan->options.memory_mb = manifest->memory_mb;
	plan->options.n_pids = manifest->n_pids;
	plan->options.n_files = manifest->n_files;
}

/* An operator must grant blocking explicitly. */
static void fill_decisions(struct plan *plan, const struct manifest *manifest,
			   const struct config_solution *operator_says)
{
	plan->miss = manifest->miss;
	if (!operator_says)
		return;
	plan->authorize = manifest->authorize & operator_says->authorize;
	plan->net = manifest->net & operator_says->net;
	plan->mode = operator_says->mode;
	if (operator_says->miss != CONFIG_MISS_MANIFEST)
		plan->miss = operator_says->miss == CONFIG_MISS_CLOSED ? MANIFEST_FAIL_CLOSED :
									 MANIFEST_FAIL_OPEN;
}

int plan_fill(struct plan *ret_plan, const struct manifest *manifest,
	      const struct config_solution *operator_says, const char *package, uid_t uid,
	      enum plan_purpose purpose)
{
	const struct plain_list *arguments = &manifest->arguments;
	uint64_t events = manifest->events;

	if (operator_says) {
		events &= operator_says->grant;
		if (operator_says->own_arguments)
			arguments = &operator_says->arguments;
	}
	if (purpose == PLAN_PROBE)
		arguments = &manifest->probe_arguments;
	if (purpose == PLAN_PROBE && arguments->n == 0)
		return -ENOEXEC;
	if (events == 0)
		return -EACCES;
	*ret_plan = (struct plan){ .events = events };
	ret_plan->options.binds = ret_plan->binds;
	ret_plan->options.uid = uid;
	ret_plan->options.share = operator_says ? manifest->share & operator_says->share : 0;
	snprintf(ret_plan->executable, sizeof(ret_plan->executable), PLAN_PACKAGE "/%s",
		 manifest->executable);
	ret_plan->options.executable = ret_plan->executable;
	plan_bind(ret_plan, package, PLAN_PACKAGE, true);
	fill_arguments(ret_plan, manifest, arguments);
	fill_content(ret_plan, manifest, operator_says, package);
	fill_limits(ret_plan, manifest);
	fill_decisions(ret_plan, manifest, operator_says);
	return 0;
}
