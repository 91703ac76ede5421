/* Backward through the segments, last to first.
 *
 * Within a segment the layers run from last to first. When a layer of a segment is reached, every later segment has
 * already added its share to dK/dV of that layer, and the segment's own queries add theirs before the slices are read:
 * so dK/dV of its positions are complete. Gradients of the lines (dx, dmid, dqkv, dfch) are kept for all segments; the
 * weight gradients are then one product per matrix over all lines, not one per thought.
 */
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "engine/kernels.h"
#include "engine/tape_internal.h"

void tape_inject(struct tape *tape, int layer, int t, const float *grad) {
    if (tape->n_injections == TAPE_MAX_INJECTIONS) BUG("more than %d injections", TAPE_MAX_INJECTIONS);
    tape->injection[tape->n_injections++] = (struct tape_injection){.layer = layer, .t = t, .grad = grad};
}

/* Add what was injected at a layer of a segment into its line gradients. */
static void add_injected(const struct tape *tape, const struct tape_segment *s, int layer, float *d) {
    const int C = tape->gpt->config.width;
    for (int i = 0; i < tape->n_injections; i++) {
        const struct tape_injection *in = &tape->injection[i];
        if (in->layer != layer || in->t < s->t0 || in->t >= s->t0 + s->S) continue;
        for (int b = 0; b < tape->B; b++) K->add(C, in->grad + (long)b * C, d + ((long)b * s->S + in->t - s->t0) * C);
    }
}

/* Queries of one (row, head): dQ into dqkv; dK, dV into the cache gradients. */
static void attend_backward_head(struct tape *tape, const struct tape_segment *s, long head, int b, const float *q,
                                 const float *datt, float *dq) {
    const int C = tape->gpt->config.width, HS = C / tape->gpt->config.heads, T = tape->T, S = s->S;
    const int end = s->t0 + S;
    const float *p = tape->prob + (head * T + s->t0) * T;
    float *dp = tape->scratch_p, *vt = dp + (long)T * T;
    const long cache = head * HS * T;
    K->transpose(end, HS, tape->v + cache, HS, vt, T);
    gemm(S, end, HS, datt, C, 1, vt, T, false, dp, T);
    gemm(end, HS, S, p, 1, T, datt, C, true, tape->dv + cache, HS);
    K->softmax_causal_backward(S, tape->start[b], s->t0 + 1, end, T, 1.0f / sqrtf((float)HS), p, dp);
    gemm(S, HS, end, dp, T, 1, tape->k + cache, HS, false, dq, 3L * C);
    gemm(end, HS, S, dp, 1, T, q, 3L * C, true, tape->dk + cache, HS);
}

/* dK and dV of a segment's own positions go on into dqkv, unless the position's K/V is detached. */
static void take_kv(const struct tape *tape, const struct tape_segment *s, long head, int b, unsigned kv_roles,
                    float *dqkv) {
    const int C = tape->gpt->config.width, HS = C / tape->gpt->config.heads;
    for (int i = 0; i < s->S; i++) {
        int t = s->t0 + i;
        float *dk = dqkv + (long)i * 3 * C + C, *dv = dk + C;
        size_t bytes = (size_t)HS * sizeof(float);
        if (kv_roles >> tape->role[(long)b * tape->T + t] & 1u) {
            memset(dk, 0, bytes);
            memset(dv, 0, bytes);
        } else {
            long at = (head * tape->T + t) * HS;
            memcpy(dk, tape->dk + at, bytes);
            memcpy(dv, tape->dv + at, bytes);
        }
    }
}

static void attend_backward(struct tape *tape, const struct tape_segment *s, int layer, const float *datt,
                            const float *qkv, float *dqkv, unsigned kv_roles) {
    const struct gpt_config *c = &tape->gpt->config;
    const int C = c->width, HS = C / c->heads;
    for (int b = 0; b < tape->B; b++)
        for (int h = 0; h < c->heads; h++) {
            long head = ((long)layer * tape->B + b) * c->heads + h, row = (long)b * s->S;
            attend_backward_head(tape, s, head, b, qkv + row * 3 * C + (long)h * HS, datt + row * C + (long)h * HS,
                                 dqkv + row * 3 * C + (long)h * HS);
            take_kv(tape, s, head, b, kv_roles, dqkv + row * 3 * C + (long)h * HS);
        }
}

static void block_backward(struct tape *tape, const struct tape_segment *s, int l, struct gpt_views *g,
                           unsigned kv_roles) {
    const struct gpt_layer *p = &tape->gpt->p.layer[l], *pt = &tape->gpt->pt.layer[l];
    struct gpt_layer *gl = &g->layer[l];
    const int C = tape->gpt->config.width;
    const struct lines ln = tape_lines(tape, s);
    const long at = l * ln.layer_stride + ln.first, out = at + ln.layer_stride;
    const int n = ln.n;
    const size_t bytes = (size_t)n * (size_t)C * sizeof(float);
    float *dy = tape->dx + out * C, *dx = tape->dx + at * C, *dmid = tape->dmid + at * C;
    float *dfch = tape->dfch + at * 4 * C, *dqkv = tape->dqkv + at * 3 * C, *tmp = tape->scratch;

    gemm(n, 4 * C, C, dy, C, 1, pt->fcproj_w, 4L * C, false, dfch, 4L * C);
    K->gelu_backward(n, 4 * C, dfch, tape->fch + at * 4 * C, dfch);
    gemm(n, C, 4 * C, dfch, 4L * C, 1, pt->fc_w, C, false, tmp, C);
    memcpy(dmid, dy, bytes);
    K->layernorm_backward(n, C, tmp, tape->mid + at * C, p->ln2_w, tape->mean2 + at, tape->rstd2 + at, dmid, gl->ln2_w,
                          gl->ln2_b);
    gemm(n, C, C, dmid, C, 1, pt->proj_w, C, false, tmp, C);
    attend_backward(tape, s, l, tmp, tape->qkv + at * 3 * C, dqkv, kv_roles);
    gemm(n, C, 3 * C, dqkv, 3L * C, 1, pt->qkv_w, C, false, tmp, C);
    memcpy(dx, dmid, bytes);
    K->layernorm_backward(n, C, tmp, tape->x + at * C, p->ln1_w, tape->mean1 + at, tape->rstd1 + at, dx, gl->ln1_w,
                          gl->ln1_b);
}

/* Tokens and positions: rows are added one by one in line order. */
static void embed_backward(const struct tape *tape, const struct tape_segment *s, const float *dx, struct gpt_views *g) {
    const int C = tape->gpt->config.width, channels = tape->gpt->config.channels;
    if (channels > GPT_MAX_CHANNELS) BUG("%d channels", channels);
    float *const table[GPT_MAX_CHANNELS] = {g->wte, g->wxe1, g->wxe2};
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < s->S; i++, dx += C) {
            int p = s->t0 + i - tape->start[b];
            const int *tok = s->tokens ? s->tokens + (long)b * s->tokens_row + (long)i * channels : NULL;
            if (p < 0 || (tok && tok[0] < 0)) continue;
            K->add(C, dx, g->wpe + (long)p * C);
            for (int c = 0; tok && c < channels; c++)
                if (tok[c] >= 0) K->add(C, dx, table[c] + (long)tok[c] * C);
        }
}

/* du [B][C], the gradient at the projected vectors, becomes the gradient at the hidden states they came from. */
static void project_backward(struct tape *tape, const struct tape_segment *s, float *du, struct gpt_views *g) {
    const struct gpt_views *p = &tape->gpt->p, *pt = &tape->gpt->pt;
    const int C = tape->gpt->config.width, B = tape->B;
    const long at = (long)s->thought * B;
    float *din = tape->scratch, *dact = din + (long)B * C, *h = dact + (long)B * C;
    memset(din, 0, (size_t)B * (size_t)C * sizeof *din);
    K->layernorm_backward(B, C, du, tape->prj_in + at * C, p->prjln_w, tape->prj_mean + at, tape->prj_rstd + at, din,
                          g->prjln_w, g->prjln_b);
    gemm(C, C, B, tape->prj_act + at * C, 1, C, din, C, true, g->prj2_w, C);
    K->bias_backward(B, C, din, g->prj2_b);
    gemm(B, C, C, din, C, 1, pt->prj2_w, C, false, dact, C);
    K->gelu_backward(B, C, dact, tape->prj_pre + at * C, dact);
    tape_last_hidden(tape, s - 1, h);
    gemm(C, C, B, h, 1, C, dact, C, true, g->prj1_w, C);
    K->bias_backward(B, C, dact, g->prj1_b);
    gemm(B, C, C, dact, C, 1, pt->prj1_w, C, false, du, C);
}

/* The gradient at the input of a thought goes to the position, and, unless cut, to the state it was fed from. */
static void feed_backward(struct tape *tape, const struct tape_segment *s, float *dx, struct gpt_views *g, bool cut) {
    const int C = tape->gpt->config.width, B = tape->B;
    embed_backward(tape, s, dx, g);
    add_injected(tape, s, TAPE_INPUT, dx);
    if (cut) return;
    if (s->feed == FEED_PROJECTED) project_backward(tape, s, dx, g);
    const struct tape_segment *prev = s - 1;
    float *dlast = tape->dhidden + (tape_lines(tape, prev).first + prev->S - 1) * C;
    for (int b = 0; b < B; b++) K->add(C, dx + (long)b * C, dlast + (long)b * prev->S * C);
}

/* One product per matrix over every line of the tape. */
static void weight_gradients(struct tape *tape, struct gpt_views *g) {
    const int C = tape->gpt->config.width, L = tape->gpt->config.layers, n = tape->B * tape->t;
    for (int l = 0; l < L; l++) {
        struct gpt_layer *gl = &g->layer[l];
        const long at = l * tape->line_capacity;
        const float *dy = tape->dx + (at + tape->line_capacity) * C, *dmid = tape->dmid + at * C;
        const float *dqkv = tape->dqkv + at * 3 * C, *dfch = tape->dfch + at * 4 * C;
        gemm(4 * C, C, n, tape->gelu + at * 4 * C, 1, 4L * C, dy, C, true, gl->fcproj_w, C);
        K->bias_backward(n, C, dy, gl->fcproj_b);
        gemm(C, 4 * C, n, tape->ln2 + at * C, 1, C, dfch, 4L * C, true, gl->fc_w, 4L * C);
        K->bias_backward(n, 4 * C, dfch, gl->fc_b);
        gemm(C, C, n, tape->att + at * C, 1, C, dmid, C, true, gl->proj_w, C);
        K->bias_backward(n, C, dmid, gl->proj_b);
        gemm(C, 3 * C, n, tape->ln1 + at * C, 1, C, dqkv, 3L * C, true, gl->qkv_w, 3L * C);
        K->bias_backward(n, 3 * C, dqkv, gl->qkv_b);
    }
}

void tape_backward(struct tape *tape, struct gpt_views *g, struct tape_cuts cuts) {
    const struct gpt *m = tape->gpt;
    const int C = m->config.width, L = m->config.layers;
    const size_t cache = (size_t)L * (size_t)tape->line_capacity * (size_t)C * sizeof(float);
    memset(tape->dk, 0, cache);
    memset(tape->dv, 0, cache);
    for (int i = tape->n_segments - 1; i >= 0; i--) {
        const struct tape_segment *s = &tape->segment[i];
        const struct lines ln = tape_lines(tape, s);
        const long top = L * ln.layer_stride + ln.first;
        float *dh = tape->dhidden + ln.first * C, *dtop = tape->dx + top * C;
        add_injected(tape, s, L, dh);
        memset(dtop, 0, (size_t)ln.n * (size_t)C * sizeof(float));
        K->layernorm_backward(ln.n, C, dh, tape->x + top * C, m->p.lnf_w, tape->mean_f + ln.first,
                              tape->rstd_f + ln.first, dtop, g->lnf_w, g->lnf_b);
        memset(dh, 0, (size_t)ln.n * (size_t)C * sizeof(float));
        for (int l = L - 1; l >= 0; l--) {
            block_backward(tape, s, l, g, cuts.kv_roles);
            add_injected(tape, s, l, tape->dx + (l * ln.layer_stride + ln.first) * C);
        }
        float *dx = tape->dx + ln.first * C;
        if (s->feed == FEED_NONE)
            embed_backward(tape, s, dx, g);
        else
            feed_backward(tape, s, dx, g, cuts.feed);
    }
    weight_gradients(tape, g);
    tape->n_injections = 0;
}
