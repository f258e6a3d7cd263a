/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Emit - hand complete events to their receiver, numbered, in order, with what was lost.
 *
 * An emitter is part of the sensor, which fills the plain fields.
 */
#ifndef RINGFORT_SENSOR_EMIT_H
#define RINGFORT_SENSOR_EMIT_H

#include "sensor/assemble.h"
#include "sensor/follow.h"
#include "sensor/loss.h"
#include "sensor/names.h"

#define TYPE_BIT(ident) (1ull << ringfort_type_##ident)

/* Without these nothing can be said about who acts. */
#define EMIT_TABLE_TYPES (TYPE_BIT(process_fork) | TYPE_BIT(process_exec) | TYPE_BIT(process_exit))

struct emitter {
	void (*emit)(void *userdata, const struct ringfort_event *event);
	void *userdata;
	uint64_t types; /* subscribed */
	uint64_t realtime_offset_ns;
	bool table_lost; /* records that keep the table were lost; whoever repairs it resets this */

	/* The emitter's own. */
	struct assembler *assembler;
	struct names *names;
	struct loss loss;
	uint64_t emitted_ns; /* monotonic time of the last event */
	uint64_t n_skipped;  /* runs of our programs, told so far */
};

/** emitter_init() - the plain fields are left alone; emitter_done() copes with a failure here */
int emitter_init(struct emitter *emitter, const char *cgroup_path, const struct probe_env *env,
		 uint32_t n_cpus);
void emitter_done(struct emitter *emitter);

/** emit_wanted() - is the type subscribed? */
bool emit_wanted(const struct emitter *emitter, uint32_t type);

/**
 * emit_make() - the event of a record that assemble_check() has passed, not emitted and not numbered
 *
 * Return: the event, until the next one is made, or NULL when it could not be made.
 */
struct ringfort_event *emit_make(struct emitter *emitter, const struct probe_record *record,
				 const struct followed *followed);

/** emit_record() - a record that assemble_check() has passed; whether the event could be made */
bool emit_record(struct emitter *emitter, const struct probe_record *record,
		 const struct followed *followed);

/** emit_loss() - tell that so many (or none) of a type were lost, before whatever is emitted next */
void emit_loss(struct emitter *emitter, uint32_t type, uint64_t n, uint32_t cause, uint64_t time_ns);

#endif
