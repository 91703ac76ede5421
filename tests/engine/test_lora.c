/* Low-rank weights: what they add, their gradients, what training leaves alone, and the files that hold them.
 *
 * The gradients are compared with what the dense gradient of the same merged model gives by the definition
 * W' = W + s A B: dA = s dW B^T, dB = s A^T dW, worked out in double. Tolerance 1e-4 of the largest element. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/adamw.h"
#include "engine/base/fs.h"
#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "engine/loss.h"
#include "engine/tape.h"
#include "tests/edited.h"

Suite *suite_lora(void);

enum { B = 3, Q = 5, THOUGHTS = 2, TAIL = 3, V = 17, C = 12, R = 3, T = Q + THOUGHTS + TAIL };
static const double SCALE = 0.25;

static struct arena arena;

static void open_arena(void) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&arena, 1 << 20);
}

static void close_arena(void) {
    arena_close(&arena);
}

/* lora 0: the same model without. Every weight is off its initial value. */
static struct gpt make(int lora, bool projection) {
    struct gpt m;
    const struct gpt_config c = {.vocab = V,
                                 .context = T,
                                 .layers = 2,
                                 .heads = 3,
                                 .width = C,
                                 .channels = 1,
                                 .tied = true,
                                 .projection = projection,
                                 .lora = lora,
                                 .lora_scale = SCALE};
    ck_assert_int_eq(gpt_open(&m, &arena, &c), ST_OK);
    gpt_init(&m, 7, .3, .5);
    for (int k = 0; k < m.n_tensors; k++) {
        const struct gpt_tensor *t = &m.tensors[k];
        struct rng r = rng_open(5, t->name, 1);
        for (long i = 0; i < (long)t->rows * t->cols; i++) m.w[t->offset + i] += .1f * rng_normal(&r);
    }
    gpt_refresh(&m);
    return m;
}

/* The model that acts alike with dense weights alone. */
static struct gpt dense_of(const struct gpt *m) {
    struct gpt d = make(0, m->config.projection);
    for (int k = 0; k < d.n_tensors; k++) {
        struct gpt_tensor *t = &d.tensors[k];
        memcpy(d.w + t->offset, gpt_weights(m, gpt_find(m, t->name)),
               (size_t)t->rows * (size_t)t->cols * sizeof(float));
    }
    gpt_refresh(&d);
    return d;
}

/* One forward and backward pass; the gradient lies in g afterwards, the logits in `logits` [B * TAIL][V]. */
static void pass(const struct gpt *m, float **g, float *logits) {
    struct tape tape;
    struct head head;
    struct gpt_views gv;
    struct rng r = rng_open(3, "lora tokens", 0);
    int question[B][Q], tail[B][TAIL], target[B * TAIL], start[B];
    float logp[B * TAIL], weight[B * TAIL];
    *g = gpt_gradient_open(m, &arena, &gv);
    tape_open(&tape, &arena, m, TAPE_TRAIN, B, T, THOUGHTS);
    head_open(&head, &arena, m, TAPE_TRAIN, B * TAIL);
    for (int b = 0; b < B; b++) {
        start[b] = b;
        for (int i = 0; i < Q; i++) question[b][i] = i < b ? -1 : (int)rng_below(&r, V);
        for (int i = 0; i < TAIL; i++) tail[b][i] = (int)rng_below(&r, V);
        for (int i = 0; i < TAIL; i++) target[b * TAIL + i] = (int)rng_below(&r, V);
    }
    tape_reset(&tape, start);
    tape_tokens(&tape, Q, question[0], Q, ROLE_QUESTION, NULL, 0);
    for (int k = 0; k < THOUGHTS; k++) tape_thought(&tape, m->config.projection ? FEED_PROJECTED : FEED_HIDDEN);
    const int t0 = tape_tokens(&tape, TAIL, tail[0], TAIL, ROLE_OUTPUT, NULL, 0);
    head.n = B * TAIL;
    for (int i = 0; i < head.n; i++) {
        head.row[i] = i / TAIL;
        head.t[i] = t0 + i % TAIL;
        weight[i] = 1.0f;
    }
    head_forward(&head, &tape);
    memcpy(logits, head.logits, sizeof(float) * B * TAIL * V);
    loss_softmax(&head, target, logp);
    loss_cross_entropy(&head, target, weight);
    head_backward(&head, &tape, &gv);
    tape_backward(&tape, &gv, (struct tape_cuts){0});
}

START_TEST(without_b_it_is_the_model_below) {
    struct gpt m = make(R, true), plain = make(0, true);
    float *g, with[B * TAIL * V], without[B * TAIL * V];
    for (int k = 0; k < m.n_tensors; k++) {
        const struct gpt_tensor *t = &m.tensors[k];
        if (t->adapter && t->rows == R) memset(m.w + t->offset, 0, (size_t)t->rows * (size_t)t->cols * sizeof(float));
    }
    gpt_refresh(&m);
    pass(&m, &g, with);
    pass(&plain, &g, without);
    ck_assert_mem_eq(with, without, sizeof with);
    m = make(R, true);
    pass(&m, &g, with);
    ck_assert(memcmp(with, without, sizeof with) != 0); /* and with B it is not */
}
END_TEST

/* By hand: width 1 cannot be, so one element of one matrix: W + .25 (a1 b1 + a2 b2 + a3 b3). */
START_TEST(the_product_is_added) {
    struct gpt m = make(R, false);
    const struct gpt_tensor *w = gpt_find(&m, "h.1.mlp.c_fc.weight"), *a = gpt_find(&m, "h.1.mlp.c_fc.lora_A.weight"),
                            *b = gpt_find(&m, "h.1.mlp.c_fc.lora_B.weight");
    for (int k = 0; k < R; k++) {
        m.w[a->offset + 2L * R + k] = (float)(k + 1);
        m.w[b->offset + k * 4L * C + 5] = 2.0f;
    }
    m.w[w->offset + 2L * 4 * C + 5] = 10.0f;
    gpt_refresh(&m);
    ck_assert_float_eq(gpt_weights(&m, w)[2 * 4 * C + 5], 13.0f); /* 10 + .25 (1 + 2 + 3) 2 */
    ck_assert_float_eq(m.p.layer[1].fc_w[2 * 4 * C + 5], 13.0f);
    ck_assert_float_eq(m.pt.layer[1].fc_w[5 * C + 2], 13.0f);
    ck_assert_float_eq(m.w[w->offset + 2L * 4 * C + 5], 10.0f);
}
END_TEST

static double largest(const float *x, long n) {
    double most = 0.0;
    for (long i = 0; i < n; i++) most = fmax(most, fabs((double)x[i]));
    return most;
}

START_TEST(gradients_are_those_of_the_definition) {
    struct gpt m = make(R, _i), dense = dense_of(&m);
    float *g, *gd, logits[B * TAIL * V], same[B * TAIL * V];
    pass(&m, &g, logits);
    pass(&dense, &gd, same);
    ck_assert_mem_eq(logits, same, sizeof logits);
    int checked = 0;
    for (int k = 0; k < m.n_tensors; k++) {
        const struct gpt_tensor *t = &m.tensors[k];
        if (t->offset < m.frozen) continue;
        const float *own = g + t->offset - m.frozen;
        if (!t->adapter) { /* the projection: as without LoRA */
            ck_assert_mem_eq(own, gd + gpt_find(&dense, t->name)->offset,
                             (size_t)t->rows * (size_t)t->cols * sizeof *g);
            continue;
        }
        char stem[48];
        const int length = (int)(strstr(t->name, ".lora_") - t->name);
        snprintf(stem, sizeof stem, "%.*s.weight", length, t->name);
        const struct gpt_tensor *w = gpt_find(&dense, stem);
        const bool is_a = t->rows == w->rows && t->cols == R;
        snprintf(stem, sizeof stem, "%.*s.lora_%c.weight", length, t->name, is_a ? 'B' : 'A');
        const float *other = m.w + gpt_find(&m, stem)->offset, *dw = gd + w->offset;
        const double tolerance = 1e-4 * largest(own, (long)t->rows * t->cols);
        ck_assert(tolerance > 0.0);
        for (int i = 0; i < t->rows; i++)
            for (int j = 0; j < t->cols; j++) {
                double sum = 0.0;
                if (is_a)
                    for (int o = 0; o < w->cols; o++)
                        sum += (double)dw[(long)i * w->cols + o] * (double)other[(long)j * w->cols + o];
                else
                    for (int x = 0; x < w->rows; x++)
                        sum += (double)other[(long)x * R + i] * (double)dw[(long)x * w->cols + j];
                ck_assert_double_eq_tol((double)own[(long)i * t->cols + j], SCALE * sum, tolerance);
            }
        checked++;
    }
    ck_assert_int_eq(checked, 2 * 4 * 2);
}
END_TEST

START_TEST(a_step_moves_the_low_rank_weights_alone) {
    struct gpt m = make(R, true), before = make(R, true);
    struct adamw o;
    float *g, logits[B * TAIL * V], again[B * TAIL * V];
    double norm;
    pass(&m, &g, logits);
    adamw_open(&o, &arena, &m, .9, .99, .01, 1.0);
    ck_assert_int_eq(adamw_step(&o, &m, g, 1e-2, NULL, &norm), ST_OK);
    ck_assert_double_gt(norm, 0.0);
    ck_assert_int_eq(gpt_trained(&m), m.n - m.frozen);
    ck_assert_mem_eq(m.w, before.w, (size_t)m.frozen * sizeof(float));
    for (int k = 0; k < m.n_tensors; k++) {
        const struct gpt_tensor *t = &m.tensors[k];
        const bool same =
            memcmp(m.w + t->offset, before.w + t->offset, (size_t)t->rows * (size_t)t->cols * sizeof(float)) == 0;
        ck_assert_msg(same == (t->offset < m.frozen), "%s", t->name);
    }
    for (long i = 0; i < gpt_trained(&m); i++) ck_assert(g[i] == 0.0f);
    pass(&m, &g, logits); /* with what gpt_refresh_trained made */
    gpt_refresh(&m);
    pass(&m, &g, again);
    ck_assert_mem_eq(logits, again, sizeof logits);
}
END_TEST

START_TEST(without_lora_everything_is_trained) {
    struct gpt m = make(0, true);
    ck_assert_int_eq(m.frozen, 0);
    ck_assert_int_eq(gpt_trained(&m), m.n);
    ck_assert_ptr_null(m.merged);
    struct gpt_config c = m.config;
    c.lora = C + 1;
    ck_assert_int_eq(gpt_open(&m, &arena, &c), ST_USAGE);
}
END_TEST

static void assert_same(const struct gpt *x, const struct gpt *y) {
    float *g, a[B * TAIL * V], b[B * TAIL * V];
    ck_assert_int_eq(x->n, y->n);
    ck_assert_mem_eq(x->w, y->w, (size_t)x->n * sizeof(float));
    pass(x, &g, a);
    pass(y, &g, b);
    ck_assert_mem_eq(a, b, sizeof a);
}

START_TEST(files_of_what_was_trained) {
    char folder[] = "/tmp/test_lora.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct gpt m = make(R, true), plain = make(0, true), read;
    const char *whole = arena_printf(&arena, "%s/whole", folder), *part = arena_printf(&arena, "%s/part", folder),
               *rest = arena_printf(&arena, "%s/rest", folder), *other = arena_printf(&arena, "%s/other", folder);
    ck_assert_int_eq(checkpoint_save_gpt(whole, &m), ST_OK);
    ck_assert_int_eq(checkpoint_save_trained(part, &m), ST_OK);
    ck_assert_int_eq(checkpoint_save_gpt(rest, &plain), ST_OK); /* its frozen tensors are those of m */
    ck_assert_msg(checkpoint_load_gpt(&read, &arena, whole) == ST_OK, "%s", status_message());
    ck_assert_int_eq(read.config.lora, R);
    ck_assert_double_eq(read.config.lora_scale, SCALE);
    assert_same(&read, &m);
    ck_assert_msg(checkpoint_load_trained(&read, &arena, part, rest) == ST_OK, "%s", status_message());
    assert_same(&read, &m);
    ck_assert_msg(checkpoint_load_trained(&read, &arena, part, whole) == ST_OK, "%s", status_message());
    assert_same(&read, &m);
    ck_assert_msg(checkpoint_load_trained(&read, &arena, rest, "nowhere") == ST_OK, "%s", status_message());
    char *text;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, part, &text, &size), ST_OK);
    ck_assert_uint_lt(size, (size_t)gpt_trained(&m) * sizeof(float) + 8192);

    ck_assert_int_eq(checkpoint_load_gpt(&read, &arena, part), ST_DATA);
    ck_assert_msg(strstr(status_message(), "without the frozen weights"), "%s", status_message());
    struct gpt_config narrow = plain.config;
    narrow.width = 6;
    struct gpt small;
    ck_assert_int_eq(gpt_open(&small, &arena, &narrow), ST_OK);
    ck_assert_int_eq(checkpoint_save_gpt(other, &small), ST_OK);
    ck_assert_int_eq(checkpoint_load_trained(&read, &arena, part, other), ST_DATA);
    narrow = plain.config;
    narrow.layers = 1;
    ck_assert_int_eq(gpt_open(&small, &arena, &narrow), ST_OK);
    ck_assert_int_eq(checkpoint_save_gpt(other, &small), ST_OK);
    ck_assert_int_eq(checkpoint_load_trained(&read, &arena, part, other), ST_DATA);
    ck_assert_msg(strstr(status_message(), "its frozen 'h.1.ln_1.weight' is not in"), "%s", status_message());
    ck_assert_int_eq(checkpoint_load_trained(&read, &arena, part, "nowhere"), ST_IO);
    /* a model without LoRA is trained whole, and stored whole */
    ck_assert_int_eq(checkpoint_save_trained(other, &plain), ST_OK);
    ck_assert_int_eq(checkpoint_load_gpt(&read, &arena, other), ST_OK);
    assert_same(&read, &plain);
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

START_TEST(files_that_lie_about_what_was_trained) {
    static const struct {
        const char *key, *from, *to, *says; /* in the metadata */
    } lies[] = {
        {"spillover.config", "\"lora\":3", "\"lora\":0", "expected a rank from 1"},
        {"spillover.config", "\"lora\":3", "\"lora\":\"3\"", "expected a rank from 1"},
        {"spillover.config", "\"lora\":3", "\"lora\":3000000000", "expected a rank from 1"},
        {"spillover.config", "\"lora_scale\":0.25", "\"lora_scale\":true", "and a lora_scale"},
        {"spillover.config", "\"lora_scale\"", "\"scale\"", "and a lora_scale"},
        {"spillover.config", "\"lora\":3,", "", "expected 10 members, found 11"},
        {"spillover.config", "\"lora\":3", "\"lora\":4", "expected shape"},
        {"spillover.part", "trained", "all", "expected by the configuration, found none"},
        /* a small file cannot ask for a large model */
        {"spillover.config", "\"vocab\":17", "\"vocab\":16777216", "its frozen 'wte.weight' is not in"},
        {"spillover.config", "\"context\":10", "\"context\":16777216", "its frozen 'wpe.weight' is not in"},
    };
    char folder[] = "/tmp/test_lora.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct gpt m = make(R, true), plain = make(0, true), wide, read;
    const char *part = arena_printf(&arena, "%s/part", folder), *rest = arena_printf(&arena, "%s/rest", folder),
               *bad = arena_printf(&arena, "%s/bad", folder);
    struct checkpoint c, frozen;
    ck_assert_int_eq(checkpoint_save_trained(part, &m), ST_OK);
    ck_assert_int_eq(checkpoint_save_gpt(rest, &plain), ST_OK);
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        ck_assert_int_eq(checkpoint_read(&arena, part, &c), ST_OK);
        for (int k = 0; k < c.n_meta; k++)
            if (strcmp(c.meta[k].key, lies[i].key) == 0)
                c.meta[k].value = edited(&arena, c.meta[k].value, lies[i].from, lies[i].to);
        ck_assert_int_eq(checkpoint_write(bad, &c), ST_OK);
        ck_assert_msg(checkpoint_load_trained(&read, &arena, bad, rest) == ST_DATA, "%s", lies[i].to);
        ck_assert_msg(strstr(status_message(), lies[i].says), "%s: %s", lies[i].to, status_message());
    }
    /* a frozen tensor among those that were trained */
    ck_assert_int_eq(checkpoint_read(&arena, part, &c), ST_OK);
    ck_assert_int_eq(checkpoint_read(&arena, rest, &frozen), ST_OK);
    struct checkpoint_tensor *more = ARENA_NEW(&arena, struct checkpoint_tensor, c.n + 1);
    memcpy(more, c.tensors, (size_t)c.n * sizeof *more);
    more[c.n++] = *checkpoint_find(&frozen, "wte.weight");
    c.tensors = more;
    ck_assert_int_eq(checkpoint_write(bad, &c), ST_OK);
    ck_assert_int_eq(checkpoint_load_trained(&read, &arena, bad, rest), ST_DATA);
    ck_assert_msg(strstr(status_message(), "expected none of this name"), "%s", status_message());
    /* frozen weights of more tokens than the model has, and of fewer; of more positions */
    static const struct {
        int vocab, context;
        const char *says;
    } others[] = {
        {V + 1, T, "its frozen 'wte.weight' is not in"},
        {V - 1, T, "its frozen 'wte.weight' is not in"},
        {V, T + 1, "its frozen 'wpe.weight' is not in"},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        struct gpt_config config = plain.config;
        config.vocab = others[i].vocab;
        config.context = others[i].context;
        ck_assert_int_eq(gpt_open(&wide, &arena, &config), ST_OK);
        ck_assert_int_eq(checkpoint_save_gpt(rest, &wide), ST_OK);
        ck_assert_msg(checkpoint_load_trained(&read, &arena, part, rest) == ST_DATA, "%zu", i);
        ck_assert_msg(strstr(status_message(), others[i].says), "%s", status_message());
    }
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

Suite *suite_lora(void) {
    Suite *s = suite_create("lora");
    TCase *t = tcase_create("lora");
    tcase_add_checked_fixture(t, open_arena, close_arena);
    tcase_add_test(t, without_b_it_is_the_model_below);
    tcase_add_test(t, the_product_is_added);
    tcase_add_loop_test(t, gradients_are_those_of_the_definition, 0, 2);
    tcase_add_test(t, a_step_moves_the_low_rank_weights_alone);
    tcase_add_test(t, without_lora_everything_is_trained);
    tcase_add_test(t, files_of_what_was_trained);
    tcase_add_test(t, files_that_lie_about_what_was_trained);
    suite_add_tcase(s, t);
    return s;
}
