/* SPDX-License-Identifier: Apache-2.0 */
/* Account - compare what the stream brought with what the kernel counted. */
#include "sensor/account.h"

#include <stdlib.h>
#include <string.h>

void account_trailing(struct emitter *emitter, const struct probe *probe, uint64_t now_ns)
{
	for (uint32_t cpu = 0; cpu < emitter->loss.n_cpus; cpu++) {
		const struct probe_counters *counters = probe_counters(probe, cpu);

		for (uint32_t type = 1; counters && type < RINGFORT_MAX_TYPES; type++) {
			uint64_t n_lost = __atomic_load_n(&counters->n_lost[type], __ATOMIC_RELAXED);

			if (n_lost)
				emit_loss(emitter, type,
					  loss_by_counter(&emitter->loss, cpu, type, n_lost),
					  RINGFORT_LOSS_RING_FULL, now_ns);
		}
	}
}

void account_skipped(struct emitter *emitter, const struct probe *probe, uint64_t now_ns)
{
	uint64_t n_skipped = probe_skipped(probe);

	if (n_skipped > emitter->n_skipped)
		emit_loss(emitter, 0, n_skipped - emitter->n_skipped, RINGFORT_LOSS_SKIPPED, now_ns);
	emitter->n_skipped = n_skipped;
}

uint64_t *account_snapshot(const struct probe *probe)
{
	uint32_t n_cpus = probe_n_cpus(probe);
	uint64_t *performed = calloc((size_t)n_cpus * RINGFORT_MAX_TYPES, sizeof(*performed));

	for (uint32_t cpu = 0; performed && cpu < n_cpus; cpu++) {
		const struct probe_counters *counters = probe_counters(probe, cpu);

		if (counters)
			memcpy(performed + (size_t)cpu * RINGFORT_MAX_TYPES, counters->n_performed,
			       sizeof(counters->n_performed));
	}
	return performed;
}

/*
 * Either the stream has passed the number, or nothing of that CPU and type is under way.  The
 * lost are read before the performed, so that what is lost meanwhile cannot hide a record.
 */
bool account_caught_up(const struct loss *loss, const struct probe *probe, const uint64_t *performed)
{
	for (uint32_t cpu = 0; cpu < loss->n_cpus; cpu++) {
		const struct probe_counters *counters = probe_counters(probe, cpu);

		for (uint32_t type = 1; counters && type < RINGFORT_MAX_TYPES; type++) {
			size_t i = (size_t)cpu * RINGFORT_MAX_TYPES + type;
			const struct loss_cell *cell = &loss->cells[i];
			uint64_t n_lost = __atomic_load_n(&counters->n_lost[type], __ATOMIC_ACQUIRE);

			if (cell->n_last < performed[i] &&
			    cell->n_received + n_lost <
				    __atomic_load_n(&counters->n_performed[type], __ATOMIC_ACQUIRE))
				return false;
		}
	}
	return true;
}

void account_statistics(const struct loss *loss, const struct probe *probe,
			uint64_t ret_performed[RINGFORT_MAX_TYPES])
{
	struct probe_description modify;

	memset(ret_performed, 0, RINGFORT_MAX_TYPES * sizeof(*ret_performed));
	for (uint32_t cpu = 0; cpu < loss->n_cpus; cpu++) {
		const struct probe_counters *counters = probe_counters(probe, cpu);

		for (uint32_t type = 1; counters && type < RINGFORT_MAX_TYPES; type++)
			ret_performed[type] +=
				__atomic_load_n(&counters->n_performed[type], __ATOMIC_RELAXED);
	}
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		ret_performed[type] -= loss->n_excluded[type];
	/* These no counter of the kernel tells: what was told is all there is. */
	ret_performed[0] = loss->seq[0];
	probe_describe(probe, ringfort_type_file_modify, &modify);
	if (modify.level == PROBE_UNAVAILABLE)
		ret_performed[ringfort_type_file_modify] = loss->seq[ringfort_type_file_modify];
	ret_performed[ringfort_type_stream_loss] = loss->seq[ringfort_type_stream_loss];
}
