/* SPDX-License-Identifier: Apache-2.0 */
/* JSON - the writer: text only, it knows nothing of events. */
#include "event/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void json_done(struct json *json)
{
	free(json->data);
	*json = (struct json){ 0 };
}

void json_reset(struct json *json)
{
	json->used = 0;
	json->comma = false;
	json->broken = false;
}

static bool json_room(struct json *json, size_t n)
{
	size_t size = json->size ? json->size : 1024;
	char *data;

	if (json->broken)
		return false;
	if (json->used + n + 1 <= json->size)
		return true;
	while (size < json->used + n + 1)
		size *= 2;
	data = realloc(json->data, size);
	if (!data) {
		json->broken = true;
		return false;
	}
	json->data = data;
	json->size = size;
	return true;
}

const char *json_text(struct json *json)
{
	if (!json_room(json, 0))
		return NULL;
	json->data[json->used] = '\0';
	return json->data;
}

static void json_put(struct json *json, const char *text, size_t n)
{
	if (!json_room(json, n))
		return;
	memcpy(json->data + json->used, text, n);
	json->used += n;
}

/* A value begins: the comma of the one before it. */
static void json_value(struct json *json)
{
	if (json->comma)
		json_put(json, ",", 1);
	json->comma = true;
}

static void json_open(struct json *json, const char *bracket)
{
	json_value(json);
	json_put(json, bracket, 1);
	json->comma = false;
}

static void json_close(struct json *json, const char *bracket)
{
	json_put(json, bracket, 1);
	json->comma = true;
}

void json_begin_object(struct json *json)
{
	json_open(json, "{");
}

void json_end_object(struct json *json)
{
	json_close(json, "}");
}

void json_begin_array(struct json *json)
{
	json_open(json, "[");
}

void json_end_array(struct json *json)
{
	json_close(json, "]");
}

/* Bytes of the UTF-8 sequence that begins here, or 0 when there is none (RFC 3629, table 3-7 of Unicode). */
static size_t utf8_length(const unsigned char *p, size_t n)
{
	unsigned char low = 0x80, high = 0xbf;
	size_t length;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf)
		length = 2;
	else if (p[0] >= 0xe0 && p[0] <= 0xef)
		length = 3;
	else if (p[0] >= 0xf0 && p[0] <= 0xf4)
		length = 4;
	else
		return 0;
	if (p[0] == 0xe0)
		low = 0xa0;
	if (p[0] == 0xed)
		high = 0x9f; /* no surrogates */
	if (p[0] == 0xf0)
		low = 0x90;
	if (p[0] == 0xf4)
		high = 0x8f;
	if (n < length || p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

static void json_escape(struct json *json, unsigned char c)
{
	char text[8];
	int n;

	switch (c) {
	case '"':
	case '\\':
		n = snprintf(text, sizeof(text), "\\%c", c);
		break;
	case '\n':
		n = snprintf(text, sizeof(text), "\\n");
		break;
	case '\t':
		n = snprintf(text, sizeof(text), "\\t");
		break;
	default:
		n = snprintf(text, sizeof(text), "\\u%04x", c);
	}
	json_put(json, text, (size_t)n);
}

static void json_quoted(struct json *json, const char *bytes, size_t n)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t plain = 0;

	json_put(json, "\"", 1);
	for (size_t i = 0; i < n;) {
		size_t length = utf8_length(p + i, n - i);
		bool special = length == 1 && (p[i] < 0x20 || p[i] == '"' || p[i] == '\\' || p[i] == 0x7f);

		if (length && !special) {
			i += length;
			continue;
		}
		json_put(json, bytes + plain, i - plain);
		if (special)
			json_escape(json, p[i]);
		else
			json_put(json, "\xef\xbf\xbd", 3);
		plain = ++i;
	}
	json_put(json, bytes + plain, n - plain);
	json_put(json, "\"", 1);
}

void json_name(struct json *json, const char *name)
{
	json_value(json);
	json_quoted(json, name, strlen(name));
	json_put(json, ":", 1);
	json->comma = false;
}

void json_bytes(struct json *json, const char *bytes, size_t n)
{
	json_value(json);
	json_quoted(json, bytes, n);
}

void json_string(struct json *json, const char *text)
{
	json_bytes(json, text, strlen(text));
}

void json_uint(struct json *json, uint64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)value);

	json_value(json);
	json_put(json, text, (size_t)n);
}

void json_int(struct json *json, int64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)value);

	json_value(json);
	json_put(json, text, (size_t)n);
}

void json_bool(struct json *json, bool value)
{
	json_value(json);
	json_put(json, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *json)
{
	json_value(json);
	json_put(json, "null", 4);
}

void json_name_string(struct json *json, const char *name, const char *text)
{
	json_name(json, name);
	json_string(json, text);
}

void json_name_uint(struct json *json, const char *name, uint64_t value)
{
	json_name(json, name);
	json_uint(json, value);
}

void json_name_bool(struct json *json, const char *name, bool value)
{
	json_name(json, name);
	json_bool(json, value);
}
