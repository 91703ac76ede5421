/* compare: two selections of results, seed by seed; or the spread of one. */
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/command.h"
#include "experiments/compare.h"
#include "experiments/figure.h"
#include "experiments/merge.h"
#include "experiments/program.h"
#include "experiments/suite.h"
#include "experiments/verify.h"

struct arguments {
    const char *operand[2], *out, *by, *table, *figure;
    int n;
    bool seeds, markdown, json;
    double delta; /* NAN: as the manifest says */
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    static const char *const tables[] = {"outcomes", "results"};
    struct arguments *x = state->input;
    char *end;
    switch (key) {
    case 'o':
        x->out = arg;
        return 0;
    case 'b':
        x->by = arg;
        return 0;
    case 't':
        x->table = tables[command_choice(arg, tables, 2, "table", state)];
        return 0;
    case 'f':
        x->figure = arg;
        return 0;
    case 's':
        x->seeds = true;
        return 0;
    case 'm':
        x->markdown = true;
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case 'D':
        x->delta = strtod(arg, &end);
        if (end == arg || *end || !(x->delta > 0.0) || !isfinite(x->delta))
            argp_error(state, "--delta: \"%s\" is not a number above 0", arg);
        return 0;
    case ARGP_KEY_ARG:
        if (x->n == 2) argp_error(state, "two at a time");
        x->operand[x->n++] = arg;
        return 0;
    case ARGP_KEY_END:
        if (x->seeds && x->n != 1) argp_error(state, "--seeds takes one suite");
        if (!x->seeds && x->n != 2) argp_error(state, "compare what with what?");
        if (x->markdown && x->json) argp_error(state, "--md or --json, not both");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"by", 'b', "COLUMN", 0,
     "one line per value of arm, pressure or another column, averaged over the rest within a "
     "seed; or seed: every seed on a line of its own",
     0},
    {"seeds", 's', NULL, 0, "one suite: the spread over seeds, and how many more would decide what is undecided", 0},
    {"table", 't', "NAME", 0, "outcomes (dose and spillover; the default where there is one) or results", 0},
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"delta", 'D', "D", 0, "with --seeds: smallest effect that matters (default: the suite's)", 0},
    {"figure", 'f', "DIR", 0, "draw DIR/compare.svg too: every line with its seeds, mean and interval", 0},
    {"md", 'm', NULL, 0, "as a Markdown table", 0},
    {"json", 'J', NULL, 0, "as a JSON array", 0},
    {0},
};

const struct argp command_compare_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "SUITE[:COLUMN=VALUE,...] [SUITE[:COLUMN=VALUE,...]]",
    .doc = "Compare two selections of results: differences A - B paired by seed, with 95 % t intervals over seeds, "
           "sign-flip p, and the seed that drives each. What stands before the colon is a suite that was run, one "
           "with committed results, or the path of a table. Rows are paired when they agree in everything that the "
           "conditions leave open.\v"
           "Examples:\n"
           "  spillover compare quick:arm=coconut quick:arm=text\n"
           "  spillover compare quick:pressure=conceal quick:pressure=none --table results --by arm\n"
           "  spillover compare quick:arm=codi quick:arm=text --figure .\n"
           "  spillover compare --seeds quick\n",
};

/* --- operands -------------------------------------------------------------------------------------------------- */

static enum status find_table(const struct arguments *x, const char *name, const char **path, struct arena *a) {
    if (strchr(name, '/') || name[verify_stem(name)]) {
        *path = name;
        return fs_exists(name) ? ST_OK : status_set(ST_USAGE, "%s: there is no such table", name);
    }
    if (!fs_plain_name(name)) return status_set(ST_USAGE, "\"%s\" is not the name of a suite", name);
    if (!x->table || strcmp(x->table, "outcomes") == 0) {
        *path = arena_printf(a, "%s/%s/outcomes.csv", x->out, name);
        if (fs_exists(*path)) return ST_OK;
        if (x->table) return status_set(ST_USAGE, "%s: there is no such table", *path);
    }
    *path = arena_printf(a, "%s/%s/results.csv", x->out, name);
    if (fs_exists(*path)) return ST_OK;
    *path = verify_reference(arena_printf(a, "%s/data/results", program_source_dir(a)), name, a);
    if (fs_exists(*path)) return ST_OK;
    const char *near = command_nearest_results(name, x->out, a);
    if (near)
        return status_set(ST_USAGE, "there are no results of \"%s\" in %s; did you mean \"%s\"?", name, x->out, near);
    return status_set(ST_USAGE, "there are no results of \"%s\" in %s; spillover run makes them", name, x->out);
}

static enum status select_rows(const struct arguments *x, const char *operand, struct compare_selection *s,
                               const char **path, struct arena *a) {
    struct csv_table *table;
    char *name = arena_strdup(a, operand), *colon = strchr(name, ':');
    if (colon) *colon = '\0';
    TRY(find_table(x, name, path, a));
    TRY(merge_read(a, *path, NULL, &table));
    if (csv_column(table, "seed") < 0 || csv_column(table, "value") < 0 || csv_column(table, "status") < 0)
        return status_set(ST_DATA, "%s: has no columns seed, value and status", *path);
    return compare_select(s, table, colon ? colon + 1 : "", a);
}

/* --- printing -------------------------------------------------------------------------------------------------- */

static const char *number(struct arena *a, double x) {
    return isfinite(x) ? arena_printf(a, "%.4g", x) : "-";
}

/* Columns that tell the lines apart; the others are said once. */
static void find_varying(const struct compare_lines *l, bool *varies) {
    for (int c = 0; c < COMPARE_COLUMNS; c++) {
        varies[c] = false;
        for (int i = 1; i < l->n; i++) varies[c] |= strcmp(l->line[i].about[c], l->line[0].about[c]) != 0;
    }
}

static const char *about(const struct compare_line *l, const bool *varies, struct arena *a) {
    const char *text = "";
    for (int c = 0; c < COMPARE_COLUMNS; c++) {
        if (!varies[c] || !*l->about[c]) continue;
        const bool bare = strspn(l->about[c], "0123456789.") != strlen(l->about[c]);
        text = arena_printf(a, "%s%s%s%s%s", text, *text ? " " : "", bare ? "" : compare_columns[c], bare ? "" : " ",
                            l->about[c]);
    }
    return *text ? text : "all";
}

static const char *common(const struct compare_lines *l, const bool *varies, struct arena *a) {
    const char *text = "";
    for (int c = 0; c < COMPARE_COLUMNS; c++)
        if (!varies[c] && *l->line[0].about[c])
            text = arena_printf(a, "%s%s%s=%s", text, *text ? " " : "", compare_columns[c], l->line[0].about[c]);
    return text;
}

enum { MOST_CELLS = 9 };

/* A table whose first column is text; `rows` of `n` cells, the header first. */
static void print_table(const char *(*cells)[MOST_CELLS], int rows, int n, bool markdown) {
    int width[MOST_CELLS] = {0};
    for (int i = 0; i < rows; i++)
        for (int c = 0; c < n; c++) {
            int w = (int)strlen(cells[i][c]);
            if (w > width[c]) width[c] = w;
        }
    for (int i = 0; i < rows; i++) {
        for (int c = 0; c < n; c++) {
            if (markdown) printf("%s", c ? " | " : "| ");
            printf("%*s%s", c ? width[c] : -width[c], cells[i][c], markdown ? "" : c == n - 1 ? "" : "  ");
        }
        printf("%s\n", markdown ? " |" : "");
        if (i > 0 || !markdown) continue;
        for (int c = 0; c < n; c++) printf("|%s", c ? "---:" : "---");
        printf("|\n");
    }
}

static void fill_header(const char **cells, const char *const *names) {
    for (int c = 0; names[c]; c++) cells[c] = names[c];
}

static const char *driver(const struct compare_line *l, struct arena *a) {
    if (l->driver < 0) return "-";
    return arena_printf(a, "%ld -> %s%s", l->driver, number(a, l->mean_without), l->flips ? " (decides)" : "");
}

static void print_pairs(const struct compare_lines *l, const struct arguments *x, struct arena *a) {
    static const char *const names[] = {"about",  "seeds",        "A", "B", "A - B", "95 %", "p",
                                        "p (BH)", "without seed", NULL};
    bool varies[COMPARE_COLUMNS], by_seed = x->by && strcmp(x->by, "seed") == 0;
    int rows = 1, most = 1;
    for (int i = 0; i < l->n; i++) most += 1 + l->line[i].n;
    const char *(*cells)[MOST_CELLS] = arena_alloc(a, (size_t)most, sizeof *cells);
    find_varying(l, varies);
    fill_header(cells[0], names);
    for (int i = 0; i < l->n; i++) {
        const struct compare_line *line = &l->line[i];
        const char *row[] = {
            about(line, varies, a),  arena_printf(a, "%d", line->n),
            number(a, line->mean_a), number(a, line->mean_b),
            number(a, line->mean),   arena_printf(a, "%s .. %s", number(a, line->t95.lo), number(a, line->t95.hi)),
            number(a, line->p),      number(a, line->p_adjusted),
            driver(line, a)};
        memcpy(cells[rows++], row, sizeof row);
        for (int s = 0; by_seed && s < line->n; s++) {
            const char *one[] = {arena_printf(a, "  seed %ld", line->seed[s]),
                                 "",
                                 number(a, line->a[s]),
                                 number(a, line->b[s]),
                                 number(a, line->x[s]),
                                 "",
                                 "",
                                 "",
                                 ""};
            memcpy(cells[rows++], one, sizeof one);
        }
    }
    print_table(cells, rows, MOST_CELLS, x->markdown);
    printf("\n%s\n", common(l, varies, a));
    if (l->unpaired) printf("%d rows have no partner on the other side\n", l->unpaired);
}

/* The rule speaks of spillover alone. */
static bool is_spillover(const struct compare_line *l) {
    for (int c = 0; c < COMPARE_COLUMNS; c++)
        if (strcmp(compare_columns[c], "quantity") == 0) return strncmp(l->about[c], "s_", 2) == 0;
    return false;
}

static const char *state(const struct compare_line *l, double delta, struct arena *a) {
    int more;
    if (!is_spillover(l)) return "-";
    switch (compare_decided(l, delta, &more)) {
    case COMPARE_ABOVE:
        return "above 0, mean >= delta";
    case COMPARE_BELOW:
        return "below delta";
    case COMPARE_UNDECIDED:
        break;
    }
    return more < 0 ? "undecided" : arena_printf(a, "undecided: %d more", more);
}

static void print_seeds(const struct compare_lines *l, const struct arguments *x, struct arena *a) {
    static const char *const names[] = {"about",         "seeds", "mean",      "sd",    "95 %",
                                        "least .. most", "IQM",   "would see", "state", NULL};
    bool varies[COMPARE_COLUMNS];
    const char *(*cells)[MOST_CELLS] = arena_alloc(a, (size_t)l->n + 1, sizeof *cells);
    find_varying(l, varies);
    fill_header(cells[0], names);
    for (int i = 0; i < l->n; i++) {
        const struct compare_line *line = &l->line[i];
        double least = INFINITY, most = -INFINITY;
        for (int s = 0; s < line->n; s++) {
            least = fmin(least, line->x[s]);
            most = fmax(most, line->x[s]);
        }
        const char *row[] = {about(line, varies, a),
                             arena_printf(a, "%d", line->n),
                             number(a, line->mean),
                             number(a, line->sd),
                             arena_printf(a, "%s .. %s", number(a, line->t95.lo), number(a, line->t95.hi)),
                             arena_printf(a, "%s .. %s", number(a, least), number(a, most)),
                             number(a, line->iqm),
                             number(a, line->n >= 2 ? stat_detectable(line->sd, line->n, .05, .8) : NAN),
                             state(line, x->delta, a)};
        memcpy(cells[i + 1], row, sizeof row);
    }
    print_table(cells, l->n + 1, MOST_CELLS, x->markdown);
    printf(
        "\n%s\ndelta %g; would see: the least mean that so many seeds show with power .8; more: seeds until the rule "
        "of C1 decides with power .8, were mean and sd to stay\n",
        common(l, varies, a), x->delta);
}

static json_t *real(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *reals(const double *x, int n) {
    json_t *list = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(list, real(x[i]));
    return list;
}

static json_t *line_json(const struct compare_line *l, const struct arguments *x) {
    json_t *json = json_object(), *what = json_object(), *seeds = json_array();
    for (int c = 0; c < COMPARE_COLUMNS; c++)
        if (*l->about[c]) json_object_set_new(what, compare_columns[c], json_string(l->about[c]));
    for (int i = 0; i < l->n; i++) json_array_append_new(seeds, json_integer(l->seed[i]));
    json_object_set_new(json, "about", what);
    json_object_set_new(json, "seeds", seeds);
    json_object_set_new(json, "x", reals(l->x, l->n));
    json_object_set_new(json, "mean", real(l->mean));
    json_object_set_new(json, "sd", real(l->sd));
    json_object_set_new(json, "iqm", real(l->iqm));
    json_object_set_new(json, "t95", json_pack("[o, o]", real(l->t95.lo), real(l->t95.hi)));
    if (x->seeds) {
        static const char *const states[] = {"undecided", "above", "below"};
        int more;
        if (!is_spillover(l)) return json;
        json_object_set_new(json, "state", json_string(states[compare_decided(l, x->delta, &more)]));
        json_object_set_new(json, "more", more < 0 ? json_null() : json_integer(more));
        return json;
    }
    json_object_set_new(json, "a", reals(l->a, l->n));
    json_object_set_new(json, "b", reals(l->b, l->n));
    json_object_set_new(json, "p", real(l->p));
    json_object_set_new(json, "p_bh", real(l->p_adjusted));
    json_object_set_new(json, "driver", l->driver < 0 ? json_null() : json_integer(l->driver));
    json_object_set_new(json, "mean_without_driver", real(l->mean_without));
    json_object_set_new(json, "driver_decides", json_boolean(l->flips));
    return json;
}

static void print_json(const struct compare_lines *l, const struct arguments *x) {
    json_t *list = json_array();
    for (int i = 0; i < l->n; i++) json_array_append_new(list, line_json(&l->line[i], x));
    jsonio_print(stdout, list);
    json_decref(list);
}

/* A row a line: its seeds, and with seed 0 their mean and interval. */
static enum status write_figure(const struct compare_lines *l, const char *path, struct arena *a) {
    static const char *const header[] = {"row", "name", "seed", "x", "lo", "hi", NULL};
    bool varies[COMPARE_COLUMNS];
    struct fs_file file;
    struct csv_out csv;
    TRY(fs_create(&file, path));
    csv_out_open(&csv, file.stream);
    csv_out_header(&csv, header);
    find_varying(l, varies);
    for (int i = 0; i < l->n; i++) {
        const struct compare_line *line = &l->line[i];
        const char *name = about(line, varies, a);
        for (int s = -1; s < line->n; s++) {
            const bool mean = s < 0, known = mean && isfinite(line->t95.lo);
            const double x = mean ? line->mean : line->x[s];
            csv_out_integer(&csv, i);
            csv_out_text(&csv, name);
            csv_out_integer(&csv, mean ? 0 : line->seed[s]);
            csv_out_number(&csv, x);
            csv_out_number(&csv, known ? line->t95.lo : x);
            csv_out_number(&csv, known ? line->t95.hi : x);
            csv_out_end(&csv);
        }
    }
    return fs_commit(&file);
}

static enum status draw(const struct compare_lines *l, const struct arguments *x, struct arena *a) {
    enum { MOST_LINES = 200 };
    if (l->n > MOST_LINES)
        return status_set(ST_USAGE, "%d lines are more than a figure holds (%d): narrow the selections, or --by", l->n,
                          MOST_LINES);
    const char *what[2] = {"", ""};
    for (int i = 0; i < x->n; i++) {
        const char *slash = strrchr(x->operand[i], '/');
        what[i] = slash ? slash + 1 : x->operand[i];
    }
    const char *caption = arena_printf(a, "%s%s%s. Circles: seeds; bar: mean and 95 %% t interval.", what[0],
                                       x->seeds ? "" : " less ", x->seeds ? "" : what[1]);
    TRY(fs_mkdirs(arena_printf(a, "%s/data", x->figure)));
    TRY(write_figure(l, arena_printf(a, "%s/data/compare.csv", x->figure), a));
    return figure_render("gnuplot", arena_printf(a, "%s/plots", program_source_dir(a)), x->figure, "compare", caption,
                         a);
}

/* The threshold that the run was made with. */
static double delta_of(const char *table, struct arena *a) {
    json_t *json = NULL, *suite;
    double delta = .15;
    const char *path = verify_manifest(table, a);
    if (!fs_exists(path) || jsonio_load_path(path, &json)) return delta;
    if (jsonio_get_object(path, json, "suite", &suite) || jsonio_get_number(path, suite, "delta", &delta)) delta = .15;
    json_decref(json);
    return delta;
}

enum status command_compare(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs", .delta = NAN};
    struct compare_selection s[2] = {0};
    struct compare_lines l;
    const char *path[2] = {"", ""};
    argv[0] = "spillover compare";
    TRY(command_parse(&command_compare_argp, argc, argv, &x));
    for (int i = 0; i < x.n; i++) TRY(select_rows(&x, x.operand[i], &s[i], &path[i], a));
    if (x.seeds) {
        if (!isfinite(x.delta)) x.delta = delta_of(path[0], a);
        TRY(compare_single(&s[0], &l, a));
    } else
        TRY(compare_pairs(&s[0], &s[1], x.by, &l, a));
    if (x.json)
        print_json(&l, &x);
    else if (x.seeds)
        print_seeds(&l, &x, a);
    else
        print_pairs(&l, &x, a);
    return x.figure ? draw(&l, &x, a) : ST_OK;
}
