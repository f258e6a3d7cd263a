/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ring - our broadcast ring against a ring that only copies, by the same writer and readers.
 *
 *   bench-ring N_READERS N_PAIRS MEGABYTES
 *
 * The other ring has the same memory and records, but its readers believe what they see: no tail,
 * no counts, no check of a record.  Both are written in batches, as a drain of the kernel's rings
 * gives them, with a byte into each reader's pipe after a batch; the writer waits for readers that
 * are half a ring behind, so that every record is delivered to everybody.  Each reader is a process.
 *
 * Prints JSON: deliveries a second of every trial, and deliveries a second of processor time
 * (which other load disturbs less, but includes the start and a first lap), in rounds of random
 * order: ours, the copying ring, and that once more.  Each trial begins with a lap that is not timed.
 */
#include "base/cleanup.h"
#include "ring/broadcast.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>

#define CAPACITY (16u * 1024 * 1024)
#define MAX_READERS 8
#define N_SAMPLES 64
#define BATCH 256
#define TELL_EVERY 64
#define MIN_SIZE 600
#define MAX_SIZE 1000

struct plain_header {
	_Atomic uint64_t head __attribute__((aligned(64)));
};

/* Either ring: `ours` says which pointers are set. */
struct ring {
	bool ours;
	int fd, reader_fd;
	struct ring_writer *writer;
	struct plain_header *header;
	unsigned char *data;
	uint64_t head;
};

/* How far each reader is; its own cache line. */
struct progress {
	_Atomic uint64_t n __attribute__((aligned(64)));
};

struct trial {
	struct ring ring;
	struct progress *progress;
	unsigned int n_readers;
	int pipes[MAX_READERS][2];
	pid_t pids[MAX_READERS];
	uint64_t n_written;
};

static struct ringfort_event *samples[N_SAMPLES];

static void fail(const char *what)
{
	fprintf(stderr, "bench-ring: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* Not a spin: it would count as work. */
static void wait_a_moment(void)
{
	const struct timespec pause = { .tv_nsec = 100000 };

	nanosleep(&pause, NULL);
}

/* Ours and that of children which have ended. */
static double cpu_s(void)
{
	double sum = 0;

	for (int who = 0; who < 2; who++) {
		struct rusage usage;

		getrusage(who ? RUSAGE_CHILDREN : RUSAGE_SELF, &usage);
		sum += (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6;
		sum += (double)usage.ru_stime.tv_sec + (double)usage.ru_stime.tv_usec / 1e6;
	}
	return sum;
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void make_samples(void)
{
	for (size_t i = 0; i < N_SAMPLES; i++) {
		uint32_t size = (uint32_t)(MIN_SIZE + (unsigned)rand() % (MAX_SIZE - MIN_SIZE)) & ~7u;

		samples[i] = calloc(1, MAX_SIZE);
		assert(samples[i]);
		memset(samples[i] + 1, (int)i, size - sizeof(struct ringfort_event));
		samples[i]->size = size;
		samples[i]->type = ringfort_type_process_exec;
	}
}

/* ---- the ring that only copies -------------------------------------------------------------- */

static void plain_append(struct ring *ring, const struct ringfort_event *event)
{
	uint64_t left = CAPACITY - (ring->head & (CAPACITY - 1));

	if (left < event->size) {
		struct ringfort_event pad = { .size = (uint32_t)left };

		memcpy(ring->data + (ring->head & (CAPACITY - 1)), &pad, 8);
		ring->head += left;
	}
	memcpy(ring->data + (ring->head & (CAPACITY - 1)), event, event->size);
	ring->head += event->size;
	atomic_store_explicit(&ring->header->head, ring->head, memory_order_release);
}

static bool plain_next(const struct ring *ring, uint64_t *position, void *event)
{
	for (;;) {
		const struct ringfort_event *at;

		if (*position == atomic_load_explicit(&ring->header->head, memory_order_acquire))
			return false;
		at = (const void *)(ring->data + (*position & (CAPACITY - 1)));
		*position += at->size;
		if (at->type == 0)
			continue;
		memcpy(event, at, at->size);
		return true;
	}
}

/* ---- either --------------------------------------------------------------------------------- */

static void open_ring(struct ring *ring, bool ours)
{
	*ring = (struct ring){ .ours = ours, .reader_fd = -1 };
	if (ours) {
		if (ring_create(CAPACITY, ~1ull, &ring->fd, &ring->reader_fd) < 0 ||
		    ring_writer_open(&ring->writer, ring->fd) < 0)
			fail("cannot make our ring");
		return;
	}
	ring->fd = memfd_create("plain-ring", MFD_CLOEXEC);
	if (ring->fd < 0 || ftruncate(ring->fd, RING_HEADER_BYTES + CAPACITY) < 0)
		fail("memfd");
	ring->header = mmap(NULL, RING_HEADER_BYTES + CAPACITY, PROT_READ | PROT_WRITE, MAP_SHARED,
			    ring->fd, 0);
	if (ring->header == MAP_FAILED)
		fail("mmap");
	ring->data = (unsigned char *)ring->header + RING_HEADER_BYTES;
}

static void close_ring(struct ring *ring)
{
	if (ring->ours)
		ring_writer_close(ring->writer);
	else
		munmap(ring->header, RING_HEADER_BYTES + CAPACITY);
	close_fd(ring->fd);
	close_fd(ring->reader_fd);
}

/* ---- a reader ------------------------------------------------------------------------------- */

struct reader {
	const struct ring *ring;
	struct ring_reader *ours;
	uint64_t position;
	void *event;
};

static bool next(struct reader *reader)
{
	const struct ringfort_event *event;

	if (reader->ours)
		return ring_reader_next(reader->ours, &event) == 1;
	return plain_next(reader->ring, &reader->position, reader->event);
}

static _Noreturn void read_all(struct trial *trial, unsigned int index, int ready)
{
	_Atomic uint64_t *told = &trial->progress[index].n;
	struct reader reader = { .ring = &trial->ring, .event = malloc(RINGFORT_MAX_EVENT) };
	uint64_t n = 0;
	char bytes[256];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (trial->ring.ours && ring_reader_open(&reader.ours, trial->ring.reader_fd) < 0)
		fail("cannot open our ring");
	if (write(ready, "", 1) != 1)
		fail("pipe");
	for (;;) {
		while (next(&reader))
			if (++n % TELL_EVERY == 0)
				atomic_store_explicit(told, n, memory_order_release);
		atomic_store_explicit(told, n, memory_order_release);
		/* The end of the pipe is the end of the trial. */
		if (read(trial->pipes[index][0], bytes, sizeof(bytes)) == 0)
			_exit(0);
	}
}

/* Every reader's process has opened the ring when this returns. */
static void start_readers(struct trial *trial)
{
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC) < 0)
		fail("pipe2");
	for (unsigned int i = 0; i < trial->n_readers; i++) {
		if (pipe2(trial->pipes[i], O_CLOEXEC) < 0)
			fail("pipe2");
		trial->pids[i] = fork();
		if (trial->pids[i] < 0)
			fail("fork");
		if (trial->pids[i] == 0) {
			for (unsigned int k = 0; k <= i; k++)
				close(trial->pipes[k][1]);
			read_all(trial, i, ready[1]);
		}
	}
	for (unsigned int i = 0; i < trial->n_readers; i++)
		if (read(ready[0], &byte, 1) != 1)
			fail("a reader");
	close(ready[0]);
	close(ready[1]);
}

/* ---- the writer ----------------------------------------------------------------------------- */

static uint64_t slowest(const struct trial *trial)
{
	uint64_t least = UINT64_MAX;

	for (unsigned int i = 0; i < trial->n_readers; i++) {
		uint64_t n = atomic_load_explicit(&trial->progress[i].n, memory_order_acquire);

		if (n < least)
			least = n;
	}
	return least;
}

static void write_batch(struct trial *trial)
{
	for (size_t i = 0; i < BATCH; i++) {
		struct ringfort_event *event = samples[trial->n_written % N_SAMPLES];

		event->seq = ++trial->n_written;
		if (trial->ring.ours)
			ring_writer_append(trial->ring.writer, event);
		else
			plain_append(&trial->ring, event);
	}
	for (unsigned int i = 0; i < trial->n_readers; i++)
		if (write(trial->pipes[i][1], "", 1) != 1)
			fail("pipe");
}

/* Until everybody has everything; n is a multiple of BATCH. */
static void write_all(struct trial *trial, uint64_t n)
{
	const uint64_t half = CAPACITY / MAX_SIZE / 2;

	for (uint64_t end = trial->n_written + n; trial->n_written < end;) {
		while (trial->n_written - slowest(trial) > half)
			wait_a_moment();
		write_batch(trial);
	}
	while (slowest(trial) < trial->n_written)
		wait_a_moment();
}

/* Deliveries a second, of time and of processor time. */
struct speed {
	double wall, cpu;
};

static struct speed run(bool ours, unsigned int n_readers, uint64_t megabytes)
{
	const uint64_t lap = CAPACITY / MIN_SIZE / BATCH * BATCH + BATCH;
	uint64_t n = megabytes * 1000000 / ((MIN_SIZE + MAX_SIZE) / 2) / BATCH * BATCH;
	struct trial trial = { .n_readers = n_readers };
	double begun, begun_cpu = cpu_s(), seconds;

	trial.progress = mmap(NULL, sizeof(struct progress) * MAX_READERS, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (trial.progress == MAP_FAILED)
		fail("mmap");
	open_ring(&trial.ring, ours);
	start_readers(&trial);
	write_all(&trial, lap);
	begun = now_s();
	write_all(&trial, n);
	seconds = now_s() - begun;
	for (unsigned int i = 0; i < n_readers; i++) {
		close(trial.pipes[i][0]);
		close(trial.pipes[i][1]);
	}
	for (unsigned int i = 0; i < n_readers; i++)
		waitpid(trial.pids[i], NULL, 0);
	close_ring(&trial.ring);
	munmap(trial.progress, sizeof(struct progress) * MAX_READERS);
	return (struct speed){ (double)(n * n_readers) / seconds,
			       (double)((n + lap) * n_readers) / (cpu_s() - begun_cpu) };
}

static void print(const char *name, const struct speed *speeds, unsigned int n)
{
	printf(", \"%s\": [", name);
	for (unsigned int i = 0; i < n; i++)
		printf("%s%.0f", i ? ", " : "", speeds[i].wall);
	printf("], \"%s_cpu\": [", name);
	for (unsigned int i = 0; i < n; i++)
		printf("%s%.0f", i ? ", " : "", speeds[i].cpu);
	printf("]");
}

int main(int argc, char **argv)
{
	unsigned int n_readers, n_pairs;
	uint64_t megabytes;
	struct speed *values[3]; /* ours, copying, copying once more */

	if (argc != 4) {
		fprintf(stderr, "usage: bench-ring N_READERS N_PAIRS MEGABYTES\n");
		return 2;
	}
	n_readers = (unsigned int)atoi(argv[1]);
	n_pairs = (unsigned int)atoi(argv[2]);
	megabytes = strtoull(argv[3], NULL, 10);
	if (n_readers < 1 || n_readers > MAX_READERS || n_pairs < 1 || megabytes < 1)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	srand((unsigned int)time(NULL));
	make_samples();
	for (size_t i = 0; i < 3; i++)
		values[i] = calloc(n_pairs, sizeof(struct speed));
	for (unsigned int pair = 0; pair < n_pairs; pair++) {
		unsigned int first = (unsigned int)rand() % 3, step = 1 + (unsigned int)rand() % 2;

		for (unsigned int k = 0; k < 3; k++) {
			unsigned int which = (first + k * step) % 3;

			values[which][pair] = run(which == 0, n_readers, megabytes);
		}
	}
	printf("{\"readers\": %u", n_readers);
	print("ours", values[0], n_pairs);
	print("copying", values[1], n_pairs);
	print("copying_again", values[2], n_pairs);
	printf("}\n");
	return 0;
}
