/* The runner with bodies that take no time: what is tested is everything around them. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "experiments/merge.h"
#include "experiments/run.h"
#include "experiments/store.h"
#include "tests/experiments/grid_setup.h"
#include "tests/folder.h"

/* What the bodies do besides their work; set before a run, inherited by its children. */
static const char *fail_arm, *crash_arm, *silent_arm, *full_arm;
static int sleep_ms;
static const char *watched_manifest;

static void open_run(void) {
    open_folder();
    fail_arm = crash_arm = silent_arm = full_arm = watched_manifest = NULL;
    sleep_ms = 0;
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    log_set_stream(fopen("/dev/null", "we"));
}

static void nap(int ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

/* One line a computed cell, in <folder>/computed. */
static void leave_trace(const struct cell *cell) {
    int fd = open(in("computed"), O_WRONLY | O_CREAT | O_APPEND, 0666);
    ck_assert_int_eq(write(fd, arena_printf(&arena, "%s\n", cell->key), 65), 65);
    close(fd);
}

/* The value of a cell: seed for a base; 10 x the parent's + the length of its own name for the others. */
static enum status fake_body(const struct cell *cell, struct cell_io *io) {
    long parent = cell->config.seed;
    const char *arm = cell->config.arm.name;
    if (watched_manifest && !fs_exists(watched_manifest)) return status_set(ST_FAILED, "no manifest yet");
    if (io->parent_dir) {
        char *text;
        size_t size;
        TRY(fs_read(io->arena, arena_printf(io->arena, "%s/value", io->parent_dir), &text, &size));
        parent = 10 * strtol(text, NULL, 10);
        parent += (long)strlen(cell->kind == CELL_ARM ? arm : cell->config.press.pressure);
        if (!fs_exists(arena_printf(io->arena, "%s/value", io->base_dir))) return status_set(ST_FAILED, "no base");
    }
    cell_event(io, "train", 1, 2, 0.5, NAN);
    nap(sleep_ms);
    if (cell->kind == CELL_ARM && fail_arm && !strcmp(arm, fail_arm)) return status_set(ST_FAILED, "diverged at 7");
    if (cell->kind == CELL_ARM && full_arm && !strcmp(arm, full_arm)) return status_set(ST_IO, "no room");
    if (cell->kind == CELL_ARM && crash_arm && !strcmp(arm, crash_arm)) raise(SIGKILL);
    leave_trace(cell);
    const char *value = arena_printf(io->arena, "%ld", parent);
    TRY(fs_write(arena_printf(io->arena, "%s/value", io->dir), value, strlen(value)));
    if (cell->kind == CELL_ARM && silent_arm && !strcmp(arm, silent_arm)) return ST_OK;
    struct cell_rows *rows;
    TRY(cell_rows_open(&rows, io));
    struct row later = row_of("later", NAN, 3), first = row_of("value", (double)parent, 1);
    later.update = 10;
    later.dose_level = 0.75;
    first.update = 2;
    cell_row(rows, &later);
    cell_row(rows, &first);
    return cell_rows_close(rows);
}

static const struct cell_bodies fakes = {.run = {fake_body, fake_body, fake_body}};

static const char *const mini = "suite: mini\nseeds: [1, 2]\ngrid:\n"
                                "  - task: {name: chain, design: joint}\n"
                                "    arm: {name: [text, codi]}\n"
                                "    press: {pressure: [none, conceal], credit: [full, targeted]}\n";
/* 2 seeds: 2 bases, 4 arms; a press per arm: none, conceal full, conceal targeted; text has no conceal full */
enum { MINI_CELLS = 2 + 4 + 12, MINI_SKIPPED = 2 };

static struct suite suite_of(const char *text) {
    return setup_suite(&arena, in("s.yaml"), text);
}

static struct run_options options_of(const char *out, int jobs) {
    return (struct run_options){.out = in(out), .kernel = "none", .bodies = &fakes, .quiet = true, .jobs = jobs};
}

static enum status run(const char *text, const char *out, int jobs, struct run_result *result) {
    struct suite s = suite_of(text);
    struct run_options o = options_of(out, jobs);
    return run_suite(&s, &o, result, &arena);
}

static void must_run(const char *text, const char *out, int jobs, struct run_result *result) {
    ck_assert_msg(run(text, out, jobs, result) == ST_OK, "%s", status_message());
}

static char *read_all(const char *path) {
    char *text;
    size_t size;
    ck_assert_msg(fs_read(&arena, path, &text, &size) == ST_OK, "%s", status_message());
    return text;
}

static int computed(void) {
    if (!fs_exists(in("computed"))) return 0;
    return (int)strlen(read_all(in("computed"))) / 65;
}

START_TEST(a_suite_becomes_a_table) {
    struct run_result r;
    struct csv_table *t;
    watched_manifest = in("a/mini/manifest.json");
    must_run(mini, "a", 2, &r);
    ck_assert_int_eq(r.cells, MINI_CELLS);
    ck_assert(r.computed == MINI_CELLS - MINI_SKIPPED && r.skipped == MINI_SKIPPED && r.reused == 0);
    ck_assert(r.failed == 0 && r.blocked == 0 && r.missing == 0 && r.signal == 0);
    ck_assert_int_eq(csv_read(&arena, in("a/mini/results.csv"), merge_columns, &t), ST_OK);
    ck_assert_int_eq(t->rows, 2 * (MINI_CELLS - MINI_SKIPPED) + MINI_SKIPPED);
    int found = 0;
    for (int i = 0; i < t->rows; i++) {
        double value, seed;
        if (strcmp(csv_cell(t, i, csv_column(t, "metric")), "value") != 0) continue;
        /* rows of a cell by update: 2 before 10 */
        ck_assert_str_eq(csv_cell(t, i, csv_column(t, "update")), "2");
        ck_assert_str_eq(csv_cell(t, i + 1, csv_column(t, "update")), "10");
        ck_assert_str_eq(csv_cell(t, i + 1, csv_column(t, "status")), "nonfinite");
        ck_assert_str_eq(csv_cell(t, i + 1, csv_column(t, "value")), "");
        ck_assert_str_eq(csv_cell(t, i + 1, csv_column(t, "dose_level")), "0.75");
        ck_assert_int_eq(csv_number(t, i, csv_column(t, "value"), &value), ST_OK);
        ck_assert_int_eq(csv_number(t, i, csv_column(t, "seed"), &seed), ST_OK);
        const char *arm = csv_cell(t, i, csv_column(t, "arm")), *pressure = csv_cell(t, i, csv_column(t, "pressure"));
        double expected = !*arm        ? seed
                          : !*pressure ? 10 * seed + 4 /* text and codi */
                                       : 100 * seed + 40 + (strcmp(pressure, "none") ? 7 : 4);
        ck_assert_double_eq(value, expected);
        found++;
    }
    ck_assert_int_eq(found, MINI_CELLS - MINI_SKIPPED);
    ck_assert(fs_exists(in("a/mini/cells.list")) && fs_exists(in("a/mini/report.md")));
    ck_assert_int_eq(merge_read(&arena, in("a/mini/results.csv"), merge_columns, &t), ST_OK);
    ck_assert(fs_exists(in("a/mini/results.csv.sha256")));
    ck_assert_int_eq(truncate(in("a/mini/results.csv"), 200), 0);
    ck_assert_int_eq(merge_read(&arena, in("a/mini/results.csv"), merge_columns, &t), ST_DIFFERS);
}
END_TEST

START_TEST(cells_that_do_not_exist_are_rows) {
    struct run_result r;
    struct csv_table *t;
    int skipped = 0;
    must_run(mini, "a", 2, &r);
    ck_assert_int_eq(csv_read(&arena, in("a/mini/results.csv"), merge_columns, &t), ST_OK);
    for (int i = 0; i < t->rows; i++) {
        if (strcmp(csv_cell(t, i, csv_column(t, "status")), "skip") != 0) continue;
        ck_assert_str_eq(csv_cell(t, i, csv_column(t, "arm")), "text");
        ck_assert_str_eq(csv_cell(t, i, csv_column(t, "credit")), "full");
        ck_assert_str_eq(csv_cell(t, i, csv_column(t, "pressure")), "conceal");
        ck_assert_str_eq(csv_cell(t, i, csv_column(t, "metric")), "cell");
        ck_assert_str_eq(csv_cell(t, i, csv_column(t, "value")), "");
        skipped++;
    }
    ck_assert_int_eq(skipped, MINI_SKIPPED);
    ck_assert_ptr_nonnull(strstr(read_all(in("a/mini/cells.list")), "\tskip\ttext conceal sft full"));
    ck_assert_ptr_nonnull(strstr(read_all(in("a/mini/cells.list")), "sft full is not defined for text"));
}
END_TEST

START_TEST(jobs_do_not_matter) {
    struct run_result r;
    must_run(mini, "one", 1, &r);
    sleep_ms = 2;
    must_run(mini, "five", 5, &r);
    ck_assert_str_eq(read_all(in("one/mini/results.csv")), read_all(in("five/mini/results.csv")));
    ck_assert_str_eq(read_all(in("one/mini/cells.list")), read_all(in("five/mini/cells.list")));
    ck_assert_str_eq(read_all(in("one/mini/report.md")), read_all(in("five/mini/report.md")));
}
END_TEST

START_TEST(what_is_whole_is_reused) {
    struct run_result r;
    must_run(mini, "a", 2, &r);
    const char *before = read_all(in("a/mini/results.csv"));
    must_run(mini, "a", 2, &r);
    ck_assert(r.computed == 0 && r.reused == MINI_CELLS - MINI_SKIPPED);
    ck_assert_str_eq(before, read_all(in("a/mini/results.csv")));
    ck_assert_int_eq(computed(), MINI_CELLS - MINI_SKIPPED);
    json_t *manifest;
    ck_assert_int_eq(jsonio_load_path(in("a/mini/manifest.json"), &manifest), ST_OK);
    ck_assert_uint_eq(json_array_size(json_object_get(manifest, "runs")), 2);
    json_decref(manifest);
}
END_TEST

/* A manifest is passed on: it names no folder of the machine. */
START_TEST(arguments_lose_their_folders) {
    char *argv[] = {"spillover run", "--out", "/a/machine's/runs", "--data=/its/data//", "-j2", "mini", "x/y=/z"};
    static const char *const kept[] = {"spillover run", "--out", "runs", "--data=data", "-j2", "mini", "x/y=/z"};
    enum { ARGUMENTS = sizeof argv / sizeof argv[0] };
    struct suite s = suite_of(mini);
    struct run_options o = options_of("a", 2);
    struct run_result r;
    json_t *manifest, *run;
    o.manifest.argc = ARGUMENTS;
    o.manifest.argv = argv;
    ck_assert_msg(run_suite(&s, &o, &r, &arena) == ST_OK, "%s", status_message());
    ck_assert_int_eq(jsonio_load_path(in("a/mini/manifest.json"), &manifest), ST_OK);
    run = json_array_get(json_object_get(manifest, "runs"), 0);
    for (int i = 0; i < ARGUMENTS; i++)
        ck_assert_str_eq(json_string_value(json_array_get(json_object_get(run, "argv"), (size_t)i)), kept[i]);
    json_decref(manifest);
}
END_TEST

/* What the program was built from stands in for the checkout where there is none, and nowhere else. */
START_TEST(a_manifest_names_the_source_without_a_checkout) {
    static const char *const built[] = {NULL, "", "0123abcd", "0123abcd-dirty"};
    struct suite s = suite_of(mini);
    struct run_options o = options_of("a", 2);
    struct run_result r;
    json_t *manifest, *run;
    o.manifest.source_dir = folder;
    for (size_t i = 0; i < sizeof built / sizeof built[0]; i++) {
        o.manifest.revision = built[i];
        ck_assert_msg(run_suite(&s, &o, &r, &arena) == ST_OK, "%s", status_message());
        ck_assert_int_eq(jsonio_load_path(in("a/mini/manifest.json"), &manifest), ST_OK);
        run = json_array_get(json_object_get(manifest, "runs"), i);
        const json_t *git = json_object_get(run, "git"), *dirty = json_object_get(run, "dirty");
        if (i < 2) {
            ck_assert(json_is_null(git) && json_is_null(dirty));
        } else {
            ck_assert_str_eq(json_string_value(git), "0123abcd");
            ck_assert(json_is_boolean(dirty) && json_is_true(dirty) == (i == 3));
        }
        json_decref(manifest);
    }
}
END_TEST

/* Fork a runner of `mini`; the caller deals with it. */
static pid_t runner_process(const char *text, const char *out, int jobs) {
    struct suite s = suite_of(text);
    pid_t pid = fork();
    if (pid == 0) {
        struct run_result r;
        struct run_options o = options_of(out, jobs);
        enum status st = run_suite(&s, &o, &r, &arena);
        _exit(r.signal ? 128 + r.signal : (int)st);
    }
    return pid;
}

static void wait_until_computed(int n) {
    for (int i = 0; i < 1000 && computed() < n; i++) nap(3);
    ck_assert_int_ge(computed(), n);
}

START_TEST(killed_and_repeated_gives_the_same_bytes) {
    int how, signal_sent = _i ? SIGTERM : SIGKILL;
    struct run_result r;
    must_run(mini, "whole", 2, &r);
    ck_assert_int_eq(unlink(in("computed")), 0);
    sleep_ms = 15;
    pid_t pid = runner_process(mini, "cut", 2);
    wait_until_computed(5);
    kill(pid, signal_sent);
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    if (_i) {
        ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 128 + SIGTERM);
        ck_assert(fs_exists(in("cut/mini/results.csv")));
    } else
        ck_assert(WIFSIGNALED(how));
    nap(100); /* children of a killed runner end with it */
    int before = computed();
    ck_assert_int_lt(before, MINI_CELLS - MINI_SKIPPED);
    nap(50);
    ck_assert_int_eq(computed(), before);
    must_run(mini, "cut", 3, &r);
    ck_assert(r.reused >= 3 && r.computed > 0 && r.reused + r.computed == MINI_CELLS - MINI_SKIPPED);
    ck_assert_str_eq(read_all(in("whole/mini/results.csv")), read_all(in("cut/mini/results.csv")));
}
END_TEST

static const char *const damages[] = {"flip", "cut", "sums", "lines", "added", "missing", "config"};

START_TEST(a_damaged_cell_is_kept_and_redone) {
    struct run_result r;
    const struct suite mini_suite = suite_of(mini);
    struct grid g = setup_grid(&arena, &mini_suite);
    must_run(mini, "a", 2, &r);
    const char *results = read_all(in("a/mini/results.csv"));
    const char *key = g.cells[setup_cell_at(&g, CELL_ARM, "codi", "")].cell.key, *damage = damages[_i];
    const char *dir = store_path(&arena, in("a"), key);
    const char *metrics = arena_printf(&arena, "%s/metrics.csv", dir);
    if (!strcmp(damage, "flip")) {
        char *text = read_all(metrics);
        text[strlen(text) - 3] ^= 1;
        ck_assert_int_eq(fs_write(metrics, text, strlen(text)), ST_OK);
    } else if (!strcmp(damage, "cut"))
        ck_assert_int_eq(truncate(metrics, 10), 0);
    else if (!strcmp(damage, "sums"))
        ck_assert_int_eq(truncate(arena_printf(&arena, "%s/SHA256SUMS", dir), 70), 0);
    else if (!strcmp(damage, "lines")) { /* the sums end behind a whole line: nothing in them is wrong */
        const char *sums = arena_printf(&arena, "%s/SHA256SUMS", dir);
        const char *text = read_all(sums);
        long n = 0;
        for (int lines = 0; lines < 2; n++) lines += text[n] == '\n';
        ck_assert_int_eq(truncate(sums, n), 0);
    } else if (!strcmp(damage, "added"))
        ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/extra", dir), "1", 1), ST_OK);
    else if (!strcmp(damage, "missing"))
        ck_assert_int_eq(unlink(arena_printf(&arena, "%s/value", dir)), 0);
    else {
        /* whole in itself, but not the cell that its name says */
        const char *other = store_path(&arena, in("a"), g.cells[0].cell.key);
        ck_assert_int_eq(fs_remove_tree(dir), ST_OK);
        ck_assert_int_eq(system(arena_printf(&arena, "cp -r %s %s", other, dir)), 0);
    }
    ck_assert_int_eq(store_verify(&arena, in("a"), key), ST_DIFFERS);
    must_run(mini, "a", 2, &r);
    ck_assert_int_eq(r.computed, 1);
    ck_assert(fs_exists(arena_printf(&arena, "%s.bad-1", dir)));
    ck_assert_int_eq(store_verify(&arena, in("a"), key), ST_OK);
    ck_assert_str_eq(results, read_all(in("a/mini/results.csv")));
    ck_assert_ptr_nonnull(strstr(read_all(in("a/mini/cells.list")), ".bad-1"));
}
END_TEST

START_TEST(a_failed_cell_stops_only_its_children) {
    struct run_result r;
    static const char **const faults[] = {&fail_arm, &crash_arm, &silent_arm};
    static const char *const notes[] = {"log.txt: exit 1: error: diverged at 7", "log.txt: ended by signal 9",
                                        "the cell wrote no metrics.csv"};
    must_run(mini, "good", 2, &r);
    *faults[_i] = "codi";
    ck_assert_int_eq(run(mini, "a", 2, &r), ST_PARTIAL);
    *faults[_i] = NULL;
    /* codi: 2 arms, each with 3 press cells */
    ck_assert(r.failed == 2 && r.blocked == 6 && r.computed == 2 + 2 + 4 && r.skipped == MINI_SKIPPED);
    ck_assert_ptr_nonnull(strstr(read_all(in("a/mini/cells.list")), notes[_i]));
    struct csv_table *t;
    int failed = 0, blocked = 0;
    ck_assert_int_eq(csv_read(&arena, in("a/mini/results.csv"), merge_columns, &t), ST_OK);
    for (int i = 0; i < t->rows; i++) {
        failed += strcmp(csv_cell(t, i, csv_column(t, "status")), "failed") == 0;
        blocked += strcmp(csv_cell(t, i, csv_column(t, "status")), "blocked") == 0;
    }
    ck_assert(failed == 2 && blocked == 6);
    must_run(mini, "a", 2, &r);
    ck_assert(r.computed == 8 && r.reused == 8);
    ck_assert_str_eq(read_all(in("good/mini/results.csv")), read_all(in("a/mini/results.csv")));
}
END_TEST

/* The system's refusal is not the science's failure: another exit code, however much is whole. */
START_TEST(a_refused_write_ends_with_74) {
    struct run_result r;
    full_arm = "codi";
    ck_assert_int_eq(run(mini, "a", 2, &r), ST_IO);
    ck_assert(r.failed == 2 && r.refused == 2 && r.blocked == 6 && r.computed == 8);
    ck_assert_ptr_nonnull(strstr(status_message(), "2 cells failed (the system refused to read or write)"));
    full_arm = NULL;
    must_run(mini, "a", 2, &r);
    ck_assert(r.computed == 8 && r.reused == 8 && r.refused == 0);
}
END_TEST

START_TEST(nothing_whole_is_a_failure) {
    struct run_result r;
    fail_arm = "text";
    watched_manifest = in("nowhere");
    ck_assert_int_eq(run("suite: m\nseeds: 1\ngrid:\n  - arm: {name: text}\n", "a", 1, &r), ST_FAILED);
    ck_assert(r.failed == 1 && r.blocked == 1);
    ck_assert_ptr_nonnull(strstr(read_all(in("a/m/cells.list")), "error: no manifest yet"));
}
END_TEST

START_TEST(a_second_run_leaves) {
    struct run_result r;
    int how;
    sleep_ms = 20;
    pid_t pid = runner_process(mini, "a", 2);
    wait_until_computed(1);
    ck_assert_int_eq(run(mini, "a", 2, &r), ST_PARTIAL);
    ck_assert_str_eq(status_message(),
                     arena_printf(&arena, "another run works in %s and will finish it", in("a/mini")));
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    must_run(mini, "a", 2, &r);
    ck_assert_int_eq(r.computed, 0);
}
END_TEST

/* Two suites with the same cells at the same time: every cell is computed once, both tables are whole. */
START_TEST(suites_share_cells) {
    struct run_result r;
    int how;
    char *other = arena_strdup(&arena, mini);
    memcpy(strstr(other, "mini"), "twin", 4);
    sleep_ms = 5;
    pid_t pid = runner_process(mini, "a", 2);
    wait_until_computed(1);
    must_run(other, "a", 2, &r);
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert(WIFEXITED(how) && WEXITSTATUS(how) == 0);
    ck_assert_int_eq(r.computed + r.reused, MINI_CELLS - MINI_SKIPPED);
    ck_assert_int_eq(computed(), MINI_CELLS - MINI_SKIPPED);
}
END_TEST

START_TEST(thresholds_are_fixed_by_the_first_run) {
    struct run_result r;
    must_run("suite: m\nseeds: 1\ngrid:\n  - arm: {name: text}\n", "a", 1, &r);
    ck_assert_int_eq(run("suite: m\ndelta: 0.2\nseeds: 1\ngrid:\n  - arm: {name: text}\n", "a", 1, &r), ST_USAGE);
    ck_assert_ptr_nonnull(
        strstr(status_message(), "delta 0.2 and prior_scale 0.3, but this folder was begun with 0.15"));
    must_run("suite: m\nseeds: 1..2\ngrid:\n  - arm: {name: text}\n", "a", 1, &r);
    ck_assert(r.reused == 2 && r.computed == 2);
}
END_TEST

START_TEST(an_estimate_starts_nothing) {
    struct suite s = suite_of(mini);
    struct run_options o = options_of("a", 2);
    char *text = NULL;
    size_t size;
    FILE *to = open_memstream(&text, &size);
    ck_assert_int_eq(run_estimate(&s, &o, to, &arena), ST_OK);
    fclose(to);
    ck_assert_ptr_nonnull(strstr(text, "press    12 cells     0 whole    10 to run     2 skipped"));
    ck_assert_ptr_nonnull(strstr(text, "time   about "));
    ck_assert(!fs_exists(in("a")));
    free(text);
    struct run_result r;
    must_run(mini, "a", 2, &r);
    to = open_memstream(&text, &size);
    ck_assert_int_eq(run_estimate(&s, &o, to, &arena), ST_OK);
    ck_assert_int_eq(run_status(&s, &o, to, &arena), ST_OK);
    fclose(to);
    ck_assert_ptr_nonnull(strstr(text, "press    12 cells    10 whole     0 to run     2 skipped"));
    ck_assert_ptr_nonnull(strstr(text, "16 of 16 cells are whole"));
    free(text);
}
END_TEST

/* The way of every real run: fork, exec `spillover cell KEY`, the real body. Tests run in the root of the tree. */
START_TEST(real_cells_are_processes_of_the_program) {
    static const char text[] = "suite: m\nseeds: 1..2\ngrid:\n"
                               "  - task: {name: chain, modulus: 5, chain: 2, side: 2}\n"
                               "    model: {layers: 1, width: 8, heads: 2}\n"
                               "    base: {updates: 2, batch: 4, shard: 4}\n";
    struct suite s = suite_of(text);
    struct run_result r;
    for (int jobs = 1; jobs <= 2; jobs++) {
        struct run_options o = options_of(jobs == 1 ? "one" : "two", jobs);
        o.bodies = NULL;
        o.program = "./spillover";
        ck_assert_msg(run_suite(&s, &o, &r, &arena) == ST_OK, "%s", status_message());
        ck_assert_int_eq(r.computed, 2);
    }
    ck_assert_str_eq(read_all(in("one/m/results.csv")), read_all(in("two/m/results.csv")));
    ck_assert_ptr_nonnull(strstr(read_all(in("one/m/results.csv")), ",gate_accuracy,1,256,"));
    struct run_options o = options_of("none", 1);
    o.bodies = NULL;
    o.program = in("no-such-program");
    ck_assert_int_eq(run_suite(&s, &o, &r, &arena), ST_IO);
    ck_assert_ptr_nonnull(strstr(read_all(in("none/m/cells.list")), "exit 74: error: "));
}
END_TEST

START_TEST(events_are_whole_json_lines) {
    struct cell_io io = {.dir = folder, .arena = &arena};
    struct jsonio_lines lines;
    json_t *event;
    cell_event(&io, "train", 5, 10, 0.25, NAN);
    cell_event(&io, "press", 6, 10, NAN, 0.5);
    ck_assert_int_eq(jsonio_lines_open(&lines, &arena, in("events.jsonl")), ST_OK);
    ck_assert_int_eq(jsonio_lines_next(&lines, &event), ST_OK);
    ck_assert_int_eq(json_object_size(event), 4);
    ck_assert(json_real_value(json_object_get(event, "loss")) == 0.25);
    json_decref(event);
    ck_assert_int_eq(jsonio_lines_next(&lines, &event), ST_OK);
    ck_assert_str_eq(json_string_value(json_object_get(event, "what")), "press");
    json_decref(event);
    ck_assert_int_eq(jsonio_lines_next(&lines, &event), ST_OK);
    ck_assert_ptr_null(event);
}
END_TEST

Suite *suite_run(void) {
    Suite *s = suite_create("run");
    TCase *t = tcase_create("run");
    tcase_set_timeout(t, 20);
    tcase_add_checked_fixture(t, open_run, close_folder);
    tcase_add_test(t, a_suite_becomes_a_table);
    tcase_add_test(t, cells_that_do_not_exist_are_rows);
    tcase_add_test(t, jobs_do_not_matter);
    tcase_add_test(t, what_is_whole_is_reused);
    tcase_add_test(t, arguments_lose_their_folders);
    tcase_add_test(t, a_manifest_names_the_source_without_a_checkout);
    tcase_add_loop_test(t, killed_and_repeated_gives_the_same_bytes, 0, 2);
    tcase_add_loop_test(t, a_damaged_cell_is_kept_and_redone, 0, sizeof damages / sizeof damages[0]);
    tcase_add_loop_test(t, a_failed_cell_stops_only_its_children, 0, 3);
    tcase_add_test(t, a_refused_write_ends_with_74);
    tcase_add_test(t, nothing_whole_is_a_failure);
    tcase_add_test(t, a_second_run_leaves);
    tcase_add_test(t, suites_share_cells);
    tcase_add_test(t, thresholds_are_fixed_by_the_first_run);
    tcase_add_test(t, an_estimate_starts_nothing);
    tcase_add_test(t, real_cells_are_processes_of_the_program);
    tcase_add_test(t, events_are_whole_json_lines);
    suite_add_tcase(s, t);
    return s;
}
