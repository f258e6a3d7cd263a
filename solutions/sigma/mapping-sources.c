/* SPDX-License-Identifier: Apache-2.0 */
/* The log sources that Ringfort's events can feed - see mapping-sources.h */
#include "mapping-sources.h"

const struct sigma_source sigma_live_sources[SIGMA_N_LIVE_SOURCES] = {
	[SOURCE_PROCESS_CREATION] = { "linux", "process_creation", NULL },
	[SOURCE_PROCESS_ACCESS] = { "linux", "process_access", NULL },
	[SOURCE_FILE_EVENT] = { "linux", "file_event", NULL },
	[SOURCE_FILE_WRITE] = { "linux", "file_write", NULL },   /* ours */
	[SOURCE_FILE_ATTR] = { "linux", "file_attribute", NULL }, /* ours */
	[SOURCE_FILE_RENAME] = { "linux", "file_rename", NULL },
	[SOURCE_FILE_DELETE] = { "linux", "file_delete", NULL },
	[SOURCE_NETWORK_CONNECTION] = { "linux", "network_connection", NULL },
	[SOURCE_AUDITD] = { "linux", NULL, "auditd" },
};
