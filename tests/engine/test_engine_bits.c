/* Same bits: for any number of threads, on either instruction set, and after a resume; nothing allocated in a step; and
 * the bits of this ENGINE_VERSION, so that moving them is a decision.
 *
 * Runs of a two-layer model over question, thoughts and answer; `text` has no thoughts, `reward` weighs tokens by signed
 * advantages. One run is in portable mode in a process of its own, since BLIS is chosen once a process. */
#include <check.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/adamw.h"
#include "engine/base/sha256.h"
#include "engine/gemm.h"
#include "engine/lanes.h"
#include "engine/loss.h"
#include "engine/version.h"
#include "tests/engine/processor.h"

Suite *suite_engine_bits(void);

enum { ROWS = 8, SHARD = 2, Q = 9, TAIL = 7, VOCAB = 19, STEPS = 100, LANES = 4 };
enum kind { TEXT, THOUGHTS, REWARD, KINDS };

struct trainer {
    struct arena arena;
    struct gpt model;
    struct adamw opt;
    struct lanes lanes;
    struct {
        struct tape tape;
        struct head head;
        struct gpt_views gv;
    } lane[LANES];
    enum kind kind;
    int question[ROWS][Q], tail[ROWS][TAIL], target[ROWS][TAIL];
    float weight[ROWS][TAIL], logp[ROWS][TAIL];
};

static void open_trainer(struct trainer *t, enum kind kind, int threads) {
    const struct gpt_config c = {.vocab = VOCAB,
                                 .context = Q + 3 + TAIL,
                                 .layers = 2,
                                 .heads = 4,
                                 .width = 32,
                                 .channels = 1,
                                 .tied = true,
                                 .projection = true};
    memset(t, 0, sizeof *t);
    t->kind = kind;
    arena_open(&t->arena, 1 << 20);
    ck_assert_int_eq(gpt_open(&t->model, &t->arena, &c), ST_OK);
    gpt_init(&t->model, 3, .1, .5);
    adamw_open(&t->opt, &t->arena, &t->model, .9, .95, .1, 1.0);
    ck_assert_int_eq(lanes_open(&t->lanes, &t->arena, LANES, threads, gpt_trained(&t->model)), ST_OK);
    for (int k = 0; k < LANES; k++) {
        tape_open(&t->lane[k].tape, &t->arena, &t->model, TAPE_TRAIN, SHARD, Q + 3 + TAIL, 3);
        head_open(&t->lane[k].head, &t->arena, &t->model, TAPE_TRAIN, SHARD * TAIL);
        t->lanes.g[k] = gpt_gradient_open(&t->model, &t->arena, &t->lane[k].gv);
    }
}

static void close_trainer(struct trainer *t) {
    lanes_close(&t->lanes);
    arena_close(&t->arena);
}

static void draw(struct trainer *t, int step) {
    struct rng r = rng_open(7, "bits", (uint64_t)step);
    for (int b = 0; b < ROWS; b++) {
        for (int i = 0; i < Q; i++) t->question[b][i] = i < b % 3 ? -1 : (int)rng_below(&r, VOCAB);
        for (int i = 0; i < TAIL; i++) {
            t->tail[b][i] = (int)rng_below(&r, VOCAB);
            t->target[b][i] = t->tail[b][i] * 5 % VOCAB;
            t->weight[b][i] = t->kind == REWARD ? (float)rng_uniform(&r) - .5f : .02f;
        }
    }
}

static void shard(void *ctx, int lane, int i) {
    struct trainer *t = ctx;
    struct tape *tape = &t->lane[lane].tape;
    struct head *head = &t->lane[lane].head;
    const int first = i * SHARD, start[SHARD] = {first % 3, (first + 1) % 3};
    tape_reset(tape, start);
    tape_read_last(tape);
    tape_tokens(tape, Q, t->question[first], Q, ROLE_QUESTION, NULL, 0);
    for (int k = 0; t->kind != TEXT && k < 3; k++) tape_thought(tape, k ? FEED_PROJECTED : FEED_HIDDEN);
    const int t0 = tape_tokens(tape, TAIL, t->tail[first], TAIL, ROLE_OUTPUT, NULL, 0);
    head->n = SHARD * TAIL;
    for (int j = 0; j < SHARD * TAIL; j++) {
        head->row[j] = j / TAIL;
        head->t[j] = t0 + j % TAIL;
    }
    head_forward(head, tape);
    loss_softmax(head, t->target[first], t->logp[first]);
    loss_cross_entropy(head, t->target[first], t->weight[first]);
    head_backward(head, tape, &t->lane[lane].gv);
    tape_backward(tape, &t->lane[lane].gv, (struct tape_cuts){0});
}

static void train(struct trainer *t, int from, int to) {
    double norm;
    for (int i = from; i < to; i++) {
        draw(t, i);
        lanes_run(&t->lanes, ROWS / SHARD, shard, t);
        ck_assert_int_eq(adamw_step(&t->opt, &t->model, t->lanes.g[0], 1e-3, NULL, &norm), ST_OK);
    }
}

static void hash_of(const struct trainer *t, char hex[65]) {
    struct sha256 h;
    sha256_open(&h);
    sha256_update(&h, t->model.w, (size_t)t->model.n * sizeof(float));
    sha256_hex(&h, hex);
}

static void open_engine(void) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
}

/* The trained weights' hash of every kind, from a process whose kernels are `isa`. */
static void hashes_on(const char *isa, char hex[KINDS][65]) {
    int ends[2], code;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        static struct trainer t;
        setenv("SPILLOVER_ISA", isa, 1);
        if (gemm_open(GEMM_AUTO, NUMERIC_PORTABLE) != ST_OK || strcmp(gemm_isa(), isa) != 0) _exit(2);
        for (int kind = 0; kind < KINDS; kind++) {
            open_trainer(&t, (enum kind)kind, 1);
            train(&t, 0, STEPS);
            hash_of(&t, hex[kind]);
            close_trainer(&t);
        }
        _exit(write(ends[1], hex, KINDS * 65) == KINDS * 65 ? 0 : 1);
    }
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], hex, KINDS * 65), KINDS * 65);
    close(ends[0]);
    ck_assert_int_eq(waitpid(pid, &code, 0), pid);
    ck_assert_int_eq(code, 0);
}

/* One forward and backward over T tokens; the gradient. */
static float *gradient_of(struct gpt *m, struct arena *a, int T) {
    static const int tokens[] = {3, 1, 4, 1, 5, 9}, target[] = {1, 4, 1, 5, 9, 2};
    static const float weight[] = {1, 1, 1, 1, 1, 1};
    float logp[6];
    struct tape tape;
    struct head head;
    struct gpt_views gv;
    float *g = gpt_gradient_open(m, a, &gv);
    tape_open(&tape, a, m, TAPE_TRAIN, 1, T, 0);
    head_open(&head, a, m, TAPE_TRAIN, T);
    tape_reset(&tape, NULL);
    tape_tokens(&tape, T, tokens, T, ROLE_OUTPUT, NULL, 0);
    head.n = T;
    for (int t = 0; t < T; t++) head.t[t] = t;
    head_forward(&head, &tape);
    loss_softmax(&head, target, logp);
    loss_cross_entropy(&head, target, weight);
    head_backward(&head, &tape, &gv);
    tape_backward(&tape, &gv, (struct tape_cuts){0});
    return g;
}

static float *turn(struct arena *a, const float *w, int in, int out) {
    float *to = ARENA_NEW(a, float, (size_t)in *(size_t)out);
    gemm_transpose(in, out, w, out, to, in);
    return to;
}

/* A model just too large for transposed copies of its blocks' matrices has the gradient that it has with them. */
START_TEST(turning_late_moves_no_bit) {
    enum { T = 6, C = 512, L = 11 };
    const struct gpt_config c = {.vocab = VOCAB, .context = T, .layers = L, .heads = 8, .width = C, .channels = 1};
    struct arena a;
    struct gpt m;
    open_engine();
    arena_open(&a, 1 << 20);
    ck_assert_int_eq(gpt_open(&m, &a, &c), ST_OK);
    ck_assert_int_lt(m.n_turned, 2 * VOCAB * C);
    ck_assert_ptr_null(m.pt.layer[0].fc_w);
    gpt_init(&m, 3, .02, .5);
    const float *late = gradient_of(&m, &a, T);
    for (int l = 0; l < L; l++) {
        const struct gpt_layer *p = &m.p.layer[l];
        m.pt.layer[l].qkv_w = turn(&a, p->qkv_w, C, 3 * C);
        m.pt.layer[l].proj_w = turn(&a, p->proj_w, C, C);
        m.pt.layer[l].fc_w = turn(&a, p->fc_w, C, 4 * C);
        m.pt.layer[l].fcproj_w = turn(&a, p->fcproj_w, 4 * C, C);
    }
    ck_assert_mem_eq(late, gradient_of(&m, &a, T), (size_t)m.n * sizeof *late);
    ck_assert_float_ne(late[m.tensors[m.n_tensors / 2].offset], 0.0f);
    arena_close(&a);
}
END_TEST

/* Moving these bits needs a new ENGINE_VERSION, and then the new hashes here. */
static const struct {
    int version;
    const char *hex[KINDS];
} golden = {3,
            {"0e7d2b2a4cdabb37e32d712bc5e008dd69f97cded060405bd6ceff0770cffba1",
             "b7692b6cde4234f49516abc5bbffa5d6dae8a76fa96808238ea51d4890dd54b6",
             "eebc09e1144b733c1638ab74369e45582fe27904a9588a6eba177ecd3bef3464"}};

START_TEST(bits_of_this_version) {
    char narrow[KINDS][65], wide[KINDS][65];
    hashes_on("avx2", narrow);
    ck_assert_int_eq(golden.version, ENGINE_VERSION);
    for (int kind = 0; kind < KINDS; kind++)
        ck_assert_msg(strcmp(narrow[kind], golden.hex[kind]) == 0,
                      "run %d gives %s: if the bits were to move, raise ENGINE_VERSION and put this here", kind,
                      narrow[kind]);
    if (no_avx512()) return;
    hashes_on("avx512", wide);
    ck_assert_mem_eq(narrow, wide, sizeof wide);
}
END_TEST

START_TEST(threads_move_no_bit) {
    static struct trainer t;
    char one[65], many[65];
    open_engine();
    open_trainer(&t, (enum kind)_i, 1);
    train(&t, 0, STEPS);
    hash_of(&t, one);
    close_trainer(&t);
    for (int threads = 2; threads <= 4; threads++) {
        open_trainer(&t, (enum kind)_i, threads);
        train(&t, 0, STEPS);
        hash_of(&t, many);
        close_trainer(&t);
        ck_assert_str_eq(one, many);
    }
}
END_TEST

/* Weights, moments and the count of updates are all that a run is. */
START_TEST(resuming_moves_no_bit) {
    static struct trainer whole, cut, rest;
    char straight[65], resumed[65];
    open_engine();
    open_trainer(&whole, (enum kind)_i, 1);
    train(&whole, 0, 40);
    hash_of(&whole, straight);
    for (int at = 1; at < 40; at += 12) {
        open_trainer(&cut, (enum kind)_i, 1);
        train(&cut, 0, at);
        open_trainer(&rest, (enum kind)_i, 2);
        const size_t bytes = (size_t)cut.model.n * sizeof(float);
        memcpy(rest.model.w, cut.model.w, bytes);
        memcpy(rest.opt.m, cut.opt.m, bytes);
        memcpy(rest.opt.v, cut.opt.v, bytes);
        rest.opt.t = cut.opt.t;
        gpt_refresh(&rest.model);
        train(&rest, at, 40);
        hash_of(&rest, resumed);
        close_trainer(&cut);
        close_trainer(&rest);
        ck_assert_str_eq(straight, resumed);
    }
    close_trainer(&whole);
}
END_TEST

START_TEST(resting_moves_no_bit) {
    static struct trainer t;
    char straight[65], rested[65];
    open_engine();
    open_trainer(&t, (enum kind)_i, 2);
    train(&t, 0, 20);
    hash_of(&t, straight);
    close_trainer(&t);
    open_trainer(&t, (enum kind)_i, 2);
    for (int step = 0; step < 20; step++) {
        for (int k = 0; k < LANES; k++) tape_rest(&t.lane[k].tape);
        train(&t, step, step + 1);
    }
    hash_of(&t, rested);
    close_trainer(&t);
    ck_assert_str_eq(straight, rested);
}
END_TEST

START_TEST(a_step_allocates_nothing) {
    static struct trainer t;
    open_engine();
    open_trainer(&t, (enum kind)_i, 1);
    train(&t, 0, 1);
    const long blocks = arena_blocks();
    const struct mallinfo2 before = mallinfo2();
    train(&t, 1, 4);
    const struct mallinfo2 after = mallinfo2();
    ck_assert_int_eq(arena_blocks(), blocks);
    ck_assert_uint_eq(after.uordblks, before.uordblks);
    ck_assert_uint_eq(after.hblkhd, before.hblkhd);
    close_trainer(&t);
}
END_TEST

Suite *suite_engine_bits(void) {
    Suite *s = suite_create("engine_bits");
    TCase *t = tcase_create("engine_bits");
    tcase_set_timeout(t, 60);
    if (flushes_subnormals()) tcase_add_test(t, bits_of_this_version);
    tcase_add_loop_test(t, threads_move_no_bit, 0, KINDS);
    tcase_add_test(t, turning_late_moves_no_bit);
    tcase_add_loop_test(t, resuming_moves_no_bit, 0, KINDS);
    tcase_add_loop_test(t, resting_moves_no_bit, 0, KINDS);
    tcase_add_loop_test(t, a_step_allocates_nothing, 0, KINDS);
    suite_add_tcase(s, t);
    return s;
}
