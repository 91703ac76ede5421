#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/base/arena.h"
#include "experiments/verdict.h"

/* A planted world: ten seeds, all gates pass, all six claims hold. Each test moves one thing. */
static struct arena arena;
static struct verdict_input in;
static struct verdict_table out;
static int turn;

enum { SEEDS = 10 };

/* n values of exactly this mean and sd. Each series is rotated against the last, so differences keep a spread. */
static const double *plant_n(int n, double mean, double sd) {
    double *x = ARENA_NEW(&arena, double, n);
    double unit = sqrt(n * (n + 1) / 12.); /* sd of 0..n-1 */
    turn += 3;
    for (int i = 0; i < n; i++) x[i] = mean + sd * ((i + turn) % n - (n - 1) / 2.) / unit;
    return x;
}

static const double *plant(double mean, double sd) {
    return plant_n(in.n_seeds, mean, sd);
}

static void plant_base(struct verdict_base *b) {
    for (int arm = 0; arm < VARM_COUNT; arm++) {
        b->accuracy[arm] = plant(.99, .002);
        b->necessity[arm] = plant(.8, .02);
    }
    for (int f = 0; f < FLOOR_COUNT; f++) {
        b->floor_y[f] = plant(.1, .01);
        b->floor_c[f] = plant(.1, .01);
    }
}

static void text(int design, int method, int credit, double mean, double sd) {
    in.design[design].s[VARM_TEXT][method][credit] = plant(mean, sd);
}

static void text_native(double mean, double sd) {
    for (int d = 0; d < VDESIGN_COUNT; d++) {
        text(d, VMETHOD_SFT, VCREDIT_TARGETED, mean, sd);
        text(d, VMETHOD_RL, VCREDIT_FULL, mean, sd);
    }
}

static void latent(int method, int credit, double mean, double sd) {
    for (int d = 0; d < VDESIGN_COUNT; d++)
        for (int arm = VARM_COCONUT; arm <= VARM_CODI; arm++) in.design[d].s[arm][method][credit] = plant(mean, sd);
}

static void latent_both(int credit, double mean, double sd) {
    latent(VMETHOD_SFT, credit, mean, sd);
    latent(VMETHOD_RL, credit, mean, sd);
}

static void bits(double a, double a_sd, double b, double b_sd) {
    for (int arm = VARM_COCONUT; arm <= VARM_CODI; arm++) {
        in.bits.a[arm] = plant(a, a_sd);
        in.bits.b[arm] = plant(b, b_sd);
    }
}

static void world(int n) {
    in = verdict_input_defaults(n);
    in.cauchy_scale = .2;
    for (int d = 0; d < VDESIGN_COUNT; d++) {
        struct verdict_design *design = &in.design[d];
        plant_base(&design->base);
        text(d, VMETHOD_RL, VCREDIT_TARGETED, .42, .02);
        for (int arm = 0; arm < VARM_COUNT; arm++) {
            for (int m = 0; m < VMETHOD_COUNT; m++)
                for (int c = 0; c < VCREDIT_COUNT; c++)
                    design->s_refit[arm][m][c] = plant(arm == VARM_TEXT ? .4 : .05, .02);
            design->monitor[arm] = plant(.95, .01);
            design->direct_frozen[arm] = plant(.9, .02);
            design->direct_refit[arm] = plant(.7, .02);
            design->direct_answers[arm] = plant(.98, .005);
            design->same_again[arm] = plant(0, .05);
            design->reached[arm] = plant(1, 0);
            design->cued[arm] = plant(.1, .01);
            design->uncued[arm] = plant(.95, .01);
        }
        design->s_random = plant(.05, .02);
        design->frozen_mind = plant(0, 0);
    }
    text_native(.5, .02);
    latent_both(VCREDIT_FULL, .1, .02);
    latent_both(VCREDIT_TARGETED, 0, .02);
    plant_base(&in.bits.base);
    bits(1, .1, .1, .1);
}

static void setup(void) {
    arena_open(&arena, 1 << 16);
    turn = 0;
    world(SEEDS);
}

static void teardown(void) {
    arena_close(&arena);
}

/* The claim's verdict, and a word that only this branch says. */
static void expect(int claim, enum verdict v, const char *word) {
    const struct verdict_claim *c = &out.claim[claim];
    ck_assert_msg(c->verdict == v, "%s is %s, not %s (%s)", c->id, verdict_name(c->verdict), verdict_name(v),
                  c->reason);
    ck_assert_msg(strstr(c->reason, word) != NULL, "%s: \"%s\" lacks \"%s\"", c->id, c->reason, word);
}

static void judge(int claim, enum verdict v, const char *word) {
    verdict_judge(&in, &arena, &out);
    expect(claim, v, word);
}

START_TEST(the_planted_world_supports_all_six) {
    verdict_judge(&in, &arena, &out);
    for (int g = 0; g < GATE_COUNT; g++)
        ck_assert_msg(out.gate[g].state == GATE_PASSED, "%s: %s", out.gate[g].id, out.gate[g].detail);
    for (int c = 0; c < CLAIM_COUNT; c++) expect(c, VERDICT_SUPPORTED, ":");
    /* all signs agree: p = 2/1024, five of them under Holm */
    ck_assert_double_eq_tol(out.claim[CLAIM_C1].p, 2. / 1024, 1e-12);
    ck_assert_double_eq_tol(out.claim[CLAIM_C1].p_holm, 10. / 1024, 1e-12);
    ck_assert(isnan(out.claim[CLAIM_C2B].p) && isnan(out.claim[CLAIM_C2B].p_holm));
    static const int parts[] = {2, 4, 4, 2, 4, 4};
    for (int c = 0; c < CLAIM_COUNT; c++) ck_assert_int_eq(out.claim[c].n_parts, parts[c]);
}
END_TEST

START_TEST(the_numbers_are_those_of_the_spec) {
    /* exact means: S_text = (sft targeted + rl full)/2; latent (sft full + rl full)/2; theta = S_full/2 - S_targeted */
    text(VDESIGN_JOINT, VMETHOD_SFT, VCREDIT_TARGETED, .6, 0);
    text(VDESIGN_JOINT, VMETHOD_RL, VCREDIT_FULL, .4, .1);
    latent(VMETHOD_SFT, VCREDIT_FULL, .08, 0);
    latent(VMETHOD_RL, VCREDIT_FULL, .14, 0);
    latent(VMETHOD_SFT, VCREDIT_TARGETED, .03, 0);
    latent(VMETHOD_RL, VCREDIT_TARGETED, .01, 0);
    verdict_judge(&in, &arena, &out);
    const struct verdict_quantity *s = &out.claim[CLAIM_C1].part[0].quantity[0];
    double half = 2.262157162799 * .05 / sqrt(10), half90 = 1.833112932635 * .05 / sqrt(10);
    ck_assert_double_eq_tol(s->mean, .5, 1e-12);
    ck_assert_double_eq_tol(s->sd, .05, 1e-12);
    ck_assert_double_eq_tol(s->t95.lo, .5 - half, 1e-9);
    ck_assert_double_eq_tol(s->t90.hi, .5 + half90, 1e-9);
    ck_assert_double_eq_tol(s->detectable, .9960013714 * .05, 1e-7);
    ck_assert_int_eq(s->n, 10);
    const struct verdict_part *c2 = &out.claim[CLAIM_C2].part[0];
    ck_assert_double_eq_tol(c2->quantity[0].mean, .5 - .11, 1e-12);
    ck_assert_double_eq_tol(c2->quantity[2].mean, .4 - .05, 1e-12);
    struct stat_posterior want = stat_posterior(.39, .05, 10, .15, .1, .25); /* second: at s/2 */
    ck_assert_double_eq_tol(c2->posterior[1].odds / want.odds, 1, 1e-6);
    ck_assert_double_eq_tol(out.claim[CLAIM_C2B].part[1].quantity[0].mean, .11, 1e-12);
    ck_assert_double_eq_tol(out.claim[CLAIM_C4].part[0].quantity[0].mean, .11 / 2 - .02, 1e-12);
    ck_assert_double_eq_tol(out.claim[CLAIM_C5].part[0].quantity[0].mean, .14 - .01, 1e-12);
    ck_assert_double_eq_tol(out.claim[CLAIM_C5].part[0].quantity[1].mean, .13 - (.4 - .42), 1e-12);
}
END_TEST

START_TEST(c1_every_branch) {
    text_native(.05, .02);
    judge(CLAIM_C1, VERDICT_REFUTED, "below delta");
    text_native(.3, 1);
    judge(CLAIM_C1, VERDICT_UNDECIDED, "neither rule");
    text_native(.14, .06); /* above 0, mean short of delta, yet U above delta */
    judge(CLAIM_C1, VERDICT_UNDECIDED, "neither rule");
    text_native(.5, .02);
    in.design[VDESIGN_JOINT].s_random = in.design[VDESIGN_CUE].s_random = plant(.5, .02);
    judge(CLAIM_C1, VERDICT_UNDECIDED, "random");
    in.design[VDESIGN_CUE].s_random = plant(.05, .02);
    judge(CLAIM_C1, VERDICT_UNDECIDED, "parts differ: joint undecided, cue supported");
}
END_TEST

START_TEST(c2_every_branch) {
    latent_both(VCREDIT_FULL, .5, .02);
    judge(CLAIM_C2, VERDICT_REFUTED, "while text spills");
    text_native(0, .02);
    judge(CLAIM_C2, VERDICT_REFUTED, "below 0");
    latent_both(VCREDIT_FULL, 0, .02);
    judge(CLAIM_C2, VERDICT_UNDECIDED, "text is not shown");
    text_native(.3, 1);
    judge(CLAIM_C2, VERDICT_UNDECIDED, "neither rule");
    text_native(.5, .02);
    for (int d = 0; d < VDESIGN_COUNT; d++)
        for (int m = 0; m < VMETHOD_COUNT; m++)
            for (int c = 0; c < VCREDIT_COUNT; c++) in.design[d].s_refit[VARM_TEXT][m][c] = plant(0, .02);
    judge(CLAIM_C2, VERDICT_UNDECIDED, "refitted");
}
END_TEST

START_TEST(c2_needs_both_arms_and_both_designs) {
    for (int m = 0; m < VMETHOD_COUNT; m++)
        for (int d = 0; d < VDESIGN_COUNT; d++) in.design[d].s[VARM_CODI][m][VCREDIT_FULL] = plant(.5, .02);
    judge(CLAIM_C2, VERDICT_UNDECIDED, "joint coconut supported, joint codi refuted, cue coconut supported, cue codi");
    expect(CLAIM_C1, VERDICT_SUPPORTED, "above");
    world(SEEDS);
    text(VDESIGN_CUE, VMETHOD_SFT, VCREDIT_TARGETED, .1, .02);
    text(VDESIGN_CUE, VMETHOD_RL, VCREDIT_FULL, .1, .02);
    judge(CLAIM_C2, VERDICT_UNDECIDED, "joint codi supported, cue coconut refuted");
}
END_TEST

START_TEST(c2b_every_branch) {
    latent_both(VCREDIT_FULL, .5, .02);
    judge(CLAIM_C2B, VERDICT_REFUTED, "outside");
    latent_both(VCREDIT_FULL, -.5, .02);
    judge(CLAIM_C2B, VERDICT_REFUTED, "outside");
    latent_both(VCREDIT_FULL, .15, .02);
    judge(CLAIM_C2B, VERDICT_UNDECIDED, "holds a bound");
    latent_both(VCREDIT_FULL, -.15, .02);
    judge(CLAIM_C2B, VERDICT_UNDECIDED, "holds a bound");
    latent_both(VCREDIT_FULL, 0, 0); /* exactly 0 in every seed */
    judge(CLAIM_C2B, VERDICT_SUPPORTED, "within");
}
END_TEST

START_TEST(c3_every_branch) {
    bits(.1, .05, .1, .05);
    judge(CLAIM_C3, VERDICT_REFUTED, "no more than a token");
    bits(1, .1, -1, .1);
    judge(CLAIM_C3, VERDICT_REFUTED, "less than a whole step");
    bits(.3, 2, .1, .1);
    judge(CLAIM_C3, VERDICT_UNDECIDED, "neither rule");
    bits(1, .1, -.19, .1); /* L = -.26, L90 = -.248 */
    judge(CLAIM_C3, VERDICT_UNDECIDED, "may tell less");
    bits(1, .1, .1, .1);
    in.bits.a[VARM_CODI] = plant(.1, .05);
    judge(CLAIM_C3, VERDICT_UNDECIDED, "parts differ: coconut supported, codi refuted");
}
END_TEST

START_TEST(c4_every_branch) {
    latent_both(VCREDIT_TARGETED, .1, .02);
    judge(CLAIM_C4, VERDICT_REFUTED, "remains");
    latent_both(VCREDIT_TARGETED, .05, .02);
    judge(CLAIM_C4, VERDICT_UNDECIDED, "neither rule");
    latent_both(VCREDIT_FULL, 0, .02);
    judge(CLAIM_C4, VERDICT_UNDECIDED, "precondition L(S_full)");
    ck_assert_double_eq(out.claim[CLAIM_C4].p, 1);
}
END_TEST

START_TEST(c5_every_branch) {
    latent(VMETHOD_RL, VCREDIT_TARGETED, .2, .02);
    judge(CLAIM_C5, VERDICT_REFUTED, "does not help");
    world(SEEDS);
    for (int d = 0; d < VDESIGN_COUNT; d++) text(d, VMETHOD_RL, VCREDIT_TARGETED, .1, .02);
    judge(CLAIM_C5, VERDICT_REFUTED, "less than in text");
    world(SEEDS);
    latent(VMETHOD_RL, VCREDIT_TARGETED, .08, .3);
    judge(CLAIM_C5, VERDICT_UNDECIDED, "neither rule");
    world(SEEDS);
    /* gap about -.15: helps, but perhaps less than in text */
    for (int d = 0; d < VDESIGN_COUNT; d++) text(d, VMETHOD_RL, VCREDIT_TARGETED, .25, .02);
    judge(CLAIM_C5, VERDICT_UNDECIDED, "neither rule");
    for (int d = 0; d < VDESIGN_COUNT; d++) text(d, VMETHOD_RL, VCREDIT_TARGETED, .5, .02);
    judge(CLAIM_C5, VERDICT_UNDECIDED, "precondition L(m_text)");
    world(SEEDS);
    latent(VMETHOD_RL, VCREDIT_FULL, 0, .02);
    judge(CLAIM_C5, VERDICT_UNDECIDED, "precondition L(S_full latent)");
    world(SEEDS);
    for (int d = 0; d < VDESIGN_COUNT; d++) {
        text(d, VMETHOD_RL, VCREDIT_FULL, 0, .02);
        text(d, VMETHOD_RL, VCREDIT_TARGETED, -.3, .02);
    }
    judge(CLAIM_C5, VERDICT_UNDECIDED, "precondition L(S_full text)");
}
END_TEST

/* sft and rl alike, so that the mean of the two has exactly this mean and sd. */
static void exact(int arm, double mean, double sd) {
    for (int d = 0; d < VDESIGN_COUNT; d++) {
        const double *x = plant(mean, sd);
        in.design[d].s[arm][VMETHOD_SFT][arm == VARM_TEXT ? VCREDIT_TARGETED : VCREDIT_FULL] = x;
        in.design[d].s[arm][VMETHOD_RL][VCREDIT_FULL] = x;
    }
}

START_TEST(bounds_are_those_of_the_table) {
    /* .10 with sd .08: U = .157 lies beyond delta, U90 = .146 within */
    for (int arm = 0; arm < VARM_COUNT; arm++) exact(arm, .10, .08);
    bits(.2, .1, .1, .1); /* L = .13, U = .27: above 0, but its mean short of epsilon */
    judge(CLAIM_C1, VERDICT_UNDECIDED, "neither rule");
    expect(CLAIM_C2B, VERDICT_SUPPORTED, "within");
    expect(CLAIM_C3, VERDICT_UNDECIDED, "neither rule");
    exact(VARM_TEXT, .14, .06); /* L = .097, U = .183 */
    exact(VARM_COCONUT, 0, 0);
    exact(VARM_CODI, 0, 0);
    judge(CLAIM_C2, VERDICT_UNDECIDED, "neither rule");
}
END_TEST

START_TEST(p_of_a_conjunction_is_its_largest) {
    exact(VARM_TEXT, .5, .01);
    for (int d = 0; d < VDESIGN_COUNT; d++) in.design[d].s_random = plant(.45, .06);
    verdict_judge(&in, &arena, &out);
    const struct verdict_claim *c = &out.claim[CLAIM_C1];
    double largest = fmax(c->part[0].quantity[1].p, c->part[1].quantity[1].p);
    ck_assert_double_eq_tol(c->part[0].quantity[0].p, 2. / 1024, 1e-12);
    ck_assert_double_gt(largest, 10. / 1024);
    ck_assert_double_eq(c->p, largest);
}
END_TEST

START_TEST(holm_can_withhold_support) {
    /* Wide noise on text: t just clears 0, the sign-flip p is .01 to .05 and is not the smallest of the family. */
    text_native(.5, .65);
    for (int d = 0; d < VDESIGN_COUNT; d++)
        in.design[d].s[VARM_TEXT][VMETHOD_SFT][VCREDIT_TARGETED] = in.design[d].s[VARM_TEXT][VMETHOD_RL][VCREDIT_FULL];
    in.design[VDESIGN_JOINT].s_random = in.design[VDESIGN_CUE].s_random = plant(0, 0);
    in.bits.a[VARM_CODI] = NULL;
    judge(CLAIM_C1, VERDICT_UNDECIDED, "after Holm");
    const struct verdict_claim *c = &out.claim[CLAIM_C1];
    for (int i = 0; i < c->n_parts; i++) ck_assert_int_eq(c->part[i].verdict, VERDICT_SUPPORTED);
    ck_assert(c->p < .05 && c->p > .01 && c->p_holm >= .05);
    ck_assert_double_eq(out.claim[CLAIM_C3].p, 1);
}
END_TEST

/* One move for each gate that makes it fail, and what its detail must name. */
static void break_gate(int g) {
    struct verdict_design *cue = &in.design[VDESIGN_CUE];
    switch (g) {
    case GATE_G1:
        cue->base.accuracy[VARM_CODI] = plant(.94, 0);
        break;
    case GATE_G2:
        cue->base.floor_c[FLOOR_PAUSE] = plant(.51, 0);
        break;
    case GATE_G3:
        cue->monitor[VARM_CODI] = plant(.79, 0);
        break;
    case GATE_G4:
        cue->direct_refit[VARM_CODI] = plant(.39, 0);
        break;
    case GATE_G5:
        cue->same_again[VARM_CODI] = plant(.12, .1);
        break;
    case GATE_G6:
        cue->frozen_mind = plant(1e-12, 0);
        break;
    case GATE_G7:
        cue->reached[VARM_CODI] = plant(.9, 0);
        break;
    case GATE_G8:
        cue->cued[VARM_CODI] = plant(.31, 0);
        break;
    case GATE_G1_BITS:
        in.bits.base.accuracy[VARM_CODI] = plant(.94, 0);
        break;
    case GATE_G2_BITS:
        in.bits.base.necessity[VARM_CODI] = plant(.49, 0);
        break;
    }
}

START_TEST(each_gate_makes_its_claims_invalid) {
    static const char *const word[GATE_COUNT] = {"accuracy, arms apart, cue",
                                                 "pause c, cue",
                                                 "monitor before pressure, cue, codi, seed 1: 0.79",
                                                 "direct S refit, cue, codi: 0.39",
                                                 "A/A upper bound, cue, codi",
                                                 "frozen_mind S, cue",
                                                 "dose reached, cue, codi",
                                                 "F -> c, cued, cue, codi",
                                                 "accuracy",
                                                 "necessity, codi"};
    for (int g = 0; g < GATE_COUNT; g++) {
        world(SEEDS);
        break_gate(g);
        verdict_judge(&in, &arena, &out);
        for (int other = 0; other < GATE_COUNT; other++)
            ck_assert_int_eq(out.gate[other].state, other == g ? GATE_FAILED : GATE_PASSED);
        ck_assert_msg(strstr(out.gate[g].detail, word[g]) != NULL, "%s: %s", out.gate[g].id, out.gate[g].detail);
        bool bits_gate = g == GATE_G1_BITS || g == GATE_G2_BITS;
        for (int c = 0; c < CLAIM_COUNT; c++) {
            bool guarded = bits_gate == (c == CLAIM_C3);
            expect(c, guarded ? VERDICT_INVALID : VERDICT_SUPPORTED, guarded ? "failed" : ":");
        }
    }
}
END_TEST

START_TEST(the_other_sides_of_the_gates) {
    static const struct {
        int gate;
        bool fails;
    } want[] = {{GATE_G1, true}, {GATE_G1, true}, {GATE_G1, false}, {GATE_G2, true}, {GATE_G2, true},
                {GATE_G4, true}, {GATE_G4, true}, {GATE_G4, false}, {GATE_G5, true}, {GATE_G8, true}};
    for (int i = 0; i < (int)(sizeof want / sizeof *want); i++) {
        world(SEEDS);
        struct verdict_design *d = &in.design[VDESIGN_CUE];
        double *mixed = ARENA_NEW(&arena, double, SEEDS);
        for (int s = 0; s < SEEDS; s++) mixed[s] = s ? .9 : .1; /* mean .82: one seed alone fails a per-seed gate */
        switch (i) {
        case 0:
            d->base.accuracy[VARM_TEXT] = plant(1, 0), d->base.accuracy[VARM_CODI] = plant(.96, 0);
            break;
        case 1: /* at one, but low */
            for (int arm = 0; arm < VARM_COUNT; arm++) d->base.accuracy[arm] = plant(.94, 0);
            break;
        case 2: /* at both bounds; .98 - .95 is not .03 in binary */
            for (int arm = 0; arm < VARM_COUNT; arm++) d->base.accuracy[arm] = plant(arm ? .95 : .98, 0);
            break;
        case 3:
            d->base.floor_y[FLOOR_NO_COT] = plant(.6, 0);
            break;
        case 4:
            d->base.necessity[VARM_TEXT] = mixed;
            break;
        case 5:
            d->direct_frozen[VARM_TEXT] = plant(.59, .1);
            break;
        case 6:
            d->direct_answers[VARM_TEXT] = plant(.79, .1);
            break;
        case 7:
            d->direct_frozen[VARM_TEXT] = mixed;
            break; /* G4 is judged on the mean */
        case 8:
            d->same_again[VARM_TEXT] = plant(-.12, .1);
            break;
        case 9:
            d->uncued[VARM_TEXT] = mixed;
            break;
        }
        verdict_judge(&in, &arena, &out);
        ck_assert_msg(out.gate[want[i].gate].state == (want[i].fails ? GATE_FAILED : GATE_PASSED), "row %d: %s", i,
                      out.gate[want[i].gate].detail);
    }
}
END_TEST

START_TEST(a_gate_outranks_too_few_seeds) {
    world(9);
    judge(CLAIM_C1, VERDICT_UNDECIDED, "9 complete seeds");
    for (int c = 0; c < CLAIM_COUNT; c++) ck_assert_int_eq(out.claim[c].verdict, VERDICT_UNDECIDED);
    ck_assert_double_eq(out.claim[CLAIM_C1].p, 1);
    in.design[VDESIGN_JOINT].monitor[VARM_TEXT] = plant(.5, .1);
    judge(CLAIM_C1, VERDICT_INVALID, "G3 failed");
}
END_TEST

START_TEST(missing_pieces_are_undecided_with_the_reason) {
    struct verdict_input empty = verdict_input_defaults(0);
    verdict_judge(&empty, &arena, &out);
    for (int c = 0; c < CLAIM_COUNT; c++) {
        ck_assert_int_eq(out.claim[c].verdict, VERDICT_UNDECIDED);
        ck_assert(strstr(out.claim[c].reason, "not measured") != NULL);
    }
    for (int g = 0; g < GATE_COUNT; g++) ck_assert_int_eq(out.gate[g].state, GATE_UNMEASURED);

    in.design[VDESIGN_CUE].s_random = NULL;
    judge(CLAIM_C1, VERDICT_UNDECIDED, "cue: no data for S_text - S_random");
    expect(CLAIM_C2, VERDICT_SUPPORTED, ":");
    in.design[VDESIGN_CUE].same_again[VARM_CODI] = NULL;
    judge(CLAIM_C2, VERDICT_UNDECIDED, "G5 not measured: A/A lower bound, cue, codi: missing");
    expect(CLAIM_C3, VERDICT_SUPPORTED, ":");

    world(SEEDS);
    ((double *)in.design[VDESIGN_JOINT].s[VARM_CODI][VMETHOD_RL][VCREDIT_FULL])[4] = NAN;
    judge(CLAIM_C2, VERDICT_UNDECIDED, "joint codi: 9 complete seeds, fewer than 10");
    expect(CLAIM_C1, VERDICT_SUPPORTED, ":");
    ck_assert_int_eq(out.claim[CLAIM_C2].part[0].quantity[0].n, 10);
    ck_assert_int_eq(out.claim[CLAIM_C2].part[1].quantity[0].n, 9);
}
END_TEST

START_TEST(many_seeds_draw_and_repeat) {
    world(20);
    judge(CLAIM_C1, VERDICT_SUPPORTED, "above");
    struct stat_interval boot = out.claim[CLAIM_C1].part[0].quantity[0].boot_t;
    double p = out.claim[CLAIM_C1].p;
    ck_assert(p >= 1. / 20000 && p <= 4. / 20000); /* a drawn pattern keeps all 20 signs alike once in 524288 */
    verdict_judge(&in, &arena, &out);
    ck_assert(boot.lo == out.claim[CLAIM_C1].part[0].quantity[0].boot_t.lo && p == out.claim[CLAIM_C1].p);
}
END_TEST

Suite *suite_verdict(void) {
    Suite *s = suite_create("verdict");
    TCase *t = tcase_create("verdict");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, the_planted_world_supports_all_six);
    tcase_add_test(t, the_numbers_are_those_of_the_spec);
    tcase_add_test(t, c1_every_branch);
    tcase_add_test(t, c2_every_branch);
    tcase_add_test(t, c2_needs_both_arms_and_both_designs);
    tcase_add_test(t, c2b_every_branch);
    tcase_add_test(t, c3_every_branch);
    tcase_add_test(t, c4_every_branch);
    tcase_add_test(t, c5_every_branch);
    tcase_add_test(t, bounds_are_those_of_the_table);
    tcase_add_test(t, p_of_a_conjunction_is_its_largest);
    tcase_add_test(t, holm_can_withhold_support);
    tcase_add_test(t, each_gate_makes_its_claims_invalid);
    tcase_add_test(t, the_other_sides_of_the_gates);
    tcase_add_test(t, a_gate_outranks_too_few_seeds);
    tcase_add_test(t, missing_pieces_are_undecided_with_the_reason);
    tcase_add_test(t, many_seeds_draw_and_repeat);
    suite_add_tcase(s, t);
    return s;
}
