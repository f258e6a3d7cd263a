/* SPDX-License-Identifier: Apache-2.0 */
/* Probe, environment - which variables process.exec reports; see struct probe_env. */
#ifndef RINGFORT_SENSOR_PROBE_ENV_H
#define RINGFORT_SENSOR_PROBE_ENV_H

#include "sensor/bpf/calls.h"

/**
 * probe_env_add() - add a name, "PATH", or a prefix, "LD_*"
 * @index: its place, below PROBE_ENV_NAMES, each used once
 *
 * Return: 0, or -EINVAL for a name that is too short, too long, or holds a '='.
 */
int probe_env_add(struct probe_env *env, uint32_t index, const char *name);

#endif
