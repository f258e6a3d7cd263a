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

/* Both events of an open: the file stands at the same place, the path behind the longer one. */
struct open_record {
	struct probe_record head;
	union {
		struct ringfort_file_open_write open;
		struct ringfort_file_create create;
	};
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

/* Do the last name of the call and the name of the file agree?  Eight bytes a step. */
static __always_inline bool same_name(const uint8_t *called, const uint8_t *name, uint32_t length)
{
	uint64_t difference;
	uint32_t i;

	for (i = 0; i < MAX_NAME; i += 8) {
		if (i >= length)
			return true;
		difference = *(const uint64_t *)(called + i) ^ *(const uint64_t *)(name + i);
		if (length - i < 8)
			difference <<= (8 - (length - i)) * 8;
		if (difference)
			return false;
	}
	return true;
}

/**
 * is_called() - is the open file at record offset `at` the one that the call named?
 *
 * Asked where the descriptor table is shared: between the installation of the descriptor and the
 * end of the call another thread can put another file there.  Then name or mode differ, unless it chose them well; a name that is a
 * symbolic link differs as well, and we cannot tell.
 */
__noinline uint32_t is_called(uint64_t file, uint64_t path, uint32_t flags, uint32_t at)
{
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
	return same_name(&s->called[begin], &s->record[at & RECORD_MASK], length);
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
	uint32_t offset = offsetof(struct open_record, open.file), at = sizeof(struct open_record);
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

static __always_inline void send_created(struct open_record *record, uint64_t file, uint32_t end)
{
	record->create.kind = RINGFORT_CREATE_REGULAR;
	record->create.mode = 0;
	if (file)
		record->create.mode = LOAD(LOAD_ADDRESS(file, struct file, f_inode), struct inode, i_mode);
	record->create.target = (struct ringfort_span){ 0 };
	send(ringfort_type_file_create, end);
}

__noinline int handle_open(void)
{
	struct scratch *s = scratch_get();
	struct open_record *record;
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
	record = (struct open_record *)s->record;
	end = put_opened(s, file, flags) & RECORD_MASK;
	if (created)
		send_created(record, file, end);
	if (open) {
		record->open.open_flags = flags;
		send(ringfort_type_file_open_write, end);
	}
	return 0;
}

__noinline int handle_create(void)
{
	struct scratch *s = scratch_get();
	struct open_record *record;
	const struct call *call;
	uint64_t value;
	uint32_t at;

	if (!s)
		return 0;
	call = &s->call;
	record = (struct open_record *)s->record;
	value = call->args[call->is.value & 7];
	at = put_called(call->args[call->is.path & 7], call->args[call->is.dirfd & 7],
			offsetof(struct open_record, create.file), sizeof(*record));
	record->create.kind = call->is.kind;
	record->create.mode = 0;
	record->create.target = (struct ringfort_span){ 0 };
	if (call->is.kind == RINGFORT_CREATE_SYMLINK || call->is.kind == RINGFORT_CREATE_HARDLINK) {
		at = put_string(value, offsetof(struct open_record, create.target), at);
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

#endif
