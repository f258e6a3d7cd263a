/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role supervisor - folders, socket, roles, signals; then a loop, then all of it undone.
 *
 * When the sensor or the control process ends, the daemon ends: the service manager starts it
 * again from a clean slate, which is simpler to be right about than half of it living on.
 */
#include "ringfortd/role-supervisor.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "host/chroot.h"
#include "ring/broadcast.h"
#include "ringfortd/drop.h"
#include "ringfortd/last-life.h"
#include "ringfortd/page.h"
#include "ringfortd/role-life.h"
#include "ringfortd/role.h"
#include "ringfortd/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>

#define JOURNALD_SOCKET "/run/systemd/journal/socket"
#define GROUP "ringfort"
#define ROLE_PATIENCE_US 100000 /* from a closed socket to the end of its process */
#define MESSAGES_A_TURN 64 /* of control: signals have their turn however many it sends */

/* What the roles are handed; the supervisor's copies are closed when they run. */
struct hand_over {
	int lock_fd, listen_fd, findings_fd, journald_fd;
	int page_writer, page_reader;
	int to_sensor[2], to_control[2], between[2];
};

static int make_folder(const char *path, mode_t mode)
{
	if (mkdir(path, mode) < 0 && errno != EEXIST) {
		int r = -errno;

		log_error("cannot make the folder %s: %s", log_quote(path), strerror(-r));
		return r;
	}
	return 0;
}

/* A folder that somebody else can write to would let him choose what we write, own and unlink there. */
static int own_folder(const char *path, mode_t mode)
{
	struct stat st;
	int r;

	r = make_folder(path, mode);
	if (r < 0)
		return r;
	if (stat(path, &st) < 0) {
		r = -errno;
		log_error("cannot use the folder %s: %s", log_quote(path), strerror(-r));
		return r;
	}
	if (S_ISDIR(st.st_mode) && st.st_uid == 0 && !(st.st_mode & (S_IWGRP | S_IWOTH)))
		return 0;
	log_error("%s must be a folder that root owns and nobody else can write to", log_quote(path));
	return -EPERM;
}

static uid_t control_uid(const struct config *config)
{
	return config->uid_first + config->uid_count - 1;
}

static int open_findings(const struct paths *paths, const struct config *config, int *ret_fd)
{
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX];
	int r;

	r = own_folder(paths->state, 0700);
	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "%s/findings", paths->state) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	r = make_folder(path, 0700);
	if (r < 0)
		return r;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		r = -errno;
		log_error("cannot open the folder %s: %s", log_quote(path), strerror(-r));
		return r;
	}
	/* The control process writes here through this descriptor; it could not walk to it. */
	if (fchown(fd, control_uid(config), control_uid(config)) < 0) {
		r = -errno;
		log_error("cannot give the folder %s to the control process: %s", log_quote(path),
			  strerror(-r));
		return r;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

static int open_lock(const struct paths *paths, int *ret_fd)
{
	_cleanup_(closep) int fd = -1;
	char path[PATH_MAX];
	struct stat st;
	int r;

	r = own_folder(paths->runtime, 0755);
	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "%s/lock", paths->runtime) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		log_error("another ringfortd runs in %s; stop it, or give --runtime another folder",
			  log_quote(paths->runtime));
		return -EBUSY;
	}
	/* The one before us took the file away between our open() and our flock(): ours is nobody's. */
	if (fstat(fd, &st) < 0 || st.st_nlink == 0)
		return -EAGAIN;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int open_listener(const struct paths *paths, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_(closep) int fd = -1;
	const struct group *group = getgrnam(GROUP);

	if (snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", paths->runtime) >=
	    (int)sizeof(address.sun_path)) {
		log_error("the folder %s is too long a name for a socket in it", log_quote(paths->runtime));
		return -ENAMETOOLONG;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	unlink(address.sun_path);
	/* Nobody can connect before listen(); the owner and the mode are right by then. */
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (chmod(address.sun_path, 0660) < 0 ||
	    (group && chown(address.sun_path, 0, group->gr_gid) < 0) || listen(fd, 16) < 0)
		return -errno;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* journald, where it is there; -1 where not. */
static int open_journald(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNALD_SOCKET };
	_cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	return take_fd(&fd);
}

static pid_t start_sensor(const struct supervisor *supervisor, const struct hand_over *hand)
{
	struct sensor_role role = { .supervisor_fd = hand->to_sensor[1],
				    .control_fd = hand->between[0],
				    .page_fd = hand->page_writer,
				    .denials_fd = supervisor->gate.denials,
				    .host_mnt_ns = supervisor->host_mnt_ns,
				    .config = supervisor->config };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	role_begin("sensor", supervisor->config);
	role_keep_only((int[]){ role.supervisor_fd, role.control_fd, role.page_fd, role.denials_fd }, 4);
	_exit(role_sensor(&role));
}

static pid_t start_control(const struct supervisor *supervisor, const struct hand_over *hand)
{
	struct control_role role = { .supervisor_fd = hand->to_control[1],
				     .sensor_fd = hand->between[1],
				     .page_fd = hand->page_reader,
				     .ring_fd = supervisor->classes[0].reader_fd,
				     .listen_fd = hand->listen_fd,
				     .findings_fd = hand->findings_fd,
				     .journald_fd = hand->journald_fd,
				     .history_fd = supervisor->gate.history_reader,
				     .uid = control_uid(supervisor->config),
				     .gid = control_uid(supervisor->config),
				     .gate_disabled = supervisor->gate.disabled,
				     .trial = supervisor->trial,
				     .config = supervisor->config };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	role_begin("control", supervisor->config);
	role_keep_only((int[]){ role.supervisor_fd, role.sensor_fd, role.page_fd, role.ring_fd, role.listen_fd,
			   role.findings_fd, role.journald_fd, role.history_fd }, 8);
	_exit(role_control(&role));
}

static void hand_over_close(struct hand_over *hand)
{
	int *const fds[] = { &hand->listen_fd,	  &hand->findings_fd,  &hand->journald_fd,
			     &hand->page_writer,  &hand->page_reader,  &hand->to_sensor[1],
			     &hand->to_control[1], &hand->between[0],  &hand->between[1] };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		*fds[i] = close_fd(*fds[i]);
}

static int open_hand_over(struct supervisor *supervisor, struct hand_over *hand)
{
	int tries = 0, r;

	do
		r = open_lock(supervisor->paths, &hand->lock_fd);
	while (r == -EAGAIN && ++tries < 10);
	if (r == 0)
		stop_keeper_open(&supervisor->gate.stops, supervisor->paths->runtime);
	if (r == 0)
		r = open_findings(supervisor->paths, supervisor->config, &hand->findings_fd);
	if (r == 0)
		r = open_listener(supervisor->paths, &hand->listen_fd);
	if (r == 0)
		r = page_create(&hand->page_writer, &hand->page_reader);
	if (r == 0)
		r = message_pair(hand->to_sensor);
	if (r == 0)
		r = message_pair(hand->to_control);
	if (r == 0)
		r = message_pair(hand->between);
	hand->journald_fd = open_journald();
	return r;
}

static int start_roles(struct supervisor *supervisor, struct hand_over *hand)
{
	struct message ring = { .kind = MESSAGE_RING };

	supervisor->sensor_pid = start_sensor(supervisor, hand);
	supervisor->control_pid = start_control(supervisor, hand);
	if (supervisor->sensor_pid < 0 || supervisor->control_pid < 0)
		return -errno;
	supervisor->sensor_fd = take_fd(&hand->to_sensor[0]);
	supervisor->control_fd = take_fd(&hand->to_control[0]);
	supervisor_tell_sensor(supervisor, &ring, &supervisor->classes[0].writer_fd);
	return 0;
}

/* A role is gone, or nearly: its socket closes a moment before the kernel says how it ended. */
static void role_ended(struct supervisor *supervisor, pid_t *pid, const char *name)
{
	pid_t was = *pid;
	int status = 0;

	for (int waited = 0; waited < ROLE_PATIENCE_US; waited += 1000) {
		if (waitpid(was, &status, WNOHANG) == was) {
			*pid = 0;
			break;
		}
		usleep(1000);
	}
	log_error("the %s process ended (status %#x), so ringfortd ends", name, status);
	if (*pid == 0 && WIFSIGNALED(status))
		tamper_killed(supervisor, name, was, WTERMSIG(status), false);
	supervisor_end(supervisor, EX_SOFTWARE);
}

static void on_sensor(evutil_socket_t fd, short what, void *userdata)
{
	struct supervisor *supervisor = userdata;
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r;

	while ((r = message_receive_fd((int)fd, &message, fds)) > 0) {
		if (message.kind == MESSAGE_MARK)
			selftest_marked(supervisor);
		else if (message.kind == MESSAGE_BACKSTOP)
			gate_keeper_backstop(&supervisor->gate, fds);
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
	}
	if (r < 0 && !supervisor->ending)
		role_ended(supervisor, &supervisor->sensor_pid, "sensor");
}

/* Control asks for it when every hook is attached, or has had its time: the first time that is our start. */
static void on_selftest(struct supervisor *supervisor)
{
	service_ready(&supervisor->service,
		      supervisor->gate.disabled ? "the gate is disabled on the kernel's command line" : NULL);
	selftest_run(supervisor);
}

static void on_control(evutil_socket_t fd, short what, void *userdata)
{
	struct supervisor *supervisor = userdata;
	int fds[MESSAGE_MAX_FDS];
	struct message message;
	int r = 0;

	for (int n = 0; n < MESSAGES_A_TURN; n++) {
		r = message_receive_fd((int)fd, &message, fds);
		if (r <= 0)
			break;
		/* Control hands over no descriptors; it may be the attacker's by now. */
		for (int i = 0; i < MESSAGE_MAX_FDS; i++)
			close_fd(fds[i]);
		message.text[sizeof(message.text) - 1] = '\0';
		if (message.kind == MESSAGE_SELFTEST)
			on_selftest(supervisor);
		else if (message.kind == MESSAGE_GATE)
			gate_keeper_message(&supervisor->gate, &message);
		else if (message.kind == MESSAGE_HOLD)
			gate_keeper_hold(&supervisor->gate, &message);
		else if (message.slot < supervisor->n_units)
			unit_message(supervisor->units[message.slot], &message);
	}
	if (r < 0 && !supervisor->ending)
		role_ended(supervisor, &supervisor->control_pid, "control");
}

/* Without reaping: has it ended? */
static bool has_ended(pid_t pid)
{
	siginfo_t info = { 0 };

	return pid > 0 && waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

static void on_child(evutil_socket_t signal_number, short what, void *userdata)
{
	struct supervisor *supervisor = userdata;
	siginfo_t stopped = { 0 };

	if (has_ended(supervisor->sensor_pid))
		role_ended(supervisor, &supervisor->sensor_pid, "sensor");
	if (has_ended(supervisor->control_pid))
		role_ended(supervisor, &supervisor->control_pid, "control");
	gate_keeper_ended(&supervisor->gate);
	for (uint32_t i = 0; i < supervisor->n_units; i++)
		unit_released(supervisor->units[i]);
	if (waitid(P_ALL, 0, &stopped, WSTOPPED | WNOHANG | WNOWAIT) == 0 && stopped.si_pid)
		process_watch_look(supervisor);
}

static void on_signal(evutil_socket_t signal_number, short what, void *userdata)
{
	supervisor_end(userdata, 0);
}

static int watch(struct supervisor *supervisor, int fd, short what, event_callback_fn callback)
{
	struct event *event = event_new(supervisor->base, fd, what | EV_PERSIST, callback, supervisor);

	return event && event_add(event, NULL) == 0 ? 0 : -ENOMEM;
}

static int open_loop(struct supervisor *supervisor)
{
	int r;

	supervisor->base = event_base_new();
	if (!supervisor->base)
		return -ENOMEM;
	r = watch(supervisor, supervisor->sensor_fd, EV_READ, on_sensor);
	if (r == 0)
		r = watch(supervisor, supervisor->control_fd, EV_READ, on_control);
	if (r == 0)
		r = watch(supervisor, SIGCHLD, EV_SIGNAL, on_child);
	if (r == 0)
		r = watch(supervisor, SIGTERM, EV_SIGNAL, on_signal);
	if (r == 0)
		r = watch(supervisor, SIGINT, EV_SIGNAL, on_signal);
	if (r == 0)
		r = watch(supervisor, SIGHUP, EV_SIGNAL, on_signal);
	if (r == 0)
		r = service_watch(&supervisor->service, supervisor->base);
	return r;
}

static void remove_runtime(const struct paths *paths)
{
	static const char *const names[] = { "control.sock", STOP_KEEPER_FILE, "lock" };
	char path[PATH_MAX + 16];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", paths->runtime, names[i]);
		unlink(path);
	}
	rmdir(paths->runtime);
}

static void close_all(struct supervisor *supervisor, struct hand_over *hand)
{
	const struct message ending = { .kind = MESSAGE_ENDING };

	supervisor->ending = true;
	service_stopping(&supervisor->service);
	if (supervisor->control_fd >= 0)
		message_send_fd(supervisor->control_fd, &ending, NULL, 0);
	/* First: from now on nothing of ours is decided about. */
	gate_keeper_close(&supervisor->gate);
	units_stop(supervisor);
	selftest_done(supervisor);
	hand_over_close(hand);
	supervisor->sensor_fd = close_fd(supervisor->sensor_fd);
	supervisor->control_fd = close_fd(supervisor->control_fd);
	hand->to_sensor[0] = close_fd(hand->to_sensor[0]);
	hand->to_control[0] = close_fd(hand->to_control[0]);
	role_end(supervisor->control_pid);
	role_end(supervisor->sensor_pid);
	cgroup_tree_close(supervisor->cgroups);
	/* Only who holds the lock may take the runtime folder away. */
	if (hand->lock_fd >= 0)
		remove_runtime(supervisor->paths);
	close_fd(hand->lock_fd);
}

static void tell_last_life(struct supervisor *supervisor)
{
	const struct message_tamper killed = {
		.what = RINGFORT_TAMPER_KILLED,
		.healed = true,
		.part = "daemon",
		.detail = "the one before this one ended out of order: it or one of its processes was killed, or failed",
	};
	int r = last_life_begin(supervisor->paths->state);

	if (r < 0)
		log_warning("cannot tell whether the last ringfortd ended in order: %s, ignoring", strerror(-r));
	else if (r > 0)
		supervisor_tell_tamper(supervisor, &killed);
}

static int start(struct supervisor *supervisor, struct hand_over *hand)
{
	int r;

	/* Before we may enter another. */
	supervisor->host_mnt_ns = host_mount_namespace();
	r = host_leave_chroot();
	if (r < 0) {
		log_error("started in a chroot, and cannot make it a root of its own: %s", strerror(-r));
		return r;
	}
	r = open_hand_over(supervisor, hand);
	if (r < 0)
		return r;
	r = cgroup_tree_open(&supervisor->cgroups, supervisor->paths->instance);
	if (r < 0) {
		log_error("cannot make cgroups: %s", strerror(-r));
		return r;
	}
	r = units_first_class(supervisor);
	if (r == 0)
		r = gate_keeper_open(&supervisor->gate, supervisor);
	if (r < 0)
		return r;
	trial_run(&supervisor->trial, cgroup_unified_path());
	r = start_roles(supervisor, hand);
	if (r < 0)
		return r;
	tell_last_life(supervisor);
	hand_over_close(hand);
	r = open_loop(supervisor);
	if (r < 0)
		return r;
	r = units_load(supervisor);
	if (r == 0 && file_folders_watch(supervisor) < 0)
		log_error("nobody can watch our files: %s, ignoring", strerror(errno));
	return r;
}

int role_supervisor(const struct paths *paths, const struct config *config)
{
	static struct supervisor supervisor;
	struct hand_over hand = { -1, -1, -1, -1, -1, -1, { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int r;

	supervisor.paths = paths;
	supervisor.config = config;
	supervisor.sensor_fd = supervisor.control_fd = -1;
	supervisor.selftest_go = supervisor.selftest_result = -1;
	supervisor.gate.fd = supervisor.gate.history_writer = supervisor.gate.history_reader = -1;
	supervisor.gate.backstop_fd = supervisor.gate.stops_fd = supervisor.gate.stops.left_fd = -1;
	supervisor.gate.book = supervisor.gate.denials = -1;
	canary_keeper_init(&supervisor.gate.canary);
	signal(SIGPIPE, SIG_IGN);
	r = start(&supervisor, &hand);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		supervisor.result = r == -EPERM || r == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
	} else {
		gate_keeper_start(&supervisor.gate);
		if (process_watch_start(&supervisor) < 0)
			log_error("nobody can watch our processes, ignoring");
		units_start(&supervisor);
		log_info("ringfortd %s with %u solutions; control socket %s/control.sock",
			 RINGFORT_VERSION, supervisor.n_units, paths->runtime);
		if (!supervisor.ending)
			event_base_dispatch(supervisor.base);
	}
	close_all(&supervisor, &hand);
	if (r == 0 && supervisor.result == 0)
		last_life_end(paths->state);
	return supervisor.result;
}
