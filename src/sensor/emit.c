/* SPDX-License-Identifier: Apache-2.0 */
/* Emit - hand complete events to their receiver, numbered, in order, with what was lost. */
#include "sensor/emit.h"

bool emit_wanted(const struct emitter *emitter, uint32_t type)
{
	return emitter->types >> type & 1 || type == ringfort_type_stream_loss;
}

/* What only the table can tell of the act itself. */
static void complete(struct emitter *emitter, struct ringfort_event *event,
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
		ptrace->target_exe = assemble_string(emitter->assembler,
						     followed->other->image->text,
						     followed->other->image->exe_length);
	}
}

struct ringfort_event *emit_make(struct emitter *emitter, const struct probe_record *record,
				 const struct followed *followed)
{
	const struct process *process = followed->process;
	struct assemble_context context = {
		.process = process,
		.parent = followed->parent ? followed->parent->image : NULL,
		.cgroup = names_cgroup(emitter->names, record->cgroup_id),
		.tty = names_tty(emitter->names, record->tty),
		.realtime_offset_ns = emitter->realtime_offset_ns,
		.seq = emitter->loss.seq[record->type] + 1,
		.flags = process && process->selftest ? RINGFORT_FLAG_SELFTEST : 0,
	};
	struct ringfort_event *event = assemble_begin(emitter->assembler, record, &context);

	if (!event)
		return NULL;
	complete(emitter, event, followed);
	assemble_end(emitter->assembler);
	return event;
}

bool emit_record(struct emitter *emitter, const struct probe_record *record,
		 const struct followed *followed)
{
	struct ringfort_event *event = emit_make(emitter, record, followed);

	if (!event)
		return false;
	/* What the sensor adds of its own (loss, file.modify) is stamped when it is read, and a record
	 * that was just being written then may be some µs older. */
	if (event->monotonic_ns < emitter->emitted_ns) {
		event->time_ns += emitter->emitted_ns - event->monotonic_ns;
		event->monotonic_ns = emitter->emitted_ns;
	}
	emitter->emitted_ns = event->monotonic_ns;
	loss_next(&emitter->loss, record->type);
	emitter->emit(emitter->userdata, event);
	return true;
}

void emit_loss(struct emitter *emitter, uint32_t type, uint64_t n, uint32_t cause, uint64_t time_ns)
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
	if (type < RINGFORT_MAX_TYPES && EMIT_TABLE_TYPES >> type & 1)
		emitter->table_lost = true;
	if (type != 0 && !emit_wanted(emitter, type)) {
		emitter->loss.n_excluded[type] += n;
		return;
	}
	record.body.last_seq = loss_count(&emitter->loss, type, n);
	emit_record(emitter, &record.head, &nobody);
}

int emitter_init(struct emitter *emitter, const char *cgroup_path, const struct probe_env *env,
		 uint32_t n_cpus)
{
	int r = assembler_new(&emitter->assembler, env);

	if (r == 0)
		r = names_new(&emitter->names, cgroup_path);
	if (r == 0)
		r = loss_init(&emitter->loss, n_cpus);
	return r;
}

void emitter_done(struct emitter *emitter)
{
	emitter->assembler = assembler_free(emitter->assembler);
	emitter->names = names_free(emitter->names);
	loss_done(&emitter->loss);
}
