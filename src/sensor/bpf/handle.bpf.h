/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Handle - which subject a call belongs to, whichever way it came in. */
#ifndef RINGFORT_SENSOR_BPF_HANDLE_BPF_H
#define RINGFORT_SENSOR_BPF_HANDLE_BPF_H

#include "exec.bpf.h"
#include "file.bpf.h"
#include "net.bpf.h"
#include "process.bpf.h"

static __always_inline int handle(struct call *call)
{
	switch (call->is.handler) {
	case PROBE_HANDLE_OPEN:
		return handle_open();
	case PROBE_HANDLE_CREATE:
		return handle_create();
	case PROBE_HANDLE_RENAME:
		return handle_rename();
	case PROBE_HANDLE_UNLINK:
		return handle_unlink();
	case PROBE_HANDLE_ATTR:
		return handle_attr();
	case PROBE_HANDLE_EXEC:
		return handle_exec_failed();
	case PROBE_HANDLE_SETID:
		return handle_setid();
	case PROBE_HANDLE_PTRACE:
	case PROBE_HANDLE_VM_WRITE:
		return handle_ptrace();
	case PROBE_HANDLE_CONNECT:
		return handle_connect();
	case PROBE_HANDLE_BIND:
		return handle_bind();
	case PROBE_HANDLE_LISTEN:
		return handle_listen();
	case PROBE_HANDLE_ACCEPT:
		return handle_accept();
	case PROBE_HANDLE_SOCKETCALL:
		return handle_socketcall(call);
	default:
		return 0;
	}
}

#endif
