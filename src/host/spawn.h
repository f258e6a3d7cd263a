/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Spawn - start foreign code in a sandbox, and end it.
 *
 * The supervisor calls this: as root (capabilities used: sys_admin, setuid, setgid, setpcap,
 * sys_rawio, kill), from its only thread.  host_spawn() blocks for the few milliseconds until the
 * foreign program is executed, five seconds at most.  What the program gets:
 *
 *   identity    the given uid and gid, no other groups, no capabilities, no_new_privs, and a user
 *               namespace in which only its own uid exists
 *   namespaces  its own of every kind; it is pid 1 of its pid namespace, so all of its children
 *               die with it.  (The kernel hides default signals from pid 1: abort() shows up as
 *               SIGSEGV, and SIGTERM without a handler does nothing; use spawned_kill().)
 *   files       an empty root in memory with read-only views of /usr/lib, /lib*, ld.so.cache,
 *               /dev/null and `binds`; no /proc; nothing writable at all
 *   calls       the list in seccomp.c; execve(2) works once, for this very start
 *   Landlock    where the kernel has it: execute nothing but the program and the dynamic loader,
 *               no network, no signals and abstract sockets across its border
 *   limits      those of the cgroup that it is born into, and rlimits besides
 *   descriptors 0 is /dev/null, 1 and 2 are one pipe whose other end you get, then `fds`; no other
 *   environment exactly what is given
 *
 * A program built with AddressSanitizer runs here with memory_mb 0 (its shadow is beyond any limit)
 * and ASAN_OPTIONS=detect_leaks=0 (it has no /proc).
 *
 * It is killed when the thread that called host_spawn() dies.  Wait for it by its pidfd; never
 * reap children with waitpid(-1).  Nothing here logs.
 */
#ifndef RINGFORT_HOST_SPAWN_H
#define RINGFORT_HOST_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cgroup;

/* Namespaces that it keeps in common with the host: exceptions that an operator granted. */
#define SPAWN_SHARE_NETWORK (1u << 0) /* IPv4 and IPv6 sockets are then allowed */
#define SPAWN_SHARE_PID (1u << 1)
#define SPAWN_SHARE_IPC (1u << 2)
#define SPAWN_SHARE_UTS (1u << 3)
#define SPAWN_SHARE_TIME (1u << 4)
#define SPAWN_SHARE_ALL ((1u << 5) - 1)

#define SPAWN_MAX_BINDS 24
#define SPAWN_MAX_FDS 16
#define SPAWN_MAX_TARGET 63 /* highest number of an inherited descriptor */

/* A file or folder of the host (mounts below it excluded), shown read-only. */
struct spawn_bind {
	const char *source; /* path on the host */
	const char *target; /* path in the sandbox, not below another target */
	bool executable;    /* may be executed and mapped executable; content may not */
};

/* The open file is common to both: what it can do with it, O_NONBLOCK included, it can do to you. */
struct spawn_fd {
	int fd;     /* of the caller, stays open there */
	int target; /* its number in the program, 3 to SPAWN_MAX_TARGET, each once */
};

struct spawn_options {
	const char *executable;         /* path in the sandbox: an ELF program below a bind */
	const char *const *arguments;   /* argv, NULL-terminated, argv[0] included */
	const char *const *environment; /* NULL-terminated, or NULL for none */
	const struct spawn_bind *binds;
	size_t n_binds;
	const struct spawn_fd *fds;
	size_t n_fds;
	struct cgroup *cgroup;          /* where it is born, or NULL: then only rlimits hold it */
	uid_t uid;                      /* uid and gid, not 0; give no two live programs the same */
	uint32_t share;                 /* SPAWN_SHARE_* */
	bool urgent;                    /* somebody waits for its answers: no batch task */
	uint32_t memory_mb;             /* RLIMIT_DATA; see memory in cgroup_limits; 0: none */
	uint32_t n_pids;                /* RLIMIT_NPROC; 0: 1 */
	uint32_t n_files;               /* RLIMIT_NOFILE, above every target; 0: 64 */
	void (*born)(void *userdata, pid_t pid); /* called before it executes anything; or NULL */
	void *userdata;
};

/* Initialise with SPAWNED_NONE; you own the descriptors: spawned_done(). */
struct spawned {
	pid_t pid;  /* as the host sees it */
	int pidfd;  /* readable when it has ended */
	int output; /* its standard output and error: non-blocking, yours to bound */
};

#define SPAWNED_NONE ((struct spawned){ .pid = 0, .pidfd = -1, .output = -1 })

struct spawned_exit {
	int code;   /* exit status, when signal is 0 */
	int signal; /* that ended it, or 0; SIGSYS: a call that seccomp.c kills for */
	bool core;  /* a core was dumped */
};

/**
 * host_spawn() - start a program
 * @ret_spawned: untouched on failure
 * @ret_step:    what failed: a static string ("drop groups"), or the source of a bind that could not
 *               be mounted; may be NULL; untouched on success
 *
 * Return: 0; -EINVAL bad options; -ETIMEDOUT; or the errno of the step that failed, after which no
 *         process, mount or descriptor is left.
 */
int host_spawn(const struct spawn_options *options, struct spawned *ret_spawned, const char **ret_step);

/** spawned_kill() - SIGKILL; its whole pid namespace goes with it.  Allocates and opens nothing. */
int spawned_kill(const struct spawned *spawned);

/**
 * spawned_reap() - collect it, without waiting
 *
 * Return: 1 it has ended, *ret_exit is set, pid is 0 from now on; 0 it lives; -ECHILD.
 */
int spawned_reap(struct spawned *spawned, struct spawned_exit *ret_exit);

/** spawned_done() - kill and reap it if need be (waits for its death), close the descriptors */
void spawned_done(struct spawned *spawned);

/** host_landlock_abi() - version of Landlock that this kernel offers, 0: none */
int host_landlock_abi(void);

#endif
