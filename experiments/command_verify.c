/* verify, results: committed reference results, checked and made. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/bzip2.h"
#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/log.h"
#include "experiments/command.h"
#include "experiments/extend.h"
#include "experiments/figure.h"
#include "experiments/merge.h"
#include "experiments/program.h"
#include "experiments/run.h"
#include "experiments/verify.h"

struct arguments {
    const char *suite, *out, *results, *data_dir, *to;
    int cells, jobs;
    long seed; /* -1: drawn from the clock */
    bool quiet, json, add;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    enum { MANY = 1000000 };
    struct arguments *x = state->input;
    switch (key) {
    case 'o':
        x->out = arg;
        return 0;
    case 'r':
        x->results = arg;
        return 0;
    case 'd':
        x->data_dir = arg;
        return 0;
    case 't':
        x->to = arg;
        return 0;
    case 'q':
        x->quiet = true;
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case 'a':
        x->add = true;
        return 0;
    case 'c':
        x->cells = strcmp(arg, "all") == 0 ? VERIFY_ALL : command_number(arg, 1, MANY, "cells", state);
        return 0;
    case 'S':
        x->seed = command_number(arg, 0, 2147483647, "seed", state);
        return 0;
    case 'j':
        x->jobs = command_number(arg, 1, 4096, "jobs", state);
        return 0;
    default:
        return command_suite_key(key, arg, state, &x->suite);
    }
}

static const struct argp_option verify_options[] = {
    {"cells", 'c', "N", 0, "how many to draw, or all (default: 2)", 0},
    {"seed", 'S', "S", 0, "of the draw (default: another each time; it is printed)", 0},
    {"out", 'o', "DIR", 0, "verify DIR/SUITE/results.csv of a run, not committed results", 0},
    {"results", 'r', "FILE", 0, "verify this table; its manifest lies beside it", 0},
    {"data", 'd', "DIR", 0, "folder of the published data sets, as given to run", 0},
    {"jobs", 'j', "N", 0, "cells at once (default: one per CPU)", 0},
    {"quiet", 'q', NULL, 0, "warnings and differing rows only", 0},
    {"json", 'J', NULL, 0, "what was compared, and the rows that differ, as a JSON object", 0},
    {0},
};

const struct argp command_verify_argp = {
    .options = verify_options,
    .parser = parse,
    .args_doc = "SUITE",
    .doc = "Compute cells drawn at random from results again, from nothing, and compare every row to the bit. Exit 0: "
           "all equal; 2: rows differ, and are printed (- committed, + computed), or were computed by another "
           "version.\v"
           "Examples:\n  spillover verify smoke --cells all\n  spillover verify quick --out runs --cells 1 --seed 7\n"
           "  spillover verify smoke --cells 1 --json | jq .differing\n",
};

static enum status no_results(const char *suite, const char *path, const char *out, struct arena *a) {
    const char *near = command_nearest_results(suite, out, a);
    if (near) return status_set(ST_USAGE, "%s: there is no such table; did you mean suite \"%s\"?", path, near);
    return status_set(ST_USAGE, "%s: there is no such table", path);
}

static enum status find_results(struct arguments *x, struct verify_options *o, struct arena *a) {
    o->results = x->results;
    if (!o->results && !fs_plain_name(x->suite))
        return status_set(ST_USAGE, "\"%s\" is not the name of a suite", x->suite);
    if (!o->results && x->out) o->results = arena_printf(a, "%s/%s/results.csv", x->out, x->suite);
    if (!o->results)
        o->results = verify_reference(arena_printf(a, "%s/data/results", program_source_dir(a)), x->suite, a);
    if (!fs_exists(o->results)) return no_results(x->suite, o->results, x->out, a);
    o->manifest = verify_manifest(o->results, a);
    if (!fs_exists(o->manifest)) return status_set(ST_USAGE, "%s: there is no manifest", o->manifest);
    return ST_OK;
}

static void print_verified(const struct arguments *x, const struct verify_options *o, const struct verify_result *r) {
    json_t *json =
        json_pack("{s:s, s:I, s:i, s:i, s:i, s:i, s:O}", "results", o->results, "seed", (json_int_t)x->seed, "cells",
                  r->cells, "of", r->of, "rows", r->rows, "differing", r->differing, "differing_rows", o->differing);
    jsonio_print(stdout, json);
    json_decref(json);
}

/* In a scratch folder, which stays where something differs. */
static enum status verify(struct verify_options *o, struct verify_result *r, struct arena *a) {
    const char *scratch;
    TRY(fs_scratch(a, "spillover-verify", &scratch));
    o->scratch = scratch;
    const enum status st = verify_results(o, r, a);
    if (st == ST_DIFFERS && r->differing)
        log_warning("what was computed is kept in %s", scratch);
    else if (fs_remove_tree(scratch) && st == ST_OK)
        return ST_IO;
    return st;
}

enum status command_verify(int argc, char **argv, struct arena *a) {
    struct arguments x = {.cells = 2, .seed = -1, .jobs = run_default_jobs()};
    struct verify_result r = {0};
    argv[0] = "spillover verify";
    TRY(command_parse(&command_verify_argp, argc, argv, &x));
    TRY(command_open_engine());
    if (x.seed < 0) x.seed = (long)(time(NULL) % 1000000);
    struct verify_options o = {.data_dir = x.data_dir,
                               .kernel = gemm_blis_arch(),
                               .program = program_path(a),
                               .cells = x.cells,
                               .seed = (uint64_t)x.seed,
                               .jobs = x.jobs,
                               .quiet = x.quiet,
                               .print = x.json ? NULL : stdout};
    TRY(find_results(&x, &o, a));
    if (x.json) o.differing = json_array();
    const enum status st = verify(&o, &r, a);
    if (x.json && (st == ST_OK || st == ST_DIFFERS)) print_verified(&x, &o, &r);
    json_decref(o.differing);
    if (st == ST_OK && !x.json)
        printf("%s: %d rows of %d of %d cells are equal to the bit (--seed %ld)\n", o.results, r.rows, r.cells, r.of,
               x.seed);
    return r.signal ? (enum status)(128 + r.signal) : st;
}

/* --- results --------------------------------------------------------------------------------------------------- */

static const struct argp_option results_options[] = {
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"to", 't', "DIR", 0, "where reference results lie (default: data/results of the source tree)", 0},
    {"add", 'a', NULL, 0, "to what lies there, which stays: cells that it lacks, a new seed's say", 0},
    {"data", 'd', "DIR", 0, "folder of the published data sets, as given to run (with --add)", 0},
    {"json", 'J', NULL, 0, "the files that were written, as a JSON object", 0},
    {0},
};

const struct argp command_results_argp = {
    .options = results_options,
    .parser = parse,
    .args_doc = "SUITE",
    .doc =
        "Copy the table, manifest and figures of a finished suite to where reference results lie, to be committed: "
        "SUITE.csv (over 1 MiB: SUITE.csv.bz2), SUITE.manifest.json, SUITE.cost.csv, figures/SUITE/. With --add the run "
        "needs only the cells that they lack; figures wait for `make results`.\v"
        "Examples:\n  spillover run smoke && spillover results smoke\n"
        "  spillover run quick --set seeds=9 && spillover results quick --add\n",
};

static enum status copy(const char *from, const char *to, json_t *files, struct arena *a) {
    struct arena_mark mark = arena_mark(a);
    char *data;
    size_t size;
    enum status st = fs_read(a, from, &data, &size);
    if (st == ST_OK) st = fs_write(to, data, size);
    arena_rewind(a, mark);
    json_array_append_new(files, json_string(to));
    return st;
}

/* A large table is compressed, so that the repository stays small; of its two forms only one lies there. */
static enum status copy_table(const char *from, const char *to, json_t *files, struct arena *a) {
    enum { LARGE = 1 << 20 };
    const char *packed = arena_printf(a, "%s.bz2", to);
    const struct arena_mark mark = arena_mark(a);
    char *data;
    size_t size;
    enum status st = fs_read(a, from, &data, &size);
    if (st == ST_OK) st = size > LARGE ? bzip2_write(a, packed, data, size) : fs_write(to, data, size);
    if (st == ST_OK) st = fs_remove_tree(size > LARGE ? to : packed);
    json_array_append_new(files, json_string(size > LARGE ? packed : to));
    arena_rewind(a, mark);
    return st;
}

static enum status copy_figures(const char *from, const char *to, json_t *files, struct arena *a) {
    const char **names;
    int n;
    TRY(fs_remove_tree(to));
    if (!fs_exists(from)) return ST_OK;
    TRY(figure_list(from, &names, &n, a));
    TRY(fs_mkdirs(to));
    for (int i = 0; i < n; i++)
        TRY(copy(arena_printf(a, "%s/%s", from, names[i]), arena_printf(a, "%s/%s", to, names[i]), files, a));
    return ST_OK;
}

/* <from>/ of a suite into <to>/; the table comes first. */
static enum status copy_files(const char *suite, const char *from, const char *to, json_t *files, struct arena *a) {
    TRY(fs_mkdirs(to));
    TRY(copy_table(arena_printf(a, "%s/results.csv", from), arena_printf(a, "%s/%s.csv", to, suite), files, a));
    TRY(copy(arena_printf(a, "%s/manifest.json", from), arena_printf(a, "%s/%s.manifest.json", to, suite), files, a));
    return copy(arena_printf(a, "%s/cost.csv", from), arena_printf(a, "%s/%s.cost.csv", to, suite), files, a);
}

/* A seed that the manifest lists as replaced. */
static bool is_replaced(const json_t *manifest, const char *seed) {
    const json_t *list = json_object_get(json_object_get(manifest, "suite"), "replaced");
    for (size_t i = 0; i < json_array_size(list); i++)
        if (strtol(seed, NULL, 10) == json_integer_value(json_array_get(list, i))) return true;
    return false;
}

/* Reference results are whole: no cell failed or is missing; what a replaced seed could not do is no fault. */
static enum status check_whole(const char *path, const char *manifest, struct arena *a) {
    static const char *const without[] = {"failed", "blocked", "missing"};
    struct csv_table *t;
    json_t *json;
    enum status st = ST_OK;
    TRY(merge_read(a, path, NULL, &t));
    const int metric = csv_column(t, "metric"), status = csv_column(t, "status"), seed = csv_column(t, "seed");
    if (metric < 0 || status < 0 || seed < 0) return status_set(ST_DATA, "%s: is not a table of results", path);
    TRY(verify_ended(path, t, manifest, a));
    TRY(jsonio_load_path(manifest, &json));
    for (int i = 0; i < t->rows && st == ST_OK; i++)
        for (int k = 0; k < 3 && st == ST_OK; k++)
            if (strcmp(csv_cell(t, i, metric), "cell") == 0 && strcmp(csv_cell(t, i, status), without[k]) == 0 &&
                !is_replaced(json, csv_cell(t, i, seed)))
                st = status_set(ST_PARTIAL, "%s:%d: a cell is %s; reference results are whole", path, t->lines[i],
                                without[k]);
    json_decref(json);
    return st;
}

static void warn_of_source(const char *path) {
    json_t *json = NULL, *runs = NULL;
    if (jsonio_load_path(path, &json)) return;
    if (jsonio_get_array(path, json, "runs", &runs) == ST_OK && json_array_size(runs)) {
        json_t *last = json_array_get(runs, json_array_size(runs) - 1);
        if (!json_is_false(json_object_get(last, "dirty")))
            log_warning("%s: computed by a source tree with uncommitted changes, or an unknown one", path);
    }
    json_decref(json);
}

static enum status copy_run(const char *suite, const char *from, const char *to, json_t *files, struct arena *a) {
    TRY(check_whole(arena_printf(a, "%s/results.csv", from), arena_printf(a, "%s/manifest.json", from), a));
    TRY(copy_files(suite, from, to, files, a));
    return copy_figures(arena_printf(a, "%s/figures", from), arena_printf(a, "%s/figures/%s", to, suite), files, a);
}

/* What lies in <to>/ and the run's own cells, as the suite has them now, by way of `scratch`. */
static enum status add_run(const struct suite *suite, const struct arguments *x, const struct manifest_run *by,
                           const char *from, const char *to, const char *scratch, json_t *files, struct arena *a) {
    const char *table = verify_reference(to, suite->name, a);
    const struct extend_files reference = {.table = table,
                                           .manifest = verify_manifest(table, a),
                                           .cost = arena_printf(a, "%s/%s.cost.csv", to, suite->name)},
                              run = {.table = arena_printf(a, "%s/results.csv", from),
                                     .manifest = arena_printf(a, "%s/manifest.json", from),
                                     .cost = arena_printf(a, "%s/cost.csv", from)};
    struct grid grid;
    if (!fs_exists(table)) return status_set(ST_USAGE, "%s: there is no such table to add to", table);
    TRY(command_open_engine());
    TRY(grid_build(&grid, suite, gemm_blis_arch(), x->data_dir, a));
    TRY(extend_results(suite, &grid, &reference, &run, by, scratch, a));
    TRY(check_whole(arena_printf(a, "%s/results.csv", scratch), arena_printf(a, "%s/manifest.json", scratch), a));
    return copy_files(suite->name, scratch, to, files, a);
}

static enum status add_by_scratch(const struct suite *suite, const struct arguments *x, const struct manifest_run *by,
                                  const char *from, const char *to, json_t *files, struct arena *a) {
    const char *scratch;
    TRY(fs_scratch(a, "spillover-results", &scratch));
    const enum status st = add_run(suite, x, by, from, to, scratch, files, a);
    return fs_remove_tree(scratch) && st == ST_OK ? ST_IO : st;
}

/* To copy a run needs no more than its name; to add to another, what the suite's file says now. */
static enum status name_suite(struct arguments *x, struct suite *suite, struct arena *a) {
    const char *path;
    if (x->add) {
        TRY(suite_find(a, program_suites_dir(a), x->suite, &path));
        TRY(suite_read(suite, path, NULL, 0, a));
        x->suite = suite->name;
    }
    if (!fs_plain_name(x->suite)) return status_set(ST_USAGE, "\"%s\" is not the name of a suite", x->suite);
    return ST_OK;
}

enum status command_results(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs"};
    struct suite suite;
    argv[0] = "spillover results";
    TRY(command_parse(&command_results_argp, argc, argv, &x));
    TRY(name_suite(&x, &suite, a));
    const char *from = arena_printf(a, "%s/%s", x.out, x.suite);
    const char *to = x.to ? x.to : arena_printf(a, "%s/data/results", program_source_dir(a));
    const char *table = arena_printf(a, "%s/results.csv", from);
    const struct manifest_run by = {
        .argc = argc, .argv = argv, .source_dir = program_source_dir(a), .revision = program_revision(), .jobs = 1};
    if (!fs_exists(table)) return no_results(x.suite, table, x.out, a);
    warn_of_source(arena_printf(a, "%s/manifest.json", from));
    json_t *files = json_array();
    const enum status st =
        x.add ? add_by_scratch(&suite, &x, &by, from, to, files, a) : copy_run(x.suite, from, to, files, a);
    if (st == ST_OK && x.json)
        command_written(files, true);
    else
        json_decref(files);
    if (st == ST_OK && !x.json) printf("%s\n", verify_reference(to, x.suite, a));
    return st;
}
