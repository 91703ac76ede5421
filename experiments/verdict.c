#include "experiments/verdict.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "metrics/stat_equiv.h"
#include "metrics/stat_multi.h"

#define ALPHA .05
#define POWER .80
/* 1999 draws put the 95 % quantiles on order statistics 50 and 1950. */
#define BOOT_DRAWS 1999
#define FLIP_DRAWS 19999
#define TERMS      4

/* A quantity is a sum of coefficient x series, so that every part can be reduced to its complete seeds at once. */
struct term {
    double k;
    const double *x;
};

struct recipe {
    const char *name;
    bool above_zero; /* the claim needs it above 0: its sign-flip p counts */
    int n;
    struct term term[TERMS];
};

struct plan {
    int n;
    struct recipe recipe[VERDICT_QUANTITIES];
};

/* detectable per unit sd depends on n alone and is dear: kept from one quantity to the next. */
struct judge {
    const struct verdict_input *in;
    struct arena *arena;
    int unit_n;
    double unit;
};

const char *verdict_name(enum verdict v) {
    static const char *const names[] = {"undecided", "supported", "refuted", "invalid"};
    return names[v];
}

const char *verdict_design_name(int design) {
    static const char *const names[] = {"joint", "cue"};
    return names[design];
}

const char *verdict_arm_name(int arm) {
    static const char *const names[] = {"text_long", "coconut", "codi"};
    return names[arm];
}

const char *verdict_gate_state_name(enum verdict_gate_state s) {
    static const char *const names[] = {"unmeasured", "passed", "failed"};
    return names[s];
}

struct verdict_input verdict_input_defaults(int n_seeds) {
    return (struct verdict_input){.n_seeds = n_seeds, .delta = .15, .epsilon = .25};
}

/* --- what each claim looks at ------------------------------------------------------------------------------------- */

static void plan_add(struct plan *p, const char *name, bool above_zero, int n, const struct term *terms) {
    struct recipe *r = &p->recipe[p->n++];
    r->name = name;
    r->above_zero = above_zero;
    r->n = n;
    memcpy(r->term, terms, (size_t)n * sizeof *terms);
}

enum verdict_credit_id verdict_native(int arm, int method) {
    return arm == VARM_TEXT && method == VMETHOD_SFT ? VCREDIT_TARGETED : VCREDIT_FULL;
}

/* k times the mean of sft and rl under native credit. */
static void native(struct term t[2], double k, const double *const s[VMETHOD_COUNT][VCREDIT_COUNT], int arm) {
    for (int m = 0; m < VMETHOD_COUNT; m++) t[m] = (struct term){k / 2, s[m][verdict_native(arm, m)]};
}

static void plan_c1(const struct verdict_input *in, int design, int arm, struct plan *p) {
    const struct verdict_design *d = &in->design[design];
    struct term t[3];
    (void)arm;
    native(t, 1, d->s[VARM_TEXT], VARM_TEXT);
    t[2] = (struct term){-1, d->s_random};
    plan_add(p, "S_text", true, 2, t);
    plan_add(p, "S_text - S_random", true, 3, t);
}

static void plan_c2(const struct verdict_input *in, int design, int arm, struct plan *p) {
    const struct verdict_design *d = &in->design[design];
    struct term t[4], refit[4];
    native(t, 1, d->s[VARM_TEXT], VARM_TEXT);
    native(t + 2, -1, d->s[arm], arm);
    native(refit, 1, d->s_refit[VARM_TEXT], VARM_TEXT);
    native(refit + 2, -1, d->s_refit[arm], arm);
    plan_add(p, "DiD", true, 4, t);
    plan_add(p, "S_text", false, 2, t);
    plan_add(p, "DiD refit", false, 4, refit);
}

static void plan_c2b(const struct verdict_input *in, int design, int arm, struct plan *p) {
    struct term t[2];
    native(t, 1, in->design[design].s[arm], arm);
    plan_add(p, "S_latent", false, 2, t);
}

static void plan_c3(const struct verdict_input *in, int design, int arm, struct plan *p) {
    (void)design;
    plan_add(p, "bits(thought) - bits(token)", true, 1, &(struct term){1, in->bits.a[arm]});
    plan_add(p, "bits(thought) - bits(step)", false, 1, &(struct term){1, in->bits.b[arm]});
}

static void plan_c4(const struct verdict_input *in, int design, int arm, struct plan *p) {
    const double *const(*s)[VCREDIT_COUNT] = in->design[design].s[arm];
    struct term theta[4], full[2];
    for (int m = 0; m < VMETHOD_COUNT; m++) {
        theta[m] = (struct term){.25, s[m][VCREDIT_FULL]};
        theta[2 + m] = (struct term){-.5, s[m][VCREDIT_TARGETED]};
        full[m] = (struct term){.5, s[m][VCREDIT_FULL]};
    }
    plan_add(p, "S_full/2 - S_targeted", true, 4, theta);
    plan_add(p, "S_full", false, 2, full);
}

static void plan_c5(const struct verdict_input *in, int design, int arm, struct plan *p) {
    const double *const *lat = in->design[design].s[arm][VMETHOD_RL];
    const double *const *text = in->design[design].s[VARM_TEXT][VMETHOD_RL];
    struct term t[4] = {
        {1, lat[VCREDIT_FULL]}, {-1, lat[VCREDIT_TARGETED]}, {-1, text[VCREDIT_FULL]}, {1, text[VCREDIT_TARGETED]}};
    struct term m_text[2] = {{1, text[VCREDIT_FULL]}, {-1, text[VCREDIT_TARGETED]}};
    plan_add(p, "m_latent", true, 2, t);
    plan_add(p, "m_latent - m_text", false, 4, t);
    plan_add(p, "m_text", false, 2, m_text);
    plan_add(p, "S_full latent", false, 1, t);
    plan_add(p, "S_full text", false, 1, m_text);
}

/* --- the rules ---------------------------------------------------------------------------------------------------- */

static enum verdict say(struct verdict_part *part, enum verdict v, const char *why) {
    const struct verdict_quantity *q = &part->quantity[0];
    snprintf(part->reason, sizeof part->reason, "%s: %s %.3g [%.3g, %.3g], n %d", why, q->name, q->mean, q->t95.lo,
             q->t95.hi, q->n);
    return v;
}

static enum verdict say_unmet(struct verdict_part *part, const struct verdict_quantity *q) {
    part->tested = false;
    snprintf(part->reason, sizeof part->reason, "precondition L(%s) > 0 unmet: [%.3g, %.3g]", q->name, q->t95.lo,
             q->t95.hi);
    return VERDICT_UNDECIDED;
}

static enum verdict rule_c1(const struct verdict_input *in, struct verdict_part *part) {
    const struct verdict_quantity *s = &part->quantity[0], *over_random = &part->quantity[1];
    if (s->t95.hi < in->delta) return say(part, VERDICT_REFUTED, "below delta");
    if (!(s->t95.lo > 0 && s->mean >= in->delta)) return say(part, VERDICT_UNDECIDED, "neither rule met");
    if (!(over_random->t95.lo > 0)) return say(part, VERDICT_UNDECIDED, "not shown to exceed pressure random");
    return say(part, VERDICT_SUPPORTED, "above 0, at least delta, above random");
}

static enum verdict rule_c2(const struct verdict_input *in, struct verdict_part *part) {
    const struct verdict_quantity *did = &part->quantity[0], *text = &part->quantity[1], *refit = &part->quantity[2];
    if (did->t95.lo > 0 && did->mean >= in->delta) {
        if (refit->mean > 0) return say(part, VERDICT_SUPPORTED, "above 0, at least delta, also refitted");
        return say(part, VERDICT_UNDECIDED, "gone with refitted monitors");
    }
    if (!(did->t95.hi < in->delta)) return say(part, VERDICT_UNDECIDED, "neither rule met");
    if (did->t95.hi < 0) return say(part, VERDICT_REFUTED, "below 0");
    if (text->t95.lo > 0) return say(part, VERDICT_REFUTED, "below delta while text spills");
    return say(part, VERDICT_UNDECIDED, "below delta, but text is not shown to spill");
}

static enum verdict rule_c2b(const struct verdict_input *in, struct verdict_part *part) {
    struct stat_interval t = part->quantity[0].t90;
    if (t.lo > -in->delta && t.hi < in->delta) return say(part, VERDICT_SUPPORTED, "90 % interval within delta");
    if (t.lo > in->delta || t.hi < -in->delta) return say(part, VERDICT_REFUTED, "90 % interval outside delta");
    return say(part, VERDICT_UNDECIDED, "90 % interval holds a bound");
}

static enum verdict rule_c3(const struct verdict_input *in, struct verdict_part *part) {
    const struct verdict_quantity *a = &part->quantity[0], *b = &part->quantity[1];
    if (a->t95.hi < in->epsilon) return say(part, VERDICT_REFUTED, "no more than a token");
    if (b->t95.hi < -in->epsilon) return say(part, VERDICT_REFUTED, "less than a whole step");
    if (!(a->t95.lo > 0 && a->mean >= in->epsilon)) return say(part, VERDICT_UNDECIDED, "neither rule met");
    if (!(b->t95.lo > -in->epsilon)) return say(part, VERDICT_UNDECIDED, "may tell less than a whole step");
    return say(part, VERDICT_SUPPORTED, "more than a token, not less than a step");
}

static enum verdict rule_c4(const struct verdict_input *in, struct verdict_part *part) {
    const struct verdict_quantity *theta = &part->quantity[0], *full = &part->quantity[1];
    (void)in;
    if (!(full->t95.lo > 0)) return say_unmet(part, full);
    if (theta->t95.lo > 0) return say(part, VERDICT_SUPPORTED, "over half of the leak is gone when targeted");
    if (theta->t95.hi < 0) return say(part, VERDICT_REFUTED, "over half of the leak remains when targeted");
    return say(part, VERDICT_UNDECIDED, "neither rule met");
}

static enum verdict rule_c5(const struct verdict_input *in, struct verdict_part *part) {
    const struct verdict_quantity *m = &part->quantity[0], *gap = &part->quantity[1];
    for (int i = 2; i < 5; i++)
        if (!(part->quantity[i].t95.lo > 0)) return say_unmet(part, &part->quantity[i]);
    if (m->t95.lo > 0 && gap->t90.lo > -in->delta) return say(part, VERDICT_SUPPORTED, "helps, no less than in text");
    if (m->t95.hi <= 0) return say(part, VERDICT_REFUTED, "does not help");
    if (gap->t90.hi < -in->delta) return say(part, VERDICT_REFUTED, "helps less than in text");
    return say(part, VERDICT_UNDECIDED, "neither rule met");
}

static const struct {
    const char *id, *statement;
    bool by_design, by_arm, in_family;
    void (*plan)(const struct verdict_input *, int design, int arm, struct plan *);
    enum verdict (*rule)(const struct verdict_input *, struct verdict_part *);
} claims[CLAIM_COUNT] = {
    [CLAIM_C1] = {"C1", "output pressure spills into text reasoning", true, false, true, plan_c1, rule_c1},
    [CLAIM_C2] = {"C2", "latent reasoning is more isolated than text", true, true, true, plan_c2, rule_c2},
    [CLAIM_C2B] = {"C2b", "latent reasoning is isolated, full stop", true, true, false, plan_c2b, rule_c2b},
    [CLAIM_C3] = {"C3", "a thought tells more than a token", false, true, true, plan_c3, rule_c3},
    [CLAIM_C4] = {"C4", "the thought gradient carries over half of the latent leak", true, true, true, plan_c4,
                  rule_c4},
    [CLAIM_C5] = {"C5", "reward targeting helps latents as it helps text", true, true, true, plan_c5, rule_c5},
};

/* --- parts -------------------------------------------------------------------------------------------------------- */

static struct verdict_quantity measure(struct judge *j, const char *name, const double *x, int n, uint64_t index) {
    struct verdict_quantity q = {.name = name, .n = n, .mean = stat_mean(x, n), .sd = stat_sd(x, n)};
    struct rng boot = rng_open(0, "verdict/boot", index), flip = rng_open(0, "verdict/flip", index);
    q.iqm = stat_iqm(x, n, j->arena);
    q.t95 = stat_t_interval(x, n, .95);
    q.t90 = stat_tost(x, n, j->in->delta, ALPHA).interval;
    q.boot_t = stat_boot_t(x, n, .95, BOOT_DRAWS, &boot, j->arena);
    q.p = stat_signflip(x, n, &flip, FLIP_DRAWS);
    if (j->unit_n != n) {
        j->unit_n = n;
        j->unit = stat_detectable(1, n, ALPHA, POWER);
    }
    q.detectable = j->unit * q.sd;
    return q;
}

/* complete[i] = every series of the plan has seed i. False when a series is absent altogether. */
static bool complete_seeds(const struct verdict_input *in, const struct plan *plan, bool *complete,
                           struct verdict_part *part) {
    for (int i = 0; i < in->n_seeds; i++) complete[i] = true;
    for (int r = 0; r < plan->n; r++)
        for (int t = 0; t < plan->recipe[r].n; t++) {
            const double *x = plan->recipe[r].term[t].x;
            if (!x) {
                snprintf(part->reason, sizeof part->reason, "no data for %s", plan->recipe[r].name);
                return false;
            }
            for (int i = 0; i < in->n_seeds; i++) complete[i] &= isfinite(x[i]) != 0;
        }
    return true;
}

static void measure_plan(struct judge *j, const struct plan *plan, const bool *complete, struct verdict_part *part,
                         uint64_t index) {
    double *x = ARENA_NEW(j->arena, double, j->in->n_seeds + 1);
    part->n_quantities = plan->n;
    for (int r = 0; r < plan->n; r++) {
        const struct recipe *recipe = &plan->recipe[r];
        int n = 0;
        for (int i = 0; i < j->in->n_seeds; i++) {
            if (!complete[i]) continue;
            double sum = 0;
            for (int t = 0; t < recipe->n; t++) sum += recipe->term[t].k * recipe->term[t].x[i];
            x[n++] = sum;
        }
        part->quantity[r] = measure(j, recipe->name, x, n, index + (uint64_t)r);
    }
}

static void judge_part(struct judge *j, int claim, struct verdict_part *part, uint64_t index) {
    const struct verdict_input *in = j->in;
    struct plan plan = {0};
    for (int i = 0; i < 3; i++) part->posterior[i] = (struct stat_posterior){NAN, NAN, NAN, NAN, NAN};
    part->p = NAN;
    claims[claim].plan(in, part->design, part->arm, &plan);
    struct arena_mark mark = arena_mark(j->arena);
    bool *complete = ARENA_NEW(j->arena, bool, in->n_seeds + 1);
    if (complete_seeds(in, &plan, complete, part)) {
        measure_plan(j, &plan, complete, part, index);
        const struct verdict_quantity *q = &part->quantity[0];
        if (claim == CLAIM_C2)
            stat_posterior_sensitivity(q->mean, q->sd, q->n, in->delta, in->cauchy_scale, STAT_PRIOR_CLAIM,
                                       part->posterior);
        part->tested = q->n >= VERDICT_SEEDS_MIN;
        if (part->tested)
            part->verdict = claims[claim].rule(in, part);
        else
            snprintf(part->reason, sizeof part->reason, "%d complete seeds, fewer than %d", q->n, VERDICT_SEEDS_MIN);
        for (int r = 0; r < plan.n && part->tested; r++)
            if (plan.recipe[r].above_zero) part->p = fmax(part->p, part->quantity[r].p);
    }
    arena_rewind(j->arena, mark);
}

/* --- claims ------------------------------------------------------------------------------------------------------- */

static int part_name(const struct verdict_part *p, char *out, size_t size) {
    return snprintf(out, size, "%s%s%s", p->design >= 0 ? verdict_design_name(p->design) : "",
                    p->design >= 0 && p->arm >= 0 ? " " : "", p->arm >= 0 ? verdict_arm_name(p->arm) : "");
}

/* True when nothing bars a verdict; otherwise the claim's verdict and reason are set. */
static bool admissible(const struct verdict_table *table, int claim, struct verdict_claim *c) {
    for (int want = GATE_FAILED; want >= GATE_UNMEASURED; want -= GATE_FAILED - GATE_UNMEASURED)
        for (int g = 0; g < GATE_COUNT; g++) {
            const struct verdict_gate *gate = &table->gate[g];
            if ((int)gate->state != want || !(gate->guards >> claim & 1)) continue;
            c->verdict = want == GATE_FAILED ? VERDICT_INVALID : VERDICT_UNDECIDED;
            snprintf(c->reason, sizeof c->reason, "%s %s: %s", gate->id,
                     want == GATE_FAILED ? "failed" : "not measured", gate->detail);
            return false;
        }
    for (int i = 0; i < c->n_parts; i++) {
        if (c->part[i].tested) continue;
        int n = part_name(&c->part[i], c->reason, sizeof c->reason);
        c->verdict = VERDICT_UNDECIDED;
        snprintf(c->reason + n, sizeof c->reason - (size_t)n, ": %s", c->part[i].reason);
        return false;
    }
    return true;
}

/* All parts must say the same; a supported claim must also survive Holm. */
static void settle(struct verdict_claim *c, bool in_family) {
    bool agree = true;
    for (int i = 1; i < c->n_parts; i++) agree &= c->part[i].verdict == c->part[0].verdict;
    c->verdict = VERDICT_UNDECIDED;
    if (!agree) {
        size_t n = (size_t)snprintf(c->reason, sizeof c->reason, "parts differ:");
        for (int i = 0; i < c->n_parts; i++) {
            n += (size_t)snprintf(c->reason + n, sizeof c->reason - n, "%s ", i ? "," : "");
            n += (size_t)part_name(&c->part[i], c->reason + n, sizeof c->reason - n);
            n += (size_t)snprintf(c->reason + n, sizeof c->reason - n, " %s", verdict_name(c->part[i].verdict));
        }
    } else if (c->part[0].verdict == VERDICT_SUPPORTED && in_family && !(c->p_holm < ALPHA)) {
        snprintf(c->reason, sizeof c->reason, "the intervals support it, but sign-flip p is %.3g after Holm",
                 c->p_holm);
    } else {
        c->verdict = c->part[0].verdict;
        int n = part_name(&c->part[0], c->reason, sizeof c->reason);
        snprintf(c->reason + n, sizeof c->reason - (size_t)n, ": %s", c->part[0].reason);
    }
}

static void open_claim(struct judge *j, int claim, struct verdict_claim *c) {
    c->id = claims[claim].id;
    c->statement = claims[claim].statement;
    int designs = claims[claim].by_design ? VDESIGN_COUNT : 1;
    int first = claims[claim].by_arm ? VARM_COCONUT : VARM_TEXT, last = claims[claim].by_arm ? VARM_CODI : VARM_TEXT;
    for (int d = 0; d < designs; d++)
        for (int arm = first; arm <= last; arm++) {
            struct verdict_part *part = &c->part[c->n_parts++];
            part->design = claims[claim].by_design ? d : -1;
            part->arm = claims[claim].by_arm ? arm : -1;
            judge_part(j, claim, part, (uint64_t)(claim * 100 + c->n_parts * 10));
        }
}

void verdict_judge(const struct verdict_input *in, struct arena *a, struct verdict_table *out) {
    struct judge j = {.in = in, .arena = a, .unit_n = -1};
    bool admitted[CLAIM_COUNT];
    double p[CLAIM_COUNT], holm[CLAIM_COUNT];
    memset(out, 0, sizeof *out);
    verdict_gates(in, out);
    for (int claim = 0; claim < CLAIM_COUNT; claim++) {
        struct verdict_claim *c = &out->claim[claim];
        open_claim(&j, claim, c);
        admitted[claim] = admissible(out, claim, c);
        c->p = claims[claim].in_family ? 0 : NAN;
        for (int i = 0; i < c->n_parts && claims[claim].in_family; i++)
            c->p = admitted[claim] ? fmax(c->p, c->part[i].p) : 1;
        p[claim] = c->p;
    }
    stat_holm(p, CLAIM_COUNT, holm, a);
    for (int claim = 0; claim < CLAIM_COUNT; claim++) {
        out->claim[claim].p_holm = holm[claim];
        if (admitted[claim]) settle(&out->claim[claim], claims[claim].in_family);
    }
}
