/* Weights out of the views of an import, config.json, and the way back. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/checkpoint.h"
#include "engine/gemm.h"
#include "engine/import_internal.h"

/* ---- config.json ---- */

enum { MAX_SIZE = 1 << 24, DEFAULT_EOS = 50256 };

static enum status read_size(const char *where, const json_t *object, const char *key, int *x) {
    long long value;
    if (!json_object_get(object, key)) return ST_OK;
    TRY(jsonio_get_integer(where, object, key, 1, MAX_SIZE, &value));
    *x = (int)value;
    return ST_OK;
}

/* A member that may be missing or null, or must be `expected`. */
static enum status expect(const char *where, const json_t *object, const char *key, json_t *expected,
                          const char *shown) {
    const json_t *value = json_object_get(object, key);
    bool good = !value || json_is_null(value) || json_equal(value, expected) ||
                (json_is_number(value) && json_typeof(expected) == JSON_INTEGER &&
                 json_number_value(value) == json_number_value(expected));
    json_decref(expected);
    return good ? ST_OK : status_set(ST_DATA, "%s: %s: expected %s: the model is not GPT-2's", where, key, shown);
}

static enum status read_members(const char *where, const json_t *c, struct import_hints *h) {
    TRY(read_size(where, c, "vocab_size", &h->vocab));
    TRY(read_size(where, c, "n_positions", &h->context));
    TRY(read_size(where, c, "n_layer", &h->layers));
    TRY(read_size(where, c, "n_head", &h->heads));
    TRY(read_size(where, c, "n_embd", &h->width));
    TRY(expect(where, c, "model_type", json_string("gpt2"), "gpt2"));
    TRY(expect(where, c, "layer_norm_epsilon", json_real(1e-5), "1e-05"));
    TRY(expect(where, c, "scale_attn_weights", json_true(), "true"));
    TRY(expect(where, c, "scale_attn_by_inverse_layer_idx", json_false(), "false"));
    TRY(expect(where, c, "add_cross_attention", json_false(), "false"));
    TRY(expect(where, c, "n_inner", json_integer(4LL * h->width), "4 x n_embd"));
    const char *gelu = json_string_value(json_object_get(c, "activation_function"));
    if (gelu && strcmp(gelu, "gelu_pytorch_tanh") == 0) return ST_OK; /* another name of the same */
    return expect(where, c, "activation_function", json_string("gelu_new"), "gelu_new");
}

enum status import_read_hints(const char *path, const char *json, struct import_hints *hints) {
    char where[512];
    json_t *object;
    snprintf(where, sizeof where, "%.480s: config.json", path);
    TRY(jsonio_load_text(where, json, strlen(json), &object));
    enum status st = json_typeof(object) == JSON_OBJECT ? read_members(where, object, hints)
                                                        : status_set(ST_DATA, "%s: expected an object", where);
    json_decref(object);
    return st;
}

enum status import_check_hints(const struct import *in, const struct import_hints *h) {
    const struct {
        const char *key;
        int said, found;
    } sizes[] = {
        {"n_positions", h->context, in->config.context},
        {"n_layer", h->layers, in->config.layers},
        {"n_embd", h->width, in->config.width},
        /* embeddings grow by the tokens that Coconut and CODI add; config.json may not have followed */
        {"vocab_size", in->layout == IMPORT_GPT2 || h->vocab > in->config.vocab ? h->vocab : 0, in->config.vocab},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        if (sizes[i].said && sizes[i].said != sizes[i].found)
            return status_set(ST_DATA, "%s: config.json: %s is %d, the tensors have %d", in->path, sizes[i].key,
                              sizes[i].said, sizes[i].found);
    return ST_OK;
}

/* ---- weights ---- */

/* In tiles: one of the two sides may run across its rows. */
static void copy_view(const struct source_tensor *v, long rows, long cols, float *out) {
    enum { TILE = 32 };
    struct source_tensor t = *v;
    if (t.n_dims == 1) t.dim[0] = 1, t.dim[1] = cols, t.stride[1] = t.stride[0], t.stride[0] = 0;
    for (long i0 = 0; i0 < rows; i0 += TILE)
        for (long j0 = 0; j0 < cols; j0 += TILE)
            for (long i = i0; i < rows && i < i0 + TILE; i++)
                for (long j = j0; j < cols && j < j0 + TILE; j++) out[i * cols + j] = source_at(&t, i, j);
}

/* W[i][o] += scale * sum_r A[r][i] B[o][r], summed in double over r in order. */
static void merge_lora(struct arena *scratch, const struct source_tensor *A, const struct source_tensor *B,
                       double scale, long in, long out, float *w) {
    long r = A->dim[0];
    float *a = ARENA_NEW(scratch, float, r *in), *b = ARENA_NEW(scratch, float, r *out);
    double *sum = ARENA_NEW(scratch, double, out);
    struct source_tensor turned = *B;
    source_turn(&turned);
    copy_view(A, r, in, a);
    copy_view(&turned, r, out, b);
    for (long i = 0; i < in; i++) {
        memset(sum, 0, (size_t)out * sizeof *sum);
        for (long k = 0; k < r; k++) {
            const double x = (double)a[k * in + i];
            for (long o = 0; o < out; o++) sum[o] += x * (double)b[k * out + o];
        }
        for (long o = 0; o < out; o++) w[i * out + o] = (float)((double)w[i * out + o] + scale * sum[o]);
    }
}

/* torch's [r][in] and [out][r] become [in][r] and [r][out]. */
static void keep_lora(struct gpt *m, const struct gpt_tensor *t, struct source_tensor A, struct source_tensor B) {
    char name[96];
    const int stem = (int)(strlen(t->name) - strlen(".weight"));
    snprintf(name, sizeof name, "%.*s.lora_A.weight", stem, t->name);
    const struct gpt_tensor *a = gpt_find(m, name);
    snprintf(name, sizeof name, "%.*s.lora_B.weight", stem, t->name);
    const struct gpt_tensor *b = gpt_find(m, name);
    source_turn(&A);
    source_turn(&B);
    copy_view(&A, a->rows, a->cols, m->w + a->offset);
    copy_view(&B, b->rows, b->cols, m->w + b->offset);
}

void import_fill(const struct import *in, struct gpt *m, double lora_scale) {
    struct arena scratch;
    arena_open(&scratch, 0);
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        const struct named *found = import_find(in->names, t->name);
        if (t->adapter) continue;
        if (!found) BUG("no tensor %s", t->name);
        const long rows = found->view.n_dims == 2 ? found->view.dim[0] : 1;
        copy_view(&found->view, rows, t->cols, m->w + t->offset);
        if (!t->decay || t->layer < 0) continue;
        struct arena_mark mark = arena_mark(&scratch);
        int stem = (int)(strlen(t->name) - strlen(".weight"));
        const struct named *A =
            import_find(in->names, arena_printf(&scratch, "%.*s.lora_A.default.weight", stem, t->name));
        const struct named *B =
            import_find(in->names, arena_printf(&scratch, "%.*s.lora_B.default.weight", stem, t->name));
        if (A && B && in->lora_rank > 0 && in->lora_rank == m->config.lora)
            keep_lora(m, t, A->view, B->view);
        else if (A && B)
            merge_lora(&scratch, &A->view, &B->view, lora_scale, t->rows, t->cols, m->w + t->offset);
        arena_rewind(&scratch, mark);
    }
    arena_close(&scratch);
    if (m->wt) gpt_refresh(m);
}

/* ---- export ---- */

static json_t *config_json(const struct gpt_config *c) {
    int eos = c->vocab > DEFAULT_EOS ? DEFAULT_EOS : c->vocab - 1;
    return json_pack("{s:[s], s:s, s:s, s:f, s:f, s:f, s:i, s:i, s:f, s:f, s:i, s:i, s:i, s:n, s:i, s:i, s:f, s:b, s:b,"
                     " s:s, s:b, s:i}",
                     "architectures", "GPT2LMHeadModel", "model_type", "gpt2", "activation_function", "gelu_new",
                     "attn_pdrop", 0.1, "embd_pdrop", 0.1, "resid_pdrop", 0.1, "bos_token_id", eos, "eos_token_id", eos,
                     "initializer_range", 0.02, "layer_norm_epsilon", 1e-5, "n_ctx", c->context, "n_embd", c->width,
                     "n_head", c->heads, "n_inner", "n_layer", c->layers, "n_positions", c->context,
                     "summary_first_dropout", 0.1, "scale_attn_weights", 1, "use_cache", 1, "torch_dtype", "float32",
                     "tie_word_embeddings", c->tied, "vocab_size", c->vocab);
}

/* The projection is not part of GPT-2 and keeps its name; the head stands outside of the transformer. */
static const char *exported_name(struct arena *a, const struct gpt_tensor *t) {
    bool outside = strncmp(t->name, "prj.", 4) == 0 || strcmp(t->name, "lm_head.weight") == 0;
    return outside ? t->name : arena_printf(a, "transformer.%s", t->name);
}

static enum status write_model(struct arena *a, const struct gpt *m, const char *path) {
    struct checkpoint_meta meta = {"format", "pt"}; /* transformers refuses files without it */
    struct checkpoint c = {.meta = &meta, .n_meta = 1};
    c.tensors = ARENA_NEW(a, struct checkpoint_tensor, m->n_tensors);
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        if (t->adapter) continue;
        struct checkpoint_tensor *out = &c.tensors[c.n++];
        *out = (struct checkpoint_tensor){.name = exported_name(a, t), .n_dims = t->decay ? 2 : 1};
        out->data = (float *)gpt_weights(m, t);
        out->dim[0] = t->decay ? t->rows : t->cols;
        out->dim[1] = t->cols;
        if (strcmp(t->name, "prj.1.weight") != 0 && strcmp(t->name, "prj.3.weight") != 0) continue;
        out->data = ARENA_NEW(a, float, (long)t->rows * t->cols);
        gemm_transpose(t->rows, t->cols, m->w + t->offset, t->cols, out->data, t->rows);
    }
    return checkpoint_write(path, &c);
}

enum status export_gpt(const struct gpt *m, const char *folder) {
    struct arena scratch;
    if (m->config.channels != 1)
        return status_set(ST_USAGE, "a model with %d lookup tables per position is no GPT-2", m->config.channels);
    TRY(fs_mkdirs(folder));
    arena_open(&scratch, 0);
    json_t *config = config_json(&m->config);
    if (!config) BUG("config.json cannot be built");
    enum status st = write_model(&scratch, m, arena_printf(&scratch, "%s/model.safetensors", folder));
    if (st == ST_OK) st = jsonio_store_path(arena_printf(&scratch, "%s/config.json", folder), config);
    json_decref(config);
    arena_close(&scratch);
    return st;
}
