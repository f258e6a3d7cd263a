/* SPDX-License-Identifier: Apache-2.0 */
/* Digest - see digest.h */
#include "digest.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PIECE (256 * 1024)

static void free_context(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

/* Fetched once: a fetch walks through OpenSSL's providers.  Its configuration is not read. */
static const EVP_MD *sha256(void)
{
	static EVP_MD *fetched;

	if (!fetched && OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL))
		fetched = EVP_MD_fetch(NULL, "SHA2-256", NULL);
	return fetched;
}

static int begin(EVP_MD_CTX **ret)
{
	const EVP_MD *type = sha256();
	EVP_MD_CTX *context = type ? EVP_MD_CTX_new() : NULL;

	if (!context)
		return -ENOMEM;
	if (!EVP_DigestInit_ex2(context, type, NULL)) {
		EVP_MD_CTX_free(context);
		return -ENOMEM;
	}
	*ret = context;
	return 0;
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

bool digest_parse(const char *hex, struct digest *ret)
{
	struct digest digest;

	if (strlen(hex) != 2 * DIGEST_BYTES ||
	    strspn(hex, "0123456789abcdefABCDEF") != 2 * DIGEST_BYTES)
		return false;
	for (size_t i = 0; i < DIGEST_BYTES; i++)
		digest.bytes[i] = (unsigned char)(digit(hex[2 * i]) << 4 | digit(hex[2 * i + 1]));
	*ret = digest;
	return true;
}

void digest_format(const struct digest *digest, char ret_hex[DIGEST_HEX])
{
	for (size_t i = 0; i < DIGEST_BYTES; i++)
		sprintf(ret_hex + 2 * i, "%02x", digest->bytes[i]);
}

int digest_of_bytes(const void *bytes, size_t n, struct digest *ret)
{
	_cleanup_(free_context) EVP_MD_CTX *context = NULL;
	int r = begin(&context);

	if (r < 0)
		return r;
	return EVP_DigestUpdate(context, bytes, n) &&
	       EVP_DigestFinal_ex(context, ret->bytes, NULL) ? 0 : -ENOMEM;
}

int digest_of_file(int fd, uint64_t max_bytes, struct digest *ret)
{
	static unsigned char piece[PIECE];
	_cleanup_(free_context) EVP_MD_CTX *context = NULL;
	uint64_t n = 0;
	int r = begin(&context);

	if (r < 0)
		return r;
	for (;;) {
		ssize_t got = pread(fd, piece, sizeof(piece), (off_t)n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (!got)
			break;
		n += (uint64_t)got;
		if (n > max_bytes)
			return E_REFUSED;
		if (!EVP_DigestUpdate(context, piece, (size_t)got))
			return -ENOMEM;
	}
	return EVP_DigestFinal_ex(context, ret->bytes, NULL) ? 0 : -ENOMEM;
}
