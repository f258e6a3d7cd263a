/* SPDX-License-Identifier: Apache-2.0 */
/* Test-payload - the acts that have a file of their own. */
#ifndef RINGFORT_HOST_TEST_PAYLOAD_H
#define RINGFORT_HOST_TEST_PAYLOAD_H

/* The file comes over the socket 3; prints "NAME OUTCOME" for each attempt. */
int use_passed_file(void);

#endif
