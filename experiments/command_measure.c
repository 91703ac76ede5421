/* measure: the instruments on traces that another program wrote. */
#include <math.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/command.h"
#include "experiments/measure.h"

struct arguments {
    const char *dir, *out;
    int seed;
    bool json, quiet;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 't':
        x->dir = arg;
        return 0;
    case 'o':
        x->out = arg;
        return 0;
    case 'S':
        x->seed = command_number(arg, 0, 2147483647, "seed", state);
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case 'q':
        x->quiet = true;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "\"%s\": name the folder with --trace", arg);
        return 0;
    case ARGP_KEY_END:
        if (!x->dir) argp_error(state, "--trace is needed: the folder of before.jsonl and before.safetensors");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"trace", 't', "DIR", 0, "folder with before.jsonl and before.safetensors; after.* and control.* if there are", 0},
    {"out", 'o', "FILE", 0, "write every number, one a row, to FILE (.csv)", 0},
    {"seed", 'S', "S", 0, "the column `seed`, and of every random draw (default: 1)", 0},
    {"json", 'J', NULL, 0, "every number as a JSON array", 0},
    {"quiet", 'q', NULL, 0, "print no table", 0},
    {0},
};

const struct argp command_measure_argp = {
    .options = options,
    .parser = parse,
    .doc = "Run the instruments on traces that another program wrote: questions, steps, concepts and outputs as JSONL, "
           "the vectors of every step as safetensors, before and after pressure. data/trace_format.md describes the "
           "files; data/write_trace.py writes some from PyTorch. One trace is one seed: give each its --seed, and "
           "`spillover compare` compares tables of several.\v"
           "Examples:\n  spillover measure --trace traces/seed1\n"
           "  spillover measure --trace traces/seed1 --seed 1 --out seed1.csv\n",
};

/* --- printing -------------------------------------------------------------------------------------------------- */

enum { WIDE = 9 };

/* A column of the table: where its number comes from. */
struct column {
    const char *head[2], *phase, *view, *metric;
};

static const struct column columns[] = {
    {{"before", "probe"}, "before", "probe", "read_accuracy"},
    {{"", "majority"}, "before", "majority", "read_accuracy"},
    {{"", "shuffled"}, "before", "shuffled", "read_accuracy"},
    {{"", "bits"}, "before", "probe", "v_information"},
    {{"", "MDL"}, "before", "probe", "mdl_compression"},
    {{"control", "frozen"}, "control", "frozen", "read_accuracy"},
    {{"", "refit"}, "control", "refit", "read_accuracy"},
    {{"after", "frozen"}, "after", "frozen", "read_accuracy"},
    {{"", "refit"}, "after", "refit", "read_accuracy"},
    {{"", "bits"}, "after", "refit", "v_information"},
    {{"", "lost"}, "after", "", "drift_lost"},
    {{"", "rotated"}, "after", "", "drift_rotated"},
    {{"outcome", "S^F"}, "after", "frozen", "s_f"},
    {{"", "S^R"}, "after", "refit", "s_r"},
};
enum { N_COLUMNS = sizeof columns / sizeof columns[0] };

static void print_number(double x) {
    if (isfinite(x))
        printf(" %*.2f", WIDE - 1, x);
    else
        printf(" %*s", WIDE - 1, "-");
}

static bool shown(const struct trace *t, const struct column *c) {
    for (int phase = 0; phase < TRACE_PHASES; phase++)
        if (strcmp(c->phase, trace_phase_name[phase]) == 0) return t->side[phase].n > 0;
    return false;
}

/* Steps in order, then what holds over all of them. */
static void print_channel(const struct trace *t, const struct measure *m, int concept, const struct trace_channel *c) {
    const struct trace_concept *of = &t->concepts[concept];
    printf("\nconcept %s (%d classes), channel %s", of->name, of->K, c->tensor);
    for (int line = 0; line < 2; line++) {
        printf("\n%-5s", line ? "step" : "");
        for (int i = 0; i < N_COLUMNS; i++)
            if (shown(t, &columns[i])) printf(" %*s", WIDE - 1, columns[i].head[line]);
    }
    for (int k = 0; k < t->n_steps + (t->side[TRACE_AFTER].n > 0); k++) {
        const int step = k < t->n_steps ? k : -1;
        if (step < 0)
            printf("\nall  ");
        else
            printf("\n%-5d", step);
        for (int i = 0; i < N_COLUMNS; i++) {
            const struct column *x = &columns[i];
            if (shown(t, x)) print_number(measure_find(m, x->phase, c->tensor, of->name, step, x->view, x->metric));
        }
    }
    putchar('\n');
}

static void print_outcomes(const struct trace *t, const struct measure *m) {
    for (int phase = 0; phase < TRACE_PHASES; phase++) {
        if (t->side[phase].n == 0) continue;
        printf("%-8s %d items", trace_phase_name[phase], t->side[phase].n);
        const double right = measure_find(m, trace_phase_name[phase], "", "", -1, "", "accuracy");
        if (isfinite(right)) printf(", answers right %.2f", right);
        for (int c = 0; c < t->n_concepts; c++)
            if (t->concepts[c].told)
                printf(", %s told %.2f", t->concepts[c].name,
                       measure_find(m, trace_phase_name[phase], "", t->concepts[c].name, -1, "", "m_out"));
        putchar('\n');
    }
    for (int c = 0; c < t->n_concepts; c++) {
        const char *name = t->concepts[c].name;
        const double dose = measure_find(m, "after", "", name, -1, "", "dose"),
                     reader = measure_find(m, "after", "", name, -1, "reader", "s_f");
        if (isfinite(dose)) printf("dose of %s: D = %.2f\n", name, dose);
        if (isfinite(reader)) printf("spillover of %s by the trace's reader: S = %.2f\n", name, reader);
    }
}

static void print_table(const struct trace *t, const struct measure *m) {
    print_outcomes(t, m);
    for (int c = 0; c < t->n_concepts; c++)
        for (int i = 0; i < t->side[TRACE_BEFORE].n_channels; i++)
            print_channel(t, m, c, &t->side[TRACE_BEFORE].channels[i]);
}

static json_t *number_or_null(double x, bool there) {
    return there && isfinite(x) ? json_real(x) : json_null();
}

static void print_json(const struct measure *m) {
    json_t *list = json_array();
    for (int i = 0; i < m->n; i++) {
        const struct measure_row *r = &m->rows[i];
        json_t *row =
            json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "phase", r->phase, "against", r->against, "channel",
                      r->channel, "concept", r->concept, "view", r->view, "metric", r->metric, "status", r->status);
        json_object_set_new(row, "layer", r->layer < 0 ? json_null() : json_integer(r->layer));
        json_object_set_new(row, "step", r->step < 0 ? json_null() : json_integer(r->step));
        json_object_set_new(row, "n", json_integer(r->n));
        json_object_set_new(row, "version", json_integer(r->version));
        json_object_set_new(row, "value", number_or_null(r->value, strcmp(r->status, "ok") == 0));
        json_array_append_new(list, row);
    }
    jsonio_print(stdout, list);
    json_decref(list);
}

/* The last component of a path, trailing slashes aside. */
static const char *base_name(struct arena *a, const char *path) {
    char *name = arena_strdup(a, path);
    for (size_t n = strlen(name); n > 1 && name[n - 1] == '/';) name[--n] = '\0';
    const char *slash = strrchr(name, '/');
    return slash && slash[1] ? slash + 1 : name;
}

enum status command_measure(int argc, char **argv, struct arena *a) {
    struct arguments x = {.seed = 1};
    struct trace t;
    struct measure m;
    argv[0] = "spillover measure";
    TRY(command_parse(&command_measure_argp, argc, argv, &x));
    if (!fs_is_folder(x.dir)) return status_set(ST_USAGE, "--trace %s: there is no such folder", x.dir);
    TRY(command_open_engine());
    TRY(trace_read(&t, x.dir, a));
    measure_trace(&m, &t, (uint64_t)x.seed, a);
    if (x.out) TRY(measure_write(&m, base_name(a, x.dir), x.seed, x.out));
    if (x.json)
        print_json(&m);
    else if (!x.quiet)
        print_table(&t, &m);
    return ST_OK;
}
