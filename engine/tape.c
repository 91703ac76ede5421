#include "engine/tape.h"

#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "engine/kernels.h"
#include "engine/tape_internal.h"

_Static_assert(GPT_MAX_LAYERS + TASK_MAX_THOUGHTS <= TAPE_MAX_INJECTIONS, "states of all layers, a step's thoughts");
_Static_assert(TASK_MAX_REASONING <= TASK_MAX_STEPS * TASK_MAX_THOUGHTS, "text reasons token by token");

/* ---- memory ---- */

/* Every buffer of a tape, sized from its shape: one list serves tape_open and tape_bytes. Segments have S positions at
 * most; under TAPE_TRAIN their lines add up to T. */
static size_t carve(struct tape *tp, float *room, const struct gpt_config *c, enum tape_use use, int B, int T, int S,
                    int thoughts) {
    const size_t L = (size_t)c->layers, C = (size_t)c->width, Tz = (size_t)T,
                 N = (size_t)B * (size_t)(use == TAPE_TRAIN ? T : S), Tv = (Tz + 15) / 16 * 16;
    const size_t lines = use == TAPE_TRAIN ? L * N : N, cache = L * (size_t)B * Tv * C;
    const size_t train = use == TAPE_TRAIN, prj = c->projection ? (size_t)thoughts * (size_t)B : 0;
    const size_t heads = (size_t)c->heads, squares = train * L * N * heads * Tv;
    const size_t scores = train ? squares : (heads + ATTEND_SCRATCH) * Tv;
    const struct {
        float **at;
        size_t n;
    } buffers[] = {
        {&tp->kt, cache},
        {&tp->v, cache},
        {&tp->q, train ? cache : (size_t)B * Tv * C},
        {&tp->k, train ? cache : Tv * C / heads},
        {&tp->vt, train * cache},
        {&tp->x, (lines + N) * C},
        {&tp->ln1, lines * C},
        {&tp->mid, lines * C},
        {&tp->ln2, lines * C},
        {&tp->qkv, N * 3 * C},
        {&tp->att, lines * C},
        {&tp->slope, lines * 4 * C},
        {&tp->gelu, train * lines * 4 * C},
        {&tp->prob, scores},
        {&tp->mean1, lines},
        {&tp->rstd1, lines},
        {&tp->mean2, lines},
        {&tp->rstd2, lines},
        {&tp->hidden, N * C},
        {&tp->fed, (size_t)B * Tz * C},
        {&tp->mean_f, N},
        {&tp->rstd_f, N},
        {&tp->prj_in, prj * C},
        {&tp->prj_slope, prj * C},
        {&tp->prj_act, prj * C},
        {&tp->prj_mean, prj},
        {&tp->prj_rstd, prj},
        {&tp->dhidden, train * N * C},
        {&tp->dx[0], train * N * C},
        {&tp->dx[1], train * N * C},
        {&tp->dmid, train * N * C},
        {&tp->dfch, train * N * 4 * C},
        {&tp->dout, train * cache},
        {&tp->dscore, squares},
        {&tp->scratch, train * N * C},
        {&tp->turned, train * !gpt_keeps_turned(c) * 4 * C * C},
    };
    size_t total = 0;
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        if (room) *buffers[i].at = buffers[i].n ? room + total : NULL;
        total += (buffers[i].n + 15) / 16 * 16; /* whole cache lines */
    }
    if (room && !train) tp->gelu = tp->slope; /* in place */
    if (room && train) tp->dqkv = tp->qkv;    /* no product outlives the forward pass */
    return total * sizeof(float);
}

size_t tape_bytes(const struct gpt_config *c, enum tape_use use, int B, int T, int thoughts) {
    struct tape unused;
    return carve(&unused, NULL, c, use, B, T, T, thoughts);
}

static void open_tape(struct tape *tape, struct arena *a, const struct gpt *gpt, enum tape_use use, int B, int T, int S,
                      int thoughts) {
    if (T > gpt->config.context) BUG("tape of %d positions for a context of %d", T, gpt->config.context);
    memset(tape, 0, sizeof *tape);
    tape->gpt = gpt;
    tape->use = use;
    tape->B = B;
    tape->T = T;
    tape->S = S;
    tape->Tv = (T + 15) / 16 * 16;
    tape->line_capacity = (long)B * S;
    tape->bytes = carve(tape, NULL, &gpt->config, use, B, T, S, thoughts);
    tape->room = arena_alloc(a, tape->bytes, 1);
    carve(tape, tape->room, &gpt->config, use, B, T, S, thoughts);
    tape->start = ARENA_NEW(a, int, B);
    tape->role = ARENA_NEW(a, uint8_t, (size_t)B * (size_t)T);
}

void tape_open(struct tape *tape, struct arena *a, const struct gpt *gpt, enum tape_use use, int B, int T,
               int thoughts) {
    open_tape(tape, a, gpt, use, B, T, T, thoughts);
}

void tape_open_short(struct tape *tape, struct arena *a, const struct gpt *gpt, int B, int T, int S, int thoughts) {
    open_tape(tape, a, gpt, TAPE_INFER, B, T, S < T ? S : T, thoughts);
}

void tape_rest(struct tape *tape) {
    arena_discard(tape->room, tape->bytes);
}

void tape_reset(struct tape *tape, const int *start) {
    tape->t = tape->n_segments = tape->n_thoughts = tape->n_injections = 0;
    tape->cut = false;
    for (int b = 0; b < tape->B; b++) tape->start[b] = start ? start[b] : 0;
    if (tape->use == TAPE_TRAIN)
        memset(tape->dhidden, 0, (size_t)tape->line_capacity * (size_t)tape->gpt->config.width * sizeof(float));
}

void tape_cut_to(struct tape *tape, int t) {
    while (tape->n_segments > 0 && tape->segment[tape->n_segments - 1].t0 >= t) {
        struct tape_segment *s = &tape->segment[--tape->n_segments];
        if (s->thought >= 0) tape->n_thoughts = s->thought;
        tape->t = s->t0;
        tape->cut = tape->use == TAPE_INFER;
    }
    if (tape->t != t) BUG("position %d is not a segment boundary", t);
}

/* ---- geometry ---- */

struct lines tape_lines(const struct tape *tape, const struct tape_segment *s) {
    struct lines l = {.n = tape->B * s->S, .first = tape->use == TAPE_TRAIN ? (long)tape->B * s->t0 : 0};
    l.layer_stride = tape->use == TAPE_TRAIN ? tape->line_capacity : 0;
    return l;
}

static const struct tape_segment *segment_of(const struct tape *tape, int t) {
    int i = tape->n_segments - 1;
    while (i >= 0 && t < tape->segment[i].t0) i--;
    if (i < 0 || t >= tape->t || tape->cut || (tape->use == TAPE_INFER && i != tape->n_segments - 1))
        BUG("position %d has no line", t);
    return &tape->segment[i];
}

long tape_line(const struct tape *tape, int b, int t) {
    const struct tape_segment *s = segment_of(tape, t);
    return tape_lines(tape, s).first + (long)b * s->S + (t - s->t0);
}

long tape_hidden_line(const struct tape *tape, int b, int t) {
    const struct tape_segment *s = segment_of(tape, t);
    if (t < s->read_from) BUG("the final state of position %d was not to be read", t);
    return tape_lines(tape, s).first + (long)b * tape_read_positions(s) + (t - s->read_from);
}

const float *tape_state(const struct tape *tape, int layer, int b, int t) {
    const int C = tape->gpt->config.width, L = tape->gpt->config.layers;
    if (tape->kept) return tape->kept + (((long)layer * tape->T + t) * tape->B + b) * C;
    if (layer == L) return tape->hidden + tape_hidden_line(tape, b, t) * C;
    if (tape->use != TAPE_TRAIN) BUG("inner states are kept by TAPE_TRAIN only");
    return tape->x + (layer * tape->line_capacity + tape_line(tape, b, t)) * C;
}

const float *tape_fed(const struct tape *tape, int b, int t) {
    return tape->fed + ((long)t * tape->B + b) * tape->gpt->config.width;
}

const float *tape_input_gradient(const struct tape *tape, int b, int t) {
    return tape->dx[0] + tape_line(tape, b, t) * tape->gpt->config.width;
}

/* ---- forward ---- */

static struct tape_segment *open_segment(struct tape *tape, int S, enum role role, const uint8_t *roles, int ld) {
    if (S > tape->S) BUG("segment of %d positions, at most %d", S, tape->S);
    if (tape->t + S > tape->T) BUG("segment of %d at %d exceeds %d positions", S, tape->t, tape->T);
    if (tape->n_segments == TAPE_MAX_SEGMENTS) BUG("more than %d segments", TAPE_MAX_SEGMENTS);
    struct tape_segment *s = &tape->segment[tape->n_segments];
    *s = (struct tape_segment){.t0 = tape->t, .S = S, .feed = FEED_NONE, .thought = -1, .read_from = tape->t};
    if (tape->last_only && !tape->kept) s->read_from = tape->t + S - 1;
    tape->last_only = false;
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < S; i++)
            tape->role[(long)b * tape->T + s->t0 + i] = roles ? roles[(long)b * ld + i] : (uint8_t)role;
    return s;
}

void tape_read_last(struct tape *tape) {
    tape->last_only = true;
}

/* Position embedding of (b, t), NULL at left padding. */
static const float *position(const struct tape *tape, int b, int t) {
    int p = t - tape->start[b];
    return p < 0 ? NULL : tape->gpt->p.wpe + (long)p * tape->gpt->config.width;
}

static void embed_tokens(struct tape *tape, const struct tape_segment *s) {
    const struct gpt *g = tape->gpt;
    const int C = g->config.width, channels = g->config.channels;
    if (channels > GPT_MAX_CHANNELS) BUG("%d channels", channels);
    const float *const table[GPT_MAX_CHANNELS] = {g->p.wte, g->p.wxe1, g->p.wxe2};
    float *x = tape->x + tape_lines(tape, s).first * C;
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < s->S; i++, x += C) {
            const int *tok = s->tokens + (long)b * s->tokens_row + (long)i * channels;
            const float *pos = position(tape, b, s->t0 + i);
            if (pos && tok[0] >= 0)
                memcpy(x, pos, (size_t)C * sizeof *x);
            else
                memset(x, 0, (size_t)C * sizeof *x);
            for (int c = 0; c < channels; c++)
                if (tok[c] >= 0) K->add(C, table[c] + (long)tok[c] * C, x);
        }
}

/* softmax(Q K' / sqrt(HS)) V for the positions of a segment from `from` on, row by row; its K and V go into the cache. */
static void attend(struct tape *tape, const struct tape_segment *s, int layer, int from, float *att) {
    const struct gpt_config *c = &tape->gpt->config;
    const int C = c->width, HS = C / c->heads, T = tape->T, Tv = tape->Tv, train = tape->use == TAPE_TRAIN;
    struct split_heads split = {.S = s->S, .t0 = s->t0, .heads = c->heads, .size = HS, .T = Tv};
    const int S = s->t0 + s->S - from;
    struct attend a = {.S = S, .t0 = from, .heads = c->heads, .size = HS, .T = Tv, .keep = train};
    split.bias = tape->gpt->p.layer[layer].qkv_b;
    split.keys = tape->k;
    a.scale = 1.0f / sqrtf((float)HS);
    a.p_head = train ? (long)T * Tv : Tv;
    a.p_row = Tv;
    a.out_row = C;
    for (int b = 0; b < tape->B; b++) {
        const long row = (long)layer * tape->B + b, block = row * C * Tv;
        a.kt = split.kt = tape->kt + block;
        a.v = split.v = tape->v + block;
        a.q = split.q = tape->q + (train ? block : (long)b * C * Tv);
        if (train) {
            split.k = tape->k + block;
            split.vt = tape->vt + block;
        }
        split.qkv = tape->qkv + (tape_lines(tape, s).first + (long)b * s->S) * 3 * C;
        a.start = tape->start[b];
        a.next = b + 1 < tape->B || layer + 1 < c->layers ? (long)C * Tv : 0;
        a.p = tape->prob + (train ? (row * c->heads * T + from) * Tv : 0);
        a.out = att + (long)b * S * C;
        K->split_heads(&split);
        K->attend(&a);
    }
}

/* One block on a segment's lines. ln1 of its input is there; leaves that of the next block, or the final layer norm. */
static void block(struct tape *tape, const struct tape_segment *s, int l) {
    const struct gpt_views *v = &tape->gpt->p;
    const struct gpt_layer *p = &v->layer[l];
    const int C = tape->gpt->config.width, L = tape->gpt->config.layers;
    const struct lines ln = tape_lines(tape, s);
    const long at = l * ln.layer_stride + ln.first, out = (l + 1) * ln.layer_stride + ln.first;
    const int from = l == L - 1 ? s->read_from : s->t0, read = s->t0 + s->S - from, n = tape->B * read;
    const float *x = tape->x + at * C;
    float *qkv = tape->qkv + ln.first * 3 * C, *att = tape->att + at * C;
    float *mid = tape->mid + at * C, *ln2 = tape->ln2 + at * C, *slope = tape->slope + at * 4 * C;
    float *gelu = tape->gelu + at * 4 * C, *y = tape->x + out * C;

    gemm(ln.n, 3 * C, C, tape->ln1 + at * C, C, 1, p->qkv_w, 3L * C, false, qkv, 3L * C);
    attend(tape, s, l, from, att);
    gemm(n, C, C, att, C, 1, p->proj_w, C, false, ln2, C);
    if (read < s->S) {
        for (int b = 0; b < tape->B; b++)
            memcpy(mid + (long)b * read * C, x + ((long)(b + 1) * s->S - read) * C,
                   (size_t)read * (size_t)C * sizeof *x);
        x = mid;
    }
    K->residual_layernorm(n, C, ln2, p->proj_b, x, mid, &(struct norm){p->ln2_w, p->ln2_b}, ln2, tape->mean2 + at,
                          tape->rstd2 + at);
    gemm(n, 4 * C, C, ln2, C, 1, p->fc_w, 4L * C, false, slope, 4L * C);
    K->bias_gelu(n, 4 * C, slope, p->fc_b, gelu, tape->use == TAPE_TRAIN);
    gemm(n, C, 4 * C, gelu, 4L * C, 1, p->fcproj_w, C, false, y, C);
    if (l == L - 1)
        K->residual_layernorm(n, C, y, p->fcproj_b, mid, y, &(struct norm){v->lnf_w, v->lnf_b},
                              tape->hidden + ln.first * C, tape->mean_f + ln.first, tape->rstd_f + ln.first);
    else
        K->residual_layernorm(n, C, y, p->fcproj_b, mid, y, &(struct norm){p[1].ln1_w, p[1].ln1_b}, tape->ln1 + out * C,
                              tape->mean1 + out, tape->rstd1 + out);
}

/* Copy a segment's lines of one layer out of the shared buffers, where the caller gave room. */
static void keep(struct tape *tape, const struct tape_segment *s, int layer, const float *lines) {
    const int C = tape->gpt->config.width;
    if (!tape->kept) return;
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < s->S; i++)
            memcpy(tape->kept + (((long)layer * tape->T + s->t0 + i) * tape->B + b) * C,
                   lines + ((long)b * s->S + i) * C, (size_t)C * sizeof *lines);
}

static int run(struct tape *tape, struct tape_segment *s) {
    const struct gpt *g = tape->gpt;
    const struct gpt_layer *p = &g->p.layer[0];
    const int C = g->config.width, L = g->config.layers;
    const struct lines ln = tape_lines(tape, s);
    tape->n_segments++;
    tape->cut = false;
    tape->t = s->t0 + s->S;
    K->layernorm(ln.n, C, tape->x + ln.first * C, p->ln1_w, p->ln1_b, tape->ln1 + ln.first * C, tape->mean1 + ln.first,
                 tape->rstd1 + ln.first);
    for (int l = 0; l < L; l++) {
        keep(tape, s, l, tape->x + (l * ln.layer_stride + ln.first) * C);
        block(tape, s, l);
    }
    keep(tape, s, L, tape->hidden + ln.first * C);
    return s->t0;
}

int tape_tokens(struct tape *tape, int S, const int *tokens, int row_stride, enum role role, const uint8_t *roles,
                int ld_roles) {
    struct tape_segment *s = open_segment(tape, S, role, roles, ld_roles);
    s->tokens = tokens;
    s->tokens_row = row_stride;
    embed_tokens(tape, s);
    return run(tape, s);
}

/* Input lines of a segment of fed vectors: u plus the position embedding. */
static void embed_fed(struct tape *tape, const struct tape_segment *s) {
    const int C = tape->gpt->config.width;
    float *x = tape->x + tape_lines(tape, s).first * C;
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < s->S; i++, x += C) {
            memcpy(x, tape_fed(tape, b, s->t0 + i), (size_t)C * sizeof *x);
            K->add(C, position(tape, b, s->t0 + i), x);
        }
}

int tape_vectors(struct tape *tape, int S, const float *vectors, enum role role) {
    struct tape_segment *s = open_segment(tape, S, role, NULL, 0);
    const int C = tape->gpt->config.width;
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < S; i++, vectors += C)
            memcpy(tape->fed + ((long)(s->t0 + i) * tape->B + b) * C, vectors, (size_t)C * sizeof *vectors);
    embed_fed(tape, s);
    return run(tape, s);
}

void tape_last_hidden(const struct tape *tape, const struct tape_segment *s, float *out) {
    const int C = tape->gpt->config.width;
    const int read = tape_read_positions(s);
    const float *last = tape->hidden + (tape_lines(tape, s).first + read - 1) * C;
    for (int b = 0; b < tape->B; b++) memcpy(out + (long)b * C, last + (long)b * read * C, (size_t)C * sizeof *out);
}

/* u = LayerNorm(W2 GELU(W1 h + b1) + b2): CODI's projection (Shen et al. 2025); lines are kept for backward. */
static void project(struct tape *tape, int thought, float *u) {
    const struct gpt_views *p = &tape->gpt->p;
    const int C = tape->gpt->config.width, B = tape->B;
    const long at = (long)thought * B;
    float *in = tape->prj_in + at * C, *slope = tape->prj_slope + at * C, *act = tape->prj_act + at * C;
    gemm(B, C, C, u, C, 1, p->prj1_w, C, false, slope, C);
    K->bias_gelu(B, C, slope, p->prj1_b, act, tape->use == TAPE_TRAIN);
    gemm(B, C, C, act, C, 1, p->prj2_w, C, false, in, C);
    K->bias_add(B, C, in, p->prj2_b);
    K->layernorm(B, C, in, p->prjln_w, p->prjln_b, u, tape->prj_mean + at, tape->prj_rstd + at);
}

int tape_thought(struct tape *tape, enum feed feed) {
    const int C = tape->gpt->config.width;
    if (tape->n_segments == 0 || tape->cut) BUG("a thought needs a state to come from");
    struct tape_segment *s = open_segment(tape, 1, ROLE_REASONING, NULL, 0);
    float *u = tape->fed + (long)s->t0 * tape->B * C;
    s->feed = feed;
    tape_last_hidden(tape, s - 1, u);
    if (feed == FEED_PROJECTED) {
        s->thought = tape->n_thoughts++;
        project(tape, s->thought, u);
    }
    embed_fed(tape, s);
    return run(tape, s);
}
