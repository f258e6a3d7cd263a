/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of mapping.c.  They are the truth; ringfort-sigma(7) tells them to rule writers.
 *
 * auditd speaks of one act in several records.  Here they are joined, as log pipelines join them
 * by their number: all fields together, and every `type' in a list.  So a rule sees its record,
 * and a rule that asks for two records at once, or filters by what another one says, works too.
 */
#include "../common/util.h"
#include "mapping-fields.h"

#include <fcntl.h>
#include <stddef.h>
#include <sys/socket.h>

#define P(member) offsetof(struct ringfort_process, member)
#define B(type, member) offsetof(struct ringfort_##type, member)

/* ---- what every category has ------------------------------------------------------------ */

#define ROWS_ACTOR \
	{ "Image", make_image }, \
	{ "ProcessId", make_proc_u32, P(pid) }, \
	{ "ParentProcessId", make_proc_u32, P(ppid) }, \
	{ "CommandLine", make_proc_line, P(argv) }, \
	{ "CurrentDirectory", make_proc_str, P(cwd) }, \
	{ "ParentImage", make_parent_image }, \
	{ "ParentCommandLine", make_proc_line, P(parent_argv) }, \
	ROWS_USER

#define ROWS_USER \
	{ "User", make_proc_user, P(uid) }, \
	{ "Uid", make_proc_u32, P(uid) }, \
	{ "EffectiveUid", make_proc_u32, P(euid) }, \
	{ "LogonId", make_proc_id, P(session) }, \
	{ "LoginUid", make_proc_id, P(loginuid) }, \
	{ "Terminal", make_proc_str, P(tty) }, \
	{ "ContainerId", make_proc_str, P(container_id) }, \
	{ "Cgroup", make_proc_str, P(cgroup) }

/* ---- Sigma's categories ------------------------------------------------------------------ */

static const struct field_row process_creation[] = {
	{ "Image", make_exec_image },
	{ "CommandLine", make_body_line, B(process_exec, argv) },
	{ "CurrentDirectory", make_body_str, B(process_exec, cwd) },
	{ "ParentImage", make_parent_image },
	{ "ParentCommandLine", make_proc_line, P(parent_argv) },
	{ "ProcessId", make_proc_u32, P(pid) },
	{ "ParentProcessId", make_proc_u32, P(ppid) },
	{ "StdinType", make_body_enum, B(process_exec, stdin_is), "stdio" },
	{ "StdoutType", make_body_enum, B(process_exec, stdout_is), "stdio" },
	{ "StderrType", make_body_enum, B(process_exec, stderr_is), "stdio" },
	{ "Environment", make_body_list, B(process_exec, env) },
	{ "Script", make_body_file, B(process_exec, script) },
	{ "ExecFlags", make_body_flags, B(process_exec, flags), "exec_flags" },
	ROWS_USER,
};

static const struct field_row process_access[] = {
	{ "SourceImage", make_image },
	{ "SourceProcessId", make_proc_u32, P(pid) },
	{ "TargetImage", make_body_str, B(process_ptrace, target_exe) },
	{ "TargetProcessId", make_body_target_pid, B(process_ptrace, target) },
	{ "Request", make_body_enum, B(process_ptrace, request), "ptrace_request" },
	ROWS_ACTOR,
};

static const struct field_row file_create[] = {
	{ "TargetFilename", make_body_file, B(file_create, file) },
	{ "Kind", make_body_enum, B(file_create, kind), "create_kind" },
	{ "Mode", make_body_octal, B(file_create, mode) },
	{ "LinkTarget", make_body_str, B(file_create, target) },
	ROWS_ACTOR,
};

static const struct field_row file_open_write[] = {
	{ "TargetFilename", make_body_file, B(file_open_write, file) },
	ROWS_ACTOR,
};

static const struct field_row file_rename[] = {
	{ "SourceFilename", make_body_file, B(file_rename, from) },
	{ "TargetFilename", make_body_file, B(file_rename, to) },
	ROWS_ACTOR,
};

static const struct field_row file_unlink[] = {
	{ "TargetFilename", make_body_file, B(file_unlink, file) },
	ROWS_ACTOR,
};

static const struct field_row file_attr[] = {
	{ "TargetFilename", make_body_file, B(file_attr, file) },
	{ "Attribute", make_body_enum, B(file_attr, what), "attr_kind" },
	{ "Mode", make_body_octal, B(file_attr, mode) },
	{ "NewUid", make_body_u32, B(file_attr, new_uid) },
	{ "NewGid", make_body_u32, B(file_attr, new_gid) },
	ROWS_ACTOR,
};

static const struct field_row net_connect[] = {
	{ "DestinationIp", make_body_ip, B(net_connect, remote) },
	{ "DestinationPort", make_body_port, B(net_connect, remote) },
	{ "DestinationIsIpv6", make_body_ipv6, B(net_connect, remote) },
	{ "SourceIp", make_body_ip, B(net_connect, local) },
	{ "SourcePort", make_body_port, B(net_connect, local) },
	{ "SourceIsIpv6", make_body_ipv6, B(net_connect, local) },
	{ "Protocol", make_body_enum, B(net_connect, protocol), "protocol" },
	{ "Initiated", make_constant, 0, "true" },
	ROWS_ACTOR,
};

static const struct field_row net_accept[] = {
	{ "DestinationIp", make_body_ip, B(net_accept, local) },
	{ "DestinationPort", make_body_port, B(net_accept, local) },
	{ "DestinationIsIpv6", make_body_ipv6, B(net_accept, local) },
	{ "SourceIp", make_body_ip, B(net_accept, remote) },
	{ "SourcePort", make_body_port, B(net_accept, remote) },
	{ "SourceIsIpv6", make_body_ipv6, B(net_accept, remote) },
	{ "Protocol", make_body_enum, B(net_accept, protocol), "protocol" },
	{ "Initiated", make_constant, 0, "false" },
	ROWS_ACTOR,
};

/* ---- auditd ------------------------------------------------------------------------------ */

#define ROWS_IDS \
	{ "uid", make_proc_u32, P(uid) }, \
	{ "gid", make_proc_u32, P(gid) }, \
	{ "euid", make_proc_u32, P(euid) }, \
	{ "egid", make_proc_u32, P(egid) }, \
	{ "auid", make_proc_u32, P(loginuid) }, \
	{ "ses", make_proc_u32, P(session) }, \
	{ "tty", make_proc_str, P(tty) }, \
	{ "pid", make_proc_u32, P(pid) }, \
	{ "ppid", make_proc_u32, P(ppid) }, \
	{ "comm", make_comm }, \
	{ "success", make_constant, 0, "yes" }

#define TYPES(text) { "type", make_constants, 0, text }
#define PATH(type, member, text) \
	{ "name", make_body_file, B(type, member) }, \
	{ "nametype", make_constant, 0, text }

#define ROWS_SYSCALL(calls) \
	{ "SYSCALL", make_constants, 0, calls }, \
	{ "exe", make_image }, \
	{ "cwd", make_proc_str, P(cwd) }, \
	ROWS_IDS

#define ARGUMENT(i) { "a" #i, make_body_argument, B(process_exec, argv), NULL, i }

static const struct field_row audit_exec[] = {
	TYPES("EXECVE SYSCALL PATH CWD PROCTITLE"),
	{ "argc", make_body_u32, B(process_exec, argc) },
	ARGUMENT(0), ARGUMENT(1), ARGUMENT(2), ARGUMENT(3), ARGUMENT(4), ARGUMENT(5),
	ARGUMENT(6), ARGUMENT(7), ARGUMENT(8), ARGUMENT(9), ARGUMENT(10), ARGUMENT(11),
	ARGUMENT(12), ARGUMENT(13), ARGUMENT(14), ARGUMENT(15),
	{ "SYSCALL", make_constants, 0, "execve execveat" },
	{ "exe", make_exec_image },
	{ "name", make_body_str, B(process_exec, called) },
	{ "nametype", make_constant, 0, "NORMAL" },
	{ "cwd", make_body_str, B(process_exec, cwd) },
	{ "proctitle", make_body_line, B(process_exec, argv) },
	ROWS_IDS,
};

#define ON_FILE(calls) TYPES("SYSCALL PATH CWD"), ROWS_SYSCALL(calls)
#define RENAME_CALLS "rename renameat renameat2"

static const struct field_row audit_create[] = {
	ON_FILE("open openat openat2 creat mkdir mkdirat mknod mknodat symlink symlinkat link linkat"),
	PATH(file_create, file, "CREATE"),
};
static const struct field_row audit_open[] = {
	ON_FILE("open openat openat2 creat"),
	PATH(file_open_write, file, "NORMAL"),
};
/* One view for each name: in lists, either name would go with either nametype. */
static const struct field_row audit_rename_from[] = {
	ON_FILE(RENAME_CALLS),
	PATH(file_rename, from, "DELETE"),
};
static const struct field_row audit_rename_to[] = {
	ON_FILE(RENAME_CALLS),
	PATH(file_rename, to, "CREATE"),
};
static const struct field_row audit_unlink[] = {
	ON_FILE("unlink unlinkat rmdir"),
	PATH(file_unlink, file, "DELETE"),
};
static const struct field_row audit_attr[] = {
	ON_FILE("chmod fchmod fchmodat chown fchown lchown fchownat setxattr fsetxattr lsetxattr"),
	PATH(file_attr, file, "NORMAL"),
};

#define CALL(calls) TYPES("SYSCALL"), ROWS_SYSCALL(calls)

static const struct field_row audit_ptrace[] = { CALL("ptrace process_vm_writev") };
static const struct field_row audit_connect[] = { CALL("connect") };
static const struct field_row audit_bind[] = { CALL("bind") };
static const struct field_row audit_listen[] = { CALL("listen") };
static const struct field_row audit_accept[] = { CALL("accept accept4") };

/* ---- which event is which ---------------------------------------------------------------- */

/* Nothing was started. */
static bool succeeded(const struct ringfort_event *event)
{
	return !ringfort_as_process_exec(event)->error;
}

/* What is written over is created anew: as Sysmon counts it. */
static bool overwrites(const struct ringfort_event *event)
{
	return ringfort_as_file_open_write(event)->open_flags & O_TRUNC;
}

static bool is_internet(const struct ringfort_event *event)
{
	const struct ringfort_net_connect *connect = ringfort_as_net_connect(event);

	return connect->remote.family == AF_INET || connect->remote.family == AF_INET6;
}

static bool is_from_internet(const struct ringfort_event *event)
{
	const struct ringfort_net_accept *accepted = ringfort_as_net_accept(event);

	return accepted->local.family == AF_INET || accepted->local.family == AF_INET6;
}

#define TABLE(type, source, rows, applies) \
	{ ringfort_type_##type, source, rows, ARRAY_LENGTH(rows), applies }
#define AUDITD(type, rows, applies) TABLE(type, SOURCE_AUDITD, rows, applies)

const struct record_table mapping_tables[] = {
	TABLE(process_exec, SOURCE_PROCESS_CREATION, process_creation, succeeded),
	TABLE(process_ptrace, SOURCE_PROCESS_ACCESS, process_access, NULL),
	TABLE(file_create, SOURCE_FILE_EVENT, file_create, NULL),
	TABLE(file_rename, SOURCE_FILE_EVENT, file_rename, NULL),
	TABLE(file_open_write, SOURCE_FILE_EVENT, file_open_write, overwrites),
	TABLE(file_open_write, SOURCE_FILE_WRITE, file_open_write, NULL),
	TABLE(file_attr, SOURCE_FILE_ATTR, file_attr, NULL),
	TABLE(file_rename, SOURCE_FILE_RENAME, file_rename, NULL),
	TABLE(file_unlink, SOURCE_FILE_DELETE, file_unlink, NULL),
	TABLE(net_connect, SOURCE_NETWORK_CONNECTION, net_connect, is_internet),
	TABLE(net_accept, SOURCE_NETWORK_CONNECTION, net_accept, is_from_internet),

	AUDITD(process_exec, audit_exec, succeeded),
	AUDITD(process_ptrace, audit_ptrace, NULL),
	AUDITD(file_create, audit_create, NULL),
	AUDITD(file_open_write, audit_open, NULL),
	AUDITD(file_rename, audit_rename_from, NULL),
	AUDITD(file_rename, audit_rename_to, NULL),
	AUDITD(file_unlink, audit_unlink, NULL),
	AUDITD(file_attr, audit_attr, NULL),
	AUDITD(net_connect, audit_connect, NULL),
	AUDITD(net_bind, audit_bind, NULL),
	AUDITD(net_listen, audit_listen, NULL),
	AUDITD(net_accept, audit_accept, NULL),
};
const size_t mapping_n_tables = ARRAY_LENGTH(mapping_tables);
