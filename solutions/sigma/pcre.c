/* SPDX-License-Identifier: Apache-2.0 */
/* Regex - see pcre.h */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "pcre.h"

#include <errno.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#define MATCH_LIMIT 100000u
#define DEPTH_LIMIT 20000u
#define HEAP_LIMIT_KIB 4096u

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
};

struct regex *regex_free(struct regex *regex)
{
	if (!regex)
		return NULL;
	pcre2_code_free(regex->code);
	pcre2_match_data_free(regex->data);
	pcre2_match_context_free(regex->context);
	free(regex);
	return NULL;
}

static void regex_freep(struct regex **regex)
{
	regex_free(*regex);
}

int regex_compile(struct regex **ret, const char *text, unsigned int flags, char *ret_reason,
		  size_t n_reason)
{
	_cleanup_(regex_freep) struct regex *regex = calloc(1, sizeof(*regex));
	/* Values may be any bytes: PCRE2 then treats what is not UTF-8 as matching nothing. */
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
	unsigned char message[128];
	size_t offset;
	int error;

	if (!regex)
		return -ENOMEM;
	options |= flags & REGEX_CASELESS ? PCRE2_CASELESS : 0;
	options |= flags & REGEX_MULTILINE ? PCRE2_MULTILINE : 0;
	options |= flags & REGEX_DOTALL ? PCRE2_DOTALL : 0;
	regex->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &error, &offset,
				    NULL);
	if (!regex->code) {
		pcre2_get_error_message(error, message, sizeof(message));
		snprintf(ret_reason, n_reason, "%s at character %zu", (char *)message, offset + 1);
		return E_REFUSED;
	}
	regex->data = pcre2_match_data_create(1, NULL);
	regex->context = pcre2_match_context_create(NULL);
	if (!regex->data || !regex->context)
		return -ENOMEM;
	pcre2_set_match_limit(regex->context, MATCH_LIMIT);
	pcre2_set_depth_limit(regex->context, DEPTH_LIMIT);
	pcre2_set_heap_limit(regex->context, HEAP_LIMIT_KIB);
	*ret = take_ptr(regex);
	return 0;
}

int regex_match(struct regex *regex, const char *text, size_t n)
{
	int r = pcre2_match(regex->code, (PCRE2_SPTR)text, n, 0, 0, regex->data, regex->context);

	if (r >= 0)
		return 1;
	return r == PCRE2_ERROR_NOMATCH ? 0 : -E2BIG;
}
