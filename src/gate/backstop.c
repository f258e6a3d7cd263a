/* SPDX-License-Identifier: Apache-2.0 */
/* Backstop - what the gate tells the probe. */
#include "gate/backstop.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

int backstop_open(struct backstop **ret_backstop, int fd)
{
	void *map = mmap(NULL, sizeof(struct backstop), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct backstop *backstop = map;

	if (map == MAP_FAILED)
		return -errno;
	if (backstop->epoch == 0)
		__atomic_store_n(&backstop->epoch, 1, __ATOMIC_RELEASE);
	*ret_backstop = backstop;
	return 0;
}

struct backstop *backstop_close(struct backstop *backstop)
{
	if (backstop)
		munmap(backstop, sizeof(*backstop));
	return NULL;
}

void backstop_activate(struct backstop *backstop, bool active)
{
	if (backstop)
		__atomic_store_n(&backstop->active, active, __ATOMIC_RELEASE);
}

void backstop_guard(struct backstop *backstop, uint32_t place, uint64_t dev)
{
	if (backstop && place < BACKSTOP_PLACES)
		__atomic_store_n(&backstop->guarded[place], dev, __ATOMIC_RELEASE);
}

void backstop_name(struct backstop *backstop, uint32_t place, uint64_t dev)
{
	if (backstop && place < BACKSTOP_PLACES)
		__atomic_store_n(&backstop->named[place], dev, __ATOMIC_RELEASE);
}

/* Who is spared is known before anybody is not. */
bool backstop_police(struct backstop *backstop, uint64_t says, const struct backstop_reach *reach)
{
	bool same;

	if (!backstop)
		return true;
	same = memcmp(&backstop->reach, reach, sizeof(*reach)) == 0;
	if (!same) {
		__atomic_store_n(&backstop->says, 0, __ATOMIC_RELEASE);
		backstop->reach = *reach;
	}
	return __atomic_exchange_n(&backstop->says, says, __ATOMIC_ACQ_REL) == says && same;
}

static bool is_remembered(const struct backstop *backstop, const struct backstop_entry *entry)
{
	return entry->epoch == backstop->epoch;
}

/* Its own entry, else the one that can be spared best: the oldest of those that the kernel asks about. */
static struct backstop_entry *place_for(struct backstop *backstop, uint64_t dev, uint64_t ino)
{
	struct backstop_entry *set = &backstop->entries[backstop_first(dev, ino)], *best = NULL;

	for (uint32_t way = 0; way < BACKSTOP_WAYS; way++)
		if (set[way].ino == ino && set[way].dev == dev)
			return &set[way];
	for (uint32_t way = 0; way < BACKSTOP_WAYS; way++)
		if (!is_remembered(backstop, &set[way]) && (!best || set[way].stamp_ns < best->stamp_ns))
			best = &set[way];
	return best;
}

/* The probe may look in the middle of it: the inode goes first and comes last. */
static void write_entry(struct backstop_entry *entry, uint64_t dev, uint64_t ino, uint64_t now_ns, uint64_t epoch)
{
	if (entry->ino != ino || entry->dev != dev) {
		__atomic_store_n(&entry->ino, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&entry->dev, dev, __ATOMIC_RELAXED);
		__atomic_store_n(&entry->epoch, 0, __ATOMIC_RELAXED);
	}
	if (epoch)
		__atomic_store_n(&entry->epoch, epoch, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->stamp_ns, now_ns, __ATOMIC_RELAXED);
	__atomic_store_n(&entry->ino, ino, __ATOMIC_RELEASE);
}

void backstop_pass(struct backstop *backstop, uint64_t dev, uint64_t ino, uint64_t now_ns)
{
	struct backstop_entry *entry = backstop ? place_for(backstop, dev, ino) : NULL;

	if (entry)
		write_entry(entry, dev, ino, now_ns, 0);
}

bool backstop_remember(struct backstop *backstop, uint64_t dev, uint64_t ino, uint64_t now_ns)
{
	struct backstop_entry *entry = backstop ? place_for(backstop, dev, ino) : NULL;

	if (entry)
		write_entry(entry, dev, ino, now_ns, backstop->epoch);
	return entry || !backstop;
}

void backstop_forget(struct backstop *backstop)
{
	if (backstop)
		__atomic_store_n(&backstop->epoch, backstop->epoch + 1, __ATOMIC_RELEASE);
}

uint64_t backstop_unguarded(const struct backstop *backstop)
{
	return backstop ? __atomic_load_n(&backstop->n_unguarded, __ATOMIC_RELAXED) : 0;
}
