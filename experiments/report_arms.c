/* Arms before pressure: the gates that make them comparable, what can be read in them, and what
 * training took. */
#include <math.h>
#include <string.h>

#include "engine/base/csv.h"
#include "experiments/arm.h"
#include "experiments/report_figure.h"

/* --- the arms of a suite ------------------------------------------------------------------------------------------ */

struct report_arm report_arm_of(const struct report *r, int row) {
    const char *name = report_text(r, row, RC_ARM);
    struct report_arm a = {.task = report_text(r, row, RC_TASK),
                           .design = report_text(r, row, RC_DESIGN),
                           .arm = name,
                           .variant = report_text(r, row, RC_VARIANT),
                           .size = report_text(r, row, RC_SIZE),
                           .base_steps = report_text(r, row, RC_BASE_STEPS),
                           .rho = report_text(r, row, RC_RHO),
                           .medium = MEDIUM_TEXT};
    for (int i = 0; i < arm_count; i++)
        if (strcmp(arm_table[i]->name, name) == 0) a.medium = arm_table[i]->medium;
    return a;
}

static bool same_base(const struct report_arm *a, const struct report_arm *b) {
    return strcmp(a->size, b->size) == 0 && strcmp(a->base_steps, b->base_steps) == 0 && strcmp(a->rho, b->rho) == 0;
}

bool report_same_arm(const struct report_arm *a, const struct report_arm *b) {
    return strcmp(a->arm, b->arm) == 0 && strcmp(a->variant, b->variant) == 0 && strcmp(a->task, b->task) == 0 &&
           strcmp(a->design, b->design) == 0 && same_base(a, b);
}

struct report_arm_query report_query_of(const struct report_arm *a) {
    return (struct report_arm_query){.task = a->task,
                                     .design = a->design,
                                     .arm = a->arm,
                                     .variant = a->variant,
                                     .size = a->size,
                                     .base_steps = a->base_steps,
                                     .rho = a->rho,
                                     .step = -1};
}

const char *report_settings(const struct report *r, const struct report_arm *a) {
    const struct {
        enum report_column column;
        const char *before, *value;
    } part[] = {{RC_SIZE, "", a->size}, {RC_BASE_STEPS, "base ", a->base_steps}, {RC_RHO, "ρ ", a->rho}};
    const char *text = a->variant;
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++)
        if (r->varies[part[i].column] && *part[i].value)
            text = arena_printf(r->arena, "%s%s%s%s", text, *text ? " " : "", part[i].before, part[i].value);
    return text;
}

const char *report_cell_settings(const struct report *r, const char *const field[OF_FIELDS]) {
    const struct report_arm a = {
        .variant = field[OF_VARIANT], .size = field[OF_SIZE], .base_steps = field[OF_BASE_STEPS], .rho = field[OF_RHO]};
    return report_settings(r, &a);
}

/* A figure of arms. `text`: the metric that takes its place where the reasoning is text. */
struct figure_of_arms {
    const char *head, *metric, *text, *concept, *view;
    int step;
};

static void values(const struct report *r, const struct report_arm *a, const struct figure_of_arms *f, double *x) {
    struct report_arm_query q = report_query_of(a);
    q.metric = f->text && a->medium == MEDIUM_TEXT ? f->text : f->metric;
    q.concept = f->concept;
    q.view = f->view;
    q.step = f->step;
    report_arm_series(r, &q, x);
}

/* --- gates -------------------------------------------------------------------------------------------------------- */

enum gate_column { ANSWER, REPORT, NECESSITY, ZERO, MEAN, FILLER, IIA, MONITOR, GATE_COLUMNS };

static const struct figure_of_arms gate_figures[GATE_COLUMNS] = {
    [ANSWER] = {"answer", "accuracy", NULL, "answer", "greedy", -1},
    [REPORT] = {"report", "accuracy", NULL, "report", "greedy", -1},
    [NECESSITY] = {"N", "necessity", NULL, "answer", "other", -1},
    [ZERO] = {"N, zero", "necessity", NULL, "answer", "zero", -1},
    [MEAN] = {"N, mean", "necessity", NULL, "answer", "mean", -1},
    [FILLER] = {"N, filler", "necessity", NULL, "answer", "filler", -1},
    [IIA] = {"IIA", "interchange", NULL, "", "regenerated", -1},
    [MONITOR] = {"M_R", "m_r_frozen", "m_r_reader", "c", "", REPORT_ANY_STEP},
};

/* What every seed must meet. An accuracy is a ratio of counts, so values at the bound are common: roundings must not
 * decide. */
struct bound {
    double value; /* NAN: none */
    bool at_most;
};

static bool is_floor(const struct report_arm *a) {
    return a->medium == MEDIUM_NONE || a->medium == MEDIUM_FILLER;
}

static struct bound bound_of(const struct report_arm *a, enum gate_column c) {
    const bool floor = is_floor(a);
    if (floor) return (struct bound){c == ANSWER || c == REPORT ? .5 : NAN, true};
    return (struct bound){c == ANSWER ? .95 : c == NECESSITY ? .5 : c == MONITOR ? .8 : NAN, false};
}

/* Finite values of x: 1 all within the bound, 0 one is not, -1 none to judge. */
static int met(struct bound b, const double *x, int n) {
    int judged = 0;
    for (int i = 0; i < n; i++) {
        if (!isfinite(x[i]) || !isfinite(b.value)) continue;
        if ((b.at_most ? b.value - x[i] : x[i] - b.value) < -1e-9) return 0;
        judged++;
    }
    return judged ? 1 : -1;
}

struct gates {
    double *x[GATE_COLUMNS]; /* [seeds] */
    int met[GATE_COLUMNS];
    int n; /* most seeds behind a figure */
};

static void measure_gates(const struct report *r, const struct report_arm *a, struct gates *g) {
    const int n = r->outcomes.n_seeds;
    g->n = 0;
    for (int c = 0; c < GATE_COLUMNS; c++) {
        int here = 0;
        g->x[c] = ARENA_NEW(r->arena, double, n + 1);
        values(r, a, &gate_figures[c], g->x[c]);
        g->met[c] = met(bound_of(a, c), g->x[c], n);
        for (int s = 0; s < n; s++) here += isfinite(g->x[c][s]) != 0;
        if (here > g->n) g->n = here;
    }
}

/* Does the variant `by` hold every part of `of` whose key begins with `section`? */
static bool parts_held(struct arena *arena, const char *section, const char *of, const char *by) {
    for (char *part = arena_strdup(arena, of), *save; (part = strtok_r(part, ";", &save)); part = NULL)
        if (strncmp(part, section, strlen(section)) == 0 && !outcome_variant_holds(by, part)) return false;
    return true;
}

/* Settings of the task are part of the variant where they differ: a floor is one of the same questions. */
static bool same_questions(struct arena *arena, const char *a, const char *b) {
    return parts_held(arena, "task.", a, b) && parts_held(arena, "task.", b, a);
}

/* The name of a floor that answers, or tells c, more often than half of the time; NULL: there is none. *measured: there
 * are floors. */
static const char *broken_floor(const struct report *r, const struct report_arm *list, const struct gates *g, int n,
                                const struct report_arm *a, bool *measured) {
    const char *broken = NULL;
    *measured = false;
    for (int i = 0; i < n; i++) {
        if (!is_floor(&list[i]) || strcmp(list[i].task, a->task) != 0 || strcmp(list[i].design, a->design) != 0 ||
            !same_base(&list[i], a) || !same_questions(r->arena, list[i].variant, a->variant))
            continue;
        *measured |= g[i].met[ANSWER] >= 0;
        if (!broken && (g[i].met[ANSWER] == 0 || g[i].met[REPORT] == 0)) broken = list[i].arm;
    }
    return broken;
}

/* N is answers lost: an arm that answers less than half of the time cannot lose half, and nothing is said of its thoughts. */
static bool is_judged(const struct report *r, const struct gates *g) {
    double *y = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    const int n = report_finite(g->x[ANSWER], r->outcomes.n_seeds, y);
    return n == 0 || stat_mean(y, n) >= .5;
}

/* What the gates of arm i say, in words. */
static const char *conclusion(const struct report *r, const struct report_arm *list, const struct gates *g, int n,
                              int i) {
    const struct report_arm *a = &list[i];
    bool measured;
    if (is_floor(a))
        return g[i].met[ANSWER] < 0                             ? "not measured"
               : g[i].met[ANSWER] == 0 || g[i].met[REPORT] == 0 ? "thoughts not necessary"
                                                                : "floor holds";
    const char *floor = broken_floor(r, list, g, n, a, &measured), *said = "";
    if (!is_judged(r, &g[i])) return "does not answer";
    if (g[i].met[ANSWER] == 0) said = "answers too low";
    if (g[i].met[NECESSITY] == 0 || floor)
        said = arena_printf(r->arena, "%s%sthoughts not necessary%s%s%s", said, *said ? "; " : "",
                            g[i].met[NECESSITY] == 0 ? "" : " (", g[i].met[NECESSITY] == 0 ? "" : floor,
                            g[i].met[NECESSITY] == 0 ? "" : ")");
    if (g[i].met[MONITOR] == 0) said = arena_printf(r->arena, "%s%smonitor too low", said, *said ? "; " : "");
    if (*said) return said;
    if (g[i].met[ANSWER] < 0 || g[i].met[NECESSITY] < 0) return "not measured";
    return measured ? "pass" : "pass; no floor beside it";
}

const char report_fails_note[] = "✗: the arm fails a gate before any pressure (answer, N or M_R), so what it lost is "
                                 "no leak.";

void report_list_arms(struct report *r) {
    int cells = 0;
    for (int i = 0; i < r->n_arm_rows; i++) cells += report_new_cell(r, r->arm_row[i]);
    r->arms = ARENA_NEW(r->arena, struct report_arm, cells + 1);
    for (int i = 0; i < r->n_arm_rows; i++) {
        if (!report_new_cell(r, r->arm_row[i])) continue;
        struct report_arm a = report_arm_of(r, r->arm_row[i]);
        struct gates g;
        int k = 0;
        while (k < r->n_arms && !report_same_arm(&a, &r->arms[k])) k++;
        if (k < r->n_arms) continue;
        measure_gates(r, &a, &g);
        a.fails = g.met[ANSWER] == 0 || g.met[NECESSITY] == 0 || g.met[MONITOR] == 0;
        r->arms[r->n_arms++] = a;
    }
}

/* The pressed cell's variant says more than its arm's. */
bool report_arm_fails(const struct report *r, const char *const field[OF_FIELDS]) {
    struct report_arm key = {.task = field[OF_TASK],
                             .design = field[OF_DESIGN],
                             .arm = field[OF_ARM],
                             .size = field[OF_SIZE],
                             .base_steps = field[OF_BASE_STEPS],
                             .rho = field[OF_RHO]};
    for (int i = 0; i < r->n_arms; i++) {
        const struct report_arm *a = &r->arms[i];
        key.variant = a->variant;
        if (a->fails && report_same_arm(a, &key) && parts_held(r->arena, "", a->variant, field[OF_VARIANT]))
            return true;
    }
    return false;
}

void report_name_arm(const struct report *r, const struct report_arm *a, FILE *out) {
    const char *const field[] = {a->task, a->design, *a->arm ? a->arm : "(base)", report_settings(r, a)};
    fputc('|', out);
    for (size_t i = 0; i < sizeof field / sizeof field[0]; i++) {
        fputc(' ', out);
        report_escape(out, field[i]);
        fputs(" |", out);
    }
}

static void gate_table(const struct report *r, const struct report_arm *list, int n, FILE *out) {
    static const char *const mark[] = {"", " ✗", " ✓"};
    struct gates *g = ARENA_NEW(r->arena, struct gates, n + 1);
    double *y = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    for (int i = 0; i < n; i++) measure_gates(r, &list[i], &g[i]);
    fprintf(out,
            "### Gates of every arm\n\nGreedy answers and reports. N: answers lost when the reasoning is another "
            "question's, zero or mean vectors, fillers. IIA: a step taken from a donor changes the answer as the "
            "task's program says. M_R: the monitor of c before pressure (text: the exact reader; thoughts: a probe). "
            "Every seed must meet answer ≥ .95, N ≥ .5, M_R ≥ .8; without reasoning (`no_cot`, `pause`) answer and "
            "report ≤ .5, else the thoughts of the other arms are not necessary. Means over seeds; ✓ met, ✗ not.\n\n"
            "| task | design | arm | variant |");
    for (int c = 0; c < GATE_COLUMNS; c++) fprintf(out, " %s |", gate_figures[c].head);
    fprintf(out, " gates | n |\n|");
    for (int c = 0; c < GATE_COLUMNS + 6; c++) fprintf(out, "---|");
    fputc('\n', out);
    for (int i = 0; i < n; i++) {
        if (!*list[i].arm) continue;
        report_name_arm(r, &list[i], out);
        for (int c = 0; c < GATE_COLUMNS; c++) {
            const int m = report_finite(g[i].x[c], r->outcomes.n_seeds, y);
            if (m)
                fprintf(out, " %.3f%s |", stat_mean(y, m), mark[g[i].met[c] + 1]);
            else
                fputs(" - |", out);
        }
        fprintf(out, " %s | %d |\n", conclusion(r, list, g, n, i), g[i].n);
    }
}

/* --- what can be read --------------------------------------------------------------------------------------------- */

static const struct figure_of_arms readings[] = {
    {"answer, sampled", "accuracy", NULL, "answer", "sampled", -1},
    {"c written", "m_r_reader", NULL, "c", "", -1},
    {"F → c", "m_r_frozen", NULL, "c", "", REPORT_ANY_STEP},
    {"R → c", "m_r_refit", NULL, "c", "", -1},
};
enum { READINGS = sizeof readings / sizeof readings[0] };

static void reading_table(const struct report *r, const struct report_arm *list, int n, FILE *out) {
    double *x = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    fprintf(out,
            "\n### What can be read\n\nMean over seeds with its 95 %% t interval. F, R: probes for c, fitted before "
            "pressure and frozen, or fitted again.\n\n| task | design | arm | variant |");
    for (int f = 0; f < READINGS; f++) fprintf(out, " %s |", readings[f].head);
    fprintf(out, " n |\n|");
    for (int f = 0; f < READINGS + 5; f++) fprintf(out, "---|");
    fputc('\n', out);
    for (int i = 0; i < n; i++) {
        struct report_entry e[READINGS];
        if (!*list[i].arm) continue;
        report_name_arm(r, &list[i], out);
        for (int f = 0; f < READINGS; f++) {
            values(r, &list[i], &readings[f], x);
            e[f] = report_interval(x, r->outcomes.n_seeds);
        }
        report_entries(out, e, READINGS);
    }
}

/* --- what training took ------------------------------------------------------------------------------------------- */

static const struct figure_of_arms costs[REPORT_TRAINING] = {
    {"updates", "updates", NULL, "", "", -1},
    {"positions", "train_positions", NULL, "", "", -1},
    {"FLOP", "train_flop", NULL, "", "", -1},
};

void report_training(const struct report *r, const struct report_arm *a, double mean[REPORT_TRAINING]) {
    double *x = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1),
           *y = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    for (int f = 0; f < REPORT_TRAINING; f++) {
        values(r, a, &costs[f], x);
        const int n = report_finite(x, r->outcomes.n_seeds, y);
        mean[f] = n ? stat_mean(y, n) : NAN;
    }
}

static void training_table(const struct report *r, const struct report_arm *list, int n, FILE *out) {
    static const struct {
        const char *head;
        double unit;
        int digits;
    } column[REPORT_TRAINING] = {{"updates", 1, 6}, {"positions, 10^6", 1e6, 3}, {"FLOP, 10^12", 1e12, 3}};
    fprintf(out, "\n### What training took\n\nMean over seeds, of the arm after the branch. Positions: tokens and "
                 "thoughts run through the model, padding too. FLOP: matrix products and causal attention, backward "
                 "twice the forward's. Gate checks are not counted. Seconds: `cost.csv`.\n\n"
                 "| task | design | arm | variant |");
    for (int f = 0; f < REPORT_TRAINING; f++) fprintf(out, " %s |", column[f].head);
    fprintf(out, "\n|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < n; i++) {
        double mean[REPORT_TRAINING];
        report_training(r, &list[i], mean);
        report_name_arm(r, &list[i], out);
        for (int f = 0; f < REPORT_TRAINING; f++) {
            if (isfinite(mean[f]))
                fprintf(out, " %.*g |", column[f].digits, mean[f] / column[f].unit);
            else
                fputs(" - |", out);
        }
        fputc('\n', out);
    }
}

void report_arms(const struct report *r, FILE *out) {
    const struct report_arm *list = r->arms;
    const int n = r->n_arms;
    fprintf(out, "\n## Arms before pressure\n\n");
    gate_table(r, list, n, out);
    reading_table(r, list, n, out);
    report_probes(r, list, n, out);
    report_published(r, list, n, out);
    training_table(r, list, n, out);
}

/* --- the figure of the gates -------------------------------------------------------------------------------------- */

enum { DRAWN = 5 };
static const struct {
    enum gate_column column;
    const char *name;
} drawn[DRAWN] = {
    {ANSWER, "answer"}, {REPORT, "report"}, {NECESSITY, "necessity N"}, {IIA, "interchange"}, {MONITOR, "monitor M_R"}};

enum place { AT_SEED, AT_MEAN, AT_HEADING, AT_NAME, AT_CONCLUSION };

struct gate_canvas {
    const struct report *r;
    struct csv_out *csv;
    int *points;
    bool *seen;
    int panel[DRAWN]; /* its number, -1: no arm has a value */
};

static void mark_text(struct gate_canvas *k, int row, enum place place, const char *text) {
    csv_out_integer(k->csv, -1);
    csv_out_text(k->csv, "");
    csv_out_integer(k->csv, row);
    csv_out_integer(k->csv, place);
    csv_out_text(k->csv, text);
    csv_out_number(k->csv, NAN);
    csv_out_integer(k->csv, -1);
    csv_out_number(k->csv, NAN);
    csv_out_end(k->csv);
}

static void mark_value(struct gate_canvas *k, int p, int row, enum place place, double value, int met_here,
                       struct bound b) {
    csv_out_integer(k->csv, k->panel[p]);
    csv_out_text(k->csv, drawn[p].name);
    csv_out_integer(k->csv, row);
    csv_out_integer(k->csv, place);
    csv_out_text(k->csv, "");
    csv_out_number(k->csv, value);
    csv_out_integer(k->csv, met_here);
    csv_out_number(k->csv, b.value);
    csv_out_end(k->csv);
    ++*k->points;
}

static void draw_arm(struct gate_canvas *k, const struct report_arm *a, const struct gates *g, int row) {
    const struct outcomes *o = &k->r->outcomes;
    double *y = ARENA_NEW(k->r->arena, double, o->n_seeds + 1);
    for (int p = 0; p < DRAWN; p++) {
        const enum gate_column c = drawn[p].column;
        const struct bound b = bound_of(a, c);
        const int n = report_finite(g->x[c], o->n_seeds, y);
        for (int s = 0; s < o->n_seeds; s++) {
            if (!isfinite(g->x[c][s])) continue;
            mark_value(k, p, row, AT_SEED, g->x[c][s], met(b, &g->x[c][s], 1), b);
            k->seen[s] = true;
        }
        if (n) mark_value(k, p, row, AT_MEAN, stat_mean(y, n), g->met[c], b);
    }
}

static void number_panels(struct gate_canvas *k, const struct gates *g, int arms) {
    for (int p = 0, n = 0; p < DRAWN; p++) {
        bool any = false;
        for (int i = 0; i < arms; i++)
            for (int s = 0; s < k->r->outcomes.n_seeds; s++) any |= isfinite(g[i].x[drawn[p].column][s]) != 0;
        k->panel[p] = any ? n++ : -1;
    }
}

static enum status write_gates(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"panel", "panel_name", "row", "place", "text", "value", "met", "bound", NULL};
    const struct report_arm *list = r->arms;
    const int arms = r->n_arms;
    struct gates *g = ARENA_NEW(r->arena, struct gates, arms + 1);
    struct gate_canvas k = {
        .r = r, .csv = csv, .points = points, .seen = ARENA_NEW(r->arena, bool, r->outcomes.n_seeds + 1)};
    csv_out_header(csv, header);
    for (int i = 0; i < arms; i++) measure_gates(r, &list[i], &g[i]);
    number_panels(&k, g, arms);
    for (int i = 0, row = -1, last = -1; i < arms; i++) {
        const struct report_arm *a = &list[i];
        if (!*a->arm || g[i].n == 0) continue;
        if (last < 0 || strcmp(a->task, list[last].task) != 0 || strcmp(a->design, list[last].design) != 0)
            mark_text(&k, ++row, AT_HEADING, arena_printf(r->arena, "%s (%s)", a->task, a->design));
        last = i;
        const char *settings = report_settings(r, a);
        mark_text(&k, ++row, AT_NAME, arena_printf(r->arena, "%s%s%s", a->arm, *settings ? " " : "", settings));
        mark_text(&k, row, AT_CONCLUSION, conclusion(r, list, g, arms, i)); /* no commas: gnuplot ends a text there */
        draw_arm(&k, a, &g[i], row);
    }
    *n = report_seeds_among(r, k.seen);
    return ST_OK;
}

const struct figure figure_arm_gates = {
    .name = "arm_gates",
    .title = "Gates of every arm before pressure",
    .caption = "Rings: seeds; filled: their mean: green circles where every seed meets what is asked (bars), orange "
               "triangles where one does not, grey where nothing is asked",
    .write = write_gates,
};
