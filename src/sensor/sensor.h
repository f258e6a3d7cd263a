/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sensor - where events come from: one ordered stream of complete records.
 *
 * The sensor wraps the probe, the process table and the fanotify group for file.modify.  For
 * each record it keeps the table current, joins the acting process and calls emit() with a
 * complete struct ringfort_event.  It lives in the sensor process, in one thread, and waits for
 * nothing: poll sensor_fd(), call sensor_process(), and again after the time that it returns.
 *
 * The hooks of process.fork, process.exec and process.exit are attached as long as there is a
 * sensor, for the table needs them; emitted is only what is subscribed.  The parent in an event is
 * the one at the time of the act, the ancestors are those at birth: a process whose makers are gone
 * still tells them.  What performed and lost mean is in loss.h, which files file.modify tells of in
 * modify.h.
 */
#ifndef RINGFORT_SENSOR_SENSOR_H
#define RINGFORT_SENSOR_SENSOR_H

#include "sensor/probe.h"

#include <ringfort/event.h>
#include <stdint.h>

struct sensor;

struct sensor_options {
	struct probe_options probe;
	uint32_t max_processes;     /* of the table, exited ones included; 0 for the default of 32768 */
	uint32_t grace_ms;          /* how long exited processes are kept; 0 for the default of 30000 */
	/* The event lives until emit returns; its size is a multiple of 8, at most RINGFORT_MAX_EVENT. */
	void (*emit)(void *userdata, const struct ringfort_event *event);
	/* A process.exec whose image was killed by policy, whoever has subscribed; may be NULL. */
	void (*killed)(void *userdata, const struct ringfort_event *event);
	void *userdata;
};

/** sensor_new() - load the probe, fill the process table; attaches what the table needs */
int sensor_new(struct sensor **ret_sensor, const struct sensor_options *options);
struct sensor *sensor_free(struct sensor *sensor);

/** sensor_subscribe() - emit these types from now on, and no others (stream.loss always) */
int sensor_subscribe(struct sensor *sensor, uint64_t types);

/** sensor_fd() - readable when sensor_process() has work */
int sensor_fd(const struct sensor *sensor);

/**
 * sensor_process() - emit what has come
 *
 * Bounded: at most 1024 records a call.
 *
 * Return: milliseconds after which to call again without waiting for the descriptor, or -1 to
 *         wait for it; below -1 a negative errno (never -1, -EPERM).
 */
int sensor_process(struct sensor *sensor);

/** sensor_flush() - emit everything whose act was over before this call (the barrier) */
int sensor_flush(struct sensor *sensor);

/* Since sensor_new(), in numbers of events: performed = emitted + lost, once the stream is drained. */
struct sensor_statistics {
	uint64_t n_performed[RINGFORT_MAX_TYPES];
	uint64_t n_lost[RINGFORT_MAX_TYPES]; /* index 0: of types that cannot be told */
	uint64_t n_processes;                /* in the table */
	uint64_t n_evicted;                  /* thrown out of a full table */
};

void sensor_statistics(const struct sensor *sensor, struct sensor_statistics *ret_statistics);

/* Something of ours in the kernel that was not as we had left it, or `stream`: events no longer come. */
struct sensor_harm {
	enum { SENSOR_LINK, SENSOR_MAP, SENSOR_STREAM } kind;
	const char *name;
	bool healed;
};

/**
 * sensor_guard() - look at hooks and maps, mend them, and see whether an act of our own comes back
 *
 * The second act in a row that does not tells that the stream has stopped.
 *
 * Return: 0, or a negative errno of sensor_flush().
 */
int sensor_guard(struct sensor *sensor, void (*told)(void *userdata, const struct sensor_harm *harm), void *userdata);

/** sensor_mark_selftest() - events of this process and its descendants carry RINGFORT_FLAG_SELFTEST */
void sensor_mark_selftest(struct sensor *sensor, uint32_t pid, uint64_t start_ns);

void sensor_describe(const struct sensor *sensor, uint32_t type,
		     struct probe_description *ret_description);
/** sensor_backstop_fd(), sensor_stops_fd() - see probe_backstop_fd() */
int sensor_backstop_fd(const struct sensor *sensor);
int sensor_stops_fd(const struct sensor *sensor);
/** sensor_outside() - see probe_outside() */
void sensor_outside(const struct sensor *sensor, struct probe_outside *ret_outside);
int sensor_footprint(const struct sensor *sensor, struct probe_footprint *ret_footprint);

#endif
