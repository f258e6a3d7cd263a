/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Role config - YAML is read in a throw-away child, never in the supervisor.
 *
 * The child reads the bytes of the named files, drops every privilege and most system calls,
 * parses, and writes a plain struct to a pipe.  The supervisor checks each byte of what comes.
 */
#ifndef RINGFORT_RINGFORTD_ROLE_CONFIG_H
#define RINGFORT_RINGFORTD_ROLE_CONFIG_H

#include "host/config.h"
#include "host/manifest.h"
#include "ringfortd/paths.h"

/**
 * read_config() - the operator's files; none is needed
 * @must_exist: the operator named the file, so that it is missing is an error
 * @ret_error:  "FILE:LINE: reason", 1024 bytes
 *
 * Return: 0; YAML_REFUSED; a negative errno.
 */
int read_config(const struct paths *paths, bool must_exist, struct config *ret_config,
		char ret_error[1024]);

/** read_manifest() - manifest.yaml of a package */
int read_manifest(const char *package, struct manifest *ret_manifest, char ret_error[1024]);

#endif
