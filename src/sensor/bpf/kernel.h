/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Kernel - the few members of kernel structs that our programs read.
 *
 * Every access is relocated by name when the programs are loaded (CO-RE), so neither order nor
 * size matters here, and a member that a kernel does not have is asked for with
 * bpf_core_field_exists() first.  Struct names are the kernel's.
 */
#ifndef RINGFORT_SENSOR_BPF_KERNEL_H
#define RINGFORT_SENSOR_BPF_KERNEL_H

#include <linux/bpf.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AT_FDCWD (-100)
#define AT_REMOVEDIR 0x200
#define AT_EMPTY_PATH 0x1000
#define AT_EXECVE_CHECK 0x10000
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFBLK 0060000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define O_WRONLY 01
#define O_RDWR 02
#define O_CREAT 0100
#define O_EXCL 0200
#define O_TRUNC 01000
#define O_ACCMODE 03
#define O_LARGEFILE 0100000
#define O_PATH 010000000
#define O_TMPFILE_BIT 020000000
#define PF_KTHREAD 0x200000
#define SIGKILL 9
#define SIGSTOP 19
#define SIGNAL_STOP_STOPPED 0x1
#define FUSE_SUPER_MAGIC 0x65735546
#define FMODE_WRITE 0x2
#define FMODE_OPENED 0x80000
#define FMODE_CREATED 0x100000
#define TS_COMPAT 0x2
#define MAX_ERRNO 4095
#define EPERM 1
#define EINTR 4
#define EINPROGRESS 115
#define ERESTARTSYS 512
#define ERESTART_RESTARTBLOCK 516

#define OFFSET(type, member) __builtin_preserve_field_info(((type *)0)->member, BPF_FIELD_BYTE_OFFSET)

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct list_head {
	struct list_head *next;
};

typedef struct {
	uint32_t val;
} kuid_t;

typedef struct {
	uint32_t val;
} kgid_t;

typedef struct {
	int counter;
} atomic_t;

struct qstr {
	uint32_t len;
	const unsigned char *name;
};

struct ns_common {
	unsigned int inum;
};

struct mnt_namespace {
	struct ns_common ns;
};

struct user_namespace {
	int level;
};

struct super_block {
	uint32_t s_dev;
	unsigned long s_magic;
	struct user_namespace *s_user_ns;
};

struct inode {
	uint16_t i_mode;
	kuid_t i_uid;
	struct super_block *i_sb;
	unsigned long i_ino;
	unsigned int i_nlink;
	uint32_t i_rdev;
};

struct seqcount {
	unsigned int sequence;
};

struct seqcount_spinlock {
	struct seqcount seqcount;
};

union shortname_store {
	unsigned char string[1];
};

struct dentry {
	struct seqcount_spinlock d_seq;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
	unsigned char d_iname[1];          /* the name itself when it is short, */
	union shortname_store d_shortname; /* since 6.14 called so */
};

struct vfsmount {
	struct dentry *mnt_root;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
	struct mnt_namespace *mnt_ns;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct file {
	unsigned int f_mode;
	unsigned int f_flags;
	void *private_data;
	struct inode *f_inode;
	struct path f_path;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	atomic_t count;
	struct fdtable *fdt;
};

struct rlimit {
	uint64_t rlim_cur;
};

struct fs_struct {
	struct path root;
	struct path pwd;
};

struct mm_struct {
	unsigned long arg_start;
	unsigned long arg_end;
	unsigned long env_start;
	unsigned long env_end;
};

/* cap_effective is u32[2] up to 6.2 and a u64 later: the same eight bytes, read as such. */
struct cred {
	kuid_t uid, suid, euid, fsuid;
	kgid_t gid, sgid, egid, fsgid;
	struct {
	} cap_effective;
};

struct tty_driver {
	int major;
	int minor_start;
};

struct tty_struct {
	int index;
	struct tty_driver *driver;
};

struct signal_struct {
	atomic_t live;
	int group_exit_code;
	unsigned int flags;
	struct tty_struct *tty;
};

struct nsproxy {
	struct mnt_namespace *mnt_ns;
};

struct upid {
	int nr;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

struct thread_info {
	uint32_t status;
};

struct kernfs_node {
	uint64_t id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int flags;
	unsigned int ptrace;
	struct mm_struct *mm;
	int pid;
	int tgid;
	struct task_struct *real_parent;
	struct task_struct *group_leader;
	struct list_head ptraced;
	struct list_head ptrace_entry;
	struct pid *thread_pid;
	uint64_t start_boottime;
	const struct cred *real_cred;
	const struct cred *cred;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct signal_struct *signal;
	struct css_set *cgroups;
	kuid_t loginuid;
	unsigned int sessionid;
};

struct linux_binprm {
	unsigned int secureexec : 1;
	struct file *file;
	int argc;
	const char *filename;
	const char *interp;
};

struct pt_regs {
	unsigned long bx, cx, dx, si, di, bp, r8, r9, r10, orig_ax;
};

struct in6_addr {
};

struct sock_common {
	uint32_t skc_daddr;
	uint32_t skc_rcv_saddr;
	uint16_t skc_dport;
	uint16_t skc_num;
	uint16_t skc_family;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	struct {
		int64_t counter;
	} skc_cookie;
};

struct sock {
	struct sock_common __sk_common;
	uint16_t sk_protocol;
};

struct socket {
	struct sock *sk;
};

struct sockaddr_un {
	char sun_path[108];
};

struct unix_address {
	int len;
	struct sockaddr_un name[0];
};

struct unix_sock {
	struct sock sk;
	struct unix_address *addr;
	struct sock *peer;
};

struct filename {
	const char *name;
};

struct xattr_name {
	char name[256];
};

/* The first member of a request is its file; what the operation needs begins there as well. */
struct io_cqe {
	uint64_t user_data;
	int32_t res;
};

struct io_ring_ctx {
};

struct io_kiocb {
	struct file *file;
	uint8_t opcode;
	uint32_t flags; /* 64 bits on newer kernels, the lower ones are these */
	struct io_cqe cqe;
	struct io_ring_ctx *ctx;
	void *async_data;
};

struct open_how {
	uint64_t flags;
};

struct io_open {
	int dfd;
	uint32_t file_slot;
	struct filename *filename;
	struct open_how how;
};

struct io_unlink {
	int dfd;
	int flags;
	struct filename *filename;
};

struct io_rename {
	int old_dfd;
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
	int flags;
};

struct io_mkdir {
	int dfd;
	uint16_t mode;
	struct filename *filename;
};

struct io_link {
	int new_dfd;
	struct filename *oldpath;
	struct filename *newpath;
};

struct kernel_xattr_ctx {
	struct xattr_name *kname;
};

struct io_xattr {
	struct kernel_xattr_ctx ctx;
	struct filename *filename;
};

struct io_connect {
	void *addr;
	int addr_len;
};

struct io_accept {
	uint32_t file_slot;
};

struct io_bind {
	int addr_len;
};

struct io_listen {
	int backlog;
};

struct __kernel_sockaddr_storage {
};

struct io_async_msghdr {
	struct __kernel_sockaddr_storage addr;
};

struct bpf_map;

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter_meta {
	struct seq_file *seq;
};

#pragma clang attribute pop

/* Since 6.2: a number becomes a typed pointer, and reading through it one instruction.  The
 * verifier's own list says whether it is there, as a constant that costs nothing. */
extern void *bpf_rdonly_cast(void *object, uint32_t btf_id) __ksym __weak;

enum special_kfunc_type {
	KF_bpf_rdonly_cast = 0,
};

/*
 * Eight bytes of kernel memory; 0 where nothing is mapped.
 *
 * A helper call costs twenty times a load, and the walk of a path needs dozens.  Any kernel
 * struct that begins with a plain 64-bit number serves as the type.
 */
static __always_inline uint64_t load(uint64_t address)
{
	uint64_t value = 0;

	if (bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast))
		return ((struct rlimit *)bpf_rdonly_cast((void *)address,
							 bpf_core_type_id_kernel(struct rlimit)))
			->rlim_cur;
	bpf_probe_read_kernel(&value, sizeof(value), (void *)address);
	return value;
}

/* A member of the object at an address; what is shorter than eight bytes is cut to its size. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "LOAD cuts at the wrong end");
#define LOAD(address, type, member) \
	((__typeof__(((type *)0)->member))load((address) + OFFSET(type, member)))
#define LOAD_ADDRESS(address, type, member) load((address) + OFFSET(type, member))

#endif
