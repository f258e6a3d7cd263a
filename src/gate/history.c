/* SPDX-License-Identifier: Apache-2.0 */
/* History - one writer, a ring of entries, a version before and behind each copy. */
#include "gate/history.h"

#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define ENTRY_WORDS (sizeof(struct history_entry) / sizeof(uint64_t))

_Static_assert(sizeof(struct history_entry) % sizeof(uint64_t) == 0, "copied word by word");

/*
 * The version of a slot: the id of its entry, then how often it was written, then 1 while it is.  Ids only
 * grow and an entry is replaced once, so no version comes again.
 */
#define VERSION(id, writing) ((id) << 8 | (uint64_t)((writing) & 127) << 1)
#define VERSION_ID(version) ((version) >> 8)
#define VERSION_WRITING(version) ((version) >> 1 & 127)
#define BUSY 1u

struct slot {
	_Atomic uint64_t version;
	_Atomic uint64_t words[ENTRY_WORDS];
};

struct history {
	struct history_numbers numbers;
	_Atomic uint64_t last __attribute__((aligned(4096))); /* id that was given last */
	_Atomic uint64_t last_hold;                           /* likewise, of a hold */
	struct slot held[HISTORY_HOLDS];                       /* version 0: free */
	struct slot slots[HISTORY_ENTRIES];
};

void history_path(char ret_path[HISTORY_PATH], const char *path)
{
	size_t length = strlen(path);

	if (length < HISTORY_PATH) {
		memcpy(ret_path, path, length + 1);
		return;
	}
	memcpy(ret_path, "...", 3);
	memcpy(ret_path + 3, path + length - (HISTORY_PATH - 1 - 3), HISTORY_PATH - 3);
}

int history_create(int *ret_writer, int *ret_reader)
{
	_cleanup_(closep) int fd = memfd_create("ringfort-history", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	_cleanup_(closep) int reader = -1;
	char path[64];

	if (fd < 0)
		return -errno;
	/* 0600 and ours: control, of another uid, cannot open it again through /proc with more rights. */
	if (fchmod(fd, 0600) < 0 || ftruncate(fd, sizeof(struct history)) < 0)
		return -errno;
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reader = open(path, O_RDONLY | O_CLOEXEC);
	if (reader < 0)
		return -errno;
	*ret_writer = take_fd(&fd);
	*ret_reader = take_fd(&reader);
	return 0;
}

int history_open(struct history **ret_history, int fd, bool writable)
{
	struct stat st;
	void *map;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size != (off_t)sizeof(struct history))
		return -EPROTO;
	map = mmap(NULL, sizeof(struct history), PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED,
		   fd, 0);
	if (map == MAP_FAILED)
		return -errno;
	*ret_history = map;
	return 0;
}

struct history *history_close(struct history *history)
{
	if (history)
		munmap(history, sizeof(*history));
	return NULL;
}

/* ---- the gate's side ------------------------------------------------------------------------- */

uint64_t history_next_id(const struct history *history)
{
	return atomic_load_explicit(&history->last, memory_order_relaxed) + 1;
}

static void slot_write(struct slot *slot, const struct history_entry *entry, uint64_t version)
{
	const char *from = (const char *)entry;
	uint64_t word;

	atomic_store_explicit(&slot->version, version | BUSY, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (size_t i = 0; i < ENTRY_WORDS; i++) {
		memcpy(&word, from + i * sizeof(word), sizeof(word));
		atomic_store_explicit(&slot->words[i], word, memory_order_relaxed);
	}
	atomic_store_explicit(&slot->version, version, memory_order_release);
}

uint64_t history_add(struct history *history, const struct history_entry *entry)
{
	struct history_entry kept = *entry;

	assert(entry->n_reasons <= HISTORY_REASONS);
	kept.id = history_next_id(history);
	kept.path[HISTORY_PATH - 1] = '\0';
	/* Before the entry: a gate that is killed in between leaves a gap, and no id is given twice. */
	atomic_store_explicit(&history->last, kept.id, memory_order_relaxed);
	slot_write(&history->slots[kept.id % HISTORY_ENTRIES], &kept, VERSION(kept.id, 0));
	return kept.id;
}

void history_replace(struct history *history, const struct history_entry *entry)
{
	struct slot *slot = &history->slots[entry->id % HISTORY_ENTRIES];
	uint64_t version = atomic_load_explicit(&slot->version, memory_order_relaxed);

	if (VERSION_ID(version) == entry->id)
		slot_write(slot, entry, VERSION(entry->id, VERSION_WRITING(version) + 1));
}

uint64_t history_hold(struct history *history, const struct history_entry *entry)
{
	struct history_entry kept = *entry;

	for (uint32_t i = 0; i < HISTORY_HOLDS; i++) {
		struct slot *slot = &history->held[i];

		if (atomic_load_explicit(&slot->version, memory_order_relaxed))
			continue;
		/* Over restarts of the gate: nobody shall answer a hold of this life who read of one of the last. */
		kept.hold_id = atomic_load_explicit(&history->last_hold, memory_order_relaxed) + 1;
		atomic_store_explicit(&history->last_hold, kept.hold_id, memory_order_relaxed);
		slot_write(slot, &kept, VERSION(kept.hold_id, 0));
		return kept.hold_id;
	}
	return 0;
}

void history_unhold(struct history *history, uint64_t hold_id)
{
	for (uint32_t i = 0; i < HISTORY_HOLDS; i++) {
		struct slot *slot = &history->held[i];

		if (VERSION_ID(atomic_load_explicit(&slot->version, memory_order_relaxed)) == hold_id)
			atomic_store_explicit(&slot->version, 0, memory_order_release);
	}
}

void history_unhold_all(struct history *history)
{
	for (uint32_t i = 0; i < HISTORY_HOLDS; i++)
		atomic_store_explicit(&history->held[i].version, 0, memory_order_release);
}

struct history_numbers *history_numbers(struct history *history)
{
	return &history->numbers;
}

/* ---- control's side --------------------------------------------------------------------------- */

/* The gate counts meanwhile: what is read need not be of one moment. */
void history_read_numbers(const struct history *history, struct history_numbers *ret_numbers)
{
	memcpy(ret_numbers, &history->numbers, sizeof(*ret_numbers));
}

uint64_t history_n_answered(const struct history *history)
{
	const struct history_numbers *numbers = &history->numbers;

	return numbers->n_at_once + numbers->n_cached + numbers->n_decided;
}

/* Copy an entry with this id; false when the slot holds another, or the writer was at it. */
static bool slot_read(const struct slot *slot, uint64_t id, struct history_entry *entry)
{
	uint64_t version = atomic_load_explicit(&slot->version, memory_order_acquire), word;
	char *to = (char *)entry;

	if (VERSION_ID(version) != id || version & BUSY)
		return false;
	for (size_t i = 0; i < ENTRY_WORDS; i++) {
		word = atomic_load_explicit(&slot->words[i], memory_order_relaxed);
		memcpy(to + i * sizeof(word), &word, sizeof(word));
	}
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&slot->version, memory_order_relaxed) == version;
}

int history_get(const struct history *history, uint64_t id, struct history_entry *ret_entry)
{
	struct history_entry entry;

	if (id == 0 || !slot_read(&history->slots[id % HISTORY_ENTRIES], id, &entry))
		return 0;
	*ret_entry = entry;
	return 1;
}

int history_find(const struct history *history, uint64_t before, const char *path, uint32_t pid,
		 struct history_entry *ret_entry)
{
	uint64_t last = history_next_id(history) - 1;
	uint64_t id = before && before <= last ? before - 1 : last;
	char wanted[HISTORY_PATH];
	struct history_entry entry;

	if (path)
		history_path(wanted, path);
	for (; id > 0 && last - id < HISTORY_ENTRIES; id--) {
		if (history_get(history, id, &entry) != 1)
			continue;
		if ((path && strcmp(entry.path, wanted)) || (pid && entry.pid != pid))
			continue;
		*ret_entry = entry;
		return 1;
	}
	return 0;
}

int history_next_held(const struct history *history, uint64_t after, struct history_entry *ret_entry)
{
	struct history_entry entry;
	uint64_t best = 0;

	for (uint32_t i = 0; i < HISTORY_HOLDS; i++) {
		const struct slot *slot = &history->held[i];
		uint64_t id = VERSION_ID(atomic_load_explicit(&slot->version, memory_order_relaxed));

		if (id <= after || (best && id >= best) || !slot_read(slot, id, &entry))
			continue;
		best = id;
		*ret_entry = entry;
	}
	return best != 0;
}

int history_find_held(const struct history *history, uint64_t hold_id, struct history_entry *ret_entry)
{
	uint64_t last = history_next_id(history) - 1;
	struct history_entry entry;

	for (uint64_t id = last; id > 0 && last - id < HISTORY_ENTRIES; id--) {
		if (history_get(history, id, &entry) != 1 || entry.hold_id != hold_id)
			continue;
		*ret_entry = entry;
		return 1;
	}
	return 0;
}
