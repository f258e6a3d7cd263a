/* SPDX-License-Identifier: Apache-2.0 */
/* Names - words in YAML that stand for bits. */
#include "host/names.h"

#include "host/spawn.h"

#include <ringfort/event.h>
#include <string.h>

static const struct {
	const char *name;
	uint32_t bit;
} shares[] = {
	{ "network", SPAWN_SHARE_NETWORK },
	{ "pid", SPAWN_SHARE_PID },
	{ "ipc", SPAWN_SHARE_IPC },
	{ "uts", SPAWN_SHARE_UTS },
	{ "time", SPAWN_SHARE_TIME },
};

static const struct {
	const char *name;
	enum ringfort_act act;
} acts[] = {
	{ "process.exec", RINGFORT_ACT_EXEC },
	{ "file.open", RINGFORT_ACT_OPEN },
	{ "file.modify", RINGFORT_ACT_MODIFY },
};

_Static_assert(sizeof(acts) / sizeof(acts[0]) == _RINGFORT_ACT_N, "each act has a name");

static const char *const net_acts[] = { "net.connect", "net.bind", "net.send" };

_Static_assert(sizeof(net_acts) / sizeof(net_acts[0]) == _RINGFORT_NET_ACT_N, "each of these too");

uint64_t names_all_events(void)
{
	uint64_t mask = 0;

	for (uint32_t type = 1; type < RINGFORT_MAX_TYPES; type++)
		if (ringfort_type_info(type))
			mask |= 1ull << type;
	return mask;
}

/* The words of a list, each given to find(); 0 from it means unknown. */
static int read_words(uint64_t *ret_mask, const struct yaml_item *item, const struct yaml_field *field,
		      uint64_t (*find)(const char *word), struct yaml_error *ret_error)
{
	struct yaml_field texts = { .key = field->key };
	struct plain_list list;
	uint64_t mask = 0;
	int r;

	/* More than a list holds may be named, and each once: so no struct plain_list in between. */
	if (item->kind != YAML_ITEM_LIST)
		return yaml_read_list(&list, item, &texts, ret_error);
	for (const struct yaml_item *at = item->first; at; at = at->next) {
		char word[PLAIN_TEXT_SIZE];
		uint64_t bits;

		texts.size = sizeof(word);
		r = yaml_read_text(word, at, &texts, ret_error);
		if (r != 0)
			return r;
		bits = find(word);
		if (bits == 0)
			return yaml_refuse(ret_error, at->line, "%s: '%.64s' is not known", field->key, word);
		if (mask & bits)
			return yaml_refuse(ret_error, at->line, "%s: '%.64s' is given twice", field->key, word);
		mask |= bits;
	}
	*ret_mask = mask;
	return 0;
}

static uint64_t find_event(const char *word)
{
	uint32_t type;

	if (strcmp(word, "*") == 0)
		return names_all_events();
	type = ringfort_type_by_name(word);
	return type > 0 && type < RINGFORT_MAX_TYPES ? 1ull << type : 0;
}

/* Net acts from bit 32 on. */
static uint64_t find_act(const char *word)
{
	for (size_t i = 0; i < sizeof(acts) / sizeof(acts[0]); i++)
		if (strcmp(acts[i].name, word) == 0)
			return 1ull << acts[i].act;
	for (size_t i = 0; i < sizeof(net_acts) / sizeof(net_acts[0]); i++)
		if (strcmp(net_acts[i], word) == 0)
			return 1ull << (32 + i);
	return 0;
}

static uint64_t find_share(const char *word)
{
	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		if (strcmp(shares[i].name, word) == 0)
			return shares[i].bit;
	return 0;
}

int names_read_events(void *out, const struct yaml_item *item, const struct yaml_field *field,
		      struct yaml_error *ret_error)
{
	uint64_t mask;
	int r;

	r = read_words(&mask, item, field, find_event, ret_error);
	if (r != 0)
		return r;
	if (mask == 0)
		return yaml_refuse(ret_error, item->line, "%s is empty", field->key);
	*(uint64_t *)out = mask;
	return 0;
}

/* These may be empty: nothing is asked for. */
int names_read_acts(uint32_t *ret_acts, uint32_t *ret_net, const struct yaml_item *item,
		    const struct yaml_field *field, struct yaml_error *ret_error)
{
	uint64_t mask;
	int r = read_words(&mask, item, field, find_act, ret_error);

	if (r == 0) {
		*ret_acts = (uint32_t)mask;
		*ret_net = (uint32_t)(mask >> 32);
	}
	return r;
}

int names_read_share(void *out, const struct yaml_item *item, const struct yaml_field *field,
		     struct yaml_error *ret_error)
{
	uint64_t mask;
	int r = read_words(&mask, item, field, find_share, ret_error);

	if (r == 0)
		*(uint32_t *)out = (uint32_t)mask;
	return r;
}
