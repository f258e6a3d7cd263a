/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Message - what the roles of ringfortd say to each other.
 *
 * Fixed size, over SOCK_SEQPACKET pairs that the supervisor made; descriptors travel beside.
 * The supervisor and the sensor believe nothing in a message but their own numbers: what is out of
 * range, or not for its sender to say, ends the sensor, and so the daemon; the supervisor passes it over.
 *
 * A solution's lives are numbered ("run"), as what is said of one may arrive in the next.
 */
#ifndef RINGFORT_RINGFORTD_MESSAGE_H
#define RINGFORT_RINGFORTD_MESSAGE_H

#include <ringfort/event.h>
#include <stdint.h>

#define MESSAGE_SLOTS 64     /* solutions of one daemon */
#define MESSAGE_CONTROL_SLOT 255 /* the control process' own barriers */
#define MESSAGE_CLASSES 16   /* visibility classes; class 0 sees every type and is control's own */
#define MESSAGE_MAX_FDS 5

enum message_kind {
	/* supervisor to sensor */
	MESSAGE_RING = 1, /* class; fd: the ring, to write */
	MESSAGE_WAKE,     /* slot, class, value[0] run; fd: write end of the solution's pipe */
	MESSAGE_GONE,     /* slot: close its pipe, forget its subscription */
	MESSAGE_MARK,     /* value[0] pid, value[1] start_ns: events of the self-test */
	/* supervisor to gate */
	MESSAGE_VOTER,    /* slot, value[0] run, value[1] MESSAGE_TERMS(), text: name; fds: as struct */
			  /* voter_channel (and MESSAGE_GONE: slot, value[0] 1 the operator stopped it) */
	MESSAGE_OWN,      /* value[0] pid, value[1] 1 a process of ours, 0 no longer */
	MESSAGE_GUARD,    /* value[0] place, text: its path; fd: a file of the file system to guard; or without: */
			  /* result, value[1] enum superblock_answer: why it is not guarded */
	MESSAGE_CRITICAL, /* fd: struct critical_set, packed (to control too, who tells it the operator) */
	MESSAGE_FORGIVE,  /* slot: the operator resets its circuit breaker */
	MESSAGE_CANARY,   /* value[0] pid of our opener; fd: the root of its file system */
			  /* (and to the canary, value[1] life of the gate; fd: its pidfd, to watch it) */
	MESSAGE_SCOPES,   /* fd: to the process that walks the scopes, beside the first */
	MESSAGE_STOPS,    /* fd: to the process that has stopped images judged, beside the first */
	/* scopes to gate */
	MESSAGE_SCOPE,    /* scope; fd: its folder, or a file of its file system; without: it is not guarded */
	MESSAGE_SCOPE_FOLDER, /* value[0] scope; fd: a folder in it */
	MESSAGE_SCOPE_STILL,  /* value[0] scope; fd: its folder, one in it or a file of its file system, which was told before */
	MESSAGE_SCOPE_LEFT,   /* value[0] scope; fd: a folder that is in it no longer */
	/* stops to gate */
	MESSAGE_STOPPED,  /* value[0] number, value[1] pid, result 0, or why it cannot be read; fd: the image */
	/* gate to stops */
	MESSAGE_JUDGED,   /* value[0] number, value[1] enum ringfort_verdict */
	/* gate to scopes */
	MESSAGE_SCOPES_AGAIN, /* there is somebody new to mark them for, or marks were taken away */
	/* sensor to supervisor, and on to the gate */
	MESSAGE_BACKSTOP, /* fds: the map of event/backstop.h; to the supervisor also the ring that tells of stopped images */
	/* gate to supervisor */
	MESSAGE_ALIVE,    /* a few times a second */
	MESSAGE_MOUNTED,  /* the host's mounts changed: guard again */
	MESSAGE_DEMOTED,  /* slot: its circuit breaker opened */
	MESSAGE_HARMS,    /* slot: it denied what the host needs; seldom said, counted in the history */
	MESSAGE_UNMARKED, /* value[0] place, or GATE_PLACES and the scope: somebody had taken its mark away; it is there again */
	/* canary to supervisor, and on to control */
	MESSAGE_LATE,     /* value[0] ms that our opener waited for the gate, which is ended; value[1] its life */
			  /* (to control, value[1] ms until the next one begins; value[0] 0: it does earlier) */
	/* control to supervisor, and on to the gate */
	MESSAGE_GATE,     /* value[0] ticket, value[1] 1: let everything through, 0: decide again */
	MESSAGE_HOLD,     /* value[0] id of a hold, value[1] 1: the operator denies the act, 0: allows it */
	/* control to sensor */
	MESSAGE_SUBSCRIBE, /* slot, value[0] types, value[1] run */
	MESSAGE_BARRIER,   /* slot, class, value[0] token, value[1] run */
	/* supervisor and sensor to control */
	MESSAGE_TAMPER,    /* tamper: somebody did something to us */
	/* sensor to control */
	MESSAGE_KILLED,    /* killed: an image that the kernel asks nobody about, by the operator's policy */
	/* supervisor to control */
	MESSAGE_ENDING,    /* the daemon ends in order: a closed socket is no attack */
	MESSAGE_FOLDER,    /* value[0] watch, folder; fd: the inotify group, beside the first */
	MESSAGE_SOLUTION, /* slot: solution, as it is now */
	MESSAGE_MAILBOX,  /* slot, class, value[0] run; fds: mailbox, ring to read, output to read */
	MESSAGE_PROBED,   /* slot, result, text: the content was tried */
	MESSAGE_SELFTESTED, /* result, value[0] mask of acts performed, value[1] pid */
	MESSAGE_DONE,     /* value[0] ticket, result, text: an operator's command was carried out */
	/* control to supervisor */
	MESSAGE_STARTED,  /* slot: the solution subscribed, and its hooks are attached */
	MESSAGE_HEALTH,   /* slot, result: something waits; value[0] progress, value[1] lost: each second */
	MESSAGE_MISBEHAVES, /* slot, text: noise or a flood in the mailbox */
	MESSAGE_PROBE,    /* slot: try its content in a throw-away process */
	MESSAGE_COMMAND,  /* slot, value[0] ticket, value[1] enum wire_operation */
	MESSAGE_SELFTEST, /* perform the acts */
};

/* What MESSAGE_VOTER says of a solution beside its descriptors. */
#define MESSAGE_TERMS(acts, net, scopes, shadow, closed) \
	((uint64_t)(acts) | (uint64_t)((shadow) != 0) << 32 | (uint64_t)((closed) != 0) << 33 | \
	 (uint64_t)(net) << 34 | (uint64_t)(scopes) << 40)
#define MESSAGE_TERMS_ACTS(terms) ((uint32_t)(terms))
#define MESSAGE_TERMS_NET(terms) ((uint32_t)((terms) >> 34 & 0x3f))
#define MESSAGE_TERMS_SCOPES(terms) ((uint32_t)((terms) >> 40))
#define MESSAGE_TERMS_SHADOW(terms) ((terms) >> 32 & 1)
#define MESSAGE_TERMS_CLOSED(terms) ((terms) >> 33 & 1)

/* A solution, as the operator sees it. */
struct message_solution {
	char name[33];
	char state[16];
	char why[192];
	char last_fault[96];
	uint32_t pid;
	uint32_t n_restarts;
	uint32_t running;
	uint32_t findings_per_second;
	uint64_t granted;
	uint64_t memory_peak_bytes;
	uint64_t n_oom_kills;
};

/* What was done to us, as a finding of our own will say. */
struct message_tamper {
	uint32_t what;   /* RINGFORT_TAMPER_* */
	uint32_t healed;
	uint32_t pid;    /* of ours, or 0 */
	uint32_t actor;  /* who did it, or 0: the kernel does not tell */
	char part[48];   /* "gate", "solution sigma" */
	char path[512];
	char detail[256];
};

/* An image that was ended before its first instruction. */
struct message_killed {
	uint32_t flags;      /* of the process.exec, RINGFORT_EXEC_* */
	uint32_t file_flags; /* RINGFORT_FILE_* */
	uint32_t pid, ppid;
	uint32_t uid, euid;
	uint64_t start_ns;
	uint64_t dev, ino;
	char path[512];
	char parent[256];
};

/* A folder whose files are ours. */
struct message_folder {
	char only[32];   /* beginning of the names that count; "": all */
	char part[48];
	char path[896];
};

/* Where opens are decided. */
struct message_scope {
	uint32_t scope;
	uint32_t acts;  /* 1u << enum ringfort_act */
	uint32_t whole; /* a file system, not a folder */
	char path[256];
	char why[96];   /* why it, or a part of it, is not guarded; "": it is */
};

struct message {
	uint32_t kind;
	uint32_t slot;
	uint32_t class;
	int32_t result;
	uint64_t value[2];
	union {
		struct message_solution solution;
		struct message_tamper tamper;
		struct message_killed killed;
		struct message_folder folder;
		struct message_scope scope;
		char text[1024];
	};
};

/** message_pair() - two connected ends, close-on-exec and non-blocking */
int message_pair(int ret_ends[2]);

/** message_send_fd() - with n_fds descriptors beside; waits for nothing: -EAGAIN */
int message_send_fd(int end, const struct message *message, const int *fds, unsigned int n_fds);

/**
 * message_receive_fd() - the next message
 * @ret_fds: MESSAGE_MAX_FDS descriptors, -1 where there is none; owned by the caller
 *
 * Return: 1; 0 none now; -EPIPE the other end is gone; -EBADMSG.
 */
int message_receive_fd(int end, struct message *ret_message, int ret_fds[MESSAGE_MAX_FDS]);

#endif
