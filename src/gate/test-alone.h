/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Alone - a test of the whole gate goes on in mounts and processes of its own.
 *
 * The gate reads the mounts of process 1, and what is left of a test shall end with it.  As in a container, nobody
 * there is in a session: so a test also shows that who is in none is asked about (gate/kernel-helper.h).
 */
#ifndef RINGFORT_GATE_TEST_ALONE_H
#define RINGFORT_GATE_TEST_ALONE_H

#include <stdbool.h>

/**
 * alone_begin() - make a folder and a tmpfs in it, in namespaces with a process 1 of their own
 * @folder: as for mkdtemp(3); it is removed when the caller ends, however it does
 *
 * The caller goes on as a grandchild; who called waits, and ends as that one does.
 * Return: false where namespaces or mounts are refused.
 */
bool alone_begin(char *folder);

#endif
