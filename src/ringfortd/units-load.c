/* SPDX-License-Identifier: Apache-2.0 */
/* Units load - which solutions there are, what their packages say, which ring each may see. */
#include "ringfortd/supervisor.h"

#include "base/log.h"
#include "ring/broadcast.h"
#include "ringfortd/role-config.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t all_types(void)
{
	uint64_t types = 1ull << ringfort_type_stream_loss;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		if (ringfort_type_info(type))
			types |= 1ull << type;
	return types;
}

/* Solutions with one grant share a ring; class 0 is control's own and sees everything. */
static int find_class(struct supervisor *supervisor, uint64_t granted, uint32_t *ret_class)
{
	struct message message = { .kind = MESSAGE_RING };
	struct visibility_class *class;
	int r;

	for (uint32_t i = 0; i < supervisor->n_classes; i++)
		if (supervisor->classes[i].granted == granted) {
			*ret_class = i;
			return 0;
		}
	if (supervisor->n_classes == MESSAGE_CLASSES)
		return -E2BIG;
	class = &supervisor->classes[supervisor->n_classes];
	r = ring_create((size_t)supervisor->config->broadcast_kb * 1024, granted, &class->writer_fd,
			&class->reader_fd);
	if (r < 0)
		return r;
	class->granted = granted;
	message.class = *ret_class = supervisor->n_classes++;
	if (supervisor->sensor_fd >= 0)
		supervisor_tell_sensor(supervisor, &message, &class->writer_fd);
	return 0;
}

static void set_name(struct unit *unit)
{
	const char *slash = strrchr(unit->package, '/');

	/* One package may run under several names, each with its own word of the operator. */
	if (unit->entry)
		memcpy(unit->manifest.name, unit->entry->name, sizeof(unit->manifest.name));
	else if (!unit->manifest.name[0])
		snprintf(unit->manifest.name, sizeof(unit->manifest.name), "%.32s", slash ? slash + 1 : "");
}

/* Read the package.  What cannot be read is no reason to hide the solution from the operator. */
int unit_read_package(struct unit *unit)
{
	char error[1024] = "";
	int r;

	unit->unusable[0] = '\0';
	r = read_manifest(unit->package, &unit->manifest, error);
	set_name(unit);
	if (r == 0) {
		unit->granted = unit->manifest.events & (unit->entry ? unit->entry->grant : ~0ull);
		unit->granted |= 1ull << ringfort_type_stream_loss;
		return find_class(unit->supervisor, unit->granted, &unit->class);
	}
	snprintf(unit->unusable, sizeof(unit->unusable), "%.*s", (int)sizeof(unit->unusable) - 1,
		 error[0] ? error : strerror(-r));
	log_error("solution %s: %s; it does not run", unit->manifest.name, unit->unusable);
	return 0;
}

static int add_unit(struct supervisor *supervisor, const char *package,
		    const struct config_solution *entry)
{
	struct unit *unit;
	int r;

	if (supervisor->n_units == MESSAGE_SLOTS)
		return -E2BIG;
	unit = calloc(1, sizeof(*unit));
	if (!unit)
		return -ENOMEM;
	unit->supervisor = supervisor;
	unit->slot = supervisor->n_units;
	unit->entry = entry;
	snprintf(unit->package, sizeof(unit->package), "%s", package);
	r = unit_init(unit);
	if (r == 0)
		r = unit_read_package(unit);
	if (r < 0) {
		free(unit);
		return r;
	}
	supervisor->units[supervisor->n_units++] = unit;
	return 0;
}

static int add_all_packages(struct supervisor *supervisor)
{
	struct dirent **entries;
	char package[PATH_MAX];
	int n = scandir(supervisor->paths->solutions, &entries, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		if (entries[i]->d_name[0] != '.' &&
		    snprintf(package, sizeof(package), "%s/%s", supervisor->paths->solutions,
			     entries[i]->d_name) < (int)sizeof(package))
			add_unit(supervisor, package, NULL);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return 0;
}

int units_first_class(struct supervisor *supervisor)
{
	uint32_t class;

	return find_class(supervisor, all_types(), &class);
}

int units_load(struct supervisor *supervisor)
{
	const struct config *config = supervisor->config;
	char package[PATH_MAX];

	if (config->all_packages)
		return add_all_packages(supervisor);
	for (uint32_t i = 0; i < config->n_solutions; i++) {
		const struct config_solution *entry = &config->solutions[i];

		if (!entry->enabled)
			continue;
		if (entry->package[0])
			snprintf(package, sizeof(package), "%s", entry->package);
		else if (snprintf(package, sizeof(package), "%s/%s", supervisor->paths->solutions,
				  entry->name) >= (int)sizeof(package))
			return -ENAMETOOLONG;
		add_unit(supervisor, package, entry);
	}
	return 0;
}
