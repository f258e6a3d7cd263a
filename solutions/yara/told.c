/* SPDX-License-Identifier: Apache-2.0 */
/* Told - see told.h */
#include "told.h"

static struct told_file *place_of(struct told_files *files, const struct told_file *file)
{
	return &files->places[(file->ino ^ file->dev) % TOLD_FILES];
}

static bool is_file(const struct told_file *a, const struct told_file *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

bool told_is_new(struct told_files *files, const struct told_file *file)
{
	struct told_file *place = place_of(files, file);
	bool is_new = !is_file(place, file) || place->size != file->size || place->ctime_ns != file->ctime_ns ||
		      place->content != file->content;

	*place = *file;
	return is_new;
}

void told_forget(struct told_files *files, const struct told_file *file)
{
	struct told_file *place = place_of(files, file);

	if (is_file(place, file))
		*place = (struct told_file){ 0 };
}
