/* Files of models as others write them, made in memory; shared by test_import.c and test_import_bad.c. Every weight is a
 * multiple of 1/8 between -2 and 2, which F16 and BF16 hold exactly. */
#ifndef SPILLOVER_TESTS_IMPORT_FILES_H
#define SPILLOVER_TESTS_IMPORT_FILES_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/checkpoint.h"
#include "engine/dtype.h"
#include "engine/gemm.h"
#include "engine/import.h"

#define CONFIG_JSON "{\"model_type\": \"gpt2\", \"n_head\": 2, \"n_layer\": 2, \"n_embd\": 8, \"n_positions\": 6}"

static struct arena arena;

struct bytes {
    char *p;
    size_t n, capacity;
};

static void open_arena(void) {
    arena_open(&arena, 1 << 20);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
}

static void close_arena(void) {
    arena_close(&arena);
}

static void put(struct bytes *b, const void *p, size_t n) {
    if (b->n + n > b->capacity) {
        char *old = b->p;
        b->capacity = 2 * (b->n + n) + 64;
        b->p = ARENA_NEW(&arena, char, b->capacity);
        if (b->n > 0) memcpy(b->p, old, b->n);
    }
    if (n > 0) memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void put_number(struct bytes *b, uint64_t x, int n) {
    for (int i = 0; i < n; i++) put(b, &(unsigned char){i < 8 ? (unsigned char)(x >> 8 * i) : 0}, 1);
}

static void put_text(struct bytes *b, const char *s) {
    put(b, s, strlen(s));
}

static void put_weight(struct bytes *b, enum dtype type, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (type == DTYPE_F32) put_number(b, bits, 4);
    if (type == DTYPE_BF16) put_number(b, bits >> 16, 2);
    if (type != DTYPE_F16) return;
    int exponent;
    double fraction = frexp(fabs((double)x), &exponent); /* x is 0 or normal */
    uint32_t half = x == 0 ? 0 : (uint32_t)(exponent + 14) << 10 | (uint32_t)((2 * fraction - 1) * 1024);
    put_number(b, half | (bits >> 31) << 15, 2);
}

static long count_of(const struct checkpoint_tensor *t) {
    long n = 1;
    for (int i = 0; i < t->n_dims; i++) n *= t->dim[i];
    return n;
}

/* ---- models ---- */

static struct gpt_config small_config(bool tied, bool projection) {
    return (struct gpt_config){.vocab = 11,
                               .context = 6,
                               .layers = 2,
                               .heads = 2,
                               .width = 8,
                               .channels = 1,
                               .tied = tied,
                               .projection = projection};
}

static inline void assert_config(const struct gpt_config *x, const struct gpt_config *y) {
    ck_assert_int_eq(x->vocab, y->vocab);
    ck_assert_int_eq(x->context, y->context);
    ck_assert_int_eq(x->layers, y->layers);
    ck_assert_int_eq(x->heads, y->heads);
    ck_assert_int_eq(x->width, y->width);
    ck_assert_int_eq(x->channels, y->channels);
    ck_assert_int_eq(x->tied, y->tied);
    ck_assert_int_eq(x->projection, y->projection);
}

static void fill(float *w, long n, long seed) {
    for (long i = 0; i < n; i++) w[i] = (float)((i * 7 + seed * 13 + i * i % 5) % 33 - 16) / 8;
}

static struct gpt make_model(bool tied, bool projection) {
    struct gpt m;
    struct gpt_config c = small_config(tied, projection);
    ck_assert_int_eq(gpt_open(&m, &arena, &c), ST_OK);
    for (int k = 0; k < m.n_tensors; k++)
        fill(m.w + m.tensors[k].offset, (long)m.tensors[k].rows * m.tensors[k].cols, k);
    gpt_refresh(&m);
    return m;
}

/* The tensors of a model as PyTorch holds them (the projection [out][in]), a prefix before the names; room for more. */
static struct checkpoint state_of(const struct gpt *m, const char *prefix) {
    struct checkpoint c = {.tensors = ARENA_NEW(&arena, struct checkpoint_tensor, m->n_tensors + 80)};
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        bool prj = strncmp(t->name, "prj", 3) == 0, head = strncmp(t->name, "lm_head", 7) == 0;
        struct checkpoint_tensor *x = &c.tensors[c.n++];
        *x = (struct checkpoint_tensor){.name = prj ? t->name : arena_printf(&arena, "%s%s", prefix, t->name)};
        if (head && strstr(prefix, "transformer."))
            x->name = arena_printf(&arena, "%.*s%s", (int)(strlen(prefix) - 12), prefix, t->name);
        x->n_dims = t->decay ? 2 : 1;
        x->dim[0] = t->decay ? t->rows : t->cols;
        x->dim[1] = t->cols;
        x->data = m->w + t->offset;
        if (!prj || !t->decay) continue;
        x->data = ARENA_NEW(&arena, float, (long)t->rows * t->cols);
        for (int i = 0; i < t->rows; i++)
            for (int o = 0; o < t->cols; o++) x->data[o * t->rows + i] = m->w[t->offset + (long)i * t->cols + o];
    }
    return c;
}

static float *add_tensor(struct checkpoint *c, const char *name, long rows, long cols, long seed) {
    struct checkpoint_tensor *t = &c->tensors[c->n++];
    *t = (struct checkpoint_tensor){.name = name, .n_dims = 2, .dim = {rows, cols}};
    t->data = ARENA_NEW(&arena, float, rows *cols);
    fill(t->data, rows * cols, seed);
    return t->data;
}

/* ---- safetensors ---- */

static struct bytes safetensors_of(const char *header, const void *data, size_t size) {
    struct bytes b = {0};
    put_number(&b, strlen(header), 8);
    put_text(&b, header);
    put(&b, data, size);
    return b;
}

/* The header names the tensors in reverse, as no writer must sort it. */
static struct bytes as_safetensors(const struct checkpoint *c, enum dtype type) {
    static const char *const names[] = {"F32", "F16", "BF16"};
    struct bytes data = {0};
    char *header = arena_strdup(&arena, "");
    for (int i = 0; i < c->n; i++) {
        const struct checkpoint_tensor *t = &c->tensors[i];
        size_t begin = data.n;
        char *shape = arena_strdup(&arena, "");
        for (int k = 0; k < t->n_dims; k++) shape = arena_printf(&arena, "%s%s%ld", shape, k ? "," : "", t->dim[k]);
        for (long k = 0; k < count_of(t); k++) put_weight(&data, type, t->data[k]);
        header = arena_printf(&arena, "\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%zu,%zu]}%s%s",
                              t->name, names[type], shape, begin, data.n, i ? "," : "", header);
    }
    return safetensors_of(arena_printf(&arena, "{\"__metadata__\":{\"format\":\"pt\"},%s}", header), data.p, data.n);
}

/* ---- llm.c ---- */

static struct bytes as_llmc(const struct gpt *m, enum dtype type) {
    static const char *const stacked[] = {
        "ln_1.weight", "ln_1.bias", "attn.c_attn.weight", "attn.c_attn.bias", "attn.c_proj.weight", "attn.c_proj.bias",
        "ln_2.weight", "ln_2.bias", "mlp.c_fc.weight",    "mlp.c_fc.bias",    "mlp.c_proj.weight",  "mlp.c_proj.bias"};
    const struct gpt_config *c = &m->config;
    const int fields[] = {20240326, type == DTYPE_F32 ? 3 : 5, c->context, c->vocab, c->layers, c->heads, c->width,
                          128};
    struct bytes b = {0};
    for (int i = 0; i < 256; i++) put_number(&b, i < 8 ? (uint64_t)fields[i] : 0, 4);
    for (int i = 0; i < 128 * c->width; i++) put_weight(&b, type, i < c->vocab * c->width ? m->p.wte[i] : 99.0f);
    for (int i = 0; i < c->context * c->width; i++) put_weight(&b, type, m->p.wpe[i]);
    for (int s = 0; s < 12; s++)
        for (int layer = 0; layer < c->layers; layer++) {
            const struct gpt_tensor *t = gpt_find(m, arena_printf(&arena, "h.%d.%s", layer, stacked[s]));
            for (int o = 0; o < t->cols; o++)
                for (int i = 0; i < t->rows; i++) put_weight(&b, type, m->w[t->offset + (long)i * t->cols + o]);
        }
    for (int i = 0; i < c->width; i++) put_weight(&b, type, m->p.lnf_w[i]);
    for (int i = 0; i < c->width; i++) put_weight(&b, type, m->p.lnf_b[i]);
    return b;
}

/* ---- torch ---- */

static uint32_t slow_crc32(const char *p, size_t n) {
    uint32_t c = 0xffffffffU;
    for (size_t i = 0; i < n; i++) {
        c ^= (unsigned char)p[i];
        for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0xedb88320U : c >> 1;
    }
    return ~c;
}

struct archive {
    struct bytes body, directory;
    int n;
    bool wide; /* sizes and offsets as beyond 4 GiB: in ZIP64 fields, behind a field of another kind */
};

/* As torch writes it: sizes in the directory alone, data at multiples of 64, a descriptor behind. */
static void put_entry(struct archive *z, const char *name, const void *data, size_t size) {
    struct bytes *b = &z->body, *d = &z->directory;
    size_t local = b->n, pad = (64 - (local + 30 + strlen(name) + 4) % 64) % 64;
    uint32_t crc = slow_crc32(data, size);
    put_number(b, 0x04034b50, 4), put_number(b, 0, 2), put_number(b, 0x808, 2), put_number(b, 0, 10);
    put_number(b, 0, 8), put_number(b, strlen(name), 2), put_number(b, pad + 4, 2);
    put_text(b, name), put_text(b, "FB"), put_number(b, pad, 2);
    for (size_t i = 0; i < pad; i++) put_text(b, "Z");
    put(b, data, size);
    put_number(b, 0x08074b50, 4), put_number(b, crc, 4), put_number(b, size, 4), put_number(b, size, 4);
    put_number(d, 0x02014b50, 4), put_number(d, 0, 4), put_number(d, 0x808, 2), put_number(d, 0, 6);
    put_number(d, crc, 4);
    for (int i = 0; i < 2; i++) put_number(d, z->wide ? 0xffffffffU : size, 4);
    put_number(d, strlen(name), 2), put_number(d, z->wide ? 36 : 0, 2);
    put_number(d, 0, 10), put_number(d, z->wide ? 0xffffffffU : local, 4), put_text(d, name);
    if (z->wide) {
        put_number(d, 0x5455, 2), put_number(d, 4, 2), put_number(d, 0, 4);
        put_number(d, 1, 2), put_number(d, 24, 2), put_number(d, size, 8), put_number(d, size, 8),
            put_number(d, local, 8);
    }
    z->n++;
}

static struct bytes finish(struct archive *z, bool zip64) {
    struct bytes b = z->body;
    size_t at = b.n, size = z->directory.n;
    put(&b, z->directory.p, size);
    if (zip64) {
        size_t end64 = b.n;
        put_number(&b, 0x06064b50, 4), put_number(&b, 44, 8), put_number(&b, 0x2d031e, 4), put_number(&b, 0, 8);
        put_number(&b, (uint64_t)z->n, 8), put_number(&b, (uint64_t)z->n, 8), put_number(&b, size, 8),
            put_number(&b, at, 8);
        put_number(&b, 0x07064b50, 4), put_number(&b, 0, 4), put_number(&b, end64, 8), put_number(&b, 1, 4);
    }
    put_number(&b, 0x06054b50, 4), put_number(&b, 0, 4), put_number(&b, (uint64_t)z->n, 2);
    put_number(&b, (uint64_t)z->n, 2), put_number(&b, size, 4), put_number(&b, zip64 ? 0xffffffffU : at, 4);
    put_number(&b, 0, 2);
    return b;
}

static void pickle_string(struct bytes *b, const char *s) {
    put_text(b, "X"), put_number(b, strlen(s), 4), put_text(b, s);
}

static void pickle_integer(struct bytes *b, long x) {
    put_text(b, "J"), put_number(b, (uint64_t)x, 4);
}

/* One tensor: a matrix with a stride of its own, so that a storage may hold its transpose. */
static void pickle_tensor(struct bytes *b, const struct checkpoint_tensor *t, const char *class, int key, bool turned) {
    pickle_string(b, t->name);
    put_text(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    pickle_string(b, "storage");
    put_text(b, "ctorch\n"), put_text(b, class), put_text(b, "\n");
    pickle_string(b, arena_printf(&arena, "%d", key));
    pickle_string(b, "cpu");
    pickle_integer(b, count_of(t));
    put_text(b, "tQK"), put_number(b, 0, 1), put_text(b, "(");
    for (int i = 0; i < t->n_dims; i++) pickle_integer(b, t->dim[i]);
    put_text(b, "t(");
    long stride[4] = {1, 1, 1, 1};
    for (int i = t->n_dims - 2; i >= 0; i--) stride[i] = stride[i + 1] * t->dim[i + 1];
    if (turned) stride[0] = 1, stride[1] = t->dim[0];
    for (int i = 0; i < t->n_dims; i++) pickle_integer(b, stride[i]);
    put_text(b, "t\x89"
                "ccollections\nOrderedDict\n)RtR");
}

static struct bytes pickle_of(const struct checkpoint *c, enum dtype type) {
    static const char *const classes[] = {"FloatStorage", "HalfStorage", "BFloat16Storage"};
    struct bytes b = {0};
    put_text(&b, "\x80\x02"
                 "ccollections\nOrderedDict\n)R(");
    for (int i = 0; i < c->n; i++)
        pickle_tensor(&b, &c->tensors[i], classes[type], i, c->tensors[i].n_dims == 2 && i % 2);
    put_text(&b, "u.");
    return b;
}

static struct bytes archive_of(const struct checkpoint *c, enum dtype type, struct bytes pickle, bool zip64) {
    struct archive z = {0};
    put_entry(&z, "model/data.pkl", pickle.p, pickle.n);
    put_entry(&z, "model/byteorder", "little", 6);
    for (int i = 0; i < c->n; i++) {
        const struct checkpoint_tensor *t = &c->tensors[i];
        struct bytes data = {0};
        for (long k = 0; k < count_of(t); k++) {
            long at = t->n_dims == 2 && i % 2 ? k % t->dim[0] * t->dim[1] + k / t->dim[0] : k; /* turned */
            put_weight(&data, type, t->data[at]);
        }
        put_entry(&z, arena_printf(&arena, "model/data/%d", i), data.p, data.n);
    }
    put_entry(&z, "model/version", "3\n", 2);
    return finish(&z, zip64);
}

static struct bytes as_torch(const struct checkpoint *c, enum dtype type) {
    return archive_of(c, type, pickle_of(c, type), true);
}

/* Parse a copy in a block of exactly its size, and fill a model from it. */
static enum status import_bytes(struct gpt *m, struct import *in, struct bytes b, const char *config_json) {
    char *exact = malloc(b.n ? b.n : 1);
    ck_assert_ptr_nonnull(exact);
    if (b.n > 0) memcpy(exact, b.p, b.n);
    enum status st = import_parse(in, &arena, "f.bin", exact, b.n, config_json);
    if (st == ST_OK) st = gpt_open(m, &arena, &in->config);
    if (st == ST_OK) import_fill(in, m, IMPORT_LORA_SCALE);
    free(exact);
    return st;
}

#endif
