/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Probe, calls - which system calls make which types, and where their arguments are.
 *
 * The same for operations of io_uring.  One line per call.  Numbers of the 32-bit table stand
 * beside the native ones, those that x32 has for itself (from 512) have lines of their own.
 */
#include "sensor/probe-internal.h"
#include "probe.skel.h"

#include <linux/io_uring.h>
#include <string.h>
#include <sys/syscall.h>

/* Calls that are younger than the headers of Debian 12. */
#ifndef __NR_fchmodat2
#define __NR_fchmodat2 452
#endif
#ifndef __NR_setxattrat
#define __NR_setxattrat 463
#endif

#define TYPE(ident) (1ull << ringfort_type_##ident)
#define OPEN (TYPE(file_open_write) | TYPE(file_create))
#define CWD PROBE_ARG_CWD
#define NO PROBE_ARG_ZERO

struct row {
	int native;  /* -1: none */
	int compat;  /* -1: none */
	uint64_t types;
	struct probe_call call;
};

#define FILE_CALL(handle, call_kind, call_bits, at_arg, path_arg, flags_arg, value_arg, value2_arg) \
	{ .handler = PROBE_HANDLE_##handle, .kind = (call_kind), .bits = (call_bits), \
	  .dirfd = (at_arg), .path = (path_arg), .to_dirfd = CWD, .to_path = NO, \
	  .flags = (flags_arg), .value = (value_arg), .value2 = (value2_arg) }
#define OPEN_CALL(bits, dirfd, path, flags) FILE_CALL(OPEN, 0, bits, dirfd, path, flags, NO, NO)
#define CREATE_CALL(kind, dirfd, path, value) \
	FILE_CALL(CREATE, RINGFORT_CREATE_##kind, 0, dirfd, path, NO, value, NO)
#define RENAME_CALL(at_arg, path_arg, to_at_arg, to_path_arg, flags_arg) \
	{ .handler = PROBE_HANDLE_RENAME, .dirfd = (at_arg), .path = (path_arg), \
	  .to_dirfd = (to_at_arg), .to_path = (to_path_arg), .flags = (flags_arg), \
	  .value = NO, .value2 = NO }
#define UNLINK_CALL(bits, dirfd, path, flags) FILE_CALL(UNLINK, 0, bits, dirfd, path, flags, NO, NO)
#define MODE_CALL(bits, dirfd, path, mode, flags) \
	FILE_CALL(ATTR, RINGFORT_ATTR_MODE, bits, dirfd, path, flags, mode, NO)
#define OWNER_CALL(bits, dirfd, path, uid, gid, flags) \
	FILE_CALL(ATTR, RINGFORT_ATTR_OWNER, bits, dirfd, path, flags, uid, gid)
#define XATTR_CALL(bits, dirfd, path, name, flags) \
	FILE_CALL(ATTR, RINGFORT_ATTR_CAPABILITIES, bits, dirfd, path, flags, name, NO)
#define EXEC_CALL(dirfd, path, argv, flags) \
	FILE_CALL(EXEC, 0, PROBE_CALL_FAILED, dirfd, path, flags, argv, NO)
#define PLAIN_CALL(handle, bits) FILE_CALL(handle, 0, bits, CWD, NO, NO, NO, NO)

#define FLAGS PROBE_CALL_OPEN_FLAGS
#define BY_FD PROBE_CALL_BY_FD
#define ID16 PROBE_CALL_ID16
#define FAILED PROBE_CALL_FAILED

static const struct row rows[] = {
	{ __NR_open, 5, OPEN, OPEN_CALL(FLAGS, CWD, 0, 1) },
	{ __NR_openat, 295, OPEN, OPEN_CALL(FLAGS, 0, 1, 2) },
	{ __NR_openat2, 437, OPEN, OPEN_CALL(PROBE_CALL_OPEN_HOW, 0, 1, 2) },
	{ __NR_creat, 8, OPEN, OPEN_CALL(PROBE_CALL_OPEN_CREAT, CWD, 0, NO) },
	{ __NR_open_by_handle_at, 342, OPEN, OPEN_CALL(FLAGS, CWD, NO, 2) },

	{ __NR_mkdir, 39, TYPE(file_create), CREATE_CALL(DIRECTORY, CWD, 0, 1) },
	{ __NR_mkdirat, 296, TYPE(file_create), CREATE_CALL(DIRECTORY, 0, 1, 2) },
	{ __NR_mknod, 14, TYPE(file_create), CREATE_CALL(NODE, CWD, 0, 1) },
	{ __NR_mknodat, 297, TYPE(file_create), CREATE_CALL(NODE, 0, 1, 2) },
	{ __NR_symlink, 83, TYPE(file_create), CREATE_CALL(SYMLINK, CWD, 1, 0) },
	{ __NR_symlinkat, 304, TYPE(file_create), CREATE_CALL(SYMLINK, 1, 2, 0) },
	{ __NR_link, 9, TYPE(file_create), CREATE_CALL(HARDLINK, CWD, 1, 0) },
	{ __NR_linkat, 303, TYPE(file_create), CREATE_CALL(HARDLINK, 2, 3, 1) },

	{ __NR_rename, 38, TYPE(file_rename), RENAME_CALL(CWD, 0, CWD, 1, NO) },
	{ __NR_renameat, 302, TYPE(file_rename), RENAME_CALL(0, 1, 2, 3, NO) },
	{ __NR_renameat2, 353, TYPE(file_rename), RENAME_CALL(0, 1, 2, 3, 4) },

	{ __NR_unlink, 10, TYPE(file_unlink), UNLINK_CALL(0, CWD, 0, NO) },
	{ __NR_unlinkat, 301, TYPE(file_unlink), UNLINK_CALL(0, 0, 1, 2) },
	{ __NR_rmdir, 40, TYPE(file_unlink), UNLINK_CALL(PROBE_CALL_DIRECTORY, CWD, 0, NO) },

	{ __NR_chmod, 15, TYPE(file_attr), MODE_CALL(0, CWD, 0, 1, NO) },
	{ __NR_fchmod, 94, TYPE(file_attr), MODE_CALL(BY_FD, 0, NO, 1, NO) },
	{ __NR_fchmodat, 306, TYPE(file_attr), MODE_CALL(0, 0, 1, 2, NO) },
	{ __NR_fchmodat2, 452, TYPE(file_attr), MODE_CALL(0, 0, 1, 2, 3) },
	{ __NR_chown, 212, TYPE(file_attr), OWNER_CALL(0, CWD, 0, 1, 2, NO) },
	{ __NR_lchown, 198, TYPE(file_attr), OWNER_CALL(0, CWD, 0, 1, 2, NO) },
	{ __NR_fchown, 207, TYPE(file_attr), OWNER_CALL(BY_FD, 0, NO, 1, 2, NO) },
	{ __NR_fchownat, 298, TYPE(file_attr), OWNER_CALL(0, 0, 1, 2, 3, 4) },
	{ -1, 182, TYPE(file_attr), OWNER_CALL(ID16, CWD, 0, 1, 2, NO) },
	{ -1, 16, TYPE(file_attr), OWNER_CALL(ID16, CWD, 0, 1, 2, NO) },
	{ -1, 95, TYPE(file_attr), OWNER_CALL(ID16 | BY_FD, 0, NO, 1, 2, NO) },
	{ __NR_setxattr, 226, TYPE(file_attr), XATTR_CALL(0, CWD, 0, 1, NO) },
	{ __NR_lsetxattr, 227, TYPE(file_attr), XATTR_CALL(0, CWD, 0, 1, NO) },
	{ __NR_fsetxattr, 228, TYPE(file_attr), XATTR_CALL(BY_FD, 0, NO, 1, NO) },
	{ __NR_setxattrat, 463, TYPE(file_attr), XATTR_CALL(0, 0, 1, 3, 2) },

	{ __NR_execve, 11, TYPE(process_exec), EXEC_CALL(CWD, 0, 1, NO) },
	{ __NR_execveat, 358, TYPE(process_exec), EXEC_CALL(0, 1, 2, 4) },
	{ 520, -1, TYPE(process_exec), EXEC_CALL(CWD, 0, 1, NO) },
	{ 545, -1, TYPE(process_exec), EXEC_CALL(0, 1, 2, 4) },

	{ __NR_setuid, 213, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_setgid, 214, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_setreuid, 203, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_setregid, 204, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_setgroups, 206, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_setresuid, 208, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_setresgid, 210, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_setfsuid, 215, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_setfsgid, 216, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ __NR_capset, 185, TYPE(process_setid), PLAIN_CALL(SETID, 0) },
	{ -1, 23, TYPE(process_setid), PLAIN_CALL(SETID, 0) },  /* setuid16 */
	{ -1, 46, TYPE(process_setid), PLAIN_CALL(SETID, 0) },  /* setgid16 */
	{ -1, 70, TYPE(process_setid), PLAIN_CALL(SETID, 0) },  /* setreuid16 */
	{ -1, 71, TYPE(process_setid), PLAIN_CALL(SETID, 0) },  /* setregid16 */
	{ -1, 81, TYPE(process_setid), PLAIN_CALL(SETID, 0) },  /* setgroups16 */
	{ -1, 138, TYPE(process_setid), PLAIN_CALL(SETID, 0) }, /* setfsuid16 */
	{ -1, 139, TYPE(process_setid), PLAIN_CALL(SETID, 0) }, /* setfsgid16 */
	{ -1, 164, TYPE(process_setid), PLAIN_CALL(SETID, 0) }, /* setresuid16 */
	{ -1, 170, TYPE(process_setid), PLAIN_CALL(SETID, 0) }, /* setresgid16 */

	{ __NR_ptrace, 26, TYPE(process_ptrace), PLAIN_CALL(PTRACE, FAILED) },
	{ __NR_process_vm_writev, 348, TYPE(process_ptrace), PLAIN_CALL(VM_WRITE, FAILED) },
	{ 521, -1, TYPE(process_ptrace), PLAIN_CALL(PTRACE, FAILED) },
	{ 540, -1, TYPE(process_ptrace), PLAIN_CALL(VM_WRITE, FAILED) },

	{ __NR_connect, 362, TYPE(net_connect), PLAIN_CALL(CONNECT, FAILED) },
	{ __NR_bind, 361, TYPE(net_bind), PLAIN_CALL(BIND, FAILED) },
	{ __NR_listen, 363, TYPE(net_listen), PLAIN_CALL(LISTEN, 0) },
	{ __NR_accept, -1, TYPE(net_accept), PLAIN_CALL(ACCEPT, 0) },
	{ __NR_accept4, 364, TYPE(net_accept), PLAIN_CALL(ACCEPT, 0) },
	{ -1, 102, TYPE(net_connect) | TYPE(net_bind) | TYPE(net_listen) | TYPE(net_accept),
	  PLAIN_CALL(SOCKETCALL, FAILED) },
};

/* Operations that are younger than the headers of Debian 12. */
#define OP_BIND 56
#define OP_LISTEN 57

static const struct {
	uint8_t opcode;
	uint64_t types;
} operations[] = {
	{ IORING_OP_OPENAT, OPEN },
	{ IORING_OP_OPENAT2, OPEN },
	{ IORING_OP_UNLINKAT, TYPE(file_unlink) },
	{ IORING_OP_RENAMEAT, TYPE(file_rename) },
	{ IORING_OP_MKDIRAT, TYPE(file_create) },
	{ IORING_OP_SYMLINKAT, TYPE(file_create) },
	{ IORING_OP_LINKAT, TYPE(file_create) },
	{ IORING_OP_SETXATTR, TYPE(file_attr) },
	{ IORING_OP_FSETXATTR, TYPE(file_attr) },
	{ IORING_OP_CONNECT, TYPE(net_connect) },
	{ IORING_OP_ACCEPT, TYPE(net_accept) },
	{ OP_BIND, TYPE(net_bind) },
	{ OP_LISTEN, TYPE(net_listen) },
};

static uint64_t operations_of(uint64_t types)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].types & types)
			mask |= 1ull << operations[i].opcode;
	return mask;
}

void probe_calls_fill(struct probe *probe, uint64_t types)
{
	static const struct probe_call none;
	struct probe_call *calls = probe->calls;

	probe->uring_opcodes = operations_of(types);
	probe->bpf->bss->uring_opcodes = probe->uring_opcodes;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *row = &rows[i];
		const struct probe_call *call = row->types & types ? &row->call : &none;

		if (row->native >= 0)
			calls[row->native] = *call;
		if (row->compat >= 0)
			calls[PROBE_CALLS_COMPAT + row->compat] = *call;
	}
	memcpy(probe->bpf->data_calls->calls, calls, sizeof(probe->calls));
}
