# SPDX-License-Identifier: Apache-2.0
"""Project - a small C project of our own to build: what a developer's machine does all day."""

N_FILES = 30
N_FUNCTIONS = 25

HEADER = """#ifndef PROJECT_H
#define PROJECT_H
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *next; uint64_t key; char name[32]; };
"""

FUNCTION = """
static uint64_t mix_{f}(uint64_t x, const struct node *nodes)
{{
	for (const struct node *node = nodes; node; node = node->next) {{
		size_t length = strlen(node->name);

		switch (node->key % {m}) {{
		case 0: x ^= length * {a}u; break;
		case 1: x += node->key << {s}; break;
		case 2: x -= (uint64_t)node->name[length / 2]; break;
		default: x = x * {b}u + (x >> {s}); break;
		}}
	}}
	return x;
}}
"""


def source(i):
    parts = ['#include "project.h"\n']
    for f in range(N_FUNCTIONS):
        parts.append(FUNCTION.format(f=f, m=5 + (i + f) % 7, a=31 + 2 * i, b=33 + 2 * f, s=1 + (i * f) % 13))
    calls = "".join(f"\tx ^= mix_{f}(x + {i}, nodes);\n" for f in range(N_FUNCTIONS))
    parts.append(f"\nuint64_t part_{i}(uint64_t x, const struct node *nodes)\n{{\n{calls}\treturn x;\n}}\n")
    return "".join(parts)


def write(folder):
    numbers = range(N_FILES)
    with open(f"{folder}/project.h", "w") as file:
        file.write(HEADER)
        file.writelines(f"uint64_t part_{i}(uint64_t x, const struct node *nodes);\n" for i in numbers)
        file.write("#endif\n")
    for i in numbers:
        with open(f"{folder}/part{i}.c", "w") as file:
            file.write(source(i))
    with open(f"{folder}/main.c", "w") as file:
        calls = "".join(f"\tx = part_{i}(x, &node);\n" for i in numbers)
        file.write('#include "project.h"\n\nint main(void)\n{\n\tstruct node node = { .key = 3, .name = "n" };\n'
                   f'\tuint64_t x = 1;\n\n{calls}\treturn printf("%llu\\n", (unsigned long long)x) < 0;\n}}\n')
    objects = " ".join(f"part{i}.o" for i in numbers) + " main.o"
    with open(f"{folder}/Makefile", "w") as file:
        file.write(f"CFLAGS = -O1\nproject: {objects}\n\t$(CC) -o $@ $^\n{objects}: project.h\n"
                   f"clean:\n\trm -f project {objects}\n")
