/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Exec - a new image, and attempts at one.
 *
 * A success is seen at sched_process_exec: the new address space is alone, so that nobody can
 * change arguments and environment under us, and the file is the one that runs.  A failure is
 * seen at sys_exit, by what the caller's memory says then.
 */
#ifndef RINGFORT_SENSOR_BPF_EXEC_BPF_H
#define RINGFORT_SENSOR_BPF_EXEC_BPF_H

#include "../../event/backstop.h"
#include "path.bpf.h"

#define MAX_ENV 4096
#define ENV_VARIABLES 2048
#define ENV_TRUNCATED (1u << 31)
#define MAX_ARGC 8192 /* of a failed call, where each costs a read */

struct exec_record {
	struct probe_record head;
	struct ringfort_process_exec body;
};

#define EXEC_OFFSET(field) \
	(offsetof(struct exec_record, body) + offsetof(struct ringfort_process_exec, field))

const volatile struct probe_env env;

struct env_walk {
	uint64_t from;
	uint64_t end;
	uint32_t at;
	uint32_t limit;
	uint32_t truncated;
	uint32_t pad;
};

static long env_step(uint32_t index, struct env_walk *walk)
{
	struct scratch *s = scratch_get();
	uint32_t at = walk->at & RECORD_MASK;
	long n;

	if (!s || walk->from >= walk->end)
		return 1;
	n = bpf_probe_read_user_str(&s->record[at], MAX_ENV, (void *)walk->from);
	if (n <= 0) {
		walk->truncated = 1;
		return 1;
	}
	walk->from += n;
	if (!probe_env_wanted(&env, &s->record[at]))
		return 0;
	if (n == MAX_ENV || at + n > walk->limit) {
		walk->truncated = 1;
		return 1;
	}
	walk->at = at + n;
	return 0;
}

/* Append those variables that are asked for.  Return: the offset behind, or with ENV_TRUNCATED. */
__noinline uint32_t walk_env(uint64_t from, uint64_t end, uint32_t at)
{
	struct env_walk walk = {
		.from = from,
		.end = end,
		.at = at & RECORD_MASK,
		.limit = (at & RECORD_MASK) + MAX_ENV,
	};

	bpf_loop(ENV_VARIABLES, env_step, &walk, 0);
	if (walk.truncated || walk.from < walk.end)
		walk.at |= ENV_TRUNCATED;
	return walk.at;
}

/*
 * Append the environment: the whole of a short one, of which the reader takes what is asked for.
 * It lies in one piece, and a look at each variable here costs more than to carry them all.
 */
static __always_inline uint32_t put_env(struct scratch *s, struct exec_record *record,
					struct mm_struct *mm, uint32_t at)
{
	uint64_t from = mm->env_start, n = mm->env_end - from, size = n;
	uint32_t end;

	at &= RECORD_MASK;
	/* The verifier of 6.1 does not conclude from n - 1 to n: it is shown a bound of its own. */
	barrier_var(size);
	size &= 2 * MAX_ENV - 1;
	if (n - 1 < MAX_ENV && !bpf_probe_read_user(&s->record[at], size, (void *)from)) {
		end = at + n;
		s->record[(end - 1) & RECORD_MASK] = '\0';
		record->body.flags |= PROBE_EXEC_ENV_WHOLE;
	} else {
		end = walk_env(from, from + n, at);
		if (end & ENV_TRUNCATED)
			record->body.flags |= 1u << RINGFORT_EXEC_ENV_TRUNCATED;
		end &= RECORD_MASK;
	}
	if (end > at)
		record->body.env = span_of(at, end);
	return end;
}

static __always_inline uint32_t character_device(uint32_t rdev)
{
	uint32_t major = rdev >> 20;

	if (rdev == (1u << 20 | 3))
		return RINGFORT_STDIO_NULL;
	/* vt and serial, /dev/tty and console, pseudo terminals, the serial lines of ARM and USB,
	 * the hypervisor's console */
	if (major == 4 || major == 5 || (major >= 136 && major <= 143) || major == 188 ||
	    major == 204 || major == 229)
		return RINGFORT_STDIO_TTY;
	return RINGFORT_STDIO_DEVICE;
}

static __always_inline uint32_t stdio_kind(uint64_t file)
{
	uint64_t inode;

	if (!file)
		return RINGFORT_STDIO_CLOSED;
	inode = LOAD_ADDRESS(file, struct file, f_inode);
	switch (LOAD(inode, struct inode, i_mode) & S_IFMT) {
	case S_IFREG:
		return RINGFORT_STDIO_FILE;
	case S_IFDIR:
		return RINGFORT_STDIO_DIRECTORY;
	case S_IFCHR:
		return character_device(LOAD(inode, struct inode, i_rdev));
	case S_IFBLK:
		return RINGFORT_STDIO_DEVICE;
	case S_IFIFO:
		return RINGFORT_STDIO_PIPE;
	case S_IFSOCK:
		return RINGFORT_STDIO_SOCKET;
	default:
		return RINGFORT_STDIO_OTHER;
	}
}

static __always_inline void put_stdio(struct ringfort_process_exec *body)
{
	body->stdin_is = stdio_kind(file_of(0));
	body->stdout_is = stdio_kind(file_of(1));
	body->stderr_is = stdio_kind(file_of(2));
}

/* Append the working directory, leaf first. */
static __always_inline uint32_t put_cwd(struct scratch *s, struct exec_record *record,
					struct task_struct *task, uint32_t at)
{
	uint32_t end;

	if (!task->fs)
		return at;
	end = walk_path(s, &task->fs->pwd, at) & RECORD_MASK;
	record->body.cwd = span_of(at, end);
	return end;
}

/* Append the arguments.  They lie in one piece, a NUL byte after each. */
static __always_inline uint32_t put_argv(struct scratch *s, struct exec_record *record,
					 struct mm_struct *mm)
{
	uint32_t at = sizeof(*record);
	uint64_t from = mm->arg_start, n = mm->arg_end - from;

	if (n > MAX_ARGV) {
		n = MAX_ARGV;
		record->body.flags |= 1u << RINGFORT_EXEC_ARGV_TRUNCATED;
	}
	if (n == 0)
		return at;
	/* Just written by the kernel itself, so resident; a page that was reclaimed since is a cut. */
	if (bpf_probe_read_user(&s->record[at], n, (void *)from)) {
		record->body.flags |= 1u << RINGFORT_EXEC_ARGV_TRUNCATED;
		return at;
	}
	s->record[at + n - 1] = '\0';
	record->body.argv = span_of(at, at + n);
	return at + n;
}

static __always_inline uint32_t put_kernel_string(struct scratch *s, struct ringfort_span *span,
						  const char *from, uint32_t at)
{
	long n = bpf_probe_read_kernel_str(&s->record[at & RECORD_MASK], MAX_PATH, from);

	if (n <= 0)
		return at;
	*span = span_of(at, at + n);
	return at + n;
}

/*
 * A script: its own inode is gone here, only its name as called is left.  The working directory
 * and that name lie side by side, so that a relative name costs no second walk.
 */
static __always_inline void put_script(struct scratch *s, struct exec_record *record,
				       uint32_t begin, uint32_t called)
{
	struct ringfort_file *script = &record->body.script;

	record->body.flags |= 1u << RINGFORT_EXEC_SCRIPT;
	script->quality = RINGFORT_QUALITY_CALLER;
	script->mnt_ns = mount_namespace(bpf_get_current_task_btf());
	if (script->mnt_ns != host_mnt_ns)
		script->flags |= 1u << RINGFORT_FILE_FOREIGN_NS;
	script->path = record->body.called;
	if (s->record[called & RECORD_MASK] == '/')
		return;
	script->flags |= PROBE_FILE_RELATIVE;
	script->path.offset = begin;
	script->path.length += called - begin;
}

/* Append where and as what the image was called: working directory, path, interpreter. */
static __always_inline uint32_t put_origin(struct scratch *s, struct exec_record *record,
					   struct task_struct *task, struct linux_binprm *bprm,
					   uint32_t at)
{
	const char *filename = bprm->filename, *interp = bprm->interp;
	uint32_t begin = at, called;

	at = put_cwd(s, record, task, at);
	/* An empty name closes the folder's; the root is one itself. */
	if (at - begin > 1)
		s->record[at++ & RECORD_MASK] = '\0';
	called = at;
	at = put_kernel_string(s, &record->body.called, filename, at);
	if (interp != filename) {
		put_script(s, record, begin, called);
		at = put_kernel_string(s, &record->body.interpreter, interp, at);
	}
	return at;
}

static __always_inline void put_privilege(struct exec_record *record, struct task_struct *task,
					  struct linux_binprm *bprm)
{
	if (BPF_CORE_READ_BITFIELD_PROBED(bprm, secureexec))
		record->body.flags |= 1u << RINGFORT_EXEC_SECURE;
	bpf_probe_read_kernel(&record->body.cap_effective, sizeof(record->body.cap_effective),
			      &task->cred->cap_effective);
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, uint32_t);
	__type(value, struct backstop);
} backstops SEC(".maps");

/* Wakes who lets the stopped go; they themselves stand in the backstop. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} stops SEC(".maps");

const volatile bool can_kill; /* this kernel lets a program like ours send signals */

static __always_inline bool is_among(const uint64_t devices[BACKSTOP_PLACES], uint64_t dev)
{
	uint32_t i;

	for (i = 0; i < BACKSTOP_PLACES; i++)
		if (devices[i] == dev)
			return true;
	return false;
}

/* Does this image begin to run though nobody said that it may? */
static __always_inline uint32_t is_unguarded(struct backstop *backstop, uint64_t dev, uint64_t ino)
{
	uint32_t way, at;

	if (!dev || !is_among(backstop->guarded, dev))
		return 0;
	at = backstop_first(dev, ino);
	for (way = 0; way < BACKSTOP_WAYS; way++) {
		const struct backstop_entry *entry =
			&backstop->entries[(at + way) & (BACKSTOP_SETS * BACKSTOP_WAYS - 1)];

		if (entry->ino == ino && entry->dev == dev &&
		    (entry->epoch == backstop->epoch || bpf_ktime_get_ns() - entry->stamp_ns < BACKSTOP_NS))
			return 0;
	}
	__sync_fetch_and_add(&backstop->n_unguarded, 1);
	return 1u << RINGFORT_EXEC_UNGUARDED;
}

/*
 * Could root alone have made this file what it is?  Its mode speaks for its access list as well, whose
 * mask stands in the group's bits.  What a FUSE server says of owners is worth nothing.
 */
static __always_inline bool is_roots(uint64_t inode, uint64_t sb)
{
	return LOAD(sb, struct super_block, s_magic) != FUSE_SUPER_MAGIC &&
	       LOAD(inode, struct inode, i_uid.val) == 0 && !(LOAD(inode, struct inode, i_mode) & 022);
}

/* Which kind of images that nobody is asked about it is; _BACKSTOP_KIND_N: none. */
static __always_inline uint32_t kind_of(const struct backstop *backstop, uint64_t inode, bool memfd)
{
	uint64_t sb = LOAD_ADDRESS(inode, struct inode, i_sb);

	if (memfd)
		return BACKSTOP_MEMFD;
	if (is_among(backstop->named, LOAD(sb, struct super_block, s_dev)))
		return _BACKSTOP_KIND_N;
	if (LOAD(LOAD_ADDRESS(sb, struct super_block, s_user_ns), struct user_namespace, level))
		return BACKSTOP_USER_MOUNT;
	return is_roots(inode, sb) ? _BACKSTOP_KIND_N : BACKSTOP_ELSEWHERE;
}

/* Without the first process there is no host; a helper that the kernel starts serves that; ours are ours. */
static __always_inline bool is_spared(const struct backstop *backstop)
{
	struct task_struct *task = bpf_get_current_task_btf(), *parent = task->real_parent;

	return task->tgid == 1 || parent->flags & PF_KTHREAD ||
	       (backstop->reach.supervisor && (uint64_t)parent->tgid == backstop->reach.supervisor);
}

/* Is it said about this user at all? */
static __always_inline bool is_reached(const struct backstop *backstop)
{
	uint32_t uid = bpf_get_current_task_btf()->cred->uid.val;

	return uid >= backstop->reach.uid_first && uid <= backstop->reach.uid_last;
}

static __always_inline uint32_t kill_image(struct backstop *backstop, uint32_t kind)
{
	if (bpf_send_signal(SIGKILL))
		return 0;
	__sync_fetch_and_add(&backstop->n_killed[kind & (BACKSTOP_KINDS - 1)], 1);
	return 1u << RINGFORT_EXEC_KILLED;
}

static __always_inline struct backstop *backstop_get(void)
{
	uint32_t zero = 0;

	return bpf_map_lookup_elem(&backstops, &zero);
}

/* One who is stopped, or a place for one.  By bpf_loop(), as the verifier walks each turn of a plain loop. */
struct stop_search {
	uint64_t start_ns;
	uint32_t pid;
	uint32_t at; /* BACKSTOP_STOPS: none */
};

_Static_assert((BACKSTOP_STOPS & (BACKSTOP_STOPS - 1)) == 0, "places are found by a mask");

static __always_inline struct backstop_stop *stop_at(uint32_t at)
{
	struct backstop *backstop = backstop_get();

	return backstop ? &backstop->stops[at & (BACKSTOP_STOPS - 1)] : NULL;
}

static long find_stopped(uint32_t index, struct stop_search *search)
{
	const struct backstop_stop *stop = stop_at(index);

	if (!stop)
		return 1;
	if (stop->pid != search->pid || stop->start_ns != search->start_ns || stop->state != BACKSTOP_STOPPED)
		return 0;
	search->at = index;
	return 1;
}

static long take_free(uint32_t index, struct stop_search *search)
{
	struct backstop_stop *stop = stop_at(index);

	if (!stop)
		return 1;
	if (stop->state != BACKSTOP_FREE ||
	    __sync_val_compare_and_swap(&stop->state, BACKSTOP_FREE, BACKSTOP_TAKEN) != BACKSTOP_FREE)
		return 0;
	search->at = index;
	return 1;
}

/*
 * Until it is judged.  A tracer could keep the signal from it, so what is traced cannot wait: it is killed.
 *
 * Not inlined: the verifier would look at it anew for each way that leads here.
 */
__noinline uint32_t stop_image(uint32_t kind)
{
	struct task_struct *task = bpf_get_current_task_btf(), *parent = task->real_parent;
	uint64_t now_ns = bpf_ktime_get_ns(), start_ns = task->group_leader->start_boottime;
	struct stop_search search = { .start_ns = start_ns, .pid = task->tgid, .at = BACKSTOP_STOPS };
	struct backstop *backstop = backstop_get();
	struct backstop_stop *stop;

	if (!backstop)
		return 0;
	kind &= BACKSTOP_KINDS - 1;
	/* A process that waits for a verdict executes nothing: somebody else has let it go. */
	bpf_loop(BACKSTOP_STOPS, find_stopped, &search, 0);
	if (task->ptrace || search.at < BACKSTOP_STOPS)
		return kill_image(backstop, kind);
	bpf_loop(BACKSTOP_STOPS, take_free, &search, 0);
	stop = search.at < BACKSTOP_STOPS ? stop_at(search.at) : NULL;
	if (!stop) {
		__sync_fetch_and_add(&backstop->n_unjudged[kind], 1);
		return backstop->reach.closed ? kill_image(backstop, kind) : 0;
	}
	stop->pid = task->tgid;
	stop->start_ns = start_ns;
	stop->stamp_ns = now_ns;
	stop->parent = parent->signal->flags & SIGNAL_STOP_STOPPED ? 0 : parent->tgid;
	stop->parent_start_ns = parent->group_leader->start_boottime;
	stop->kind = kind;
	if (bpf_send_signal(SIGSTOP)) {
		stop->state = BACKSTOP_FREE;
		return 0;
	}
	__sync_fetch_and_add(&backstop->n_stopped[kind], 1);
	__sync_lock_test_and_set(&stop->state, BACKSTOP_STOPPED);
	bpf_ringbuf_output(&stops, &now_ns, sizeof(now_ns), 0);
	return 1u << RINGFORT_EXEC_STOPPED;
}

/* What the operator said about an image that the kernel asks nobody about.  The signal comes before it runs. */
static __always_inline uint32_t police(struct backstop *backstop, uint64_t inode, bool memfd)
{
	uint32_t kind = kind_of(backstop, inode, memfd), says, flags = 1u << RINGFORT_EXEC_OUTSIDE;

	if (kind >= _BACKSTOP_KIND_N)
		return 0;
	says = BACKSTOP_SAID(backstop->says, kind);
	if (says == BACKSTOP_IGNORE)
		return 0;
	if (kind == BACKSTOP_USER_MOUNT)
		flags |= 1u << RINGFORT_EXEC_USER_MOUNT;
	__sync_fetch_and_add(&backstop->n_outside[kind], 1);
	if (says == BACKSTOP_REPORT || !can_kill || is_spared(backstop))
		return flags;
	return flags | (says == BACKSTOP_STOP ? stop_image(kind) : kill_image(backstop, kind));
}

/* Flags of an image that begins to run: was it decided about, and may it go on? */
__noinline uint32_t judge_image(uint64_t file, uint64_t dev, uint64_t ino, uint32_t memfd)
{
	struct backstop *backstop = backstop_get();
	uint32_t flags = 0;

	if (!backstop)
		return 0;
	if (backstop->active)
		flags |= is_unguarded(backstop, dev, ino);
	if (backstop->says && is_reached(backstop))
		flags |= police(backstop, LOAD_ADDRESS(file, struct file, f_inode), memfd);
	return flags;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	struct scratch *s = scratch_get();
	struct exec_record *record;
	uint32_t at, file_flags;

	if (!s)
		return 0;
	record = (struct exec_record *)s->record;
	__builtin_memset(&record->body, 0, sizeof(record->body));
	s->call.via = RINGFORT_VIA_SYSCALL;
	at = put_argv(s, record, task->mm);
	record->body.argc = bprm->argc;
	at = put_file(address_of(s, bprm->file), EXEC_OFFSET(file), at) & RECORD_MASK;
	file_flags = record->body.file.flags;
	if (file_flags & 1u << RINGFORT_FILE_MEMFD)
		record->body.flags |= 1u << RINGFORT_EXEC_MEMFD;
	if (file_flags & 1u << RINGFORT_FILE_DELETED)
		record->body.flags |= 1u << RINGFORT_EXEC_DELETED;
	record->body.flags |= judge_image(address_of(s, bprm->file), record->body.file.dev,
					  record->body.file.ino, file_flags & 1u << RINGFORT_FILE_MEMFD);
	at = put_origin(s, record, task, bprm, at);
	at = put_env(s, record, task->mm, at);
	put_stdio(&record->body);
	put_privilege(record, task, bprm);
	send(ringfort_type_process_exec, at);
	return 0;
}

struct argv_walk {
	uint64_t from;
	uint32_t at;
	uint32_t end;
	uint32_t argc;
	uint32_t compat;
	uint32_t truncated;
	uint32_t pad;
};

static __always_inline uint64_t read_pointer(uint64_t from, bool compat)
{
	uint64_t pointer = 0;

	bpf_probe_read_user(&pointer, compat ? 4 : 8, (void *)from);
	return pointer;
}

/* One argument of a failed call; those behind the limit are counted only. */
static long argv_step(uint32_t index, struct argv_walk *walk)
{
	struct scratch *s = scratch_get();
	uint64_t pointer = read_pointer(walk->from, walk->compat);
	uint32_t at = walk->at & RECORD_MASK, room = walk->end - at;
	long n;

	if (!s || !pointer)
		return 1;
	walk->argc++;
	walk->from += walk->compat ? 4 : 8;
	if (walk->truncated)
		return 0;
	if (room == 0 || room > MAX_ARGV) {
		walk->truncated = 1;
		return 0;
	}
	n = bpf_probe_read_user_str(&s->record[at], room, (void *)pointer);
	if (n > 0)
		walk->at = at + n;
	walk->truncated = n <= 0 || (uint32_t)n == room;
	return 0;
}

/* Append the arguments of a failed call, from the caller's memory. */
static __always_inline uint32_t put_called_argv(struct scratch *s, struct exec_record *record,
						uint32_t at)
{
	const struct call *call = &s->call;
	struct argv_walk walk = {
		.from = call->args[call->is.value & 7],
		.at = at,
		.end = at + MAX_ARGV,
		.compat = call->compat,
	};

	if (walk.from)
		bpf_loop(MAX_ARGC, argv_step, &walk, 0);
	record->body.argc = walk.argc;
	if (walk.truncated || walk.argc == MAX_ARGC)
		record->body.flags |= 1u << RINGFORT_EXEC_ARGV_TRUNCATED;
	walk.at &= RECORD_MASK;
	if (walk.at > at)
		record->body.argv = span_of(at, walk.at);
	return walk.at;
}

__noinline int handle_exec_failed(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *s = scratch_get();
	struct exec_record *record;
	const struct call *call;
	uint32_t at;

	if (!s)
		return 0;
	call = &s->call;
	/* A success was told of by sched_process_exec; a mere check is no attempt. */
	if (call->result >= 0 || call->args[call->is.flags & 7] & AT_EXECVE_CHECK)
		return 0;
	record = (struct exec_record *)s->record;
	__builtin_memset(&record->body, 0, sizeof(record->body));
	record->body.error = error_of(call);
	at = put_called_argv(s, record, sizeof(*record));
	at = put_target(s, EXEC_OFFSET(file), at) & RECORD_MASK;
	at = put_string(call->args[call->is.path & 7], EXEC_OFFSET(called), at) & RECORD_MASK;
	at = put_cwd(s, record, task, at);
	put_stdio(&record->body);
	bpf_probe_read_kernel(&record->body.cap_effective, sizeof(record->body.cap_effective),
			      &task->cred->cap_effective);
	send(ringfort_type_process_exec, at);
	return 0;
}

#endif
