#include "engine/tape.h"

#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "engine/kernels.h"
#include "engine/tape_internal.h"

/* ---- memory ---- */

/* Every buffer of a tape, sized from its shape: one list serves tape_open and tape_bytes. */
static size_t carve(struct tape *tp, struct arena *a, const struct gpt_config *c, enum tape_use use, int B, int T,
                    int thoughts) {
    const size_t L = (size_t)c->layers, C = (size_t)c->width, Tz = (size_t)T, N = (size_t)B * Tz;
    const size_t lines = use == TAPE_TRAIN ? L * N : N, cache = L * N * C;
    const size_t train = use == TAPE_TRAIN, prj = c->projection ? (size_t)thoughts * (size_t)B : 0;
    const size_t scores = use == TAPE_TRAIN ? L * N * (size_t)c->heads * Tz : Tz * Tz;
    const struct {
        float **at;
        size_t n;
    } buffers[] = {
        {&tp->kt, cache},
        {&tp->k, train * cache},
        {&tp->v, cache},
        {&tp->x, (lines + N) * C},
        {&tp->ln1, lines * C},
        {&tp->mid, lines * C},
        {&tp->ln2, lines * C},
        {&tp->qkv, lines * 3 * C},
        {&tp->att, lines * C},
        {&tp->fch, lines * 4 * C},
        {&tp->gelu, lines * 4 * C},
        {&tp->prob, scores},
        {&tp->mean1, lines},
        {&tp->rstd1, lines},
        {&tp->mean2, lines},
        {&tp->rstd2, lines},
        {&tp->hidden, N * C},
        {&tp->fed, N * C},
        {&tp->mean_f, N},
        {&tp->rstd_f, N},
        {&tp->prj_in, prj * C},
        {&tp->prj_pre, prj * C},
        {&tp->prj_act, prj * C},
        {&tp->prj_mean, prj},
        {&tp->prj_rstd, prj},
        {&tp->dhidden, train * N * C},
        {&tp->dx, train * (lines + N) * C},
        {&tp->dmid, train * lines * C},
        {&tp->dqkv, train * lines * 3 * C},
        {&tp->dfch, train * lines * 4 * C},
        {&tp->dk, train * cache},
        {&tp->dv, train * cache},
        {&tp->scratch, train * N * 4 * C},
        {&tp->scratch_p, train * (Tz * Tz + Tz * C)},
    };
    size_t total = 0;
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        total += buffers[i].n * sizeof(float);
        if (a) *buffers[i].at = buffers[i].n ? ARENA_NEW(a, float, buffers[i].n) : NULL;
    }
    return total;
}

size_t tape_bytes(const struct gpt_config *c, enum tape_use use, int B, int T, int thoughts) {
    struct tape unused;
    return carve(&unused, NULL, c, use, B, T, thoughts);
}

void tape_open(struct tape *tape, struct arena *a, const struct gpt *gpt, enum tape_use use, int B, int T,
               int thoughts) {
    if (T > gpt->config.context) BUG("tape of %d positions for a context of %d", T, gpt->config.context);
    memset(tape, 0, sizeof *tape);
    tape->gpt = gpt;
    tape->use = use;
    tape->B = B;
    tape->T = T;
    tape->line_capacity = (long)B * T;
    carve(tape, a, &gpt->config, use, B, T, thoughts);
    tape->start = ARENA_NEW(a, int, B);
    tape->role = ARENA_NEW(a, uint8_t, (size_t)B * (size_t)T);
}

void tape_reset(struct tape *tape, const int *start) {
    tape->t = tape->n_segments = tape->n_thoughts = tape->n_injections = 0;
    for (int b = 0; b < tape->B; b++) tape->start[b] = start ? start[b] : 0;
    if (tape->use == TAPE_TRAIN)
        memset(tape->dhidden, 0, (size_t)tape->line_capacity * (size_t)tape->gpt->config.width * sizeof(float));
}

void tape_cut_to(struct tape *tape, int t) {
    while (tape->n_segments > 0 && tape->segment[tape->n_segments - 1].t0 >= t) {
        struct tape_segment *s = &tape->segment[--tape->n_segments];
        if (s->thought >= 0) tape->n_thoughts = s->thought;
        tape->t = s->t0;
    }
    if (tape->t != t) BUG("position %d is not a segment boundary", t);
}

/* ---- geometry ---- */

struct lines tape_lines(const struct tape *tape, const struct tape_segment *s) {
    struct lines l = {.n = tape->B * s->S, .first = tape->use == TAPE_TRAIN ? (long)tape->B * s->t0 : 0};
    l.layer_stride = tape->use == TAPE_TRAIN ? tape->line_capacity : 0;
    return l;
}

long tape_line(const struct tape *tape, int b, int t) {
    for (int i = tape->n_segments - 1; i >= 0; i--) {
        const struct tape_segment *s = &tape->segment[i];
        if (t < s->t0 || t >= s->t0 + s->S) continue;
        if (tape->use == TAPE_INFER && i != tape->n_segments - 1) break;
        return tape_lines(tape, s).first + (long)b * s->S + (t - s->t0);
    }
    BUG("position %d has no line", t);
}

const float *tape_state(const struct tape *tape, int layer, int b, int t) {
    const int C = tape->gpt->config.width, L = tape->gpt->config.layers;
    if (tape->kept) return tape->kept + (((long)layer * tape->T + t) * tape->B + b) * C;
    long line = tape_line(tape, b, t);
    if (layer == L) return tape->hidden + line * C;
    if (tape->use != TAPE_TRAIN) BUG("inner states are kept by TAPE_TRAIN only");
    return tape->x + (layer * tape->line_capacity + line) * C;
}

const float *tape_fed(const struct tape *tape, int b, int t) {
    return tape->fed + ((long)t * tape->B + b) * tape->gpt->config.width;
}

const float *tape_input_gradient(const struct tape *tape, int b, int t) {
    return tape->dx + tape_line(tape, b, t) * tape->gpt->config.width;
}

/* ---- forward ---- */

static struct tape_segment *open_segment(struct tape *tape, int S, enum role role, const uint8_t *roles, int ld) {
    if (tape->t + S > tape->T) BUG("segment of %d at %d exceeds %d positions", S, tape->t, tape->T);
    if (tape->n_segments == TAPE_MAX_SEGMENTS) BUG("more than %d segments", TAPE_MAX_SEGMENTS);
    struct tape_segment *s = &tape->segment[tape->n_segments];
    *s = (struct tape_segment){.t0 = tape->t, .S = S, .feed = FEED_NONE, .thought = -1};
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < S; i++)
            tape->role[(long)b * tape->T + s->t0 + i] = roles ? roles[(long)b * ld + i] : (uint8_t)role;
    return s;
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

/* K and V of a segment's lines go into the cache; keys also transposed. */
static void store_kv(struct tape *tape, const struct tape_segment *s, int layer, const float *qkv) {
    const struct gpt_config *c = &tape->gpt->config;
    const int C = c->width, HS = C / c->heads, T = tape->T;
    for (int b = 0; b < tape->B; b++)
        for (int h = 0; h < c->heads; h++) {
            long block = (((long)layer * tape->B + b) * c->heads + h) * HS * T;
            const float *src = qkv + (long)b * s->S * 3 * C + (long)h * HS;
            K->transpose(s->S, HS, src + C, 3L * C, tape->kt + block + s->t0, T);
            for (int i = 0; i < s->S; i++) {
                size_t bytes = (size_t)HS * sizeof(float);
                long at = block + (long)(s->t0 + i) * HS;
                if (tape->k) memcpy(tape->k + at, src + C + (long)i * 3 * C, bytes);
                memcpy(tape->v + at, src + 2 * C + (long)i * 3 * C, bytes);
            }
        }
}

/* softmax(Q K' / sqrt(HS)) V, heads one by one: with HS of 16 to 64 the products are small and stay in cache. */
static void attend(struct tape *tape, const struct tape_segment *s, int layer, const float *qkv, float *att) {
    const struct gpt_config *c = &tape->gpt->config;
    const int C = c->width, HS = C / c->heads, T = tape->T, end = s->t0 + s->S;
    const float scale = 1.0f / sqrtf((float)HS);
    for (int b = 0; b < tape->B; b++)
        for (int h = 0; h < c->heads; h++) {
            long head = ((long)layer * tape->B + b) * c->heads + h;
            float *p = tape->use == TAPE_TRAIN ? tape->prob + (head * T + s->t0) * T : tape->prob;
            const float *q = qkv + (long)b * s->S * 3 * C + (long)h * HS;
            gemm(s->S, end, HS, q, 3L * C, 1, tape->kt + head * HS * T, T, false, p, T);
            K->softmax_causal(s->S, tape->start[b], s->t0 + 1, end, T, scale, p);
            gemm(s->S, HS, end, p, T, 1, tape->v + head * HS * T, HS, false, att + (long)b * s->S * C + (long)h * HS, C);
        }
}

static void block(struct tape *tape, const struct tape_segment *s, int l) {
    const struct gpt_layer *p = &tape->gpt->p.layer[l];
    const int C = tape->gpt->config.width;
    const struct lines ln = tape_lines(tape, s);
    const long at = l * ln.layer_stride + ln.first, out = (l + 1) * ln.layer_stride + ln.first;
    const int n = ln.n;
    float *x = tape->x + at * C, *ln1 = tape->ln1 + at * C, *qkv = tape->qkv + at * 3 * C, *att = tape->att + at * C;
    float *mid = tape->mid + at * C, *ln2 = tape->ln2 + at * C, *fch = tape->fch + at * 4 * C;
    float *gelu = tape->gelu + at * 4 * C, *y = tape->x + out * C;

    K->layernorm(n, C, x, p->ln1_w, p->ln1_b, ln1, tape->mean1 + at, tape->rstd1 + at);
    gemm(n, 3 * C, C, ln1, C, 1, p->qkv_w, 3L * C, false, qkv, 3L * C);
    K->bias_add(n, 3 * C, qkv, p->qkv_b);
    store_kv(tape, s, l, qkv);
    attend(tape, s, l, qkv, att);
    /* ln2's buffer is free until the norm below: it takes the product that the residual addition reads */
    gemm(n, C, C, att, C, 1, p->proj_w, C, false, ln2, C);
    K->bias_residual(n, C, ln2, p->proj_b, x, mid);
    K->layernorm(n, C, mid, p->ln2_w, p->ln2_b, ln2, tape->mean2 + at, tape->rstd2 + at);
    gemm(n, 4 * C, C, ln2, C, 1, p->fc_w, 4L * C, false, fch, 4L * C);
    K->bias_gelu(n, 4 * C, fch, p->fc_b, gelu);
    gemm(n, C, 4 * C, gelu, 4L * C, 1, p->fcproj_w, C, false, y, C);
    K->bias_residual(n, C, y, p->fcproj_b, mid, y);
}

/* Copy a segment's lines of one layer out of the shared buffers, where the caller gave room. */
static void keep(struct tape *tape, const struct tape_segment *s, int layer, const float *lines) {
    const int C = tape->gpt->config.width;
    if (!tape->kept) return;
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < s->S; i++)
            memcpy(tape->kept + (((long)layer * tape->T + s->t0 + i) * tape->B + b) * C, lines + ((long)b * s->S + i) * C,
                   (size_t)C * sizeof *lines);
}

static int run(struct tape *tape, struct tape_segment *s) {
    const struct gpt *g = tape->gpt;
    const int C = g->config.width, L = g->config.layers;
    tape->n_segments++;
    tape->t = s->t0 + s->S;
    const struct lines ln = tape_lines(tape, s);
    for (int l = 0; l < L; l++) {
        keep(tape, s, l, tape->x + (l * ln.layer_stride + ln.first) * C);
        block(tape, s, l);
    }
    K->layernorm(ln.n, C, tape->x + (L * ln.layer_stride + ln.first) * C, g->p.lnf_w, g->p.lnf_b,
                 tape->hidden + ln.first * C, tape->mean_f + ln.first, tape->rstd_f + ln.first);
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
    const float *last = tape->hidden + (tape_lines(tape, s).first + s->S - 1) * C;
    for (int b = 0; b < tape->B; b++) memcpy(out + (long)b * C, last + (long)b * s->S * C, (size_t)C * sizeof *out);
}

/* u = LayerNorm(W2 GELU(W1 h + b1) + b2): CODI's projection (Shen et al. 2025); lines are kept for backward. */
static void project(struct tape *tape, int thought, float *u) {
    const struct gpt_views *p = &tape->gpt->p;
    const int C = tape->gpt->config.width, B = tape->B;
    const long at = (long)thought * B;
    float *in = tape->prj_in + at * C, *pre = tape->prj_pre + at * C, *act = tape->prj_act + at * C;
    gemm(B, C, C, u, C, 1, p->prj1_w, C, false, pre, C);
    K->bias_gelu(B, C, pre, p->prj1_b, act);
    gemm(B, C, C, act, C, 1, p->prj2_w, C, false, in, C);
    K->bias_add(B, C, in, p->prj2_b);
    K->layernorm(B, C, in, p->prjln_w, p->prjln_b, u, tape->prj_mean + at, tape->prj_rstd + at);
}

int tape_thought(struct tape *tape, enum feed feed) {
    const int C = tape->gpt->config.width;
    if (tape->n_segments == 0) BUG("a thought needs a state to come from");
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
