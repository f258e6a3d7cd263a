/* SPDX-License-Identifier: Apache-2.0 */
/* Loss - numbers per type, and how many events of each were lost. */
#include "sensor/loss.h"

#include <errno.h>
#include <stdlib.h>

int loss_init(struct loss *loss, uint32_t n_cpus)
{
	*loss = (struct loss){ .n_cpus = n_cpus };
	loss->cells = calloc((size_t)n_cpus * RINGFORT_MAX_TYPES, sizeof(*loss->cells));
	return loss->cells ? 0 : -ENOMEM;
}

void loss_done(struct loss *loss)
{
	free(loss->cells);
	loss->cells = NULL;
}

static struct loss_cell *cell(struct loss *loss, uint32_t cpu, uint32_t type)
{
	return &loss->cells[(size_t)cpu * RINGFORT_MAX_TYPES + type];
}

static uint64_t raise_lost(struct loss_cell *c, uint64_t n_lost)
{
	uint64_t new = n_lost > c->n_lost ? n_lost - c->n_lost : 0;

	c->n_lost += new;
	return new;
}

uint64_t loss_by_gap(struct loss *loss, uint32_t cpu, uint32_t type, uint64_t n)
{
	struct loss_cell *c;
	uint64_t before;

	if (cpu >= loss->n_cpus)
		return 0;
	c = cell(loss, cpu, type);
	before = n > c->n_received ? n - 1 - c->n_received : 0;
	c->n_received++;
	c->n_last = n;
	return raise_lost(c, before);
}

uint64_t loss_by_counter(struct loss *loss, uint32_t cpu, uint32_t type, uint64_t n_lost)
{
	return raise_lost(cell(loss, cpu, type), n_lost);
}

uint64_t loss_count(struct loss *loss, uint32_t type, uint64_t n)
{
	loss->n_lost[type] += n;
	loss->seq[type] += n;
	return loss->seq[type];
}

uint64_t loss_next(struct loss *loss, uint32_t type)
{
	return ++loss->seq[type];
}
