/* SPDX-License-Identifier: Apache-2.0 */
/* Test-digest - SHA-256 by known vectors, and of files up to a limit */
#include "test-support.h"

#include <errno.h>
#include <sys/mman.h>

static void known_vectors(void **state)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
		{ "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
		{ "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		  "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct digest digest, parsed;
		char hex[DIGEST_HEX];

		assert_int_equal(digest_of_bytes(cases[i].text, strlen(cases[i].text), &digest), 0);
		digest_format(&digest, hex);
		assert_string_equal(hex, cases[i].hex);
		assert_true(digest_parse(hex, &parsed));
		assert_memory_equal(&parsed, &digest, sizeof(digest));
	}
}

static void hexadecimal_digits_are_read_strictly(void **state)
{
	char hex[DIGEST_HEX + 1];
	struct digest lower, upper;

	memset(hex, 'a', 64);
	hex[64] = 0;
	assert_true(digest_parse(hex, &lower));
	memset(hex, 'A', 64);
	assert_true(digest_parse(hex, &upper));
	assert_memory_equal(&lower, &upper, sizeof(lower));
	assert_int_equal(lower.bytes[31], 0xaa);
	hex[63] = 'g';
	assert_false(digest_parse(hex, &lower));
	hex[63] = 0;
	assert_false(digest_parse(hex, &lower));
	memset(hex, 'a', 65);
	hex[65] = 0;
	assert_false(digest_parse(hex, &lower));
	assert_false(digest_parse("", &lower));
}

/* A million times "a", the third vector of FIPS 180: more than one piece. */
static int million(void)
{
	int fd = memfd_create("million", MFD_CLOEXEC);
	char text[1000];

	memset(text, 'a', sizeof(text));
	for (size_t i = 0; i < 1000; i++)
		assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	return fd;
}

static void a_file_is_hashed_whole_wherever_its_offset_is(void **state)
{
	_cleanup_(cleanup_close) int fd = million();
	struct digest digest;
	char hex[DIGEST_HEX];

	assert_int_equal(lseek(fd, 77, SEEK_SET), 77);
	assert_int_equal(digest_of_file(fd, 1000 * 1000, &digest), 0);
	digest_format(&digest, hex);
	assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 77);
}

static void a_file_over_the_limit_is_refused(void **state)
{
	_cleanup_(cleanup_close) int fd = million();
	struct digest digest;

	assert_int_equal(digest_of_file(fd, 1000 * 1000 - 1, &digest), E_REFUSED);
	assert_int_equal(digest_of_file(fd, 0, &digest), E_REFUSED);
}

static void what_cannot_be_read_is_an_error(void **state)
{
	_cleanup_(cleanup_close) int fd = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct digest digest;

	assert_int_equal(digest_of_file(fd, 1000, &digest), -EISDIR);
	assert_int_equal(digest_of_file(-1, 1000, &digest), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_vectors),
		cmocka_unit_test(hexadecimal_digits_are_read_strictly),
		cmocka_unit_test(a_file_is_hashed_whole_wherever_its_offset_is),
		cmocka_unit_test(a_file_over_the_limit_is_refused),
		cmocka_unit_test(what_cannot_be_read_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
