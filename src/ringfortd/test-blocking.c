/* SPDX-License-Identifier: Apache-2.0 */
/* Blocking - no row says more than was granted and said. */
#undef NDEBUG
#include "ringfortd/blocking.h"

#include "event/backstop.h"

#include <assert.h>
#include <errno.h>
#include <ringfort/event.h>
#include <stdio.h>
#include <string.h>

#define KILL_ALL (BACKSTOP_SAYS(BACKSTOP_MEMFD, BACKSTOP_KILL) | BACKSTOP_SAYS(BACKSTOP_USER_MOUNT, BACKSTOP_KILL) | \
		  BACKSTOP_SAYS(BACKSTOP_ELSEWHERE, BACKSTOP_KILL))

/* A host that grants everything, and of which everything is said. */
static const struct blocking_host all = {
	.can_kill = true, .gate = BLOCKING_GATE_DECIDES, .exec_guarded = true, .open_guarded = true, .net_ruled = true,
	.exec_decided = true, .open_decided = true, .outside = KILL_ALL, .seen = ~0ull,
};

static struct blocking_answer judge(const struct blocking_host *host, enum blocking_row row)
{
	struct blocking_answer answer;

	blocking_judge(host, row, &answer);
	return answer;
}

static void expect(const struct blocking_host *host, enum blocking_row row, enum blocking_level level,
		   enum blocking_level possible, const char *why)
{
	struct blocking_answer answer = judge(host, row);

	if (answer.level != level || answer.possible != possible || !strstr(answer.why, why))
		fprintf(stderr, "row %u: level %u, possible %u: %s\n", row, answer.level, answer.possible, answer.why);
	assert(answer.level == level && answer.possible == possible && strstr(answer.why, why));
}

static void where_all_is_granted_and_said_each_row_is_at_its_best(void)
{
	for (uint32_t row = 0; row < _BLOCKING_ROW_N; row++) {
		struct blocking_answer answer = judge(&all, row);

		assert(answer.level == answer.possible && answer.level > BLOCKING_UNAVAILABLE);
	}
	expect(&all, BLOCKING_ROW_exec_binary, BLOCKING_BLOCK, BLOCKING_BLOCK, "");
	expect(&all, BLOCKING_ROW_exec_memfd, BLOCKING_BLOCK, BLOCKING_BLOCK, "no solution is asked");
	expect(&all, BLOCKING_ROW_library, BLOCKING_SCOPE, BLOCKING_SCOPE, "");
	expect(&all, BLOCKING_ROW_change_file, BLOCKING_NOTIFY, BLOCKING_NOTIFY, "");
}

static void what_the_kernel_refuses_is_not_possible_and_it_is_said_why(void)
{
	struct blocking_host host = all;

	host.trial = (struct trial){ .exec = -EINVAL, .open = -EPERM, .net = -ENOENT };
	host.can_kill = false;
	expect(&host, BLOCKING_ROW_exec_binary, BLOCKING_NOTIFY, BLOCKING_NOTIFY, "Invalid argument");
	expect(&host, BLOCKING_ROW_interpreter, BLOCKING_NOTIFY, BLOCKING_NOTIFY, "Operation not permitted");
	expect(&host, BLOCKING_ROW_open_read, BLOCKING_UNAVAILABLE, BLOCKING_UNAVAILABLE, "for opens");
	expect(&host, BLOCKING_ROW_net, BLOCKING_NOTIFY, BLOCKING_NOTIFY, "cgroups");
	expect(&host, BLOCKING_ROW_exec_memfd, BLOCKING_NOTIFY, BLOCKING_NOTIFY, "signal");
}

static void what_nobody_has_said_is_possible_and_not_so(void)
{
	struct blocking_host host = { .can_kill = true, .gate = BLOCKING_GATE_NONE, .seen = ~0ull };

	expect(&host, BLOCKING_ROW_exec_binary, BLOCKING_NOTIFY, BLOCKING_BLOCK, "gate: exec:");
	expect(&host, BLOCKING_ROW_exec_user_mount, BLOCKING_NOTIFY, BLOCKING_BLOCK, "user_mount: kill");
	expect(&host, BLOCKING_ROW_open_read, BLOCKING_UNAVAILABLE, BLOCKING_SCOPE, "scope");
	expect(&host, BLOCKING_ROW_net, BLOCKING_NOTIFY, BLOCKING_BLOCK, "authorize");
	host = all;
	host.exec_decided = host.open_decided = false;
	expect(&host, BLOCKING_ROW_exec_script, BLOCKING_NOTIFY, BLOCKING_BLOCK, "no solution takes part");
	expect(&host, BLOCKING_ROW_loader, BLOCKING_NOTIFY, BLOCKING_SCOPE, "no solution takes part");
	host.outside = BACKSTOP_SAYS(BACKSTOP_MEMFD, BACKSTOP_REPORT);
	expect(&host, BLOCKING_ROW_exec_memfd, BLOCKING_NOTIFY, BLOCKING_BLOCK, "memfd: kill");
}

static void what_is_stopped_is_judged_by_somebody_and_told_for_what_it_is(void)
{
	struct blocking_host host = all;

	host.outside = BACKSTOP_SAYS(BACKSTOP_MEMFD, BACKSTOP_STOP);
	expect(&host, BLOCKING_ROW_exec_memfd, BLOCKING_NOTIFY, BLOCKING_BLOCK, "container");
	host.can_stop = true;
	expect(&host, BLOCKING_ROW_exec_memfd, BLOCKING_BLOCK, BLOCKING_BLOCK, "who may signal or trace it");
	host.exec_decided = false;
	expect(&host, BLOCKING_ROW_exec_memfd, BLOCKING_NOTIFY, BLOCKING_BLOCK, "no solution takes part");
}

static void an_open_gate_and_a_disabled_one_block_nothing(void)
{
	static const enum blocking_gate gates[] = { BLOCKING_GATE_OPEN, BLOCKING_GATE_DISABLED };

	for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++)
		for (uint32_t row = 0; row < _BLOCKING_ROW_N; row++) {
			struct blocking_host host = all;

			host.gate = gates[i];
			assert(judge(&host, row).level <= BLOCKING_NOTIFY);
			assert(judge(&host, row).possible == judge(&all, row).possible);
		}
}

static void what_is_not_seen_either_is_unavailable(void)
{
	struct blocking_host host = { .seen = 0 };

	for (uint32_t row = 0; row < _BLOCKING_ROW_N; row++)
		assert(judge(&host, row).level == BLOCKING_UNAVAILABLE);
	host.seen = 1ull << ringfort_type_process_exec;
	expect(&host, BLOCKING_ROW_exec_binary, BLOCKING_NOTIFY, BLOCKING_BLOCK, "");
	expect(&host, BLOCKING_ROW_net, BLOCKING_UNAVAILABLE, BLOCKING_BLOCK, "");
}

int main(void)
{
	where_all_is_granted_and_said_each_row_is_at_its_best();
	what_the_kernel_refuses_is_not_possible_and_it_is_said_why();
	what_nobody_has_said_is_possible_and_not_so();
	what_is_stopped_is_judged_by_somebody_and_told_for_what_it_is();
	an_open_gate_and_a_disabled_one_block_nothing();
	what_is_not_seen_either_is_unavailable();
	return 0;
}
