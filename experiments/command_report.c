/* report, plot: what follows from the results.csv of a suite, made again. */
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/command.h"
#include "experiments/figure.h"
#include "experiments/program.h"
#include "experiments/report.h"

struct arguments {
    const char *suite, *out;
    struct command_sets sets;
    bool json;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'o':
        x->out = arg;
        return 0;
    case 's':
        command_add_set(&x->sets, arg, state);
        return 0;
    case 'J':
        x->json = true;
        return 0;
    default:
        return command_suite_key(key, arg, state, &x->suite);
    }
}

static const struct argp_option options[] = {
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"set", 's', "KEY=VALUE", 0, "as given to run", 0},
    {"json", 'J', NULL, 0, "what is printed, as a JSON object", 0},
    {0},
};

const struct argp command_report_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "SUITE",
    .doc = "Make DIR/<suite>/outcomes.csv, figures/ and report.md again from results.csv; nothing is computed anew.\v"
           "Examples:\n  spillover report quick\n  spillover report quick --json | jq '.claims[] | .id, .verdict'\n",
};

/* The suite, and its folder of results. */
static enum status open_results(const struct arguments *x, struct suite *s, const char **dir, struct arena *a) {
    const char *path;
    TRY(suite_find(a, program_suites_dir(a), x->suite, &path));
    TRY(suite_read(s, path, x->sets.values, x->sets.n, a));
    *dir = arena_printf(a, "%s/%s", x->out, s->name);
    if (fs_exists(arena_printf(a, "%s/results.csv", *dir))) return ST_OK;
    return status_set(ST_USAGE, "%s has no results.csv: spillover run %s makes it", *dir, x->suite);
}

enum status command_report(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs"};
    struct suite s;
    const char *dir;
    argv[0] = "spillover report";
    TRY(command_parse(&command_report_argp, argc, argv, &x));
    TRY(open_results(&x, &s, &dir, a));
    if (!x.json) return report_write(dir, &s, stdout, NULL);
    json_t *json = json_object();
    const enum status st = report_write(dir, &s, NULL, json);
    if (st == ST_OK) jsonio_print(stdout, json);
    json_decref(json);
    return st;
}

const struct argp command_plot_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "SUITE",
    .doc = "Draw the figures of a suite again from results.csv and print their paths; nothing is computed anew. What "
           "they show lies beside them as figures/data/<figure>.csv.\v"
           "Example:\n  spillover plot quick\n",
};

enum status command_plot(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs"};
    struct suite s;
    const char *dir, **names;
    int n;
    argv[0] = "spillover plot";
    TRY(command_parse(&command_plot_argp, argc, argv, &x));
    TRY(open_results(&x, &s, &dir, a));
    TRY(report_write(dir, &s, NULL, NULL));
    TRY(figure_list(arena_printf(a, "%s/figures", dir), &names, &n, a));
    json_t *files = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(files, json_sprintf("%s/figures/%s", dir, names[i]));
    command_written(files, x.json);
    return n > 0 ? ST_OK : status_set(ST_PARTIAL, "no figure of %s was drawn; %s/report.md says why", s.name, dir);
}
