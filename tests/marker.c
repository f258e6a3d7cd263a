/* SPDX-License-Identifier: Apache-2.0 */
/* Marker - an image that needs no other, and whose first act is to make the file that it is given. */
#include <fcntl.h>

int main(int argc, char **argv)
{
	return argc > 1 && open(argv[1], O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0 ? 7 : 1;
}
