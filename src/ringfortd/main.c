/* SPDX-License-Identifier: Apache-2.0 */
/* ringfortd - the daemon: options, configuration, then the supervisor. */
#include "base/log.h"
#include "ringfortd/paths.h"
#include "ringfortd/role-config.h"
#include "ringfortd/role-supervisor.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const char usage[] =
	"usage: ringfortd [options]\n"
	"\n"
	"Endpoint security outside the kernel: hands kernel events to solutions in sandboxes.\n"
	"\n"
	"  --config FILE       configuration (/etc/ringfort/ringfortd.yaml; drop-ins in ringfortd.d\n"
	"                      beside it); none is needed\n"
	"  --state FOLDER      what survives a restart (/var/lib/ringfort)\n"
	"  --runtime FOLDER    socket and lock (/run/ringfort)\n"
	"  --check-config      read the configuration and every manifest, say what is wrong, exit\n"
	"  --log-level LEVEL   error, warning, info or debug; over the configuration's\n"
	"  --version, --help\n"
	"\n"
	"It stays in the foreground and ends on SIGTERM or Ctrl-C, leaving nothing behind but its\n"
	"state.  Give all three paths and a second instance runs beside the first.\n"
	"\n"
	"exit status: 0 ended as asked; 64 wrong usage; 69 something is missing here; 70 a role failed;\n"
	"77 not root; 78 the configuration is wrong\n"
	"\n"
	"see also: ringfort(1), ringfortd(8), ringfortd.yaml(5), ringfort-solution(7)\n";

struct options {
	const char *config, *state, *runtime;
	int log_level;
	bool check;
};

static int level_by_name(const char *name)
{
	static const struct {
		const char *name;
		int level;
	} levels[] = { { "error", LOG_LEVEL_ERROR },
		       { "warning", LOG_LEVEL_WARNING },
		       { "info", LOG_LEVEL_INFO },
		       { "debug", LOG_LEVEL_DEBUG } };

	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(levels[i].name, name) == 0)
			return levels[i].level;
	return -1;
}

static void parse_options(struct options *options, int argc, char **argv)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' }, { "state", required_argument, NULL, 's' },
		{ "runtime", required_argument, NULL, 'r' }, { "check-config", no_argument, NULL, 'k' },
		{ "log-level", required_argument, NULL, 'l' }, { "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' }, { 0 }
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case 's':
			options->state = optarg;
			break;
		case 'r':
			options->runtime = optarg;
			break;
		case 'k':
			options->check = true;
			break;
		case 'l':
			options->log_level = level_by_name(optarg);
			if (options->log_level >= 0)
				break;
			fprintf(stderr, "ringfortd: --log-level is error, warning, info or debug\n");
			exit(EX_USAGE);
		case 'v':
			printf("ringfortd %s\n", RINGFORT_VERSION);
			exit(0);
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			fprintf(stderr, "ringfortd: try --help\n");
			exit(EX_USAGE);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "ringfortd: unexpected argument '%s'; try --help\n", argv[optind]);
		exit(EX_USAGE);
	}
}

/* Each package that the configuration names; those taken by default speak at start. */
static int check_manifests(const struct paths *paths, const struct config *config)
{
	static struct manifest manifest;
	char package[PATH_MAX], error[1024];
	int n_wrong = 0;

	for (uint32_t i = 0; i < config->n_solutions; i++) {
		const struct config_solution *entry = &config->solutions[i];
		int n = entry->package[0] ?
				snprintf(package, sizeof(package), "%s", entry->package) :
				snprintf(package, sizeof(package), "%s/%s", paths->solutions, entry->name);

		if (n >= (int)sizeof(package) || read_manifest(package, &manifest, error) == 0)
			continue;
		fprintf(stderr, "ringfortd: %s\n", error);
		n_wrong++;
	}
	return n_wrong;
}

int main(int argc, char **argv)
{
	static struct paths paths;
	static struct config config;
	struct options options = { .log_level = -1 };
	char error[1024] = "";
	int r;

	parse_options(&options, argc, argv);
	log_open("ringfortd", LOG_LEVEL_INFO);
	r = paths_init(&paths, options.config, options.state, options.runtime);
	if (r < 0) {
		log_error("cannot find my own paths: %s", strerror(-r));
		return EX_OSERR;
	}
	if (!options.check && geteuid() != 0) {
		log_error("must be root: it loads BPF programs and makes sandboxes");
		return EX_NOPERM;
	}
	r = read_config(&paths, options.config != NULL, &config, error);
	if (r != 0) {
		log_error("%s", error[0] ? error : strerror(-r));
		return EX_CONFIG;
	}
	if (options.check) {
		if (check_manifests(&paths, &config))
			return EX_CONFIG;
		printf("the configuration is good: %u solutions named\n", config.n_solutions);
		return 0;
	}
	if (options.log_level >= 0)
		config.log_level = (uint32_t)options.log_level;
	log_open("ringfortd", (enum log_level)config.log_level);
	return role_supervisor(&paths, &config);
}
