/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Config - what the operator says (ringfortd.yaml, then those of ringfortd.d in order of name).
 *
 *   log_level: info                # error, warning, info, debug
 *   solutions:                     # absent: every package of the solutions folder runs, with the
 *     - name: sigma                # events and limits that its manifest asks for, nothing shared
 *       package: /opt/x/sigma      # absent: NAME in the solutions folder
 *       enabled: true
 *       grant: [process.exec]      # event types; absent or ["*"]: what the manifest asks for
 *       authorize: [process.exec]  # acts that it may decide (process.exec, file.open), be shown
 *                                  # (file.modify) or (net.connect, net.bind, net.send)
 *                                  # set rules for; absent: none; only those that the manifest asks
 *                                  # for as well
 *       mode: enforce              # or shadow: its answers are recorded and never applied
 *       scopes: [/srv/upload]      # of gate: open and open_filesystems; absent: all of them
 *       miss: fail-closed          # or fail-open; absent: the manifest's
 *       share: [network]           # namespaces; only those that the manifest asks for as well
 *       content: [/etc/ringfort/rules]  # absent: the package's own
 *       arguments: [run, --all]    # absent: the manifest's
 *   uid_range: {first: 1900000000, count: 256}  # never those of accounts
 *   environment: [PATH, "LD_*"]    # variables that process.exec tells; a * at the end: a prefix
 *   rings: {rare_kb: 4096, bulk_kb: 16384, broadcast_kb: 16384}  # powers of two
 *   findings: {max_mb: 64, files: 8}  # how much history is kept
 *   gate:                          # of the decisions before an act
 *     net_protect: [dhcp, 192.0.2.53] # what no net rule may deny: dhcp, dns, loopback, addresses and
 *                                  # prefixes; absent: dhcp
 *     enabled: true
 *     deadline_ms: 1000            # for an answer
 *     soft_deadline_ms: 200        # from then on the last verdict for the file will do, under older
 *                                  # content too, if it is a minute old at most; 0 or absent: never
 *     exec: [/, /srv]              # each names the file system that holds it: execution there is
 *                                  # decided; absent: nowhere
 *     open: [/srv/upload]          # scopes: opens in these folders and all below are decided, and what
 *                                  # is written there is shown; absent: nowhere
 *     open_filesystems: [/srv]     # the same for all that a file system holds, by its mount point
 *     deny_critical: false         # may a solution deny even what the host needs to live?
 *
 * A drop-in replaces the keys that it gives; under solutions it replaces or adds those that it names.
 *
 * config_parse() runs in a throw-away child without privileges.  The struct is plain data that travels
 * to the supervisor as bytes; there, config_check() comes before any other use.
 */
#ifndef RINGFORT_HOST_CONFIG_H
#define RINGFORT_HOST_CONFIG_H

#include "host/plain.h"
#include "host/yaml.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_MAX_SOLUTIONS 32
#define CONFIG_MAX_ENVIRONMENT 32
#define CONFIG_VARIABLE_SIZE 64

/* Words of gate: net_protect. */
#define CONFIG_PROTECT_DHCP "dhcp"         /* its ports, udp */
#define CONFIG_PROTECT_DNS "dns"           /* ports 53 and 853 */
#define CONFIG_PROTECT_LOOPBACK "loopback" /* 127.0.0.0/8, ::1 */

enum config_mode {
	CONFIG_ENFORCE,
	CONFIG_SHADOW,
	_CONFIG_MODE_N
};

enum config_miss {
	CONFIG_MISS_MANIFEST, /* not said: the manifest's */
	CONFIG_MISS_OPEN,
	CONFIG_MISS_CLOSED,
	_CONFIG_MISS_N
};

struct config_solution {
	char name[PLAIN_NAME_SIZE];
	char package[PLAIN_TEXT_SIZE]; /* "": NAME in the solutions folder */
	uint32_t enabled;
	uint32_t share;                /* SPAWN_SHARE_* */
	uint64_t grant;                /* mask of types */
	uint32_t own_arguments;        /* 1: arguments replace the manifest's */
	uint32_t authorize;            /* mask, 1u << enum ringfort_act */
	uint32_t net;                  /* mask, 1u << enum ringfort_net_act */
	uint32_t mode;                 /* enum config_mode */
	uint32_t miss;                 /* enum config_miss */
	struct plain_list content;     /* n 0: the package's own */
	struct plain_list arguments;
	struct plain_list scopes;      /* n 0: all */
};

struct config {
	uint32_t all_packages;         /* 1: no file names solutions, take every package there is */
	uint32_t n_solutions;
	struct config_solution solutions[CONFIG_MAX_SOLUTIONS];
	uint32_t uid_first;
	uint32_t uid_count;
	uint32_t n_environment;
	char environment[CONFIG_MAX_ENVIRONMENT][CONFIG_VARIABLE_SIZE];
	uint32_t rare_kb;              /* the probe's rings */
	uint32_t bulk_kb;
	uint32_t broadcast_kb;         /* each broadcast ring */
	uint32_t findings_max_mb;
	uint32_t findings_files;
	uint32_t log_level;            /* enum log_level */
	uint32_t gate_enabled;
	uint32_t gate_deadline_ms;
	uint32_t gate_soft_deadline_ms;
	uint32_t gate_deny_critical;
	struct plain_list gate_exec;   /* absolute paths, "/" too */
	struct plain_list gate_open;   /* scopes: folders */
	struct plain_list gate_open_filesystems;
	struct plain_list gate_net_protect; /* CONFIG_PROTECT_*, or prefixes (base/prefix.h) */
};

/** config_default() - what holds without any file; every byte is set */
void config_default(struct config *ret_config);

/**
 * config_parse() - read one file over what is there
 * @config:    from config_default() or an earlier file; untouched on failure
 * @ret_error: set when YAML_REFUSED is returned
 *
 * Return: 0; YAML_REFUSED; -ENOMEM.
 */
int config_parse(struct config *config, const void *data, size_t size, struct yaml_error *ret_error);

/** config_check() - is every byte of it what config_parse() may have produced? */
bool config_check(const struct config *config);

/** config_rules_net() - may rules of any solution decide about the network? */
bool config_rules_net(const struct config *config);

/** config_solution_find() - the entry of that name, or NULL */
const struct config_solution *config_solution_find(const struct config *config, const char *name);

#endif
