/* What moderates the leak: how S moves with a setting of which a suite has several levels (size, base, rho, updates of the
 * arm), everything else being equal. The unit is the seed: a slope is fitted to the levels of every seed, and the interval
 * is over the seeds' slopes. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/csv.h"
#include "experiments/report_figure.h"

/* --- settings and their levels ------------------------------------------------------------------------------------ */

struct setting {
    const char *name, *unit;  /* the slope is per one unit */
    enum outcome_field field; /* of the setting; OF_VARIANT: it is `key` there */
    const char *key;
    double (*level)(const char *text); /* in units */
};

/* Weights of the blocks, 12 L w^2 (embeddings excluded), in doublings. */
static double doublings_of_weights(const char *size) {
    int layers, width, heads;
    if (sscanf(size, "l%d_w%d_h%d", &layers, &width, &heads) != 3) return NAN;
    return log2(12.0 * layers * width * width);
}

static double doublings(const char *text) {
    const double x = strtod(text, NULL);
    return x > 0 ? log2(x) : NAN;
}

static double as_it_is(const char *text) {
    return strtod(text, NULL);
}

static const struct setting settings[] = {
    {"size", "doubling of the weights", OF_SIZE, NULL, doublings_of_weights},
    {"base", "doubling of the updates", OF_BASE_STEPS, NULL, doublings},
    {"ρ", "from 0 to 1", OF_RHO, NULL, as_it_is},
    {"arm.updates", "doubling of the updates", OF_VARIANT, "arm.updates=", doublings},
};
enum { SETTINGS = sizeof settings / sizeof settings[0], LEVELS = 32 };

/* What an outcome has for a setting, and in `rest` its variant without that; NULL: it does not say. */
static const char *text_of(const struct report *r, const struct setting *s, const struct outcome *o,
                           const char **rest) {
    *rest = o->field[OF_VARIANT];
    if (!s->key) return o->field[s->field];
    const char *at = strstr(*rest, s->key), *end;
    if (!at || (at > *rest && at[-1] != ';')) return NULL;
    end = at + strcspn(at, ";");
    const char *text = arena_printf(r->arena, "%.*s", (int)(end - at) - (int)strlen(s->key), at + strlen(s->key));
    *rest = arena_printf(r->arena, "%.*s%s", (int)(at - *rest), *rest, *end ? end + 1 : end);
    return text;
}

/* The levels of one setting at which the same is measured: the outcomes that are alike in everything else. */
struct ladder {
    const struct setting *setting;
    const struct outcome *first;
    const char *rest; /* of the variant */
    struct {
        double level;
        const char *text;
        double *x;   /* [seeds] */
        bool broken; /* the arm fails a gate there: S is no leak */
    } rung[LEVELS];
    int n;
};

static bool alike(const struct ladder *l, const struct outcome *o, const char *rest) {
    const struct outcome *a = l->first;
    for (int f = 0; f < OF_FIELDS; f++)
        if (f != (int)l->setting->field && f != OF_VARIANT && strcmp(a->field[f], o->field[f]) != 0) return false;
    return strcmp(l->rest, rest) == 0 && a->quantity == o->quantity && a->level == o->level &&
           strcmp(a->concept, o->concept) == 0 && strcmp(a->view, o->view) == 0 && strcmp(a->monitor, o->monitor) == 0;
}

static void add_rung(struct ladder *l, const char *text, const double *x, bool broken, int seeds, struct arena *a) {
    const double level = l->setting->level(text);
    int k = l->n;
    if (!isfinite(level) || k == LEVELS) return;
    for (; k > 0 && l->rung[k - 1].level > level; k--) l->rung[k] = l->rung[k - 1];
    l->rung[k].level = level;
    l->rung[k].text = text;
    l->rung[k].broken = broken;
    l->rung[k].x = ARENA_NEW(a, double, seeds + 1);
    memcpy(l->rung[k].x, x, (size_t)seeds * sizeof *x);
    l->n++;
}

/* S by a monitor of its role, at the end or at the primary dose, of what was pressed. */
static bool is_leak(const struct outcome *o) {
    return (o->quantity == OQ_S_F || o->quantity == OQ_S_R) && (o->level == OL_END || o->level == OL_75) &&
           strcmp(o->field[OF_PRESSURE], "none") != 0 && strcmp(o->field[OF_PRESSURE], "again") != 0;
}

static const char *monitor_of(const struct outcome *o) {
    return o->quantity == OQ_S_F ? "S^F" : "S^R";
}

/* The ladders of a setting, in order of the outcomes; those of one rung are left out. */
static int find_ladders(const struct report *r, const struct setting *s, struct ladder **ladders) {
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    struct ladder *l = NULL;
    int n = 0, room = 0, kept = 0;
    for (int i = 0, j; i < o->n; i = j) {
        const char *rest, *text = text_of(r, s, &o->rows[i], &rest);
        int k = 0;
        j = report_outcome_seeds(o, i, x);
        if (!text || !is_leak(&o->rows[i])) continue;
        while (k < n && !alike(&l[k], &o->rows[i], rest)) k++;
        if (k == room) {
            struct ladder *more = ARENA_NEW(r->arena, struct ladder, room = room ? 2 * room : 16);
            if (n) memcpy(more, l, (size_t)n * sizeof *l);
            l = more;
        }
        if (k == n) l[n++] = (struct ladder){.setting = s, .first = &o->rows[i], .rest = rest};
        add_rung(&l[k], text, x, report_arm_fails(r, o->rows[i].field), o->n_seeds, r->arena);
    }
    for (int k = 0; k < n; k++)
        if (l[k].n > 1) l[kept++] = l[k];
    *ladders = l;
    return kept;
}

/* --- the table ---------------------------------------------------------------------------------------------------- */

/* Of every seed that is measured at each level where the arm meets its gates. */
static void slopes(const struct ladder *l, int seeds, double *slope) {
    for (int s = 0; s < seeds; s++) {
        double level[LEVELS], value[LEVELS];
        bool whole = true;
        int n = 0;
        for (int k = 0; k < l->n; k++) {
            if (l->rung[k].broken) continue;
            level[n] = l->rung[k].level;
            value[n] = l->rung[k].x[s];
            whole &= isfinite(value[n++]) != 0;
        }
        slope[s] = whole && n > 1 ? stat_slope(level, value, n, .95).slope : NAN;
    }
}

/* The settings of a ladder beside its own. */
static const char *other_settings(const struct report *r, const struct ladder *l) {
    const char *field[OF_FIELDS];
    memcpy(field, l->first->field, sizeof field);
    field[l->setting->field] = "";
    field[OF_VARIANT] = l->rest;
    return report_cell_settings(r, field);
}

static void ladder_line(const struct report *r, const struct ladder *l, double *slope, double *y, FILE *out) {
    static const enum outcome_field names[] = {OF_TASK, OF_DESIGN, OF_ARM, OF_PRESSURE, OF_METHOD, OF_CREDIT};
    const int seeds = r->outcomes.n_seeds;
    fprintf(out, "| %s | ", l->setting->name);
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        report_escape(out, l->first->field[names[f]]);
        fputs(" | ", out);
    }
    report_escape(out, other_settings(r, l));
    fprintf(out, " | %s%s%s at %s | ", monitor_of(l->first), *l->first->view ? ", read as " : "",
            *l->first->view ? "text" : "", l->first->level == OL_END ? "N" : "D\\*");
    for (int k = 0; k < l->n; k++) {
        const int m = report_finite(l->rung[k].x, seeds, y);
        fputs(k ? ", " : "", out);
        report_escape(out, l->rung[k].text);
        if (m)
            fprintf(out, ": %.3f", stat_mean(y, m));
        else
            fputs(": -", out);
        if (l->rung[k].broken) fputs(" ✗", out);
    }
    slopes(l, seeds, slope);
    const struct report_entry e = report_interval(slope, seeds);
    fputs(" |", out);
    report_entries(out, &e, 1);
}

void report_moderation(const struct report *r, FILE *out) {
    const int seeds = r->outcomes.n_seeds;
    double *slope = ARENA_NEW(r->arena, double, seeds + 1), *y = ARENA_NEW(r->arena, double, seeds + 1);
    int lines = 0;
    for (int s = 0; s < SETTINGS; s++) {
        struct ladder *l;
        const int n = find_ladders(r, &settings[s], &l);
        for (int k = 0; k < n; k++) {
            if (lines++ == 0)
                fputs(
                    "\n## What moderates the leak\n\nMean S at every level of a setting, all else being equal, and the "
                    "slope of S: fitted for every seed that was measured at all levels, then its mean over these "
                    "seeds with a 95 % t interval. ✗: the arm fails a gate there before any pressure (answer, N or "
                    "M_R), so what it lost is no leak, and the slope leaves the level out. Units: a doubling of the blocks' weights (size), a doubling of the "
                    "updates (base, arm.updates), from 0 to 1 (ρ).\n\n"
                    "| setting | task | design | arm | pressure | method | credit | beside | S | levels | slope | n "
                    "|\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
                    out);
            ladder_line(r, &l[k], slope, y, out);
        }
    }
}

/* --- the figure --------------------------------------------------------------------------------------------------- */

/* No commas: gnuplot ends a name there. */
static const char *panel_of(const struct report *r, const struct ladder *l) {
    const struct outcome *a = l->first;
    return arena_printf(r->arena, "%s: %s%s %s %s %s", l->setting->name, a->field[OF_ARM],
                        *a->view ? " read as text" : "", a->field[OF_PRESSURE], a->field[OF_METHOD],
                        a->field[OF_CREDIT]);
}

/* The place of a level in its panel: how many lower ones the panel draws, of all the ladders that stand there. */
static int place_of(const struct report *r, const char *panel, const struct ladder *l, int n, double level) {
    double lower[LEVELS];
    int place = 0;
    for (int k = 0; k < n; k++) {
        if (strcmp(panel_of(r, &l[k]), panel) != 0) continue;
        for (int i = 0; i < l[k].n; i++) {
            bool counted = l[k].rung[i].broken || l[k].rung[i].level >= level;
            for (int p = 0; p < place; p++) counted |= lower[p] == l[k].rung[i].level;
            if (!counted && place < LEVELS) lower[place++] = l[k].rung[i].level;
        }
    }
    return place;
}

struct spot {
    const char *panel, *series, *level;
    bool refit; /* S^R */
    int place;
};

static void begin_spot(struct report_dots *d, const void *where) {
    const struct spot *s = where;
    csv_out_integer(d->csv, report_number_of(&d->panels, s->panel));
    csv_out_text(d->csv, s->panel);
    csv_out_integer(d->csv, report_number_of(&d->columns, s->series));
    csv_out_text(d->csv, s->series);
    csv_out_integer(d->csv, s->refit);
    csv_out_integer(d->csv, s->place);
    csv_out_text(d->csv, s->level);
}

static enum status write_moderation(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"panel", "panel_name", "series", "series_name", "row", "place", "level",
                                         "seed",  "value",      "lo",     "hi",          "n",   NULL};
    struct report_dots d;
    report_dots_open(&d, r, csv, header);
    for (int s = 0; s < SETTINGS; s++) {
        struct ladder *l;
        const int ladders = find_ladders(r, &settings[s], &l);
        for (int k = 0; k < ladders; k++) {
            const char *beside = other_settings(r, &l[k]);
            struct spot spot = {.panel = panel_of(r, &l[k]),
                                .series = *beside ? beside : "mean",
                                .refit = l[k].first->quantity == OQ_S_R};
            for (int i = 0; l[k].first->level == OL_END && i < l[k].n; i++) {
                if (l[k].rung[i].broken) continue;
                spot.level = l[k].rung[i].text;
                spot.place = place_of(r, spot.panel, l, ladders, l[k].rung[i].level);
                report_dots_at(&d, begin_spot, &spot, l[k].rung[i].x);
            }
        }
    }
    *points = d.points;
    *n = report_seeds_among(r, d.seen);
    return ST_OK;
}

const struct figure figure_moderation = {
    .name = "moderation",
    .title = "What moderates the leak",
    .caption =
        "S at the last update by the level of a setting that the suite varies, seen by a monitor fixed before the pressure "
        "(S^F) and by a probe fitted again (S^R); levels at which the arm "
        "fails a gate are left out. Small dots: seeds; large: their mean with its 95 % t interval, cut at the frame",
    .missing = ": the suite has one level of size, base, ρ and arm.updates",
    .write = write_moderation,
};
