#include "experiments/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/verdict.h"
#include "metrics/stat_multi.h"

const char *const compare_columns[COMPARE_COLUMNS] = {"task", "design",   "arm",    "variant", "size",     "base_steps",
                                                      "rho",  "pressure", "method", "credit",  "lambda",   "concept",
                                                      "view", "step",     "layer",  "metric",  "quantity", "level"};

enum { PRESSURE = 7, LAMBDA = 10, FIRST_OWN = 11, STEP = 13, METRIC = 15, MOST_SEEDS = 1000, FLIP_DRAWS = 9999 };

enum status compare_select(struct compare_selection *s, const struct csv_table *table, const char *conditions,
                           struct arena *a) {
    char *text = arena_strdup(a, conditions), *rest = NULL;
    *s = (struct compare_selection){.table = table};
    for (char *c = strtok_r(text, ",", &rest); c; c = strtok_r(NULL, ",", &rest)) {
        char *equal = strchr(c, '=');
        if (!equal) return status_set(ST_USAGE, "\"%s\" is no condition; write column=value", c);
        if (s->n == COMPARE_CONDITIONS) return status_set(ST_USAGE, "more than %d conditions", COMPARE_CONDITIONS);
        *equal = '\0';
        const int column = csv_column(table, c);
        if (column < 0) {
            const char *near = status_nearest(c, table->header, table->columns, sizeof *table->header);
            return status_set(ST_USAGE, "%s has no column \"%s\"%s%s%s", table->path, c,
                              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
        int row = 0;
        while (row < table->rows && strcmp(csv_cell(table, row, column), equal + 1) != 0) row++;
        if (row == table->rows) {
            const char *near = table->rows ? status_nearest(equal + 1, table->cells + column, table->rows,
                                                            (unsigned long)table->columns * sizeof *table->cells)
                                           : NULL;
            return status_set(ST_USAGE, "%s has no row with %s \"%s\"%s%s%s", table->path, c, equal + 1,
                              near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
        s->column[s->n] = c;
        s->value[s->n++] = equal + 1;
    }
    return ST_OK;
}

/* One row that counts. */
struct item {
    const char *about[COMPARE_COLUMNS];
    long seed;
    double a, b;
    int place; /* settles ties */
};

static int order_about(const struct item *x, const struct item *y) {
    for (int i = 0; i < COMPARE_COLUMNS; i++) {
        int order = strcmp(x->about[i], y->about[i]);
        if (order) return order;
    }
    return 0;
}

static int order_items(const void *px, const void *py) {
    const struct item *x = px, *y = py;
    int order = order_about(x, y);
    if (!order) order = (x->seed > y->seed) - (x->seed < y->seed);
    return order ? order : x->place - y->place;
}

static const char *field(const struct csv_table *t, int row, const char *column) {
    const int c = csv_column(t, column);
    return c < 0 ? "" : csv_cell(t, row, c);
}

/* The frozen probe reads at the step where it was fitted best, another one in every seed: not what the row is about. */
static bool step_is_chosen(const char *metric) {
    return strcmp(metric, "m_r_frozen") == 0 || strcmp(metric, "m_r_frozen_test") == 0;
}

/* Does any row of the cell that holds `row` come from a later update? Rows of a cell stand together, by update. */
static bool is_end(const struct csv_table *t, int row) {
    const int update = csv_column(t, "update"), cell = csv_column(t, "cell");
    if (update < 0 || cell < 0) return true;
    const char *now = csv_cell(t, row, update);
    if (*field(t, row, "dose_level")) return false;
    if (!*now) return true;
    for (int i = row + 1; i < t->rows && strcmp(csv_cell(t, i, cell), csv_cell(t, row, cell)) == 0; i++) {
        const char *then = csv_cell(t, i, update);
        if (*then && strtod(then, NULL) > strtod(now, NULL)) return false;
    }
    return true;
}

static bool selected(const struct compare_selection *s, int row) {
    if (strncmp(field(s->table, row, "metric"), "items_", 6) == 0) return false; /* packed: no quantity to average */
    for (int i = 0; i < s->n; i++)
        if (strcmp(field(s->table, row, s->column[i]), s->value[i]) != 0) return false;
    return strcmp(field(s->table, row, "status"), "ok") == 0 && *field(s->table, row, "value") &&
           *field(s->table, row, "seed");
}

/* Rows of a selection, sorted; those that are about the same (a figure measured twice) are averaged. `drop`: columns on
 * which rows are not paired. */
static enum status items_of(const struct compare_selection *s, const bool *drop, struct item **items, int *n,
                            struct arena *a) {
    const struct csv_table *t = s->table;
    *items = ARENA_NEW(a, struct item, t->rows + 1);
    *n = 0;
    for (int i = 0; i < t->rows; i++) {
        if (!selected(s, i) || !is_end(t, i)) continue;
        struct item *item = &(*items)[*n];
        for (int c = 0; c < COMPARE_COLUMNS; c++) item->about[c] = drop[c] ? "" : field(t, i, compare_columns[c]);
        if (step_is_chosen(item->about[METRIC])) item->about[STEP] = "";
        double seed;
        TRY(csv_number(t, i, csv_column(t, "seed"), &seed));
        TRY(csv_number(t, i, csv_column(t, "value"), &item->a));
        item->seed = (long)seed;
        item->place = (*n)++;
    }
    qsort(*items, (size_t)*n, sizeof **items, order_items);
    int kept = 0;
    for (int i = 0, j; i < *n; i = j) {
        double sum = 0.0;
        for (j = i; j < *n && (*items)[j].seed == (*items)[i].seed && order_about(&(*items)[j], &(*items)[i]) == 0; j++)
            sum += (*items)[j].a;
        (*items)[kept] = (*items)[i];
        (*items)[kept++].a = sum / (j - i);
    }
    *n = kept;
    return ST_OK;
}

static bool excludes_zero(struct stat_interval t) {
    return t.lo > 0.0 || t.hi < 0.0;
}

/* The seed without which the mean moves most (the first of equals). */
static void find_driver(struct compare_line *l, struct arena *a) {
    double *rest = ARENA_NEW(a, double, l->n), most = -1.0;
    l->driver = -1;
    l->mean_without = NAN;
    for (int i = 0; l->n >= 3 && i < l->n; i++) {
        int n = 0;
        for (int j = 0; j < l->n; j++)
            if (j != i) rest[n++] = l->x[j];
        double mean = stat_mean(rest, n), moved = fabs(mean - l->mean);
        if (moved <= most) continue;
        most = moved;
        l->driver = l->seed[i];
        l->mean_without = mean;
        l->flips = excludes_zero(stat_t_interval(rest, n, .95)) != excludes_zero(l->t95);
    }
}

/* One line from n items that are about the same, one or more a seed, sorted by seed. */
static struct compare_line line_of(const struct item *items, int n, struct arena *a) {
    struct compare_line l = {0};
    long *seed = ARENA_NEW(a, long, n);
    double *x = ARENA_NEW(a, double, n), *va = ARENA_NEW(a, double, n), *vb = ARENA_NEW(a, double, n);
    memcpy(l.about, items->about, sizeof l.about);
    for (int i = 0, j; i < n; i = j, l.n++) {
        for (j = i; j < n && items[j].seed == items[i].seed; j++) {
            va[l.n] += items[j].a;
            vb[l.n] += items[j].b;
        }
        va[l.n] /= j - i;
        vb[l.n] /= j - i;
        x[l.n] = va[l.n] - vb[l.n];
        seed[l.n] = items[i].seed;
    }
    struct rng rng = rng_open(0, "compare", 0);
    l.seed = seed;
    l.a = va;
    l.b = vb;
    l.x = x;
    l.mean_a = stat_mean(va, l.n);
    l.mean_b = stat_mean(vb, l.n);
    l.mean = stat_mean(x, l.n);
    l.sd = stat_sd(x, l.n);
    l.iqm = stat_iqm(x, l.n, a);
    l.t95 = stat_t_interval(x, l.n, .95);
    l.p = l.n >= 2 ? stat_signflip(x, l.n, &rng, FLIP_DRAWS) : NAN;
    find_driver(&l, a);
    return l;
}

static void lines_of(struct item *items, int n, struct compare_lines *out, struct arena *a) {
    out->line = ARENA_NEW(a, struct compare_line, n + 1);
    double *p = ARENA_NEW(a, double, n + 1);
    for (int i = 0, j; i < n; i = j) {
        for (j = i + 1; j < n && order_about(&items[j], &items[i]) == 0; j++) {
        }
        out->line[out->n++] = line_of(items + i, j - i, a);
    }
    for (int i = 0; i < out->n; i++) p[i] = out->line[i].p;
    stat_bh(p, out->n, p, a);
    for (int i = 0; i < out->n; i++) out->line[i].p_adjusted = p[i];
}

static const char *condition(const struct compare_selection *s, const char *column) {
    for (int i = 0; i < s->n; i++)
        if (strcmp(s->column[i], column) == 0) return s->value[i];
    return "";
}

/* Blank what the lines are averaged over. */
static enum status group_by(const char *by, struct item *items, int n) {
    int keep = -1;
    if (!by || strcmp(by, "seed") == 0) return ST_OK;
    for (int c = 0; c < FIRST_OWN; c++)
        if (strcmp(compare_columns[c], by) == 0) keep = c;
    if (keep < 0) {
        const char *near = status_nearest(by, compare_columns, FIRST_OWN, sizeof *compare_columns);
        return status_set(ST_USAGE, "--by %s: seed, arm, pressure, or another column%s%s%s", by,
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    for (int i = 0; i < n; i++)
        for (int c = 0; c < FIRST_OWN; c++)
            if (c != keep) items[i].about[c] = "";
    qsort(items, (size_t)n, sizeof *items, order_items);
    return ST_OK;
}

/* Of the figure's own columns, what one side asks for holds for the other too: an accuracy is compared with one. */
static struct compare_selection with_figure(const struct compare_selection *s, const struct compare_selection *other) {
    struct compare_selection all = *s;
    for (int c = FIRST_OWN; c < COMPARE_COLUMNS; c++) {
        const char *value = condition(other, compare_columns[c]);
        if (!*value || *condition(s, compare_columns[c]) || all.n == COMPARE_CONDITIONS) continue;
        all.column[all.n] = compare_columns[c];
        all.value[all.n++] = value;
    }
    return all;
}

enum status compare_pairs(const struct compare_selection *a, const struct compare_selection *b, const char *by,
                          struct compare_lines *out, struct arena *arena) {
    bool drop[COMPARE_COLUMNS] = {false};
    struct item *x, *y;
    int n, m, paired = 0;
    const struct compare_selection sa = with_figure(a, b), sb = with_figure(b, a);
    *out = (struct compare_lines){0};
    for (int c = 0; c < COMPARE_COLUMNS; c++)
        drop[c] = strcmp(condition(&sa, compare_columns[c]), condition(&sb, compare_columns[c])) != 0;
    drop[LAMBDA] |= drop[PRESSURE]; /* the weight of the pressure's own term: `none` has 0 */
    TRY(items_of(&sa, drop, &x, &n, arena));
    TRY(items_of(&sb, drop, &y, &m, arena));
    struct item *pairs = ARENA_NEW(arena, struct item, n + 1);
    for (int i = 0, j = 0; i < n && j < m;) {
        int order = order_about(&x[i], &y[j]);
        if (!order) order = (x[i].seed > y[j].seed) - (x[i].seed < y[j].seed);
        if (order == 0) {
            pairs[paired] = x[i];
            pairs[paired++].b = y[j].a;
        }
        i += order <= 0;
        j += order >= 0;
    }
    out->unpaired = n + m - 2 * paired;
    if (paired == 0)
        return status_set(ST_USAGE, "nothing to compare: %d rows of A and %d of B agree in no seed and figure", n, m);
    TRY(group_by(by, pairs, paired));
    lines_of(pairs, paired, out, arena);
    return ST_OK;
}

enum status compare_single(const struct compare_selection *a, struct compare_lines *out, struct arena *arena) {
    bool drop[COMPARE_COLUMNS] = {false};
    struct item *items;
    int n;
    *out = (struct compare_lines){0};
    TRY(items_of(a, drop, &items, &n, arena));
    if (n == 0) return status_set(ST_USAGE, "%s: no row fits", a->table->path);
    lines_of(items, n, out, arena);
    return ST_OK;
}

enum compare_state compare_decided(const struct compare_line *line, double delta, int *more) {
    const bool enough = line->n >= VERDICT_SEEDS_MIN;
    *more = 0;
    if (enough && line->t95.lo > 0.0 && line->mean >= delta) return COMPARE_ABOVE;
    if (enough && line->t95.hi < delta) return COMPARE_BELOW;
    *more = -1;
    if (line->n < 2 || !isfinite(line->sd)) return COMPARE_UNDECIDED;
    const double distance = line->mean >= delta ? line->mean : delta - line->mean;
    /* Power grows with n: the least n that suffices lies in (low, high]. */
    int low = enough ? line->n : VERDICT_SEEDS_MIN - 1, high = line->n + MOST_SEEDS;
    if (line->sd > 0.0 && !(stat_power(distance / line->sd, high, .05) >= .8)) return COMPARE_UNDECIDED;
    while (high - low > 1) {
        const int n = (low + high) / 2;
        if (line->sd > 0.0 && !(stat_power(distance / line->sd, n, .05) >= .8))
            low = n;
        else
            high = n;
    }
    *more = high - line->n;
    return COMPARE_UNDECIDED;
}
