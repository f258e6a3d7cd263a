/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifest - what a solution's package says about itself (manifest.yaml).
 *
 *   name: sigma                    # [a-z0-9-], at most 32
 *   vendor: Ringfort
 *   version: 0.1.0
 *   api: 1                         # of <ringfort/client.h>
 *   schema: 0123456789abcdef       # optional: ringfort_schema_hash() that it was built for
 *   executable: ringfort-sigma     # below the package
 *   arguments: [run]               # optional
 *   probe_arguments: [check, "/content"]  # optional: how to try content in a throw-away process
 *   content: content               # optional: its own folder of content, below the package
 *   events: [process.exec, "net.connect"] # or ["*"], every type there is
 *   authorize: [process.exec]      # optional: acts that it wants to be asked about, or (net.connect,
 *                                  # net.bind, net.send) to set rules for
 *   miss: fail-open                # optional: what stands for an answer that it does not give in
 *                                  # time, or fail-closed; the operator may say otherwise
 *   share: [network]               # optional: namespaces to share with the host; takes effect
 *                                  # only when the operator's configuration says so as well
 *   limits:                        # optional, as is each of them
 *     memory_mb: 256
 *     cpu_percent: 100             # of one processor
 *     pids: 8                      # processes and threads
 *     files: 64                    # open descriptors, those of requests too
 *     findings_per_second: 100
 *
 * manifest_parse() runs in a throw-away child without privileges.  The struct that it fills is plain
 * data that travels to the supervisor as bytes; there, manifest_check() comes before any other use.
 */
#ifndef RINGFORT_HOST_MANIFEST_H
#define RINGFORT_HOST_MANIFEST_H

#include "host/plain.h"
#include "host/yaml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_API 1u

enum manifest_miss {
	MANIFEST_FAIL_OPEN,
	MANIFEST_FAIL_CLOSED,
	_MANIFEST_MISS_N
};

struct manifest {
	char name[PLAIN_NAME_SIZE];
	char vendor[65];
	char version[33];
	char executable[PLAIN_TEXT_SIZE];
	char content[PLAIN_TEXT_SIZE]; /* "" for none */
	uint32_t api;
	uint64_t schema;               /* 0: not said */
	uint64_t events;               /* mask, 1ull << ringfort_type_*; never empty */
	uint32_t authorize;            /* mask, 1u << enum ringfort_act */
	uint32_t net;                  /* mask, 1u << enum ringfort_net_act */
	uint32_t miss;                 /* enum manifest_miss */
	uint32_t share;                /* SPAWN_SHARE_* */
	uint32_t memory_mb;
	uint32_t cpu_percent;
	uint32_t n_pids;
	uint32_t n_files;
	uint32_t findings_per_second;
	struct plain_list arguments;
	struct plain_list probe_arguments;
};

/**
 * manifest_parse() - read manifest.yaml
 * @ret_manifest: untouched on failure
 * @ret_error:    set when YAML_REFUSED is returned
 *
 * Return: 0; YAML_REFUSED; -ENOMEM.
 */
int manifest_parse(struct manifest *ret_manifest, const void *data, size_t size,
		   struct yaml_error *ret_error);

/** manifest_check() - is every byte of it what manifest_parse() may have produced? */
bool manifest_check(const struct manifest *manifest);

#endif
