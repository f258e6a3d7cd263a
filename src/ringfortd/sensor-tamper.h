/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sensor tamper - what the sensor sees of tampering: twice a second, told to control.
 *
 * The supervisor watches all our processes but cannot wake itself: its child, the sensor, does, which is
 * of the same user.  And what we have in the kernel must be as the sensor left it (sensor_guard()).
 */
#ifndef RINGFORT_RINGFORTD_SENSOR_TAMPER_H
#define RINGFORT_RINGFORTD_SENSOR_TAMPER_H

#include "sensor/sensor.h"

#include <stdbool.h>
#include <sys/types.h>

struct sensor_tamper {
	int control_fd;
	pid_t supervisor;
	int error;    /* of the last telling */
	bool stopped; /* the supervisor was, when it was looked at last */
};

/** sensor_tamper_look() - 0, or a negative errno: control cannot be told */
int sensor_tamper_look(struct sensor_tamper *tamper, struct sensor *sensor);

#endif
