/* SPDX-License-Identifier: Apache-2.0 */
/* Vendor BPF - counts what solutions have in the kernel.  It must be nothing; so it is measured. */
#ifndef RINGFORT_RINGFORTD_VENDOR_BPF_H
#define RINGFORT_RINGFORTD_VENDOR_BPF_H

#include <stdint.h>
#include <sys/types.h>

/**
 * vendor_bpf_count() - programs that users of this range loaded, and their bytes, maps included
 *
 * Return: 0, or -errno.
 */
int vendor_bpf_count(uid_t first, uint32_t count, uint64_t *ret_programs, uint64_t *ret_bytes);

#endif
