/* SPDX-License-Identifier: Apache-2.0 */
/* Test probe, uring - the acts of an io_uring give the ordinary events; written against the bare calls. */
#undef NDEBUG
#include "sensor/test-probe-common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OP_BIND 56
#define OP_LISTEN 57
#define UNSUPPORTED 97 /* this kernel knows no such operation */

struct uring {
	int fd;
	struct io_uring_params params;
	uint8_t *rings;
	struct io_uring_sqe *entries;
};

static uint32_t *ring_word(struct uring *uring, uint32_t offset)
{
	return (uint32_t *)(uring->rings + offset);
}

static void uring_init(struct uring *uring, uint32_t flags, uint32_t n_entries)
{
	memset(uring, 0, sizeof(*uring));
	uring->params.flags = flags;
	uring->fd = (int)syscall(SYS_io_uring_setup, n_entries, &uring->params);
	if (uring->fd < 0)
		_exit(UNSUPPORTED);
	uring->rings = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, uring->fd,
			    IORING_OFF_SQ_RING);
	uring->entries = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, uring->fd, IORING_OFF_SQES);
	if (uring->rings == MAP_FAILED || uring->entries == MAP_FAILED)
		_exit(98);
}

static void uring_put(struct uring *uring, const struct io_uring_sqe *entry)
{
	uint32_t *tail = ring_word(uring, uring->params.sq_off.tail);
	uint32_t mask = *ring_word(uring, uring->params.sq_off.ring_mask);
	uint32_t index = *tail & mask;

	uring->entries[index] = *entry;
	ring_word(uring, uring->params.sq_off.array)[index] = index;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
}

static void uring_enter(struct uring *uring, uint32_t n_submit, uint32_t n_wait)
{
	uint32_t flags = IORING_ENTER_GETEVENTS;

	if (uring->params.flags & IORING_SETUP_SQPOLL)
		flags |= IORING_ENTER_SQ_WAKEUP;
	if (syscall(SYS_io_uring_enter, uring->fd, n_submit, n_wait, flags, NULL, 0) < 0)
		_exit(96);
}

static int32_t uring_take(struct uring *uring)
{
	uint32_t *head = ring_word(uring, uring->params.cq_off.head);
	uint32_t mask = *ring_word(uring, uring->params.cq_off.ring_mask);
	struct io_uring_cqe *entries = (struct io_uring_cqe *)(uring->rings + uring->params.cq_off.cqes);
	int32_t result;

	if (*head == __atomic_load_n(ring_word(uring, uring->params.cq_off.tail), __ATOMIC_ACQUIRE))
		_exit(95);
	result = entries[*head & mask].res;
	__atomic_store_n(head, *head + 1, __ATOMIC_RELEASE);
	if (result == -EINVAL || result == -EOPNOTSUPP)
		_exit(UNSUPPORTED);
	return result;
}

static int32_t uring_do(struct uring *uring, const struct io_uring_sqe *entry)
{
	uring_put(uring, entry);
	uring_enter(uring, 1, 1);
	return uring_take(uring);
}

/* A ring of the flags that the argument points to, or of none. */
static void uring_begin(struct uring *uring, void *argument)
{
	uring_init(uring, argument ? *(uint32_t *)argument : 0, 8);
}

static pid_t perform_or_skip(uint64_t types, void (*act)(void *argument), void *argument)
{
	pid_t pid = perform(types, act, argument);

	if (WIFEXITED(last_status()) && WEXITSTATUS(last_status()) == UNSUPPORTED) {
		printf("# this kernel's io_uring does not have that\n");
		skip();
	}
	assert_int_equal(last_status(), 0);
	return pid;
}

static void assert_uring_actor(const struct probe_record *record, pid_t pid)
{
	assert_int_equal(record->via, RINGFORT_VIA_IO_URING);
	assert_int_equal(record->pid, pid);
	assert_int_equal(record->ppid, getpid());
	assert_int_equal(record->uid, getuid());
}

static void act_open(void *argument)
{
	struct open_how how = { .flags = O_WRONLY };
	struct uring uring;

	uring_begin(&uring, argument);
	unlink("new");
	if (uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "new", .open_flags = O_RDWR | O_CREAT, .len = 0640 }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_OPENAT2, .fd = AT_FDCWD,
			.addr = (uintptr_t) "new", .addr2 = (uintptr_t)&how, .len = sizeof(how) }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "new", .open_flags = O_RDONLY }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "no/where", .open_flags = O_WRONLY }) != -ENOENT)
		_exit(99);
}

static void assert_opens(pid_t pid)
{
	const struct probe_record *record = the_record(ringfort_type_file_create, pid, 0);
	const struct ringfort_file_create *create = body_of(record);
	const struct ringfort_file_open_write *open_write;

	assert_int_equal(n_records(ringfort_type_file_create, pid), 1);
	assert_uring_actor(record, pid);
	assert_opened(record, &create->file, in_scratch("new"));
	assert_int_equal(create->kind, RINGFORT_CREATE_REGULAR);
	assert_int_equal(create->mode, S_IFREG | 0640);
	assert_int_equal(n_records(ringfort_type_file_open_write, pid), 2);
	record = the_record(ringfort_type_file_open_write, pid, 0);
	open_write = body_of(record);
	assert_uring_actor(record, pid);
	assert_opened(record, &open_write->file, in_scratch("new"));
	assert_int_equal(open_write->open_flags, O_RDWR | O_CREAT);
	record = the_record(ringfort_type_file_open_write, pid, 1);
	open_write = body_of(record);
	assert_int_equal(open_write->open_flags, O_WRONLY);
}

static void opens_through_a_ring_are_told(void **state)
{
	assert_opens(perform_or_skip(TYPE(file_open_write) | TYPE(file_create), act_open, NULL));
}

static void a_ring_that_the_kernel_polls_makes_no_difference(void **state)
{
	uint32_t flags = IORING_SETUP_SQPOLL;

	assert_opens(perform_or_skip(TYPE(file_open_write) | TYPE(file_create), act_open, &flags));
}

static void act_open_direct(void *argument)
{
	int32_t table[4] = { -1, -1, -1, -1 };
	struct uring uring;

	uring_begin(&uring, NULL);
	if (syscall(SYS_io_uring_register, uring.fd, IORING_REGISTER_FILES, table, 4) < 0)
		_exit(UNSUPPORTED);
	if (uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "direct", .open_flags = O_WRONLY | O_CREAT | O_EXCL,
			.len = 0600, .file_index = 1 }) < 0)
		_exit(99);
}

static void an_open_without_a_descriptor_is_told_by_its_call(void **state)
{
	pid_t pid = perform_or_skip(TYPE(file_open_write) | TYPE(file_create), act_open_direct, NULL);
	const struct probe_record *record = the_record(ringfort_type_file_open_write, pid, 0);
	const struct ringfort_file_open_write *open_write = body_of(record);
	const struct ringfort_file_create *create;

	assert_called(record, &open_write->file, in_scratch("direct"));
	record = the_record(ringfort_type_file_create, pid, 0);
	create = body_of(record);
	assert_called(record, &create->file, in_scratch("direct"));
}

static void act_names(void *argument)
{
	struct uring uring;

	uring_begin(&uring, NULL);
	if (uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "folder", .len = 0710 }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_SYMLINKAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "where/ever", .addr2 = (uintptr_t) "symlink" }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_LINKAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "new", .len = (uint32_t)AT_FDCWD,
			.addr2 = (uintptr_t) "hard" }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_RENAMEAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "hard", .len = (uint32_t)AT_FDCWD,
			.addr2 = (uintptr_t) "folder/moved", .rename_flags = 1 }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD,
			.addr = (uintptr_t)in_scratch("folder/moved") }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "folder", .unlink_flags = AT_REMOVEDIR }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_UNLINKAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "nothing" }) != -ENOENT)
		_exit(99);
}

static void assert_created(pid_t pid, unsigned int index, const char *name, uint32_t kind,
			   uint32_t mode, const char *target)
{
	const struct probe_record *record = the_record(ringfort_type_file_create, pid, index);
	const struct ringfort_file_create *create = body_of(record);

	assert_uring_actor(record, pid);
	assert_called(record, &create->file, in_scratch(name));
	assert_int_equal(create->kind, kind);
	assert_int_equal(create->mode, mode);
	assert_string_equal(text(record, create->target), target);
}

static void names_that_come_and_go_through_a_ring_are_told(void **state)
{
	pid_t pid = perform_or_skip(TYPE(file_create) | TYPE(file_rename) | TYPE(file_unlink), act_names, NULL);
	const struct probe_record *record = the_record(ringfort_type_file_rename, pid, 0);
	const struct ringfort_file_rename *rename_body = body_of(record);
	const struct ringfort_file_unlink *unlink_body;

	assert_created(pid, 0, "folder", RINGFORT_CREATE_DIRECTORY, 0710, "");
	assert_created(pid, 1, "symlink", RINGFORT_CREATE_SYMLINK, 0, "where/ever");
	assert_created(pid, 2, "hard", RINGFORT_CREATE_HARDLINK, 0, "new");
	assert_uring_actor(record, pid);
	assert_called(record, &rename_body->from, in_scratch("hard"));
	assert_called(record, &rename_body->to, in_scratch("folder/moved"));
	assert_int_equal(rename_body->rename_flags, 1);
	assert_int_equal(n_records(ringfort_type_file_unlink, pid), 2);
	record = the_record(ringfort_type_file_unlink, pid, 0);
	unlink_body = body_of(record);
	assert_uring_actor(record, pid);
	assert_called(record, &unlink_body->file, in_scratch("folder/moved"));
	assert_int_equal(unlink_body->directory, 0);
	record = the_record(ringfort_type_file_unlink, pid, 1);
	unlink_body = body_of(record);
	assert_called(record, &unlink_body->file, in_scratch("folder"));
	assert_int_equal(unlink_body->directory, 1);
}

static void act_xattr(void *argument)
{
	struct vfs_cap_data capability = { .magic_etc = VFS_CAP_REVISION_2, .data = { { 1 << 13, 0 } } };
	struct io_uring_sqe entry = {
		.opcode = IORING_OP_FSETXATTR, .fd = open("new", O_RDONLY),
		.addr = (uintptr_t) "security.capability", .addr2 = (uintptr_t)&capability,
		.len = XATTR_CAPS_SZ_2,
	};
	struct uring uring;

	uring_begin(&uring, NULL);
	if (uring_do(&uring, &entry) < 0)
		_exit(99);
	entry.opcode = IORING_OP_SETXATTR;
	entry.fd = 0;
	entry.addr3 = (uintptr_t) "new";
	if (uring_do(&uring, &entry) < 0)
		_exit(99);
}

static void capabilities_of_files_set_through_a_ring_are_told(void **state)
{
	pid_t pid = perform_or_skip(TYPE(file_attr), act_xattr, NULL);
	const struct probe_record *record = the_record(ringfort_type_file_attr, pid, 0);
	const struct ringfort_file_attr *attr = body_of(record);

	assert_uring_actor(record, pid);
	assert_opened(record, &attr->file, in_scratch("new"));
	assert_int_equal(attr->what, RINGFORT_ATTR_CAPABILITIES);
	record = the_record(ringfort_type_file_attr, pid, 1);
	attr = body_of(record);
	assert_called(record, &attr->file, in_scratch("new"));
}

static void act_net(void *argument)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);
	struct uring uring;

	uring_begin(&uring, NULL);
	if (uring_do(&uring, &(struct io_uring_sqe){ .opcode = OP_BIND, .fd = server,
			.addr = (uintptr_t)&address, .addr2 = sizeof(address) }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = OP_LISTEN, .fd = server, .len = 9 }) < 0 ||
	    getsockname(server, (struct sockaddr *)&address, &size) < 0)
		_exit(99);
	*(uint16_t *)argument = ntohs(address.sin_port);
	if (uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_CONNECT, .fd = client,
			.addr = (uintptr_t)&address, .off = sizeof(address) }) < 0 ||
	    uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_ACCEPT, .fd = server }) < 0)
		_exit(99);
	address.sin_port = htons(1);
	if (uring_do(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_CONNECT,
			.fd = socket(AF_INET, SOCK_STREAM, 0), .addr = (uintptr_t)&address,
			.off = sizeof(address) }) != -ECONNREFUSED)
		_exit(99);
}

static void assert_addr(const struct ringfort_addr *addr, uint16_t port)
{
	uint32_t loopback = htonl(INADDR_LOOPBACK);

	assert_int_equal(addr->family, AF_INET);
	assert_memory_equal(addr->ip, &loopback, sizeof(loopback));
	if (port)
		assert_int_equal(addr->port, port);
	else
		assert_int_not_equal(addr->port, 0);
}

static void sockets_served_through_a_ring_are_told(void **state)
{
	uint16_t *port = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid = perform_or_skip(TYPE(net_connect) | TYPE(net_bind) | TYPE(net_listen) |
					    TYPE(net_accept), act_net, port);
	const struct ringfort_net_bind *bound = body_of(the_record(ringfort_type_net_bind, pid, 0));
	const struct ringfort_net_listen *listening = body_of(the_record(ringfort_type_net_listen, pid, 0));
	const struct ringfort_net_connect *connected = body_of(the_record(ringfort_type_net_connect, pid, 0));
	const struct ringfort_net_accept *accepted = body_of(the_record(ringfort_type_net_accept, pid, 0));

	assert_uring_actor(the_record(ringfort_type_net_bind, pid, 0), pid);
	assert_addr(&bound->local, *port);
	assert_int_equal(bound->error, 0);
	assert_addr(&listening->local, *port);
	assert_int_equal(listening->backlog, 9);
	assert_uring_actor(the_record(ringfort_type_net_connect, pid, 0), pid);
	assert_addr(&connected->remote, *port);
	assert_addr(&connected->local, 0);
	assert_int_equal(connected->error, 0);
	assert_int_equal(connected->protocol, RINGFORT_PROTOCOL_TCP);
	assert_uring_actor(the_record(ringfort_type_net_accept, pid, 0), pid);
	assert_addr(&accepted->local, *port);
	assert_addr(&accepted->remote, connected->local.port);
	connected = body_of(the_record(ringfort_type_net_connect, pid, 1));
	assert_addr(&connected->remote, 1);
	assert_int_equal(connected->error, ECONNREFUSED);
	munmap(port, 4096);
}

static void act_accept_many(void *argument)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int server = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t size = sizeof(address);
	struct uring uring;

	uring_begin(&uring, NULL);
	if (bind(server, (struct sockaddr *)&address, size) < 0 || listen(server, 8) < 0 ||
	    getsockname(server, (struct sockaddr *)&address, &size) < 0)
		_exit(99);
	uring_put(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_ACCEPT, .fd = server,
			.ioprio = IORING_ACCEPT_MULTISHOT, .user_data = 4711 });
	uring_enter(&uring, 1, 0);
	for (int i = 0; i < 3; i++) {
		if (connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&address, size) < 0)
			_exit(99);
		uring_enter(&uring, 0, 1);
		if (uring_take(&uring) < 0)
			_exit(99);
	}
}

static void every_accept_of_one_request_is_told(void **state)
{
	pid_t pid = perform_or_skip(TYPE(net_accept), act_accept_many, NULL);

	assert_int_equal(n_records(ringfort_type_net_accept, pid), 3);
	for (unsigned int i = 0; i < 3; i++) {
		const struct probe_record *record = the_record(ringfort_type_net_accept, pid, i);
		const struct ringfort_net_accept *accepted = body_of(record);

		assert_uring_actor(record, pid);
		assert_addr(&accepted->remote, 0);
	}
}

static void act_silent(void *argument)
{
	struct uring uring;

	uring_begin(&uring, NULL);
	uring_put(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD,
			.addr = (uintptr_t) "silent", .len = 0700, .flags = IOSQE_CQE_SKIP_SUCCESS });
	uring_enter(&uring, 1, 0);
	for (int i = 0; access("silent", F_OK) < 0; i++) {
		if (i == 1000)
			_exit(99);
		usleep(1000);
	}
}

static void a_request_that_wants_no_answer_is_told(void **state)
{
	pid_t pid = perform_or_skip(TYPE(file_create), act_silent, NULL);

	assert_int_equal(n_records(ringfort_type_file_create, pid), 1);
	assert_created(pid, 0, "silent", RINGFORT_CREATE_DIRECTORY, 0700, "");
}

static void act_overflow(void *argument)
{
	static char names[12][16];
	struct uring uring;

	/* Two places for completions, and nobody takes them. */
	uring_init(&uring, 0, 1);
	for (int i = 0; i < 12; i++) {
		snprintf(names[i], sizeof(names[i]), "overflow%d", i);
		uring_put(&uring, &(struct io_uring_sqe){ .opcode = IORING_OP_MKDIRAT, .fd = AT_FDCWD,
				.addr = (uintptr_t)names[i], .len = 0700, .user_data = (uint64_t)i });
		uring_enter(&uring, 1, 0);
		for (int j = 0; access(names[i], F_OK) < 0 && j < 1000; j++)
			usleep(1000);
	}
	/* Completions are posted by the worker after the folder is there. */
	usleep(50000);
}

static void completions_that_overflow_are_told(void **state)
{
	pid_t pid = perform_or_skip(TYPE(file_create), act_overflow, NULL);
	char name[16];

	assert_int_equal(n_records(ringfort_type_file_create, pid), 12);
	for (unsigned int i = 0; i < 12; i++) {
		snprintf(name, sizeof(name), "overflow%u", i);
		assert_created(pid, i, name, RINGFORT_CREATE_DIRECTORY, 0700, "");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opens_through_a_ring_are_told),
		cmocka_unit_test(a_ring_that_the_kernel_polls_makes_no_difference),
		cmocka_unit_test(an_open_without_a_descriptor_is_told_by_its_call),
		cmocka_unit_test(names_that_come_and_go_through_a_ring_are_told),
		cmocka_unit_test(capabilities_of_files_set_through_a_ring_are_told),
		cmocka_unit_test(sockets_served_through_a_ring_are_told),
		cmocka_unit_test(every_accept_of_one_request_is_told),
		cmocka_unit_test(a_request_that_wants_no_answer_is_told),
		cmocka_unit_test(completions_that_overflow_are_told),
	};

	probe_skip_unless_loadable();
	umask(0);
	return cmocka_run_group_tests(tests, NULL, probe_teardown);
}
