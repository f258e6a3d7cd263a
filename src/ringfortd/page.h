/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Page - the sensor's numbers, in memory that the control process reads.
 *
 * The sensor writes, control has a read-only descriptor; a version that is odd while the numbers
 * change lets control copy them without asking anybody.
 */
#ifndef RINGFORT_RINGFORTD_PAGE_H
#define RINGFORT_RINGFORTD_PAGE_H

#include "sensor/sensor.h"

#include <stdint.h>

struct page_type {
	uint32_t level; /* enum probe_level */
	char hook[128];
	char why[256];
};

struct page_numbers {
	struct sensor_statistics statistics;
	struct probe_footprint footprint;
	struct probe_outside outside;
	uint64_t subscribed;
	uint64_t n_drains;
	uint64_t vendor_programs; /* BPF programs that users of the solutions' range loaded */
	uint64_t content_bytes;   /* of those, with the maps that they use */
	struct page_type types[RINGFORT_MAX_TYPES];
};

struct page;

/** page_create() - a sealed memfd: one descriptor to write, one that can only read */
int page_create(int *ret_writer, int *ret_reader);

/** page_open() - map it; writable for the sensor */
int page_open(struct page **ret_page, int fd, int writable);

void page_write(struct page *page, const struct page_numbers *numbers);
void page_read(const struct page *page, struct page_numbers *ret_numbers);

#endif
