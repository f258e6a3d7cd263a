/* SPDX-License-Identifier: Apache-2.0 */
/* Test probe, stream - wake-ups, loss, what is attached, and the processes that were there before. */
#undef NDEBUG
#include "sensor/test-probe-common.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define STORM 20000

static bool is_readable(int timeout_ms)
{
	struct pollfd fd = { .fd = probe_fd(probe), .events = POLLIN };

	return poll(&fd, 1, timeout_ms) == 1;
}

static void act_listen(void *argument)
{
	listen(socket(AF_INET, SOCK_STREAM, 0), 1);
}

static void one_wakes_the_reader_only_after_it_armed(void **state)
{
	pid_t pid;

	perform(TYPE(net_listen), act_listen, NULL);
	assert_false(is_readable(0));
	act_listen(NULL);
	assert_false(is_readable(20));
	collect();
	assert_int_equal(n_records(ringfort_type_net_listen, getpid()), 1);

	probe_arm(probe);
	collect();
	assert_false(is_readable(0));
	pid = fork();
	if (pid == 0) {
		usleep(20000);
		act_listen(NULL);
		_exit(0);
	}
	assert_true(is_readable(5000));
	waitpid(pid, NULL, 0);
	collect();
	assert_int_equal(n_records(ringfort_type_net_listen, pid), 1);
	/* It woke us once; the flag is down again. */
	assert_false(is_readable(0));
	act_listen(NULL);
	assert_false(is_readable(20));
}

static void a_record_of_either_ring_wakes(void **state)
{
	assert_int_equal(probe_attach(probe, TYPE(process_setid)), 0);
	collect();
	probe_arm(probe);
	collect();
	assert_int_equal(syscall(SYS_setresuid, -1, -1, -1), 0);
	assert_true(is_readable(5000));
	collect();
	assert_int_equal(n_records(ringfort_type_process_setid, getpid()), 1);
}

static void sum_counters(const struct probe *of, uint32_t type, uint64_t *ret_performed, uint64_t *ret_lost)
{
	*ret_performed = *ret_lost = 0;
	for (unsigned int cpu = 0; cpu < probe_n_cpus(of); cpu++) {
		*ret_performed += probe_counters(of, cpu)->n_performed[type];
		*ret_lost += probe_counters(of, cpu)->n_lost[type];
	}
	assert_null(probe_counters(of, probe_n_cpus(of)));
}

/* Take everything; the numbers of a CPU rise. */
static uint64_t count_rising(struct probe *of, uint32_t type)
{
	const struct probe_record *record;
	uint64_t last[1024] = { 0 }, n = 0;

	while (probe_peek(of, UINT64_MAX, &record) == 1) {
		assert_int_equal(record->type, type);
		assert_true(record->n > last[record->cpu]);
		last[record->cpu] = record->n;
		n++;
		probe_release(of);
	}
	return n;
}

static void what_a_full_ring_drops_is_counted_exactly(void **state)
{
	struct probe_options options = { .rare_bytes = 4096, .bulk_bytes = 4096, .host_mnt_ns = own_mnt_ns };
	uint64_t performed, lost, seen = 0;
	struct probe *small = NULL;
	pid_t pid[2];

	assert_int_equal(probe_new(&small, &options), 0);
	assert_int_equal(probe_attach(small, TYPE(net_listen)), 0);
	for (int i = 0; i < 2; i++) {
		pid[i] = fork();
		if (pid[i] == 0) {
			int fd = socket(AF_INET, SOCK_STREAM, 0);

			for (int j = 0; j < STORM; j++)
				listen(fd, 1);
			_exit(0);
		}
	}
	/* Read now and then, so that some get through in the middle. */
	for (int i = 0; i < 5; i++) {
		usleep(2000);
		seen += count_rising(small, ringfort_type_net_listen);
	}
	waitpid(pid[0], NULL, 0);
	waitpid(pid[1], NULL, 0);
	assert_int_equal(probe_attach(small, 0), 0);
	usleep(10000);
	seen += count_rising(small, ringfort_type_net_listen);
	sum_counters(small, ringfort_type_net_listen, &performed, &lost);
	assert_in_range(performed, 2 * STORM, 2 * STORM + 100);
	assert_in_range(lost, 1, performed - 1);
	assert_int_equal(performed, seen + lost);
	assert_int_equal(probe_skipped(small), 0);
	probe_free(small);
}

static unsigned int n_attached(uint64_t types)
{
	struct probe_footprint footprint;

	assert_int_equal(probe_attach(probe, types), 0);
	assert_int_equal(probe_footprint(probe, &footprint), 0);
	assert_in_range(footprint.n_programs, footprint.n_attached, 64);
	assert_in_range(footprint.n_instructions, 100, 1000000);
	assert_in_range(footprint.map_bytes, 5 << 20, 64 << 20);
	return footprint.n_attached;
}

static void only_what_is_needed_is_attached(void **state)
{
	assert_int_equal(n_attached(0), 0);
	assert_int_equal(n_attached(TYPE(process_exit)), 1);
	assert_int_equal(n_attached(TYPE(process_exit) | TYPE(process_fork)), 2);
	assert_int_equal(n_attached(TYPE(process_setid)), 1);
	/* Failed attempts pass sys_exit. */
	assert_int_equal(n_attached(TYPE(process_exec)), 2);
	/* sys_exit and three places of io_uring */
	assert_int_equal(n_attached(TYPE(file_unlink)), 4);
	assert_int_equal(n_attached(0), 0);
}

static void what_the_table_needs_costs_no_other_call_anything(void **state)
{
	const uint64_t table = TYPE(process_exec) | TYPE(process_fork) | TYPE(process_exit);
	struct probe_options options = { .rare_bytes = 4096, .bulk_bytes = 4096, .host_mnt_ns = own_mnt_ns,
					 .table_types = table };
	struct probe_footprint footprint;
	struct probe *small = NULL;

	assert_int_equal(probe_new(&small, &options), 0);
	assert_int_equal(probe_attach(small, 0), 0);
	assert_int_equal(probe_footprint(small, &footprint), 0);
	assert_int_equal(footprint.n_attached, 3);
	/* sys_exit, for whoever wants to hear of failed attempts */
	assert_int_equal(probe_attach(small, TYPE(process_exec)), 0);
	assert_int_equal(probe_footprint(small, &footprint), 0);
	assert_int_equal(footprint.n_attached, 4);
	probe_free(small);
}

static void every_type_says_how_it_is_served(void **state)
{
	struct probe_description description;

	probe_attach(probe, ~0ull);
	for (uint32_t type = 1; type <= ringfort_type_net_accept; type++) {
		probe_describe(probe, type, &description);
		assert_string_not_equal(description.level == PROBE_UNAVAILABLE ? description.why :
										 description.hook,
					"");
	}
	probe_describe(probe, ringfort_type_process_exec, &description);
	assert_int_equal(description.level, PROBE_NOTIFY);
	assert_string_equal(description.hook, "tp_btf/sched_process_exec");
	assert_string_equal(description.why, "");
	probe_describe(probe, ringfort_type_file_unlink, &description);
	assert_int_equal(description.level, PROBE_NOTIFY);
	assert_string_equal(description.hook, "tp_btf/sys_exit");
	probe_describe(probe, RINGFORT_MAX_TYPES, &description);
	assert_int_equal(description.level, PROBE_UNAVAILABLE);
}

struct search {
	pid_t pid;
	unsigned int n_found, n_all;
	struct probe_task task;
};

static int find_task(void *userdata, const struct probe_task *task)
{
	struct search *search = userdata;

	search->n_all++;
	if (task->pid != (uint32_t)search->pid)
		return 0;
	search->n_found++;
	search->task = *task;
	return 0;
}

static void processes_that_were_there_before_are_told(void **state)
{
	struct search search = { .pid = getpid() };
	const struct probe_record *record;

	assert_int_equal(probe_attach(probe, TYPE(process_setid)), 0);
	collect();
	assert_int_equal(syscall(SYS_setresuid, -1, -1, -1), 0);
	collect();
	record = the_record(ringfort_type_process_setid, getpid(), 0);
	assert_int_equal(probe_tasks(probe, find_task, &search), 0);
	assert_in_range(search.n_all, 2, 1 << 22);
	assert_int_equal(search.n_found, 1);
	assert_int_equal(search.task.ppid, getppid());
	assert_int_equal(search.task.start_ns, record->start_ns);
	assert_int_equal(search.task.parent_start_ns, record->parent_start_ns);
	assert_int_equal(search.task.uid, record->uid);
	assert_int_equal(search.task.gid, record->gid);
	assert_int_equal(search.task.euid, record->euid);
	assert_int_equal(search.task.egid, record->egid);
	assert_int_equal(search.task.loginuid, record->loginuid);
	assert_int_equal(search.task.session, record->session);
	assert_int_equal(search.task.tty, record->tty);
	assert_int_equal(search.task.mnt_ns, own_mnt_ns);
	assert_int_equal(search.task.cgroup_id, record->cgroup_id);
}

static void *wait_for_ever(void *argument)
{
	pause();
	return NULL;
}

/* A child whose first thread is gone, and one that is gone as a whole. */
static pid_t start_zombie(bool whole)
{
	pid_t pid = fork();
	pthread_t id;

	if (pid == 0) {
		if (!whole)
			pthread_create(&id, NULL, wait_for_ever, NULL);
		syscall(SYS_exit, 0);
	}
	for (;;) {
		char path[64], line[256] = "";
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		file = fopen(path, "re");
		if (file && fgets(line, sizeof(line), file) && strstr(line, ") Z")) {
			fclose(file);
			return pid;
		}
		if (file)
			fclose(file);
		usleep(1000);
	}
}

static void a_process_without_its_first_thread_is_told_and_a_dead_one_is_not(void **state)
{
	for (int whole = 0; whole < 2; whole++) {
		struct search search = { .pid = start_zombie(whole) };

		assert_int_equal(probe_tasks(probe, find_task, &search), 0);
		kill(search.pid, SIGKILL);
		waitpid(search.pid, NULL, 0);
		assert_int_equal(search.n_found, !whole);
	}
}

static int stop_early(void *userdata, const struct probe_task *task)
{
	++*(int *)userdata;
	return -77;
}

static void an_error_of_the_caller_ends_the_walk(void **state)
{
	int n = 0;

	assert_int_equal(probe_tasks(probe, stop_early, &n), -77);
	assert_int_equal(n, 1);
}

static void bad_options_are_refused(void **state)
{
	static const char *const bad[] = { "A_NAME_THAT_IS_LONGER_THAN_32_BYTES", "x", "WITH=SIGN" };
	struct probe *none = NULL;

	for (size_t i = 0; i < 3; i++) {
		struct probe_options options = { .rare_bytes = 4096, .bulk_bytes = 4096,
						 .env = &bad[i], .n_env = 1 };

		assert_int_equal(probe_new(&none, &options), -22);
		assert_null(none);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_wakes_the_reader_only_after_it_armed),
		cmocka_unit_test(a_record_of_either_ring_wakes),
		cmocka_unit_test(what_a_full_ring_drops_is_counted_exactly),
		cmocka_unit_test(only_what_is_needed_is_attached),
		cmocka_unit_test(what_the_table_needs_costs_no_other_call_anything),
		cmocka_unit_test(every_type_says_how_it_is_served),
		cmocka_unit_test(processes_that_were_there_before_are_told),
		cmocka_unit_test(a_process_without_its_first_thread_is_told_and_a_dead_one_is_not),
		cmocka_unit_test(an_error_of_the_caller_ends_the_walk),
		cmocka_unit_test(bad_options_are_refused),
	};

	probe_skip_unless_loadable();
	return cmocka_run_group_tests(tests, NULL, probe_teardown);
}
