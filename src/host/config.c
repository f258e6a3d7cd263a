/* SPDX-License-Identifier: Apache-2.0 */
/* Config - tables of its keys, and the check of what came through a pipe. */
#include "host/config.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "base/prefix.h"
#include "host/names.h"
#include "host/scopes.h"
#include "host/spawn.h"

#include <errno.h>
#include <string.h>

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* Numbers with their bounds and defaults, by the map that holds them. */
#define UIDS(X) \
	X(first, uid_first, 100000, 4000000000, 1900000000) \
	X(count, uid_count, 1, 65536, 256)
#define RINGS(X) \
	X(rare_kb, rare_kb, 64, 1048576, 4096) \
	X(bulk_kb, bulk_kb, 64, 1048576, 16384) \
	X(broadcast_kb, broadcast_kb, 1024, 1048576, 16384)
#define FINDINGS(X) \
	X(max_mb, findings_max_mb, 1, 65536, 64) \
	X(files, findings_files, 2, 1000, 8)
#define GATE(X) \
	X(deadline_ms, gate_deadline_ms, 10, 60000, 1000) \
	X(soft_deadline_ms, gate_soft_deadline_ms, 0, 60000, 0) \
	X(hold_ms, gate_hold_ms, 0, 600000, 0)
#define OUTSIDE_UIDS(X) \
	X(first, gate_outside_uid_first, 0, UINT32_MAX - 1, 0) \
	X(count, gate_outside_uid_count, 1, UINT32_MAX, UINT32_MAX)

/* What changes which code runs, or where it talks to: the loader's, the shells', the proxies'. */
static const char *const default_environment[] = {
	"LD_*", "PATH", "HOME", "SHELL", "USER", "LOGNAME", "SUDO_*", "SSH_CONNECTION", "SSH_CLIENT",
	"SSH_TTY", "BASH_ENV", "ENV", "IFS", "PYTHONPATH", "PYTHONSTARTUP", "PERL5LIB", "PERL5OPT",
	"RUBYOPT", "NODE_OPTIONS", "GCONV_PATH", "GLIBC_TUNABLES", "HTTP_PROXY", "HTTPS_PROXY",
	"ALL_PROXY", "http_proxy", "https_proxy", "HISTFILE", "HISTSIZE", "TERM", "DISPLAY",
};

_Static_assert(N(default_environment) <= CONFIG_MAX_ENVIRONMENT, "they fit");

static const struct yaml_word log_levels[] = {
	{ "error", LOG_LEVEL_ERROR },
	{ "warning", LOG_LEVEL_WARNING },
	{ "info", LOG_LEVEL_INFO },
	{ "debug", LOG_LEVEL_DEBUG },
	{ NULL, 0 },
};

void config_default(struct config *ret_config)
{
	memset(ret_config, 0, sizeof(*ret_config));
	ret_config->all_packages = 1;
	ret_config->log_level = LOG_LEVEL_INFO;
	ret_config->gate_enabled = 1;
	ret_config->gate_net_protect.n = 1;
	memcpy(ret_config->gate_net_protect.text[0], CONFIG_PROTECT_DHCP, sizeof(CONFIG_PROTECT_DHCP));
	ret_config->n_environment = N(default_environment);
	for (size_t i = 0; i < N(default_environment); i++)
		memcpy(ret_config->environment[i], default_environment[i],
		       strlen(default_environment[i]));
#define X(key, member, least, most, fallback) ret_config->member = fallback;
	UIDS(X) RINGS(X) FINDINGS(X) GATE(X) OUTSIDE_UIDS(X)
#undef X
}

/* ---- reading -------------------------------------------------------------------------------- */

#define NUMBER(key_, member, least_, most_, fallback) \
	{ .key = #key_, .read = yaml_read_number, .offset = offsetof(struct config, member), \
	  .least = least_, .most = most_ },

static const struct yaml_field uid_fields[] = { UIDS(NUMBER) };
static const struct yaml_field ring_fields[] = { RINGS(NUMBER) };
static const struct yaml_field finding_fields[] = { FINDINGS(NUMBER) };

/* The root is a file system as any other. */
static bool absolute_or_root(const char *text)
{
	return strcmp(text, "/") == 0 || plain_absolute_path(text);
}

static bool can_be_protected(const char *text)
{
	struct prefix prefix;

	return strcmp(text, CONFIG_PROTECT_DHCP) == 0 || strcmp(text, CONFIG_PROTECT_DNS) == 0 ||
	       strcmp(text, CONFIG_PROTECT_LOOPBACK) == 0 || prefix_parse(&prefix, text) == 0;
}

static const struct yaml_word policies[] = {
	{ "ignore", BACKSTOP_IGNORE },
	{ "report", BACKSTOP_REPORT },
	{ "kill", BACKSTOP_KILL },
	{ "stop", BACKSTOP_STOP },
	{ NULL, 0 },
};

#define OUTSIDE(key_, kind) \
	{ .key = key_, .read = yaml_read_word, .offset = offsetof(struct config, gate_outside[kind]), \
	  .words = policies, .must = "be ignore, report, stop or kill" }

static const struct yaml_field outside_uid_fields[] = { OUTSIDE_UIDS(NUMBER) };

static int read_outside_uids(void *out, const struct yaml_item *item, const struct yaml_field *field,
			     struct yaml_error *ret_error)
{
	return yaml_fill(out, item, outside_uid_fields, N(outside_uid_fields), ret_error);
}

static const struct yaml_field outside_fields[] = {
	{ .key = "uid_range", .read = read_outside_uids },
	OUTSIDE("memfd", BACKSTOP_MEMFD),
	OUTSIDE("user_mount", BACKSTOP_USER_MOUNT),
	OUTSIDE("elsewhere", BACKSTOP_ELSEWHERE),
};

static int read_outside(void *out, const struct yaml_item *item, const struct yaml_field *field,
			struct yaml_error *ret_error)
{
	return yaml_fill(out, item, outside_fields, N(outside_fields), ret_error);
}

static const struct yaml_field gate_fields[] = {
	GATE(NUMBER)
	{ .key = "enabled", .read = yaml_read_bool, .offset = offsetof(struct config, gate_enabled) },
	{ .key = "exec", .read = yaml_read_list, .offset = offsetof(struct config, gate_exec),
	  .valid = absolute_or_root, .must = "be absolute paths, without . and .." },
	{ .key = "open", .read = yaml_read_list, .offset = offsetof(struct config, gate_open),
	  .valid = scopes_may_name, .must = SCOPES_MUST },
	{ .key = "open_filesystems", .read = yaml_read_list, .offset = offsetof(struct config, gate_open_filesystems),
	  .valid = scopes_may_name, .must = SCOPES_MUST },
	{ .key = "net_protect", .read = yaml_read_list, .offset = offsetof(struct config, gate_net_protect),
	  .valid = can_be_protected, .must = "be dhcp, dns, loopback, addresses or prefixes" },
	{ .key = "outside", .read = read_outside },
	{ .key = "deny_critical", .read = yaml_read_bool,
	  .offset = offsetof(struct config, gate_deny_critical) },
};

static const struct yaml_word modes[] = {
	{ "enforce", CONFIG_ENFORCE },
	{ "shadow", CONFIG_SHADOW },
	{ NULL, 0 },
};

static const struct yaml_word misses[] = {
	{ "fail-open", CONFIG_MISS_OPEN },
	{ "fail-closed", CONFIG_MISS_CLOSED },
	{ NULL, 0 },
};

static bool power_of_two(uint32_t value)
{
	return value && (value & (value - 1)) == 0;
}

/* Bytes 1 to 63 of a variable's name, of which the last may be '*'. */
static bool variable_name(const char *text)
{
	size_t length = strcspn(text, "*= ");

	return text[0] && strlen(text) < CONFIG_VARIABLE_SIZE && length > 0 &&
	       (text[length] == '\0' || strcmp(text + length, "*") == 0);
}

static int read_uids(void *out, const struct yaml_item *item, const struct yaml_field *field,
		     struct yaml_error *ret_error)
{
	return yaml_fill(out, item, uid_fields, N(uid_fields), ret_error);
}

static int read_rings(void *out, const struct yaml_item *item, const struct yaml_field *field,
		      struct yaml_error *ret_error)
{
	struct config *config = out;
	int r;

	r = yaml_fill(config, item, ring_fields, N(ring_fields), ret_error);
	if (r != 0)
		return r;
	if (!power_of_two(config->rare_kb) || !power_of_two(config->bulk_kb) ||
	    !power_of_two(config->broadcast_kb))
		return yaml_refuse(ret_error, item->line, "the sizes of rings must be powers of two");
	return 0;
}

static int read_findings(void *out, const struct yaml_item *item, const struct yaml_field *field,
			 struct yaml_error *ret_error)
{
	return yaml_fill(out, item, finding_fields, N(finding_fields), ret_error);
}

static int read_gate(void *out, const struct yaml_item *item, const struct yaml_field *field,
		     struct yaml_error *ret_error)
{
	const struct config *config = out;
	int r = yaml_fill(out, item, gate_fields, N(gate_fields), ret_error);

	if (r != 0)
		return r;
	if (config->gate_open.n + config->gate_open_filesystems.n > SCOPES_MAX)
		return yaml_refuse(ret_error, item->line, "open and open_filesystems have more than %d entries together",
				   SCOPES_MAX);
	return 0;
}

static int read_environment(void *out, const struct yaml_item *item, const struct yaml_field *field,
			    struct yaml_error *ret_error)
{
	const struct yaml_field name = {
		.key = field->key, .size = CONFIG_VARIABLE_SIZE, .valid = variable_name,
		.must = "be the name of a variable, with * at its end at most",
	};
	struct config *config = out;
	int r;

	if (item->kind != YAML_ITEM_LIST)
		return yaml_refuse(ret_error, item->line, "environment must be a list");
	config->n_environment = 0;
	memset(config->environment, 0, sizeof(config->environment));
	for (const struct yaml_item *at = item->first; at; at = at->next) {
		if (config->n_environment == CONFIG_MAX_ENVIRONMENT)
			return yaml_refuse(ret_error, at->line, "environment has more than %d entries",
					   CONFIG_MAX_ENVIRONMENT);
		r = yaml_read_text(config->environment[config->n_environment], at, &name, ret_error);
		if (r != 0)
			return r;
		config->n_environment++;
	}
	return 0;
}

/* Two masks of the entry: offset 0. */
static int read_authorize(void *out, const struct yaml_item *item, const struct yaml_field *field,
			  struct yaml_error *ret_error)
{
	struct config_solution *solution = out;

	return names_read_acts(&solution->authorize, &solution->net, item, field, ret_error);
}

static int read_arguments(void *out, const struct yaml_item *item, const struct yaml_field *field,
			  struct yaml_error *ret_error)
{
	struct config_solution *solution = out;

	solution->own_arguments = 1;
	return yaml_read_list(&solution->arguments, item, field, ret_error);
}

static const struct yaml_field solution_fields[] = {
	{ .key = "name", .read = yaml_read_text, .offset = offsetof(struct config_solution, name),
	  .size = PLAIN_NAME_SIZE, .valid = plain_name, .must = "be 1 to 32 of a-z, 0-9 and -",
	  .required = true },
	{ .key = "package", .read = yaml_read_text, .offset = offsetof(struct config_solution, package),
	  .size = PLAIN_TEXT_SIZE, .valid = plain_absolute_path,
	  .must = "be an absolute path, without . and .." },
	{ .key = "enabled", .read = yaml_read_bool, .offset = offsetof(struct config_solution, enabled) },
	{ .key = "grant", .read = names_read_events, .offset = offsetof(struct config_solution, grant) },
	{ .key = "authorize", .read = read_authorize },
	{ .key = "mode", .read = yaml_read_word, .offset = offsetof(struct config_solution, mode),
	  .words = modes, .must = "be enforce or shadow" },
	{ .key = "miss", .read = yaml_read_word, .offset = offsetof(struct config_solution, miss),
	  .words = misses, .must = "be fail-open or fail-closed" },
	{ .key = "share", .read = names_read_share, .offset = offsetof(struct config_solution, share) },
	{ .key = "content", .read = yaml_read_list, .offset = offsetof(struct config_solution, content),
	  .valid = plain_absolute_path, .must = "be absolute paths, without . and .." },
	{ .key = "arguments", .read = read_arguments },
	{ .key = "scopes", .read = yaml_read_list, .offset = offsetof(struct config_solution, scopes),
	  .valid = scopes_may_name, .must = SCOPES_MUST },
};

static struct config_solution *find_or_add(struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->n_solutions; i++)
		if (strcmp(config->solutions[i].name, name) == 0)
			return &config->solutions[i];
	if (config->n_solutions == CONFIG_MAX_SOLUTIONS)
		return NULL;
	return &config->solutions[config->n_solutions++];
}

static int read_solutions(void *out, const struct yaml_item *item, const struct yaml_field *field,
			  struct yaml_error *ret_error)
{
	struct config *config = out;
	uint64_t seen = 0;

	if (item->kind != YAML_ITEM_LIST)
		return yaml_refuse(ret_error, item->line, "solutions must be a list");
	config->all_packages = 0;
	for (const struct yaml_item *at = item->first; at; at = at->next) {
		struct config_solution solution, *place;
		int r;

		memset(&solution, 0, sizeof(solution));
		solution.enabled = 1;
		solution.grant = names_all_events();
		r = yaml_fill(&solution, at, solution_fields, N(solution_fields), ret_error);
		if (r != 0)
			return r;
		place = find_or_add(config, solution.name);
		if (!place)
			return yaml_refuse(ret_error, at->line, "more than %d solutions", CONFIG_MAX_SOLUTIONS);
		if (seen & 1ull << (place - config->solutions))
			return yaml_refuse(ret_error, at->line, "solution '%s' is given twice", solution.name);
		seen |= 1ull << (place - config->solutions);
		memcpy(place, &solution, sizeof(solution));
	}
	return 0;
}

static const struct yaml_field fields[] = {
	{ .key = "log_level", .read = yaml_read_word, .offset = offsetof(struct config, log_level),
	  .words = log_levels, .must = "be error, warning, info or debug" },
	{ .key = "solutions", .read = read_solutions },
	{ .key = "uid_range", .read = read_uids },
	{ .key = "environment", .read = read_environment },
	{ .key = "rings", .read = read_rings },
	{ .key = "findings", .read = read_findings },
	{ .key = "gate", .read = read_gate },
};

int config_parse(struct config *config, const void *data, size_t size, struct yaml_error *ret_error)
{
	_cleanup_(yaml_freep) struct yaml_doc *doc = NULL;
	_cleanup_(freep) struct config *next = NULL;
	int r;

	r = yaml_load(&doc, data, size, ret_error);
	if (r != 0)
		return r;
	next = malloc(sizeof(*next));
	if (!next)
		return -ENOMEM;
	memcpy(next, config, sizeof(*next));
	r = yaml_fill(next, yaml_root(doc), fields, N(fields), ret_error);
	if (r != 0)
		return r;
	memcpy(config, next, sizeof(*config));
	return 0;
}

/* ---- checking ------------------------------------------------------------------------------- */

static bool solution_ok(const struct config_solution *solution)
{
	return plain_text(solution->name, sizeof(solution->name)) && plain_name(solution->name) &&
	       plain_text(solution->package, sizeof(solution->package)) &&
	       (!solution->package[0] || plain_absolute_path(solution->package)) &&
	       solution->enabled <= 1 && solution->own_arguments <= 1 &&
	       (solution->authorize & ~NAMES_ALL_ACTS) == 0 && (solution->net & ~NAMES_ALL_NET_ACTS) == 0 &&
	       solution->mode < _CONFIG_MODE_N &&
	       solution->miss < _CONFIG_MISS_N &&
	       solution->grant != 0 && (solution->grant & ~names_all_events()) == 0 &&
	       (solution->share & ~SPAWN_SHARE_ALL) == 0 &&
	       plain_list(&solution->content, plain_absolute_path) &&
	       plain_list(&solution->arguments, NULL) && plain_list(&solution->scopes, scopes_may_name);
}

static bool solutions_ok(const struct config *config)
{
	if (config->all_packages > 1 || config->n_solutions > CONFIG_MAX_SOLUTIONS ||
	    (config->all_packages && config->n_solutions > 0))
		return false;
	for (uint32_t i = 0; i < config->n_solutions; i++) {
		if (!solution_ok(&config->solutions[i]))
			return false;
		for (uint32_t j = 0; j < i; j++)
			if (strcmp(config->solutions[i].name, config->solutions[j].name) == 0)
				return false;
	}
	return true;
}

static bool environment_ok(const struct config *config)
{
	if (config->n_environment > CONFIG_MAX_ENVIRONMENT)
		return false;
	for (uint32_t i = 0; i < config->n_environment; i++)
		if (!plain_text(config->environment[i], CONFIG_VARIABLE_SIZE) ||
		    !variable_name(config->environment[i]))
			return false;
	return true;
}

static bool gate_ok(const struct config *config)
{
	for (uint32_t kind = 0; kind < BACKSTOP_KINDS; kind++)
		if (config->gate_outside[kind] >= (kind < _BACKSTOP_KIND_N ? _BACKSTOP_POLICY_N : 1u))
			return false;
	return config->gate_enabled <= 1 && config->gate_deny_critical <= 1 &&
	       plain_list(&config->gate_exec, absolute_or_root) &&
	       plain_list(&config->gate_open, scopes_may_name) &&
	       plain_list(&config->gate_open_filesystems, scopes_may_name) &&
	       config->gate_open.n + config->gate_open_filesystems.n <= SCOPES_MAX &&
	       plain_list(&config->gate_net_protect, can_be_protected);
}

bool config_check(const struct config *config)
{
	bool known = false;

#define X(key, member, least, most, fallback) \
	if ((int64_t)config->member < (least) || config->member > (most)) \
		return false;
	UIDS(X) RINGS(X) FINDINGS(X) GATE(X) OUTSIDE_UIDS(X)
#undef X
	for (const struct yaml_word *word = log_levels; word->text; word++)
		known |= config->log_level == word->value;
	return known && power_of_two(config->rare_kb) && power_of_two(config->bulk_kb) &&
	       power_of_two(config->broadcast_kb) && environment_ok(config) && solutions_ok(config) &&
	       gate_ok(config);
}

bool config_rules_net(const struct config *config)
{
	for (uint32_t i = 0; i < config->n_solutions; i++)
		if (config->solutions[i].enabled && config->solutions[i].net)
			return true;
	return false;
}

uint64_t config_outside(const struct config *config)
{
	uint64_t says = 0;

	for (uint32_t kind = 0; kind < _BACKSTOP_KIND_N; kind++)
		says |= BACKSTOP_SAYS(kind, config->gate_outside[kind]);
	return says;
}

const struct config_solution *config_solution_find(const struct config *config, const char *name)
{
	for (uint32_t i = 0; i < config->n_solutions; i++)
		if (strcmp(config->solutions[i].name, name) == 0)
			return &config->solutions[i];
	return NULL;
}
