#include "engine/gpt.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/gemm.h"
#include "engine/lora.h"

enum where { MODEL, LAYER, UNTIED, CHANNEL1, CHANNEL2, PROJECTION, LORA };
enum dim { ONE, VOCAB, CHANNEL1_VOCAB, CHANNEL2_VOCAB, CONTEXT, WIDTH, WIDTH3, WIDTH4, RANK };
enum init { NORMAL, RESIDUAL, ONES, ZEROS, GAIN };

struct param_row {
    const char *name;
    enum where where;
    enum dim rows, cols;
    enum init init;
    bool decay;
    size_t view; /* offset of the pointer in gpt_views, or in gpt_layer for LAYER and LORA rows */
};

/* MODEL-level views and block views live in different structs; the row knows which by its `where`. */
#define VIEW_MODEL(v)      offsetof(struct gpt_views, v)
#define VIEW_UNTIED(v)     offsetof(struct gpt_views, v)
#define VIEW_CHANNEL1(v)   offsetof(struct gpt_views, v)
#define VIEW_CHANNEL2(v)   offsetof(struct gpt_views, v)
#define VIEW_PROJECTION(v) offsetof(struct gpt_views, v)
#define VIEW_LAYER(v)      offsetof(struct gpt_layer, v)
#define VIEW_LORA(v)       offsetof(struct gpt_layer, v)

static const struct param_row rows[] = {
#define PARAM(view, name, where, rows, cols, init, decay) {name, where, rows, cols, init, decay, VIEW_##where(view)},
#include "engine/params.def"
#undef PARAM
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

static int dim_of(const struct gpt_config *c, enum dim d) {
    switch (d) {
    case ONE:
        return 1;
    case VOCAB:
        return c->vocab;
    case CHANNEL1_VOCAB:
        return c->channel_vocab[1];
    case CHANNEL2_VOCAB:
        return c->channel_vocab[2];
    case CONTEXT:
        return c->context;
    case WIDTH:
        return c->width;
    case WIDTH3:
        return 3 * c->width;
    case WIDTH4:
        return 4 * c->width;
    case RANK:
        return c->lora;
    }
    BUG("dim %d", d);
}

static int copies_of(const struct gpt_config *c, enum where w) {
    switch (w) {
    case MODEL:
        return 1;
    case LAYER:
        return c->layers;
    case UNTIED:
        return !c->tied;
    case CHANNEL1:
        return c->channels > 1;
    case CHANNEL2:
        return c->channels > 2;
    case PROJECTION:
        return c->projection;
    case LORA:
        return c->lora > 0 ? c->layers : 0;
    }
    BUG("where %d", w);
}

static bool in_block(const struct param_row *row) {
    return row->where == LAYER || row->where == LORA;
}

/* Where a view names the tensor of a row. */
static float **slot_of(struct gpt_views *v, const struct param_row *row, int layer) {
    char *base = in_block(row) ? (char *)&v->layer[layer] : (char *)v;
    return (float **)(void *)(base + row->view);
}

bool gpt_keeps_turned(const struct gpt_config *c) {
    return 12L * c->layers * c->width * c->width <= GPT_TURNED;
}

/* The head's, the projection's, LoRA's and, of a model that is not too large, the blocks'. */
static bool is_turned(const struct gpt_config *c, const struct param_row *row) {
    if (!row->decay) return false;
    if (row->where == LAYER) return gpt_keeps_turned(c);
    if (row->where == MODEL) return c->tied && row->rows == VOCAB;
    return row->where == UNTIED || row->where == PROJECTION || row->where == LORA;
}

static enum status check_config(const struct gpt_config *c) {
    if (c->layers < 1 || c->layers > GPT_MAX_LAYERS)
        return status_set(ST_USAGE, "model: layers must be 1..%d, not %d", GPT_MAX_LAYERS, c->layers);
    if (c->heads < 1 || c->width < 1 || c->width % c->heads != 0)
        return status_set(ST_USAGE, "model: width %d must be a multiple of heads %d", c->width, c->heads);
    if (c->vocab < 2 || c->context < 1 || c->channels < 1 || c->channels > GPT_MAX_CHANNELS)
        return status_set(ST_USAGE, "model: bad vocabulary %d, context %d or channels %d", c->vocab, c->context,
                          c->channels);
    if (c->lora < 0 || c->lora > c->width)
        return status_set(ST_USAGE, "model: LoRA of rank %d in a width of %d", c->lora, c->width);
    return ST_OK;
}

/* Names, shapes and offsets of every tensor, in file order. */
static void lay_out(struct gpt *m) {
    long offset = 0;
    int k = 0;
    m->n_parameters = 0;
    for (int r = 0; r < N_ROWS; r++) {
        int copies = copies_of(&m->config, rows[r].where);
        for (int layer = 0; layer < copies; layer++, k++) {
            struct gpt_tensor *t = &m->tensors[k];
            if (in_block(&rows[r])) {
                int head = (int)(strchr(rows[r].name, '%') - rows[r].name);
                snprintf(t->name, sizeof t->name, "%.*s%d%s", head, rows[r].name, layer, rows[r].name + head + 2);
            } else {
                snprintf(t->name, sizeof t->name, "%s", rows[r].name);
            }
            t->offset = offset;
            t->rows = dim_of(&m->config, rows[r].rows);
            t->cols = dim_of(&m->config, rows[r].cols);
            t->layer = in_block(&rows[r]) ? layer : -1;
            t->decay = rows[r].decay;
            t->adapter = rows[r].where == LORA;
            t->adapted = m->config.lora > 0 && rows[r].where == LAYER && rows[r].decay;
            if (m->config.lora > 0 && !m->frozen && rows[r].where >= PROJECTION) m->frozen = offset;
            const long size = (long)t->rows * t->cols, room = (size + 15) / 16 * 16;
            m->n_parameters += size;
            offset += room;
            t->turned = is_turned(&m->config, &rows[r]) ? m->n_turned : -1;
            if (t->turned >= 0) m->n_turned += room;
        }
    }
    m->n = offset;
}

void gpt_view(const struct gpt *m, float *flat, struct gpt_views *v) {
    memset(v, 0, sizeof *v);
    int k = 0;
    for (int r = 0; r < N_ROWS; r++) {
        int copies = copies_of(&m->config, rows[r].where);
        for (int layer = 0; layer < copies; layer++, k++) *slot_of(v, &rows[r], layer) = flat + m->tensors[k].offset;
    }
    if (m->config.tied) v->head = v->wte;
}

static void name_turned(struct gpt *m) {
    int k = 0;
    for (int r = 0; r < N_ROWS; r++) {
        const int copies = copies_of(&m->config, rows[r].where);
        for (int layer = 0; layer < copies; layer++, k++)
            if (m->tensors[k].turned >= 0) *slot_of(&m->pt, &rows[r], layer) = m->wt + m->tensors[k].turned;
    }
    if (m->config.tied) m->pt.head = m->pt.wte;
}

enum status gpt_plan(struct gpt *m, struct arena *a, const struct gpt_config *config) {
    TRY(check_config(config));
    memset(m, 0, sizeof *m);
    m->config = *config;
    for (int r = 0; r < N_ROWS; r++) m->n_tensors += copies_of(config, rows[r].where);
    m->tensors = ARENA_NEW(a, struct gpt_tensor, m->n_tensors);
    lay_out(m);
    return ST_OK;
}

enum status gpt_open(struct gpt *m, struct arena *a, const struct gpt_config *config) {
    TRY(gpt_plan(m, a, config));
    m->w = ARENA_NEW(a, float, m->n);
    m->wt = ARENA_NEW(a, float, m->n_turned);
    gpt_view(m, m->w, &m->p);
    name_turned(m);
    if (config->lora == 0) return ST_OK;
    m->merged = ARENA_NEW(a, float, 12L * config->layers * config->width * config->width);
    m->lora_scratch = ARENA_NEW(a, float, 4L * config->width * config->lora);
    lora_view_merged(m, &m->p);
    return ST_OK;
}

long gpt_trained(const struct gpt *m) {
    return m->n - m->frozen;
}

float *gpt_gradient_open(const struct gpt *m, struct arena *a, struct gpt_views *v) {
    const long sink = m->frozen ? 4L * m->config.width : 0, n = gpt_trained(m);
    float *g = ARENA_NEW(a, float, n + sink);
    memset(v, 0, sizeof *v);
    int k = 0;
    for (int r = 0; r < N_ROWS; r++) {
        const int copies = copies_of(&m->config, rows[r].where);
        for (int layer = 0; layer < copies; layer++, k++) {
            const struct gpt_tensor *t = &m->tensors[k];
            *slot_of(v, &rows[r], layer) = t->offset >= m->frozen ? g + (t->offset - m->frozen)
                                           : t->decay             ? NULL
                                                                  : g + n;
        }
    }
    if (m->config.tied) v->head = v->wte;
    return g;
}

const float *gpt_weights(const struct gpt *m, const struct gpt_tensor *t) {
    if (!t->adapted) return m->w + t->offset;
    const struct gpt_layer *l = &m->p.layer[t->layer];
    const char *name = strchr(t->name + 2, '.') + 1;
    return strcmp(name, "attn.c_attn.weight") == 0   ? l->qkv_w
           : strcmp(name, "attn.c_proj.weight") == 0 ? l->proj_w
           : strcmp(name, "mlp.c_fc.weight") == 0    ? l->fc_w
                                                     : l->fcproj_w;
}

void gpt_init(struct gpt *m, uint64_t seed, double std, double projection_gain) {
    int k = 0;
    for (int r = 0; r < N_ROWS; r++) {
        int copies = copies_of(&m->config, rows[r].where);
        for (int c = 0; c < copies; c++, k++) {
            const struct gpt_tensor *t = &m->tensors[k];
            struct rng rng = rng_open(seed, t->name, 0);
            float *w = m->w + t->offset;
            double s = rows[r].init == RESIDUAL ? std / sqrt(2.0 * m->config.layers) : std;
            for (long i = 0; i < (long)t->rows * t->cols; i++) switch (rows[r].init) {
                case NORMAL:
                case RESIDUAL:
                    w[i] = (float)(s * rng_normal(&rng));
                    break;
                case ONES:
                    w[i] = 1.0f;
                    break;
                case ZEROS:
                    w[i] = 0.0f;
                    break;
                case GAIN:
                    w[i] = (float)projection_gain;
                    break;
                }
        }
    }
    gpt_refresh(m);
}

static void refresh(struct gpt *m, bool all) {
    if (m->config.lora > 0) lora_merge(m);
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        if (t->turned >= 0 && (all || t->adapted || t->offset >= m->frozen))
            gemm_transpose(t->rows, t->cols, gpt_weights(m, t), t->cols, m->wt + t->turned, t->rows);
    }
}

void gpt_refresh(struct gpt *m) {
    refresh(m, true);
}

void gpt_refresh_trained(struct gpt *m) {
    refresh(m, false);
}

const struct gpt_tensor *gpt_find(const struct gpt *m, const char *name) {
    for (int k = 0; k < m->n_tensors; k++)
        if (strcmp(m->tensors[k].name, name) == 0) return &m->tensors[k];
    return NULL;
}

int gpt_copy_weights(struct gpt *dst, const struct gpt *src) {
    int copied = 0;
    for (int k = 0; k < dst->n_tensors; k++) {
        const struct gpt_tensor *d = &dst->tensors[k], *s = gpt_find(src, d->name);
        bool longer = s && s->rows < d->rows && strcmp(d->name, "wpe.weight") == 0;
        if (!s || (s->rows != d->rows && !longer) || s->cols != d->cols) continue;
        memcpy(dst->w + d->offset, src->w + s->offset, (size_t)s->rows * (size_t)s->cols * sizeof(float));
        copied++;
    }
    gpt_refresh(dst);
    return copied;
}
