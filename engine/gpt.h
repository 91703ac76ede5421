/* A GPT-2-style transformer (Radford et al. 2019): its configuration, its tensors, its weights.
 *
 * Pre-layer-norm blocks, GELU (tanh form), learned positions, tied or untied head; optionally extra lookup tables per
 * input position (channels) and the thought projection of CODI (Linear, GELU, Linear, LayerNorm; Shen et al. 2025).
 *
 * LoRA (Hu et al. 2021, arXiv 2106.09685): with config.lora = r > 0 the matrices of the blocks are W + lora_scale A B,
 * A [in][r], B [r][out]. The blocks' W, the embeddings, gains and biases are frozen; A, B and the projection are trained.
 * The flat arrays hold W, A and B; forward and backward work with the merged matrices, which gpt_refresh makes and
 * gpt.p names.
 *
 * All weights lie in one flat array; a gradient or an optimiser moment is another array of the same layout, and a
 * `struct gpt_views` gives either its names. Matrices are [in][out]. gpt.wt holds transposed copies of matrices (the
 * products of backward and of the head need them) and must be refreshed after the weights change. Of a model with more
 * than GPT_TURNED floats in its blocks' matrices theirs are not kept: backward turns them one by one (GPT-2: 340 MB less).
 */
#ifndef SPILLOVER_GPT_H
#define SPILLOVER_GPT_H

#include <stdbool.h>

#include "engine/base/arena.h"
#include "engine/base/rng.h"
#include "engine/base/status.h"

enum { GPT_MAX_LAYERS = 48, GPT_MAX_CHANNELS = 3, GPT_TURNED = 1 << 25 };

struct gpt_config {
    int vocab, context, layers, heads, width; /* V, T, L, NH, C; HS = C / NH */
    int channels;                             /* lookup tables per input position, 1..3 */
    int channel_vocab[GPT_MAX_CHANNELS];      /* rows of tables 1 and 2; [0] is unused (vocab) */
    bool tied;                                /* head is wte */
    bool projection;                          /* has the thought projection */
    int lora;                                 /* rank of the low-rank weights that are trained; 0: all weights are */
    double lora_scale;                        /* alpha / rank */
};

enum gpt_lora_at { LORA_QKV, LORA_PROJ, LORA_FC, LORA_FCPROJ, LORA_MATRICES };
struct gpt_lora {
    float *a, *b; /* [in][r], [r][out]; NULL without LoRA */
};

struct gpt_layer {
    float *ln1_w, *ln1_b;       /* [C] */
    float *qkv_w, *qkv_b;       /* [C][3C], [3C] */
    float *proj_w, *proj_b;     /* [C][C], [C] */
    float *ln2_w, *ln2_b;       /* [C] */
    float *fc_w, *fc_b;         /* [C][4C], [4C] */
    float *fcproj_w, *fcproj_b; /* [4C][C], [C] */
    struct gpt_lora lora[LORA_MATRICES];
};

struct gpt_views {
    float *wte;                                                   /* [V][C] */
    float *wxe1, *wxe2;                                           /* [channel_vocab[i]][C], NULL without that channel */
    float *wpe;                                                   /* [T][C] */
    float *lnf_w, *lnf_b;                                         /* [C] */
    float *head;                                                  /* [V][C]; the same as wte when tied */
    float *prj1_w, *prj1_b, *prj2_w, *prj2_b, *prjln_w, *prjln_b; /* [C][C], [C]; NULL without projection */
    struct gpt_layer layer[GPT_MAX_LAYERS];
};

struct gpt_tensor {
    char name[48];
    long offset; /* in floats, a multiple of 16 */
    long turned; /* of the transposed copy, likewise; -1: none is kept */
    int rows, cols, layer;
    bool decay;   /* weight decay applies (matrices and embeddings, not gains and biases) */
    bool adapted; /* a matrix that LoRA adds to */
    bool adapter; /* one of LoRA's own */
};

struct gpt {
    struct gpt_config config;
    struct gpt_tensor *tensors;
    int n_tensors;
    long n;                 /* floats in a flat array, alignment gaps included (always zero) */
    long n_parameters;      /* without gaps */
    long frozen;            /* floats at the beginning that training leaves alone; 0 without LoRA */
    long n_turned;          /* floats of the transposed copies */
    float *w, *wt;          /* [n] weights; [n_turned] transposed copies */
    float *merged;          /* LoRA: [L] blocks' matrices as they act; else NULL */
    float *lora_scratch;    /* LoRA: [4C][r] */
    struct gpt_views p, pt; /* names of the weights as they act, and of wt (NULL where no copy is kept) */
};

/* Refuse a configuration that makes no sense (ST_USAGE); otherwise lay out the tensors and allocate zero weights. */
MUST_USE enum status gpt_open(struct gpt *m, struct arena *a, const struct gpt_config *config);

/* gpt_open without the weights (w and wt are NULL): names, shapes and offsets alone. */
MUST_USE enum status gpt_plan(struct gpt *m, struct arena *a, const struct gpt_config *config);

/* Does a model of this shape keep transposed copies of its blocks' matrices? */
bool gpt_keeps_turned(const struct gpt_config *c);

/* Draw initial weights: normal(0, std), residual outputs normal(0, std / sqrt(2L)), gains 1, projection gain `gain`.
 * Each tensor draws from a stream of its own, so adding a tensor moves no other. Refreshes. */
void gpt_init(struct gpt *m, uint64_t seed, double std, double projection_gain);

/* Copy every tensor that both models have under the same name and shape; returns how many. The position table may have
 * more rows in dst: those behind src's keep what they hold. Refreshes dst. */
int gpt_copy_weights(struct gpt *dst, const struct gpt *src);

/* Give a flat array [n] its names. */
void gpt_view(const struct gpt *m, float *flat, struct gpt_views *v);

/* Gradients and moments cover what is trained: tensor t lies at t->offset - frozen of an array of gpt_trained() floats.
 * gpt_gradient_open allocates one, zero, and names it: matrices that are frozen have no name (NULL), the frozen gains and
 * biases share a place that nobody reads. */
long gpt_trained(const struct gpt *m);
float *gpt_gradient_open(const struct gpt *m, struct arena *a, struct gpt_views *v);

/* The weights of a tensor as they act: merged where there is LoRA. */
const float *gpt_weights(const struct gpt *m, const struct gpt_tensor *t);

/* Recompute the merged matrices and the transposed copies; after a step of training, those alone that it moved. */
void gpt_refresh(struct gpt *m);
void gpt_refresh_trained(struct gpt *m);

const struct gpt_tensor *gpt_find(const struct gpt *m, const char *name);

#endif
