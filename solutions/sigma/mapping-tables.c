/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables of mapping.c.  They are the truth; ringfort-sigma(7) tells them to rule writers.
 *
 * auditd speaks of one act in several records.  Each is an event of its own here, as in its log;
 * one more view, with the fields of all and every `type' in a list, is for rules that want two
 * records to be true at once, which log pipelines that join records would give them.
 */
#include "mapping-fields.h"
#include "util.h"

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

#define ROWS_SYSCALL(calls) \
	{ "SYSCALL", make_constants, 0, calls }, \
	{ "exe", make_image }, \
	ROWS_IDS

#define ROW_CWD { "cwd", make_proc_str, P(cwd) }

#define ARGUMENT(i) { "a" #i, make_body_argument, B(process_exec, argv), #i }
#define ROWS_EXECVE \
	{ "argc", make_body_u32, B(process_exec, argc) }, \
	ARGUMENT(0), ARGUMENT(1), ARGUMENT(2), ARGUMENT(3), ARGUMENT(4), ARGUMENT(5), \
	ARGUMENT(6), ARGUMENT(7), ARGUMENT(8), ARGUMENT(9), ARGUMENT(10), ARGUMENT(11), \
	ARGUMENT(12), ARGUMENT(13), ARGUMENT(14), ARGUMENT(15)

#define ROWS_EXEC_SYSCALL \
	{ "SYSCALL", make_constants, 0, "execve execveat" }, \
	{ "exe", make_exec_image }, \
	ROWS_IDS

#define ROW_EXEC_NAME { "name", make_body_str, B(process_exec, called) }
#define ROW_EXEC_CWD { "cwd", make_body_str, B(process_exec, cwd) }
#define TYPE(text) { "type", make_constant, 0, text }
#define TYPES(text) { "type", make_constants, 0, text }
#define NAMETYPE(text) { "nametype", make_constant, 0, text }
#define NAME(type) { "name", make_body_file, B(type, file) }

static const struct field_row exec_execve[] = { TYPE("EXECVE"), ROWS_EXECVE };
static const struct field_row exec_syscall[] = { TYPE("SYSCALL"), ROWS_EXEC_SYSCALL };
static const struct field_row exec_path[] = { TYPE("PATH"), ROW_EXEC_NAME, NAMETYPE("NORMAL") };
static const struct field_row exec_cwd[] = { TYPE("CWD"), ROW_EXEC_CWD };
static const struct field_row exec_title[] = {
	TYPE("PROCTITLE"),
	{ "proctitle", make_body_line, B(process_exec, argv) },
};
static const struct field_row exec_joined[] = {
	TYPES("EXECVE SYSCALL PATH CWD PROCTITLE"),
	ROWS_EXECVE,
	ROWS_EXEC_SYSCALL,
	ROW_EXEC_NAME,
	NAMETYPE("NORMAL"),
	ROW_EXEC_CWD,
	{ "proctitle", make_body_line, B(process_exec, argv) },
};

#define JOINED TYPES("SYSCALL PATH CWD")

#define OPEN_CALLS "open openat openat2 creat"
#define CREATE_CALLS \
	"open openat openat2 creat mkdir mkdirat mknod mknodat symlink symlinkat link linkat"
static const struct field_row create_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL(CREATE_CALLS) };
static const struct field_row create_path[] = { TYPE("PATH"), NAME(file_create),
						NAMETYPE("CREATE") };
static const struct field_row create_joined[] = {
	JOINED, ROWS_SYSCALL(CREATE_CALLS), NAME(file_create), NAMETYPE("CREATE"), ROW_CWD,
};

static const struct field_row open_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL(OPEN_CALLS) };
static const struct field_row open_path[] = { TYPE("PATH"), NAME(file_open_write),
					      NAMETYPE("NORMAL") };
static const struct field_row open_joined[] = {
	JOINED, ROWS_SYSCALL(OPEN_CALLS), NAME(file_open_write), NAMETYPE("NORMAL"), ROW_CWD,
};

#define RENAME_CALLS "rename renameat renameat2"
static const struct field_row rename_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL(RENAME_CALLS) };
static const struct field_row rename_from[] = {
	TYPE("PATH"), { "name", make_body_file, B(file_rename, from) }, NAMETYPE("DELETE"),
};
static const struct field_row rename_to[] = {
	TYPE("PATH"), { "name", make_body_file, B(file_rename, to) }, NAMETYPE("CREATE"),
};
static const struct field_row rename_joined[] = {
	JOINED,
	ROWS_SYSCALL(RENAME_CALLS),
	{ "name", make_rename_names },
	{ "nametype", make_constants, 0, "DELETE CREATE" },
	ROW_CWD,
};

#define UNLINK_CALLS "unlink unlinkat rmdir"
static const struct field_row unlink_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL(UNLINK_CALLS) };
static const struct field_row unlink_path[] = { TYPE("PATH"), NAME(file_unlink),
						NAMETYPE("DELETE") };
static const struct field_row unlink_joined[] = {
	JOINED, ROWS_SYSCALL(UNLINK_CALLS), NAME(file_unlink), NAMETYPE("DELETE"), ROW_CWD,
};

#define ATTR_CALLS "chmod fchmod fchmodat chown fchown lchown fchownat setxattr fsetxattr lsetxattr"
static const struct field_row attr_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL(ATTR_CALLS) };
static const struct field_row attr_path[] = { TYPE("PATH"), NAME(file_attr), NAMETYPE("NORMAL") };
static const struct field_row attr_joined[] = {
	JOINED, ROWS_SYSCALL(ATTR_CALLS), NAME(file_attr), NAMETYPE("NORMAL"), ROW_CWD,
};

static const struct field_row ptrace_syscall[] = {
	TYPE("SYSCALL"), ROWS_SYSCALL("ptrace process_vm_writev"),
};
static const struct field_row connect_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL("connect") };
static const struct field_row bind_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL("bind") };
static const struct field_row listen_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL("listen") };
static const struct field_row accept_syscall[] = { TYPE("SYSCALL"), ROWS_SYSCALL("accept accept4") };

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

#define TABLE(type, source, rows, has_image, applies) \
	{ ringfort_type_##type, source, rows, ARRAY_LENGTH(rows), has_image, applies }
#define AUDITD(type, rows, has_image, applies) TABLE(type, SOURCE_AUDITD, rows, has_image, applies)

const struct record_table mapping_tables[] = {
	TABLE(process_exec, SOURCE_PROCESS_CREATION, process_creation, true, succeeded),
	TABLE(process_ptrace, SOURCE_PROCESS_ACCESS, process_access, true, NULL),
	TABLE(file_create, SOURCE_FILE_EVENT, file_create, true, NULL),
	TABLE(file_rename, SOURCE_FILE_EVENT, file_rename, true, NULL),
	TABLE(file_open_write, SOURCE_FILE_EVENT, file_open_write, true, overwrites),
	TABLE(file_open_write, SOURCE_FILE_WRITE, file_open_write, true, NULL),
	TABLE(file_attr, SOURCE_FILE_ATTR, file_attr, true, NULL),
	TABLE(file_rename, SOURCE_FILE_RENAME, file_rename, true, NULL),
	TABLE(file_unlink, SOURCE_FILE_DELETE, file_unlink, true, NULL),
	TABLE(net_connect, SOURCE_NETWORK_CONNECTION, net_connect, true, is_internet),
	TABLE(net_accept, SOURCE_NETWORK_CONNECTION, net_accept, true, is_from_internet),

	AUDITD(process_exec, exec_execve, false, succeeded),
	AUDITD(process_exec, exec_syscall, true, succeeded),
	AUDITD(process_exec, exec_path, false, succeeded),
	AUDITD(process_exec, exec_cwd, false, succeeded),
	AUDITD(process_exec, exec_title, false, succeeded),
	AUDITD(process_exec, exec_joined, true, succeeded),
	AUDITD(file_create, create_syscall, true, NULL),
	AUDITD(file_create, create_path, false, NULL),
	AUDITD(file_create, create_joined, true, NULL),
	AUDITD(file_open_write, open_syscall, true, NULL),
	AUDITD(file_open_write, open_path, false, NULL),
	AUDITD(file_open_write, open_joined, true, NULL),
	AUDITD(file_rename, rename_syscall, true, NULL),
	AUDITD(file_rename, rename_from, false, NULL),
	AUDITD(file_rename, rename_to, false, NULL),
	AUDITD(file_rename, rename_joined, true, NULL),
	AUDITD(file_unlink, unlink_syscall, true, NULL),
	AUDITD(file_unlink, unlink_path, false, NULL),
	AUDITD(file_unlink, unlink_joined, true, NULL),
	AUDITD(file_attr, attr_syscall, true, NULL),
	AUDITD(file_attr, attr_path, false, NULL),
	AUDITD(file_attr, attr_joined, true, NULL),
	AUDITD(process_ptrace, ptrace_syscall, true, NULL),
	AUDITD(net_connect, connect_syscall, true, NULL),
	AUDITD(net_bind, bind_syscall, true, NULL),
	AUDITD(net_listen, listen_syscall, true, NULL),
	AUDITD(net_accept, accept_syscall, true, NULL),
};
const size_t mapping_n_tables = ARRAY_LENGTH(mapping_tables);
