/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * File - opens for writing, names that come and go, attributes.
 *
 * Handlers find the call in the scratch of their CPU, put there by the dispatcher at sys_exit or
 * by io_uring's completion.
 */
#ifndef RINGFORT_SENSOR_BPF_FILE_BPF_H
#define RINGFORT_SENSOR_BPF_FILE_BPF_H

#include "path.bpf.h"

#define WRITING (O_WRONLY | O_RDWR | O_TRUNC)

struct modify_record {
	struct probe_record head;
	struct ringfort_file_modify body;
};

struct rename_record {
	struct probe_record head;
	struct ringfort_file_rename body;
};

struct unlink_record {
	struct probe_record head;
	struct ringfort_file_unlink body;
};

struct attr_record {
	struct probe_record head;
	struct ringfort_file_attr body;
};

/* An open that neither writes nor creates, by the argument that has its flags. */
static __always_inline bool is_read_only(uint64_t flags)
{
	return !(flags & (WRITING | O_CREAT)) || flags & O_PATH;
}

static __always_inline uint32_t open_flags(const struct call *call)
{
	uint64_t flags = 0;

	if (call->is.bits & PROBE_CALL_OPEN_CREAT)
		return O_CREAT | O_WRONLY | O_TRUNC;
	if (call->is.bits & PROBE_CALL_OPEN_FLAGS)
		return call->args[call->is.flags & 7];
	bpf_probe_read_user(&flags, sizeof(flags), (void *)call->args[call->is.flags & 7]);
	return flags;
}

struct comparison {
	uint32_t called; /* in the scratch's called */
	uint32_t name;   /* in its record */
	uint32_t length; /* that is left */
	uint32_t equal;
};

/* Compare the next eight bytes, or what is left. */
static long compare_step(uint32_t index, struct comparison *comparison)
{
	struct scratch *s = scratch_get();
	uint32_t called = (comparison->called + index * 8) & (MAX_PATH - 1);
	uint32_t name = (comparison->name + index * 8) & RECORD_MASK;
	uint32_t length = comparison->length - index * 8;
	uint64_t difference;

	if (!s)
		return 1;
	difference = *(const uint64_t *)&s->called[called] ^ *(const uint64_t *)&s->record[name];
	if (length < 8)
		difference <<= (8 - length) * 8 & 63;
	comparison->equal = difference == 0;
	return difference != 0;
}

/**
 * is_called() - is the open file at record offset `at` the one that the call named?
 *
 * Asked where the descriptor table is shared: between the installation of the descriptor and the
 * end of the call another thread can put another file there.  Then name or mode differ, unless
 * it chose them well; a name that is a symbolic link differs as well, and we cannot tell.
 */
__noinline uint32_t is_called(uint64_t file, uint64_t path, uint32_t flags, uint32_t at)
{
	struct comparison comparison = { .name = at, .equal = 1 };
	struct scratch *s = scratch_get();
	uint32_t length, begin;
	long n;

	if (!s)
		return 0;
	if ((LOAD(file, struct file, f_flags) ^ flags) & O_ACCMODE)
		return 0;
	/* Handles have no name, and the files of O_TMPFILE are given one. */
	if (!path || flags & O_TMPFILE_BIT)
		return 1;
	if (s->call.via == RINGFORT_VIA_SYSCALL)
		n = bpf_probe_read_user_str(s->called, MAX_PATH, (void *)path);
	else
		n = bpf_probe_read_kernel_str(s->called, MAX_PATH, (void *)path);
	length = LOAD(LOAD_ADDRESS(file, struct file, f_path.dentry), struct dentry, d_name.len) &
		 (MAX_NAME - 1);
	if (n <= (long)length)
		return 0;
	begin = (n - 1 - length) & (MAX_PATH - 1);
	if (begin && s->called[(begin - 1) & (MAX_PATH - 1)] != '/')
		return 0;
	comparison.called = begin;
	comparison.length = length;
	bpf_loop((length + 7) / 8, compare_step, &comparison, 0);
	return comparison.equal;
}

/* Is the descriptor table ours alone?  Then nobody can have changed what the open put there. */
static __always_inline bool is_alone(void)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return task->files->count.counter == 1;
}

/* Describe what an open gave.  Return: the offset behind. */
static __always_inline uint32_t put_opened(struct scratch *s, uint64_t file, uint32_t flags)
{
	const struct call *call = &s->call;
	uint32_t offset = offsetof(struct probe_open_record, open.file), at = sizeof(struct probe_open_record);
	uint64_t path = call->args[call->is.path & 7];
	uint32_t end;

	if (file) {
		end = put_file(file, offset, at);
		if (is_alone() || is_called(file, path, flags, at))
			return end;
	}
	end = put_called(path, call->args[call->is.dirfd & 7], offset, at);
	if (file)
		file_at(s, offset)->quality = RINGFORT_QUALITY_RACED;
	return end;
}

static __always_inline void fill_created(struct probe_open_record *record, uint64_t file)
{
	record->create.kind = RINGFORT_CREATE_REGULAR;
	record->create.mode = 0;
	if (file)
		record->create.mode = LOAD(LOAD_ADDRESS(file, struct file, f_inode), struct inode, i_mode);
	record->create.target = (struct ringfort_span){ 0 };
}

__noinline int handle_open(void)
{
	struct scratch *s = scratch_get();
	struct probe_open_record *record;
	bool open, created;
	uint32_t flags, end;
	uint64_t file = 0;

	if (!s)
		return 0;
	flags = open_flags(&s->call);
	if (is_read_only(flags))
		return 0;
	if (s->call.is.bits & PROBE_CALL_NO_FD) {
		created = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL);
	} else {
		file = file_of(s->call.result);
		created = LOAD(file, struct file, f_mode) & FMODE_CREATED;
	}
	created = created && is_subscribed(ringfort_type_file_create);
	open = flags & WRITING && is_subscribed(ringfort_type_file_open_write);
	if (!created && !open)
		return 0;
	record = (struct probe_open_record *)s->record;
	end = put_opened(s, file, flags) & RECORD_MASK;
	if (created) {
		fill_created(record, file);
		record->opened_flags = flags;
		send_both(ringfort_type_file_create, end, open ? ringfort_type_file_open_write : 0);
	} else {
		record->open.open_flags = flags;
		send(ringfort_type_file_open_write, end);
	}
	return 0;
}

__noinline int handle_create(void)
{
	struct scratch *s = scratch_get();
	struct probe_open_record *record;
	const struct call *call;
	uint64_t value;
	uint32_t at;

	if (!s)
		return 0;
	call = &s->call;
	record = (struct probe_open_record *)s->record;
	value = call->args[call->is.value & 7];
	at = put_called(call->args[call->is.path & 7], call->args[call->is.dirfd & 7],
			offsetof(struct probe_open_record, create.file), sizeof(*record));
	record->create.kind = call->is.kind;
	record->create.mode = 0;
	record->create.target = (struct ringfort_span){ 0 };
	if (call->is.kind == RINGFORT_CREATE_SYMLINK || call->is.kind == RINGFORT_CREATE_HARDLINK) {
		at = put_string(value, offsetof(struct probe_open_record, create.target), at);
	} else {
		record->create.mode = value;
		/* mknod(2) also makes regular files, a type of 0 means one */
		if (call->is.kind == RINGFORT_CREATE_NODE &&
		    ((value & S_IFMT) == S_IFREG || (value & S_IFMT) == 0))
			record->create.kind = RINGFORT_CREATE_REGULAR;
	}
	send(ringfort_type_file_create, at);
	return 0;
}

__noinline int handle_rename(void)
{
	struct scratch *s = scratch_get();
	struct rename_record *record;
	const struct call *call;
	uint32_t at;

	if (!s)
		return 0;
	call = &s->call;
	record = (struct rename_record *)s->record;
	at = put_called(call->args[call->is.path & 7], call->args[call->is.dirfd & 7],
			offsetof(struct rename_record, body.from), sizeof(*record));
	at = put_called(call->args[call->is.to_path & 7], call->args[call->is.to_dirfd & 7],
			offsetof(struct rename_record, body.to), at);
	record->body.rename_flags = call->args[call->is.flags & 7];
	send(ringfort_type_file_rename, at);
	return 0;
}

__noinline int handle_unlink(void)
{
	struct scratch *s = scratch_get();
	struct unlink_record *record;
	const struct call *call;
	uint32_t at;

	if (!s)
		return 0;
	call = &s->call;
	record = (struct unlink_record *)s->record;
	at = put_called(call->args[call->is.path & 7], call->args[call->is.dirfd & 7],
			offsetof(struct unlink_record, body.file), sizeof(*record));
	record->body.directory = call->is.bits & PROBE_CALL_DIRECTORY ||
				 call->args[call->is.flags & 7] & AT_REMOVEDIR;
	send(ringfort_type_file_unlink, at);
	return 0;
}

/* Is the extended attribute of this call the one that holds capabilities? */
static __always_inline bool is_capability(struct scratch *s, uint64_t name)
{
	static const char wanted[] = "security.capability";
	char is[sizeof(wanted)];
	uint32_t i;

	if (s->call.via == RINGFORT_VIA_SYSCALL)
		bpf_probe_read_user_str(is, sizeof(is), (void *)name);
	else
		bpf_probe_read_kernel_str(is, sizeof(is), (void *)name);
	for (i = 0; i < sizeof(wanted); i++)
		if (is[i] != wanted[i])
			return false;
	return true;
}

static __always_inline uint32_t owner_asked(const struct call *call, uint64_t id)
{
	if (call->is.bits & PROBE_CALL_ID16 && (uint16_t)id == UINT16_MAX)
		return UINT32_MAX;
	return id;
}

__noinline int handle_attr(void)
{
	struct scratch *s = scratch_get();
	struct attr_record *record;
	const struct call *call;
	uint64_t value;
	uint32_t at;

	if (!s)
		return 0;
	call = &s->call;
	value = call->args[call->is.value & 7];
	if (call->is.kind == RINGFORT_ATTR_CAPABILITIES && !is_capability(s, value))
		return 0;
	record = (struct attr_record *)s->record;
	at = put_target(s, offsetof(struct attr_record, body.file), sizeof(*record));
	record->body.what = call->is.kind;
	record->body.mode = 0;
	record->body.new_uid = UINT32_MAX;
	record->body.new_gid = UINT32_MAX;
	if (call->is.kind == RINGFORT_ATTR_MODE) {
		record->body.mode = value & 07777;
	} else if (call->is.kind == RINGFORT_ATTR_OWNER) {
		record->body.new_uid = owner_asked(call, value);
		record->body.new_gid = owner_asked(call, call->args[call->is.value2 & 7]);
	}
	send(ringfort_type_file_attr, at);
	return 0;
}

/*
 * The last reference to an open file goes, by whichever way: close, exit, dup2, the last munmap,
 * io_uring.  Only where the kernel lets programs sit on its functions.  Mostly the task that let
 * go runs this, on its way back to user space; else a worker of the kernel, for nobody to name.
 */
SEC("fentry/__fput")
int BPF_PROG(file_modify, struct file *file)
{
	struct scratch *s = scratch_get();
	uint32_t offset = offsetof(struct modify_record, body.file), at = sizeof(struct modify_record);

	if (!s || (file->f_mode & (FMODE_WRITE | FMODE_OPENED)) != (FMODE_WRITE | FMODE_OPENED) ||
	    (file->f_inode->i_mode & S_IFMT) != S_IFREG)
		return 0;
	s->call.via = RINGFORT_VIA_KERNEL;
	send(ringfort_type_file_modify, put_file(address_of(s, file), offset, at));
	return 0;
}

#endif
