/* The figures of what is held inside: the parts of a frozen probe's fall, what can be read layer by layer, and what by
 * position. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "experiments/pressure.h"
#include "experiments/report_figure.h"
#include "metrics/stat_mean.h"

/* One bar, or one cell of a grid: means of up to three quantities, a value a seed. */
struct slot {
    int panel, column, series, x, y;
    int place; /* of the series in its panel: see number_places */
    double chance;
    const char *panel_name, *column_name, *series_name;
    double *sum[3]; /* [seeds] */
    int *n;         /* [seeds] values of the first */
};

struct slots {
    const struct report *r;
    struct slot *slot;
    int n;
    bool *seen;
};

static void open_slots(struct slots *s, const struct report *r, int most) {
    *s = (struct slots){.r = r,
                        .slot = ARENA_NEW(r->arena, struct slot, most + 1),
                        .seen = ARENA_NEW(r->arena, bool, r->outcomes.n_seeds + 1)};
}

static struct slot *slot_like(struct slots *s, const struct slot *like) {
    const int seeds = s->r->outcomes.n_seeds + 1;
    for (int i = 0; i < s->n; i++) {
        const struct slot *a = &s->slot[i];
        if (a->panel == like->panel && a->column == like->column && a->series == like->series && a->x == like->x &&
            a->y == like->y)
            return &s->slot[i];
    }
    struct slot *made = &s->slot[s->n++];
    *made = *like;
    made->n = ARENA_NEW(s->r->arena, int, seeds);
    for (int q = 0; q < 3; q++) made->sum[q] = ARENA_NEW(s->r->arena, double, seeds);
    return made;
}

static enum status add_value(struct slots *s, const struct slot *like, int quantity, int row) {
    const struct report *r = s->r;
    double seed, value;
    TRY(csv_number(r->results, row, r->column[RC_SEED], &seed));
    TRY(csv_number(r->results, row, r->column[RC_VALUE], &value));
    const int at = report_seed_index(r, (long)seed);
    if (at < 0) return ST_OK;
    struct slot *slot = slot_like(s, like);
    slot->sum[quantity][at] += value;
    slot->n[at] += quantity == 0;
    report_see(r, s->seen, (long)seed);
    return ST_OK;
}

static int order_slots(const void *pa, const void *pb) {
    const struct slot *a = pa, *b = pb;
    if (a->panel != b->panel) return a->panel - b->panel;
    if (a->column != b->column) return a->column - b->column;
    if (a->series != b->series) return a->series - b->series;
    if (a->y != b->y) return a->y - b->y;
    return a->x - b->x;
}

/* A panel shows the series that it has, in their order. by_column: every column is a panel of its own. Slots are sorted. */
static void number_places(struct slots *s, bool by_column) {
    for (int i = 0; i < s->n; i++) {
        struct slot *a = &s->slot[i];
        bool *there = ARENA_NEW(s->r->arena, bool, a->series + 1);
        for (int j = 0; j < s->n; j++) {
            const struct slot *b = &s->slot[j];
            if (b->panel != a->panel || (by_column && b->column != a->column) || b->series >= a->series) continue;
            a->place += !there[b->series];
            there[b->series] = true;
        }
    }
}

static int rows_of(const struct report *r, const char *metric) {
    int n = 0;
    for (int i = 0; i < r->results->rows; i++) n += strcmp(report_text(r, i, RC_METRIC), metric) == 0;
    return n;
}

/* What a row says of `metric` under `view`, read in text ("text_mode.") or not. */
static bool row_holds(const struct report *r, int row, const char *metric, const char *view, const char **mode) {
    static const char text_mode[] = "text_mode.";
    const char *is = report_text(r, row, RC_VIEW);
    if (strcmp(report_text(r, row, RC_METRIC), metric) != 0 || strcmp(report_text(r, row, RC_STATUS), "ok") != 0)
        return false;
    *mode = "";
    if (strncmp(is, text_mode, sizeof text_mode - 1) == 0) {
        *mode = "text_mode";
        is += sizeof text_mode - 1;
    }
    return strcmp(is, view) == 0;
}

static bool is_control(const struct report *r, int row) {
    const struct pressure *p;
    return *report_text(r, row, RC_PRESSURE) && pressure_find(report_text(r, row, RC_PRESSURE), &p) == ST_OK &&
           p->unpressed;
}

/* Controls of one method are shown as one: they differ in what the pressed cells beside them do. */
static const char *series_of(const struct report *r, int row, const char *const *field) {
    if (is_control(r, row)) return arena_printf(r->arena, "%s %s", field[OF_PRESSURE], field[OF_METHOD]);
    if (*field[OF_PRESSURE]) return report_pressure_title(r, field);
    return *field[OF_VARIANT] ? arena_printf(r->arena, "before %s", field[OF_VARIANT]) : "before";
}

/* --- drift_decomposition ------------------------------------------------------------------------------------------ */

enum { PARTS = 3 };
static const struct {
    const char *metric, *name;
} parts[PARTS] = {
    {"drift_lost", "lost (B − T)"},
    {"drift_reencoded", "re-encoded (T − P)"},
    {"drift_rotated", "rotated (P − F)"},
};

enum mark { MARK_BAR, MARK_NET, MARK_SEED };

static void write_mark(struct csv_out *csv, const struct slot *b, enum mark mark, int part, double from, double to) {
    csv_out_integer(csv, b->panel);
    csv_out_text(csv, b->panel_name);
    csv_out_integer(csv, b->column);
    csv_out_text(csv, b->column_name);
    csv_out_integer(csv, b->place);
    csv_out_text(csv, b->series_name);
    csv_out_integer(csv, mark);
    csv_out_integer(csv, part);
    csv_out_text(csv, part < 0 ? "B − F" : parts[part].name);
    csv_out_number(csv, from);
    csv_out_number(csv, to);
    csv_out_end(csv);
}

/* Parts above zero are stacked to the right, those below to the left: their sum is the net fall. */
static void write_bar(const struct report *r, struct csv_out *csv, const struct slot *b) {
    const int seeds = r->outcomes.n_seeds;
    double right = 0, left = 0, net = 0;
    int n = 0;
    for (int s = 0; s < seeds; s++) n += b->n[s] > 0;
    for (int q = 0; q < PARTS; q++) {
        double mean = 0;
        for (int s = 0; s < seeds; s++) mean += b->n[s] ? b->sum[q][s] / b->n[s] / n : 0;
        double *edge = mean < 0 ? &left : &right;
        write_mark(csv, b, MARK_BAR, q, *edge, *edge + mean);
        *edge += mean;
        net += mean;
    }
    write_mark(csv, b, MARK_NET, -1, 0, net);
    for (int s = 0; s < seeds; s++)
        if (b->n[s]) write_mark(csv, b, MARK_SEED, -1, 0, (b->sum[0][s] + b->sum[1][s] + b->sum[2][s]) / b->n[s]);
}

/* c is held at one step or two: there is nothing to lose at the others. Its bar is of the step where the probe read it
 * best before pressure; best[row] is true for the rows of that step, in every cell and mode. */
static enum status mark_best_steps(const struct report *r, bool *best) {
    const int rows = r->results->rows;
    for (int first = 0, end; first < rows; first = end) {
        double top[2] = {-1, -1}, step_of[2] = {-1, -1};
        for (end = first; end < rows; end++)
            if (strcmp(report_text(r, end, RC_CELL), report_text(r, first, RC_CELL)) != 0) break;
        for (int pass = 0; pass < 2; pass++)
            for (int i = first; i < end; i++) {
                const char *mode;
                double step, value;
                const char *wanted = pass == 0 ? "drift_base" : report_text(r, i, RC_METRIC);
                if (strncmp(wanted, "drift_", 6) != 0 || !row_holds(r, i, wanted, "own", &mode)) continue;
                if (!*report_text(r, i, RC_STEP)) continue;
                TRY(csv_number(r->results, i, r->column[RC_STEP], &step));
                TRY(csv_number(r->results, i, r->column[RC_VALUE], &value));
                const bool is_c = strcmp(report_text(r, i, RC_CONCEPT), "c") == 0;
                const int m = *mode != '\0';
                if (pass == 0 && is_c && value > top[m]) {
                    top[m] = value;
                    step_of[m] = step;
                }
                if (pass == 1) best[i] = !is_c || step == step_of[m];
            }
    }
    return ST_OK;
}

static enum status write_drift(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"panel", "panel_name", "column",    "column_name", "place", "series_name",
                                         "mark",  "part",       "part_name", "from",        "to",    NULL};
    struct report_names panels = {0}, columns = {0}, series = {0};
    struct slots bars;
    bool *best = ARENA_NEW(r->arena, bool, r->results->rows + 1);
    open_slots(&bars, r, rows_of(r, parts[0].metric));
    TRY(mark_best_steps(r, best));
    csv_out_header(csv, header);
    for (int q = 0; q < PARTS; q++)
        for (int i = 0; i < r->results->rows; i++) {
            const char *mode, *field[OF_FIELDS];
            if (!best[i] || !row_holds(r, i, parts[q].metric, "own", &mode)) continue;
            report_fields(r, i, field);
            struct slot like = {.panel_name = report_arm_title(r, field, "", mode),
                                .column_name = report_text(r, i, RC_CONCEPT),
                                .series_name = series_of(r, i, field)};
            like.panel = report_number_of(&panels, like.panel_name);
            like.column = report_number_of(&columns, like.column_name);
            like.series = report_number_of(&series, like.series_name);
            TRY(add_value(&bars, &like, q, i));
        }
    qsort(bars.slot, (size_t)bars.n, sizeof *bars.slot, order_slots);
    number_places(&bars, false);
    for (int i = 0; i < bars.n; i++) write_bar(r, csv, &bars.slot[i]);
    *points = bars.n;
    *n = report_seeds_among(r, bars.seen);
    return ST_OK;
}

const struct figure figure_drift_decomposition = {
    .name = "drift_decomposition",
    .title = "What a frozen probe loses, and to what",
    .caption =
        "Fall B − F of the probe from before the pressure, in three parts; value: mean over steps, c: the step that held "
        "it best. Bar: net fall, dots: each seed",
    .missing = ": no pressed cell has drift rows",
    .write = write_drift,
};

/* Does the slot begin a panel of its own, where every arm and concept has one? Slots are sorted. */
static bool begins_panel(const struct slots *s, int i) {
    const struct slot *t = &s->slot[i];
    return i == 0 || t[-1].panel != t->panel || t[-1].column != t->column;
}

/* The value of a slot for each seed that has one, packed; how many. */
static int values_of(const struct slots *s, const struct slot *t, double *y) {
    int n = 0;
    for (int k = 0; k < s->r->outcomes.n_seeds; k++)
        if (t->n[k]) y[n++] = t->sum[0][k] / t->n[k];
    return n;
}

/* --- decodability_layers ------------------------------------------------------------------------------------------ */

static void write_tile(const struct slots *s, struct csv_out *csv, const struct slot *t, int panel, double *y) {
    const int n = values_of(s, t, y);
    const double mean = stat_mean(y, n);
    csv_out_integer(csv, panel);
    csv_out_text(csv, arena_printf(s->r->arena, "%s: %s", t->panel_name, t->column_name));
    csv_out_integer(csv, t->place);
    csv_out_text(csv, t->series_name);
    csv_out_integer(csv, t->x);
    csv_out_integer(csv, t->y);
    csv_out_number(csv, mean);
    csv_out_text(csv, arena_printf(s->r->arena, "%.2f", mean));
    csv_out_integer(csv, n);
    csv_out_end(csv);
}

static enum status write_layers(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"panel", "panel_name", "place", "series_name", "step",
                                         "layer", "mean",       "text",  "n",           NULL};
    struct report_names panels = {0}, columns = {0}, series = {0};
    struct slots tiles;
    int panel = -1;
    double *y = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    open_slots(&tiles, r, rows_of(r, "read_accuracy"));
    csv_out_header(csv, header);
    report_number_of(&series, "before");
    for (int i = 0; i < r->results->rows; i++) {
        const char *mode, *field[OF_FIELDS];
        double step, layer;
        if (!row_holds(r, i, "read_accuracy", "state", &mode) || is_control(r, i)) continue;
        TRY(csv_number(r->results, i, r->column[RC_STEP], &step));
        TRY(csv_number(r->results, i, r->column[RC_LAYER], &layer));
        report_fields(r, i, field);
        struct slot like = {.panel_name = report_arm_title(r, field, "", mode),
                            .column_name = report_text(r, i, RC_CONCEPT),
                            .series_name = series_of(r, i, field),
                            .x = (int)step,
                            .y = (int)layer};
        like.panel = report_number_of(&panels, like.panel_name);
        like.column = report_number_of(&columns, like.column_name);
        like.series = report_number_of(&series, like.series_name);
        TRY(add_value(&tiles, &like, 0, i));
    }
    qsort(tiles.slot, (size_t)tiles.n, sizeof *tiles.slot, order_slots);
    number_places(&tiles, true);
    for (int i = 0; i < tiles.n; i++) {
        panel += begins_panel(&tiles, i);
        write_tile(&tiles, csv, &tiles.slot[i], panel, y);
    }
    *points = tiles.n;
    *n = report_seeds_among(r, tiles.seen);
    return ST_OK;
}

const struct figure figure_decodability_layers = {
    .name = "decodability_layers",
    .title = "What a probe reads at each step and layer, before and after",
    .caption = "Accuracy of a probe on the network's states, by reasoning step and layer (0: what goes in), mean over "
               "seeds; controls left out",
    .missing = ": no cell has readings of its states",
    .write = write_layers,
};

/* --- decodability_by_step ----------------------------------------------------------------------------------------- */

static const char by_step[] = "probe_refit_by_step";

/* The last update at which the cell whose rows begin here was probed; -1: an arm, which was probed once. */
static enum status last_update(const struct report *r, int row, double *last) {
    *last = -1;
    for (int i = row; i < r->results->rows; i++) {
        double update;
        if (strcmp(report_text(r, i, RC_CELL), report_text(r, row, RC_CELL)) != 0) break;
        if (strcmp(report_text(r, i, RC_METRIC), by_step) != 0 || !*report_text(r, i, RC_UPDATE)) continue;
        TRY(csv_number(r->results, i, r->column[RC_UPDATE], &update));
        *last = fmax(*last, update);
    }
    return ST_OK;
}

static void write_position(const struct slots *s, struct csv_out *csv, const struct slot *t, int panel, double *y) {
    const int n = values_of(s, t, y);
    const double mean = stat_mean(y, n);
    const struct stat_interval i = n > 1 ? stat_t_interval(y, n, .95) : (struct stat_interval){mean, mean};
    csv_out_integer(csv, panel);
    csv_out_text(csv, arena_printf(s->r->arena, "%s: %s", t->panel_name, t->column_name));
    csv_out_integer(csv, t->place);
    csv_out_text(csv, t->series_name);
    csv_out_integer(csv, t->x);
    csv_out_number(csv, mean);
    csv_out_number(csv, i.lo);
    csv_out_number(csv, i.hi);
    csv_out_text(csv, n > 1 ? arena_printf(s->r->arena, "%.2f ±%.2f", mean, i.hi - mean)
                            : arena_printf(s->r->arena, "%.2f", mean));
    csv_out_integer(csv, n);
    csv_out_number(csv, t->chance);
    csv_out_end(csv);
}

static enum status write_positions(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"panel", "panel_name", "place", "series_name", "step",   "mean",
                                         "lo",    "hi",         "text",  "n",           "chance", NULL};
    struct report_names panels = {0}, columns = {0}, series = {0};
    struct slots at;
    int panel = -1;
    double last = -1, *y = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    open_slots(&at, r, rows_of(r, by_step));
    csv_out_header(csv, header);
    report_number_of(&series, "before");
    for (int i = 0; i < r->results->rows; i++) {
        const char *mode, *field[OF_FIELDS];
        double step, update = -1;
        if (report_new_cell(r, i)) TRY(last_update(r, i, &last));
        if (!row_holds(r, i, by_step, "", &mode)) continue;
        if (*report_text(r, i, RC_UPDATE)) TRY(csv_number(r->results, i, r->column[RC_UPDATE], &update));
        if (update != last) continue;
        TRY(csv_number(r->results, i, r->column[RC_STEP], &step));
        report_fields(r, i, field);
        struct slot like = {.panel_name = report_arm_title(r, field, "", mode),
                            .column_name = report_text(r, i, RC_CONCEPT),
                            .series_name = series_of(r, i, field),
                            .x = (int)step,
                            .chance = report_chance(r, i, report_text(r, i, RC_CONCEPT)).probe};
        like.panel = report_number_of(&panels, like.panel_name);
        like.column = report_number_of(&columns, like.column_name);
        like.series = report_number_of(&series, like.series_name);
        TRY(add_value(&at, &like, 0, i));
    }
    qsort(at.slot, (size_t)at.n, sizeof *at.slot, order_slots);
    number_places(&at, true);
    for (int i = 0; i < at.n; i++) {
        panel += begins_panel(&at, i);
        write_position(&at, csv, &at.slot[i], panel, y);
    }
    *points = at.n;
    *n = report_seeds_among(r, at.seen);
    return ST_OK;
}

const struct figure figure_decodability_by_step = {
    .name = "decodability_by_step",
    .title = "What a probe reads at each reasoning position, before and after",
    .caption =
        "Accuracy of a probe fitted on what the model thinks at that time, by reasoning position; mean over seeds "
        "and half of its 95 % t interval. Controls of one method together",
    .write = write_positions,
};
