/* view: a run as one page for a browser. */
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/log.h"
#include "experiments/command.h"
#include "experiments/program.h"
#include "experiments/suite.h"
#include "experiments/view.h"

struct arguments {
    const char *suite, *out, *to;
    int items, cells;
    bool quiet, json;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'o':
        x->out = arg;
        return 0;
    case 't':
        x->to = arg;
        return 0;
    case 'i':
        x->items = command_number(arg, 0, 10000, "items", state);
        return 0;
    case 'c':
        x->cells = command_number(arg, 0, 1000, "cells", state);
        return 0;
    case 'q':
        x->quiet = true;
        return 0;
    case 'J':
        x->json = true;
        return 0;
    default:
        return command_suite_key(key, arg, state, &x->suite);
    }
}

static const struct argp_option options[] = {
    {"items", 'i', "N", 0, "questions to read, a cell (default: 100)", 0},
    {"cells", 'c', "N", 0, "cells with questions: first those that kept weights after pressure (default: 12)", 0},
    {"to", 't', "FILE", 0, "the page to write (default: DIR/SUITE/view.html)", 0},
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"quiet", 'q', NULL, 0, "warnings only", 0},
    {"json", 'J', NULL, 0, "the page's path as a JSON object", 0},
    {0},
};

const struct argp command_view_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "SUITE",
    .doc =
        "Write a run as one HTML page that needs no network, and print its path: the report with its figures, a table "
        "of cells to filter, and questions to read before and after pressure, text and thoughts step by step.\v"
        "Examples:\n  spillover view quick\n  spillover view quick --items 300 --cells 4 --to quick.html\n",
};

/* The folder of a run: by its name, or that of a suite file. */
static enum status find_run(const struct arguments *x, const char **dir, struct arena *a) {
    struct suite s;
    const char *path;
    *dir = arena_printf(a, "%s/%s", x->out, x->suite);
    if (fs_plain_name(x->suite) && fs_is_folder(*dir)) return ST_OK;
    if (suite_find(a, program_suites_dir(a), x->suite, &path)) {
        const char *near = command_nearest_results(x->suite, x->out, a);
        return status_set(ST_USAGE,
                          near ? "there is no run \"%s\" in %s; did you mean \"%s\"?" : "there is no run \"%s\" in %s",
                          x->suite, x->out, near);
    }
    TRY(suite_read(&s, path, NULL, 0, a));
    *dir = arena_printf(a, "%s/%s", x->out, s.name);
    return ST_OK;
}

static void tell(void *to, int done, int of) {
    struct progress *p = to;
    p->total = of;
    progress_update(p, done, NULL);
}

enum status command_view(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs", .items = 100, .cells = 12};
    struct progress progress;
    const char *dir;
    argv[0] = "spillover view";
    TRY(command_parse(&command_view_argp, argc, argv, &x));
    TRY(find_run(&x, &dir, a));
    log_set_quiet(x.quiet);
    const char *path = x.to ? x.to : arena_printf(a, "%s/view.html", dir);
    const struct view_options o = {.out = x.out,
                                   .dir = dir,
                                   .plots = arena_printf(a, "%s/plots", program_source_dir(a)),
                                   .items = x.items,
                                   .cells = x.cells,
                                   .progress = tell,
                                   .to = &progress};
    progress_open(&progress, "cells", 0);
    const enum status st = view_write(&o, path, a);
    progress_close(&progress);
    if (st == ST_OK) command_written(json_pack("[s]", path), x.json);
    return st;
}
