/* export: weights and results in the formats of others. */
#include "engine/base/fs.h"
#include "engine/checkpoint.h"
#include "engine/import.h"
#include "experiments/command.h"
#include "experiments/export.h"

enum { KEY_INSPECT = 256, KEY_CRATE };

struct arguments {
    const char *from, *inspect, *crate, *to, *out;
    int items;
    bool json;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'f':
        x->from = arg;
        return 0;
    case KEY_INSPECT:
        x->inspect = arg;
        return 0;
    case KEY_CRATE:
        x->crate = arg;
        return 0;
    case 't':
        x->to = arg;
        return 0;
    case 'o':
        x->out = arg;
        return 0;
    case 'i':
        x->items = command_number(arg, 1, 100000, "items", state);
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\": name it with --from, --inspect, --ro-crate or --to", arg);
        return 0;
    case ARGP_KEY_END:
        if (!!x->from + !!x->inspect + !!x->crate != 1) argp_error(state, "one of --from, --inspect and --ro-crate");
        if (!x->to) argp_error(state, "--to is needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"from", 'f', "FILE", 0, "weights: a checkpoint, to model.safetensors and config.json of a Hugging Face GPT-2", 0},
    {"inspect", KEY_INSPECT, "CELL", 0, "what a cell says: logs for the Inspect viewer, before and after pressure", 0},
    {"ro-crate", KEY_CRATE, "SUITE", 0, "results: a research-object crate with its metadata", 0},
    {"to", 't', "DIR", 0, "the folder to write into", 0},
    {"items", 'i', "N", 0, "with --inspect: questions at most (default: 200)", 0},
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"json", 'J', NULL, 0, "the files that were written, as a JSON object", 0},
    {0},
};

const struct argp command_export_argp = {
    .options = options,
    .parser = parse,
    .doc = "Write weights, answers or results as other programs read them.\v"
           "Examples:\n  spillover export --from gpt2.safetensors --to gpt2/\n"
           "  spillover export --inspect 612d9f2c8075 --to logs/ && inspect view --log-dir logs/\n"
           "  spillover export --ro-crate quick --to quick-crate/\n",
};

static enum status export_weights(const struct arguments *x, json_t *files, struct arena *a) {
    struct gpt m;
    TRY(command_open_engine());
    TRY(checkpoint_load_gpt(&m, a, x->from));
    TRY(export_gpt(&m, x->to));
    json_array_append_new(files, json_sprintf("%s/model.safetensors", x->to));
    json_array_append_new(files, json_sprintf("%s/config.json", x->to));
    return ST_OK;
}

static enum status write_export(const struct arguments *x, json_t *files, struct arena *a) {
    if (x->from) return export_weights(x, files, a);
    if (x->inspect) return export_inspect(x->out, x->inspect, x->items, x->to, files, a);
    if (!fs_plain_name(x->crate)) return status_set(ST_USAGE, "\"%s\" is not the name of a suite", x->crate);
    const char *dir = arena_printf(a, "%s/%s", x->out, x->crate), *near = NULL;
    if (!fs_exists(arena_printf(a, "%s/results.csv", dir))) near = command_nearest_results(x->crate, x->out, a);
    if (near) return status_set(ST_USAGE, "%s has no results; did you mean \"%s\"?", dir, near);
    return export_crate(dir, x->to, files, a);
}

enum status command_export(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs", .items = 200};
    argv[0] = "spillover export";
    TRY(command_parse(&command_export_argp, argc, argv, &x));
    json_t *files = json_array();
    const enum status st = write_export(&x, files, a);
    if (st == ST_OK)
        command_written(files, x.json);
    else
        json_decref(files);
    return st;
}
