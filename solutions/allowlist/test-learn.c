/* SPDX-License-Identifier: Apache-2.0 */
/* Test-learn - the learned policy allows exactly what was seen */
#include "learn.h"
#include "test-support.h"

#include <limits.h>

/* What ringfort prints, without the fields that nobody reads here. */
#define FILE_OF(path, more) "{\"path\":\"" path "\",\"quality\":\"resolved\",\"ino\":0" more "}"
#define EVENT(file, more) "{\"class_uid\":1007,\"ringfort\":{\"type\":\"process.exec\",\"error\":0," more "\"file\":" file "}}"
#define EXEC(path) EVENT(FILE_OF(path, ""), "")

static char *learn_with(const char *const *lines, size_t n, const struct learn_options *options)
{
	struct learned learned;
	struct refusal refusal;
	char *text = NULL;
	size_t n_text;
	FILE *stream = open_memstream(&text, &n_text);

	assert_non_null(stream);
	assert_int_equal(learn_init(&learned), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(learn_line(&learned, lines[i], strlen(lines[i]), &refusal), 0);
	assert_int_equal(learn_loaders(&learned), 0);
	assert_int_equal(learn_print(&learned, options, stream), 0);
	assert_int_equal(fclose(stream), 0);
	learn_done(&learned);
	return text;
}

#define learn(options, ...) \
	learn_with((const char *const[]){ __VA_ARGS__ }, \
		   sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *), \
		   &(struct learn_options){ options })

static bool allows(const struct policy *policy, const char *path)
{
	struct subject subject = { .path = path, .fd = -1, .mode = 0755 };

	return judge(policy, &subject).action == ACTION_ALLOW;
}

static void exactly_what_was_seen_is_allowed(void **state)
{
	static const char *const seen[] = { "/opt/x/ls", "/opt/y/ls", "/opt/a*b?c[d]", "/opt/back\\slash", "/opt/star*\\x",
					    "/opt/qu\"ote", "/opt/new\nline\x01", "/opt/\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80",
					    "/opt/[brackets]", "/opt/# : - x", "/opt/SCRIPT.sh", "/opt/x (deleted)" };
	static const char *const unseen[] = { "/opt/x/l", "/opt/x/lsx", "/opt/x/", "/opt/aXbXcd", "/opt/aXb?c[d]", "/opt/backslash",
					      "/opt/b", "/opt/star*x", "/opt/starY\\x", "/opt/new", "/opt/failed",
					      "/opt/container", "/opt/gone", "/memfd:x", "/opt/test", "/opt/fork" };
	_cleanup_(cleanup_free) char *text = learn(
		.owner = false, EXEC("/opt/y/ls"), EXEC("/opt/x/ls"), EXEC("/opt/x/ls"), EXEC("/opt/a*b?c[d]"),
		EXEC("/opt/back\\\\slash"), EXEC("/opt/star*\\\\x"), EXEC("/opt/qu\\\"ote"), EXEC("/opt/new\\nline\\u0001"),
		EXEC("/opt/\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"), EXEC("/opt/[brackets]"), EXEC("/opt/# : - x"),
		EVENT(FILE_OF("/opt/x/ls", ""), "\"script\":" FILE_OF("/opt/SCRIPT.sh", "") ","), EXEC("/opt/x (deleted)"),
		"{\"ringfort\":{\"type\":\"process.exec\",\"error\":1,\"file\":" FILE_OF("/opt/failed", "") "}}",
		"{\"ringfort\":{\"type\":\"process.fork\",\"file\":" FILE_OF("/opt/fork", "") "}}", "{\"other\":1}",
		EVENT(FILE_OF("/opt/container", ",\"foreign_ns\":true"), ""), EVENT(FILE_OF("/opt/gone", ",\"deleted\":true"), ""),
		EVENT(FILE_OF("/memfd:x", ",\"memfd\":true"), ""), EVENT(FILE_OF("/opt/\xef\xbf\xbd", ""), ""),
		EVENT(FILE_OF("/opt/test", ""), "\"selftest\":true,"));
	struct policy *policy = load_good(text);

	for (size_t i = 0; i < ARRAY_LENGTH(seen); i++)
		if (!allows(policy, seen[i]))
			fail_msg("%s is not allowed by\n%s", seen[i], text);
	for (size_t i = 0; i < ARRAY_LENGTH(unseen); i++)
		if (allows(policy, unseen[i]))
			fail_msg("%s is allowed by\n%s", unseen[i], text);
	assert_int_equal(policy_count(policy), ARRAY_LENGTH(seen));
	assert_false(policy_is_lockdown(policy));
	assert_non_null(strstr(text, "# \"/opt/x/ls\", executed 3 times\n"));
	assert_non_null(strstr(text, "#   \"/opt/gone\": it was deleted\n"));
	assert_non_null(strstr(text, "#   \"/opt/container\": its path is of another mount namespace\n"));
	policy_free(policy);
}

static void the_order_of_the_events_does_not_matter(void **state)
{
	_cleanup_(cleanup_free) char *one = learn(.owner = false, EXEC("/opt/b"), EXEC("/opt/a"), EXEC("/opt/c"), EXEC("/opt/a"));
	_cleanup_(cleanup_free) char *two = learn(.owner = false, EXEC("/opt/a"), EXEC("/opt/a"), EXEC("/opt/c"), EXEC("/opt/b"));

	assert_string_equal(one, two);
	assert_true(strstr(one, "/opt/a") < strstr(one, "/opt/b"));
	assert_true(strstr(one, "/opt/b") < strstr(one, "/opt/c"));
}

static void nothing_seen_is_a_policy_too(void **state)
{
	_cleanup_(cleanup_free) char *text = learn(.owner = false, "{}");
	struct policy *policy = load_good(text);

	assert_int_equal(policy_count(policy), 0);
	policy_free(policy);
}

static void findings_teach_what_ran_though_no_rule_allows_it(void **state)
{
#define FINDING(solution, rule, error, path) \
	"{\"ringfort\":{\"type\":\"process.exec\",\"error\":" error ",\"file\":" FILE_OF("/opt/image", "") \
	",\"solution\":\"" solution "\",\"rule_id\":\"" rule "\",\"matched\":{\"file\":\"" path "\"}}}"
	_cleanup_(cleanup_free) char *text = learn(
		.owner = false, FINDING("allowlist", "not-allowed", "0", "/opt/ran"),
		FINDING("allowlist", "not-allowed", "1", "/opt/refused"), FINDING("allowlist", "no-tmp", "0", "/opt/audited"),
		FINDING("sigma", "not-allowed", "0", "/opt/bad"), FINDING("allowlist", "not-allowed", "0", "/opt/x (deleted)"),
		"{\"ringfort\":{\"type\":\"process.exec\",\"error\":0,\"solution\":\"allowlist\",\"rule_id\":\"not-allowed\","
		"\"file\":{\"foreign_ns\":true},\"matched\":{\"file\":\"/opt/container\"}}}");
	struct policy *policy = load_good(text);

	assert_true(allows(policy, "/opt/ran"));
	assert_int_equal(policy_count(policy), 1);
	assert_non_null(strstr(text, "#   \"/opt/x (deleted)\": it was deleted\n"));
	assert_non_null(strstr(text, "#   \"/opt/container\": its path is of another"));
	policy_free(policy);
}

static void a_program_brings_its_loader(void **state)
{
	char self[PATH_MAX], loader[PATH_MAX], line[2 * PATH_MAX];
	_cleanup_(cleanup_free) char *text = NULL;
	struct policy *policy;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	assert_true(n > 0);
	self[n] = 0;
	assert_int_equal(loader_of(self, loader, sizeof(loader)), 1);
	assert_int_equal(access(loader, X_OK), 0);
	assert_int_equal(loader_of(loader, loader, sizeof(loader)), 0);
	assert_int_equal(loader_of("/etc/passwd", loader, sizeof(loader)), 0);
	assert_int_equal(loader_of(self, loader, 4), 0);
	assert_int_equal(loader_of(self, loader, sizeof(loader)), 1);
	snprintf(line, sizeof(line), EXEC("%s"), self);
	text = learn(.owner = false, line);
	policy = load_good(text);
	assert_true(allows(policy, self));
	assert_true(allows(policy, loader));
	assert_int_equal(policy_count(policy), 2);
	policy_free(policy);
}

/* As the kernel tells it: with the inode, which learn compares. */
static void see(char *line, size_t size, const char *path, unsigned long long ino, const char *quality)
{
	snprintf(line, size, "{\"ringfort\":{\"type\":\"process.exec\",\"error\":0,\"file\":"
			     "{\"path\":\"%s\",\"quality\":\"%s\",\"ino\":%llu}}}", path, quality, ino);
}

static void owner_and_hash_are_todays(void **state)
{
	char folder[64], path[128], line[512], replaced[512], gone[512];
	_cleanup_(cleanup_free) char *text = NULL;
	struct subject subject = { .mode = 0755, .size = 3 };
	struct policy *policy;
	struct stat status;

	make_folder(folder);
	snprintf(path, sizeof(path), "%s/other", folder);
	see(replaced, sizeof(replaced), path, 1, "resolved");
	write_file(path, "abc");
	snprintf(path, sizeof(path), "%s/gone", folder);
	see(gone, sizeof(gone), path, 0, "resolved");
	snprintf(path, sizeof(path), "%s/abc", folder);
	write_file(path, "abc");
	assert_int_equal(stat(path, &status), 0);
	see(line, sizeof(line), path, status.st_ino, "resolved");
	text = learn_with((const char *const[]){ line, replaced, gone }, 3,
			  &(struct learn_options){ .owner = true, .hash = true });
	policy = load_good(text);
	assert_int_equal(policy_count(policy), 1);
	assert_non_null(strstr(text, "other\": another file is there now\n"));
	assert_non_null(strstr(text, "gone\": No such file"));

	subject.path = path;
	subject.uid = status.st_uid;
	subject.fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(judge(policy, &subject).action, ACTION_ALLOW);
	subject.uid++;
	assert_int_equal(judge(policy, &subject).action, ACTION_NONE);
	subject.uid--;
	assert_int_equal(pwrite(subject.fd, "x", 1, 0), 1);
	assert_int_equal(judge(policy, &subject).action, ACTION_NONE);
	close(subject.fd);
	policy_free(policy);
	remove_folder(folder);
}

static void a_path_as_called_is_followed_to_the_file(void **state)
{
	char folder[64], path[128], link[128], line[512], lost[512];
	_cleanup_(cleanup_free) char *text = NULL;
	struct policy *policy;

	make_folder(folder);
	snprintf(path, sizeof(path), "%s/real", folder);
	write_file(path, "#!/bin/sh\n");
	snprintf(link, sizeof(link), "%s/link", folder);
	assert_int_equal(symlink("real", link), 0);
	see(line, sizeof(line), link, 0, "caller");
	see(lost, sizeof(lost), "/opt/lost", 0, "caller");
	text = learn_with((const char *const[]){ line, lost }, 2, &(struct learn_options){ 0 });
	policy = load_good(text);
	assert_true(allows(policy, path));
	assert_false(allows(policy, link));
	assert_int_equal(policy_count(policy), 1);
	assert_non_null(strstr(text, "#   \"/opt/lost\": where it led"));
	policy_free(policy);
	remove_folder(folder);
}

static void what_is_no_event_is_refused(void **state)
{
	static const char *const lines[] = { "x", "[1]", "{\"a\":", "\"text\"", "{\"a\":\"\xff\"}" };
	struct learned learned;
	struct refusal refusal;

	assert_int_equal(learn_init(&learned), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(lines); i++)
		assert_int_equal(learn_line(&learned, lines[i], strlen(lines[i]), &refusal), E_REFUSED);
	assert_int_equal(learn_line(&learned, "{\"a\":18446744073709551615}", 26, &refusal), 0);
	assert_int_equal(json_object_size(learned.files), 0);
	learn_done(&learned);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_what_was_seen_is_allowed),
		cmocka_unit_test(the_order_of_the_events_does_not_matter),
		cmocka_unit_test(nothing_seen_is_a_policy_too),
		cmocka_unit_test(findings_teach_what_ran_though_no_rule_allows_it),
		cmocka_unit_test(a_program_brings_its_loader),
		cmocka_unit_test(owner_and_hash_are_todays),
		cmocka_unit_test(a_path_as_called_is_followed_to_the_file),
		cmocka_unit_test(what_is_no_event_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
