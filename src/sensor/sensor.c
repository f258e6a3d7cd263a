/* SPDX-License-Identifier: Apache-2.0 */
/* Sensor - where events come from: one ordered stream of complete records. */
#include "sensor/sensor.h"

#include "base/cleanup.h"
#include "sensor/account.h"
#include "sensor/canary.h"
#include "sensor/emit.h"
#include "sensor/modify.h"
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

/*
 * A call of sensor_process(), and the pause before the next when there is more: readers of a small ring
 * shall run between.  600,000 a second go through all the same.
 */
#define MAX_RECORDS 1024
#define MORE_MS 1
#define BATCH_MS 20       /* between drains of a busy stream */
#define GATHER_MS 3       /* from the wake-up to the drain */
#define READINGS_PER_TICK 64
#define FLUSH_LIMIT_NS 100000000ull
#define SILENT_CANARIES 2 /* the kernel skips a run that interrupts another of the same program: one is no proof */
#define ROUND_NS 3000000000ull

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
	struct modify *modify; /* NULL while file.modify is not subscribed */
	struct emitter emitter;

	uint64_t now_ns;    /* of the running drain */
	uint64_t scanned_ns;
	bool asleep;        /* the caller waits for the descriptor */
	struct canary canary;
	bool heard;         /* a canary has come back: not where pids are another namespace's */
	uint32_t n_silent;  /* of the last ones did not, though one had before */
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

/* ---- records of the probe ------------------------------------------------------------------- */

/* We write down what we see: that must not be one more thing to see. */
static bool is_own_modify(const struct probe_record *record)
{
	return record->type == ringfort_type_file_modify && record->pid == (uint32_t)getpid();
}

/* Nobody need have subscribed to what our own program did. */
static void tell_killed(struct sensor *sensor, const struct probe_record *record, const struct followed *followed)
{
	const struct ringfort_process_exec *exec = (const void *)(record + 1);
	const struct ringfort_event *event;

	if (record->type != ringfort_type_process_exec || !(exec->flags & 1u << RINGFORT_EXEC_KILLED) ||
	    !sensor->options.killed)
		return;
	event = emit_make(&sensor->emitter, record, followed);
	if (event)
		sensor->options.killed(sensor->options.userdata, event);
}

static void handle_record(struct sensor *sensor, const struct probe_record *record)
{
	struct followed followed;
	uint32_t type = record->type;
	uint64_t n_lost;
	bool ours;

	if (!ringfort_type_info(type)) {
		emit_loss(&sensor->emitter, 0, 1, RINGFORT_LOSS_SKIPPED, sensor->now_ns);
		return;
	}
	n_lost = loss_by_gap(&sensor->emitter.loss, record->cpu, type, record->n);
	if (n_lost)
		emit_loss(&sensor->emitter, type, n_lost, RINGFORT_LOSS_RING_FULL,
			  record->monotonic_ns);
	if (assemble_check(sensor->emitter.assembler, record) < 0) {
		/* Broken: nothing in it can be believed, but that there was one. */
		emit_loss(&sensor->emitter, type, 1, RINGFORT_LOSS_SKIPPED, record->monotonic_ns);
		return;
	}
	follow_record(sensor->follow, record, &followed);
	tell_killed(sensor, record, &followed);
	ours = canary_is(&sensor->canary, record) || is_own_modify(record);
	if (!emit_wanted(&sensor->emitter, type) || followed.unchanged || ours)
		sensor->emitter.loss.n_excluded[type]++;
	else if (!emit_record(&sensor->emitter, record, &followed))
		emit_loss(&sensor->emitter, type, 1, RINGFORT_LOSS_SKIPPED, record->monotonic_ns);
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
	} else {
		/* Not 0: nobody shall take a stranger for root. */
		record->uid = record->euid = record->gid = record->egid = UINT32_MAX;
		record->loginuid = record->session = UINT32_MAX;
	}
	if (modify->file.mnt_ns != sensor->options.probe.host_mnt_ns)
		modify->file.flags |= 1u << RINGFORT_FILE_FOREIGN_NS;
	if (!emit_record(&sensor->emitter, record, &followed))
		emit_loss(&sensor->emitter, record->type, 1, RINGFORT_LOSS_SKIPPED, sensor->now_ns);
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
	emit_loss(&sensor->emitter, ringfort_type_file_modify, modify_take_lost(sensor->modify),
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

static void measure_offset(struct sensor *sensor)
{
	sensor->emitter.realtime_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
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
	account_trailing(&sensor->emitter, sensor->probe, sensor->now_ns);
	account_skipped(&sensor->emitter, sensor->probe, sensor->now_ns);
	if (sensor->emitter.table_lost && sensor->now_ns - sensor->scanned_ns > ROUND_NS) {
		scan(sensor->table, sensor->probe, sensor->options.probe.host_mnt_ns,
		     sensor->now_ns);
		sensor->emitter.table_lost = false;
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

/* Who asks to be woken makes those pay who do what it watches: only while nothing else comes here. */
static void fall_asleep(struct sensor *sensor)
{
	probe_arm(sensor->probe);
	if (sensor->modify)
		modify_listen(sensor->modify, true);
}

static void gather(struct sensor *sensor)
{
	sensor->asleep = false;
	if (sensor->modify)
		modify_listen(sensor->modify, false);
}

int sensor_process(struct sensor *sensor)
{
	uint32_t sources = look(sensor);
	bool more;
	int n;

	if (sensor->asleep && sources & ~(1u << SOURCE_TICK)) {
		/* What woke us is seldom alone: let a batch gather. */
		gather(sensor);
		return GATHER_MS;
	}
	n = drain(sensor, MAX_RECORDS, &more);
	if (n == 0 && !more) {
		account_trailing(&sensor->emitter, sensor->probe, sensor->now_ns);
		fall_asleep(sensor);
		/* What came between the drain and the arming wakes nobody. */
		n = drain(sensor, MAX_RECORDS, &more);
	}
	if (n < 0)
		return n == -EPERM ? -EACCES : n;
	if (n == 0 && !more) {
		sensor->asleep = true;
		return -1;
	}
	gather(sensor);
	return more ? MORE_MS : BATCH_MS;
}

int sensor_flush(struct sensor *sensor)
{
	_cleanup_(freep) uint64_t *performed = account_snapshot(sensor->probe);
	uint64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
	bool more;
	int n;

	if (!performed)
		return -ENOMEM;
	/* A record that is numbered but not yet written belongs to an act that still goes on; it
	 * takes its CPU some µs, or as long as that CPU is stolen. */
	do {
		n = drain(sensor, MAX_RECORDS, &more);
		if (n < 0)
			return n;
	} while ((more || !account_caught_up(&sensor->emitter.loss, sensor->probe, performed)) &&
		 clock_ns(CLOCK_MONOTONIC) - begun_ns < FLUSH_LIMIT_NS);
	account_trailing(&sensor->emitter, sensor->probe, sensor->now_ns);
	return 0;
}

/* ---- tampering ------------------------------------------------------------------------------------ */

struct harm_hearer {
	void (*told)(void *userdata, const struct sensor_harm *harm);
	void *userdata;
};

static void on_harm(void *userdata, const struct probe_harm *harm)
{
	const struct harm_hearer *hearer = userdata;
	const struct sensor_harm told = { .kind = harm->kind == PROBE_LINK_DETACHED ? SENSOR_LINK : SENSOR_MAP,
					  .name = harm->name, .healed = harm->healed };

	hearer->told(hearer->userdata, &told);
}

/* Births and deaths that the kernel had no room for, whoever wants to hear of them. */
static uint64_t lost_births(const struct probe *probe)
{
	uint64_t n = 0;

	for (unsigned int cpu = 0; cpu < probe_n_cpus(probe); cpu++) {
		const uint64_t *n_lost = probe_counters(probe, cpu)->n_lost;

		n += __atomic_load_n(&n_lost[ringfort_type_process_fork], __ATOMIC_RELAXED) +
		     __atomic_load_n(&n_lost[ringfort_type_process_exit], __ATOMIC_RELAXED);
	}
	return n;
}

/* 1: our act came back; 0: all that was numbered came, but not this; -EAGAIN: it cannot be told now */
static int try_canary(struct sensor *sensor)
{
	_cleanup_(freep) uint64_t *performed = NULL;
	uint64_t lost = lost_births(sensor->probe);
	int r = canary_fly(&sensor->canary);

	/* Out of processes, or of turns. */
	if (r < 0)
		return -EAGAIN;
	performed = account_snapshot(sensor->probe);
	if (!performed)
		return -ENOMEM;
	r = sensor_flush(sensor);
	if (r < 0)
		return r;
	if (sensor->canary.born)
		return 1;
	/* In a flood it may be among those that wait, or were lost and told. */
	if (lost_births(sensor->probe) != lost ||
	    !account_caught_up(&sensor->emitter.loss, sensor->probe, performed))
		return -EAGAIN;
	return 0;
}

int sensor_guard(struct sensor *sensor, void (*told)(void *userdata, const struct sensor_harm *harm), void *userdata)
{
	struct harm_hearer hearer = { .told = told, .userdata = userdata };
	const struct sensor_harm silence = { .kind = SENSOR_STREAM, .name = "stream of events" };
	int r;

	probe_guard(sensor->probe, on_harm, &hearer);
	r = try_canary(sensor);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;
	sensor->heard |= r > 0;
	sensor->n_silent = r == 0 && sensor->heard ? sensor->n_silent + 1 : 0;
	if (sensor->n_silent == SILENT_CANARIES)
		told(userdata, &silence);
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

/* Where the kernel lets the probe sit on its own function, fanotify is not needed. */
static bool probe_serves_modify(const struct sensor *sensor)
{
	struct probe_description description;

	probe_describe(sensor->probe, ringfort_type_file_modify, &description);
	return description.level != PROBE_UNAVAILABLE;
}

int sensor_subscribe(struct sensor *sensor, uint64_t types)
{
	uint64_t added = types & ~sensor->emitter.types;
	int r = sensor_flush(sensor);

	if (r < 0)
		return r;
	r = probe_attach(sensor->probe, types & ~TYPE_BIT(stream_loss));
	if (r < 0)
		return r;
	if (added & TYPE_BIT(process_setid))
		scan_credentials(sensor->table);
	subscribe_modify(sensor, types & TYPE_BIT(file_modify) && !probe_serves_modify(sensor));
	sensor->emitter.types = types;
	return 0;
}

/* ---- what it says of itself ------------------------------------------------------------------------ */

void sensor_statistics(const struct sensor *sensor, struct sensor_statistics *ret_statistics)
{
	struct sensor_statistics statistics;
	struct table_counts counts;

	account_statistics(&sensor->emitter.loss, sensor->probe, statistics.n_performed);
	memcpy(statistics.n_lost, sensor->emitter.loss.n_lost, sizeof(statistics.n_lost));
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
	if (type == ringfort_type_stream_loss) {
		*ret_description = (struct probe_description){ PROBE_NOTIFY, "ringfortd", "" };
		return;
	}
	probe_describe(sensor->probe, type, ret_description);
	if (type != ringfort_type_file_modify || ret_description->level != PROBE_UNAVAILABLE)
		return;
	ret_description->hook = "fanotify/FAN_CLOSE_WRITE";
	/* Where it serves, `why` goes on saying what keeps the probe from its better hook. */
	if (sensor->modify_error)
		ret_description->why = strerrordesc_np(-sensor->modify_error);
	else
		ret_description->level = PROBE_NOTIFY;
}

int sensor_footprint(const struct sensor *sensor, struct probe_footprint *ret_footprint)
{
	return probe_footprint(sensor->probe, ret_footprint);
}

void sensor_outside(const struct sensor *sensor, struct probe_outside *ret_outside)
{
	probe_outside(sensor->probe, ret_outside);
}

int sensor_backstop_fd(const struct sensor *sensor)
{
	return probe_backstop_fd(sensor->probe);
}

int sensor_stops_fd(const struct sensor *sensor)
{
	return probe_stops_fd(sensor->probe);
}

struct table *sensor_table(struct sensor *sensor)
{
	return sensor->table;
}

struct probe *sensor_probe(struct sensor *sensor)
{
	return sensor->probe;
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
	int r = probe_attach(sensor->probe, 0);

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
		r = emitter_init(&sensor->emitter, sensor->options.probe.cgroup_path,
				 probe_env(sensor->probe), probe_n_cpus(sensor->probe));
	if (r == 0)
		r = watch(sensor);
	if (r == 0)
		follow_refill(sensor->follow, READINGS_PER_TICK);
	return r;
}

int sensor_new(struct sensor **ret_sensor, const struct sensor_options *options)
{
	struct sensor *sensor = calloc(1, sizeof(*sensor));
	int r;

	if (!sensor)
		return -ENOMEM;
	sensor->options = *options;
	/* Always: it is the price of context. */
	sensor->options.probe.table_types = EMIT_TABLE_TYPES;
	sensor->emitter.emit = options->emit;
	sensor->emitter.userdata = options->userdata;
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
	emitter_done(&sensor->emitter);
	close_fd(sensor->tick_fd);
	close_fd(sensor->epoll_fd);
	free(sensor);
	return NULL;
}
