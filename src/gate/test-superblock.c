/* SPDX-License-Identifier: Apache-2.0 */
/* Test-superblock - tables of mounts, and what may be guarded by them. */
#undef NDEBUG
#include "gate/superblock.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As a host has it: a root, a share below /srv, something local below that, an automount. */
static const char host[] =
	"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
	"23 22 0:21 / /proc rw,nosuid shared:2 - proc proc rw\n"
	"24 22 0:30 / /srv/share rw shared:3 master:7 - nfs4 server:/x rw,vers=4.2\n"
	"25 24 8:2 / /srv/share/disk rw - ext4 /dev/sdb rw\n"
	"26 22 0:31 / /home rw - autofs systemd-1 rw,fd=40\n"
	"27 22 0:32 / /mnt/two\\040words rw - fuse.sshfs u@h: rw,user_id=0\n"
	"28 22 0:33 / /opt rw shared:9 - tmpfs tmpfs rw\n"
	"29 22 0:34 /sub /data rw - fuseblk /dev/sdc rw\n"
	"30 22 0:35 / /vm rw - virtiofs tag rw\n"
	"31 22 0:36 / /fusedata rw - fusectl none rw\n";

static struct superblock judge(const char *table, const char *path)
{
	return superblock_judge(table, strlen(table), path);
}

static void expect(const char *table, const char *path, enum superblock_answer answer, uint64_t mount)
{
	struct superblock got = judge(table, path);

	if (got.answer != answer || got.mount != mount)
		fprintf(stderr, "%s: got %s on mount %llu (%s)\n", path, superblock_why(got.answer),
			(unsigned long long)got.mount, got.type);
	assert(got.answer == answer && got.mount == mount);
}

static void the_mount_that_a_path_leads_to_is_found(void)
{
	expect(host, "/", SUPERBLOCK_GOOD, 22);
	expect(host, "/usr/bin", SUPERBLOCK_GOOD, 22);
	expect(host, "/opt", SUPERBLOCK_GOOD, 28);
	expect(host, "/opt/", SUPERBLOCK_GOOD, 28);
	expect(host, "/opt/x/y", SUPERBLOCK_GOOD, 28);
	expect(host, "/optional", SUPERBLOCK_GOOD, 22);
	expect(host, "/op", SUPERBLOCK_GOOD, 22);
	assert(strcmp(judge(host, "/opt/x").type, "tmpfs") == 0);
	assert(judge(host, "/usr").device == (8u << 20 | 1) && judge(host, "/opt/x").device == 33);
}

static void a_mount_point_is_told_from_what_lies_on_it(void)
{
	assert(judge(host, "/").is_point && judge(host, "/opt").is_point && judge(host, "/opt/").is_point);
	assert(!judge(host, "/usr").is_point && !judge(host, "/opt/x").is_point && !judge(host, "/optional").is_point);
	assert(judge(host, "/mnt/two words").is_point);
}

static void what_waits_for_a_server_is_refused(void)
{
	expect(host, "/srv/share", SUPERBLOCK_SERVER, 24);
	expect(host, "/srv/share/x", SUPERBLOCK_SERVER, 24);
	expect(host, "/home/user", SUPERBLOCK_SERVER, 26);
	expect(host, "/mnt/two words", SUPERBLOCK_SERVER, 27);
	expect(host, "/mnt/two", SUPERBLOCK_GOOD, 22);
	expect(host, "/data/x", SUPERBLOCK_SERVER, 29);
	expect(host, "/vm", SUPERBLOCK_SERVER, 30);
	expect(host, "/fusedata", SUPERBLOCK_GOOD, 31);
	assert(strcmp(judge(host, "/mnt/two words").type, "fuse.sshfs") == 0);
}

static void every_type_of_the_list_is_refused(void)
{
	static const char *const types[] = { "fuse", "fuseblk", "fuse.x", "nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "autofs" };
	char table[256];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		snprintf(table, sizeof(table), "1 0 0:1 / / rw - ext4 d rw\n2 1 0:2 / /m rw - %s d rw\n", types[i]);
		expect(table, "/m", SUPERBLOCK_SERVER, 2);
	}
}

static void a_disk_that_is_reached_over_a_share_is_refused(void)
{
	expect(host, "/srv/share/disk", SUPERBLOCK_BEYOND, 24);
	expect(host, "/srv/share/disk/x", SUPERBLOCK_BEYOND, 24);
}

static void the_last_of_several_mounts_on_one_place_counts(void)
{
	static const char stacked[] = "1 0 0:1 / / rw - ext4 d rw\n"
				      "2 1 0:2 / /m rw - nfs d rw\n"
				      "3 2 0:3 / /m rw - ext4 e rw\n"
				      "4 1 0:4 / /n rw - ext4 d rw\n"
				      "5 4 0:5 / /n rw - nfs e rw\n";
	static const char roots[] = "1 1 0:1 / / rw - rootfs none rw\n"
				    "2 1 0:2 / / rw - ext4 d rw\n"
				    "3 2 0:3 / /m rw - tmpfs d rw\n";

	/* Passed at its root only, but passed. */
	expect(stacked, "/m", SUPERBLOCK_BEYOND, 2);
	expect(stacked, "/n", SUPERBLOCK_SERVER, 5);
	expect(roots, "/m/x", SUPERBLOCK_GOOD, 3);
	expect(roots, "/x", SUPERBLOCK_GOOD, 2);
}

static void what_is_hidden_by_a_later_mount_does_not_count(void)
{
	static const char hidden[] = "1 0 0:1 / / rw - ext4 d rw\n"
				     "2 1 0:2 / /a/b rw - nfs d rw\n"
				     "3 1 0:3 / /a rw - ext4 e rw\n";

	expect(hidden, "/a/b", SUPERBLOCK_GOOD, 3);
}

static void an_overlay_is_as_good_as_its_layers(void)
{
	static const char format[] = "1 0 0:1 / / rw - ext4 d rw\n"
				     "2 1 0:2 / /net rw - nfs d rw\n"
				     "3 1 0:3 / /m rw - overlay overlay rw,%s,index=off\n"
				     "4 1 0:4 / /n rw - overlay overlay rw,lowerdir=/x:/m/y,upperdir=/u,workdir=/w\n";
	static const struct {
		const char *options;
		enum superblock_answer answer;
	} cases[] = {
		{ "lowerdir=/l,upperdir=/u,workdir=/w", SUPERBLOCK_GOOD },
		{ "lowerdir=/l:/net/l,upperdir=/u,workdir=/w", SUPERBLOCK_OVERLAY },
		{ "lowerdir=/net/l:/l,upperdir=/u,workdir=/w", SUPERBLOCK_OVERLAY },
		{ "lowerdir=/l::/net/data", SUPERBLOCK_OVERLAY },
		{ "lowerdir+=/l,lowerdir+=/net/l", SUPERBLOCK_OVERLAY },
		{ "lowerdir=/l,upperdir=/net,workdir=/net/w", SUPERBLOCK_OVERLAY },
		{ "lowerdir=/\\156et/l", SUPERBLOCK_OVERLAY },
		{ "lowerdir=/network", SUPERBLOCK_GOOD },
		/* Of another namespace, or from its working directory: cannot be found. */
		{ "lowerdir=l/A:l/B,upperdir=x/diff", SUPERBLOCK_GOOD },
		{ "lowerdir=/m/l", SUPERBLOCK_GOOD },
	};
	char table[512];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(table, sizeof(table), format, cases[i].options);
		expect(table, "/m/file", cases[i].answer, 3);
		/* An overlay above it is no better. */
		expect(table, "/n", cases[i].answer, 4);
		if (cases[i].answer == SUPERBLOCK_OVERLAY)
			assert(strcmp(judge(table, "/m").type, "nfs") == 0);
	}
}

/* In a container the layers have the host's paths, which lead to the container's root: to itself. */
static void an_overlay_whose_layers_lead_to_itself_ends(void)
{
	static char table[65536];
	size_t used = (size_t)snprintf(table, sizeof(table), "1 0 0:1 / / rw - overlay overlay rw,lowerdir=/l");

	for (int i = 0; i < 500; i++)
		used += (size_t)snprintf(table + used, sizeof(table) - used, ":/var/lib/layer%d", i);
	snprintf(table + used, sizeof(table) - used, "\n");
	expect(table, "/", SUPERBLOCK_GOOD, 1);
}

static void what_is_no_table_leads_nowhere(void)
{
	static const char *const tables[] = {
		"", "\n\n", "x", "1 0 0:1 / /", "1 0 0:1 / / rw", "1 0 0:1 / / rw -", "1 0 0:1 / /a rw - ext4 d rw\n",
		"- - - - - - - - -\n", "\\", "1 0 0:1 / \\000 rw - ext4 d rw\n",
	};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		expect(tables[i], "/a", SUPERBLOCK_NO_MOUNT, 0);
}

static void a_circle_of_mounts_ends(void)
{
	static const char circle[] = "1 0 0:1 / / rw - ext4 d rw\n2 1 0:2 / /a rw - ext4 d rw\n"
				     "3 2 0:3 / /a rw - ext4 d rw\n2 3 0:2 / /a rw - ext4 d rw\n";

	assert(judge(circle, "/a").answer == SUPERBLOCK_GOOD);
}

/* Cut anywhere: nothing is read beyond the end (the sanitizers look), and every answer is one. */
static void a_table_that_is_cut_is_read_to_its_end(void)
{
	for (size_t size = 0; size < sizeof(host); size++) {
		char *copy = malloc(size + 1);

		assert(copy);
		memcpy(copy, host, size);
		assert(superblock_why(superblock_judge(copy, size, "/srv/share/disk").answer));
		free(copy);
	}
}

static void every_answer_has_a_reason(void)
{
	for (uint32_t i = 0; i < _SUPERBLOCK_ANSWER_N; i++)
		assert(superblock_why(i) && strlen(superblock_why(i)) < 96);
	assert(!superblock_why(_SUPERBLOCK_ANSWER_N));
}

static void a_folder_of_this_host_is_opened_without_following_links(void)
{
	char folder[] = "/tmp/ringfort-superblock-XXXXXX", real[4096], link[4200];
	struct superblock superblock;
	struct stat one, other;
	int fd = -1;

	assert(mkdtemp(folder) && realpath(folder, real));
	assert(superblock_open(real, false, &superblock, &fd) == 0 && superblock.answer == SUPERBLOCK_GOOD);
	assert(fstat(fd, &one) == 0 && stat(real, &other) == 0 && one.st_ino == other.st_ino);
	assert(fcntl(fd, F_GETFD) == FD_CLOEXEC && fcntl(fd, F_GETFL) & O_PATH);
	close(fd);
	fd = -1;
	snprintf(link, sizeof(link), "%s/link", real);
	assert(symlink("/", link) == 0);
	assert(superblock_open(link, false, &superblock, &fd) == -ELOOP && superblock.answer == SUPERBLOCK_LINK);
	strcat(link, "/etc");
	assert(superblock_open(link, false, &superblock, &fd) == -ELOOP && superblock.answer == SUPERBLOCK_LINK);
	*strrchr(link, '/') = '\0';
	assert(superblock_open(real, true, &superblock, &fd) == -EXDEV && superblock.answer == SUPERBLOCK_UNMOUNTED);
	assert(unlink(link) == 0);
	assert(superblock_open(link, false, &superblock, &fd) == -ENOENT && superblock.answer == SUPERBLOCK_GOOD);
	assert(superblock_open("/", true, &superblock, &fd) == 0 && superblock.is_point);
	close(fd);
	fd = -1;
	assert(fd == -1 && rmdir(folder) == 0);
}

int main(void)
{
	the_mount_that_a_path_leads_to_is_found();
	a_mount_point_is_told_from_what_lies_on_it();
	what_waits_for_a_server_is_refused();
	every_type_of_the_list_is_refused();
	a_disk_that_is_reached_over_a_share_is_refused();
	the_last_of_several_mounts_on_one_place_counts();
	what_is_hidden_by_a_later_mount_does_not_count();
	an_overlay_is_as_good_as_its_layers();
	an_overlay_whose_layers_lead_to_itself_ends();
	what_is_no_table_leads_nowhere();
	a_circle_of_mounts_ends();
	a_table_that_is_cut_is_read_to_its_end();
	every_answer_has_a_reason();
	a_folder_of_this_host_is_opened_without_following_links();
	return 0;
}
