/* SPDX-License-Identifier: Apache-2.0 */
/* Report - the state of everything, as the JSON that `ringfort status` and `doctor` show. */
#include "ringfortd/control.h"

#include "ringfortd/blocking.h"
#include "ringfortd/outside.h"
#include "ringfortd/report-gate.h"
#include "ringfortd/report-tamper.h"

#include <string.h>
#include <unistd.h>

static uint64_t sum(const uint64_t *numbers)
{
	uint64_t total = 0;

	for (uint32_t type = 0; type < RINGFORT_MAX_TYPES; type++)
		total += numbers[type];
	return total;
}

/* Not of the kernel's: nothing in it is ever performed. */
static bool about_ourselves(uint32_t type)
{
	return type == ringfort_type_stream_loss || type == ringfort_type_tamper;
}

static void report_events(struct json *json, const struct sensor_statistics *statistics)
{
	json_name(json, "events");
	json_begin_object(json);
	json_name_uint(json, "performed", sum(statistics->n_performed));
	json_name_uint(json, "lost", sum(statistics->n_lost));
	json_name(json, "types");
	json_begin_object(json);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (!info || about_ourselves(type))
			continue;
		json_name(json, info->name);
		json_begin_object(json);
		json_name_uint(json, "performed", statistics->n_performed[type]);
		json_name_uint(json, "lost", statistics->n_lost[type]);
		json_end_object(json);
	}
	json_end_object(json);
	json_end_object(json);
}

static void report_types(struct json *json, const struct mailbox_progress *progress)
{
	json_name(json, "types");
	json_begin_object(json);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (!info || !(progress->n_delivered[type] | progress->n_lost[type] |
			       progress->n_muted[type]))
			continue;
		json_name(json, info->name);
		json_begin_object(json);
		json_name_uint(json, "delivered", progress->n_delivered[type]);
		json_name_uint(json, "lost", progress->n_lost[type]);
		json_name_uint(json, "muted", progress->n_muted[type]);
		json_end_object(json);
	}
	json_end_object(json);
}

static void report_solution(struct control *control, struct json *json,
			    struct control_solution *solution)
{
	const struct message_solution *view = &solution->view;

	if (solution->mailbox)
		mailbox_progress(control, solution);
	json_begin_object(json);
	json_name_string(json, "name", view->name);
	json_name_string(json, "state", view->state);
	json_name_string(json, "why", view->why);
	json_name_string(json, "last_fault", view->last_fault);
	json_name_uint(json, "pid", view->pid);
	json_name_uint(json, "restarts", view->n_restarts);
	json_name_uint(json, "delivered", solution->n_delivered + sum(solution->progress.n_delivered));
	json_name_uint(json, "lost", solution->n_lost + sum(solution->progress.n_lost));
	report_types(json, &solution->progress);
	json_name_uint(json, "findings", solution->n_findings);
	json_name_uint(json, "findings_dropped", solution->n_dropped);
	json_name_uint(json, "noise", solution->n_noise);
	json_name_uint(json, "memory_peak_bytes", view->memory_peak_bytes);
	json_name_uint(json, "oom_kills", view->n_oom_kills);
	json_name_string(json, "said", solution->said);
	json_end_object(json);
}

/* Return: whether it asks everybody who takes part */
static bool report_status_gate(const struct control *control, struct json *json)
{
	struct report_late late = control_late(control);
	struct history_numbers numbers;

	json_name(json, "gate");
	if (control->role->gate_disabled) {
		report_gate_disabled(json);
		return true;
	}
	if (!control->history) {
		json_null(json);
		return true;
	}
	history_read_numbers(control->history, &numbers);
	report_gate_short(json, &numbers, &late);
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		if (numbers.voices[slot].demoted)
			return false;
	return late.back_in_ms == 0;
}

void report_status(struct control *control, struct json *json)
{
	struct page_numbers numbers;
	bool healthy = true;

	page_read(control->page, &numbers);
	json_begin_object(json);
	json_name(json, "daemon");
	json_begin_object(json);
	json_name_string(json, "version", RINGFORT_VERSION);
	json_name_uint(json, "pid", (uint64_t)getppid());
	json_name_uint(json, "uptime_s", (control_now_ns() - control->started_ns) / 1000000000ull);
	json_name_uint(json, "processes", numbers.statistics.n_processes);
	json_end_object(json);
	report_events(json, &numbers.statistics);
	json_name(json, "solutions");
	json_begin_array(json);
	for (uint32_t slot = 0; slot < MESSAGE_SLOTS; slot++) {
		struct control_solution *solution = &control->solutions[slot];

		if (!solution->used)
			continue;
		report_solution(control, json, solution);
		healthy &= strcmp(solution->view.state, "active") == 0 ||
			   strcmp(solution->view.state, "stopped") == 0;
	}
	json_end_array(json);
	healthy &= report_status_gate(control, json);
	healthy &= !control->journal_fails;
	json_name_uint(json, "journal_errors", control->n_journal_errors);
	json_name_bool(json, "healthy", healthy);
	json_end_object(json);
}

static const char *level_name(uint32_t level)
{
	return level == PROBE_NOTIFY ? "notify" : "unavailable";
}

static const char *result_name(enum selftest_result result)
{
	static const char *const names[] = { "not run", "passed", "failed" };

	return names[result];
}

static const char *gate_state(const struct control *control)
{
	struct history_numbers numbers;

	if (control->role->gate_disabled)
		return "disabled";
	if (!control->history)
		return "none";
	if (control_late(control).back_in_ms)
		return "late";
	history_read_numbers(control->history, &numbers);
	return numbers.open ? "open" : "decides";
}

static bool takes_part(const struct history_numbers *numbers, uint32_t act)
{
	for (uint32_t slot = 0; slot < DECISION_VOICES; slot++)
		if (numbers->voices[slot].acts & 1u << act && !numbers->voices[slot].demoted)
			return true;
	return false;
}

static bool guards_scope(const struct history_numbers *numbers)
{
	for (uint32_t i = 0; i < HISTORY_SCOPES; i++)
		if (numbers->scopes[i].path[0] && !numbers->scopes[i].why[0])
			return true;
	return false;
}

static struct blocking_host blocking_now(const struct control *control, const struct page_numbers *page)
{
	const struct config *config = control->role->config;
	struct blocking_host host = { .trial = control->role->trial, .can_kill = page->outside.can_kill,
				      .can_stop = outside_can_stop(), .gate = BLOCKING_GATE_NONE };
	struct history_numbers numbers;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		host.seen |= (uint64_t)(page->types[type].level == PROBE_NOTIFY) << type;
	if (control->role->gate_disabled)
		host.gate = BLOCKING_GATE_DISABLED;
	if (!control->history)
		return host;
	history_read_numbers(control->history, &numbers);
	host.gate = numbers.open || control_late(control).back_in_ms ? BLOCKING_GATE_OPEN : BLOCKING_GATE_DECIDES;
	host.exec_guarded = numbers.n_marks > 0;
	host.open_guarded = guards_scope(&numbers);
	host.exec_decided = takes_part(&numbers, RINGFORT_ACT_EXEC);
	host.open_decided = takes_part(&numbers, RINGFORT_ACT_OPEN);
	host.net_ruled = config_rules_net(config);
	host.outside = config_outside(config);
	return host;
}

void report_doctor(struct control *control, struct json *json)
{
	struct blocking_host blocking;
	struct page_numbers numbers;

	page_read(control->page, &numbers);
	json_begin_object(json);
	json_name(json, "types");
	json_begin_array(json);
	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++) {
		const struct ringfort_type_info *info = ringfort_type_info(type);

		if (!info || about_ourselves(type))
			continue;
		json_begin_object(json);
		json_name_string(json, "name", info->name);
		json_name_string(json, "level", level_name(numbers.types[type].level));
		json_name_string(json, "hook", numbers.types[type].hook);
		json_name_string(json, "why", numbers.types[type].why);
		json_name_string(json, "selftest", result_name(control->selftest.results[type]));
		json_end_object(json);
	}
	json_end_array(json);
	blocking = blocking_now(control, &numbers);
	report_blocking(json, &blocking);
	json_name_string(json, "gate", gate_state(control));
	json_name(json, "kernel");
	json_begin_object(json);
	json_name_uint(json, "programs", numbers.footprint.n_programs);
	json_name_uint(json, "attached", numbers.footprint.n_attached);
	json_name_uint(json, "instructions", numbers.footprint.n_instructions);
	json_name_uint(json, "map_bytes", numbers.footprint.map_bytes);
	json_name_uint(json, "vendor_programs", numbers.vendor_programs);
	json_name_uint(json, "content_bytes", numbers.content_bytes);
	json_end_object(json);
	report_tamper(json, &control->tamper, control->history != NULL);
	json_end_object(json);
}
