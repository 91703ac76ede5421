/* The gates: each is met by every design, arm and seed that it speaks of, or it is failed. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/verdict.h"

#define BIT(claim) (1u << (claim))
#define ISOLATION  (BIT(CLAIM_C1) | BIT(CLAIM_C2) | BIT(CLAIM_C2B) | BIT(CLAIM_C4) | BIT(CLAIM_C5))

/* Accuracies are ratios of counts, so values exactly at a bound are common and their roundings must not decide. */
#define TOLERANCE 1e-9

/* The gate under watch: margin > 0 is how far the worst value so far is inside its bound. */
struct watch {
    struct verdict_gate *gate;
    double worst;
    bool seen, missing;
    const long *seeds; /* names; NULL: counted from 1 */
    char worst_text[160], missing_text[160];
};

/* Where a value comes from; design, arm: -1 for none; seed: index, -1 for a figure over all seeds. */
struct place {
    int design, arm, seed;
    const char *what;
};

static void describe(const struct watch *w, char out[160], struct place p, double value) {
    int n = snprintf(out, 160, "%s", p.what);
    if (p.design >= 0) n += snprintf(out + n, 160 - (size_t)n, ", %s", verdict_design_name(p.design));
    if (p.arm >= 0) n += snprintf(out + n, 160 - (size_t)n, ", %s", verdict_arm_name(p.arm));
    if (p.seed >= 0) n += snprintf(out + n, 160 - (size_t)n, ", seed %ld", w->seeds ? w->seeds[p.seed] : p.seed + 1L);
    if (isnan(value))
        snprintf(out + n, 160 - (size_t)n, ": missing");
    else
        snprintf(out + n, 160 - (size_t)n, ": %.4g", value);
}

static void watch_margin(struct watch *w, struct place p, double value, double margin) {
    if (isnan(margin)) {
        if (!w->missing) describe(w, w->missing_text, p, NAN);
        w->missing = true;
    } else if (!w->seen || margin < w->worst) {
        w->worst = margin;
        w->seen = true;
        describe(w, w->worst_text, p, value);
    }
}

static void at_least(struct watch *w, struct place p, double value, double bound) {
    watch_margin(w, p, value, value - bound);
}

static void at_most(struct watch *w, struct place p, double value, double bound) {
    watch_margin(w, p, value, bound - value);
}

static double at(const double *series, int i) {
    return series ? series[i] : NAN;
}

static double over_seeds(const double *series, int n) {
    return series ? stat_mean(series, n) : NAN;
}

static void gate_settle(struct watch *w) {
    struct verdict_gate *g = w->gate;
    if (w->seen && w->worst < -TOLERANCE) {
        g->state = GATE_FAILED;
        memcpy(g->detail, w->worst_text, sizeof g->detail);
    } else if (w->missing || !w->seen) {
        g->state = GATE_UNMEASURED;
        memcpy(g->detail, w->missing ? w->missing_text : "no seeds", w->missing ? sizeof g->detail : sizeof "no seeds");
    } else {
        g->state = GATE_PASSED;
        memcpy(g->detail, w->worst_text, sizeof g->detail);
    }
}

static void watch_accuracy(struct watch *w, const struct verdict_base *b, int n, int design) {
    for (int i = 0; i < n; i++) {
        double lo = INFINITY, hi = -INFINITY;
        for (int arm = 0; arm < VARM_COUNT; arm++) {
            double value = at(b->accuracy[arm], i);
            at_least(w, (struct place){design, arm, i, "accuracy"}, value, .95);
            lo = fmin(lo, value);
            hi = fmax(hi, value);
        }
        /* fmin and fmax pass over a missing arm, which the loop above has already reported. */
        if (hi >= lo) at_most(w, (struct place){design, -1, i, "accuracy, arms apart"}, hi - lo, .03);
    }
}

static void watch_necessity(struct watch *w, const struct verdict_base *b, int n, int design) {
    static const char *const y[] = {"no_cot accuracy", "pause accuracy"}, *const c[] = {"no_cot c", "pause c"};
    for (int i = 0; i < n; i++) {
        for (int f = 0; f < FLOOR_COUNT; f++) {
            at_most(w, (struct place){design, -1, i, y[f]}, at(b->floor_y[f], i), .5);
            at_most(w, (struct place){design, -1, i, c[f]}, at(b->floor_c[f], i), .5);
        }
        for (int arm = 0; arm < VARM_COUNT; arm++)
            at_least(w, (struct place){design, arm, i, "necessity"}, at(b->necessity[arm], i), .5);
    }
}

static void gate_accuracy(const struct verdict_input *in, struct watch *w) {
    for (int d = 0; d < VDESIGN_COUNT; d++) watch_accuracy(w, &in->design[d].base, in->n_seeds, d);
}

static void gate_necessity(const struct verdict_input *in, struct watch *w) {
    for (int d = 0; d < VDESIGN_COUNT; d++) watch_necessity(w, &in->design[d].base, in->n_seeds, d);
}

static void gate_bits_accuracy(const struct verdict_input *in, struct watch *w) {
    watch_accuracy(w, &in->bits.base, in->n_seeds, -1);
}

static void gate_bits_necessity(const struct verdict_input *in, struct watch *w) {
    watch_necessity(w, &in->bits.base, in->n_seeds, -1);
}

static void gate_monitor(const struct verdict_input *in, struct watch *w) {
    for (int d = 0; d < VDESIGN_COUNT; d++)
        for (int arm = 0; arm < VARM_COUNT; arm++)
            for (int i = 0; i < in->n_seeds; i++)
                at_least(w, (struct place){d, arm, i, "monitor before pressure"}, at(in->design[d].monitor[arm], i),
                         .8);
}

/* The mean over seeds: it bears on what the mean S of the claims could have shown, and a seed that fails after pressure
 * may not be replaced. */
static void gate_direct(const struct verdict_input *in, struct watch *w) {
    for (int d = 0; d < VDESIGN_COUNT; d++) {
        const struct verdict_design *design = &in->design[d];
        for (int arm = 0; arm < VARM_COUNT; arm++) {
            int n = in->n_seeds;
            at_least(w, (struct place){d, arm, -1, "direct S frozen"}, over_seeds(design->direct_frozen[arm], n), .6);
            at_least(w, (struct place){d, arm, -1, "direct S refit"}, over_seeds(design->direct_refit[arm], n), .4);
            at_least(w, (struct place){d, arm, -1, "direct answers"}, over_seeds(design->direct_answers[arm], n), .8);
        }
    }
}

static void gate_same_again(const struct verdict_input *in, struct watch *w) {
    for (int d = 0; d < VDESIGN_COUNT; d++)
        for (int arm = 0; arm < VARM_COUNT; arm++) {
            const double *x = in->design[d].same_again[arm];
            struct stat_interval t = {NAN, NAN};
            if (x) t = stat_t_interval(x, in->n_seeds, .90);
            at_least(w, (struct place){d, arm, -1, "A/A lower bound"}, t.lo, -in->delta);
            at_most(w, (struct place){d, arm, -1, "A/A upper bound"}, t.hi, in->delta);
        }
}

static void gate_frozen_mind(const struct verdict_input *in, struct watch *w) {
    for (int d = 0; d < VDESIGN_COUNT; d++)
        for (int i = 0; i < in->n_seeds; i++) {
            double value = at(in->design[d].frozen_mind, i);
            /* Exactly 0 means so: any other value is a whole unit outside, however small. */
            watch_margin(w, (struct place){d, -1, i, "frozen_mind S"}, value, isnan(value) ? NAN : value == 0 ? 0 : -1);
        }
}

static void gate_reached(const struct verdict_input *in, struct watch *w) {
    for (int d = 0; d < VDESIGN_COUNT; d++)
        for (int arm = 0; arm < VARM_COUNT; arm++)
            for (int i = 0; i < in->n_seeds; i++)
                at_least(w, (struct place){d, arm, i, "dose reached"}, at(in->design[d].reached[arm], i), 1);
}

static void gate_cue(const struct verdict_input *in, struct watch *w) {
    const struct verdict_design *cue = &in->design[VDESIGN_CUE];
    for (int arm = 0; arm < VARM_COUNT; arm++)
        for (int i = 0; i < in->n_seeds; i++) {
            at_most(w, (struct place){VDESIGN_CUE, arm, i, "F -> c, cued"}, at(cue->cued[arm], i), .3);
            at_least(w, (struct place){VDESIGN_CUE, arm, i, "F -> c, uncued"}, at(cue->uncued[arm], i), .8);
        }
}

static const struct {
    const char *id, *rule;
    unsigned guards;
    void (*check)(const struct verdict_input *, struct watch *);
} gates[] = {
    {"G1", "arm accuracy >= .95 and arms within .03, every seed", ISOLATION, gate_accuracy},
    {"G2", "no_cot and pause <= .5 on y and c; necessity >= .5, every seed", ISOLATION, gate_necessity},
    {"G3", "monitor before pressure >= .8, every arm and seed", ISOLATION, gate_monitor},
    {"G4", "direct S^F >= .6, S^R >= .4, answers >= .8, mean of every arm", ISOLATION, gate_direct},
    {"G5", "A/A (sft) 90 % interval within delta, every arm", ISOLATION, gate_same_again},
    {"G6", "frozen_mind exactly 0, every seed", ISOLATION, gate_frozen_mind},
    {"G7", "every seed reaches the dose", ISOLATION, gate_reached},
    {"G8", "design cue: F -> c <= .3 cued, >= .8 uncued, every arm and seed", ISOLATION, gate_cue},
    {"G1b", "as G1, on the task of the bits", BIT(CLAIM_C3), gate_bits_accuracy},
    {"G2b", "as G2, on the task of the bits", BIT(CLAIM_C3), gate_bits_necessity},
};

_Static_assert(sizeof gates / sizeof *gates == GATE_COUNT, "one row a gate, in the order of enum verdict_gate_id");

void verdict_gates(const struct verdict_input *in, struct verdict_table *out) {
    for (int g = 0; g < GATE_COUNT; g++) {
        out->gate[g] = (struct verdict_gate){.id = gates[g].id, .rule = gates[g].rule, .guards = gates[g].guards};
        struct watch w = {.gate = &out->gate[g], .seeds = in->seeds};
        gates[g].check(in, &w);
        gate_settle(&w);
    }
}
