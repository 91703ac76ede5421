/* run, status, cell, work: the commands that touch a folder of runs. */
#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/gemm.h"
#include "engine/lanes.h"
#include "experiments/command.h"
#include "experiments/launch.h"
#include "experiments/program.h"

enum { KEY_LAUNCHER = 256, KEY_CHUNK, KEY_SBATCH, KEY_MERGE, KEY_STAGE, KEY_PART };

enum launcher { LAUNCH_LOCAL, LAUNCH_PRINT, LAUNCH_SLURM, LAUNCHERS };

struct arguments {
    const char *suite, *out, *data_dir, *sbatch;
    struct command_sets sets;
    enum launcher launcher;
    enum cell_kind stage;
    int jobs, threads, chunk, part, parts;
    bool dry, quiet, json, merge;
};

/* Options of `work`, and those of `run` for other schedulers. */
static error_t parse_launch(int key, char *arg, struct argp_state *state) {
    static const char *const launchers[LAUNCHERS] = {"local", "print", "slurm"};
    static const char *const stages[] = {"base", "arm", "press"};
    struct arguments *x = state->input;
    switch (key) {
    case KEY_LAUNCHER:
        x->launcher = (enum launcher)command_choice(arg, launchers, LAUNCHERS, "launcher", state);
        return 0;
    case KEY_CHUNK:
        x->chunk = command_number(arg, 1, 100000, "chunk", state);
        return 0;
    case KEY_SBATCH:
        x->sbatch = arg;
        return 0;
    case KEY_MERGE:
        x->merge = true;
        return 0;
    case KEY_STAGE:
        x->stage = (enum cell_kind)command_choice(arg, stages, 3, "stage", state);
        return 0;
    case KEY_PART:
        if (sscanf(arg, "%d/%d", &x->part, &x->parts) != 2 || x->part < 1 || x->part > x->parts)
            argp_error(state, "--part: \"%s\" is not I/N with I in 1..N", arg);
        return 0;
    default:
        return command_suite_key(key, arg, state, &x->suite);
    }
}

static error_t parse_run(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'o':
        x->out = arg;
        return 0;
    case 'd':
        x->data_dir = arg;
        return 0;
    case 'n':
        x->dry = true;
        return 0;
    case 'q':
        x->quiet = true;
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case 'j':
        x->jobs = command_number(arg, 1, 4096, "jobs", state);
        return 0;
    case 't':
        x->threads = command_number(arg, 1, LANES_MAX, "threads", state);
        return 0;
    case 's':
        command_add_set(&x->sets, arg, state);
        return 0;
    default:
        return parse_launch(key, arg, state);
    }
}

static const struct argp_option run_options[] = {
    {"out", 'o', "DIR", 0, "folder of runs: DIR/cells and DIR/<suite> (default: runs)", 0},
    {"jobs", 'j', "N", 0, "cells at once (default: one per CPU); results do not depend on it", 0},
    {"threads", 't', "N", 0, "threads a cell (default: 1), for suites with base.lanes; nor on these", 0},
    {"data", 'd', "DIR", 0, "folder of the published data sets", 0},
    {"set", 's', "KEY=VALUE", 0, "replace section.key in every block that has the section, or seeds", 0},
    {"dry-run", 'n', NULL, 0, "say what would run and what it is likely to take", 0},
    {"json", 'J', NULL, 0, "what would run (-n), or what became of every cell, as a JSON object", 0},
    {"quiet", 'q', NULL, 0, "warnings only", 0},
    {"launcher", KEY_LAUNCHER, "NAME", 0,
     "local (this machine), slurm (job arrays), or print (command lines for GNU parallel or another scheduler)", 0},
    {"chunk", KEY_CHUNK, "N", 0, "cells a task of slurm or a line of print (default: at most 200 tasks a stage)", 0},
    {"sbatch", KEY_SBATCH, "ARGS", 0, "further arguments of sbatch, e.g. '--partition=cpu --time=60'", 0},
    {"merge", KEY_MERGE, NULL, 0, "compute nothing: write the tables from the cells that are there", 0},
    {0},
};

const struct argp command_run_argp = {
    .options = run_options,
    .parser = parse_run,
    .args_doc = "SUITE",
    .doc = "Run a suite: a name (`spillover list suites`) or the path of a YAML file. Cells that are whole are reused, "
           "so the same command continues a run that was stopped.\v"
           "Examples:\n  spillover run quick --jobs 2 --set seeds=1..3 --set press.updates=120\n"
           "  spillover run pressure --launcher slurm --out /shared/runs --sbatch '--partition=cpu --time=60'\n"
           "  spillover run quick --launcher print --chunk 4\n",
};

static const struct argp_option work_options[] = {
    {"stage", KEY_STAGE, "NAME", 0, "base, arm or press", 0},
    {"part", KEY_PART, "I/N", 0, "which of N parts of the stage's cells", 0},
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"jobs", 'j', "N", 0, "cells at once (default: 1)", 0},
    {"threads", 't', "N", 0, "threads a cell (default: 1), for suites with base.lanes", 0},
    {"data", 'd', "DIR", 0, "folder of the published data sets, as given to run", 0},
    {"set", 's', "KEY=VALUE", 0, "as given to run", 0},
    {"quiet", 'q', NULL, 0, "warnings only", 0},
    {0},
};

const struct argp command_work_argp = {
    .options = work_options,
    .parser = parse_run,
    .args_doc = "SUITE",
    .doc =
        "Run a part of one stage of a suite and write no tables: what `run --launcher` hands out. Exit 3: a parent is "
        "missing.\v"
        "Example:\n  spillover work quick --stage base --part 1/2\n",
};

static const struct argp_option status_options[] = {
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"data", 'd', "DIR", 0, "folder of the published data sets, as given to run", 0},
    {"set", 's', "KEY=VALUE", 0, "as given to run", 0},
    {"json", 'J', NULL, 0, "as a JSON object", 0},
    {0},
};

static const struct argp_option cell_options[] = {
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"data", 'd', "DIR", 0, "folder of the published data sets, as given to run", 0},
    {"threads", 't', "N", 0, "threads (default: 1), as given to run", 0},
    {0},
};

const struct argp command_status_argp = {
    .options = status_options,
    .parser = parse_run,
    .args_doc = "SUITE",
    .doc = "Show the state of every cell of a suite. Exit 0: all are whole; 3: not yet.\v"
           "Examples:\n  spillover status quick\n  spillover status quick --json\n",
};

enum status command_open_engine(void) {
    return gemm_open(GEMM_AUTO, NUMERIC_PORTABLE);
}

static enum status prepare(const struct arguments *x, struct suite *s, struct run_options *o, struct arena *a) {
    const char *path;
    TRY(command_open_engine());
    TRY(suite_find(a, program_suites_dir(a), x->suite, &path));
    TRY(suite_read(s, path, x->sets.values, x->sets.n, a));
    if (x->data_dir && !fs_exists(x->data_dir))
        return status_set(ST_USAGE, "--data %s: there is no such folder", x->data_dir);
    *o = (struct run_options){.out = x->out,
                              .data_dir = x->data_dir,
                              .kernel = gemm_blis_arch(),
                              .program = program_path(a),
                              .quiet = x->quiet,
                              .jobs = x->jobs,
                              .threads = x->threads};
    return ST_OK;
}

/* As `status --json`, whatever the run came to; why it ended remains the message. */
static enum status print_cells(const struct suite *s, const struct run_options *o, enum status st, struct arena *a) {
    const char *why = arena_strdup(a, status_message());
    const enum status now = run_status_json(s, o, stdout, a);
    return st == ST_OK ? now : status_set(st, "%s", why);
}

enum status command_run(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs", .jobs = run_default_jobs(), .threads = 1};
    struct suite s;
    struct run_options o;
    struct run_result result = {0};
    argv[0] = "spillover run";
    TRY(command_parse(&command_run_argp, argc, argv, &x));
    TRY(prepare(&x, &s, &o, a));
    o.manifest = (struct manifest_run){.argc = argc,
                                       .argv = argv,
                                       .source_dir = program_source_dir(a),
                                       .revision = program_revision(),
                                       .overrides = x.sets.values,
                                       .n_overrides = x.sets.n,
                                       .jobs = x.jobs};
    const struct launch_options launch = {
        .chunk = x.chunk, .sbatch = x.sbatch, .overrides = x.sets.values, .n_overrides = x.sets.n};
    if (x.json && x.launcher != LAUNCH_LOCAL)
        return status_set(ST_USAGE, "--launcher goes with text; status --json tells how far a run is");
    if (x.dry) return (x.json ? run_estimate_json : run_estimate)(&s, &o, stdout, a);
    if (x.launcher == LAUNCH_PRINT) return launch_print(&s, &o, &launch, stdout, a);
    if (x.launcher == LAUNCH_SLURM) return launch_slurm(&s, &o, &launch, stdout, a);
    enum status st = x.merge ? run_merge(&s, &o, a) : run_suite(&s, &o, &result, a);
    if (x.json) st = print_cells(&s, &o, st, a);
    return result.signal ? (enum status)(128 + result.signal) : st;
}

enum status command_work(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs", .jobs = 1, .threads = 1, .stage = CELL_PRESS, .part = 1, .parts = 1};
    struct suite s;
    struct run_options o;
    struct run_result result = {0};
    argv[0] = "spillover work";
    TRY(command_parse(&command_work_argp, argc, argv, &x));
    TRY(prepare(&x, &s, &o, a));
    const enum status st = run_part(&s, &o, x.stage, x.part, x.parts, &result, a);
    return result.signal ? (enum status)(128 + result.signal) : st;
}

enum status command_status(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs", .jobs = 1, .threads = 1};
    struct suite s;
    struct run_options o;
    argv[0] = "spillover status";
    TRY(command_parse(&command_status_argp, argc, argv, &x));
    TRY(prepare(&x, &s, &o, a));
    return (x.json ? run_status_json : run_status)(&s, &o, stdout, a);
}

static enum status open_arithmetic(enum numeric_mode mode) {
    return gemm_open(GEMM_AUTO, mode);
}

const struct argp command_cell_argp = {
    .options = cell_options,
    .parser = parse_run,
    .args_doc = "KEY",
    .doc = "Run the cell whose folder DIR/cells/KEY.part was prepared by `run`, and make it whole.\v"
           "Example:\n  spillover cell KEY --out runs\n",
};

enum status command_cell(int argc, char **argv, struct arena *a) {
    static const struct cell_bodies bodies = {.prepare = open_arithmetic,
                                              .run = {cell_run_base, cell_run_arm, cell_run_press}};
    struct arguments x = {.out = "runs", .jobs = 1, .threads = 1};
    (void)a;
    argv[0] = "spillover cell";
    TRY(command_parse(&command_cell_argp, argc, argv, &x));
    if (!fs_plain_name(x.suite)) return status_set(ST_USAGE, "\"%s\" is not the key of a cell", x.suite);
    return cell_execute(x.out, x.suite, x.data_dir, x.threads, &bodies);
}
