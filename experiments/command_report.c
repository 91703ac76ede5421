/* report: make the report of a suite again from its results.csv. */
#include <argp.h>

#include "engine/base/fs.h"
#include "experiments/command.h"
#include "experiments/report.h"

enum { MOST_SETS = 64 };

struct arguments {
    const char *suite, *out;
    const char *sets[MOST_SETS];
    int n_sets;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'o':
        x->out = arg;
        return 0;
    case 's':
        if (x->n_sets == MOST_SETS) argp_error(state, "--set: more than %d", MOST_SETS);
        x->sets[x->n_sets++] = arg;
        return 0;
    case ARGP_KEY_ARG:
        if (x->suite) argp_error(state, "one suite at a time: %s, and then %s", x->suite, arg);
        x->suite = arg;
        return 0;
    case ARGP_KEY_END:
        if (!x->suite) argp_error(state, "which suite?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"set", 's', "KEY=VALUE", 0, "as given to run", 0},
    {0},
};

const struct argp command_report_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "SUITE",
    .doc = "Make DIR/<suite>/outcomes.csv, figures/ and report.md again from results.csv; nothing is computed anew.\v"
           "Example:\n  spillover report quick\n",
};

enum status command_report(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs"};
    struct suite s;
    const char *path;
    argv[0] = "spillover report";
    argp_parse(&command_report_argp, argc, argv, 0, NULL, &x);
    TRY(suite_find(a, command_suites_dir(a), x.suite, &path));
    TRY(suite_read(&s, path, x.sets, x.n_sets, a));
    return report_write(arena_printf(a, "%s/%s", x.out, s.name), &s, stdout);
}
