/* SPDX-License-Identifier: Apache-2.0 */
/* Probe - our programs in the kernel, and the records that they write. */
#include "sensor/probe.h"

#include "base/cleanup.h"
#include "sensor/probe-env.h"
#include "sensor/probe-internal.h"
#include "probe.skel.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#define LOG_TAIL 1000 /* bytes */

static void probe_freep(struct probe **probe)
{
	probe_free(*probe);
}

void probe_log(const struct probe *probe, const char *format, ...)
{
	char message[1024];
	va_list arguments;

	if (!probe->log)
		return;
	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	probe->log(probe->userdata, message);
}

/* libbpf has one printer per process and hands it nothing of ours. */
static const struct probe *printing;

static int print(enum libbpf_print_level level, const char *format, va_list arguments)
{
	_cleanup_(freep) char *text = NULL;
	char *line, *rest;
	int n;

	if (level != LIBBPF_WARN || !printing)
		return 0;
	n = vasprintf(&text, format, arguments);
	if (n < 0)
		return 0;
	/* Of what the verifier says only the end tells why. */
	rest = n > LOG_TAIL ? text + n - LOG_TAIL : text;
	while ((line = strsep(&rest, "\n")))
		if (line[0])
			probe_log(printing, "%s", line);
	return 0;
}

static int configure(struct probe *probe, const struct probe_options *options)
{
	struct probe_bpf *bpf = probe->bpf;
	int r;

	if (options->n_env > PROBE_ENV_NAMES)
		return -EINVAL;
	for (uint32_t i = 0; i < options->n_env; i++) {
		r = probe_env_add((struct probe_env *)&bpf->rodata->env, i, options->env[i]);
		if (r < 0) {
			probe_log(probe, "cannot report the environment variable '%s'", options->env[i]);
			return r;
		}
	}
	bpf->rodata->host_mnt_ns = options->host_mnt_ns;
	r = probe_try_signal();
	bpf->rodata->can_kill = r == 0;
	if (r < 0)
		probe_log(probe, "cannot end images before they run: %s", strerror(-r));
	if (options->denials_fd > 0) {
		r = bpf_map__reuse_fd(bpf->maps.denials, options->denials_fd);
		if (r < 0)
			return r;
	}
	r = bpf_map__set_max_entries(bpf->maps.scratches, probe->n_cpus);
	if (r == 0)
		r = bpf_map__set_max_entries(bpf->maps.counters, probe->n_cpus);
	if (r == 0)
		r = bpf_map__set_max_entries(bpf->maps.rare, (uint32_t)options->rare_bytes);
	if (r == 0)
		r = bpf_map__set_max_entries(bpf->maps.bulk, (uint32_t)options->bulk_bytes);
	return r;
}

static int load(struct probe *probe, const struct probe_options *options)
{
	libbpf_print_fn_t before = libbpf_set_print(print);
	int r = -ENOMEM;

	printing = probe;
	probe->bpf = probe_bpf__open();
	if (!probe->bpf) {
		r = -errno;
		goto out;
	}
	r = configure(probe, options);
	if (r < 0)
		goto out;
	r = probe_hooks_choose(probe);
	if (r < 0)
		goto out;
	r = probe_bpf__load(probe->bpf);
out:
	printing = NULL;
	libbpf_set_print(before);
	return r;
}

static int map_counters(struct probe *probe)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *map;

	probe->counters_bytes =
		(probe->n_cpus * sizeof(struct probe_counters) + page - 1) & ~(page - 1);
	map = mmap(NULL, probe->counters_bytes, PROT_READ, MAP_SHARED,
		   bpf_map__fd(probe->bpf->maps.counters), 0);
	if (map == MAP_FAILED)
		return -errno;
	probe->counters = map;
	return 0;
}

/* The entries are the gate's. */
static int map_backstop(struct probe *probe)
{
	void *map = mmap(NULL, offsetof(struct backstop, entries), PROT_READ, MAP_SHARED,
			 bpf_map__fd(probe->bpf->maps.backstops), 0);

	if (map == MAP_FAILED)
		return -errno;
	probe->backstop = map;
	return 0;
}

static int open_ring(struct probe *probe, struct ringbuf **ret_ring, struct bpf_map *map)
{
	struct epoll_event event = { .events = EPOLLIN };
	int r;

	r = ringbuf_new(ret_ring, bpf_map__fd(map), bpf_map__max_entries(map));
	if (r < 0)
		return r;
	if (epoll_ctl(probe->epoll_fd, EPOLL_CTL_ADD, bpf_map__fd(map), &event) < 0)
		return -errno;
	return 0;
}

int probe_new(struct probe **ret_probe, const struct probe_options *options)
{
	_cleanup_(probe_freep) struct probe *probe = calloc(1, sizeof(*probe));
	int r;

	if (!probe)
		return -ENOMEM;
	probe->epoll_fd = -1;
	probe->second = malloc(RINGFORT_MAX_EVENT);
	if (!probe->second)
		return -ENOMEM;
	probe->log = options->log;
	probe->userdata = options->userdata;
	probe->table_types = options->table_types;
	r = libbpf_num_possible_cpus();
	if (r < 0)
		return r;
	probe->n_cpus = (unsigned int)r;
	if (access("/sys/kernel/btf/vmlinux", R_OK) < 0)
		return -EOPNOTSUPP;
	r = load(probe, options);
	if (r < 0)
		return r;
	probe->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (probe->epoll_fd < 0)
		return -errno;
	r = open_ring(probe, &probe->rare, probe->bpf->maps.rare);
	if (r < 0)
		return r;
	r = open_ring(probe, &probe->bulk, probe->bpf->maps.bulk);
	if (r < 0)
		return r;
	r = map_counters(probe);
	if (r == 0)
		r = map_backstop(probe);
	if (r < 0)
		return r;
	*ret_probe = take_ptr(probe);
	return 0;
}

struct probe *probe_free(struct probe *probe)
{
	if (!probe)
		return NULL;
	probe_hooks_detach(probe);
	if (probe->counters)
		munmap(probe->counters, probe->counters_bytes);
	if (probe->backstop)
		munmap((void *)probe->backstop, offsetof(struct backstop, entries));
	ringbuf_free(probe->rare);
	ringbuf_free(probe->bulk);
	close_fd(probe->epoll_fd);
	probe_bpf__destroy(probe->bpf);
	free(probe->second);
	free(probe);
	return NULL;
}

int probe_fd(const struct probe *probe)
{
	return probe->epoll_fd;
}

void probe_arm(struct probe *probe)
{
	/* Before the drain that follows: one of us two sees the other's write. */
	__atomic_store_n(&probe->bpf->bss->armed.flag, 1, __ATOMIC_SEQ_CST);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/*
 * The bulk ring's end is read first: whatever led to a record there (the fork and the exec of its
 * process) was in the rare ring before it, so that it is seen in the same drain.
 */
static void begin_drain(struct probe *probe, uint64_t until_ns)
{
	probe->until_ns = until_ns;
	probe->drained = false;
	ringbuf_look(probe->bulk);
	ringbuf_look(probe->rare);
}

static int end_drain(struct probe *probe)
{
	probe->drained = true;
	ringbuf_give_back(probe->bulk);
	ringbuf_give_back(probe->rare);
	return 0;
}

/* The file stands where it stood, its path too. */
static void keep_second(struct probe *probe, const struct probe_record *record)
{
	if (!(record->also & PROBE_RECORD_OPENED) || record->type != ringfort_type_file_create ||
	    record->size < sizeof(*probe->second) || record->size > RINGFORT_MAX_EVENT)
		return;
	memcpy(probe->second, record, record->size);
	probe->second->head.type = ringfort_type_file_open_write;
	probe->second->head.also = 0;
	probe->second->head.n = probe->second->opened_n;
	probe->second->open.open_flags = probe->second->opened_flags;
	probe->has_second = true;
}

int probe_peek(struct probe *probe, uint64_t until_ns, const struct probe_record **ret_record)
{
	const struct probe_record *rare = NULL, *bulk = NULL, *record;
	int r, b;

	if (probe->has_second) {
		*ret_record = &probe->second->head;
		return 1;
	}
	if (probe->drained || until_ns != probe->until_ns)
		begin_drain(probe, until_ns);
	r = ringbuf_peek(probe->rare, &rare);
	b = ringbuf_peek(probe->bulk, &bulk);
	/* One that is being written this very moment may be older than what we have. */
	if (r < 0 || b < 0 || (r == 0 && b == 0))
		return end_drain(probe);
	record = !bulk || (rare && rare->monotonic_ns <= bulk->monotonic_ns) ? rare : bulk;
	if (record->monotonic_ns > until_ns)
		return end_drain(probe);
	probe->current = record == rare ? probe->rare : probe->bulk;
	probe->record = record;
	*ret_record = record;
	return 1;
}

void probe_release(struct probe *probe)
{
	probe->has_second = false;
	if (!probe->current)
		return;
	keep_second(probe, probe->record);
	ringbuf_pop(probe->current);
	probe->current = NULL;
}

const struct probe_counters *probe_counters(const struct probe *probe, unsigned int cpu)
{
	return cpu < probe->n_cpus ? &probe->counters[cpu] : NULL;
}

int probe_backstop_fd(const struct probe *probe)
{
	return bpf_map__fd(probe->bpf->maps.backstops);
}

int probe_stops_fd(const struct probe *probe)
{
	return bpf_map__fd(probe->bpf->maps.stops);
}

static uint64_t load_number(const uint64_t *number)
{
	return __atomic_load_n(number, __ATOMIC_RELAXED);
}

void probe_outside(const struct probe *probe, struct probe_outside *ret_outside)
{
	struct probe_outside outside = { .can_kill = probe->bpf->rodata->can_kill };

	for (uint32_t kind = 0; kind < _BACKSTOP_KIND_N; kind++) {
		outside.n_outside[kind] = load_number(&probe->backstop->n_outside[kind]);
		outside.n_killed[kind] = load_number(&probe->backstop->n_killed[kind]);
		outside.n_stopped[kind] = load_number(&probe->backstop->n_stopped[kind]);
		outside.n_denied[kind] = load_number(&probe->backstop->n_denied[kind]);
		outside.n_unjudged[kind] = load_number(&probe->backstop->n_unjudged[kind]);
	}
	*ret_outside = outside;
}

const struct probe_env *probe_env(const struct probe *probe)
{
	return (const struct probe_env *)&probe->bpf->rodata->env;
}

unsigned int probe_n_cpus(const struct probe *probe)
{
	return probe->n_cpus;
}
