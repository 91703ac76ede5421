/* GPT-2 checkpoints of llm.c (github.com/karpathy/llm.c, train_gpt2.py, write_model).
 *
 *   bytes 0..1023   256 int32, little-endian: 20240326, version (3: f32, 5: bf16), T, V, L, NH, C, Vp (V padded to a
 *                   multiple of 128), zeros
 *   bytes 1024..    the tensors, dense, one behind another, each for all layers before the next:
 *                   wte [Vp][C], wpe [T][C], ln_1.weight [L][C], ln_1.bias [L][C], c_attn.weight [L][3C][C],
 *                   c_attn.bias [L][3C], attn.c_proj.weight [L][C][C], .bias [L][C], ln_2.weight [L][C], .bias [L][C],
 *                   c_fc.weight [L][4C][C], .bias [L][4C], mlp.c_proj.weight [L][C][4C], .bias [L][C], ln_f.weight [C],
 *                   ln_f.bias [C]
 *
 * Matrices are torch's Linear, [out][in]; the views turn them. Rows V..Vp-1 of wte are padding and are left out. */
#include "engine/gpt.h"
#include "engine/import_source.h"

enum { MAGIC = 20240326, HEADER_BYTES = 1024, N_FIELDS = 8, MAX_FIELD = 1 << 24 };

struct cursor {
    struct import_source *s;
    struct arena *arena;
    const unsigned char *data;
    enum dtype type;
    long at; /* elements */
};

static long field(const unsigned char *p, int i) {
    return (int32_t)((uint32_t)p[4 * i] | (uint32_t)p[4 * i + 1] << 8 | (uint32_t)p[4 * i + 2] << 16 |
                     (uint32_t)p[4 * i + 3] << 24);
}

static void add(struct cursor *c, const char *name, int n_dims, long rows, long cols, bool turned) {
    struct source_tensor *t = &c->s->tensors[c->s->n++];
    *t = (struct source_tensor){.name = name, .n_dims = n_dims, .numeric = true, .type = c->type};
    t->data = c->data + c->at * dtype_size(c->type);
    t->dim[0] = n_dims == 1 ? cols : rows;
    t->stride[0] = n_dims == 1 || turned ? 1 : cols;
    t->dim[1] = cols;
    t->stride[1] = turned ? rows : 1;
    c->at += n_dims == 1 ? cols : rows * cols;
}

static void add_layers(struct cursor *c, const char *what, long L, int n_dims, long in, long out) {
    for (long l = 0; l < L; l++) add(c, arena_printf(c->arena, "h.%ld.%s", l, what), n_dims, in, out, n_dims == 2);
}

enum status source_read_llmc(struct import_source *s, struct arena *a, const void *bytes) {
    static const char *const names[N_FIELDS] = {"magic",   "version", "block_size", "vocab_size",
                                                "n_layer", "n_head",  "n_embd",     "padded_vocab_size"};
    const unsigned char *p = bytes;
    if (s->size < HEADER_BYTES) return status_set(ST_DATA, "%s: shorter than the header of llm.c", s->path);
    long version = field(p, 1);
    if (version != 3 && version != 5)
        return status_set(ST_DATA, "%s: offset 4: llm.c version %ld, expected 3 (f32) or 5 (bf16)", s->path, version);
    for (int i = 2; i < N_FIELDS; i++)
        if (field(p, i) < 1 || field(p, i) > MAX_FIELD)
            return status_set(ST_DATA, "%s: offset %d: %s %ld, expected 1 to %d", s->path, 4 * i, names[i], field(p, i),
                              MAX_FIELD);
    for (int i = N_FIELDS; i < HEADER_BYTES / 4; i++)
        if (field(p, i) != 0) return status_set(ST_DATA, "%s: offset %d: expected 0 behind the fields", s->path, 4 * i);
    long T = field(p, 2), V = field(p, 3), L = field(p, 4), C = field(p, 6), padded = field(p, 7);
    if (L > GPT_MAX_LAYERS || padded < V)
        return status_set(ST_DATA, "%s: %ld layers, vocabulary %ld padded to %ld", s->path, L, V, padded);
    struct cursor c = {.s = s, .arena = a, .data = p + HEADER_BYTES, .type = version == 3 ? DTYPE_F32 : DTYPE_BF16};
    /* fields are at most 2^24, so the number of bytes is below 2^59 */
    long expected = HEADER_BYTES + dtype_size(c.type) * ((padded + T + 2) * C + L * (12 * C * C + 13 * C));
    if (s->size != (size_t)expected)
        return status_set(ST_DATA, "%s: expected %ld bytes for its header, found %zu", s->path, expected, s->size);
    s->tensors = ARENA_NEW(a, struct source_tensor, 4 + 12 * L);
    s->n = 0;
    s->heads = (int)field(p, 5);
    add(&c, "wte.weight", 2, V, C, false);
    c.at = padded * C;
    add(&c, "wpe.weight", 2, T, C, false);
    add_layers(&c, "ln_1.weight", L, 1, 1, C);
    add_layers(&c, "ln_1.bias", L, 1, 1, C);
    add_layers(&c, "attn.c_attn.weight", L, 2, C, 3 * C);
    add_layers(&c, "attn.c_attn.bias", L, 1, 1, 3 * C);
    add_layers(&c, "attn.c_proj.weight", L, 2, C, C);
    add_layers(&c, "attn.c_proj.bias", L, 1, 1, C);
    add_layers(&c, "ln_2.weight", L, 1, 1, C);
    add_layers(&c, "ln_2.bias", L, 1, 1, C);
    add_layers(&c, "mlp.c_fc.weight", L, 2, C, 4 * C);
    add_layers(&c, "mlp.c_fc.bias", L, 1, 1, 4 * C);
    add_layers(&c, "mlp.c_proj.weight", L, 2, 4 * C, C);
    add_layers(&c, "mlp.c_proj.bias", L, 1, 1, C);
    add(&c, "ln_f.weight", 1, 1, C, false);
    add(&c, "ln_f.bias", 1, 1, C, false);
    return ST_OK;
}
