/* SPDX-License-Identifier: Apache-2.0 */
/* Report-tamper - the honest table of `ringfort doctor`. */
#include "ringfortd/report-tamper.h"

/* why_not: what root can still do, or why it is not as it was before. */
static const struct kind {
	bool seen, healed;
	const char *why_not;
} kinds[] = {
	[RINGFORT_TAMPER_KILLED] = { true, true,
		"without a sensor, a control process or a supervisor the daemon ends: the service manager starts it again, "
		"and the next one tells; who killed is not known" },
	[RINGFORT_TAMPER_STOPPED] = { true, true,
		"supervisor and sensor stopped at once, and one that is frozen by its cgroup, have nobody to wake them; "
		"a stopped solution is ended and started again when it makes no progress" },
	[RINGFORT_TAMPER_TRACED] = { true, false,
		"only the gate is replaced, as another role's end is the daemon's; a hold of less than 500 ms and writes "
		"through /proc/PID/mem are seen only as process.ptrace, where a solution subscribed to it" },
	[RINGFORT_TAMPER_OOM_ADJUSTED] = { true, true, "what is written back within 500 ms is not seen" },
	[RINGFORT_TAMPER_FILE_CHANGED] = { true, false,
		"what was there is not kept; writes through a hard link elsewhere or a shared mapping, and content "
		"outside of the package, are not seen; who changed it is not told" },
	[RINGFORT_TAMPER_MARK_REMOVED] = { true, true,
		"what is executed until then is not decided; an ignore mark added to our group is not seen" },
	[RINGFORT_TAMPER_LINK_DETACHED] = { true, true,
		"what is done until then is not seen; who changes the kernel's text is not seen" },
	[RINGFORT_TAMPER_MAP_CHANGED] = { true, true, "what is done until then is not seen" },
	[RINGFORT_TAMPER_STREAM_STOPPED] = { true, false,
		"events that no longer come have no cause that could be mended; a restart may" },
	[RINGFORT_TAMPER_LATE] = { true, true,
		"the gate that did not answer is ended, and nothing is decided until the next one: that begins at once, "
		"or later when it happens again and again" },
};

_Static_assert(sizeof(kinds) / sizeof(kinds[0]) == CONTROL_TAMPERS, "a kind without a row");

void report_tamper(struct json *json, const struct control_tamper *tamper, bool gate)
{
	json_name(json, "tamper");
	json_begin_array(json);
	for (uint32_t what = 0; what < CONTROL_TAMPERS; what++) {
		bool here = (what != RINGFORT_TAMPER_MARK_REMOVED && what != RINGFORT_TAMPER_LATE) || gate;

		json_begin_object(json);
		json_name_string(json, "what", ringfort_value_name("tamper", what));
		json_name_bool(json, "seen", kinds[what].seen && here);
		json_name_bool(json, "healed", kinds[what].healed && here);
		json_name_string(json, "why_not", here ? kinds[what].why_not : "there is no gate on this host");
		json_name_uint(json, "n_seen", tamper->n[what]);
		json_name_uint(json, "n_healed", tamper->n_healed[what]);
		json_end_object(json);
	}
	json_end_array(json);
}
