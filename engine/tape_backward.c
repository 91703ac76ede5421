/* Backward through the segments, last to first.
 *
 * Within a segment the layers run from last to first. When a layer of a segment is reached, every later segment has left
 * the gradients of its queries' scores and outputs there, so those of the segment's own keys and values are complete in
 * one product. The weight gradients of a block are taken while its lines' gradients are still in cache.
 */
#include <math.h>
#include <string.h>

#include "engine/gemm.h"
#include "engine/kernels.h"
#include "engine/lora.h"
#include "engine/subnormal.h"
#include "engine/tape_internal.h"

void tape_inject(struct tape *tape, int layer, int t, const float *grad) {
    if (tape->n_injections == TAPE_MAX_INJECTIONS) BUG("more than %d injections", TAPE_MAX_INJECTIONS);
    tape->injection[tape->n_injections++] = (struct tape_injection){.layer = layer, .t = t, .grad = grad};
}

/* Add what was injected at a layer of a segment into the gradients of its lines, which begin at position `from`. */
static void add_injected(const struct tape *tape, const struct tape_segment *s, int layer, int from, float *d) {
    const int C = tape->gpt->config.width, S = s->t0 + s->S - from;
    for (int i = 0; i < tape->n_injections; i++) {
        const struct tape_injection *in = &tape->injection[i];
        if (in->layer != layer || in->t < s->t0 || in->t >= s->t0 + s->S) continue;
        if (in->t < from) BUG("the final state of position %d was not to be read", in->t);
        for (int b = 0; b < tape->B; b++) K->add(C, in->grad + (long)b * C, d + ((long)b * S + in->t - from) * C);
    }
}

/* No gradient enters the K/V of positions whose role is detached. */
static void detach(const struct tape *tape, const struct tape_segment *s, int b, unsigned kv_roles, float *dkv) {
    const int C = tape->gpt->config.width;
    const uint8_t *role = tape->role + (long)b * tape->T + s->t0;
    for (int i = 0; i < s->S; i++)
        if (kv_roles >> role[i] & 1u) memset(dkv + i * 3L * C, 0, 2 * (size_t)C * sizeof *dkv);
}

/* Queries are the positions from `from` on; the others of the segment have none. */
static void attend_backward(struct tape *tape, const struct tape_segment *s, int layer, int from, const float *datt,
                            float *dqkv, unsigned kv_roles) {
    const struct gpt_config *c = &tape->gpt->config;
    const int C = c->width, HS = C / c->heads, T = tape->T, Tv = tape->Tv;
    const int S = s->t0 + s->S - from;
    struct attend_grad a = {
        .S = s->S, .t0 = s->t0, .from = from, .end = tape->t, .heads = c->heads, .size = HS, .T = Tv};
    a.scale = 1.0f / sqrtf((float)HS);
    a.p_head = (long)T * Tv;
    a.p_row = Tv;
    /* of a segment without others nobody reads them later: the same memory serves every row and head, and stays in cache */
    const bool once = tape->n_segments == 1 && S > 1;
    a.ds_head = once ? 0 : a.p_head;
    a.d_row = 3L * C;
    for (int b = 0; b < tape->B; b++) {
        const long row = (long)layer * tape->B + b, block = row * C * Tv, squares = row * c->heads * T * Tv;
        const long kept = once ? 0 : row;
        a.q = tape->q + block;
        a.next = b + 1 < tape->B ? (long)C * Tv : 0;
        a.k = tape->k + block;
        a.vt = tape->vt + block;
        a.dout = tape->dout + kept * C * Tv;
        a.p = tape->prob + squares;
        a.ds = tape->dscore + kept * c->heads * T * Tv;
        a.dq = dqkv + (long)b * s->S * 3 * C;
        a.dk = a.dq + C;
        a.dv = a.dk + C;
        for (int i = 0; i < s->S - S; i++) memset(a.dq + i * 3L * C, 0, (size_t)C * sizeof *a.dq);
        K->split_rows(S, c->heads, HS, Tv, datt + (long)b * S * C, tape->dout + kept * C * Tv + (long)from * HS);
        K->attend_backward(&a);
        if (kv_roles) detach(tape, s, b, kv_roles, a.dk);
    }
}

/* Gradient of a matrix [in][out] and its bias from n lines. */
static void linear_gradient(int n, int in, int out, const float *x, const float *dy, float *w, float *b) {
    gemm(in, out, n, x, 1, in, dy, out, true, w, out);
    K->bias_backward(n, out, dy, b);
}

/* The same of a block's matrix, which may be frozen but for its LoRA. Uses the tape's scratch. */
static void matrix_gradient(const struct tape *tape, int l, enum gpt_lora_at which, int n, int in, int out,
                            const float *x, const float *dy, float *w, float *b, const struct gpt_layer *g) {
    if (w) {
        linear_gradient(n, in, out, x, dy, w, b);
        return;
    }
    lora_gradient(tape->gpt, l, which, n, in, out, x, dy, g->lora[which], tape->scratch);
}

/* A block's matrix [in][out], transposed: the copy that the model keeps, or one made here until the next. */
static const float *turned(const struct tape *tape, const float *kept, const float *w, int in, int out) {
    if (kept) return kept;
    gemm_transpose(in, out, w, out, tape->turned, in);
    return tape->turned;
}

/* dy, the gradient of the block's outputs, becomes dx, that of its inputs. */
static void block_backward(struct tape *tape, const struct tape_segment *s, int l, struct gpt_views *g,
                           unsigned kv_roles) {
    const struct gpt_layer *p = &tape->gpt->p.layer[l], *pt = &tape->gpt->pt.layer[l];
    struct gpt_layer *gl = &g->layer[l];
    const int C = tape->gpt->config.width;
    const struct lines ln = tape_lines(tape, s);
    const long at = l * ln.layer_stride + ln.first;
    const int from = l == tape->gpt->config.layers - 1 ? s->read_from : s->t0, read = s->t0 + s->S - from;
    const int n = tape->B * read;
    const float *dy = tape->dx[(l + 1) & 1] + ln.first * C;
    float *dx = tape->dx[l & 1] + ln.first * C, *dmid = tape->dmid, *dfch = tape->dfch, *dqkv = tape->dqkv,
          *tmp = tape->scratch;

    gemm(n, 4 * C, C, dy, C, 1, turned(tape, pt->fcproj_w, p->fcproj_w, 4 * C, C), 4L * C, false, dfch, 4L * C);
    K->mul(4L * n * C, tape->slope + at * 4 * C, dfch);
    matrix_gradient(tape, l, LORA_FCPROJ, n, 4 * C, C, tape->gelu + at * 4 * C, dy, gl->fcproj_w, gl->fcproj_b, gl);
    matrix_gradient(tape, l, LORA_FC, n, C, 4 * C, tape->ln2 + at * C, dfch, gl->fc_w, gl->fc_b, gl);
    gemm(n, C, 4 * C, dfch, 4L * C, 1, turned(tape, pt->fc_w, p->fc_w, C, 4 * C), C, false, tmp, C);
    K->layernorm_backward(n, C, tmp, tape->mid + at * C, p->ln2_w, tape->mean2 + at, tape->rstd2 + at, dy, dmid,
                          gl->ln2_w, gl->ln2_b);
    matrix_gradient(tape, l, LORA_PROJ, n, C, C, tape->att + at * C, dmid, gl->proj_w, gl->proj_b, gl);
    gemm(n, C, C, dmid, C, 1, turned(tape, pt->proj_w, p->proj_w, C, C), C, false, tmp, C);
    attend_backward(tape, s, l, from, tmp, dqkv, kv_roles);
    matrix_gradient(tape, l, LORA_QKV, ln.n, C, 3 * C, tape->ln1 + at * C, dqkv, gl->qkv_w, gl->qkv_b, gl);
    gemm(ln.n, C, 3 * C, dqkv, 3L * C, 1, turned(tape, pt->qkv_w, p->qkv_w, C, 3 * C), C, false, tmp, C);
    const bool all = read == s->S;
    K->layernorm_backward(ln.n, C, tmp, tape->x + at * C, p->ln1_w, tape->mean1 + at, tape->rstd1 + at,
                          all ? dmid : NULL, dx, gl->ln1_w, gl->ln1_b);
    for (int b = 0; !all && b < tape->B; b++)
        K->add((long)read * C, dmid + (long)b * read * C, dx + ((long)(b + 1) * s->S - read) * C);
}

/* Tokens and positions: rows are added one by one in line order. */
static void embed_backward(const struct tape *tape, const struct tape_segment *s, const float *dx,
                           struct gpt_views *g) {
    const int C = tape->gpt->config.width, channels = tape->gpt->config.channels;
    if (channels > GPT_MAX_CHANNELS) BUG("%d channels", channels);
    float *const table[GPT_MAX_CHANNELS] = {g->wte, g->wxe1, g->wxe2};
    for (int b = 0; b < tape->B; b++)
        for (int i = 0; i < s->S; i++, dx += C) {
            int p = s->t0 + i - tape->start[b];
            const int *tok = s->tokens ? s->tokens + (long)b * s->tokens_row + (long)i * channels : NULL;
            if (p < 0 || (tok && tok[0] < 0)) continue;
            if (g->wpe) K->add(C, dx, g->wpe + (long)p * C);
            for (int c = 0; tok && c < channels; c++)
                if (tok[c] >= 0 && table[c]) K->add(C, dx, table[c] + (long)tok[c] * C);
        }
}

/* du [B][C], the gradient at the projected vectors, becomes the gradient at the hidden states they came from. */
static void project_backward(struct tape *tape, const struct tape_segment *s, float *du, struct gpt_views *g) {
    const struct gpt_views *p = &tape->gpt->p, *pt = &tape->gpt->pt;
    const int C = tape->gpt->config.width, B = tape->B;
    const long at = (long)s->thought * B;
    float *din = tape->scratch, *dact = tape->qkv, *h = dact + (long)B * C; /* the products of QKV are done with */
    K->layernorm_backward(B, C, du, tape->prj_in + at * C, p->prjln_w, tape->prj_mean + at, tape->prj_rstd + at, NULL,
                          din, g->prjln_w, g->prjln_b);
    linear_gradient(B, C, C, tape->prj_act + at * C, din, g->prj2_w, g->prj2_b);
    gemm(B, C, C, din, C, 1, pt->prj2_w, C, false, dact, C);
    K->mul((long)B * C, tape->prj_slope + at * C, dact);
    tape_last_hidden(tape, s - 1, h);
    linear_gradient(B, C, C, h, dact, g->prj1_w, g->prj1_b);
    gemm(B, C, C, dact, C, 1, pt->prj1_w, C, false, du, C);
}

/* The gradient at the input of a thought goes to the position, and, unless cut, to the state it was fed from. */
static void feed_backward(struct tape *tape, const struct tape_segment *s, float *dx, struct gpt_views *g, bool cut) {
    const int C = tape->gpt->config.width, B = tape->B;
    embed_backward(tape, s, dx, g);
    add_injected(tape, s, TAPE_INPUT, s->t0, dx);
    if (cut) return;
    if (s->feed == FEED_PROJECTED) project_backward(tape, s, dx, g);
    const struct tape_segment *prev = s - 1;
    const int read = tape_read_positions(prev);
    float *dlast = tape->dhidden + (tape_lines(tape, prev).first + read - 1) * C;
    for (int b = 0; b < B; b++) K->add(C, dx + (long)b * C, dlast + (long)b * read * C);
}

void tape_backward(struct tape *tape, struct gpt_views *g, struct tape_cuts cuts) {
    const struct gpt *m = tape->gpt;
    const int C = m->config.width, L = m->config.layers;
    const unsigned before = subnormal_flush();
    for (int i = tape->n_segments - 1; i >= 0; i--) {
        const struct tape_segment *s = &tape->segment[i];
        const struct lines ln = tape_lines(tape, s);
        const long top = L * ln.layer_stride + ln.first;
        const int n = tape->B * tape_read_positions(s);
        float *dh = tape->dhidden + ln.first * C, *dtop = tape->dx[L & 1] + ln.first * C;
        add_injected(tape, s, L, s->read_from, dh);
        K->layernorm_backward(n, C, dh, tape->x + top * C, m->p.lnf_w, tape->mean_f + ln.first, tape->rstd_f + ln.first,
                              NULL, dtop, g->lnf_w, g->lnf_b);
        memset(dh, 0, (size_t)n * (size_t)C * sizeof(float));
        for (int l = L - 1; l >= 0; l--) {
            block_backward(tape, s, l, g, cuts.kv_roles);
            add_injected(tape, s, l, s->t0, tape->dx[l & 1] + ln.first * C);
        }
        if (s->feed == FEED_NONE)
            embed_backward(tape, s, tape->dx[0] + ln.first * C, g);
        else
            feed_backward(tape, s, tape->dx[0] + ln.first * C, g, cuts.feed);
    }
    tape->n_injections = 0;
    subnormal_restore(before);
}
