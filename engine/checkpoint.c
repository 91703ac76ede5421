#include "engine/checkpoint.h"

#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/safetensors.h"

static const char config_key[] = "spillover.config";

/* ---- files ---- */

enum status checkpoint_write(const char *path, const struct checkpoint *c) {
    struct arena scratch;
    struct fs_file f;
    char *header;
    size_t size;
    arena_open(&scratch, 0);
    enum status st = safetensors_header(&scratch, path, c, &header, &size);
    if (st == ST_OK) st = fs_create(&f, path);
    if (st != ST_OK) goto done;
    fwrite(header, 1, size, f.stream); /* fs_commit sees the stream's error flag */
    for (int i = 0; i < c->n; i++) {
        const struct checkpoint_tensor *t = &c->tensors[i];
        fwrite(t->data, sizeof(float), (size_t)safetensors_count(t->n_dims, t->dim), f.stream);
    }
    st = fs_commit(&f);
done:
    arena_close(&scratch);
    return st;
}

enum status checkpoint_read(struct arena *a, const char *path, struct checkpoint *c) {
    const void *bytes;
    size_t size;
    TRY(fs_map(path, &bytes, &size));
    enum status st = safetensors_parse(a, path, bytes, size, c);
    fs_unmap(bytes, size);
    return st;
}

const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *c, const char *name) {
    for (int i = 0; i < c->n; i++)
        if (strcmp(c->tensors[i].name, name) == 0) return &c->tensors[i];
    return NULL;
}

const char *checkpoint_meta(const struct checkpoint *c, const char *key) {
    for (int i = 0; i < c->n_meta; i++)
        if (strcmp(c->meta[i].key, key) == 0) return c->meta[i].value;
    return NULL;
}

/* ---- configuration as JSON ---- */

/* The integers of a configuration by key; with MAX_INTEGER no product of two of them overflows a long. */
enum { MAX_INTEGER = 1 << 24, N_INTEGERS = 8, N_FLAGS = 2 };

static const struct {
    const char *key;
    size_t at;
} integers[N_INTEGERS] =
    {
        {"vocab", offsetof(struct gpt_config, vocab)},
        {"context", offsetof(struct gpt_config, context)},
        {"layers", offsetof(struct gpt_config, layers)},
        {"heads", offsetof(struct gpt_config, heads)},
        {"width", offsetof(struct gpt_config, width)},
        {"channels", offsetof(struct gpt_config, channels)},
        {"channel_vocab_1", offsetof(struct gpt_config, channel_vocab) + 1 * sizeof(int)},
        {"channel_vocab_2", offsetof(struct gpt_config, channel_vocab) + 2 * sizeof(int)},
},
  flags[N_FLAGS] = {
      {"tied", offsetof(struct gpt_config, tied)},
      {"projection", offsetof(struct gpt_config, projection)},
};

static const char *write_config(struct arena *a, const struct gpt_config *c) {
    char *text = arena_strdup(a, "{");
    for (int i = 0; i < N_INTEGERS; i++)
        text = arena_printf(a, "%s\"%s\":%d,", text, integers[i].key, *(const int *)((const char *)c + integers[i].at));
    for (int i = 0; i < N_FLAGS; i++)
        text = arena_printf(a, "%s\"%s\":%s%s", text, flags[i].key,
                            *(const bool *)((const char *)c + flags[i].at) ? "true" : "false",
                            i + 1 < N_FLAGS ? "," : "}");
    return text;
}

static enum status fill_config(const char *path, const json_t *object, struct gpt_config *c) {
    for (int i = 0; i < N_INTEGERS; i++) {
        const json_t *value = json_object_get(object, integers[i].key);
        if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > MAX_INTEGER)
            return status_set(ST_DATA, "%s: %s: %s: expected an integer of 0 to %d", path, config_key, integers[i].key,
                              MAX_INTEGER);
        *(int *)((char *)c + integers[i].at) = (int)json_integer_value(value);
    }
    for (int i = 0; i < N_FLAGS; i++) {
        const json_t *value = json_object_get(object, flags[i].key);
        if (!json_is_boolean(value))
            return status_set(ST_DATA, "%s: %s: %s: expected true or false", path, config_key, flags[i].key);
        *(bool *)((char *)c + flags[i].at) = json_is_true(value);
    }
    if (json_object_size(object) != N_INTEGERS + N_FLAGS)
        return status_set(ST_DATA, "%s: %s: expected %d members, found %zu", path, config_key, N_INTEGERS + N_FLAGS,
                          json_object_size(object));
    return ST_OK;
}

static enum status read_config(const char *path, const struct checkpoint *c, struct gpt_config *config) {
    const char *text = checkpoint_meta(c, config_key);
    if (!text) return status_set(ST_DATA, "%s: __metadata__: expected '%s', found none", path, config_key);
    json_error_t error;
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!object) return status_set(ST_DATA, "%s: %s: byte %d: not a JSON object", path, config_key, error.position);
    *config = (struct gpt_config){0};
    enum status st = fill_config(path, object, config);
    json_decref(object);
    return st;
}

/* ---- models ---- */

/* Shape in the file: gains and biases are vectors, as in GPT-2's own files. */
static int shape_of(const struct gpt_tensor *t, long dim[2]) {
    int n = 0;
    if (t->decay) dim[n++] = t->rows;
    dim[n++] = t->cols;
    return n;
}

enum status checkpoint_save_gpt(const char *path, const struct gpt *m) {
    struct arena scratch;
    arena_open(&scratch, 0);
    struct checkpoint_meta meta = {config_key, write_config(&scratch, &m->config)};
    struct checkpoint c = {.n = m->n_tensors, .meta = &meta, .n_meta = 1};
    c.tensors = ARENA_NEW(&scratch, struct checkpoint_tensor, c.n);
    for (int k = 0; k < c.n; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        c.tensors[k] = (struct checkpoint_tensor){.name = t->name, .data = m->w + t->offset};
        c.tensors[k].n_dims = shape_of(t, c.tensors[k].dim);
    }
    enum status st = checkpoint_write(path, &c);
    arena_close(&scratch);
    return st;
}

static const char *shape_text(struct arena *a, int n_dims, const long *dim) {
    char *text = arena_strdup(a, "[");
    for (int i = 0; i < n_dims; i++) text = arena_printf(a, "%s%s%ld", text, i ? ", " : "", dim[i]);
    return arena_printf(a, "%s]", text);
}

/* Every tensor of the model is in the file with its shape, and the file has no other. */
static enum status compare(struct arena *scratch, const char *path, const struct gpt *m, const struct checkpoint *c) {
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        const struct checkpoint_tensor *found = checkpoint_find(c, t->name);
        long dim[2];
        int n = shape_of(t, dim);
        if (!found) return safetensors_bad(path, t->name, "expected by the configuration, found none");
        if (found->n_dims != n || memcmp(found->dim, dim, (size_t)n * sizeof *dim) != 0)
            return safetensors_bad(path, t->name, "expected shape %s, found %s", shape_text(scratch, n, dim),
                                   shape_text(scratch, found->n_dims, found->dim));
    }
    for (int i = 0; i < c->n; i++)
        if (!gpt_find(m, c->tensors[i].name))
            return safetensors_bad(path, c->tensors[i].name, "expected none of this name by the configuration");
    return ST_OK;
}

enum status checkpoint_fill_gpt(struct gpt *m, struct arena *a, const char *path, const struct checkpoint *c) {
    struct gpt_config config;
    TRY(read_config(path, c, &config));
    struct arena scratch;
    struct gpt plan; /* compared before the weights are allocated: a small file cannot ask for a large model */
    arena_open(&scratch, 0);
    enum status st = gpt_plan(&plan, &scratch, &config);
    if (st != ST_OK)
        st = status_set(ST_DATA, "%s: %s: %s", path, config_key, status_message());
    else
        st = compare(&scratch, path, &plan, c);
    arena_close(&scratch);
    TRY(st);
    TRY(gpt_open(m, a, &config));
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        memcpy(m->w + t->offset, checkpoint_find(c, t->name)->data, (size_t)t->rows * (size_t)t->cols * sizeof(float));
    }
    gpt_refresh(m);
    return ST_OK;
}

enum status checkpoint_load_gpt(struct gpt *m, struct arena *a, const char *path) {
    struct arena file;
    struct checkpoint c;
    arena_open(&file, 0);
    enum status st = checkpoint_read(&file, path, &c);
    if (st == ST_OK) st = checkpoint_fill_gpt(m, a, path, &c);
    arena_close(&file);
    return st;
}
