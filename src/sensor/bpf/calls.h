/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Calls - how the dispatcher at sys_exit knows what a system call is to us.
 *
 * User space fills one struct probe_call per system call number, only for calls that some
 * subscribed type needs; the programs read it.  Arguments are named by their number, so that one
 * handler serves a whole family of calls.
 */
#ifndef RINGFORT_SENSOR_BPF_CALLS_H
#define RINGFORT_SENSOR_BPF_CALLS_H

#include <stdbool.h>
#include <stdint.h>

/* Native calls (with x32's own from 512), then those of the 32-bit table. */
#define PROBE_CALLS_COMPAT 1024
#define PROBE_CALLS 2048

/* Where a call has no such argument: one that is always AT_FDCWD, and one that is always 0. */
#define PROBE_ARG_CWD 6
#define PROBE_ARG_ZERO 7

enum probe_handler {
	PROBE_HANDLE_NONE,
	PROBE_HANDLE_OPEN,
	PROBE_HANDLE_CREATE,
	PROBE_HANDLE_RENAME,
	PROBE_HANDLE_UNLINK,
	PROBE_HANDLE_ATTR,
	PROBE_HANDLE_EXEC,
	PROBE_HANDLE_SETID,
	PROBE_HANDLE_PTRACE,
	PROBE_HANDLE_VM_WRITE,
	PROBE_HANDLE_CONNECT,
	PROBE_HANDLE_BIND,
	PROBE_HANDLE_LISTEN,
	PROBE_HANDLE_ACCEPT,
	PROBE_HANDLE_SOCKETCALL,
};

/* What a handler must know beside the arguments; a bit each. */
#define PROBE_CALL_FAILED (1u << 0)      /* failed calls are events too */
#define PROBE_CALL_OPEN_FLAGS (1u << 1)  /* argument `flags` has the flags of open(2) */
#define PROBE_CALL_OPEN_HOW (1u << 2)    /* argument `flags` points to a struct open_how */
#define PROBE_CALL_OPEN_CREAT (1u << 3)  /* creat(2) */
#define PROBE_CALL_BY_FD (1u << 4)       /* argument `dirfd` is the file itself */
#define PROBE_CALL_DIRECTORY (1u << 5)   /* rmdir(2) */
#define PROBE_CALL_NO_FD (1u << 6)       /* io_uring: what was opened has no descriptor */
#define PROBE_CALL_ID16 (1u << 7)        /* chown(2) of the 32-bit table: ids of 16 bits */
#define PROBE_CALL_ASKED (1u << 8)       /* io_uring: seen before it ran, the result is unknown */

struct probe_call {
	uint8_t handler; /* enum probe_handler */
	uint8_t kind;    /* RINGFORT_CREATE_*, RINGFORT_ATTR_* */
	uint16_t bits;   /* PROBE_CALL_* */
	/* Numbers of arguments. */
	uint8_t dirfd;
	uint8_t path;
	uint8_t to_dirfd;
	uint8_t to_path;
	uint8_t flags;
	uint8_t value;
	uint8_t value2;
	uint8_t reserved[5];
};

#define PROBE_ENV_NAMES 32
#define PROBE_ENV_NAME_SIZE 32

/*
 * The names of variables to report, "PATH=" or "LD_": a variable is compared as four words under
 * a mask.  first and second say which names are worth it, by a variable's first two bytes.
 */
struct probe_env {
	uint32_t first[256];
	uint32_t second[256];
	struct {
		uint64_t value[PROBE_ENV_NAME_SIZE / 8];
		uint64_t mask[PROBE_ENV_NAME_SIZE / 8];
	} name[PROBE_ENV_NAMES];
};

/*
 * Is this variable one of the names?  Asked in the kernel of long environments, by the reader of
 * others.  PROBE_ENV_NAME_SIZE bytes from `variable` on must be readable; what stands behind its
 * NUL byte does not matter, for no name holds one.
 */
static inline __attribute__((always_inline)) bool
probe_env_wanted(const volatile struct probe_env *env, const uint8_t *variable)
{
	uint32_t candidates = env->first[variable[0]] & env->second[variable[1]], i;
	const uint64_t *word = (const uint64_t *)variable;

	if (!candidates)
		return false;
	for (i = 0; i < PROBE_ENV_NAMES; i++) {
		if ((word[0] & env->name[i].mask[0]) != env->name[i].value[0] ||
		    (word[1] & env->name[i].mask[1]) != env->name[i].value[1] ||
		    (word[2] & env->name[i].mask[2]) != env->name[i].value[2] ||
		    (word[3] & env->name[i].mask[3]) != env->name[i].value[3])
			continue;
		if (candidates & 1u << i)
			return true;
	}
	return false;
}

#endif
