/* Runs every suite of tests.def, TEST_JOBS of them at once (default: one per CPU). `run NAME...` runs only the named ones.
 *
 * A mistyped case would otherwise pass as "100%: Checks: 0", so every suite has to run two checks at least. */
#include <check.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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
enum { N_SUITES = sizeof suites / sizeof suites[0] };

/* What the processes that run suites share. */
struct tally {
    atomic_int checks, failed, ended;
};

static bool wanted(const char *name, int argc, char **argv) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0) return true;
    return argc == 1;
}

static void run_suite(const char *name, Suite *suite, struct tally *t) {
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_SILENT);
    const int failed = srunner_ntests_failed(runner), run = srunner_ntests_run(runner);
    if (failed || getenv("CK_VERBOSITY")) srunner_print(runner, CK_ENV);
    if (run < 2) fprintf(stderr, "%s: only %d checks ran: a case is not registered\n", name, run);
    atomic_fetch_add(&t->checks, run);
    atomic_fetch_add(&t->failed, failed + (run < 2));
    atomic_fetch_add(&t->ended, 1);
    srunner_free(runner);
}

/* A suite in a process of its own: a check is a fork, and what earlier suites left in memory would be searched for leaks at
 * the end of each. */
static void start_suite(int i, struct tally *t) {
    if (fork() != 0) return;
    run_suite(suites[i].name, suites[i].make(), t);
    exit(0);
}

/* Waits for one of them. False: it ended badly, of a sanitizer's finding in the process itself. */
static bool ended_well(void) {
    int how;
    return wait(&how) > 0 && how == 0;
}

int main(int argc, char **argv) {
    const char *asked = getenv("TEST_JOBS");
    const long jobs = asked ? strtol(asked, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);
    int chosen[N_SUITES], n = 0;
    for (int i = 0; i < N_SUITES; i++)
        if (wanted(suites[i].name, argc, argv)) chosen[n++] = i;
    if (argc > 1 && n < argc - 1) {
        fprintf(stderr, "no such suite; known:");
        for (int i = 0; i < N_SUITES; i++) fprintf(stderr, " %s", suites[i].name);
        fprintf(stderr, "\n");
        return 64;
    }
    struct tally *t = mmap(NULL, sizeof *t, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (t == MAP_FAILED) return 74;
    /* Time limits are there for what hangs; a busy machine must not decide a test. */
    setenv("CK_TIMEOUT_MULTIPLIER", "20", 0);
    bool whole = true;
    int running = 0;
    for (int i = 0; i < n; i++, running++) {
        for (; running > 0 && running >= jobs; running--) whole = ended_well() && whole;
        start_suite(chosen[i], t);
    }
    for (; running > 0; running--) whole = ended_well() && whole;
    printf("%d suites, %d checks: %d failed\n", t->ended, t->checks, t->failed);
    return whole && t->ended == n && t->failed == 0 ? 0 : 1;
}
