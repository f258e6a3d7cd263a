/* SPDX-License-Identifier: Apache-2.0 */
/* Test-judge - which rule decides, and when a file is hashed for it */
#include "test-support.h"

#include <sys/mman.h>

#define ABC "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static int abc_file(void)
{
	int fd = memfd_create("abc", MFD_CLOEXEC);

	assert_int_equal(write(fd, "abc", 3), 3);
	return fd;
}

/* /opt/x, of user 1000, mode 0755, with "abc" in it; without a descriptor it cannot be hashed. */
static struct subject subject_of(int fd)
{
	return (struct subject){ .path = "/opt/x", .fd = fd, .size = 3, .mode = S_IFREG | 0755, .uid = 1000 };
}

/* "deny a": verdict and rule; the rule is - for the mode. */
static const char *answer(const struct judgement *judgement)
{
	static char text[80];

	snprintf(text, sizeof(text), "%s %s", judgement->deny ? "deny" : "allow",
		 judgement->rule ? judgement->rule->id : "-");
	return text;
}

static void the_most_restrictive_rule_that_holds_decides(void **state)
{
#define LOCK "mode: lockdown\n"
#define R(action, id, conditions) "  - {id: " id ", action: " action ", " conditions "}\n"
	static const struct {
		const char *policy, *answer;
	} cases[] = {
		{ "rules: []\n", "allow -" },
		{ LOCK "rules: []\n", "deny -" },
		{ LOCK "rules:\n" R("allow", "a", "path: /opt/x"), "allow a" },
		{ LOCK "rules:\n" R("allow", "a", "path: /opt/y"), "deny -" },
		{ LOCK "rules:\n" R("audit", "a", "path: /opt/x"), "allow a" },
		{ "rules:\n" R("deny", "a", "path: /opt/x"), "deny a" },
		{ "rules:\n" R("allow", "a", "path: /opt/x") R("deny", "b", "path: /opt/"), "deny b" },
		{ "rules:\n" R("deny", "a", "path: /opt/x") R("allow", "b", "path: /opt/x"), "deny a" },
		{ "rules:\n" R("allow", "a", "path: /opt/x") R("audit", "b", "path: /"), "allow b" },
		{ "rules:\n" R("audit", "a", "path: /") R("deny", "b", "owner: 1000"), "deny b" },
		{ "rules:\n" R("audit", "a", "path: /") R("deny", "b", "sha256: " ABC), "deny b" },
		{ "rules:\n" R("audit", "a", "path: /") R("deny", "b", "sha256: " EMPTY), "allow a" },
		{ LOCK "rules:\n" R("allow", "a", "sha256: " ABC), "allow a" },
		{ LOCK "rules:\n" R("allow", "a", "sha256: [" EMPTY ", " ABC "]"), "allow a" },
		/* of several with one action the first */
		{ "rules:\n" R("deny", "b", "path: /opt/") R("deny", "a", "path: /opt/x"), "deny b" },
		{ "rules:\n" R("deny", "b", "path: /opt/x") R("deny", "a", "path: /opt/x"), "deny b" },
		{ "rules:\n" R("deny", "b", "path: /opt/*") R("deny", "a", "path: /opt/"), "deny b" },
		/* all conditions of a rule must hold */
		{ "rules:\n" R("deny", "a", "path: /opt/x, owner: root"), "allow -" },
		{ "rules:\n" R("deny", "a", "path: /opt/x, owner: 1000"), "deny a" },
		{ "rules:\n" R("deny", "a", "path: /opt/x, writable_by_others: true"), "allow -" },
		{ "rules:\n" R("deny", "a", "path: /opt/x, writable_by_others: false"), "deny a" },
		{ "rules:\n" R("deny", "a", "path: /opt/x, sha256: " EMPTY), "allow -" },
		{ "rules:\n" R("deny", "a", "path: /opt/y, sha256: " ABC), "allow -" },
		{ "rules:\n" R("deny", "a", "path: /opt/x, owner: 1000, sha256: " ABC), "deny a" },
		/* one digest in several rules */
		{ "rules:\n" R("allow", "a", "sha256: " ABC) R("deny", "b", "owner: root, sha256: " ABC)
			  R("audit", "c", "owner: 1000, sha256: " ABC), "allow c" },
		/* without lists nothing is known of packages */
		{ "rules:\n" R("deny", "a", "package: true") R("deny", "b", "package: false"), "allow -" },
	};
	_cleanup_(cleanup_close) int fd = abc_file();

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct policy *policy = load_good(cases[i].policy);
		struct subject subject = subject_of(fd);
		struct judgement judgement = judge(policy, &subject);

		if (strcmp(answer(&judgement), cases[i].answer))
			fail_msg("%s---\nwanted %s, got %s", cases[i].policy, cases[i].answer,
				 answer(&judgement));
		assert_int_equal(judgement_is_told(&judgement), judgement.action != ACTION_ALLOW);
		policy_free(policy);
	}
}

static void a_file_is_hashed_only_when_that_could_decide(void **state)
{
	static const struct {
		const char *policy;
		enum hashing hashing; /* of a file that was not handed over: NO_FILE where it was needed */
		const char *answer;
	} cases[] = {
		{ "rules:\n" R("deny", "a", "owner: 1000, sha256: " ABC), HASHING_NO_FILE, "allow -" },
		{ "rules:\n" R("deny", "a", "owner: root, sha256: " ABC), HASHING_NOT_NEEDED, "allow -" },
		{ "rules:\n" R("deny", "a", "path: /opt/y, sha256: " ABC), HASHING_NOT_NEEDED, "allow -" },
		{ "rules:\n" R("deny", "a", "path: /opt/") R("allow", "b", "sha256: " ABC),
		  HASHING_NOT_NEEDED, "deny a" },
		{ "rules:\n" R("allow", "a", "path: /opt/") R("deny", "b", "sha256: " ABC),
		  HASHING_NO_FILE, "allow a" },
		/* another rule for the same answer decides nothing */
		{ "rules:\n" R("allow", "a", "sha256: " ABC) R("allow", "b", "path: /opt/"),
		  HASHING_NOT_NEEDED, "allow b" },
		{ LOCK "rules:\n" R("allow", "a", "sha256: " ABC), HASHING_NO_FILE, "deny -" },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct policy *policy = load_good(cases[i].policy);
		struct subject subject = subject_of(-1);
		struct judgement judgement = judge(policy, &subject);

		if (judgement.hashing != cases[i].hashing || strcmp(answer(&judgement), cases[i].answer))
			fail_msg("%s---\n%d, %s", cases[i].policy, judgement.hashing, answer(&judgement));
		assert_true(!!hashing_note(judgement.hashing) == (judgement.hashing == HASHING_NO_FILE));
		policy_free(policy);
	}
}

static void a_file_over_the_limit_is_not_hashed(void **state)
{
	_cleanup_(cleanup_close) int fd = memfd_create("large", MFD_CLOEXEC);
	struct policy *policy = load_good("max_hash_mb: 1\nmode: lockdown\nrules:\n"
					  R("allow", "a", "sha256: 9f1dcbc35c350d6027f98be0f5c8b43b42ca52b7604459c0c42be3aa88913d47")
					  R("allow", "b", "sha256: 30e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58"));
	struct subject subject = subject_of(fd);
	struct judgement judgement;

	/* a mebibyte of zeroes, and one byte more that the size does not tell */
	assert_int_equal(ftruncate(fd, 1 << 20), 0);
	subject.size = 1 << 20;
	judgement = judge(policy, &subject);
	assert_int_equal(judgement.hashing, HASHING_DONE);
	assert_string_equal(answer(&judgement), "allow b");
	assert_int_equal(ftruncate(fd, (1 << 20) + 1), 0);
	judgement = judge(policy, &subject);
	assert_int_equal(judgement.hashing, HASHING_TOO_LARGE);
	assert_string_equal(answer(&judgement), "deny -");
	subject.fd = open("/tmp", O_RDONLY | O_CLOEXEC);
	judgement = judge(policy, &subject);
	assert_int_equal(judgement.hashing, HASHING_UNREADABLE);
	close(subject.fd);
	subject.fd = fd;
	subject.size = (1 << 20) + 1;
	judgement = judge(policy, &subject);
	assert_int_equal(judgement.hashing, HASHING_TOO_LARGE);
	policy_free(policy);
}

static void a_path_of_another_namespace_is_believed_only_on_demand(void **state)
{
	struct policy *policy = load_good("mode: lockdown\nrules:\n"
					  R("allow", "here", "path: /opt/")
					  R("allow", "everywhere", "path: /srv/, foreign_ns: true")
					  R("allow", "content", "sha256: " ABC)
					  R("audit", "owned", "owner: 7"));
	_cleanup_(cleanup_close) int fd = abc_file();
	struct subject subject = subject_of(-1);
	struct judgement judgement;

	subject.foreign_ns = true;
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "deny -");
	subject.path = "/srv/x";
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "allow everywhere");
	subject.path = "/opt/x";
	subject.fd = fd;
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "allow content");
	subject.uid = 7;
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "allow owned");
	policy_free(policy);
}

static void a_file_without_a_name_has_no_path(void **state)
{
	struct policy *policy = load_good("rules:\n" R("deny", "a", "path: /, foreign_ns: true")
					  R("deny", "b", "path: '/opt/x (deleted)'") R("deny", "c", "package: false")
					  R("audit", "d", "owner: 1000"));
	struct subject subject = subject_of(-1);
	struct judgement judgement;

	subject.path = "/opt/x (deleted)";
	subject.nameless = path_is_nameless(subject.path, 0);
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "allow d");
	/* anyone may give a file such a name, and must not escape a rule by that */
	subject.nameless = path_is_nameless(subject.path, 1);
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "deny a");
	policy_free(policy);

	assert_true(path_is_nameless("/memfd:x (deleted)", 0));
	assert_true(path_is_nameless("/memfd:x", 0));
	assert_false(path_is_nameless("/opt/x", 0));
	assert_false(path_is_nameless("/memfd:x", 2));
}

static void packages_are_asked_by_path(void **state)
{
	struct policy *policy = NULL;
	struct told told = { 0 };
	struct subject subject = subject_of(-1);
	struct judgement judgement;
	char folder[64], path[128];
	const char *paths[] = { folder };

	make_folder(folder);
	snprintf(path, sizeof(path), "%s/a.yaml", folder);
	write_file(path, "rules:\n" R("allow", "a", "package: true") R("deny", "b", "package: false"));
	snprintf(path, sizeof(path), "%s/dpkg", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/dpkg/x.list", folder);
	write_file(path, "/opt/x\n/bin/y\n");
	assert_int_equal(policy_load(&policy, paths, 1, on_refusal, &told), 0);
	assert_string_equal(told.text, "");
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "allow a");
	subject.path = "/usr/bin/y";
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "allow a");
	subject.path = "/opt/z";
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "deny b");
	subject.foreign_ns = true;
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "allow -");
	policy_free(policy);
	remove_folder(folder);
}

/* Else a rule about what is from no package would deny the host. */
static void where_lists_cannot_be_read_nothing_is_from_no_package(void **state)
{
	struct policy *policy = NULL;
	struct told told = { 0 };
	struct subject subject = subject_of(-1);
	struct judgement judgement;
	char folder[64], path[128];
	const char *paths[] = { folder };

	make_folder(folder);
	snprintf(path, sizeof(path), "%s/a.yaml", folder);
	write_file(path, "rules:\n" R("allow", "a", "package: true") R("deny", "b", "package: false"));
	snprintf(path, sizeof(path), "%s/x.list", folder);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(policy_load(&policy, paths, 1, on_refusal, &told), 0);
	assert_string_equal(told.text, "dpkg's lists:0: cannot be read: Input/output error\n");
	judgement = judge(policy, &subject);
	assert_string_equal(answer(&judgement), "allow -");
	policy_free(policy);
	remove_folder(folder);
}

static void it_is_known_whether_the_name_had_a_part_in_it(void **state)
{
	static const struct {
		const char *policy;
		bool by_name;
	} cases[] = {
		{ "rules:\n" R("allow", "a", "owner: 1000"), false },
		{ "rules:\n" R("allow", "a", "sha256: " ABC), false },
		{ "rules:\n" R("allow", "a", "owner: 1000") R("deny", "b", "owner: root"), false },
		/* under another name it would still be allowed */
		{ "rules:\n" R("allow", "a", "owner: 1000") R("allow", "b", "path: /srv/"), false },
		{ "rules:\n" R("allow", "a", "path: /opt/") R("allow", "b", "owner: root"), true },
		{ "rules:\n" R("allow", "a", "owner: 1000") R("audit", "b", "path: /srv/"), true },
		{ "rules:\n" R("allow", "a", "owner: 1000") R("deny", "b", "package: false"), true },
		{ "rules:\n" R("allow", "a", "owner: root"), true },
	};
	_cleanup_(cleanup_close) int fd = abc_file();

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		struct policy *policy = load_good(cases[i].policy);
		struct subject subject = subject_of(fd);

		if (judge(policy, &subject).by_name != cases[i].by_name)
			fail_msg("%s", cases[i].policy);
		policy_free(policy);
	}
}

static void many_paths_are_found_among_each_other(void **state)
{
	static char text[4 * 1024 * 1024];
	char *at = text + sprintf(text, "mode: lockdown\nrules:\n"), path[64], id[64];
	struct subject subject = subject_of(-1);
	struct policy *policy;

	for (unsigned int i = 0; i < 20000; i++)
		at += sprintf(at, "- {id: r%u, action: allow, path: /opt/%u}\n", i, i * 7919 % 20000);
	policy = load_good(text);
	for (unsigned int i = 0; i < 20001; i++) {
		struct judgement judgement;

		snprintf(path, sizeof(path), "/opt/%u", i < 20000 ? i * 7919 % 20000 : i);
		snprintf(id, sizeof(id), i < 20000 ? "allow r%u" : "deny -", i);
		subject.path = path;
		judgement = judge(policy, &subject);
		assert_string_equal(answer(&judgement), id);
	}
	policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_restrictive_rule_that_holds_decides),
		cmocka_unit_test(a_file_is_hashed_only_when_that_could_decide),
		cmocka_unit_test(a_file_over_the_limit_is_not_hashed),
		cmocka_unit_test(a_path_of_another_namespace_is_believed_only_on_demand),
		cmocka_unit_test(a_file_without_a_name_has_no_path),
		cmocka_unit_test(packages_are_asked_by_path),
		cmocka_unit_test(where_lists_cannot_be_read_nothing_is_from_no_package),
		cmocka_unit_test(it_is_known_whether_the_name_had_a_part_in_it),
		cmocka_unit_test(many_paths_are_found_among_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
