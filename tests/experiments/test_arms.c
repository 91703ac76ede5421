#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/prosqa.h"
#include "engine/base/fs.h"
#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "experiments/arm.h"
#include "experiments/evaluate.h"
#include "tests/engine/slope.h"

/* Arms on small untrained models: what they run, and the gradients of the losses on thoughts by finite differences. */

enum { ROWS = 4 };

static struct arena arena;

struct subject {
    struct config c;
    struct task_ctx task;
    struct learner l;
    struct mind mind;
    struct problem problems[ROWS];
};

static void setup(void) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    arena_open(&arena, 1 << 20);
}
static void teardown(void) {
    arena_close(&arena);
}

static struct config small_config(void) {
    struct config c;
    config_default(&c);
    c.model.layers = 1;
    c.model.width = 16;
    c.model.heads = 2;
    c.base.batch = c.base.shard = ROWS;
    return c;
}

static struct subject *open_configured(const char *task, const char *arm_name, const struct config *c) {
    struct subject *s = ARENA_NEW(&arena, struct subject, 1);
    const struct arm *arm;
    s->c = *c;
    ck_assert_int_eq(arm_find(arm_name, &arm), ST_OK);
    ck_assert_int_eq(task_open(&s->task, task, &s->c.task, &arena), ST_OK);
    const struct gpt_config g = learner_model_config(&s->c, &s->task.shape, arm->projection);
    ck_assert_int_eq(gpt_open(&s->l.model, &arena, &g), ST_OK);
    gpt_init(&s->l.model, 3, .3, .5);
    learner_open(&s->l, &arena, &s->c, &s->task);
    s->mind = arm_mind(arm, &s->c, &s->l.model, &s->task);
    learner_problems(&s->l, 1, "test", 0, TASK_EVAL, s->problems, ROWS);
    return s;
}

static struct subject *open_subject_in(const char *task, const char *arm_name, int thoughts_per_step, double frontier,
                                       int shard) {
    struct config c = small_config();
    c.base.shard = shard;
    c.arm.thoughts_per_step = thoughts_per_step;
    c.arm.frontier = frontier;
    return open_configured(task, arm_name, &c);
}

static struct subject *open_subject(const char *task, const char *arm_name, int thoughts_per_step, double frontier) {
    return open_subject_in(task, arm_name, thoughts_per_step, frontier, ROWS);
}

/* Every arm, with one and two thoughts a step: the answer's probabilities of a teacher-forced pass are those of a
 * rollout, so training and running see the same sequence. */
START_TEST(training_and_running_agree) {
    int compared = 0;
    for (int i = 0; i < arm_count; i++)
        for (int c = 1; c <= 2; c++) {
            struct subject *s = open_subject("chain", arm_table[i]->name, c, 0);
            const bool text = s->mind.medium == MEDIUM_TEXT;
            struct rollout r;
            struct rollout_options o = {.force = {.stop = -1}};
            const int R = mind_reasoning_positions(&s->mind);
            ck_assert_int_eq(R, text ? 8 : s->mind.medium == MEDIUM_NONE ? 0 : 8 * c);
            int tokens[ROWS * 8], n[ROWS];
            for (int b = 0; b < ROWS; b++) {
                n[b] = 8;
                for (int k = 0; k < 8; k++) tokens[b * 8 + k] = s->problems[b].reasoning[k];
            }
            if (text) o.force = (struct force){.until = 8, .stop = -1, .tokens = tokens, .n_tokens = n};
            rollout_open(&r, &arena, &s->mind, ROWS);
            r.n = ROWS;
            runner_run(runner_open(&arena, &s->mind, ROWS), &s->mind, s->problems, &o, &r);
            batch_fill(&s->l.batch, &s->task.shape, s->problems, text ? 0 : TASK_MAX_STEPS);
            learner_forward(&s->l, &s->mind, text || s->mind.medium == MEDIUM_NONE ? 0 : s->mind.thoughts);
            for (int j = 0; j < s->l.head.n; j++) {
                const int slot = s->l.tail_index[j] - (text ? 8 : 0), b = s->l.head.row[j];
                if (slot != s->task.shape.slot_answer) continue;
                const float *p = s->l.head.logits + (long)j * s->l.head.V;
                for (int v = 0; v < r.V; v++) ck_assert_float_eq_tol(p[v], r.p_answer[(long)b * r.V + v], 1e-6f);
                compared++;
            }
            ck_assert_int_eq(compared, (2 * i + c) * ROWS); /* every row once */
        }
    ck_assert_int_eq(compared, 2 * arm_count * ROWS);
}
END_TEST

/* The mean over thoughts, and over rows whose graph (path: whose path) reaches so far, of the cross-entropy to the
 * uniform distribution over the nodes at that many hops (path: to the path's node). */
static double thought_loss(struct subject *s, int thoughts, bool path) {
    struct learner *l = &s->l;
    double total = 0.0;
    int lines = 0;
    batch_fill(&l->batch, &s->task.shape, s->problems, thoughts);
    learner_forward(l, &s->mind, thoughts);
    l->head.n = 0;
    for (int k = 0; k < thoughts; k++)
        for (int b = 0; b < ROWS; b++) {
            l->head.row[l->head.n] = b;
            l->target[l->head.n] = -1;
            l->head.t[l->head.n++] = l->batch.Q - 1 + k;
        }
    head_forward(&l->head, &l->tape);
    loss_softmax(&l->head, l->target, l->logp);
    for (int k = 0, j = 0; k < thoughts; k++)
        for (int b = 0; b < ROWS; b++, j++) {
            struct prosqa_graph g;
            bool near[PROSQA_NODES] = {false}, reached[PROSQA_NODES] = {false};
            int n = 0;
            double sum = 0.0;
            prosqa_graph_of(&s->problems[b], &g);
            near[g.root] = true;
            for (int hop = 0; hop <= k; hop++) {
                bool next[PROSQA_NODES] = {false};
                for (int v = 0; v < g.n; v++) reached[v] |= near[v];
                for (int e = 0; e < g.n_edges; e++)
                    if (near[g.edge[e][0]] && !reached[g.edge[e][1]]) next[g.edge[e][1]] = true;
                memcpy(near, next, sizeof near);
            }
            for (int v = 0; v < g.n; v++)
                if (path ? k < g.hops && g.path[k + 1] == v : near[v]) {
                    sum -= log((double)l->head.logits[(long)j * l->head.V + g.name[v]]);
                    n++;
                }
            if (n) total += sum / n;
            lines += n > 0;
        }
    return total / lines;
}

struct weighted {
    struct subject *s;
    int thoughts;
    bool path;
    double weight;
};

static double weighted_loss(void *with) {
    const struct weighted *x = with;
    return x->weight * thought_loss(x->s, x->thoughts, x->path);
}

/* Of the frontier and of the path, for thoughts that are fed back and for projected ones. */
START_TEST(gradients_on_thoughts_are_those_of_their_losses) {
    enum { THOUGHTS = 3 };
    const double weight = .7;
    const bool path = _i % 2;
    struct subject *s = open_subject("prosqa", _i / 2 ? "codi" : "coconut", 1, path ? 0 : weight);
    const struct stage st = {.thoughts = THOUGHTS, .first_step = THOUGHTS};
    struct rng r = rng_open(5, "directions", 0);
    struct gpt *m = &s->l.model;
    if (path) s->l.path = weight;
    memset(s->l.g, 0, (size_t)m->n * sizeof *s->l.g);
    learner_cross_entropy(&s->l, &s->mind, st, s->problems, ROWS);
    float *with = ARENA_NEW(&arena, float, m->n);
    memcpy(with, s->l.g, (size_t)m->n * sizeof *with);
    memset(s->l.g, 0, (size_t)m->n * sizeof *s->l.g);
    s->l.frontier = s->l.path = 0;
    learner_cross_entropy(&s->l, &s->mind, st, s->problems, ROWS);
    for (long i = 0; i < m->n; i++) with[i] -= s->l.g[i];
    slope_check(m, with, &r, weighted_loss, &(struct weighted){s, THOUGHTS, path, weight});
}
END_TEST

START_TEST(a_gate_that_sees_nothing_stays_shut) {
    struct subject *s = open_subject("chain", "text", 1, 0);
    ck_assert_int_eq(learner_gate_problems(&s->l, ROWS - 1), 0);
    ck_assert_double_eq(learner_gate(&s->l, &s->mind, (struct stage){0}, s->problems, ROWS - 1), 0.0);
}
END_TEST

/* One update of a batch of eight shards in three lanes: for every number of threads the same bits; and what one lane
 * finds, but for rounding. */
START_TEST(lanes_are_one_learner) {
    static const char *const names[] = {"text", "coconut", "codi"};
    enum { SHARD = 2 };
    float *alone = NULL, *first = NULL;
    double loss = 0.0, gate = 0.0;
    struct training_cost cost = {0};
    for (int threads = 0; threads <= 3; threads++) { /* 0: one lane */
        struct subject *s = open_subject_in("prosqa", names[_i], 1, .5, SHARD);
        struct learner *l = &s->l;
        const size_t n = (size_t)l->model.n;
        const bool text = s->mind.medium == MEDIUM_TEXT;
        const struct stage st = {.thoughts = text ? 0 : s->mind.thoughts, .first_step = text ? 0 : TASK_MAX_STEPS};
        s->c.base.lanes = threads ? 3 : 1;
        ck_assert_int_eq(learner_open_lanes(l, &s->c, threads), ST_OK);
        const double here = learner_cross_entropy(l, &s->mind, st, s->problems, ROWS);
        const struct training_cost spent = l->cost;
        const double reached = learner_gate(l, &s->mind, st, s->problems, ROWS);
        ck_assert(l->cost.flop == spent.flop);
        learner_close_lanes(l);
        if (threads == 0) {
            alone = l->g, loss = here, gate = reached, cost = spent;
            continue;
        }
        ck_assert_double_eq_tol(here, loss, 1e-9);
        ck_assert_double_eq(reached, gate);
        ck_assert_double_eq(spent.flop, cost.flop);
        ck_assert_double_eq(spent.positions, cost.positions);
        for (size_t i = 0; i < n; i++) ck_assert_float_eq_tol(l->g[i], alone[i], 1e-5f);
        if (first) ck_assert_mem_eq(l->g, first, n * sizeof *first);
        first = l->g;
    }
}
END_TEST

/* A loss or a gradient that is not finite ends the cell: the update and the tensor are named, the weights stay. */
START_TEST(what_is_not_finite_is_named) {
    static const struct {
        float plant;
        const char *tensor, *told;
    } cases[] = {
        {NAN, "h.0.mlp.c_fc.weight", "update 7, loss nan: the gradient of "},
        {INFINITY, "wte.weight", "update 7, loss "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct subject *s = open_subject("chain", "text", 1, 0);
        struct arm_training t = {.config = &s->c, .learner = &s->l, .task = &s->task, .planned = 9, .updates = 7};
        double loss;
        t.problems = ARENA_NEW(&arena, struct problem, ROWS);
        const struct gpt_tensor *tensor = gpt_find(&s->l.model, cases[i].tensor);
        s->l.model.w[tensor->offset] = cases[i].plant;
        gpt_refresh(&s->l.model);
        float *before = ARENA_NEW(&arena, float, s->l.model.n);
        memcpy(before, s->l.model.w, (size_t)s->l.model.n * sizeof *before);
        ck_assert_int_eq(arm_update(&t, "test", &s->mind, (struct stage){0}, 1e-3, &loss), ST_FAILED);
        ck_assert_msg(strstr(status_message(), cases[i].told) == status_message(), "%s", status_message());
        ck_assert_ptr_nonnull(strstr(status_message(), " is not finite"));
        ck_assert_mem_eq(before, s->l.model.w, (size_t)s->l.model.n * sizeof *before);
        ck_assert_int_eq(t.updates, 7);
    }
    struct subject *s = open_subject("chain", "text", 1, 0);
    ck_assert_int_eq(learner_step(&s->l, 3, NAN, 1e-3, NULL), ST_FAILED);
    ck_assert_str_eq(status_message(), "update 3: the loss is nan, every gradient is finite");
    s->l.g[gpt_find(&s->l.model, "wpe.weight")->offset] = INFINITY;
    ck_assert_int_eq(learner_step(&s->l, 4, 1.5, 1e-3, NULL), ST_FAILED);
    ck_assert_str_eq(status_message(), "update 4, loss 1.5: the gradient of wpe.weight is not finite");
}
END_TEST

/* What one pass over ROWS problems of task chain takes by hand, with 8 steps and width 16, one block, `tail` tokens behind
 * the question and `thoughts`, and `predicted` of them predicted. Multiply and add are two operations; the gradient takes
 * twice what the values took. A block has 12 x 16 x 16 weights; position t attends to t + 1 of them with 16 products for
 * the scores and 16 for the mixture; a prediction is a product with the table of all tokens. */
static struct training_cost pass_by_hand(const struct subject *s, int thoughts, int tail, int predicted) {
    enum { WEIGHTS = 12 * 16 * 16, QUESTION = 1 + 6 + 4 + 1 }; /* mode, x0 o1..o5, s0 q1..q3, <bot> */
    const int positions = QUESTION + thoughts + tail;
    double one_row = 2.0 * WEIGHTS * positions + 2.0 * 16 * s->task.shape.vocab * predicted;
    for (int t = 0; t < positions; t++) one_row += 2.0 * (16 + 16) * (t + 1);
    if (s->mind.feed == FEED_PROJECTED && thoughts) one_row += thoughts * 2.0 * (16 * 16 + 16 * 16);
    return (struct training_cost){ROWS * (double)positions, ROWS * 3.0 * one_row};
}

static void add_pass(struct training_cost *sum, struct training_cost pass, int times) {
    sum->positions += times * pass.positions;
    sum->flop += times * pass.flop;
}

/* The whole training of an arm, as short as its options let it be: 8 steps of one token, an output of 4 tokens. Text
 * predicts all of them; behind thoughts <eot> is given. The checks of a gate cost nothing. */
START_TEST(training_cost_is_what_a_hand_counts) {
    static const char *const names[] = {"text", "coconut", "codi"};
    char folder[] = "/tmp/test_arms.XXXXXX";
    const struct arm *arm;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct cell_io io = {.dir = folder, .arena = &arena};
    struct subject *s = open_subject("chain", names[_i], 1, 0);
    struct arm_training t = {.config = &s->c, .io = &io, .learner = &s->l, .task = &s->task, .mind = s->mind};
    t.problems = ARENA_NEW(&arena, struct problem, ROWS);
    s->c.arm.updates = 2;
    s->c.arm.stage_cap = s->c.arm.stage_check = 1;
    s->c.arm.stage_gate = 1;
    s->c.arm.projection_warmup = 3;
    ck_assert_int_eq(arm_find(names[_i], &arm), ST_OK);
    ck_assert_int_eq(arm->train(&t), ST_OK);
    struct training_cost sum = {0};
    const struct training_cost last = pass_by_hand(s, 8, 4, 3);
    if (_i == 0) add_pass(&sum, pass_by_hand(s, 0, 8 + 4, 8 + 4), 2);
    if (_i == 1) {
        for (int k = 1; k < 8; k++) add_pass(&sum, pass_by_hand(s, k, 8 - k + 4, 8 - k + 4), 1);
        add_pass(&sum, last, 1 + 2); /* the last stage, then the updates behind the curriculum */
    }
    if (_i == 2) {
        add_pass(&sum, last, 3 + 2); /* warm-up, student */
        add_pass(&sum, pass_by_hand(s, 0, 8 + 4, 8 + 4), 2);
    }
    ck_assert_double_eq(s->l.cost.positions, sum.positions);
    ck_assert_double_eq(s->l.cost.flop, sum.flop);
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

/* Four published questions of a task whose floors are 3/4 of a right answer for one of them, and 0 for all. */
static enum status load_four(const struct task_ctx *ctx, struct arena *a, struct problem **problems, int *n) {
    struct rng r = rng_open(1, "published", 0);
    *n = 4;
    *problems = ARENA_NEW(a, struct problem, *n);
    for (int i = 0; i < *n; i++) {
        ctx->task->sample(ctx, &r, TASK_EVAL, &(*problems)[i]);
        (*problems)[i].template_id = i;
        (*problems)[i].decoy = (int16_t)(((*problems)[i].answer + 1) % ctx->options.modulus);
    }
    return ST_OK;
}

static double one_of_four(const struct problem *p) {
    return p->template_id == 2 ? .75 : 0;
}

static double never(const struct problem *p) {
    (void)p;
    return 0;
}

START_TEST(floors_stand_beside_every_published_accuracy) {
    static const struct task_floor floors[] = {{"one", "", one_of_four}, {"never", "", never}, {0}};
    char folder[] = "/tmp/test_arms.XXXXXX", *text;
    size_t size;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct subject *s = open_subject("chain", "no_cot", 1, 0);
    struct task task = *s->task.task;
    task.load = load_four;
    task.floors = floors;
    s->task.task = &task;
    const struct cell_io io = {.dir = folder, .arena = &arena};
    struct evaluation e = {
        .arena = &arena, .config = &s->c, .runner = runner_open(&arena, &s->mind, ROWS), .update = -1, .dir = folder};
    for (int given = 0; given < 2; given++) {
        s->task.options.data_dir = given ? folder : NULL;
        ck_assert_int_eq(cell_rows_open(&e.rows, &io), ST_OK);
        ck_assert_int_eq(evaluate_published(&e, &s->mind), ST_OK);
        ck_assert_int_eq(cell_rows_close(e.rows), ST_OK);
        ck_assert_int_eq(fs_read(&arena, arena_printf(&arena, "%s/metrics.csv", folder), &text, &size), ST_OK);
        ck_assert((strstr(text, "published,,accuracy_two_way,") != NULL) == given);
        ck_assert((strstr(text, "published,one,accuracy_two_way,1,4,0.1875,") != NULL) == given);
        ck_assert((strstr(text, "published,never,accuracy_two_way,1,4,0,") != NULL) == given);
    }
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

/* Smooth L1 (Girshick 2015): e^2 / 2 within 1, |e| - 1/2 beyond; here e = (x - y) / 2 is 1/2, -2, 3. */
START_TEST(smooth_l1_by_hand) {
    const float x[] = {1, -4, 6}, y[] = {0, 0, 0}, expected[] = {.5f, -1, 1};
    float dx[3];
    ck_assert_double_eq_tol(loss_smooth_l1(3, x, y, 2, 12, dx), (.125 + 1.5 + 2.5) / 3, 1e-12);
    for (int i = 0; i < 3; i++) ck_assert_float_eq_tol(dx[i], 12.0f / 6 * expected[i], 1e-6f);
}
END_TEST

START_TEST(rates_fall_as_asked) {
    ck_assert(schedule_tail(2, 0, 100, 10, .2) == .2 && schedule_tail(2, 9, 100, 10, .2) == 2);
    ck_assert(schedule_tail(2, 50, 100, 10, .2) == 2 && schedule_tail(2, 80, 100, 10, .2) == 2);
    ck_assert_double_eq_tol(schedule_tail(2, 90, 100, 10, .2), 1, 1e-12);
    ck_assert_double_eq_tol(schedule_tail(2, 99, 100, 10, .2), .1, 1e-12);
    ck_assert(schedule_tail(2, 99, 100, 10, 0) == 2);
    for (int i = 0; i < 100; i++) ck_assert(schedule_tail(2, i, 100, 10, 1) == schedule_cosine(2, i, 100, 10));
}
END_TEST

/* An arm of two thoughts a step has more positions than its base: the base's keep their embeddings. */
START_TEST(a_longer_arm_keeps_the_positions_of_its_base) {
    struct subject *base = open_subject("chain", "text", 1, 0), *arm = open_subject("chain", "coconut", 2, 0);
    const struct gpt *b = &base->l.model;
    struct gpt *m = &arm->l.model;
    ck_assert_int_eq(m->config.context, b->config.context + 8);
    for (long i = 0; i < m->n; i++) m->w[i] = -7.0f;
    ck_assert_int_eq(gpt_copy_weights(m, b), b->n_tensors);
    const long n = (long)b->config.context * 16;
    ck_assert_mem_eq(m->p.wpe, b->p.wpe, (size_t)n * sizeof(float));
    for (long i = n; i < n + 8 * 16; i++) ck_assert(m->p.wpe[i] == -7.0f);
    ck_assert_mem_eq(m->p.lnf_w, b->p.lnf_w, 16 * sizeof(float));
}
END_TEST

/* Under LoRA the positions are frozen, and a file of what was trained leaves them out: read back over the base's file it
 * is the model that was trained, with thoughts behind the base's last position too. */
START_TEST(an_arm_of_low_rank_is_read_back_as_it_was_trained) {
    char folder[] = "/tmp/test_arms.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *rest = arena_printf(&arena, "%s/rest", folder), *part = arena_printf(&arena, "%s/part", folder);
    struct config c = small_config();
    const struct arm *arm;
    ck_assert_int_eq(arm_find("codi", &arm), ST_OK);
    for (int lora = 0; lora <= 4; lora += 4) {
        c.model.lora = lora;
        c.arm.thoughts_per_step = 1;
        const struct subject *base = open_configured("chain", "text", &c);
        ck_assert_int_eq(checkpoint_save_gpt(rest, &base->l.model), ST_OK);
        c.arm.thoughts_per_step = TASK_MAX_THOUGHTS; /* the longest arm that is legal */
        struct learner l = {0};
        ck_assert_int_eq(arm_branch(&l, &arena, arm, &c, &base->task, &base->l.model), ST_OK);
        const int context = l.model.config.context, more = context - base->l.model.config.context;
        ck_assert_int_eq(more, 8 * (TASK_MAX_THOUGHTS - 1));
        int drawn = 0;
        for (int i = 0; i < more * 16; i++) drawn += l.model.p.wpe[(context - more) * 16 + i] != 0.0f;
        ck_assert_int_eq(drawn > 0, lora == 0); /* without LoRA they are trained, from where they were drawn */
        struct gpt read;
        ck_assert_int_eq(checkpoint_save_trained(part, &l.model), ST_OK);
        ck_assert_msg(checkpoint_load_trained(&read, &arena, part, rest) == ST_OK, "%s", status_message());
        ck_assert_int_eq(read.n, l.model.n);
        ck_assert_mem_eq(read.w, l.model.w, (size_t)read.n * sizeof *read.w);
    }
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

/* The most thoughts that are legal: 16 for each of 16 steps, in training and in a rollout with its output. */
START_TEST(the_most_thoughts_find_room) {
    static const char *const names[] = {"coconut", "codi"};
    enum { MOST = TASK_MAX_STEPS * TASK_MAX_THOUGHTS };
    char folder[] = "/tmp/test_arms.XXXXXX";
    const struct arm *arm;
    struct rollout r;
    const struct rollout_options o = {.force = {.stop = -1}};
    struct config c = small_config();
    c.task.chain = TASK_MAX_STEPS - 1;
    c.task.side = 1;
    c.arm.thoughts_per_step = TASK_MAX_THOUGHTS;
    c.arm.updates = 0;
    c.arm.projection_warmup = c.arm.stage_cap = 1;
    c.arm.stage_check = 2;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct cell_io io = {.dir = folder, .arena = &arena};
    struct subject *s = open_configured("chain", names[_i], &c);
    ck_assert_int_eq(s->mind.thoughts, MOST);
    struct arm_training t = {.config = &s->c, .io = &io, .learner = &s->l, .task = &s->task, .mind = s->mind};
    t.problems = s->problems;
    ck_assert_int_eq(arm_find(names[_i], &arm), ST_OK);
    ck_assert_int_eq(arm->train(&t), ST_OK);
    ck_assert_int_eq(s->l.tape.n_segments, 1 + MOST + 1);
    learner_problems(&s->l, 1, "test", 0, TASK_EVAL, s->problems, ROWS);
    rollout_open(&r, &arena, &s->mind, ROWS);
    runner_run(runner_open(&arena, &s->mind, ROWS), &s->mind, s->problems, &o, &r);
    for (int b = 0; b < ROWS; b++) ck_assert_int_eq(r.n_reasoning[b], MOST);
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

/* A published model has positions for more than the task's longest sequence: no memory is taken for those. */
START_TEST(spare_positions_take_no_memory) {
    struct subject *s = open_subject("chain", "text", 1, 0);
    struct gpt_config c = s->l.model.config;
    struct learner l = {0};
    c.context = 1024;
    ck_assert_int_eq(gpt_open(&l.model, &arena, &c), ST_OK);
    learner_open(&l, &arena, &s->c, &s->task);
    ck_assert_int_eq(l.tape.T, s->l.model.config.context);
}
END_TEST

START_TEST(problems_grow) {
    struct subject *s = open_subject("prosqa", "no_curriculum", 1, 0);
    struct arm_training t = {.config = &s->c, .learner = &s->l, .task = &s->task, .problems = s->problems};
    s->c.base.grow = true;
    t.planned = 100;
    static const struct { int updates, nodes, hops; } cases[] = {{0, 9, 2}, {11, 9, 2}, {12, 15, 4}, {29, 15, 4}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        t.updates = cases[i].updates;
        arm_problems(&t, "arm");
        for (int b = 0; b < ROWS; b++) {
            struct prosqa_graph g;
            prosqa_graph_of(&s->problems[b], &g);
            ck_assert(g.n <= cases[i].nodes && g.hops <= cases[i].hops);
        }
    }
    t.updates = 30;
    int largest = 0;
    for (int i = 0; i < 10; i++, t.updates++) {
        arm_problems(&t, "arm");
        for (int b = 0; b < ROWS; b++) {
            struct prosqa_graph g;
            prosqa_graph_of(&s->problems[b], &g);
            ck_assert_int_ge(g.hops, 3);
            largest = g.n > largest ? g.n : largest;
        }
    }
    ck_assert_int_gt(largest, 15);
}
END_TEST

Suite *suite_arms(void) {
    Suite *s = suite_create("arms");
    TCase *tc = tcase_create("arms");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, training_and_running_agree);
    tcase_add_loop_test(tc, gradients_on_thoughts_are_those_of_their_losses, 0, 4);
    tcase_add_test(tc, a_gate_that_sees_nothing_stays_shut);
    tcase_add_loop_test(tc, lanes_are_one_learner, 0, 3);
    tcase_add_test(tc, what_is_not_finite_is_named);
    tcase_add_loop_test(tc, training_cost_is_what_a_hand_counts, 0, 3);
    tcase_add_test(tc, floors_stand_beside_every_published_accuracy);
    tcase_add_test(tc, smooth_l1_by_hand);
    tcase_add_test(tc, rates_fall_as_asked);
    tcase_add_test(tc, a_longer_arm_keeps_the_positions_of_its_base);
    tcase_add_test(tc, an_arm_of_low_rank_is_read_back_as_it_was_trained);
    tcase_add_loop_test(tc, the_most_thoughts_find_room, 0, 2);
    tcase_add_test(tc, spare_positions_take_no_memory);
    tcase_add_test(tc, problems_grow);
    suite_add_tcase(s, tc);
    return s;
}
