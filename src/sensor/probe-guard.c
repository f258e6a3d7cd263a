/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe, guard - is what we have in the kernel still what we put there?
 *
 * Root can close our links in our own process (by ptrace) and can write into any map of ours.  The programs
 * and the constants are out of reach: the kernel has verified the ones and frozen the others.
 */
#include "sensor/probe-internal.h"
#include "probe.skel.h"

#include <bpf/bpf.h>
#include <string.h>

struct guard {
	struct probe *probe;
	void (*told)(void *userdata, const struct probe_harm *harm);
	void *userdata;
};

static void tell(const struct guard *guard, enum probe_harm_kind kind, const char *name, bool healed)
{
	const struct probe_harm harm = { .kind = kind, .name = name, .healed = healed };

	guard->told(guard->userdata, &harm);
}

static void guard_links(const struct guard *guard)
{
	for (size_t i = 0; i < PROBE_MAX_HOOKS; i++) {
		const struct probe_hook_state *hook = &guard->probe->hooks[i];
		const char *name;

		if (!hook->link || probe_hook_attached(guard->probe, i))
			continue;
		name = probe_hook_again(guard->probe, i);
		tell(guard, PROBE_LINK_DETACHED, name, probe_hook_attached(guard->probe, i));
	}
}

/* What the programs are told to do; a writer of the map may have written the flag beside it as well. */
static void guard_orders(const struct guard *guard)
{
	struct probe *probe = guard->probe;
	const struct probe_call *calls = probe->bpf->data_calls->calls;
	uint64_t types = probe->types | probe->table_types;
	bool good = memcmp(calls, probe->calls, sizeof(probe->calls)) == 0;

	if (!good) {
		probe_calls_fill(probe, probe->types);
		tell(guard, PROBE_MAP_CHANGED, "table of calls",
		     memcmp(calls, probe->calls, sizeof(probe->calls)) == 0);
	}
	if (probe->bpf->bss->subscribed == types && probe->bpf->bss->uring_opcodes == probe->uring_opcodes)
		return;
	probe_calls_fill(probe, probe->types);
	__atomic_store_n(&probe->bpf->bss->subscribed, types, __ATOMIC_RELEASE);
	probe_arm(probe);
	tell(guard, PROBE_MAP_CHANGED, "subscribed types", true);
}

/* Numbers only grow. */
static void guard_counters(const struct guard *guard)
{
	struct probe *probe = guard->probe;
	uint64_t sum = 0;

	for (unsigned int cpu = 0; cpu < probe->n_cpus; cpu++)
		for (uint32_t type = 0; type < RINGFORT_MAX_TYPES; type++)
			sum += __atomic_load_n(&probe->counters[cpu].n_performed[type], __ATOMIC_RELAXED);
	if (sum < probe->counted)
		tell(guard, PROBE_MAP_CHANGED, "counters of events", false);
	probe->counted = sum;
}

static void guard_rings(const struct guard *guard)
{
	if (!ringbuf_guard(guard->probe->rare))
		tell(guard, PROBE_MAP_CHANGED, "position in the rare ring", true);
	if (!ringbuf_guard(guard->probe->bulk))
		tell(guard, PROBE_MAP_CHANGED, "position in the bulk ring", true);
}

void probe_guard(struct probe *probe, void (*told)(void *userdata, const struct probe_harm *harm), void *userdata)
{
	const struct guard guard = { .probe = probe, .told = told, .userdata = userdata };

	guard_links(&guard);
	guard_orders(&guard);
	guard_counters(&guard);
	guard_rings(&guard);
}
