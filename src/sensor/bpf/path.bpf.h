/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Path - names of files, walked from the leaf upwards, and what identifies them.
 *
 * What is not inlined is a global function: the verifier looks at it once, whoever calls it, so
 * that addresses of kernel objects travel as plain numbers and are read with probe reads.
 */
#ifndef RINGFORT_SENSOR_BPF_PATH_BPF_H
#define RINGFORT_SENSOR_BPF_PATH_BPF_H

#include "scratch.bpf.h"

#define WALK_STEPS 128 /* names and mount points */
#define WALK_STEPS_A_TURN 4
#define WALK_TRUNCATED (1u << 31)
#define SHORT_NAME 32 /* bytes that every kernel keeps in the dentry itself */

static __always_inline uint64_t mount_of(uint64_t vfsmount)
{
	return vfsmount - OFFSET(struct mount, mnt);
}

static __always_inline uint64_t short_name_of(uint64_t dentry)
{
	if (bpf_core_field_exists(((struct dentry *)0)->d_shortname))
		return dentry + OFFSET(struct dentry, d_shortname);
	return dentry + OFFSET(struct dentry, d_iname);
}

static __always_inline uint32_t sequence_of(uint64_t dentry)
{
	return LOAD(dentry, struct dentry, d_seq.seqcount.sequence);
}

/*
 * Append the name of a dentry and a NUL byte.
 *
 * A rename since the sequence count was read shows in it.  Then, and for long names, the helper is
 * asked, which stops at the first NUL byte, so that no stale byte can pass for a name.
 */
static __always_inline uint32_t put_name(struct scratch *s, uint64_t dentry, uint32_t sequence,
					 uint32_t at)
{
	uint64_t *to = (uint64_t *)&s->record[at & RECORD_MASK];
	uint64_t inlined = short_name_of(dentry), name;
	uint32_t length;
	long n;

	name = LOAD_ADDRESS(dentry, struct dentry, d_name.name);
	length = LOAD(dentry, struct dentry, d_name.len);
	if (name == inlined && length < SHORT_NAME && !(sequence & 1)) {
		to[0] = load(inlined);
		if (length >= 8)
			to[1] = load(inlined + 8);
		if (length >= 16) {
			to[2] = load(inlined + 16);
			to[3] = load(inlined + 24);
		}
		if (sequence_of(dentry) == sequence)
			return at + (length ? length + 1 : 0);
	}
	n = bpf_probe_read_kernel_str(to, MAX_NAME, (void *)name);
	return n > 1 ? at + (uint32_t)n : at;
}

struct walk {
	uint64_t mount;
	uint64_t root;   /* of the mount */
	uint64_t dentry; /* 0: arrived */
	uint32_t begin;
	uint32_t at;
};

/* One name, or from the root of a mount to where it is mounted. */
static __always_inline void walk_step(struct scratch *s, struct walk *walk)
{
	uint64_t dentry = walk->dentry, parent;
	uint32_t sequence;

	if (dentry == walk->root) {
		parent = LOAD_ADDRESS(walk->mount, struct mount, mnt_parent);
		walk->dentry = 0;
		if (parent == walk->mount)
			return;
		walk->dentry = LOAD_ADDRESS(walk->mount, struct mount, mnt_mountpoint);
		walk->root = LOAD_ADDRESS(parent, struct mount, mnt.mnt_root);
		walk->mount = parent;
		return;
	}
	sequence = sequence_of(dentry);
	parent = LOAD_ADDRESS(dentry, struct dentry, d_parent);
	/* Its own parent and no root of a mount: memfds and the like, which have one name. */
	walk->dentry = parent == dentry ? 0 : parent;
	if (parent == dentry && walk->at != walk->begin)
		return;
	walk->at = put_name(s, dentry, sequence, walk->at);
}

/* Several steps a turn: each turn of bpf_loop() costs as much as half a name. */
static long walk_some(uint32_t index, struct walk *walk)
{
	struct scratch *s = scratch_get();
	struct walk now = *walk;
	uint32_t i;

	if (!s)
		return 1;
	now.at &= RECORD_MASK;
	for (i = 0; i < WALK_STEPS_A_TURN && now.dentry; i++)
		walk_step(s, &now);
	*walk = now;
	return !now.dentry || now.at - now.begin > MAX_PATH - WALK_STEPS_A_TURN * MAX_NAME;
}

/**
 * walk() - append the names from dentry up to the root of the mount namespace
 *
 * Each name is followed by a NUL byte.  Where nothing was to walk, one NUL byte stands.
 *
 * Return: the offset behind them, with WALK_TRUNCATED when the path is longer than we go.
 */
__noinline uint32_t walk(uint64_t vfsmount, uint64_t dentry, uint32_t at)
{
	struct scratch *s = scratch_get();
	struct walk walk = {
		.mount = mount_of(vfsmount),
		.root = LOAD_ADDRESS(vfsmount, struct vfsmount, mnt_root),
		.dentry = dentry,
		.begin = at & RECORD_MASK,
		.at = at & RECORD_MASK,
	};

	if (!s)
		return at;
	bpf_loop(WALK_STEPS / WALK_STEPS_A_TURN, walk_some, &walk, 0);
	if (walk.at == walk.begin)
		s->record[walk.at++ & RECORD_MASK] = '\0';
	return walk.dentry ? walk.at | WALK_TRUNCATED : walk.at;
}

static __always_inline uint32_t walk_path(struct scratch *s, const struct path *path, uint32_t at)
{
	uint64_t mnt = address_of(s, path->mnt);

	return walk(mnt, address_of(s, path->dentry), at);
}

static __always_inline struct ringfort_span span_of(uint32_t begin, uint32_t end)
{
	return (struct ringfort_span){ .offset = begin, .length = end - begin - 1 };
}

/* The struct ringfort_file at an offset of the record. */
static __always_inline struct ringfort_file *file_at(struct scratch *s, uint32_t offset)
{
	return (struct ringfort_file *)&s->record[offset & HEAD_MASK & ~7u];
}

/* "memfd:" in front of the only name of a file on a mount of the kernel's own */
static __always_inline bool is_memfd(struct scratch *s, uint32_t at)
{
	const uint8_t *name = &s->record[at & RECORD_MASK];

	return name[0] == 'm' && name[1] == 'e' && name[2] == 'm' && name[3] == 'f' &&
	       name[4] == 'd' && name[5] == ':';
}

/* Which mount namespace a mount is in, and whether its paths are another world's. */
static __always_inline uint32_t namespace_flags(uint64_t vfsmount, uint64_t *ret_mnt_ns,
						bool *ret_internal)
{
	uint64_t ns = LOAD_ADDRESS(mount_of(vfsmount), struct mount, mnt_ns);

	*ret_mnt_ns = 0;
	/* An error pointer marks the kernel's own mounts (memfd, pipes): nobody can forge a path
	 * there.  None at all, or one without a number: a mount that was detached, or not yet
	 * attached; its paths begin where its owner likes. */
	*ret_internal = ns >= (uint64_t)-MAX_ERRNO;
	if (*ret_internal)
		return 0;
	if (ns)
		*ret_mnt_ns = LOAD(ns, struct mnt_namespace, ns.inum);
	return *ret_mnt_ns == host_mnt_ns ? 0 : 1u << RINGFORT_FILE_FOREIGN_NS;
}

/**
 * put_file() - describe an open file: its path walked, its inode
 * @offset: of the struct ringfort_file in the record
 *
 * Return: the offset behind the path.
 */
__noinline uint32_t put_file(uint64_t file, uint32_t offset, uint32_t at)
{
	struct scratch *s = scratch_get();
	uint64_t inode = LOAD_ADDRESS(file, struct file, f_inode);
	uint64_t mnt = LOAD_ADDRESS(file, struct file, f_path.mnt);
	struct ringfort_file *out;
	uint32_t end, flags;
	uint64_t mnt_ns;
	bool internal;

	if (!s)
		return at;
	at &= RECORD_MASK;
	end = walk(mnt, LOAD_ADDRESS(file, struct file, f_path.dentry), at);
	flags = namespace_flags(mnt, &mnt_ns, &internal) | PROBE_FILE_REVERSED;
	if (end & WALK_TRUNCATED)
		flags |= 1u << RINGFORT_FILE_TRUNCATED;
	if (LOAD(inode, struct inode, i_nlink) == 0)
		flags |= 1u << RINGFORT_FILE_DELETED;
	if (internal && is_memfd(s, at))
		flags |= 1u << RINGFORT_FILE_MEMFD;
	end &= RECORD_MASK;

	out = file_at(s, offset);
	out->path = span_of(at, end);
	out->quality = RINGFORT_QUALITY_RESOLVED;
	out->flags = flags;
	out->dev = LOAD(LOAD_ADDRESS(inode, struct inode, i_sb), struct super_block, s_dev);
	out->ino = LOAD(inode, struct inode, i_ino);
	out->mnt_ns = mnt_ns;
	return end;
}

/* The file behind a descriptor of the current process, or 0. */
static __always_inline uint64_t file_of(int32_t fd)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct files_struct *files = task->files;

	if (!files || fd < 0 || (uint32_t)fd >= files->fdt->max_fds)
		return 0;
	return load((uint64_t)(files->fdt->fd + fd));
}

/* A string of the call: of user memory, or for io_uring the kernel's copy. */
static __always_inline long read_string(struct scratch *s, uint32_t at, uint32_t size, uint64_t from)
{
	void *to = &s->record[at & RECORD_MASK];

	if (s->call.via == RINGFORT_VIA_SYSCALL)
		return bpf_probe_read_user_str(to, size, (void *)from);
	return bpf_probe_read_kernel_str(to, size, (void *)from);
}

static __always_inline char first_byte(struct scratch *s, uint64_t from)
{
	char byte = 0;

	if (s->call.via == RINGFORT_VIA_SYSCALL)
		bpf_probe_read_user(&byte, sizeof(byte), (void *)from);
	else
		bpf_probe_read_kernel(&byte, sizeof(byte), (void *)from);
	return byte;
}

/**
 * put_string() - append a string of the call, at most a path long
 * @offset: of the struct ringfort_span in the record
 */
__noinline uint32_t put_string(uint64_t from, uint32_t offset, uint32_t at)
{
	struct scratch *s = scratch_get();
	long n;

	if (!s)
		return at;
	at &= RECORD_MASK;
	n = read_string(s, at, MAX_PATH, from);
	if (n <= 0)
		return at;
	*(struct ringfort_span *)&s->record[offset & HEAD_MASK & ~3u] = span_of(at, at + n);
	return at + n;
}

/* The errno of a call; what the kernel keeps to itself about restarting is an interruption. */
static __always_inline int32_t error_of(const struct call *call)
{
	int32_t error = call->result < 0 ? (int32_t)-call->result : 0;

	return error >= ERESTARTSYS && error <= ERESTART_RESTARTBLOCK ? EINTR : error;
}

/* Is this the root of its mount namespace?  Then there is nothing to walk. */
static __always_inline bool is_root(struct scratch *s, const struct path *path)
{
	uint64_t mnt = address_of(s, path->mnt), mount = mount_of(mnt);

	return address_of(s, path->dentry) == LOAD_ADDRESS(mnt, struct vfsmount, mnt_root) &&
	       LOAD_ADDRESS(mount, struct mount, mnt_parent) == mount;
}

/*
 * Append the folder that a relative string of the call starts from: dirfd's, or the current one.
 * An absolute string starts from the root of the process, which is no folder to name unless the
 * process is in a chroot.
 */
static __always_inline uint32_t put_base(struct scratch *s, int32_t dirfd, bool absolute, uint32_t at)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fs_struct *fs = task->fs;
	uint64_t file;

	if (absolute) {
		if (!fs || is_root(s, &fs->root))
			return at;
		return walk_path(s, &fs->root, at);
	}
	if (dirfd == AT_FDCWD) {
		if (!fs)
			return at;
		return walk_path(s, &fs->pwd, at);
	}
	file = file_of(dirfd);
	if (!file)
		return at;
	return walk(LOAD_ADDRESS(file, struct file, f_path.mnt),
		    LOAD_ADDRESS(file, struct file, f_path.dentry), at);
}

/**
 * put_called() - describe a file by the string of the call, below the folder that it starts from
 * @from:    the string, in user memory, or for io_uring in the kernel's
 * @offset:  of the struct ringfort_file in the record
 *
 * Return: the offset behind the path.
 */
__noinline uint32_t put_called(uint64_t from, int32_t dirfd, uint32_t offset, uint32_t at)
{
	struct scratch *s = scratch_get();
	struct ringfort_file *out;
	uint32_t flags = 0, begin, end;
	uint64_t mnt_ns;
	bool absolute;
	long n;

	if (!s)
		return at;
	at &= RECORD_MASK;
	begin = at;
	/* Where it mostly stays; what it starts from is walked over it, and it is read again. */
	n = read_string(s, at, MAX_PATH, from);
	absolute = n > 0 && s->record[at] == '/';
	end = put_base(s, dirfd, absolute, at);
	if (end & WALK_TRUNCATED)
		flags |= 1u << RINGFORT_FILE_TRUNCATED;
	end &= RECORD_MASK;
	/* One NUL byte: the root.  It says nothing before an absolute string. */
	if (end != begin && !(absolute && end - begin <= 1)) {
		flags |= PROBE_FILE_RELATIVE;
		at = end;
		/* The names of a folder are closed by an empty one; the root is that itself. */
		if (at - begin > 1)
			s->record[at++] = '\0';
		n = read_string(s, at, MAX_PATH, from + absolute);
	} else if (end != begin) {
		n = read_string(s, at, MAX_PATH, from);
	}
	if (n == MAX_PATH)
		flags |= 1u << RINGFORT_FILE_TRUNCATED;
	if (n > 0)
		at += n;
	else
		s->record[at++ & RECORD_MASK] = '\0';

	out = file_at(s, offset);
	mnt_ns = mount_namespace(bpf_get_current_task_btf());
	if (mnt_ns != host_mnt_ns)
		flags |= 1u << RINGFORT_FILE_FOREIGN_NS;
	out->path = span_of(begin, at);
	out->quality = RINGFORT_QUALITY_CALLER;
	out->flags = flags;
	out->dev = 0;
	out->ino = 0;
	out->mnt_ns = mnt_ns;
	return at;
}

/* Describe the file of a call: an open one, or a name.  Return: the offset behind. */
static __always_inline uint32_t put_target(struct scratch *s, uint32_t offset, uint32_t at)
{
	const struct call *call = &s->call;
	uint64_t path = call->args[call->is.path & 7];
	int32_t dirfd = call->args[call->is.dirfd & 7];
	uint64_t file = 0;

	if (call->is.bits & PROBE_CALL_BY_FD)
		file = call->file ? call->file : file_of(dirfd);
	else if (call->args[call->is.flags & 7] & AT_EMPTY_PATH && first_byte(s, path) == '\0')
		file = file_of(dirfd);
	if (file)
		return put_file(file, offset, at);
	return put_called(path, dirfd, offset, at);
}

#endif
