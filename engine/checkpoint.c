#include "engine/checkpoint.h"

#include <jansson.h>
#include <stddef.h>
#include <string.h>

#include "data/task.h"
#include "engine/base/fs.h"
#include "engine/safetensors.h"

static const char config_key[] = "spillover.config", part_key[] = "spillover.part", part_trained[] = "trained";

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
        text =
            arena_printf(a, "%s\"%s\":%s%s", text, flags[i].key,
                         *(const bool *)((const char *)c + flags[i].at) ? "true" : "false", i + 1 < N_FLAGS ? "," : "");
    if (c->lora > 0) text = arena_printf(a, "%s,\"lora\":%d,\"lora_scale\":%.17g", text, c->lora, c->lora_scale);
    return arena_printf(a, "%s}", text);
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
    const json_t *rank = json_object_get(object, "lora"), *scale = json_object_get(object, "lora_scale");
    const size_t members = N_INTEGERS + N_FLAGS + (rank ? 2 : 0);
    if (rank) {
        if (!json_is_integer(rank) || json_integer_value(rank) < 1 || json_integer_value(rank) > MAX_INTEGER ||
            !json_is_number(scale))
            return status_set(ST_DATA, "%s: %s: lora: expected a rank from 1 and a lora_scale", path, config_key);
        c->lora = (int)json_integer_value(rank);
        c->lora_scale = json_number_value(scale);
    }
    if (json_object_size(object) != members)
        return status_set(ST_DATA, "%s: %s: expected %zu members, found %zu", path, config_key, members,
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

static enum status save(const char *path, const struct gpt *m, bool trained_alone) {
    struct arena scratch;
    arena_open(&scratch, 0);
    struct checkpoint_meta meta[] = {{config_key, write_config(&scratch, &m->config)}, {part_key, part_trained}};
    struct checkpoint c = {.meta = meta, .n_meta = trained_alone ? 2 : 1};
    c.tensors = ARENA_NEW(&scratch, struct checkpoint_tensor, m->n_tensors);
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        if (trained_alone && t->offset < m->frozen) continue;
        struct checkpoint_tensor *out = &c.tensors[c.n++];
        *out = (struct checkpoint_tensor){.name = t->name, .data = m->w + t->offset};
        out->n_dims = shape_of(t, out->dim);
    }
    enum status st = checkpoint_write(path, &c);
    arena_close(&scratch);
    return st;
}

enum status checkpoint_save_gpt(const char *path, const struct gpt *m) {
    return save(path, m, false);
}

enum status checkpoint_save_trained(const char *path, const struct gpt *m) {
    return save(path, m, m->frozen > 0);
}

static const char *shape_text(struct arena *a, int n_dims, const long *dim) {
    char *text = arena_strdup(a, "[");
    for (int i = 0; i < n_dims; i++) text = arena_printf(a, "%s%s%ld", text, i ? ", " : "", dim[i]);
    return arena_printf(a, "%s]", text);
}

static bool is_part(const struct checkpoint *c) {
    const char *part = checkpoint_meta(c, part_key);
    return part && strcmp(part, part_trained) == 0;
}

/* Every tensor of the model (of what is trained of it, for such a file) is in the file with its shape, and the file has
 * no other. */
static enum status compare(struct arena *scratch, const char *path, const struct gpt *m, const struct checkpoint *c) {
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        if (is_part(c) && t->offset < m->frozen) continue;
        const struct checkpoint_tensor *found = checkpoint_find(c, t->name);
        long dim[2];
        int n = shape_of(t, dim);
        if (!found) return safetensors_bad(path, t->name, "expected by the configuration, found none");
        if (found->n_dims != n || memcmp(found->dim, dim, (size_t)n * sizeof *dim) != 0)
            return safetensors_bad(path, t->name, "expected shape %s, found %s", shape_text(scratch, n, dim),
                                   shape_text(scratch, found->n_dims, found->dim));
    }
    for (int i = 0; i < c->n; i++) {
        const struct gpt_tensor *t = gpt_find(m, c->tensors[i].name);
        if (!t || (is_part(c) && t->offset < m->frozen))
            return safetensors_bad(path, c->tensors[i].name, "expected none of this name by the configuration");
    }
    return ST_OK;
}

static void fill(struct gpt *m, const struct checkpoint *c) {
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        const struct checkpoint_tensor *found = checkpoint_find(c, t->name);
        if (found) memcpy(m->w + t->offset, found->data, (size_t)t->rows * (size_t)t->cols * sizeof(float));
    }
}

/* Has the other model the frozen tensors of this one? Of the positions it may lack those of an arm's thoughts (0). */
static enum status compare_rest(const char *path, const struct gpt *m, const char *rest, const struct gpt *other) {
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k], *found = gpt_find(other, t->name);
        if (t->offset >= m->frozen) continue;
        if (!found) return status_set(ST_DATA, "%s: its frozen '%s' is not in %s", path, t->name, rest);
        const int lacks = t->rows - found->rows;
        const bool arm = lacks > 0 && lacks <= TASK_MAX_STEPS * TASK_MAX_THOUGHTS && strcmp(t->name, "wpe.weight") == 0;
        if ((lacks != 0 && !arm) || found->cols != t->cols)
            return status_set(ST_DATA, "%s: its frozen '%s' is not in %s: expected shape [%d, %d], found [%d, %d]",
                              path, t->name, rest, t->rows, t->cols, found->rows, found->cols);
    }
    return ST_OK;
}

static void fill_rest(struct gpt *m, const struct gpt *other) {
    for (int k = 0; k < m->n_tensors; k++) {
        const struct gpt_tensor *t = &m->tensors[k];
        if (t->offset >= m->frozen) continue;
        const struct gpt_tensor *found = gpt_find(other, t->name);
        memcpy(m->w + t->offset, other->w + found->offset, (size_t)found->rows * (size_t)found->cols * sizeof(float));
    }
}

static enum status open_and_fill(struct gpt *m, struct arena *a, const char *path, const struct checkpoint *c,
                                 const char *rest) {
    struct gpt_config config;
    TRY(read_config(path, c, &config));
    struct arena scratch;
    struct gpt plan; /* compared before the weights are allocated: a small file cannot ask for a large model */
    struct gpt other;
    arena_open(&scratch, 0);
    enum status st = gpt_plan(&plan, &scratch, &config);
    if (st != ST_OK)
        st = status_set(ST_DATA, "%s: %s: %s", path, config_key, status_message());
    else if (is_part(c) && !rest)
        st = status_set(ST_DATA, "%s: holds what was trained alone, without the frozen weights", path);
    else
        st = compare(&scratch, path, &plan, c);
    if (st == ST_OK && is_part(c)) st = checkpoint_load_gpt(&other, &scratch, rest);
    if (st == ST_OK && is_part(c)) st = compare_rest(path, &plan, rest, &other);
    if (st == ST_OK) {
        if (gpt_open(m, a, &config) != ST_OK) BUG("%s: %s", path, status_message()); /* it was planned above */
        if (is_part(c)) fill_rest(m, &other);
        fill(m, c);
        gpt_refresh(m);
    }
    arena_close(&scratch);
    return st;
}

enum status checkpoint_fill_gpt(struct gpt *m, struct arena *a, const char *path, const struct checkpoint *c) {
    return open_and_fill(m, a, path, c, NULL);
}

enum status checkpoint_load_trained(struct gpt *m, struct arena *a, const char *path, const char *rest) {
    struct arena file;
    struct checkpoint c;
    arena_open(&file, 0);
    enum status st = checkpoint_read(&file, path, &c);
    if (st == ST_OK) st = open_and_fill(m, a, path, &c, rest);
    arena_close(&file);
    return st;
}

enum status checkpoint_load_gpt(struct gpt *m, struct arena *a, const char *path) {
    return checkpoint_load_trained(m, a, path, NULL);
}
