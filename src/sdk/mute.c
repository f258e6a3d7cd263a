/* SPDX-License-Identifier: Apache-2.0 */
/* Mute - the list and how its entries fit an event. */
#include "sdk/mute.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct mute {
	enum ringfort_mute what;
	uint32_t type; /* of RINGFORT_MUTE_TYPE */
	size_t length;
	char *value;
};

struct mutes {
	uint64_t types; /* all RINGFORT_MUTE_TYPE at once */
	size_t n;
	struct mute list[MUTES_MAX];
};

struct mutes *mutes_new(void)
{
	return calloc(1, sizeof(struct mutes));
}

struct mutes *mutes_free(struct mutes *mutes)
{
	if (mutes) {
		for (size_t i = 0; i < mutes->n; i++)
			free(mutes->list[i].value);
		free(mutes);
	}
	return NULL;
}

static struct mute *find(struct mutes *mutes, enum ringfort_mute what, const char *value)
{
	for (size_t i = 0; i < mutes->n; i++)
		if (mutes->list[i].what == what && strcmp(mutes->list[i].value, value) == 0)
			return &mutes->list[i];
	return NULL;
}

int mutes_add(struct mutes *mutes, enum ringfort_mute what, const char *value)
{
	struct mute mute = { .what = what };

	if ((unsigned)what > RINGFORT_MUTE_TYPE || !value || !value[0])
		return -EINVAL;
	mute.length = strnlen(value, MUTE_MAX_VALUE + 1);
	if (mute.length > MUTE_MAX_VALUE)
		return -EINVAL;
	if (what == RINGFORT_MUTE_TYPE && !(mute.type = ringfort_type_by_name(value)))
		return -EINVAL;
	if (find(mutes, what, value))
		return 0;
	if (mutes->n == MUTES_MAX)
		return -ENOSPC;
	mute.value = strdup(value);
	if (!mute.value)
		return -ENOMEM;
	mutes->list[mutes->n++] = mute;
	if (mute.type)
		mutes->types |= 1ull << mute.type;
	return 0;
}

int mutes_remove(struct mutes *mutes, enum ringfort_mute what, const char *value)
{
	struct mute *mute = value ? find(mutes, what, value) : NULL;

	if (!mute)
		return -ENOENT;
	if (mute->type)
		mutes->types &= ~(1ull << mute->type);
	free(mute->value);
	*mute = mutes->list[--mutes->n];
	return 0;
}

/* cgroup "/a/b" holds "/a/b" and "/a/b/c", not "/a/bc". */
static bool below(const char *path, const struct mute *mute)
{
	return strncmp(path, mute->value, mute->length) == 0 &&
	       (path[mute->length] == '\0' || path[mute->length] == '/' ||
		mute->value[mute->length - 1] == '/');
}

/* A path of another mount namespace may say anything: it fits no mute. */
static bool any_path_begins(const struct ringfort_event *event, const struct mute *mute)
{
	const struct ringfort_type_info *info = ringfort_type_info(event->type);

	for (uint32_t i = 0; info && i < info->n_fields; i++) {
		const struct ringfort_file *file =
			(const void *)((const char *)(event + 1) + info->fields[i].offset);

		if (info->fields[i].kind != RINGFORT_KIND_FILE ||
		    file->flags & 1u << RINGFORT_FILE_FOREIGN_NS || !file->path.offset)
			continue;
		if (strncmp(ringfort_string(event, file->path), mute->value, mute->length) == 0)
			return true;
	}
	return false;
}

static bool fits(const struct mute *mute, const struct ringfort_event *event)
{
	const struct ringfort_process *process = &event->process;

	switch (mute->what) {
	case RINGFORT_MUTE_EXECUTABLE:
		return strcmp(ringfort_string(event, process->exe), mute->value) == 0;
	case RINGFORT_MUTE_PATH_PREFIX:
		return any_path_begins(event, mute);
	case RINGFORT_MUTE_CGROUP:
		return below(ringfort_string(event, process->cgroup), mute);
	case RINGFORT_MUTE_TYPE:
		return false; /* asked once for all, in mutes->types */
	}
	return false;
}

bool mutes_match(const struct mutes *mutes, const struct ringfort_event *event)
{
	/* What is said of the stream itself cannot be muted away. */
	if (event->type == ringfort_type_stream_loss)
		return false;
	if (mutes->types & 1ull << event->type)
		return true;
	for (size_t i = 0; i < mutes->n; i++)
		if (fits(&mutes->list[i], event))
			return true;
	return false;
}
