/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Netrules - a solution that sets rules about the network, for tests of the net gate.
 *
 *   netrules [storm] RULE...
 *
 * A rule is VERDICT ACTS PROTOCOL ADDRESS/PREFIX PORT-PORT UID ID in one word, separated by commas:
 * "deny,connect+send,tcp,127.9.0.0/16,1-65535,any,7".  "any" may stand for protocol, address and uid.
 *
 * It sets them, and says each second "ready rules=N result=N".  With "storm" it sets them again and again,
 * by turns as they are and behind 500 others that fit nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <ringfort/client.h>
#include <ringfort/net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define N_OTHERS 500
#define N_WORDS 7

static struct ringfort_client *client;
static struct ringfort_net_rule rules[N_OTHERS + RINGFORT_NET_MAX_RULES];
static uint32_t n_rules;

static uint32_t read_acts(const char *word)
{
	uint32_t acts = 0;

	acts |= strstr(word, "connect") ? 1u << RINGFORT_NET_CONNECT : 0;
	acts |= strstr(word, "bind") ? 1u << RINGFORT_NET_BIND : 0;
	acts |= strstr(word, "send") ? 1u << RINGFORT_NET_SEND : 0;
	return acts;
}

static void read_address(struct ringfort_net_rule *rule, char *word)
{
	char *slash = strchr(word, '/');

	if (strcmp(word, "any") == 0)
		return;
	rule->family = strchr(word, ':') ? AF_INET6 : AF_INET;
	rule->prefix = rule->family == AF_INET ? 32 : 128;
	if (slash) {
		*slash = '\0';
		rule->prefix = (uint32_t)atoi(slash + 1);
	}
	inet_pton((int)rule->family, word, rule->ip);
}

static void read_rule(struct ringfort_net_rule *rule, char *text)
{
	char *words[N_WORDS], *rest = text;
	unsigned int first = 0, last = 65535;

	for (int i = 0; i < N_WORDS; i++) {
		words[i] = strsep(&rest, ",");
		if (!words[i]) {
			fprintf(stderr, "netrules: '%s' is no rule\n", text);
			exit(2);
		}
	}
	*rule = (struct ringfort_net_rule){ .size = sizeof(*rule) };
	rule->verdict = strcmp(words[0], "deny") == 0 ? RINGFORT_VERDICT_DENY : RINGFORT_VERDICT_ALLOW;
	rule->acts = read_acts(words[1]);
	rule->protocol = strcmp(words[2], "tcp") == 0 ? IPPROTO_TCP : strcmp(words[2], "udp") == 0 ? IPPROTO_UDP : 0;
	read_address(rule, words[3]);
	sscanf(words[4], "%u-%u", &first, &last);
	rule->port_first = (uint16_t)first;
	rule->port_last = (uint16_t)last;
	rule->uid = strcmp(words[5], "any") == 0 ? RINGFORT_NET_ANY_UID : (uint32_t)atoi(words[5]);
	rule->id = (uint32_t)atoi(words[6]);
}

/* Behind them in memory the real ones follow. */
static void fill_others(void)
{
	for (uint32_t i = 0; i < N_OTHERS; i++)
		rules[i] = (struct ringfort_net_rule){
			.size = sizeof(rules[i]), .id = i, .acts = 1u << RINGFORT_NET_CONNECT,
			.verdict = RINGFORT_VERDICT_DENY, .family = AF_INET,
			.ip = { 198, 51, (uint8_t)(i >> 8), (uint8_t)i }, .prefix = 32, .uid = RINGFORT_NET_ANY_UID,
		};
}

static int set(int with_others)
{
	if (with_others)
		return ringfort_client_net_set(client, rules, N_OTHERS + n_rules);
	return ringfort_client_net_set(client, rules + N_OTHERS, n_rules);
}

static void say(int result)
{
	char line[64];

	snprintf(line, sizeof(line), "ready rules=%u result=%d", n_rules, result);
	ringfort_client_say(client, line);
}

static int loop(int storm)
{
	struct pollfd wake = { .fd = ringfort_client_fd(client), .events = POLLIN };
	const struct ringfort_event *event;
	int result = set(0), r;
	unsigned int turn = 0;
	time_t said = 0;

	for (;;) {
		while ((r = ringfort_client_next(client, &event)) == 1)
			;
		if (r < 0)
			return r == -EPIPE ? 0 : 1;
		if (time(NULL) != said) {
			said = time(NULL);
			say(result);
		}
		if (storm)
			set((int)(++turn & 1));
		poll(&wake, 1, storm ? 1 : 100);
	}
}

int main(int argc, char **argv)
{
	int storm = argc > 1 && strcmp(argv[1], "storm") == 0, r;

	for (int i = 1 + storm; i < argc; i++)
		read_rule(&rules[N_OTHERS + n_rules++], argv[i]);
	fill_others();
	r = ringfort_client_open(&client);
	if (r == 0)
		r = ringfort_client_subscribe(client, 0);
	if (r < 0) {
		fprintf(stderr, "netrules: cannot begin: %s\n", strerror(-r));
		return 1;
	}
	r = loop(storm);
	ringfort_client_close(client);
	return r;
}
