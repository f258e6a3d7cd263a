/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzz-yara-counts - whatever a file of rules holds, its counts are looked for in its own text */
#include "counts.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Of just its size, so that a step behind its end is seen. */
	char *text = malloc(size + 1);
	unsigned int line, n_lines = 1;

	if (!text)
		abort();
	if (size)
		memcpy(text, data, size);
	text[size] = 0;
	line = counts_line(text);
	for (const char *c = text; *c; c++)
		n_lines += *c == '\n';
	if (line > n_lines)
		abort();
	/* None without its sign. */
	if (line && !strchr(text, '#'))
		abort();
	free(text);
	return 0;
}
