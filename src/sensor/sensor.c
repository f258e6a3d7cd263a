/* SPDX-License-Identifier: Apache-2.0 */
/* Sensor - where events come from: one ordered stream of complete records. */
#include "sensor/sensor.h"

#include "base/cleanup.h"
#include "sensor/assemble.h"
#include "sensor/follow.h"
#include "sensor/loss.h"
#include "sensor/modify.h"
#include "sensor/names.h"
#include "sensor/scan.h"
#include "sensor/sensor-internal.h"

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>

#define DEFAULT_PROCESSES 32768
#define DEFAULT_GRACE_MS 30000
/* Of the table: with its default of entries about twice what an ordinary full machine needs. */
#define BYTES_PER_PROCESS 400

#define MAX_RECORDS 65536 /* a call of sensor_process() */
#define BATCH_MS 4        /* between drains of a busy stream */
#define GATHER_MS 3       /* from the wake-up to the drain */
#define READINGS_PER_TICK 64
#define FLUSH_LIMIT_NS 100000000ull
#define ROUND_NS 3000000000ull

#define TYPE(ident) (1ull << ringfort_type_##ident)

/* Always attached: without them nothing can be said about who acts.  It is the price of context. */
#define TABLE_TYPES (TYPE(process_fork) | TYPE(process_exec) | TYPE(process_exit))

enum source {
	SOURCE_PROBE,
	SOURCE_MODIFY,
	SOURCE_TICK,
	_SOURCE_N
};

struct sensor {
	struct sensor_options options;
	struct probe *probe;
	struct table *table;
	struct follow *follow;
	struct names *names;
	struct assembler *assembler;
	struct modify *modify; /* NULL while file.modify is not subscribed */
	struct loss loss;

	uint64_t types; /* subscribed */
	uint64_t realtime_offset_ns;
	uint64_t n_skipped; /* of probe_skipped(), told so far */
	uint64_t now_ns;    /* of the running drain */
	uint64_t emitted_ns; /* monotonic time of the last event */
	uint64_t scanned_ns;
	bool scan_wanted;   /* records that keep the table were lost */
	bool asleep;        /* the caller waits for the descriptor */
	int modify_error;   /* why file.modify is unavailable, or 0 */

	int epoll_fd;
	int tick_fd;
};

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool subscribed(const struct sensor *sensor, uint32_t type)
{
	return sensor->types >> type & 1 || type == ringfort_type_stream_loss;
}

/* ---- emitting ------------------------------------------------------------------------------ */

/* What only the table can tell of the act itself. */
static void complete(struct sensor *sensor, struct ringfort_event *event,
		     const struct followed *followed)
{
	struct ringfort_process_setid *setid = (void *)(event + 1);
	struct ringfort_process_ptrace *ptrace = (void *)(event + 1);

	if (event->type == ringfort_type_process_setid) {
		setid->old_uid = followed->before.uid;
		setid->old_euid = followed->before.euid;
		setid->old_gid = followed->before.gid;
		setid->old_egid = followed->before.egid;
	} else if (event->type == ringfort_type_process_ptrace && followed->other) {
		ptrace->target.start_ns = followed->other->start_ns;
		ptrace->target_exe = assemble_string(sensor->assembler,
						     followed->other->image->text,
						     followed->other->image->exe_length);
	}
}

/* Return: whether the event could be made. */
static bool emit(struct sensor *sensor, const struct probe_record *record,
		 const struct followed *followed)
{
	const struct process *process = followed->process;
	struct assemble_context context = {
		.process = process,
		.parent = followed->parent ? followed->parent->image : NULL,
		.cgroup = names_cgroup(sensor->names, record->cgroup_id),
		.tty = names_tty(sensor->names, record->tty),
		.realtime_offset_ns = sensor->realtime_offset_ns,
		.seq = sensor->loss.seq[record->type] + 1,
		.flags = process && process->selftest ? RINGFORT_FLAG_SELFTEST : 0,
	};
	struct ringfort_event *event = assemble_begin(sensor->assembler, record, &context);

	if (!event)
		return false;
	complete(sensor, event, followed);
	assemble_end(sensor->assembler);
	/* What the sensor adds of its own (loss, file.modify) is stamped when it is read, and a record
	 * that was just being written then may be some µs older. */
	if (event->monotonic_ns < sensor->emitted_ns) {
		event->time_ns += sensor->emitted_ns - event->monotonic_ns;
		event->monotonic_ns = sensor->emitted_ns;
	}
	sensor->emitted_ns = event->monotonic_ns;
	loss_next(&sensor->loss, record->type);
	sensor->options.emit(sensor->options.userdata, event);
	return true;
}

/* Tell that so many of a type were lost, before whatever is emitted next. */
static void tell_loss(struct sensor *sensor, uint32_t type, uint64_t n, uint32_t cause,
		      uint64_t time_ns)
{
	const struct followed nobody = { 0 };
	struct {
		struct probe_record head;
		struct ringfort_stream_loss body;
	} record = {
		.head = { .size = sizeof(record), .type = ringfort_type_stream_loss,
			  .via = RINGFORT_VIA_KERNEL, .monotonic_ns = time_ns },
		.body = { .lost_type = type, .cause = cause, .count = n },
	};

	if (n == 0)
		return;
	if (type < RINGFORT_MAX_TYPES && TABLE_TYPES >> type & 1)
		sensor->scan_wanted = true;
	if (type != 0 && !subscribed(sensor, type)) {
		sensor->loss.n_excluded[type] += n;
		return;
	}
	record.body.seq = loss_count(&sensor->loss, type, n);
	emit(sensor, &record.head, &nobody);
}

/* ---- records of the probe ------------------------------------------------------------------- */

static void handle_record(struct sensor *sensor, const struct probe_record *record)
{
	struct followed followed;
	uint32_t type = record->type;

	if (!ringfort_type_info(type)) {
		tell_loss(sensor, 0, 1, RINGFORT_LOSS_SKIPPED, sensor->now_ns);
		return;
	}
	tell_loss(sensor, type, loss_by_gap(&sensor->loss, record->cpu, type, record->n),
		  RINGFORT_LOSS_RING_FULL, record->monotonic_ns);
	if (assemble_check(sensor->assembler, record) < 0) {
		/* Broken: nothing in it can be believed, but that there was one. */
		tell_loss(sensor, type, 1, RINGFORT_LOSS_SKIPPED, record->monotonic_ns);
		return;
	}
	follow_record(sensor->follow, record, &followed);
	if (!subscribed(sensor, type) || followed.unchanged)
		sensor->loss.n_excluded[type]++;
	else if (!emit(sensor, record, &followed))
		tell_loss(sensor, type, 1, RINGFORT_LOSS_SKIPPED, record->monotonic_ns);
}

/* Return: how many records were handled, or a negative errno. */
static int drain_probe(struct sensor *sensor, uint32_t limit)
{
	const struct probe_record *record;
	uint32_t n = 0;
	int r;

	sensor->now_ns = clock_ns(CLOCK_MONOTONIC);
	while (n < limit) {
		r = probe_peek(sensor->probe, sensor->now_ns, &record);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		handle_record(sensor, record);
		probe_release(sensor->probe);
		n++;
	}
	return (int)n;
}

/* ---- file.modify ------------------------------------------------------------------------------ */

/* The actor by its pid alone: who it was when the stream had reached this moment. */
static void complete_actor(struct probe_record *record, const struct process *process)
{
	struct ringfort_file_modify *modify = (void *)(record + 1);

	record->start_ns = process->start_ns;
	record->ppid = process->ppid;
	record->parent_start_ns = process->parent_start_ns;
	record->uid = process->credentials.uid;
	record->gid = process->credentials.gid;
	record->euid = process->credentials.euid;
	record->egid = process->credentials.egid;
	record->loginuid = process->loginuid;
	record->session = process->session;
	record->tty = process->tty;
	record->mnt_ns = process->mnt_ns;
	record->cgroup_id = process->cgroup_id;
	if (modify->file.mnt_ns == 0)
		modify->file.mnt_ns = process->mnt_ns;
}

static void handle_modify(struct sensor *sensor, struct probe_record *record)
{
	struct ringfort_file_modify *modify = (void *)(record + 1);
	struct followed followed = { 0 };

	record->monotonic_ns = sensor->now_ns;
	followed.process = table_find(sensor->table, record->pid, 0);
	if (followed.process) {
		complete_actor(record, followed.process);
		table_touch(followed.process);
		followed.parent = table_find(sensor->table, record->ppid, record->parent_start_ns);
	}
	if (modify->file.mnt_ns != sensor->options.probe.host_mnt_ns)
		modify->file.flags |= 1u << RINGFORT_FILE_FOREIGN_NS;
	if (!emit(sensor, record, &followed))
		tell_loss(sensor, record->type, 1, RINGFORT_LOSS_SKIPPED, sensor->now_ns);
}

/*
 * What fanotify told before the drain is emitted after it: the table then knows a process that
 * was born, wrote and died since the last one.
 */
static int drain_modify(struct sensor *sensor)
{
	struct probe_record *record = NULL;
	int n = 0;

	if (!sensor->modify)
		return 0;
	tell_loss(sensor, ringfort_type_file_modify, modify_take_lost(sensor->modify),
		  RINGFORT_LOSS_QUEUE_OVERFLOW, sensor->now_ns);
	while ((record = modify_next(sensor->modify, record))) {
		handle_modify(sensor, record);
		n++;
	}
	return n;
}

/* Return: how many events and records were handled, or a negative errno. */
static int drain(struct sensor *sensor, uint32_t limit, bool *ret_more)
{
	bool more = false;
	int n;

	if (sensor->modify)
		more = modify_collect(sensor->modify, clock_ns(CLOCK_MONOTONIC)) > 0;
	n = drain_probe(sensor, limit);
	if (n < 0)
		return n;
	*ret_more = more || (uint32_t)n == limit;
	return n + drain_modify(sensor);
}

/* ---- what is not in the stream ------------------------------------------------------------------ */

/* Losses that no later record has shown yet. */
static void tell_trailing(struct sensor *sensor)
{
	uint64_t skipped = probe_skipped(sensor->probe);

	for (uint32_t cpu = 0; cpu < sensor->loss.n_cpus; cpu++) {
		const struct probe_counters *counters = probe_counters(sensor->probe, cpu);

		for (uint32_t type = 1; counters && type < RINGFORT_MAX_TYPES; type++) {
			uint64_t n = __atomic_load_n(&counters->n_lost[type], __ATOMIC_RELAXED);

			if (n)
				tell_loss(sensor, type, loss_by_counter(&sensor->loss, cpu, type, n),
					  RINGFORT_LOSS_RING_FULL, sensor->now_ns);
		}
	}
	if (skipped > sensor->n_skipped)
		tell_loss(sensor, 0, skipped - sensor->n_skipped, RINGFORT_LOSS_SKIPPED,
			  sensor->now_ns);
	sensor->n_skipped = skipped;
}

static void measure_offset(struct sensor *sensor)
{
	sensor->realtime_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
}

/* Once a second. */
static void tick(struct sensor *sensor)
{
	uint64_t n_ticks;

	if (read(sensor->tick_fd, &n_ticks, sizeof(n_ticks)) < 0)
		return;
	sensor->now_ns = clock_ns(CLOCK_MONOTONIC);
	measure_offset(sensor);
	table_reap(sensor->table, sensor->now_ns);
	follow_refill(sensor->follow, READINGS_PER_TICK);
	tell_trailing(sensor);
	if (sensor->scan_wanted && sensor->now_ns - sensor->scanned_ns > ROUND_NS) {
		scan(sensor->table, sensor->probe, sensor->options.probe.host_mnt_ns,
		     sensor->now_ns);
		sensor->scan_wanted = false;
		sensor->scanned_ns = sensor->now_ns;
	}
}

/* ---- the interface ------------------------------------------------------------------------------ */

/* Which sources have something to say; a tick is served at once. */
static uint32_t look(struct sensor *sensor)
{
	struct epoll_event events[_SOURCE_N];
	int n = epoll_wait(sensor->epoll_fd, events, _SOURCE_N, 0);
	uint32_t sources = 0;

	for (int i = 0; i < n; i++)
		sources |= 1u << events[i].data.u32;
	if (sources & 1u << SOURCE_TICK)
		tick(sensor);
	return sources;
}

int sensor_process(struct sensor *sensor)
{
	uint32_t sources = look(sensor);
	bool more;
	int n;

	if (sensor->asleep && sources & ~(1u << SOURCE_TICK)) {
		/* What woke us is seldom alone: let a batch gather. */
		sensor->asleep = false;
		return GATHER_MS;
	}
	n = drain(sensor, MAX_RECORDS, &more);
	if (n == 0 && !more) {
		tell_trailing(sensor);
		probe_arm(sensor->probe);
		/* What came between the drain and the arming wakes nobody. */
		n = drain(sensor, MAX_RECORDS, &more);
	}
	if (n < 0)
		return n == -EPERM ? -EACCES : n;
	sensor->asleep = n == 0 && !more;
	if (more)
		return 0;
	return sensor->asleep ? -1 : BATCH_MS;
}

/* Has every number that the kernel had given when we began been received, or found lost? */
static bool caught_up(const struct sensor *sensor, const uint64_t *performed)
{
	for (uint32_t cpu = 0; cpu < sensor->loss.n_cpus; cpu++) {
		const struct probe_counters *counters = probe_counters(sensor->probe, cpu);

		for (uint32_t type = 1; counters && type < RINGFORT_MAX_TYPES; type++) {
			size_t i = (size_t)cpu * RINGFORT_MAX_TYPES + type;
			uint64_t n_lost = __atomic_load_n(&counters->n_lost[type], __ATOMIC_RELAXED);

			if (sensor->loss.cells[i].n_received + n_lost < performed[i])
				return false;
		}
	}
	return true;
}

int sensor_flush(struct sensor *sensor)
{
	size_t n_cells = (size_t)sensor->loss.n_cpus * RINGFORT_MAX_TYPES;
	_cleanup_(freep) uint64_t *performed = calloc(n_cells, sizeof(*performed));
	uint64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
	bool more;
	int n;

	if (!performed)
		return -ENOMEM;
	for (uint32_t cpu = 0; cpu < sensor->loss.n_cpus; cpu++) {
		const struct probe_counters *counters = probe_counters(sensor->probe, cpu);

		if (counters)
			memcpy(performed + (size_t)cpu * RINGFORT_MAX_TYPES, counters->n_performed,
			       sizeof(counters->n_performed));
	}
	/* A record that is numbered but not yet written belongs to an act that still goes on; it
	 * takes its CPU some µs, or as long as that CPU is stolen. */
	do {
		n = drain(sensor, MAX_RECORDS, &more);
		if (n < 0)
			return n;
	} while ((more || !caught_up(sensor, performed)) &&
		 clock_ns(CLOCK_MONOTONIC) - begun_ns < FLUSH_LIMIT_NS);
	tell_trailing(sensor);
	return 0;
}

/* ---- subscribing ---------------------------------------------------------------------------------- */

static void subscribe_modify(struct sensor *sensor, bool wanted)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = SOURCE_MODIFY };

	if (!wanted) {
		sensor->modify = modify_free(sensor->modify);
		return;
	}
	if (sensor->modify)
		return;
	sensor->modify_error = modify_new(&sensor->modify, sensor->options.probe.host_mnt_ns);
	if (sensor->modify_error < 0)
		return;
	if (epoll_ctl(sensor->epoll_fd, EPOLL_CTL_ADD, modify_fd(sensor->modify), &event) < 0) {
		sensor->modify_error = -errno;
		sensor->modify = modify_free(sensor->modify);
	}
}

int sensor_subscribe(struct sensor *sensor, uint64_t types)
{
	uint64_t added = types & ~sensor->types;
	int r = sensor_flush(sensor);

	if (r < 0)
		return r;
	r = probe_attach(sensor->probe,
			 TABLE_TYPES | (types & ~(TYPE(file_modify) | TYPE(stream_loss))));
	if (r < 0)
		return r;
	if (added & TYPE(process_setid))
		scan_credentials(sensor->table);
	subscribe_modify(sensor, types & TYPE(file_modify));
	sensor->types = types;
	return 0;
}

/* ---- what it says of itself ------------------------------------------------------------------------ */

void sensor_statistics(const struct sensor *sensor, struct sensor_statistics *ret_statistics)
{
	struct sensor_statistics statistics = { 0 };
	struct table_counts counts;

	for (uint32_t cpu = 0; cpu < sensor->loss.n_cpus; cpu++) {
		const struct probe_counters *counters = probe_counters(sensor->probe, cpu);

		for (uint32_t type = 1; counters && type < RINGFORT_MAX_TYPES; type++)
			statistics.n_performed[type] +=
				__atomic_load_n(&counters->n_performed[type], __ATOMIC_RELAXED);
	}
	for (uint32_t type = 0; type < RINGFORT_MAX_TYPES; type++) {
		statistics.n_performed[type] -= sensor->loss.n_excluded[type];
		statistics.n_lost[type] = sensor->loss.n_lost[type];
	}
	/* These no counter of the kernel tells: what was told is all there is. */
	statistics.n_performed[0] = sensor->loss.seq[0];
	statistics.n_performed[ringfort_type_file_modify] =
		sensor->loss.seq[ringfort_type_file_modify];
	statistics.n_performed[ringfort_type_stream_loss] =
		sensor->loss.seq[ringfort_type_stream_loss];
	table_counts(sensor->table, &counts);
	statistics.n_processes = counts.n_processes;
	statistics.n_evicted = counts.n_evicted;
	*ret_statistics = statistics;
}

void sensor_mark_selftest(struct sensor *sensor, uint32_t pid, uint64_t start_ns)
{
	struct process *process = table_find(sensor->table, pid, start_ns);

	/* Its fork may still be in the ring. */
	if (!process)
		process = table_add(sensor->table, pid, start_ns, clock_ns(CLOCK_MONOTONIC));
	if (!process)
		return;
	process->selftest = true;
	scan_selftest(sensor->table);
}

void sensor_describe(const struct sensor *sensor, uint32_t type,
		     struct probe_description *ret_description)
{
	if (type == ringfort_type_stream_loss)
		*ret_description = (struct probe_description){ PROBE_NOTIFY, "ringfortd", "" };
	else if (type != ringfort_type_file_modify)
		probe_describe(sensor->probe, type, ret_description);
	else if (sensor->modify_error)
		*ret_description = (struct probe_description){
			PROBE_UNAVAILABLE, "fanotify/FAN_CLOSE_WRITE", strerrordesc_np(-sensor->modify_error)
		};
	else
		*ret_description = (struct probe_description){ PROBE_NOTIFY,
							       "fanotify/FAN_CLOSE_WRITE", "" };
}

int sensor_footprint(const struct sensor *sensor, struct probe_footprint *ret_footprint)
{
	return probe_footprint(sensor->probe, ret_footprint);
}

struct table *sensor_table(struct sensor *sensor)
{
	return sensor->table;
}

int sensor_fd(const struct sensor *sensor)
{
	return sensor->epoll_fd;
}

/* ---- life ----------------------------------------------------------------------------------------- */

static int watch(struct sensor *sensor)
{
	static const struct itimerspec second = { .it_interval.tv_sec = 1, .it_value.tv_sec = 1 };
	struct epoll_event probe = { .events = EPOLLIN, .data.u32 = SOURCE_PROBE };
	struct epoll_event ticks = { .events = EPOLLIN, .data.u32 = SOURCE_TICK };

	sensor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	sensor->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (sensor->epoll_fd < 0 || sensor->tick_fd < 0 ||
	    timerfd_settime(sensor->tick_fd, 0, &second, NULL) < 0 ||
	    epoll_ctl(sensor->epoll_fd, EPOLL_CTL_ADD, sensor->tick_fd, &ticks) < 0 ||
	    epoll_ctl(sensor->epoll_fd, EPOLL_CTL_ADD, probe_fd(sensor->probe), &probe) < 0)
		return -errno;
	return 0;
}

/* Attach first, scan then, read the stream last: so no process falls between. */
static int fill(struct sensor *sensor)
{
	int r = probe_attach(sensor->probe, TABLE_TYPES);

	if (r < 0)
		return r;
	r = scan(sensor->table, sensor->probe, sensor->options.probe.host_mnt_ns,
		     clock_ns(CLOCK_MONOTONIC));
	return r < 0 ? r : sensor_flush(sensor);
}

static int open_parts(struct sensor *sensor)
{
	struct table_options table = { .max_processes = sensor->options.max_processes,
				       .grace_ms = sensor->options.grace_ms,
				       .max_bytes = (size_t)sensor->options.max_processes *
						    BYTES_PER_PROCESS };
	int r = probe_new(&sensor->probe, &sensor->options.probe);

	if (r == 0)
		r = table_new(&sensor->table, &table);
	if (r == 0)
		r = follow_new(&sensor->follow, sensor->table);
	if (r == 0)
		r = names_new(&sensor->names, sensor->options.probe.cgroup_path);
	if (r == 0)
		r = assembler_new(&sensor->assembler);
	if (r == 0)
		r = loss_init(&sensor->loss, probe_n_cpus(sensor->probe));
	if (r == 0)
		r = watch(sensor);
	return r;
}

int sensor_new(struct sensor **ret_sensor, const struct sensor_options *options)
{
	struct sensor *sensor = calloc(1, sizeof(*sensor));
	int r;

	if (!sensor)
		return -ENOMEM;
	sensor->options = *options;
	sensor->epoll_fd = sensor->tick_fd = -1;
	if (sensor->options.max_processes == 0)
		sensor->options.max_processes = DEFAULT_PROCESSES;
	if (sensor->options.grace_ms == 0)
		sensor->options.grace_ms = DEFAULT_GRACE_MS;
	measure_offset(sensor);
	r = open_parts(sensor);
	if (r == 0)
		r = fill(sensor);
	if (r < 0) {
		sensor_free(sensor);
		return r;
	}
	*ret_sensor = sensor;
	return 0;
}

struct sensor *sensor_free(struct sensor *sensor)
{
	if (!sensor)
		return NULL;
	modify_free(sensor->modify);
	probe_free(sensor->probe);
	follow_free(sensor->follow);
	table_free(sensor->table);
	names_free(sensor->names);
	assembler_free(sensor->assembler);
	loss_done(&sensor->loss);
	close_fd(sensor->tick_fd);
	close_fd(sensor->epoll_fd);
	free(sensor);
	return NULL;
}
