/* The model's gradients against finite differences, through text, thoughts, projected thoughts, and cut edges.
 *
 * For every tensor the directional derivative along a random direction, by central differences of the f32 loss (summed
 * in double), is compared with the gradient's component: step 1e-2, tolerance 2 % of the larger side plus 2e-3. The
 * detached chain is checked against the loss in which the thoughts are held as constants: exactly what detaching means. */
#include <check.h>
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/gemm.h"
#include "engine/loss.h"
#include "engine/mind.h"
#include "tests/engine/processor.h"
#include "tests/engine/slope.h"

Suite *suite_gradient(void);

enum { B = 3, Q = 5, THOUGHTS = 3, TAIL = 4, V = 13, C = 12, T = Q + THOUGHTS + TAIL };

struct setup {
    struct arena arena;
    struct gpt model;
    struct tape tape;
    struct head head;
    float *g, *captured; /* thoughts' vectors [THOUGHTS][B][C] */
    struct gpt_views gv;
    enum feed feed;
    bool read_last;          /* of the question */
    bool constant_thoughts;  /* thoughts are given vectors, not fed back */
    const float *input_grad; /* adds sum(input_grad . u_1) to the loss */
    int question[B][Q], tail[B][TAIL], target[B * TAIL], start[B];
};

static void open_setup(struct setup *s, enum feed feed, bool tied) {
    memset(s, 0, sizeof *s);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&s->arena, 1 << 20);
    struct gpt_config c = {.vocab = V, .context = T, .layers = 2, .heads = 3, .width = C, .channels = 1};
    c.tied = tied;
    c.projection = feed == FEED_PROJECTED;
    ck_assert_int_eq(gpt_open(&s->model, &s->arena, &c), ST_OK);
    gpt_init(&s->model, 7, .3, .5);
    struct rng r = rng_open(3, "test tokens", 0);
    for (long i = 0; i < s->model.n; i++) s->model.w[i] += .05f * rng_normal(&r); /* biases and gains off 0 and 1 */
    gpt_refresh(&s->model);
    s->feed = feed;
    s->g = ARENA_NEW(&s->arena, float, s->model.n);
    gpt_view(&s->model, s->g, &s->gv);
    s->captured = ARENA_NEW(&s->arena, float, THOUGHTS *B *C);
    tape_open(&s->tape, &s->arena, &s->model, TAPE_TRAIN, B, T, THOUGHTS);
    head_open(&s->head, &s->arena, &s->model, TAPE_TRAIN, B * TAIL);
    for (int b = 0; b < B; b++) {
        s->start[b] = b; /* left padding of 0, 1, 2 */
        for (int i = 0; i < Q; i++) s->question[b][i] = i < b ? -1 : (int)rng_below(&r, V);
        for (int i = 0; i < TAIL; i++) s->tail[b][i] = (int)rng_below(&r, V);
        for (int i = 0; i < TAIL; i++) s->target[b * TAIL + i] = (int)rng_below(&r, V);
    }
}

/* Vectors fed to the thoughts, as given input: [B][1][C] of thought k. */
static void constant_thought(struct setup *s, int k) {
    tape_vectors(&s->tape, 1, s->captured + (long)k * B * C, ROLE_REASONING);
}

static double forward(struct setup *s) {
    float logp[B * TAIL];
    double loss = 0.0;
    tape_reset(&s->tape, s->start);
    if (s->read_last) tape_read_last(&s->tape);
    tape_tokens(&s->tape, Q, s->question[0], Q, ROLE_QUESTION, NULL, 0);
    for (int k = 0; k < THOUGHTS && s->feed != FEED_NONE; k++) {
        if (s->constant_thoughts)
            constant_thought(s, k);
        else
            tape_thought(&s->tape, s->feed);
    }
    int t0 = tape_tokens(&s->tape, TAIL, s->tail[0], TAIL, ROLE_OUTPUT, NULL, 0);
    s->head.n = B * TAIL;
    for (int i = 0; i < B * TAIL; i++) {
        s->head.row[i] = i / TAIL;
        s->head.t[i] = t0 + i % TAIL;
    }
    head_forward(&s->head, &s->tape);
    loss_softmax(&s->head, s->target, logp);
    for (int i = 0; i < B * TAIL; i++) loss -= (double)logp[i];
    if (s->input_grad)
        for (int b = 0; b < B; b++)
            for (int i = 0; i < C; i++) loss += (double)(s->input_grad[b * C + i] * tape_fed(&s->tape, b, Q + 1)[i]);
    return loss;
}

static void backward(struct setup *s, struct tape_cuts cuts) {
    float weight[B * TAIL];
    for (int i = 0; i < B * TAIL; i++) weight[i] = 1.0f;
    loss_cross_entropy(&s->head, s->target, weight);
    head_backward(&s->head, &s->tape, &s->gv);
    if (s->input_grad) tape_inject(&s->tape, TAPE_INPUT, Q + 1, s->input_grad);
    tape_backward(&s->tape, &s->gv, cuts);
}

static double loss_of(void *s) {
    return forward(s);
}

static void check_all_tensors(struct setup *s) {
    struct rng r = rng_open(11, "direction", 0);
    slope_check(&s->model, s->g, &r, loss_of, s);
}

static void check_model(enum feed feed, bool tied, const float *input_grad) {
    struct setup s;
    open_setup(&s, feed, tied);
    s.input_grad = input_grad;
    forward(&s);
    backward(&s, (struct tape_cuts){0});
    check_all_tensors(&s);
    arena_close(&s.arena);
}

/* Tokens weighted by 1e-40 have subnormal gradients, which count as none; behind the gradient there are subnormals
 * again. */
START_TEST(subnormal_gradients_are_none) {
    struct setup s;
    float weight[B * TAIL];
    volatile float tiny = 1e-20f;
    open_setup(&s, FEED_PROJECTED, true);
    forward(&s);
    for (int i = 0; i < B * TAIL; i++) weight[i] = 1e-40f;
    loss_cross_entropy(&s.head, s.target, weight);
    ck_assert_float_ne(s.head.dlogits[s.target[0]], 0.0f);
    head_backward(&s.head, &s.tape, &s.gv);
    tape_backward(&s.tape, &s.gv, (struct tape_cuts){0});
    for (long i = 0; i < s.model.n; i++) ck_assert_float_eq(s.g[i], 0.0f);
    ck_assert_float_ne(tiny * tiny, 0.0f);
    arena_close(&s.arena);
}
END_TEST

START_TEST(text_tied) {
    check_model(FEED_NONE, true, NULL);
}
END_TEST

START_TEST(text_untied) {
    check_model(FEED_NONE, false, NULL);
}
END_TEST

START_TEST(thoughts_hidden) {
    check_model(FEED_HIDDEN, true, NULL);
}
END_TEST

START_TEST(thoughts_projected) {
    check_model(FEED_PROJECTED, true, NULL);
}
END_TEST

START_TEST(injected_at_a_thought) {
    float grad[B * C];
    struct rng r = rng_open(5, "inject", 0);
    for (int i = 0; i < B * C; i++) grad[i] = rng_normal(&r);
    check_model(FEED_HIDDEN, true, grad);
    check_model(FEED_PROJECTED, true, grad);
}
END_TEST

static void capture(struct setup *s) {
    forward(s);
    for (int k = 0; k < THOUGHTS; k++)
        for (int b = 0; b < B; b++)
            memcpy(s->captured + ((long)k * B + b) * C, tape_fed(&s->tape, b, Q + k), C * sizeof(float));
}

/* Detached thoughts: the gradient is that of the loss with the thoughts held constant. */
START_TEST(thoughts_detached) {
    const enum feed feeds[] = {FEED_HIDDEN, FEED_PROJECTED};
    for (int f = 0; f < 2; f++) {
        struct setup s;
        open_setup(&s, feeds[f], true);
        capture(&s);
        forward(&s);
        backward(&s, (struct tape_cuts){.feed = true});
        s.constant_thoughts = true;
        check_all_tensors(&s);
        const struct gpt_tensor *prj = gpt_find(&s.model, "prj.1.weight");
        for (long i = 0; prj && i < (long)prj->rows * prj->cols; i++) ck_assert(s.g[prj->offset + i] == 0.0f);
        arena_close(&s.arena);
    }
}
END_TEST

static double wpe_gradient(const struct setup *s, int t) {
    double total = 0.0;
    for (int i = 0; i < C; i++) total += fabs((double)s->gv.wpe[(long)t * C + i]);
    return total;
}

/* Position embeddings used by the reasoning alone show which edges carry gradient: row 0 has thoughts at Q .. Q+2. */
START_TEST(sealed_reaches_nothing) {
    struct setup s;
    open_setup(&s, FEED_HIDDEN, true);
    for (int b = 0; b < B; b++) s.start[b] = 0;
    forward(&s);
    backward(&s, (struct tape_cuts){.feed = true, .kv_roles = 1u << ROLE_REASONING});
    for (int t = Q; t < Q + THOUGHTS; t++) ck_assert(wpe_gradient(&s, t) == 0.0);
    ck_assert(wpe_gradient(&s, 0) > 0.0); /* the question's K/V is not sealed */
    memset(s.g, 0, (size_t)s.model.n * sizeof *s.g);
    forward(&s);
    backward(&s, (struct tape_cuts){.feed = true});
    for (int t = Q; t < Q + THOUGHTS; t++) ck_assert(wpe_gradient(&s, t) > 0.0);
    memset(s.g, 0, (size_t)s.model.n * sizeof *s.g);
    forward(&s);
    backward(&s, (struct tape_cuts){.feed = true, .kv_roles = 1u << ROLE_REASONING | 1u << ROLE_QUESTION});
    for (int t = 0; t < Q + THOUGHTS; t++) ck_assert(wpe_gradient(&s, t) == 0.0);
    arena_close(&s.arena);
}
END_TEST

/* K/V sealed but the feed open: the last thought then receives nothing, so it has nothing to pass back. */
START_TEST(feed_without_kv_carries_nothing) {
    struct setup s;
    open_setup(&s, FEED_HIDDEN, true);
    for (int b = 0; b < B; b++) s.start[b] = 0;
    forward(&s);
    backward(&s, (struct tape_cuts){.kv_roles = 1u << ROLE_REASONING});
    for (int t = Q; t < Q + THOUGHTS; t++) ck_assert(wpe_gradient(&s, t) == 0.0);
    arena_close(&s.arena);
}
END_TEST

/* Decoding position by position gives the states of the full forward, bit for bit, with left padding. */
START_TEST(decoding_equals_full_forward) {
    struct setup s;
    open_setup(&s, FEED_NONE, true);
    struct tape decode;
    tape_open_short(&decode, &s.arena, &s.model, B, T, 1, 0);
    forward(&s);
    tape_reset(&decode, s.start);
    for (int t = 0; t < Q + TAIL; t++) {
        int token[B];
        for (int b = 0; b < B; b++) token[b] = t < Q ? s.question[b][t] : s.tail[b][t - Q];
        tape_tokens(&decode, 1, token, 1, ROLE_QUESTION, NULL, 0);
        for (int b = 0; b < B; b++) {
            if (t < s.start[b]) continue;
            const float *full = tape_state(&s.tape, 2, b, t), *one = tape_state(&decode, 2, b, t);
            ck_assert_msg(memcmp(full, one, C * sizeof(float)) == 0, "row %d position %d", b, t);
        }
    }
    arena_close(&s.arena);
}
END_TEST

/* A question of which only the last state is read: the same loss to the bit, and its gradient. */
START_TEST(read_last_skips_nothing_that_counts) {
    const enum feed feeds[] = {FEED_NONE, FEED_HIDDEN, FEED_PROJECTED};
    for (int f = 0; f < 3; f++) {
        struct setup s;
        open_setup(&s, feeds[f], true);
        double all = forward(&s);
        s.read_last = true;
        ck_assert(forward(&s) == all);
        backward(&s, (struct tape_cuts){0});
        check_all_tensors(&s);
        arena_close(&s.arena);
    }
}
END_TEST

/* tape_cut_to forgets a continuation entirely. */
START_TEST(cut_to_replays) {
    struct setup s;
    open_setup(&s, FEED_HIDDEN, true);
    double first = forward(&s);
    tape_cut_to(&s.tape, Q);
    for (int k = 0; k < THOUGHTS; k++) tape_thought(&s.tape, FEED_HIDDEN);
    tape_tokens(&s.tape, TAIL, s.tail[0], TAIL, ROLE_OUTPUT, NULL, 0);
    float logp[B * TAIL];
    head_forward(&s.head, &s.tape);
    loss_softmax(&s.head, s.target, logp);
    double again = 0.0;
    for (int i = 0; i < B * TAIL; i++) again -= (double)logp[i];
    ck_assert(first == again);
    arena_close(&s.arena);
}
END_TEST

/* Under TAPE_INFER what is cut off has overwritten the state that a thought would come from: none is run. Behind other
 * tokens everything is as if nothing had been cut. */
START_TEST(no_thought_comes_from_a_state_that_is_lost) {
    struct setup s;
    struct tape tape;
    float once[B * C];
    open_setup(&s, FEED_HIDDEN, true);
    tape_open(&tape, &s.arena, &s.model, TAPE_INFER, B, T, 0);
    for (int cut = 0; cut < 2; cut++) {
        tape_reset(&tape, s.start);
        tape_tokens(&tape, Q, s.question[0], Q, ROLE_QUESTION, NULL, 0);
        if (cut) {
            tape_thought(&tape, FEED_HIDDEN);
            tape_cut_to(&tape, Q);
            const pid_t child = fork();
            if (child == 0) {
                const struct rlimit none = {0};
                fclose(stderr);
                if (setrlimit(RLIMIT_CORE, &none) == 0) tape_thought(&tape, FEED_HIDDEN);
                _exit(0);
            }
            int how = 0;
            ck_assert_int_eq(waitpid(child, &how, 0), child);
            ck_assert(WIFSIGNALED(how) && WTERMSIG(how) == SIGABRT);
        }
        tape_tokens(&tape, TAIL, s.tail[0], TAIL, ROLE_OUTPUT, NULL, 0);
        const int t = tape_thought(&tape, FEED_HIDDEN);
        for (int b = 0; b < B; b++) {
            const float *state = tape_state(&tape, 2, b, t);
            if (!cut) memcpy(once + b * C, state, C * sizeof *state);
            ck_assert_mem_eq(once + b * C, state, C * sizeof *state);
        }
    }
    arena_close(&s.arena);
}
END_TEST

Suite *suite_gradient(void) {
    Suite *suite = suite_create("gradient");
    TCase *tc = tcase_create("gradient");
    tcase_set_timeout(tc, 60);
    if (flushes_subnormals()) tcase_add_test(tc, subnormal_gradients_are_none);
    tcase_add_test(tc, text_tied);
    tcase_add_test(tc, text_untied);
    tcase_add_test(tc, thoughts_hidden);
    tcase_add_test(tc, thoughts_projected);
    tcase_add_test(tc, injected_at_a_thought);
    tcase_add_test(tc, thoughts_detached);
    tcase_add_test(tc, sealed_reaches_nothing);
    tcase_add_test(tc, feed_without_kv_carries_nothing);
    tcase_add_test(tc, decoding_equals_full_forward);
    tcase_add_test(tc, read_last_skips_nothing_that_counts);
    tcase_add_test(tc, cut_to_replays);
    tcase_add_test(tc, no_thought_comes_from_a_state_that_is_lost);
    suite_add_tcase(suite, tc);
    return suite;
}
