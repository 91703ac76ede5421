#include "experiments/outcome_items.h"

#include <math.h>
#include <string.h>

#include "experiments/evaluate.h"

static const double least_range = .05;

/* One bit a question; n 0: the cell has none. */
struct bits {
    int n;
    unsigned char *bit;
};

/* What a series of packed rows is about. */
struct packed {
    const struct csv_table *table;
    struct outcome_rows rows;
    const char *concept, *view, *metric;
    double update;
};

static bool is(const struct csv_table *t, int row, const char *column, const char *value) {
    const int c = csv_column(t, column);
    return c >= 0 && strcmp(csv_cell(t, row, c), value) == 0;
}

static enum status number(const struct csv_table *t, int row, const char *column, double *value) {
    const int c = csv_column(t, column);
    if (c < 0) return status_set(ST_DATA, "%s: no column %s", t->path, column);
    return csv_number(t, row, c, value);
}

static enum status unpack(const struct packed *p, struct arena *a, struct bits *out) {
    const struct csv_table *t = p->table;
    *out = (struct bits){0};
    out->bit = ARENA_NEW(a, unsigned char, (p->rows.end - p->rows.first) * EVALUATE_PACK + 1);
    for (int i = p->rows.first; i < p->rows.end; i++) {
        double update, step, n, value;
        if (!is(t, i, "metric", p->metric) || !is(t, i, "concept", p->concept) || !is(t, i, "view", p->view)) continue;
        TRY(number(t, i, "update", &update));
        if (update != p->update) continue;
        TRY(number(t, i, "step", &step));
        TRY(number(t, i, "n", &n));
        TRY(number(t, i, "value", &value));
        /* Rows of a series stand in the order of their places, and only the last one may be short. */
        if (step * EVALUATE_PACK != out->n || n < 1 || n > EVALUATE_PACK || value < 0 || value >= 1 << EVALUATE_PACK)
            return status_set(ST_DATA, "%s: row %d of %s is out of place", t->path, i + 1, p->metric);
        for (int k = 0; k < (int)n; k++) out->bit[out->n++] = (unsigned)value >> k & 1;
    }
    return ST_OK;
}

static double mean_where(const struct bits *seen, const unsigned char *both, int n) {
    int hits = 0, of = 0;
    for (int i = 0; i < n; i++) {
        of += both[i];
        hits += both[i] && seen->bit[i];
    }
    return (double)hits / of;
}

/* Where both behave; false where the two cells do not have the same questions. */
static bool meet(const struct bits *pressed, const struct bits *control, unsigned char *both, int *n_both) {
    *n_both = 0;
    if (pressed->n == 0 || pressed->n != control->n) return false;
    for (int i = 0; i < pressed->n; i++) {
        both[i] = pressed->bit[i] && control->bit[i];
        *n_both += both[i];
    }
    return true;
}

enum status outcome_both_behave(struct outcome_both *out, const struct csv_table *table, struct outcome_rows pressed,
                                struct outcome_rows control, const char *concept, const char *view, const char *monitor,
                                double chance, double update, struct arena *a) {
    enum { PRESSED, CONTROL };
    const struct outcome_rows rows[2] = {pressed, control};
    struct bits behaves[2], before[2], now[2];
    double readable[2];
    int n_both;
    *out = (struct outcome_both){NAN, NAN, ""};
    for (int side = 0; side < 2; side++) {
        struct packed p = {table, rows[side], concept, view, "items_behave", update};
        TRY(unpack(&p, a, &behaves[side]));
        p.metric = monitor;
        TRY(unpack(&p, a, &now[side]));
        p.update = 0;
        TRY(unpack(&p, a, &before[side]));
    }
    unsigned char *both = ARENA_NEW(a, unsigned char, behaves[PRESSED].n + 1);
    const bool paired = meet(&behaves[PRESSED], &behaves[CONTROL], both, &n_both);
    const int n = behaves[PRESSED].n;
    out->note = "not measured";
    if (!paired) return ST_OK;
    out->share = (double)n_both / n;
    for (int side = 0; side < 2; side++)
        if (now[side].n != n || before[side].n != n) return ST_OK;
    out->note = "too few questions on which both behave";
    if (n_both < OUTCOME_LEAST_BOTH) return ST_OK;
    for (int side = 0; side < 2; side++) {
        const double range = mean_where(&before[side], both, n) - chance;
        out->note = "monitor at chance before pressure";
        if (!(range >= least_range)) return ST_OK;
        readable[side] = (mean_where(&now[side], both, n) - chance) / range;
    }
    out->s = readable[CONTROL] - readable[PRESSED];
    out->note = "";
    return ST_OK;
}
