/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Service - what the supervisor tells the service manager: ready, alive, stopping.
 *
 * Ready is the daemon when the control socket is served, every solution had its start and the sensor has
 * attached every hook (or was given its time): the first self-test is about to act then.  What a solution
 * makes of its start is not waited for: none can hold up the boot of a machine.
 */
#ifndef RINGFORT_RINGFORTD_SERVICE_H
#define RINGFORT_RINGFORTD_SERVICE_H

#include <stdbool.h>

struct event;
struct event_base;

struct service {
	struct event *alive; /* NULL: nobody watches us */
	bool ready;          /* it was told */
};

/** service_watch() - say from this loop that it turns, twice as often as the manager wants to hear it */
int service_watch(struct service *service, struct event_base *base);

/** service_ready() - the first call counts; `status` is a line for a person, or NULL */
void service_ready(struct service *service, const char *status);

/** service_stopping() - also frees what service_watch() made; may be called without it */
void service_stopping(struct service *service);

#endif
