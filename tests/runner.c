/* Runs every suite of tests.def. `run NAME...` runs only the named suites.
 *
 * A mistyped case would otherwise pass as "100%: Checks: 0", so a run of everything asserts a minimum of checks. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEST_SUITE(name) Suite *suite_##name(void);
#include "tests/tests.def"
#undef TEST_SUITE

static const struct {
    const char *name;
    Suite *(*make)(void);
} suites[] = {
#define TEST_SUITE(name) {#name, suite_##name},
#include "tests/tests.def"
#undef TEST_SUITE
};

static int wanted(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return 1;
    return argc == 1;
}

int main(int argc, char **argv) {
    /* Time limits are there for what hangs; a busy machine must not decide a test. */
    setenv("CK_TIMEOUT_MULTIPLIER", "20", 0);
    SRunner *runner = NULL;
    int n_suites = (int)(sizeof suites / sizeof suites[0]), n_wanted = 0;
    for (int i = 0; i < n_suites; i++) {
        if (!wanted(suites[i].name, argc, argv)) continue;
        n_wanted++;
        if (runner)
            srunner_add_suite(runner, suites[i].make());
        else
            runner = srunner_create(suites[i].make());
    }
    if (n_wanted < (argc > 1 ? argc - 1 : n_suites)) {
        fprintf(stderr, "no such suite; known:");
        for (int i = 0; i < n_suites; i++) fprintf(stderr, " %s", suites[i].name);
        fprintf(stderr, "\n");
        return 64;
    }
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
    srunner_free(runner);
    if (run < 2 * n_wanted) {
        fprintf(stderr, "only %d checks ran in %d suites: a case is not registered\n", run, n_wanted);
        return 1;
    }
    return failed ? 1 : 0;
}
