/* The gap between the media beside the verdicts: with the credit that each medium is trained with, which is what C2 judges,
 * and with the same path for the gradient in both. What is left under equal paths is the medium's, not the path's. */
#include <math.h>

#include "engine/base/csv.h"
#include "experiments/report_figure.h"
#include "metrics/stat_robust.h"

/* 1999 draws put the 95 % quantiles on order statistics 50 and 1950. */
#define DRAWS 1999

enum { METHODS_BOTH = VMETHOD_COUNT };
static const char *const method_names[] = {"sft", "rl", "mean of both"};

/* A line of the table: the credit of both media, and the way of training. */
struct comparison {
    const char *credit;
    bool native; /* else targeted */
    int method;
};

static const struct comparison comparisons[] = {
    {"native (C2)", true, METHODS_BOTH},
    {"targeted in both", false, METHODS_BOTH},
    {"targeted in both", false, VMETHOD_SFT},
    {"targeted in both", false, VMETHOD_RL},
};
enum { COMPARISONS = sizeof comparisons / sizeof comparisons[0] };

typedef const double *const (*by_path)[VCREDIT_COUNT]; /* [method][credit] of an arm */

/* S of one medium: of a method, or the mean of both; NAN where a series is missing. */
static void spillover(by_path s, int arm, const struct comparison *c, int seeds, double *x) {
    for (int i = 0; i < seeds; i++) {
        double sum = 0;
        int n = 0;
        for (int m = 0; m < VMETHOD_COUNT; m++) {
            if (c->method != METHODS_BOTH && m != c->method) continue;
            const double *series = s[m][c->native ? verdict_native(arm, m) : VCREDIT_TARGETED];
            sum += series ? series[i] : NAN;
            n++;
        }
        x[i] = sum / n;
    }
}

/* P(text > thoughts) over all pairs of seeds, where a seed has both. */
static struct report_entry improvement(const struct report *r, const double *text, const double *thoughts, int stream) {
    const int seeds = r->outcomes.n_seeds;
    double *x = ARENA_NEW(r->arena, double, seeds + 1), *y = ARENA_NEW(r->arena, double, seeds + 1);
    struct rng rng = rng_open(0, "report/improvement", (uint64_t)stream);
    struct report_entry e = {.text = "-"};
    for (int s = 0; s < seeds; s++) {
        if (!isfinite(text[s]) || !isfinite(thoughts[s])) continue;
        x[e.n] = text[s];
        y[e.n++] = thoughts[s];
    }
    if (e.n == 0) return e;
    const struct stat_interval q = stat_improve_interval(x, e.n, y, e.n, .95, DRAWS, &rng, r->arena);
    snprintf(e.text, sizeof e.text, "%.2f [%.2f, %.2f]", stat_improve(x, e.n, y, e.n), q.lo, q.hi);
    return e;
}

static void head(FILE *out) {
    fprintf(out, "\n### Text against thoughts, path by path\n\nS at the last update; means over seeds with 95 %% t "
                 "intervals, differences paired by seed. Native: each medium with the credit that its users train it "
                 "with (text sft targeted and rl full, thoughts full), which C2 judges. Targeted in both: the gradient "
                 "of the pressure reaches the output alone, in both media; what is left of the gap there is not the "
                 "path's. P: probability that a seed of text spills more than a seed of thoughts, over all pairs, with "
                 "a percentile bootstrap (Agarwal et al. 2021). It decides nothing.\n\n"
                 "| design | arm | credit | method | S^F text | S^F thoughts | text − thoughts, S^F | text − thoughts, "
                 "S^R | P | n |\n|---|---|---|---|---|---|---|---|---|---|\n");
}

/* Nothing where there is nothing to compare; the table begins with its first line. */
static void line(const struct report *r, int design, int arm, int which, int *lines, FILE *out) {
    enum { TEXT, THOUGHTS, GAP, REFIT_TEXT, REFIT_THOUGHTS, REFIT_GAP, SERIES };
    const struct comparison *c = &comparisons[which];
    const struct verdict_design *d = &r->judged.design[design];
    const int seeds = r->outcomes.n_seeds;
    double *x[SERIES];
    for (int k = 0; k < SERIES; k++) x[k] = ARENA_NEW(r->arena, double, seeds + 1);
    spillover(d->s[VARM_TEXT], VARM_TEXT, c, seeds, x[TEXT]);
    spillover(d->s[arm], arm, c, seeds, x[THOUGHTS]);
    spillover(d->s_refit[VARM_TEXT], VARM_TEXT, c, seeds, x[REFIT_TEXT]);
    spillover(d->s_refit[arm], arm, c, seeds, x[REFIT_THOUGHTS]);
    for (int s = 0; s < seeds; s++) {
        x[GAP][s] = x[TEXT][s] - x[THOUGHTS][s];
        x[REFIT_GAP][s] = x[REFIT_TEXT][s] - x[REFIT_THOUGHTS][s];
    }
    const struct report_entry e[] = {
        report_interval(x[TEXT], seeds), report_interval(x[THOUGHTS], seeds), report_interval(x[GAP], seeds),
        report_interval(x[REFIT_GAP], seeds),
        improvement(r, x[TEXT], x[THOUGHTS], (design * VARM_COUNT + arm) * COMPARISONS + which)};
    if (e[2].n == 0) return;
    if ((*lines)++ == 0) head(out);
    fprintf(out, "| %s | %s | %s | %s |", verdict_design_name(design), verdict_arm_name(arm), c->credit,
            method_names[c->method]);
    report_entries(out, e, sizeof e / sizeof e[0]);
}

void report_paths(const struct report *r, FILE *out) {
    int lines = 0;
    for (int design = 0; design < VDESIGN_COUNT; design++)
        for (int arm = VARM_COCONUT; arm <= VARM_CODI; arm++)
            for (int c = 0; c < COMPARISONS; c++) line(r, design, arm, c, &lines, out);
}

/* --- the figure of the profiles ----------------------------------------------------------------------------------- */

/* τ from -0.5 to 1. */
enum { TAUS = 151 };

/* A curve of the figure. */
struct curve {
    int panel, design, arm;
};

static void profile(const struct curve *at, const double *x, int n, struct csv_out *csv) {
    double tau[TAUS], share[TAUS];
    for (int j = 0; j < TAUS; j++) tau[j] = (j - 50) / 100.0;
    stat_profile(x, n, tau, TAUS, share);
    for (int j = 0; j < TAUS; j++) {
        csv_out_integer(csv, at->panel);
        csv_out_text(csv, verdict_design_name(at->design));
        csv_out_integer(csv, at->arm);
        csv_out_text(csv, at->arm == VARM_TEXT ? "text" : verdict_arm_name(at->arm));
        csv_out_number(csv, tau[j]);
        csv_out_number(csv, share[j]);
        csv_out_end(csv);
    }
}

static enum status write_profiles(const struct report *r, struct csv_out *csv, int *points, int *n) {
    static const char *const header[] = {"panel", "panel_name", "series", "series_name", "tau", "share", NULL};
    const int seeds = r->outcomes.n_seeds;
    double *x = ARENA_NEW(r->arena, double, seeds + 1), *y = ARENA_NEW(r->arena, double, seeds + 1);
    csv_out_header(csv, header);
    for (int design = 0, panel = 0; design < VDESIGN_COUNT; design++) {
        const int before = *points;
        for (int arm = 0; arm < VARM_COUNT; arm++) {
            const struct curve at = {panel, design, arm};
            spillover(r->judged.design[design].s[arm], arm, &comparisons[0], seeds, x); /* native */
            const int m = report_finite(x, seeds, y);
            if (m < 2) continue;
            profile(&at, y, m, csv);
            *points += TAUS;
            if (m > *n) *n = m;
        }
        panel += *points > before;
    }
    return ST_OK;
}

const struct figure figure_spillover_profile = {
    .name = "spillover_profile",
    .title = "How many seeds spill how much",
    .caption =
        "Performance profile of S^F at the last update under native credit, mean of sft and rl: the share of seeds "
        "whose S lies above τ (Agarwal et al. 2021, equation 3)",
    .missing = ": no medium has both sft and rl under its native credit on two seeds",
    .write = write_profiles,
};
