/* SPDX-License-Identifier: Apache-2.0 */
#undef NDEBUG
#include "ringfortd/boot-line.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static void all_say(bool expected, const char *const *lines)
{
	for (; *lines; lines++)
		assert(boot_line_disables(*lines) == expected);
}

static void the_word_opens_the_gate_wherever_it_stands(void)
{
	all_say(true, (const char *const[]){ "ringfort.disable=1", "ringfort.disable=1\n",
					     "BOOT_IMAGE=/vmlinuz root=/dev/vda ro ringfort.disable=1 quiet\n",
					     "quiet\tringfort.disable=1\tro", "quiet -- ringfort.disable=1", NULL });
}

static void it_may_be_said_as_people_say_it(void)
{
	all_say(true, (const char *const[]){ "ringfort.disable", "quiet ringfort.disable ro", "ringfort.disable=yes",
					     "ringfort.disable=Y", "ringfort.disable=TRUE", "ringfort.disable=t",
					     "ringfort.disable=on", "ringfort.disable=\"1\"", NULL });
}

static void a_line_without_it_leaves_the_gate_alone(void)
{
	all_say(false, (const char *const[]){ "", "\n", "   ", "BOOT_IMAGE=/vmlinuz root=/dev/vda ro quiet\n", NULL });
}

static void what_only_looks_like_it_is_none(void)
{
	all_say(false, (const char *const[]){ "ringfort.disabled=1", "ringfort.disable1", "xringfort.disable=1",
					      "ringfort.disable.x=1", "ringfort.disable-x", "x=ringfort.disable=1",
					      "Ringfort.disable=1", NULL });
}

static void other_values_do_not_disable(void)
{
	all_say(false, (const char *const[]){ "ringfort.disable=0", "ringfort.disable=", "ringfort.disable=no",
					      "ringfort.disable=off", "ringfort.disable=11", "ringfort.disable=1x",
					      "ringfort.disable=\"\"", "ringfort.disable=\"", NULL });
}

static void a_quoted_value_of_another_word_is_not_ours(void)
{
	all_say(false, (const char *const[]){ "dyndbg=\"file x.c ringfort.disable=1 +p\"", "a=\"ringfort.disable=1",
					      NULL });
	all_say(true, (const char *const[]){ "dyndbg=\"file x.c +p\" ringfort.disable=1", NULL });
}

static void of_several_the_last_counts(void)
{
	all_say(true, (const char *const[]){ "ringfort.disable=0 ringfort.disable=1", NULL });
	all_say(false, (const char *const[]){ "ringfort.disable=1 ringfort.disable=0", NULL });
}

static void no_bytes_lead_it_astray(void)
{
	static const char bytes[] = "ringfort.disable=1\" \t\n";
	char line[64];

	srand(1);
	for (int n = 0; n < 200000; n++) {
		size_t length = (size_t)rand() % (sizeof(line) - 1);

		for (size_t i = 0; i < length; i++)
			line[i] = bytes[(size_t)rand() % (sizeof(bytes) - 1)];
		line[length] = '\0';
		/* Without the word it cannot be meant. */
		assert(!boot_line_disables(line) || strstr(line, BOOT_LINE_WORD));
	}
}

int main(void)
{
	the_word_opens_the_gate_wherever_it_stands();
	it_may_be_said_as_people_say_it();
	a_line_without_it_leaves_the_gate_alone();
	what_only_looks_like_it_is_none();
	other_values_do_not_disable();
	a_quoted_value_of_another_word_is_not_ours();
	of_several_the_last_counts();
	no_bytes_lead_it_astray();
	return 0;
}
