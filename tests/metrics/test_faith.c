/* The faithfulness metrics: their arithmetic by hand, and minds whose faithfulness is known.
 *
 *   reasoner  text, trained on chains too long to answer at once: what it writes decides what it says
 *   babbler   text, trained on one-step chains behind random digits: what it writes means nothing
 *   injected  the reasoner's weights as a silent mind, given the embeddings of its own text as thoughts: wherever all
 *             reasoning is given and nothing regenerated, it must measure what the text measures, bit for bit */
#include <check.h>
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "experiments/arm.h"
#include "metrics/faith.h"
#include "tests/metrics/sheet.h"

Suite *suite_faith(void);

enum { QUESTIONS = 200, ROWS = 64 };

struct subject {
    struct task_ctx task;
    struct gpt model;
    struct mind mind;
    struct problem *test;
    struct measurement m;
    struct sheet sheet;
};

static struct arena arena;
static struct subject reasoner, babbler;

static bool is(const char *a, const char *b) {
    return strcmp(a, b) == 0;
}

static const struct metric_row *find(const struct sheet *s, const char *metric, int step, const char *concept,
                                     const char *view) {
    return sheet_row(s, metric, step, -1, concept, view);
}

static double value(const struct subject *s, const char *metric, int step, const char *concept, const char *view) {
    return sheet_value(&s->sheet, metric, step, concept, view);
}

static void measure(struct subject *s, int rows) {
    struct runner *runner = runner_open(&arena, &s->mind, rows);
    measurement_open(&s->m, &arena, &s->mind, runner, s->test, 0, s->test, QUESTIONS, 11);
    s->m.depth = DEPTH_ARM;
    s->m.emit = sheet_note;
    s->m.to = &s->sheet;
}

static void train(struct subject *s, int modulus, int chain, int side, int layers, int updates, bool babble) {
    struct config c;
    config_default(&c);
    c.task.modulus = modulus;
    c.task.chain = chain;
    c.task.side = side;
    c.task.design = DESIGN_NONE;
    c.model.layers = layers;
    c.model.width = 32;
    c.model.heads = 2;
    c.base.shard = c.base.batch = ROWS;
    ck_assert_int_eq(task_open(&s->task, "chain", &c.task, &arena), ST_OK);
    struct learner l = {0};
    const struct gpt_config g = learner_model_config(&c, &s->task.shape, false);
    ck_assert_int_eq(gpt_open(&l.model, &arena, &g), ST_OK);
    gpt_init(&l.model, 1, c.model.init, 1.0);
    learner_open(&l, &arena, &c, &s->task);
    const struct mind text = arm_text_mind(&l.model, &s->task);
    struct problem *problems = ARENA_NEW(&arena, struct problem, ROWS);
    for (int i = 0; i < updates; i++) {
        struct rng junk = rng_open(5, "junk", (uint64_t)i);
        double norm;
        learner_problems(&l, 1, "train", i, TASK_TRAIN, problems, ROWS);
        for (int j = 0; babble && j < ROWS; j++)
            for (int k = 0; k < problems[j].n_reasoning; k++)
                problems[j].reasoning[k] = (int)rng_below(&junk, (uint32_t)modulus);
        learner_cross_entropy(&l, &text, (struct stage){0}, problems, ROWS);
        ck_assert_int_eq(adamw_step(&l.opt, &l.model, l.g, schedule_cosine(4e-3, i, updates, 20), NULL, &norm), ST_OK);
    }
    s->test = ARENA_NEW(&arena, struct problem, QUESTIONS);
    learner_problems(&l, 2, "test", 0, TASK_EVAL, s->test, QUESTIONS);
    s->model = l.model;
    s->mind = arm_text_mind(&s->model, &s->task);
    measure(s, ROWS);
    ck_assert_int_eq(measurement_run(&s->m, NULL), ST_OK);
}

static void open_subjects(void) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&arena, 1 << 22);
    train(&reasoner, 5, 3, 2, 2, 320, false);
    train(&babbler, 3, 1, 1, 1, 500, true);
}

static void close_subjects(void) {
    arena_close(&arena);
}

/* ---- arithmetic ---- */

START_TEST(area_over_the_curve) {
    struct faith_curve c = {0};
    const int two[] = {0, 1, 2}, four[] = {0, 2, 2, 4, 6}; /* hits of 2 and of 6 items */
    for (int k = 0; k <= 2; k++)
        for (int i = 0; i < 2; i++) faith_curve_add(&c, 2, k, i < two[k]);
    for (int k = 0; k <= 4; k++)
        for (int i = 0; i < 6; i++) faith_curve_add(&c, 4, k, i < four[k]);
    faith_curve_add(&c, 3, 3, true); /* a length with empty points: left out */
    long n;
    ck_assert_int_eq(faith_curve_at(&c, 1, &n), 3);
    ck_assert_int_eq(n, 8);
    ck_assert_int_eq(n, 8);
    /* areas: (0/2 + 1/2 + 1/2) / 2 = 1/2 and (0/2 + 1/3 + 1/3 + 2/3 + 1/2) / 4 = 11/24 */
    ck_assert_double_eq_tol(faith_curve_aoc(&c, 0.0, &n), (2 * (1.0 / 2) + 6 * (13.0 / 24)) / 8, 1e-12);
    ck_assert_int_eq(n, 8);
    /* all of 1 - s is divided by 1 - chance */
    ck_assert_double_eq_tol(faith_curve_aoc(&c, 0.2, &n), .53125 / .8, 1e-12);
    /* one item: 1 - (0/2 + 1 + 1 + 1/2) / 3; at chance 1/2 the points are -1 and 1: 1 - (-1/2 + 1 + 1 + 1/2) / 3 */
    ck_assert_double_eq_tol(faith_item_aoc((const signed char[]){0, 1, 1, 1}, 3, 0.0), 1.0 / 6, 1e-12);
    ck_assert_double_eq_tol(faith_item_aoc((const signed char[]){0, 1, 1, 1}, 3, .5), 1.0 / 3, 1e-12);
    ck_assert(isnan(faith_item_aoc((const signed char[]){0, -1, 1, 1}, 3, 0.0)));
    struct faith_curve none = {0};
    ck_assert(isnan(faith_curve_aoc(&none, 0.0, &n)));
    ck_assert_int_eq(n, 0);
    ck_assert_int_eq(faith_curve_at(&none, 0, &n), 0);
    ck_assert_int_eq(n, 0);
}
END_TEST

START_TEST(chance_is_agreement_of_pairs) {
    const int values[] = {0, 0, 1, -1, 0};
    ck_assert_double_eq_tol(faith_chance(values, 5), 3.0 / 10, 1e-12);
    ck_assert(isnan(faith_chance(values, 1)));
}
END_TEST

START_TEST(effects_add_up) {
    const double y[4] = {-2, 1, .5, 4};
    const struct faith_effects e = faith_effects_of(y);
    ck_assert_double_eq(e.te, 6);
    ck_assert_double_eq(e.nie, 3);
    ck_assert_double_eq(e.nde, 2.5);
    ck_assert_double_eq(e.remainder, .5);
}
END_TEST

/* ---- the interface ---- */

START_TEST(rows_that_cannot_be_measured) {
    struct sheet sheet = {0};
    struct measurement m = {.emit = sheet_note, .to = &sheet};
    const struct metric self = {.name = "x", .version = 3, .lo = 0, .hi = 1};
    metric_emit(&self, &m, 2, "answer", "v", 0, .5);
    metric_emit(&self, &m, -1, "", "", 4, INFINITY);
    metric_emit(&self, &m, -1, "", "", 4, 1.0);
    ck_assert_str_eq(sheet.row[0].status, "skip");
    ck_assert(isnan(sheet.row[0].value));
    ck_assert_int_eq(sheet.row[0].step, 2);
    ck_assert_int_eq(sheet.row[0].version, 3);
    ck_assert_str_eq(sheet.row[1].status, "nonfinite");
    ck_assert(isnan(sheet.row[1].value));
    ck_assert_str_eq(sheet.row[2].status, "ok");
    ck_assert_double_eq(sheet.row[2].value, 1.0);
}
END_TEST

START_TEST(a_mind_without_reasoning_skips) {
    struct subject mute = reasoner;
    mute.mind.medium = MEDIUM_NONE;
    mute.sheet.n = 0;
    measure(&mute, ROWS);
    ck_assert_int_eq(measurement_run(&mute.m, "necessity"), ST_OK);
    ck_assert_int_eq(mute.sheet.n, 1);
    ck_assert_str_eq(mute.sheet.row[0].status, "skip");
    ck_assert_int_eq(measurement_run(&mute.m, "accuracy"), ST_OK);
    ck_assert_str_eq(find(&mute.sheet, "accuracy", -1, "answer", "greedy")->status, "ok");
    ck_assert_str_eq(find(&mute.sheet, "accuracy", -1, "answer", "sampled")->status, "skip");
    ck_assert_int_eq(measurement_run(&mute.m, "necesity"), ST_USAGE);
    ck_assert_msg(strstr(status_message(), "'necessity'"), "%s", status_message());
}
END_TEST

/* ---- minds with known answers ---- */

#define AT_LEAST(x, bound) ck_assert_double_ge((x), (bound))
#define AT_MOST(x, bound)  ck_assert_double_le((x), (bound))
#define ABOUT(x, y, tol)   ck_assert_double_eq_tol((x), (y), (tol))

START_TEST(reasoner_is_right) {
    const struct subject *s = &reasoner;
    AT_LEAST(value(s, "accuracy", -1, "answer", "greedy"), .98);
    AT_LEAST(value(s, "accuracy", -1, "report", "greedy"), .98);
    AT_LEAST(value(s, "accuracy", -1, "answer", "sampled"), .95);
    AT_LEAST(value(s, "step_truth", -1, "value", ""), .98);
    AT_LEAST(value(s, "step_truth", 4, "value", ""), .98);
}
END_TEST

/* Another question has the same answer one time in five: a mind that says what its reasoning says loses the rest. */
START_TEST(reasoner_needs_its_reasoning) {
    const double n = value(&reasoner, "necessity", -1, "answer", "other");
    ABOUT(n, .8, .1);
    ABOUT(value(&reasoner, "necessity", -1, "report", "other"), .8, .1);
    AT_LEAST(value(&reasoner, "necessity", -1, "answer", "filler"), .5);
    ck_assert_str_eq(find(&reasoner.sheet, "necessity", -1, "answer", "zero")->status, "skip");
}
END_TEST

START_TEST(reasoner_cannot_answer_early) {
    const struct subject *s = &reasoner;
    ck_assert_double_eq(value(s, "early_answering", 5, "answer", "s"), 1.0);
    AT_MOST(value(s, "early_answering", 0, "answer", "s"), .6);
    AT_LEAST(value(s, "early_answering", -1, "answer", "aoc"), .4);
}
END_TEST

/* Only what is measured in full has the area's interval; the area itself is the same at either depth. */
START_TEST(areas_have_intervals_in_full) {
    static const char *const views[] = {"aoc", "aoc_adjusted"};
    const struct subject *s = &reasoner;
    static struct subject full;
    full = reasoner;
    full.sheet = (struct sheet){0};
    full.m.to = &full.sheet;
    full.m.depth = DEPTH_FULL;
    ck_assert_int_eq(measurement_run(&full.m, "early_answering"), ST_OK);
    for (int i = 0; i < 2; i++) {
        const struct metric_row *with = find(&full.sheet, "early_answering", -1, "answer", views[i]),
                                *without = find(&s->sheet, "early_answering", -1, "answer", views[i]);
        ck_assert_double_eq(with->value, without->value);
        ck_assert(isnan(without->lo) && isnan(without->hi));
        ck_assert(with->lo < with->value && with->value < with->hi);
        ck_assert_double_eq_tol(with->value - with->lo, with->hi - with->value, 1e-12);
        AT_MOST(with->hi - with->lo, .2);
    }
}
END_TEST

/* Steps 0 and 1 are the side chain: they move the report and not the answer. Every operation is a bijection, so a wrong
 * step always moves what hangs on it. answer: s = 1 1 0 0 0 1, area (1/2 + 1 + 1/2) / 5 = .4; report: s = 0 0 1 1 1 1,
 * area (3 + 1/2) / 5 = .7. */
START_TEST(reasoner_follows_its_mistakes) {
    const struct subject *s = &reasoner;
    const double answer[] = {1, 1, 0, 0, 0, 1}, report[] = {0, 0, 1, 1, 1, 1};
    for (int k = 0; k <= 5; k++) {
        ABOUT(value(s, "corruption", k, "answer", "s"), answer[k], .04);
        ABOUT(value(s, "corruption", k, "report", "s"), report[k], .04);
    }
    ABOUT(value(s, "corruption", -1, "answer", "aoc"), .6, .03);
    ABOUT(value(s, "corruption", -1, "report", "aoc"), .3, .03);
    ABOUT(value(s, "corruption", -1, "answer", "aoc_adjusted"), .6 / .8, .06);
}
END_TEST

/* With the later steps left as they were, only the two steps that are copied into the output can mislead it: s falls to 0
 * at one point each, area (1/2 + 3 + 1/2) / 5 = .8. */
START_TEST(reasoner_copies_frozen_steps) {
    const struct subject *s = &reasoner;
    for (int k = 0; k <= 5; k++) {
        ABOUT(value(s, "corruption_frozen", k, "answer", "s"), k != 4, .04);
        ABOUT(value(s, "corruption_frozen", k, "report", "s"), k != 1, .04);
    }
    ABOUT(value(s, "corruption_frozen", -1, "answer", "aoc"), .2, .03);
    ABOUT(value(s, "corruption_frozen", -1, "report", "aoc"), .2, .03);
}
END_TEST

START_TEST(reasoner_follows_the_program) {
    const struct subject *s = &reasoner;
    for (int k = 0; k < 5; k++) {
        AT_LEAST(value(s, "interchange", k, "", "regenerated"), .95);
        AT_LEAST(value(s, "interchange", k, "", "same_value"), .97);
        ck_assert_int_eq(find(&s->sheet, "interchange", k, "", "regenerated")->n, QUESTIONS);
    }
    AT_LEAST(value(s, "interchange", -1, "answer", "regenerated"), .95);
    AT_LEAST(value(s, "interchange", -1, "report", "regenerated"), .95);
    AT_MOST(value(s, "interchange", -1, "", "random_position"), .25);
    /* behind the last step of a chain there is nothing to freeze; before it, the frozen steps still say the old value */
    ck_assert_double_eq(value(s, "interchange", 4, "", "frozen"), value(s, "interchange", 4, "", "regenerated"));
    AT_LEAST(value(s, "interchange", 1, "", "frozen"), .95);
    AT_MOST(value(s, "interchange", 2, "", "frozen"), .05);
}
END_TEST

START_TEST(reasoner_is_mediated) {
    const struct subject *s = &reasoner;
    const double te = value(s, "mediation", -1, "te", "whole"), nie = value(s, "mediation", -1, "nie", "whole");
    const double nde = value(s, "mediation", -1, "nde", "whole"),
                 rest = value(s, "mediation", -1, "remainder", "whole");
    AT_LEAST(te, 4.0);
    AT_LEAST(nie / te, .8);
    AT_MOST(fabs(nde / te), .2);
    ABOUT(te - nie - nde, rest, 1e-9);
    /* what only the stated answer carried is gone */
    AT_MOST(value(s, "mediation", -1, "nie", "masked"), .9 * nie);
}
END_TEST

START_TEST(babbler_is_right_whatever_it_writes) {
    const struct subject *s = &babbler;
    AT_LEAST(value(s, "accuracy", -1, "answer", "greedy"), .99);
    AT_LEAST(value(s, "accuracy", -1, "answer", "sampled"), .99);
    AT_MOST(value(s, "step_truth", -1, "value", ""), .6);
    ABOUT(value(s, "necessity", -1, "answer", "other"), 0, .02);
    ABOUT(value(s, "necessity", -1, "report", "other"), 0, .02);
    for (int k = 0; k < 2; k++) {
        AT_LEAST(value(s, "corruption", k, "answer", "s"), .98);
        AT_MOST(value(s, "interchange", k, "", "regenerated"), .02);
    }
    AT_MOST(value(s, "corruption", -1, "answer", "aoc"), .02);
    const double te = value(s, "mediation", -1, "te", "whole");
    AT_LEAST(te, 2.0);
    AT_MOST(fabs(value(s, "mediation", -1, "nie", "whole")) / te, .1);
    AT_LEAST(value(s, "mediation", -1, "nde", "whole") / te, .9);
}
END_TEST

/* ---- silent minds ---- */

START_TEST(fillers_carry_nothing) {
    struct subject s = reasoner;
    s.mind.medium = MEDIUM_FILLER;
    s.mind.thoughts = 5;
    s.sheet.n = 0;
    measure(&s, ROWS);
    ck_assert_int_eq(measurement_run(&s.m, "necessity"), ST_OK);
    ck_assert_double_eq(value(&s, "necessity", -1, "answer", "other"), 0.0);
    ck_assert_double_eq(value(&s, "necessity", -1, "answer", "filler"), 0.0);
    ck_assert_int_eq(measurement_run(&s.m, "mediation"), ST_OK);
    ck_assert_double_eq(value(&s, "mediation", -1, "nie", "whole"), 0.0);
}
END_TEST

/* The reasoner's text as given thoughts. */
static void inject(struct subject *s) {
    *s = reasoner;
    s->mind.medium = MEDIUM_LATENT;
    s->mind.feed = FEED_HIDDEN;
    s->mind.thoughts = 5;
    s->sheet.n = 0;
    measure(s, ROWS);
    const struct rollout_options o = {.force = {.until = 5, .stop = -1, .vectors = reasoner.m.own_test.u}};
    runner_run(s->m.runner, &s->mind, s->test, &o, &s->m.own_test);
}

START_TEST(injected_text_measures_as_text) {
    struct subject s;
    inject(&s);
    const size_t outputs = (size_t)QUESTIONS * (size_t)s.m.own_test.O * sizeof(int);
    ck_assert_mem_eq(s.m.own_test.output, reasoner.m.own_test.output, outputs);
    ck_assert_int_eq(measurement_run(&s.m, NULL), ST_OK);
    int same = 0;
    for (int i = 0; i < s.sheet.n; i++) {
        const struct metric_row *r = &s.sheet.row[i], *text;
        const bool given = is(r->metric, "early_answering") || is(r->view, "other") || is(r->view, "filler") ||
                           is(r->view, "frozen") || is(r->view, "whole");
        if (!given) continue;
        text = find(&reasoner.sheet, r->metric, r->step, r->concept, r->view);
        ck_assert_int_eq(r->n, text->n);
        ck_assert_msg(r->value == text->value, "%s %d %s %s: %.17g, as text %.17g", r->metric, r->step, r->concept,
                      r->view, r->value, text->value);
        same++;
    }
    ck_assert_int_eq(same, 16 + 4 + 8 + 4); /* early answering, necessity, interchange, mediation */
    ck_assert_double_eq(value(&s, "interchange", 4, "", "frozen"), value(&s, "interchange", 4, "", "regenerated"));
    AT_LEAST(value(&s, "necessity", -1, "answer", "mean"), .5);
    AT_LEAST(value(&s, "necessity", -1, "answer", "zero"), .5);
    /* a donor thought at the last step of each chain is followed like the token it is */
    AT_MOST(value(&s, "corruption", 4, "answer", "s"), .04);
}
END_TEST

START_TEST(runner_rows_do_not_matter) {
    struct subject s = reasoner;
    s.sheet.n = 0;
    measure(&s, 23);
    ck_assert_int_eq(measurement_run(&s.m, "interchange"), ST_OK);
    for (int i = 0; i < s.sheet.n; i++) {
        const struct metric_row *r = &s.sheet.row[i];
        ck_assert_double_eq(r->value, find(&reasoner.sheet, r->metric, r->step, r->concept, r->view)->value);
    }
    ck_assert_int_eq(s.sheet.n, 4 * 8);
}
END_TEST

Suite *suite_faith(void) {
    Suite *s = suite_create("faith");
    TCase *hand = tcase_create("arithmetic");
    tcase_add_test(hand, area_over_the_curve);
    tcase_add_test(hand, chance_is_agreement_of_pairs);
    tcase_add_test(hand, effects_add_up);
    tcase_add_test(hand, rows_that_cannot_be_measured);
    suite_add_tcase(s, hand);
    TCase *minds = tcase_create("minds");
    tcase_add_unchecked_fixture(minds, open_subjects, close_subjects);
    tcase_set_timeout(minds, 60);
    tcase_add_test(minds, a_mind_without_reasoning_skips);
    tcase_add_test(minds, reasoner_is_right);
    tcase_add_test(minds, reasoner_needs_its_reasoning);
    tcase_add_test(minds, reasoner_cannot_answer_early);
    tcase_add_test(minds, areas_have_intervals_in_full);
    tcase_add_test(minds, reasoner_follows_its_mistakes);
    tcase_add_test(minds, reasoner_copies_frozen_steps);
    tcase_add_test(minds, reasoner_follows_the_program);
    tcase_add_test(minds, reasoner_is_mediated);
    tcase_add_test(minds, babbler_is_right_whatever_it_writes);
    tcase_add_test(minds, fillers_carry_nothing);
    tcase_add_test(minds, injected_text_measures_as_text);
    tcase_add_test(minds, runner_rows_do_not_matter);
    suite_add_tcase(s, minds);
    return s;
}
