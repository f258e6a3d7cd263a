/* SPDX-License-Identifier: Apache-2.0 */
/* Scopes - which paths may be one, and whose they are. */
#include "host/scopes.h"

#include <ringfort/verdict.h>
#include <string.h>

/* What the host needs to run, to be reached and to be repaired, by the names of the FHS 3.0 and of Debian. */
static const char *const system_folders[] = {
	"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run", "/sbin", "/sys",
	"/usr/bin", "/usr/include", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/libexec", "/usr/libx32",
	"/usr/sbin", "/usr/share", "/var/cache/apt", "/var/lib/apt", "/var/lib/dpkg", "/var/lib/ringfort",
	"/var/lib/systemd", "/var/log", "/var/run",
};

#define N_SYSTEM_FOLDERS (sizeof(system_folders) / sizeof(system_folders[0]))

/* Is `path` that folder, or below it? */
static bool is_in(const char *path, const char *folder)
{
	size_t length = strlen(folder);

	return strncmp(path, folder, length) == 0 && (path[length] == '\0' || path[length] == '/');
}

bool scopes_may_name(const char *path)
{
	if (!plain_absolute_path(path))
		return false;
	for (size_t i = 0; i < N_SYSTEM_FOLDERS; i++)
		if (is_in(path, system_folders[i]) || is_in(system_folders[i], path))
			return false;
	return true;
}

const char *scopes_system(uint32_t n)
{
	return n < N_SYSTEM_FOLDERS ? system_folders[n] : NULL;
}

uint32_t scopes_n(const struct config *config)
{
	return config->gate_open.n + config->gate_open_filesystems.n;
}

bool scopes_whole(const struct config *config, uint32_t scope)
{
	return scope >= config->gate_open.n;
}

const char *scopes_path(const struct config *config, uint32_t scope)
{
	return scopes_whole(config, scope) ? config->gate_open_filesystems.text[scope - config->gate_open.n] :
					     config->gate_open.text[scope];
}

static bool names(const struct plain_list *list, const char *path)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (strcmp(list->text[i], path) == 0)
			return true;
	return false;
}

uint32_t scopes_of(const struct config *config, const struct config_solution *solution)
{
	uint32_t mask = 0;

	for (uint32_t scope = 0; scope < scopes_n(config); scope++)
		if (solution->scopes.n == 0 || names(&solution->scopes, scopes_path(config, scope)))
			mask |= 1u << scope;
	return mask;
}

uint32_t scopes_acts(const struct config *config, uint32_t scope)
{
	uint32_t acts = 0;

	for (uint32_t i = 0; i < config->n_solutions; i++)
		if (config->solutions[i].enabled && scopes_of(config, &config->solutions[i]) & 1u << scope)
			acts |= config->solutions[i].authorize;
	return acts & (1u << RINGFORT_ACT_OPEN | 1u << RINGFORT_ACT_MODIFY);
}

const char *scopes_unknown(const struct config *config, const struct config_solution *solution)
{
	for (uint32_t i = 0; i < solution->scopes.n; i++)
		if (!names(&config->gate_open, solution->scopes.text[i]) &&
		    !names(&config->gate_open_filesystems, solution->scopes.text[i]))
			return solution->scopes.text[i];
	return NULL;
}
