/* SPDX-License-Identifier: Apache-2.0 */
/* Service - words to the manager, each of them when it is true. */
#include "ringfortd/service.h"

#include "base/log.h"
#include "base/notify.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

static void say(const char *text)
{
	int r = notify_send(text);

	if (r < 0)
		log_warning("cannot tell the service manager: %s, ignoring", strerror(-r));
}

static void on_alive(evutil_socket_t fd, short what, void *userdata)
{
	say("WATCHDOG=1");
}

int service_watch(struct service *service, struct event_base *base)
{
	uint64_t every_us = notify_watchdog_us() / 2;
	struct timeval interval = { .tv_sec = (time_t)(every_us / 1000000),
				    .tv_usec = (suseconds_t)(every_us % 1000000) };

	if (every_us == 0)
		return 0;
	service->alive = event_new(base, -1, EV_PERSIST, on_alive, NULL);
	return service->alive && event_add(service->alive, &interval) == 0 ? 0 : -ENOMEM;
}

void service_ready(struct service *service, const char *status)
{
	char text[256];

	if (service->ready)
		return;
	service->ready = true;
	snprintf(text, sizeof(text), "READY=1%s%s", status ? "\nSTATUS=" : "", status ? status : "");
	say(text);
}

void service_stopping(struct service *service)
{
	if (service->alive)
		event_free(service->alive);
	service->alive = NULL;
	say("STOPPING=1");
}
