/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log sources that Ringfort's events can feed; how, is told in mapping-tables.c.
 */
#ifndef SIGMA_MAPPING_SOURCES_H
#define SIGMA_MAPPING_SOURCES_H

#include "engine.h"

enum sigma_live_source {
	SOURCE_PROCESS_CREATION,
	SOURCE_PROCESS_ACCESS,
	SOURCE_FILE_EVENT,
	SOURCE_FILE_WRITE,
	SOURCE_FILE_ATTR,
	SOURCE_FILE_RENAME,
	SOURCE_FILE_DELETE,
	SOURCE_NETWORK_CONNECTION,
	SOURCE_AUDITD,
	SIGMA_N_LIVE_SOURCES
};

extern const struct sigma_source sigma_live_sources[SIGMA_N_LIVE_SOURCES];

#endif
