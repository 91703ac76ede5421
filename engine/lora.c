#include "engine/lora.h"

#include <string.h>

#include "engine/gemm.h"

/* A matrix of a block: its name in the views, its shape in widths. */
static float **matrix_of(struct gpt_layer *l, enum gpt_lora_at at, int *in, int *out) {
    *in = at == LORA_FCPROJ ? 4 : 1;
    *out = at == LORA_QKV ? 3 : at == LORA_FC ? 4 : 1;
    float **const name[LORA_MATRICES] = {&l->qkv_w, &l->proj_w, &l->fc_w, &l->fcproj_w};
    return name[at];
}

void lora_view_merged(const struct gpt *m, struct gpt_views *v) {
    const long square = (long)m->config.width * m->config.width;
    float *at = m->merged;
    for (int l = 0; l < m->config.layers; l++)
        for (int k = 0; k < LORA_MATRICES; k++) {
            int in, out;
            *matrix_of(&v->layer[l], (enum gpt_lora_at)k, &in, &out) = at;
            at += in * out * square;
        }
}

static void scale_into(float *to, const float *from, long n, double s) {
    for (long i = 0; i < n; i++) to[i] = (float)(s * (double)from[i]);
}

void lora_merge(struct gpt *m) {
    const int C = m->config.width, r = m->config.lora;
    struct gpt_views own;
    gpt_view(m, m->w, &own);
    for (int l = 0; l < m->config.layers; l++)
        for (int k = 0; k < LORA_MATRICES; k++) {
            int in, out;
            const enum gpt_lora_at at = (enum gpt_lora_at)k;
            const float *w = *matrix_of(&own.layer[l], at, &in, &out);
            float *merged = *matrix_of(&m->p.layer[l], at, &in, &out);
            in *= C;
            out *= C;
            memcpy(merged, w, (size_t)in * (size_t)out * sizeof *w);
            scale_into(m->lora_scratch, own.layer[l].lora[k].a, (long)in * r, m->config.lora_scale);
            gemm(in, out, r, m->lora_scratch, r, 1, own.layer[l].lora[k].b, out, true, merged, out);
        }
}

void lora_gradient(const struct gpt *m, int layer, enum gpt_lora_at at, int n, int in, int out, const float *x,
                   const float *dy, struct gpt_lora g, float *scratch) {
    const int r = m->config.lora;
    const struct gpt_lora *p = &m->p.layer[layer].lora[at], *pt = &m->pt.layer[layer].lora[at];
    gemm(n, r, out, dy, out, 1, pt->b, r, false, scratch, r);
    scale_into(scratch, scratch, (long)n * r, m->config.lora_scale);
    gemm(in, r, n, x, 1, in, scratch, r, true, g.a, r);
    gemm(n, r, in, x, in, 1, p->a, r, false, scratch, r);
    scale_into(scratch, scratch, (long)n * r, m->config.lora_scale);
    gemm(r, out, n, scratch, 1, r, dy, out, true, g.b, out);
}
