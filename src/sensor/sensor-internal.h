/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sensor-internal - for the tests of this folder, which look behind the stream.
 */
#ifndef RINGFORT_SENSOR_SENSOR_INTERNAL_H
#define RINGFORT_SENSOR_SENSOR_INTERNAL_H

#include "sensor/probe.h"
#include "sensor/sensor.h"
#include "sensor/table.h"

/** sensor_table() - the sensor's own */
struct table *sensor_table(struct sensor *sensor);
struct probe *sensor_probe(struct sensor *sensor);

#endif
