/* Bits, effort and use of a reading, and what dictionaries find, on vectors in which all of it was planted. */
#include <check.h>
#include <math.h>
#include <string.h>

#include "metrics/dictionary.h"
#include "metrics/door.h"
#include "tests/metrics/decode_setup.h"

Suite *suite_decode_use(void);

/* ---- bits, effort, use ---- */

/* The value before in coordinates of its own, behind those of the value. */
static void plant_previous(struct rollout *r, const struct problem *p) {
    for (int i = 0; i < r->n; i++)
        for (int k = 1; k < STEPS; k++) r->u[((long)i * r->R + k) * r->C + P + p[i].value[k - 1]] += 2.0f;
}

/* Of the seven operations four add 1..4 and three multiply by 2..4. Values are uniform; given the next, the one before is
 * uniform over others but for 0: H = (3/7 log 7/3 + 4/7 log 7) / 5 + 4/5 (1/7 log 7 + 6/7 log 7/2). */
static double entropy_of_previous(void) {
    const double at_zero = 3.0 / 7 * log2(7.0 / 3) + 4.0 / 7 * log2(7.0);
    return at_zero / 5 + 4.0 / 5 * (1.0 / 7 * log2(7.0) + 6.0 / 7 * log2(3.5));
}

START_TEST(bits_count_what_is_shared_once) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    subject_measure(s, "bits");
    /* step 1 is c, step 3 the answer: their names are not counted beside their value */
    for (int k = 0; k < STEPS; k++) ck_assert_double_eq_tol(subject_value("bits", k, "joint", "step"), log2(P), .2);
    ck_assert_double_eq_tol(subject_value("bits", -1, "joint", "position"), log2(P), .15);
    ck_assert_double_eq(subject_value("bits", -1, "joint", "position"), subject_value("bits", -1, "joint", "step"));

    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    plant_previous(&s->m.own_fit, s->fit);
    plant_previous(&s->m.own_test, s->test);
    subject_measure(s, "bits");
    ck_assert_double_eq_tol(subject_value("bits", 0, "joint", "step"), log2(P), .2);
    ck_assert_double_eq_tol(subject_value("bits", 1, "joint", "step"), log2(P) + entropy_of_previous(), .2);
    ck_assert_double_eq_tol(subject_value("bits", 2, "joint", "step"), 2 * log2(P),
                            .2); /* the other chain's last value */
    ck_assert_double_eq_tol(subject_value("bits", 3, "joint", "step"), log2(P) + entropy_of_previous(), .2);

    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    subject_measure(s, "bits");
    ck_assert_double_eq_tol(subject_value("bits", -1, "joint", "step"), 0, .15);
}
END_TEST

START_TEST(effort_tells_reading_from_memory) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    subject_measure(s, "selectivity");
    subject_measure(s, "mdl_compression");
    /* the first step's type is its value, which the vector holds: its control label is known too */
    ck_assert_double_ge(subject_value("selectivity", 0, "value", "control"), .99);
    ck_assert_double_eq_tol(subject_value("selectivity", 0, "value", "u"), 0, .01);
    for (int k = 1; k < STEPS; k++) ck_assert_double_ge(subject_value("selectivity", k, "value", "u"), .25);
    for (int k = 0; k < STEPS; k++) ck_assert_double_ge(subject_value("mdl_compression", k, "value", "u"), 5);
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    subject_measure(s, "selectivity");
    subject_measure(s, "mdl_compression");
    for (int k = 1; k < STEPS; k++) {
        ck_assert_double_eq_tol(subject_value("selectivity", k, "value", "u"), 0, .25);
        ck_assert_double_eq_tol(subject_value("mdl_compression", k, "value", "u"), 1, .12);
    }
}
END_TEST

/* Given back unchanged, vectors change nothing, and a text's are its tokens. */
START_TEST(the_door_changes_nothing_by_itself) {
    struct subject *of[2] = {&subject_thinker, &subject_writer};
    for (int i = 0; i < 2; i++) {
        struct door door;
        subject_measurement(of[i], FIT);
        door_open(&door, &of[i]->m);
        ck_assert_int_ge(door.n, TEST / 2);
        door_run(&door, door.own);
        ck_assert_double_eq(door_changed(&door, &of[i]->m), 0.0);
        for (int j = 0; j < door.n; j++) {
            const struct rollout *own = &of[i]->m.own_test;
            const size_t bytes = (size_t)own->V * sizeof(float);
            ck_assert_mem_eq(door.out.p_answer + (long)j * own->V, own->p_answer + (long)door.item[j] * own->V, bytes);
        }
    }
}
END_TEST

START_TEST(erasure_needs_something_to_erase) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    subject_measure(s, "erasure");
    ck_assert_str_eq(subject_row("erasure", -1, -1, "value", "leace")->status, "skip");
    ck_assert_str_eq(subject_row("erasure", -1, -1, "value", "difference")->status, "skip");
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    subject_measure(s, "erasure");
    ck_assert_double_eq_tol(
        subject_value("erasure", -1, "value", "difference"),
        subject_value("erasure", -1, "value", "leace") - subject_value("erasure", -1, "value", "random"), 1e-12);
    /* one token of text is its value and nothing else: the control would erase the same */
    struct rollout *own[2] = {&subject_writer.m.own_fit, &subject_writer.m.own_test};
    subject_measurement(&subject_writer, FIT);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < own[side]->n; i++)
            for (int k = 0; k < STEPS; k++) {
                const int token = (side ? subject_writer.test : subject_writer.fit)[i].reasoning[k];
                memcpy(own[side]->u + ((long)i * STEPS + k) * WIDTH, subject_writer.model.p.wte + (long)token * WIDTH,
                       WIDTH * sizeof(float));
                own[side]->n_reasoning[i] = STEPS;
            }
    subject_measure(&subject_writer, "erasure");
    ck_assert_str_eq(subject_row("erasure", -1, -1, "value", "leace")->status, "ok");
    ck_assert_str_eq(subject_row("erasure", -1, -1, "value", "difference")->status, "skip");
}
END_TEST

/* The mind's stated answers, replaced by values of the problem or by values of nothing. */
static void state_answers(struct subject *s, bool of_reasoning) {
    struct rollout *own[2] = {&s->m.own_fit, &s->m.own_test};
    struct rng r = rng_open(8, "answers", 0);
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < own[side]->n; i++) {
            const int known = (side ? s->test : s->fit)[i].value[2], other = (int)rng_below(&r, P);
            own[side]->output[(long)i * own[side]->O + s->task.shape.slot_answer - 1] =
                s->task.task->value_token(&s->task, TASK_AT_OUTPUT, of_reasoning ? known : other, 0);
        }
}

START_TEST(reasoning_helps_to_foretell_what_follows_from_it) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    state_answers(s, true);
    subject_measure(s, "simulatability");
    ck_assert_double_ge(subject_value("simulatability", -1, "answer", "with"), .98);
    subject_is_chance(subject_value("simulatability", -1, "answer", "without"), TEST);
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    state_answers(s, false);
    subject_measure(s, "simulatability");
    ck_assert_double_eq_tol(subject_value("simulatability", -1, "answer", "gain"), 0, .15);
}
END_TEST

START_TEST(dictionaries_find_what_was_planted) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    measurement_set_before(&s->m, &s->mind, NULL);
    subject_plant_both(s, &s->m.before->own_fit, &s->m.before->own_test, 2.0f, 0);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 2.0f, 0);
    subject_measure(s, "sae_fvu");
    subject_measure(s, "sae_dead");
    subject_measure(s, "sae_sparse");
    subject_measure(s, "sae_polysemanticity");
    subject_measure(s, "sae_loss_recovered");
    static const char *const kinds[] = {"own", "shared"};
    for (int i = 0; i < 2; i++) {
        /* what no dictionary explains is noise, .1^2 a coordinate; five directions are all there is to find */
        ck_assert_double_le(subject_value("sae_fvu", -1, "", kinds[i]), 16 * .01 / (4 * .8 + 16 * .01));
        ck_assert_double_le(subject_value("sae_polysemanticity", -1, "", kinds[i]), .3);
        const struct metric_row *r = subject_row("sae_fvu", -1, -1, "", kinds[i]);
        ck_assert(r->lo <= r->value && r->value <= r->hi && r->lo < r->hi);
    }
    ck_assert_double_ge(subject_value("sae_sparse", -1, "value", "own.k1"), .98);
    ck_assert_double_ge(subject_value("sae_sparse", -1, "value", "raw.k1"), .98);
    ck_assert_double_le(subject_value("sae_sparse", -1, "c", "own.k1"), .75); /* a quarter of the steps is c */
}
END_TEST

START_TEST(dictionaries_of_noise_tell_nothing) {
    struct subject *s = &subject_thinker;
    subject_measurement(s, FIT);
    subject_plant_both(s, &s->m.own_fit, &s->m.own_test, 0.0f, 0);
    subject_measure(s, "sae_sparse");
    ck_assert_double_eq_tol(subject_value("sae_sparse", -1, "value", "own.k1"), .5, .06);
    ck_assert_double_eq_tol(subject_value("sae_sparse", -1, "value", "own.k16"), .5, .06);
    ck_assert_double_eq_tol(subject_value("sae_sparse", -1, "c", "raw.k5"), .5, .06);
}
END_TEST

Suite *suite_decode_use(void) {
    Suite *s = suite_create("decode_use");
    TCase *t = tcase_create("decode_use");
    tcase_add_unchecked_fixture(t, subjects_open, subjects_close);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, bits_count_what_is_shared_once);
    tcase_add_test(t, effort_tells_reading_from_memory);
    tcase_add_test(t, the_door_changes_nothing_by_itself);
    tcase_add_test(t, erasure_needs_something_to_erase);
    tcase_add_test(t, reasoning_helps_to_foretell_what_follows_from_it);
    tcase_add_test(t, dictionaries_find_what_was_planted);
    tcase_add_test(t, dictionaries_of_noise_tell_nothing);
    suite_add_tcase(s, t);
    return s;
}
