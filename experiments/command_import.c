/* import: models of others into a checkpoint. */
#include <stdlib.h>

#include "engine/base/json.h"
#include "engine/base/log.h"
#include "engine/checkpoint.h"
#include "engine/import.h"
#include "experiments/command.h"

struct arguments {
    const char *from, *to;
    double lora_scale;
    bool keep_lora, json;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    char *end;
    switch (key) {
    case 'f':
        x->from = arg;
        return 0;
    case 't':
        x->to = arg;
        return 0;
    case 'l':
        x->lora_scale = strtod(arg, &end);
        if (end == arg || *end || !(x->lora_scale >= -1e3 && x->lora_scale <= 1e3))
            argp_error(state, "--lora-scale: \"%s\" is not a number of -1000 to 1000", arg);
        return 0;
    case 'k':
        x->keep_lora = true;
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\": name it with --from or --to", arg);
        return 0;
    case ARGP_KEY_END:
        if (!x->from || !x->to) argp_error(state, "both --from and --to are needed");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option import_options[] = {
    {"from", 'f', "PATH", 0, "a folder with model.safetensors or pytorch_model.bin (and config.json), or a file", 0},
    {"to", 't', "FILE", 0, "the checkpoint to write", 0},
    {"lora-scale", 'l', "X", 0, "alpha / r of LoRA weights (default: 0.25, as CODI's)", 0},
    {"keep-lora", 'k', NULL, 0, "keep LoRA as low-rank weights of its own, to be trained, in place of merging it", 0},
    {"json", 'J', NULL, 0, "what was read, as a JSON object", 0},
    {0},
};

const struct argp command_import_argp = {
    .options = import_options,
    .parser = parse,
    .doc = "Read a GPT-2, Coconut or CODI model (safetensors, PyTorch's zip, or llm.c's .bin) and write a checkpoint.\v"
           "Example:\n  spillover import --from gpt2/ --to gpt2.safetensors\n",
};

static const char *const layouts[] = {"GPT-2", "Coconut", "CODI"};

static void tell(const struct import *in, const struct arguments *x) {
    const struct gpt_config *c = &in->config;
    log_line("%s: %s (%s), %ld parameters: %d layers, width %d, %d heads, vocabulary %d, context %d%s%s", in->path,
             layouts[in->layout], in->format, in->n_parameters, c->layers, c->width, c->heads, c->vocab, c->context,
             c->tied ? "" : ", untied head", c->projection ? ", projection" : "");
    if (in->n_lora > 0)
        log_line("LoRA of %d matrices %s, scale %g", in->n_lora, x->keep_lora ? "kept" : "merged", x->lora_scale);
}

static void print_json(const struct import *in, const struct arguments *x) {
    const struct gpt_config *c = &in->config;
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:I, s:i, s:i, s:i, s:i, s:i, s:b, s:b, s:i, s:b}", "from", in->path,
                             "to", x->to, "layout", layouts[in->layout], "format", in->format, "parameters",
                             (json_int_t)in->n_parameters, "layers", c->layers, "width", c->width, "heads", c->heads,
                             "vocabulary", c->vocab, "context", c->context, "tied", c->tied, "projection",
                             c->projection, "lora_matrices", in->n_lora, "lora_kept", x->keep_lora);
    jsonio_print(stdout, json);
    json_decref(json);
}

/* Weights alone, without the transposed copies that only a forward pass needs. */
static enum status write_imported(const struct import *in, struct arena *a, const struct arguments *x) {
    struct gpt_config config = in->config;
    struct gpt m;
    if (x->keep_lora && in->lora_rank == 0)
        return status_set(ST_DATA, "%s: has no LoRA of one rank on every matrix to be kept", in->path);
    if (x->keep_lora) {
        config.lora = in->lora_rank;
        config.lora_scale = x->lora_scale;
    }
    TRY(gpt_plan(&m, a, &config));
    m.w = ARENA_NEW(a, float, m.n);
    gpt_view(&m, m.w, &m.p);
    import_fill(in, &m, x->lora_scale);
    return checkpoint_save_gpt(x->to, &m);
}

enum status command_import(int argc, char **argv, struct arena *a) {
    struct arguments x = {.lora_scale = IMPORT_LORA_SCALE};
    struct import in;
    argv[0] = "spillover import";
    TRY(command_parse(&command_import_argp, argc, argv, &x));
    enum status st = import_open(&in, a, x.from);
    if (st == ST_OK) st = write_imported(&in, a, &x);
    if (st == ST_OK) tell(&in, &x);
    if (st == ST_OK && x.json) print_json(&in, &x);
    import_close(&in);
    return st;
}
