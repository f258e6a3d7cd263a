/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role sensor - kernel to rings.
 *
 * It reads nothing that a solution can write: subscriptions and barriers come as numbers from the
 * control process.  A solution's pipe is only ever written to, without waiting.
 */
#include "ringfortd/role.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "ring/broadcast.h"
#include "ringfortd/drop.h"
#include "ringfortd/message.h"
#include "ringfortd/outside.h"
#include "ringfortd/page.h"
#include "ringfortd/sensor-tamper.h"
#include "ringfortd/vendor-bpf.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SLOTS 256
#define PAGE_INTERVAL_NS 100000000ull
#define TICK_MS 400
#define WAKE_EVENTS 1024
#define KILLED_A_TICK 10   /* are told: a flood of them shall not fill the socket that tampering is told by */
#define MESSAGES_A_TURN 64 /* of control: events have their turn however many it sends */

struct slot {
	uint64_t run; /* of the solution; 0: none, and always of control's own */
	uint64_t types;
	uint32_t class;
	int wake_fd;
};

struct sensor_loop {
	const struct sensor_role *role;
	struct sensor *sensor;
	struct page *page;
	struct ring_writer *rings[MESSAGE_CLASSES];
	bool news[MESSAGE_CLASSES];
	unsigned int n_since_wake; /* events that readers were not told of yet */
	struct slot slots[SLOTS];
	struct event_base *base;
	struct event *source; /* the sensor's descriptor; not watched while due is to come */
	struct event *due;    /* when sensor_process() asked to be called again */
	struct page_numbers numbers;
	uint64_t page_ns;
	struct sensor_tamper tamper;
	unsigned int n_killed; /* told since the last tick */
	int result;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
}

static void end(struct sensor_loop *loop, const char *what, int error)
{
	if (error)
		log_error("%s: %s", what, strerror(-error));
	loop->result = error ? 1 : 0;
	event_base_loopbreak(loop->base);
}

/* One byte each; a full pipe belongs to somebody who does not read, and says enough. */
static void wake_readers(struct sensor_loop *loop)
{
	for (size_t i = 0; i < SLOTS; i++) {
		const struct slot *slot = &loop->slots[i];

		if (slot->wake_fd < 0 || !loop->news[slot->class])
			continue;
		if (write(slot->wake_fd, "", 1) < 0)
			continue;
	}
	memset(loop->news, 0, sizeof(loop->news));
	loop->n_since_wake = 0;
}

static void emit(void *userdata, const struct ringfort_event *event)
{
	struct sensor_loop *loop = userdata;

	/* Once for all readers: they trust what stands in the ring. */
	assert(ringfort_event_check(event, event->size) == 0);
	for (uint32_t class = 0; class < MESSAGE_CLASSES; class++) {
		struct ring_writer *ring = loop->rings[class];

		if (!ring || !(ring_writer_granted(ring) & 1ull << event->type))
			continue;
		ring_writer_append(ring, event);
		loop->news[class] = true;
	}
	/* A barrier may drain much: readers shall begin before it ends. */
	if (++loop->n_since_wake >= WAKE_EVENTS)
		wake_readers(loop);
}

static void on_killed(void *userdata, const struct ringfort_event *event)
{
	struct message message = { .kind = MESSAGE_KILLED };
	struct sensor_loop *loop = userdata;

	if (loop->n_killed++ >= KILLED_A_TICK)
		return;
	outside_killed(&message.killed, event);
	if (message_send_fd(loop->role->control_fd, &message, NULL, 0) < 0)
		return; /* held up: the numbers tell it */
}

static void tell_numbers(struct sensor_loop *loop, bool force)
{
	struct page_numbers *numbers = &loop->numbers;
	uint64_t now = now_ns();

	if (!force && now - loop->page_ns < PAGE_INTERVAL_NS)
		return;
	loop->page_ns = now;
	numbers->n_drains++;
	sensor_statistics(loop->sensor, &numbers->statistics);
	sensor_outside(loop->sensor, &numbers->outside);
	page_write(loop->page, numbers);
}

static void describe(struct sensor_loop *loop)
{
	const struct config *config = loop->role->config;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		struct page_type *entry = &loop->numbers.types[type];
		struct probe_description description;

		if (!ringfort_type_info(type))
			continue;
		sensor_describe(loop->sensor, type, &description);
		entry->level = description.level;
		snprintf(entry->hook, sizeof(entry->hook), "%s", description.hook);
		snprintf(entry->why, sizeof(entry->why), "%s", description.why);
	}
	if (sensor_footprint(loop->sensor, &loop->numbers.footprint) < 0)
		memset(&loop->numbers.footprint, 0, sizeof(loop->numbers.footprint));
	if (vendor_bpf_count(config->uid_first, config->uid_count, &loop->numbers.vendor_programs,
			     &loop->numbers.content_bytes) < 0)
		log_warning("cannot count the BPF programs of solutions");
}

static void process(struct sensor_loop *loop)
{
	int delay_ms = sensor_process(loop->sensor);

	if (delay_ms < -1) {
		end(loop, "cannot read events", delay_ms);
		return;
	}
	wake_readers(loop);
	tell_numbers(loop, false);
	/* The descriptor stays readable while a batch gathers: watched, it would end each at once. */
	if (delay_ms >= 0) {
		struct timeval delay = { .tv_usec = delay_ms * 1000 };

		event_del(loop->source);
		evtimer_add(loop->due, &delay);
	} else {
		event_add(loop->source, NULL);
	}
}

static void on_sensor(evutil_socket_t fd, short what, void *userdata)
{
	process(userdata);
}

static void on_tick(evutil_socket_t fd, short what, void *userdata)
{
	struct sensor_loop *loop = userdata;
	int r;

	loop->n_killed = 0;
	r = sensor_tamper_look(&loop->tamper, loop->sensor);
	if (r < 0) {
		end(loop, "cannot tell of tampering", r == -EPIPE ? 0 : r);
		return;
	}
	/* Readers are told of what the look has drained. */
	process(loop);
	tell_numbers(loop, true);
}

static int subscribe(struct sensor_loop *loop)
{
	uint64_t types = 0;
	int r;

	for (size_t i = 0; i < SLOTS; i++)
		types |= loop->slots[i].types;
	if (types == loop->numbers.subscribed)
		return 0;
	r = sensor_subscribe(loop->sensor, types);
	if (r < 0)
		return r;
	loop->numbers.subscribed = types;
	describe(loop);
	tell_numbers(loop, true);
	return 0;
}

static int barrier(struct sensor_loop *loop, const struct message *message)
{
	const struct slot *slot = &loop->slots[message->slot];
	int r = sensor_flush(loop->sensor);

	if (r < 0)
		return r;
	wake_readers(loop);
	tell_numbers(loop, true);
	if (loop->rings[message->class])
		ring_writer_barrier(loop->rings[message->class], message->slot, message->value[0]);
	if (slot->wake_fd >= 0 && write(slot->wake_fd, "", 1) < 0)
		return 0; /* full: the solution has been told already */
	return 0;
}

/* Sent back, so that the child acts no sooner than its events are known for what they are. */
static int mark(struct sensor_loop *loop, const struct message *message)
{
	/* Its birth may still lie in the kernel's ring. */
	int r = sensor_flush(loop->sensor);

	if (r < 0)
		return r;
	wake_readers(loop);
	sensor_mark_selftest(loop->sensor, (uint32_t)message->value[0], message->value[1]);
	return message_send_fd(loop->role->supervisor_fd, message, NULL, 0);
}

static int add_ring(struct sensor_loop *loop, const struct message *message, int fd)
{
	if (loop->rings[message->class])
		return -EEXIST;
	return ring_writer_open(&loop->rings[message->class], fd);
}

static void slot_up(struct sensor_loop *loop, const struct message *message, int *wake_fd)
{
	struct slot *slot = &loop->slots[message->slot];

	close_fd(slot->wake_fd);
	slot->wake_fd = take_fd(wake_fd);
	slot->class = message->class;
	slot->run = message->value[0];
}

static int slot_down(struct sensor_loop *loop, uint32_t number)
{
	struct slot *slot = &loop->slots[number];

	slot->wake_fd = close_fd(slot->wake_fd);
	slot->run = slot->types = 0;
	return subscribe(loop);
}

static int from_supervisor(struct sensor_loop *loop, const struct message *message, int *fd)
{
	if (message->slot >= SLOTS || message->class >= MESSAGE_CLASSES)
		return -EBADMSG;
	switch (message->kind) {
	case MESSAGE_RING:
		return add_ring(loop, message, *fd);
	case MESSAGE_WAKE:
		slot_up(loop, message, fd);
		return 0;
	case MESSAGE_GONE:
		return slot_down(loop, message->slot);
	case MESSAGE_MARK:
		return mark(loop, message);
	default:
		return -EBADMSG;
	}
}

/* Control may be the attacker's by now: it hands over no ring and no pipe, and marks nobody. */
static int from_control(struct sensor_loop *loop, const struct message *message)
{
	if (message->slot >= SLOTS || message->class >= MESSAGE_CLASSES)
		return -EBADMSG;
	/* A solution's last words, which arrive when it is gone. */
	if (message->value[1] != loop->slots[message->slot].run)
		return 0;
	switch (message->kind) {
	case MESSAGE_SUBSCRIBE:
		loop->slots[message->slot].types = message->value[0];
		return subscribe(loop);
	case MESSAGE_BARRIER:
		return barrier(loop, message);
	default:
		return -EBADMSG;
	}
}

static int ended(struct sensor_loop *loop, const char *what, int error)
{
	end(loop, what, error == -EPIPE ? 0 : error);
	return -1;
}

/* All that the supervisor has said.  -1: the role ends. */
static int hear_supervisor(struct sensor_loop *loop)
{
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd(loop->role->supervisor_fd, &message, fds)) > 0) {
		r = from_supervisor(loop, &message, &fds[0]);
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		if (r < 0)
			return ended(loop, "cannot do what the supervisor asks", r);
	}
	return r < 0 ? ended(loop, "cannot read messages", r) : 0;
}

static void on_supervisor(evutil_socket_t fd, short what, void *userdata)
{
	hear_supervisor(userdata);
}

static void on_control(evutil_socket_t fd, short what, void *userdata)
{
	struct sensor_loop *loop = userdata;
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r = 0;

	for (int n = 0; n < MESSAGES_A_TURN; n++) {
		r = message_receive_fd((int)fd, &message, fds);
		if (r <= 0)
			break;
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		/* What control says of a run, it says after the supervisor has told both of us of it. */
		if (hear_supervisor(loop) < 0)
			return;
		r = from_control(loop, &message);
		if (r < 0) {
			ended(loop, "cannot do what the control process asks", r);
			return;
		}
	}
	if (r < 0)
		ended(loop, "cannot read messages", r);
}

static void on_log(void *userdata, const char *message)
{
	log_debug("%s", message);
}

static int open_sensor(struct sensor_loop *loop)
{
	const struct config *config = loop->role->config;
	static const char *env[CONFIG_MAX_ENVIRONMENT];
	struct sensor_options options = { .emit = emit, .killed = on_killed, .userdata = loop };

	for (uint32_t i = 0; i < config->n_environment; i++)
		env[i] = config->environment[i];
	options.probe = (struct probe_options){
		.rare_bytes = (size_t)config->rare_kb * 1024,
		.bulk_bytes = (size_t)config->bulk_kb * 1024,
		.cgroup_path = cgroup_unified_path(),
		.env = env,
		.n_env = config->n_environment,
		.host_mnt_ns = loop->role->host_mnt_ns,
		.denials_fd = loop->role->denials_fd,
		.log = on_log,
	};
	return sensor_new(&loop->sensor, &options);
}

static int open_loop(struct sensor_loop *loop)
{
	const struct timeval tick = { .tv_usec = TICK_MS % 1000 * 1000, .tv_sec = TICK_MS / 1000 };
	struct event *ticker, *source;

	loop->base = event_base_new();
	if (!loop->base)
		return -ENOMEM;
	loop->due = evtimer_new(loop->base, on_sensor, loop);
	ticker = event_new(loop->base, -1, EV_PERSIST, on_tick, loop);
	if (!loop->due || !ticker || event_add(ticker, &tick) < 0)
		return -ENOMEM;
	loop->source = event_new(loop->base, sensor_fd(loop->sensor), EV_READ | EV_PERSIST, on_sensor, loop);
	if (!loop->source || event_add(loop->source, NULL) < 0)
		return -ENOMEM;
	source = event_new(loop->base, loop->role->supervisor_fd, EV_READ | EV_PERSIST, on_supervisor, loop);
	if (!source || event_add(source, NULL) < 0)
		return -ENOMEM;
	source = event_new(loop->base, loop->role->control_fd, EV_READ | EV_PERSIST, on_control, loop);
	if (!source || event_add(source, NULL) < 0)
		return -ENOMEM;
	return 0;
}

/* The operator wants images to be killed or stopped, and this kernel lets us not. */
static void complain_of_policy(const struct sensor_loop *loop)
{
	struct probe_outside outside;
	bool kill = false;

	for (uint32_t kind = 0; kind < _BACKSTOP_KIND_N; kind++)
		kill |= loop->role->config->gate_outside[kind] >= BACKSTOP_KILL;
	sensor_outside(loop->sensor, &outside);
	if (kill && !outside.can_kill)
		log_error("this kernel lets no program of ours send a signal: what gate: outside: wants killed or stopped is "
			  "only reported");
}

/* For the gate, which may be there. */
static void hand_backstop(struct sensor_loop *loop)
{
	const struct message backstop = { .kind = MESSAGE_BACKSTOP };
	const int fds[] = { sensor_backstop_fd(loop->sensor), sensor_stops_fd(loop->sensor) };

	if (message_send_fd(loop->role->supervisor_fd, &backstop, fds, 2) < 0)
		log_warning("cannot hand over the backstop: executions without a verdict are not seen");
}

int role_sensor(const struct sensor_role *role)
{
	static struct sensor_loop loop;
	int r;

	/* The kernel buries canaries at once. */
	signal(SIGCHLD, SIG_IGN);
	loop.role = role;
	loop.tamper = (struct sensor_tamper){ .control_fd = role->control_fd, .supervisor = getppid() };
	for (size_t i = 0; i < SLOTS; i++)
		loop.slots[i].wake_fd = -1;
	r = page_open(&loop.page, role->page_fd, 1);
	if (r < 0) {
		log_error("cannot map the page of numbers: %s", strerror(-r));
		return 1;
	}
	r = open_sensor(&loop);
	if (r < 0) {
		log_error("cannot load the probe: %s; `ringfort doctor` and --log-level debug tell more",
			  strerror(-r));
		return 1;
	}
	r = drop_urgency();
	if (r == 0)
		r = drop_sensor();
	if (r < 0) {
		log_error("cannot drop privileges: %s", strerror(-r));
		return 1;
	}
	describe(&loop);
	complain_of_policy(&loop);
	hand_backstop(&loop);
	r = open_loop(&loop);
	if (r < 0) {
		log_error("cannot begin the loop: %s", strerror(-r));
		return 1;
	}
	tell_numbers(&loop, true);
	event_base_dispatch(loop.base);
	for (uint32_t class = 0; class < MESSAGE_CLASSES; class++)
		if (loop.rings[class]) {
			ring_writer_end(loop.rings[class]);
			loop.news[class] = true;
		}
	wake_readers(&loop);
	sensor_free(loop.sensor);
	return loop.result;
}
