/* The rules of the house that a machine keeps: banned functions and the direction of includes. Run from the root. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/arena.h"
#include "engine/base/fs.h"

static char path[64];
static struct arena arena;

static void open_file(void) {
    memcpy(path, "/tmp/test_house.XXXXXX", 23);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    arena_open(&arena, 4096);
}

static void close_file(void) {
    unlink(path);
    arena_close(&arena);
}

/* Exit status of a command to which the text is given as the file named by %s. */
static int verdict(const char *text, const char *before, const char *after) {
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
    int how = system(arena_printf(&arena, "%s %s %s >%s.out 2>&1", before, path, after, path));
    ck_assert(WIFEXITED(how));
    unlink(arena_printf(&arena, "%s.out", path));
    return WEXITSTATUS(how);
}

static const char *const calls[] = {
    "strcpy(b, a)",         "strcat(b, a)", "sprintf(b, \"%s\", a)", "strtok(b, a)", "gets(b)",
    "b[0] = (char)atoi(a)", "atof(a)",      "b[0] = (char)rand()",   "srand(1)",
};

static const char *calling(const char *call) {
    return arena_printf(&arena, "char b[9];\nvoid f(const char *a);\nvoid f(const char *a) { (void)a; %s; }\n", call);
}

START_TEST(banned_functions_do_not_compile) {
    const char *compile = "cc -fsyntax-only -std=c17 -D_GNU_SOURCE -I. -include engine/base/banned.h -x c";
    ck_assert_int_eq(verdict(calling("snprintf(b, 9, \"%s\", a)"), compile, ""), 0);
    ck_assert_int_ne(verdict(calling(calls[_i]), compile, ""), 0);
}
END_TEST

static const struct {
    const char *rule;
    int expected;
} rules[] = {
    {"build/a.o: engine/base/csv.c engine/base/csv.h \\\n engine/base/arena.h\nengine/base/arena.h:\n", 0},
    {"build/a.o: engine/base/csv.c data/batch.h\n", 1},
    {"build/a.o: data/batch.c engine/base/rng.h data/task.h\n", 0},
    {"build/a.o: data/batch.c \\\n engine/gpt.h\n", 1},
    {"build/a.o: data/tasks/chain.c metrics/metric.h\n", 1},
    {"build/a.o: engine/gpt.c data/batch.h engine/base/rng.h engine/ops.h\n", 0},
    {"build/a.o: engine/gpt.c metrics/metric.h\n", 1},
    {"build/a.o: metrics/mdl.c engine/gpt.h data/batch.h\n", 0},
    {"build/a.o: metrics/mdl.c experiments/cell.h\n", 1},
    {"build/a.o: metrics/mdl.c tests/help.h\n", 1},
    {"build/a.o: experiments/arms/x.c metrics/metric.h experiments/cell.h\n", 0},
};

START_TEST(includes_run_one_way) {
    ck_assert_int_eq(verdict(rules[_i].rule, "sh tests/check_deps.sh", ""), rules[_i].expected);
}
END_TEST

START_TEST(one_wrong_file_among_several_is_found) {
    const char *right = "build/a.o: metrics/mdl.c engine/gpt.h\n", *wrong = "build/b.o: engine/gpt.c metrics/mdl.h\n";
    char *other = arena_printf(&arena, "%s.other", path);
    ck_assert_int_eq(fs_write(other, right, strlen(right)), ST_OK);
    ck_assert_int_eq(verdict(wrong, arena_printf(&arena, "sh tests/check_deps.sh %s", other), other), 1);
    ck_assert_int_eq(verdict(right, arena_printf(&arena, "sh tests/check_deps.sh %s", other), other), 0);
    unlink(other);
    int how = system("sh tests/check_deps.sh 2>/dev/null");
    ck_assert_int_eq(WEXITSTATUS(how), 64);
}
END_TEST

Suite *suite_house(void) {
    Suite *s = suite_create("house");
    TCase *t = tcase_create("house");
    tcase_add_checked_fixture(t, open_file, close_file);
    tcase_add_loop_test(t, banned_functions_do_not_compile, 0, (int)(sizeof calls / sizeof calls[0]));
    tcase_add_loop_test(t, includes_run_one_way, 0, (int)(sizeof rules / sizeof rules[0]));
    tcase_add_test(t, one_wrong_file_among_several_is_found);
    suite_add_tcase(s, t);
    return s;
}
