/* SPDX-License-Identifier: Apache-2.0 */
/* Loader - what an ELF file wants to be loaded by; see learn.h */
#include "learn.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_HEADERS 64

static bool read_at(int fd, void *ret, size_t size, uint64_t offset)
{
	return offset <= INT64_MAX && pread(fd, ret, size, (off_t)offset) == (ssize_t)size;
}

/* Where the name of the loader stands in the file.  The two classes differ in their structs only. */
#define FIND_LOADER(bits) \
	static bool find_loader_##bits(int fd, uint64_t *ret_offset, uint64_t *ret_size) \
	{ \
		Elf##bits##_Ehdr file; \
		Elf##bits##_Phdr header; \
\
		if (!read_at(fd, &file, sizeof(file), 0) || file.e_phentsize != sizeof(header)) \
			return false; \
		for (uint64_t i = 0; i < file.e_phnum && i < MAX_HEADERS; i++) { \
			if (!read_at(fd, &header, sizeof(header), file.e_phoff + i * sizeof(header))) \
				return false; \
			if (header.p_type != PT_INTERP) \
				continue; \
			*ret_offset = header.p_offset; \
			*ret_size = header.p_filesz; \
			return true; \
		} \
		return false; \
	}

FIND_LOADER(32)
FIND_LOADER(64)

static bool find_loader(int fd, uint64_t *ret_offset, uint64_t *ret_size)
{
	static const unsigned char native = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? ELFDATA2LSB :
											 ELFDATA2MSB;
	unsigned char ident[EI_NIDENT];

	if (!read_at(fd, ident, sizeof(ident), 0) || memcmp(ident, ELFMAG, SELFMAG) ||
	    ident[EI_DATA] != native)
		return false;
	return ident[EI_CLASS] == ELFCLASS64 ? find_loader_64(fd, ret_offset, ret_size) :
					       find_loader_32(fd, ret_offset, ret_size);
}

int loader_of(const char *path, char *ret, size_t size)
{
	_cleanup_(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char name[PATH_MAX], resolved[PATH_MAX];
	uint64_t offset, n;

	if (fd < 0 || !find_loader(fd, &offset, &n) || n < 2 || n > sizeof(name) ||
	    !read_at(fd, name, n, offset) || name[n - 1] || !realpath(name, resolved) ||
	    strlen(resolved) >= size)
		return 0;
	strcpy(ret, resolved);
	return 1;
}
