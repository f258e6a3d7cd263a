/* SPDX-License-Identifier: Apache-2.0 */
/* The log sources that Ringfort's events can feed - see mapping-sources.h */
#include "mapping-sources.h"

const struct sigma_source sigma_live_sources[SIGMA_N_LIVE_SOURCES] = {
	[SOURCE_PROCESS_CREATION] = { "linux", "process_creation", NULL },
	[SOURCE_FILE_EVENT] = { "linux", "file_event", NULL },
	[SOURCE_FILE_RENAME] = { "linux", "file_rename", NULL },
	[SOURCE_FILE_DELETE] = { "linux", "file_delete", NULL },
	[SOURCE_NETWORK_CONNECTION] = { "linux", "network_connection", NULL },
	[SOURCE_AUDITD] = { "linux", NULL, "auditd" },
};
