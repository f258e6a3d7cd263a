/* SPDX-License-Identifier: Apache-2.0 */
/* Table - the processes of this machine, the living and those that ended a moment ago. */
#include "sensor/table.h"

#include "base/cleanup.h"
#include "base/siphash.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>

/* No memory for buckets ends this process as a fault; our parent starts it again. */
#undef uthash_fatal
#define uthash_fatal(message) abort()

/* Only a privileged task can force the same pid again and again; it shall not make the chain long. */
#define MAX_SAME_PID 8

TAILQ_HEAD(process_list, process);

struct table {
	struct table_options options;
	struct siphash_key key;
	struct process *by_pid;       /* heads of chains, youngest first */
	struct process_list living;   /* the eviction's clock hand is at the head */
	struct process_list exited;   /* oldest exit first */
	struct image *no_image;
	struct line *no_line;
	struct table_counts counts;
	uint32_t round;
};

static size_t image_bytes(const struct image *image)
{
	return sizeof(*image) + image->exe_length + image->called_length + image->argv_length +
	       image->cwd_length + 4;
}

static struct image *image_unref(struct table *table, struct image *image)
{
	if (image && --image->n_refs == 0) {
		table->counts.n_bytes -= image_bytes(image);
		free(image);
	}
	return NULL;
}

static struct line *line_unref(struct table *table, struct line *line)
{
	if (line && --line->n_refs == 0) {
		table->counts.n_bytes -= sizeof(*line) + line->length + 1;
		free(line);
	}
	return NULL;
}

static void set_line(struct table *table, struct line **slot, struct line *line)
{
	line->n_refs++;
	line_unref(table, *slot);
	*slot = line;
}

static void set_image(struct table *table, struct process *process, struct image *image)
{
	image->n_refs++;
	image_unref(table, process->image);
	process->image = image;
	process->heirs = line_unref(table, process->heirs);
}

/* ---- chains of one pid -------------------------------------------------------------------- */

static unsigned int hash_pid(const struct table *table, uint32_t pid)
{
	return (unsigned int)siphash_u64(&table->key, pid);
}

static struct process *find_head(struct table *table, uint32_t pid, unsigned int hash)
{
	struct process *head;

	HASH_FIND_BYHASHVALUE(hh, table->by_pid, &pid, sizeof(pid), hash, head);
	return head;
}

struct process *table_find(struct table *table, uint32_t pid, uint64_t start_ns)
{
	struct process *process = find_head(table, pid, hash_pid(table, pid));

	if (start_ns == 0)
		return process;
	while (process && process->start_ns != start_ns)
		process = process->older;
	return process;
}

static void chain_insert(struct table *table, struct process *process)
{
	unsigned int hash = hash_pid(table, process->pid);
	struct process *head = find_head(table, process->pid, hash);

	if (head && head->start_ns > process->start_ns) {
		while (head->older && head->older->start_ns > process->start_ns)
			head = head->older;
		process->older = head->older;
		head->older = process;
		return;
	}
	if (head)
		HASH_DEL(table->by_pid, head);
	process->older = head;
	HASH_ADD_BYHASHVALUE(hh, table->by_pid, pid, sizeof(process->pid), hash, process);
}

static void chain_remove(struct table *table, struct process *process)
{
	unsigned int hash = hash_pid(table, process->pid);
	struct process *head = find_head(table, process->pid, hash);

	if (head != process) {
		while (head->older != process)
			head = head->older;
		head->older = process->older;
		return;
	}
	HASH_DEL(table->by_pid, process);
	if (process->older) {
		head = process->older;
		HASH_ADD_BYHASHVALUE(hh, table->by_pid, pid, sizeof(head->pid), hash, head);
	}
}

/* ---- bounds ------------------------------------------------------------------------------- */

static void forget(struct table *table, struct process *process)
{
	assert(process->n_pins == 0);
	chain_remove(table, process);
	TAILQ_REMOVE(process->exited ? &table->exited : &table->living, process, link);
	image_unref(table, process->image);
	line_unref(table, process->line);
	line_unref(table, process->heirs);
	table->counts.n_processes--;
	table->counts.n_exited -= process->exited;
	table->counts.n_bytes -= sizeof(*process);
	free(process);
}

/* The oldest exited one; else a living one that has not acted since the hand last came by. */
static struct process *choose_victim(struct table *table)
{
	struct process *process;

	TAILQ_FOREACH(process, &table->exited, link)
		if (process->n_pins == 0)
			return process;
	for (uint64_t i = 0; i < 2 * table->counts.n_processes; i++) {
		process = TAILQ_FIRST(&table->living);
		if (!process)
			return NULL;
		if (process->n_pins == 0 && !process->used)
			return process;
		process->used = false;
		TAILQ_REMOVE(&table->living, process, link);
		TAILQ_INSERT_TAIL(&table->living, process, link);
	}
	return NULL;
}

static void make_room(struct table *table, uint32_t n_processes, size_t bytes)
{
	const struct table_options *options = &table->options;

	while (table->counts.n_processes + n_processes > options->max_processes ||
	       table->counts.n_bytes + bytes > options->max_bytes) {
		struct process *victim = choose_victim(table);

		if (!victim)
			return;
		forget(table, victim);
		table->counts.n_evicted++;
	}
}

void table_pin(struct process *process)
{
	process->n_pins++;
}

void table_unpin(struct process *process)
{
	assert(process->n_pins > 0);
	process->n_pins--;
}

/* ---- life --------------------------------------------------------------------------------- */

void table_exit(struct table *table, struct process *process, uint64_t now_ns)
{
	if (process->exited)
		return;
	TAILQ_REMOVE(&table->living, process, link);
	TAILQ_INSERT_TAIL(&table->exited, process, link);
	process->exited = true;
	process->exited_ns = now_ns;
	process->heirs = line_unref(table, process->heirs);
	table->counts.n_exited++;
}

/* One pid, one living process; and a chain that stays short. */
static void settle_chain(struct table *table, struct process *young, uint64_t now_ns)
{
	struct process *process = table_find(table, young->pid, 0), *next;

	for (uint32_t n = 0; process; process = next, n++) {
		next = process->older;
		if (n > 0)
			table_exit(table, process, now_ns);
		if (n >= MAX_SAME_PID && process->n_pins == 0 && process != young) {
			forget(table, process);
			table->counts.n_evicted++;
		}
	}
}

struct process *table_add(struct table *table, uint32_t pid, uint64_t start_ns, uint64_t now_ns)
{
	struct process *process;

	make_room(table, 1, sizeof(*process));
	process = calloc(1, sizeof(*process));
	if (!process)
		return NULL;
	process->pid = pid;
	process->start_ns = start_ns;
	process->used = true;
	process->image = table->no_image;
	process->line = table->no_line;
	process->image->n_refs++;
	process->line->n_refs++;
	table->counts.n_processes++;
	table->counts.n_bytes += sizeof(*process);
	TAILQ_INSERT_TAIL(&table->living, process, link);
	chain_insert(table, process);
	settle_chain(table, process, now_ns);
	return process;
}

void table_reap(struct table *table, uint64_t now_ns)
{
	uint64_t grace_ns = (uint64_t)table->options.grace_ms * 1000000;
	struct process *process, *next;

	for (process = TAILQ_FIRST(&table->exited); process; process = next) {
		next = TAILQ_NEXT(process, link);
		if (process->exited_ns + grace_ns >= now_ns)
			return;
		if (process->n_pins == 0)
			forget(table, process);
	}
}

/* ---- images and lines ----------------------------------------------------------------------- */

static char *put(char *at, const char *bytes, uint32_t length)
{
	if (length)
		memcpy(at, bytes, length);
	at[length] = '\0';
	return at + length + 1;
}

int table_set_image(struct table *table, struct process *process, const struct image_text *text)
{
	uint32_t argv_length = text->argv_length < TABLE_ARGV_BYTES ? text->argv_length :
								      TABLE_ARGV_BYTES;
	size_t size = sizeof(struct image) + text->exe_length + text->called_length + argv_length +
		      text->cwd_length + 4;
	struct image *image;
	char *at;

	table_pin(process);
	make_room(table, 0, size);
	table_unpin(process);
	image = malloc(size);
	if (!image)
		return -ENOMEM;
	*image = (struct image){ .exe_length = text->exe_length, .called_length = text->called_length,
				 .argv_length = argv_length, .cwd_length = text->cwd_length };
	at = put(image->text, text->exe, text->exe_length);
	at = put(at, text->called, text->called_length);
	at = put(at, text->argv, argv_length);
	put(at, text->cwd, text->cwd_length);
	table->counts.n_bytes += size;
	set_image(table, process, image);
	return 0;
}

/* The line that the children of this process get: its executable, then its own line. */
static struct line *line_of_children(struct table *table, struct process *process)
{
	char text[TABLE_LINE_BYTES + 1];
	const struct line *above = process->line;
	uint32_t used = 0, n = 0, next;
	struct line *line;

	if (process->heirs)
		return process->heirs;
	if (process->image->exe_length > 0 && process->image->exe_length < TABLE_LINE_BYTES) {
		used = (uint32_t)(put(text, process->image->text, process->image->exe_length) - text);
		n = 1;
	}
	for (uint32_t at = 0; at < above->length && n < TABLE_LINE_PROCESSES; at = next, n++) {
		uint32_t length = (uint32_t)strlen(above->text + at);

		next = at + length + 1;
		if (used + length + 1 > TABLE_LINE_BYTES)
			break;
		used = (uint32_t)(put(text + used, above->text + at, length) - text);
	}
	if (used == 0)
		return table->no_line;
	line = malloc(sizeof(*line) + used);
	if (!line)
		return NULL;
	*line = (struct line){ .n_refs = 1, .length = used - 1 };
	memcpy(line->text, text, used);
	table->counts.n_bytes += sizeof(*line) + used;
	process->heirs = line;
	return line;
}

int table_set_line(struct table *table, struct process *child, struct process *parent)
{
	struct line *line = line_of_children(table, parent);

	if (!line)
		return -ENOMEM;
	set_line(table, &child->line, line);
	return 0;
}

int table_inherit(struct table *table, struct process *child, struct process *parent)
{
	set_image(table, child, parent->image);
	child->credentials = parent->credentials;
	child->cgroup_id = parent->cgroup_id;
	child->mnt_ns = parent->mnt_ns;
	child->loginuid = parent->loginuid;
	child->session = parent->session;
	child->tty = parent->tty;
	child->selftest |= parent->selftest;
	return table_set_line(table, child, parent);
}

/* ---- rounds, and the rest --------------------------------------------------------------------- */

void table_begin_round(struct table *table)
{
	table->round++;
}

void table_saw(struct table *table, struct process *process)
{
	process->round = table->round;
}

void table_end_round(struct table *table, uint64_t before_ns, uint64_t now_ns)
{
	struct process *process, *next;

	for (process = TAILQ_FIRST(&table->living); process; process = next) {
		next = TAILQ_NEXT(process, link);
		if (process->round != table->round && process->start_ns < before_ns)
			table_exit(table, process, now_ns);
	}
}

int table_each(struct table *table, int (*each)(void *userdata, struct process *process),
	       void *userdata)
{
	struct process_list *lists[] = { &table->living, &table->exited };
	struct process *process;
	int r;

	for (size_t i = 0; i < 2; i++)
		TAILQ_FOREACH(process, lists[i], link) {
			r = each(userdata, process);
			if (r)
				return r;
		}
	return 0;
}

void table_counts(const struct table *table, struct table_counts *ret_counts)
{
	*ret_counts = table->counts;
}

int table_new(struct table **ret_table, const struct table_options *options)
{
	struct table *table = calloc(1, sizeof(*table));

	if (!table)
		return -ENOMEM;
	table->options = *options;
	TAILQ_INIT(&table->living);
	TAILQ_INIT(&table->exited);
	table->no_image = calloc(1, sizeof(*table->no_image) + 4);
	table->no_line = calloc(1, sizeof(*table->no_line) + 1);
	if (!table->no_image || !table->no_line ||
	    getrandom(&table->key, sizeof(table->key), 0) != sizeof(table->key)) {
		table_free(table);
		return -ENOMEM;
	}
	table->no_image->n_refs = 1;
	table->no_line->n_refs = 1;
	*ret_table = table;
	return 0;
}

struct table *table_free(struct table *table)
{
	struct process *process;

	if (!table)
		return NULL;
	while ((process = TAILQ_FIRST(&table->living)) || (process = TAILQ_FIRST(&table->exited))) {
		process->n_pins = 0;
		forget(table, process);
	}
	free(table->no_image);
	free(table->no_line);
	free(table);
	return NULL;
}
