/* SPDX-License-Identifier: Apache-2.0 */
/* Model files - the file systems, and one function for each thing that can be done to a file. */
#undef NDEBUG
#include "gate/test-model-files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define IMAGE_BYTES (64 << 20)
#define BLOCK 4096
#define LETTERS 16
#define USER 12345

static uint64_t state;

void files_seed(uint64_t seed)
{
	state = seed * 2 + 1;
}

uint32_t files_random(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 33) % n;
}

static char any_letter(void)
{
	return (char)('A' + files_random(LETTERS));
}

/* ---- what the model knows of an inode ------------------------------------------------------------------- */

static struct files_inode *inode_of(struct files *files, int fd)
{
	struct stat st;

	assert(fstat(fd, &st) == 0);
	if (st.st_dev != files->disk)
		return NULL;
	assert(st.st_ino < FILES_INODES);
	return &files->inodes[st.st_ino];
}

/* A new inode, with the number of one that is gone. */
static void born(struct files_inode *inode)
{
	if (inode)
		*inode = (struct files_inode){ .touched = true };
}

/* The kernel drops its mark for a write(2) and all that is like it. */
static void written(struct files_inode *inode)
{
	if (!inode)
		return;
	inode->marked = inode->changed = false;
	inode->touched = true;
}

/* It drops none for a write through a shared mapping, nor for another mode or owner. */
static void written_unseen(struct files_inode *inode)
{
	if (!inode)
		return;
	inode->changed = inode->marked;
	inode->touched = true;
}

void files_unmark(struct files *files)
{
	for (uint32_t i = 0; i < FILES_INODES; i++)
		files->inodes[i].marked = files->inodes[i].changed = false;
}

struct files_look files_look(struct files *files, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct files_look look = { .letter = 'A' };
	struct stat st;

	assert(fd >= 0 && fstat(fd, &st) == 0 && pread(fd, &look.letter, 1, 0) >= 0);
	look.mode = st.st_mode;
	look.uid = st.st_uid;
	look.inode = inode_of(files, fd);
	look.is_layered = st.st_dev != files->disk && st.st_dev != files->tmpfs;
	close(fd);
	return look;
}

/* ---- acts -------------------------------------------------------------------------------------------------- */

/* Each: true if it was done.  Refusals are the kernel's business: what is mounted on, cannot be renamed. */
typedef bool act(struct files *files, uint32_t name, uint32_t *ret_other);

static const char *path_of(const struct files *files, uint32_t name)
{
	return files->names[name].path;
}

static mode_t any_mode(void)
{
	static const mode_t modes[] = { 0755, 0755, 0755, 0755, 0711, 0700, 0775, 0777 };

	return modes[files_random(sizeof(modes) / sizeof(modes[0]))];
}

/* Longer ones too: most changes leave the size as it is. */
static void fill(int fd)
{
	char text[64];
	size_t n = files_random(8) ? 24 : 1 + files_random(sizeof(text) - 1);

	memset(text, '.', sizeof(text));
	text[0] = any_letter();
	assert(write(fd, text, n) == (ssize_t)n);
}

static void create(struct files *files, const char *path, mode_t mode, uid_t owner)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);

	assert(fd >= 0);
	fill(fd);
	assert(fchown(fd, owner, owner) == 0 && fchmod(fd, mode) == 0);
	born(inode_of(files, fd));
	close(fd);
}

static bool write_letter(struct files *files, const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	char letter = any_letter();

	if (fd < 0)
		return false;
	assert(pwrite(fd, &letter, 1, 0) == 1);
	written(inode_of(files, fd));
	close(fd);
	return true;
}

static bool act_write(struct files *files, uint32_t name, uint32_t *ret_other)
{
	return write_letter(files, path_of(files, name));
}

static bool act_rewrite(struct files *files, uint32_t name, uint32_t *ret_other)
{
	int fd = open(path_of(files, name), O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return false;
	fill(fd);
	written(inode_of(files, fd));
	close(fd);
	return true;
}

/* To the size that it has, to less, to nothing. */
static bool act_truncate(struct files *files, uint32_t name, uint32_t *ret_other)
{
	int fd = open(path_of(files, name), O_WRONLY | O_CLOEXEC);
	struct stat st;
	off_t size;

	assert(fd >= 0 && fstat(fd, &st) == 0);
	size = files_random(3) ? st.st_size : files_random(2) ? st.st_size / 2 : 0;
	assert(ftruncate(fd, size) == 0);
	written(inode_of(files, fd));
	close(fd);
	return true;
}

static bool act_punch(struct files *files, uint32_t name, uint32_t *ret_other)
{
	int fd = open(path_of(files, name), O_WRONLY | O_CLOEXEC);
	bool done;

	assert(fd >= 0);
	done = files->may_zero && fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 1) == 0;
	if (done)
		written(inode_of(files, fd));
	close(fd);
	return done;
}

static bool act_copy_range(struct files *files, uint32_t name, uint32_t *ret_other)
{
	uint32_t other = files_random(FILES_NAMES);
	int from = open(path_of(files, other), O_RDONLY | O_CLOEXEC);
	int to = open(path_of(files, name), O_WRONLY | O_CLOEXEC);
	loff_t from_at = 0, to_at = 0;
	bool done;

	assert(from >= 0 && to >= 0);
	done = copy_file_range(from, &from_at, to, &to_at, 1, 0) == 1;
	if (done)
		written(inode_of(files, to));
	close(from);
	close(to);
	return done;
}

static char *map_file(int fd)
{
	struct stat st;
	char *map;

	assert(fstat(fd, &st) == 0);
	if (st.st_size == 0)
		return NULL;
	map = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert(map != MAP_FAILED);
	return map;
}

static bool act_map(struct files *files, uint32_t name, uint32_t *ret_other)
{
	int fd = open(path_of(files, name), O_RDWR | O_CLOEXEC);
	char *map;

	assert(fd >= 0);
	map = map_file(fd);
	if (map) {
		map[0] = any_letter();
		written_unseen(inode_of(files, fd));
		munmap(map, 1);
	}
	close(fd);
	return map;
}

static void beside(const struct files *files, uint32_t name, char ret_path[FILES_PATH])
{
	assert(snprintf(ret_path, FILES_PATH, "%s.new", path_of(files, name)) < (int)FILES_PATH);
}

static bool act_rename(struct files *files, uint32_t name, uint32_t *ret_other)
{
	char path[FILES_PATH];
	bool done;

	beside(files, name, path);
	create(files, path, any_mode(), files_random(2) ? USER : 0);
	done = rename(path, path_of(files, name)) == 0;
	if (!done)
		unlink(path);
	return done;
}

static bool act_recreate(struct files *files, uint32_t name, uint32_t *ret_other)
{
	if (unlink(path_of(files, name)) < 0)
		return false;
	create(files, path_of(files, name), any_mode(), files_random(2) ? USER : 0);
	return true;
}

static bool act_write_link(struct files *files, uint32_t name, uint32_t *ret_other)
{
	char path[FILES_PATH];

	beside(files, name, path);
	if (link(path_of(files, name), path) < 0)
		return false;
	assert(write_letter(files, path) && unlink(path) == 0);
	return true;
}

/* Two names of one file, until one of them gets another. */
static bool act_link_over(struct files *files, uint32_t name, uint32_t *ret_other)
{
	uint32_t other = files_random(FILES_NAMES);
	char path[FILES_PATH];
	bool done;

	beside(files, name, path);
	if (link(path_of(files, name), path) < 0)
		return false;
	done = rename(path, path_of(files, other)) == 0;
	/* It stays where both are names of one file already. */
	unlink(path);
	*ret_other = other;
	return done;
}

static bool act_exchange(struct files *files, uint32_t name, uint32_t *ret_other)
{
	*ret_other = files_random(FILES_NAMES);
	return renameat2(AT_FDCWD, path_of(files, name), AT_FDCWD, path_of(files, *ret_other), RENAME_EXCHANGE) == 0;
}

static bool act_chmod(struct files *files, uint32_t name, uint32_t *ret_other)
{
	int fd = open(path_of(files, name), O_RDONLY | O_CLOEXEC);

	assert(fd >= 0 && fchmod(fd, any_mode()) == 0);
	written_unseen(inode_of(files, fd));
	close(fd);
	return true;
}

static bool act_chown(struct files *files, uint32_t name, uint32_t *ret_other)
{
	int fd = open(path_of(files, name), O_RDONLY | O_CLOEXEC);
	uid_t owner = files_random(2) ? USER : 0;

	assert(fd >= 0 && fchown(fd, owner, owner) == 0);
	written_unseen(inode_of(files, fd));
	close(fd);
	return true;
}

static bool act_bind(struct files *files, uint32_t name, uint32_t *ret_other)
{
	uint32_t other = files_random(FILES_NAMES);

	if (files->n_binds == FILES_BINDS || mount(path_of(files, other), path_of(files, name), NULL, MS_BIND, NULL) < 0)
		return false;
	files->binds[files->n_binds++] = name;
	return true;
}

static bool act_unbind(struct files *files, uint32_t name, uint32_t *ret_other)
{
	uint32_t i;

	if (files->n_binds == 0)
		return false;
	i = files_random(files->n_binds);
	*ret_other = files->binds[i];
	files->binds[i] = files->binds[--files->n_binds];
	assert(umount2(path_of(files, *ret_other), MNT_DETACH) == 0);
	return true;
}

static bool act_upper(struct files *files, uint32_t name, uint32_t *ret_other)
{
	char path[FILES_PATH];

	if (files->names[name].place != FILES_OVERLAY)
		return false;
	assert(snprintf(path, sizeof(path), "%s/upper%s", files->mounts[FILES_DISK],
			strrchr(path_of(files, name), '/')) < (int)sizeof(path));
	return write_letter(files, path);
}

/* ---- writers that stay ------------------------------------------------------------------------------------ */

static bool act_hold(struct files *files, uint32_t name, uint32_t *ret_other)
{
	struct files_hold *hold = &files->holds[files->n_holds];
	int fd;

	if (files->n_holds == FILES_HOLDS)
		return false;
	fd = open(path_of(files, name), O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	*hold = (struct files_hold){ .fd = fd, .name = name, .inode = inode_of(files, fd) };
	if (files_random(3))
		hold->map = map_file(fd);
	if (hold->map) {
		/* The mapping alone is left to be the writer. */
		hold->fd = open(path_of(files, name), O_RDONLY | O_CLOEXEC);
		close(fd);
		/* From now on it writes without a fault, and no time of change moves. */
		hold->map[0] = any_letter();
		written_unseen(hold->inode);
	}
	if (hold->inode) {
		hold->inode->n_writers++;
		hold->inode->touched = true;
	}
	files->n_holds++;
	return true;
}

static bool store(struct files_hold *hold)
{
	char letter = any_letter();
	struct stat st;

	assert(fstat(hold->fd, &st) == 0);
	if (!hold->map) {
		assert(pwrite(hold->fd, &letter, 1, 0) == 1);
		written(hold->inode);
		return true;
	}
	if (st.st_size == 0)
		return false;
	hold->map[0] = letter;
	written_unseen(hold->inode);
	return true;
}

static void release(struct files *files, struct files_hold *hold)
{
	if (hold->map)
		munmap(hold->map, 1);
	close(hold->fd);
	if (hold->inode)
		hold->inode->n_writers--;
	*hold = files->holds[--files->n_holds];
}

static bool act_store(struct files *files, uint32_t name, uint32_t *ret_other)
{
	struct files_hold *hold = &files->holds[files_random(FILES_HOLDS)];

	if (hold >= files->holds + files->n_holds)
		return false;
	*ret_other = hold->name;
	return store(hold);
}

static bool act_release(struct files *files, uint32_t name, uint32_t *ret_other)
{
	if (files->n_holds == 0)
		return false;
	release(files, &files->holds[files_random(files->n_holds)]);
	return true;
}

bool files_hold(struct files *files, uint32_t name)
{
	return act_hold(files, name, &name);
}

bool files_last_store(struct files *files, uint32_t name)
{
	for (uint32_t i = 0; i < files->n_holds; i++)
		if (files->holds[i].name == name) {
			bool done = store(&files->holds[i]);

			release(files, &files->holds[i]);
			return done;
		}
	return false;
}

/* ---- at random ------------------------------------------------------------------------------------------- */

static const struct {
	const char *name;
	act *act;
	uint32_t weight;
} acts[] = {
	{ "write", act_write, 12 },
	{ "rewrite", act_rewrite, 6 },
	{ "truncate", act_truncate, 6 },
	{ "punch a hole", act_punch, 2 },
	{ "copy a range", act_copy_range, 4 },
	{ "write through a mapping", act_map, 10 },
	{ "rename over", act_rename, 6 },
	{ "unlink and create", act_recreate, 6 },
	{ "write through a link", act_write_link, 6 },
	{ "link over", act_link_over, 4 },
	{ "exchange", act_exchange, 4 },
	{ "chmod", act_chmod, 6 },
	{ "chown", act_chown, 6 },
	{ "bind over", act_bind, 1 },
	{ "unbind", act_unbind, 1 },
	{ "write to the upper folder", act_upper, 6 },
	{ "hold", act_hold, 4 },
	{ "store as a writer that stays", act_store, 4 },
	{ "release", act_release, 1 },
};

#define N_ACTS (sizeof(acts) / sizeof(acts[0]))

static uint32_t any_act(void)
{
	uint32_t all = 0, row = 0, at;

	for (uint32_t i = 0; i < N_ACTS; i++)
		all += acts[i].weight;
	for (at = files_random(all); at >= acts[row].weight; row++)
		at -= acts[row].weight;
	return row;
}

const char *files_act(struct files *files, uint32_t name, uint32_t *ret_other)
{
	uint32_t row = any_act();

	*ret_other = name;
	if (!acts[row].act(files, name, ret_other))
		return NULL;
	files->n_done[row]++;
	return acts[row].name;
}

const char *files_told(const struct files *files, uint32_t row, uint64_t *ret_n)
{
	if (row >= N_ACTS)
		return NULL;
	*ret_n = files->n_done[row];
	return acts[row].name;
}

/* ---- file systems ---------------------------------------------------------------------------------------- */

static int open_loop(int image)
{
	struct loop_config config = { .fd = (uint32_t)image, .block_size = BLOCK,
				      .info.lo_flags = LO_FLAGS_AUTOCLEAR };
	int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), loop = -1;
	char path[32];

	/* Another process may take the free one before we do. */
	for (int i = 0; control >= 0 && i < 20; i++) {
		int n = ioctl(control, LOOP_CTL_GET_FREE);

		snprintf(path, sizeof(path), "/dev/loop%d", n);
		loop = n < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
		if (loop >= 0 && ioctl(loop, LOOP_CONFIGURE, &config) == 0)
			break;
		if (loop >= 0)
			close(loop);
		loop = -1;
	}
	if (control >= 0)
		close(control);
	return loop;
}

static bool mount_disk(const struct files *files)
{
	char device[32];

	snprintf(device, sizeof(device), "/proc/self/fd/%d", files->loop);
	return mount(device, files->mounts[FILES_DISK], "ext4", 0, NULL) == 0;
}

static bool mount_overlay(const struct files *files)
{
	const char *disk = files->mounts[FILES_DISK];
	char options[FILES_PATH * 4];

	snprintf(options, sizeof(options), "lowerdir=%s/lower,upperdir=%s/upper,workdir=%s/work", disk, disk, disk);
	return mount("overlay", files->mounts[FILES_OVERLAY], "overlay", 0, options) == 0;
}

static bool make_disk(struct files *files)
{
	int image = memfd_create("disk", MFD_CLOEXEC);
	char command[128];

	assert(image >= 0 && ftruncate(image, IMAGE_BYTES) == 0);
	files->loop = open_loop(image);
	close(image);
	if (files->loop < 0)
		return false;
	snprintf(command, sizeof(command), "mkfs.ext4 -q -F -b %d -E lazy_itable_init=0 /proc/%d/fd/%d", BLOCK, getpid(),
		 files->loop);
	return system(command) == 0 && mount_disk(files);
}

static void make_folder(const struct files *files, const char *name)
{
	char path[FILES_PATH * 2];

	snprintf(path, sizeof(path), "%s/%s", files->folder, name);
	assert(mkdir(path, 0755) == 0);
}

static void put_path(char ret_path[FILES_PATH], const char *folder, const char *name, uint32_t i)
{
	assert(snprintf(ret_path, FILES_PATH, "%s/%s%u", folder, name, i) < (int)FILES_PATH);
}

/* Half of them on the disk; some of the overlay's are in its lower folder alone. */
static void make_names(struct files *files)
{
	static const enum files_place places[] = { FILES_DISK, FILES_DISK, FILES_DISK, FILES_TMPFS, FILES_OVERLAY };

	for (uint32_t i = 0; i < FILES_NAMES; i++) {
		struct files_name *name = &files->names[i];

		name->place = places[i % (sizeof(places) / sizeof(places[0]))];
		put_path(name->path, files->mounts[name->place], "f", i);
		create(files, name->path, 0755, files_random(2) ? USER : 0);
	}
}

/* What the overlay finds below itself. */
static void make_lower(struct files *files)
{
	for (uint32_t i = 4; i < FILES_NAMES; i += 10) {
		char path[FILES_PATH];

		put_path(path, files->mounts[FILES_DISK], "lower/g", i);
		create(files, path, 0755, 0);
	}
}

/* Names of the overlay that were made in the upper folder give way to those of the lower one. */
static void name_lower(struct files *files)
{
	for (uint32_t i = 4; i < FILES_NAMES; i += 10) {
		assert(unlink(files->names[i].path) == 0);
		put_path(files->names[i].path, files->mounts[FILES_OVERLAY], "g", i);
	}
}

const char *files_make(struct files *files, const char *folder)
{
	static const char *const below[_FILES_PLACE_N] = { "disk", "tmpfs", "overlay" };
	struct stat st;

	memset(files, 0, sizeof(*files));
	snprintf(files->folder, sizeof(files->folder), "%s", folder);
	for (int i = 0; i < _FILES_PLACE_N; i++) {
		make_folder(files, below[i]);
		assert(snprintf(files->mounts[i], FILES_PATH, "%s/%s", folder, below[i]) < (int)FILES_PATH);
	}
	if (!make_disk(files))
		return "needs loop devices and mkfs.ext4";
	if (mount("none", files->mounts[FILES_TMPFS], "tmpfs", 0, "mode=755") < 0)
		return "cannot mount a tmpfs";
	make_folder(files, "disk/lower");
	make_folder(files, "disk/upper");
	make_folder(files, "disk/work");
	assert(stat(files->mounts[FILES_DISK], &st) == 0);
	files->disk = st.st_dev;
	assert(stat(files->mounts[FILES_TMPFS], &st) == 0);
	files->tmpfs = st.st_dev;
	make_lower(files);
	if (!mount_overlay(files))
		return "cannot mount an overlay";
	make_names(files);
	name_lower(files);
	return NULL;
}

void files_unbind(struct files *files)
{
	uint32_t other;

	while (files->n_binds)
		act_unbind(files, 0, &other);
}

static void unmount_disk(struct files *files)
{
	files_unbind(files);
	while (files->n_holds)
		release(files, files->holds);
	assert(umount2(files->mounts[FILES_OVERLAY], 0) == 0);
	assert(umount2(files->mounts[FILES_DISK], 0) == 0);
}

void files_end(struct files *files)
{
	unmount_disk(files);
	umount2(files->mounts[FILES_TMPFS], MNT_DETACH);
	close(files->loop);
}

/* Number of the first block of a name, or 0 */
static int first_block(const struct files *files, uint32_t name)
{
	int fd = open(path_of(files, name), O_RDONLY | O_CLOEXEC), block = 0;
	struct stat st;

	assert(fd >= 0 && fsync(fd) == 0 && fstat(fd, &st) == 0);
	if (st.st_dev != files->disk || st.st_size == 0 || ioctl(fd, FIBMAP, &block) < 0)
		block = 0;
	close(fd);
	return block;
}

/* Through the device, without what is kept of it in memory. */
static void write_block(const struct files *files, int block, char letter)
{
	assert(ioctl(files->loop, BLKFLSBUF) == 0);
	assert(pwrite(files->loop, &letter, 1, (off_t)block * BLOCK) == 1);
	assert(fsync(files->loop) == 0 && ioctl(files->loop, BLKFLSBUF) == 0);
}

void files_swap(struct files *files, const uint32_t names[FILES_SWAPPED])
{
	int blocks[FILES_SWAPPED];
	char letter = any_letter();

	files_unbind(files);
	for (uint32_t i = 0; i < FILES_SWAPPED; i++)
		blocks[i] = first_block(files, names[i]);
	unmount_disk(files);
	for (uint32_t i = 0; i < FILES_SWAPPED; i++)
		if (blocks[i])
			write_block(files, blocks[i], letter);
	assert(mount_disk(files) && mount_overlay(files));
	for (uint32_t i = 0; i < FILES_SWAPPED; i++)
		assert(!blocks[i] || files_look(files, path_of(files, names[i])).letter == letter);
	files_unmark(files);
}
