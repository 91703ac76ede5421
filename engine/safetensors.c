#include "engine/safetensors.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "engine/dtype.h"

enum { LENGTH_BYTES = 8, MAX_DIMS = 4, SHOWN_BYTES = 64 };

static const char metadata_key[] = "__metadata__";

/* Twice GPT-2's largest size; what is larger is a mistake. */
static const long max_file = 16L << 30;

long safetensors_count(int n_dims, const long *dim) {
    long n = 1, bytes;
    for (int i = 0; i < n_dims; i++)
        if (dim[i] < 0 || __builtin_mul_overflow(n, dim[i], &n)) return -1;
    return __builtin_mul_overflow(n, (long)sizeof(float), &bytes) ? -1 : n;
}

/* ---- reading ---- */

enum { N_DTYPES = DTYPE_BF16 + 1 };

static const struct {
    const char *name;
    int size;
} dtypes[N_DTYPES] = {[DTYPE_F32] = {"F32", 4}, [DTYPE_F16] = {"F16", 2}, [DTYPE_BF16] = {"BF16", 2}};

struct reader {
    struct arena *arena;
    const char *path;
    const unsigned char *data; /* behind the header */
    long data_offset;          /* of data in the file */
    long size, end;            /* bytes of data; bytes that the entries so far account for */
    struct checkpoint found;
};

/* Names come from the file: a message shows them short and on one line. */
static void show(const char *name, char shown[SHOWN_BYTES]) {
    size_t i = 0;
    for (; name[i] && i + 1 < SHOWN_BYTES; i++)
        shown[i] = (unsigned char)name[i] < 32 || name[i] == 127 ? '?' : name[i];
    shown[i] = '\0';
}

enum status safetensors_bad(const char *path, const char *name, const char *fmt, ...) {
    char shown[SHOWN_BYTES], what[256];
    show(name, shown);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return status_set(ST_DATA, "%s: tensor '%s': %s", path, shown, what);
}

static void widen(enum dtype type, long n, const unsigned char *from, float *to) {
    if (type == DTYPE_F32) {
        if (n > 0) memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    for (long i = 0; i < n; i++) to[i] = dtype_load(type, from + 2 * i);
}

static enum status read_dtype(const struct reader *r, const char *name, const json_t *value, enum dtype *type) {
    const char *s = json_string_value(value);
    if (!s) return safetensors_bad(r->path, name, "dtype: expected a string");
    for (int i = 0; i < N_DTYPES; i++)
        if (strcmp(s, dtypes[i].name) == 0) {
            *type = (enum dtype)i;
            return ST_OK;
        }
    char shown[SHOWN_BYTES];
    show(s, shown);
    return safetensors_bad(r->path, name, "dtype: expected F32, F16 or BF16, found '%s'", shown);
}

/* An array of least..most non-negative integers. */
static enum status read_integers(const struct reader *r, const char *name, const char *key, const json_t *value,
                                 size_t least, size_t most, long *out) {
    if (json_typeof(value) != JSON_ARRAY) return safetensors_bad(r->path, name, "%s: expected an array", key);
    size_t n = json_array_size(value);
    if (n < least || n > most)
        return safetensors_bad(r->path, name, "%s: expected %zu to %zu numbers, found %zu", key, least, most, n);
    for (size_t i = 0; i < n; i++) {
        const json_t *x = json_array_get(value, i);
        if (json_typeof(x) != JSON_INTEGER || json_integer_value(x) < 0)
            return safetensors_bad(r->path, name, "%s[%zu]: expected a non-negative integer", key, i);
        out[i] = (long)json_integer_value(x);
    }
    return ST_OK;
}

static enum status read_tensor(struct reader *r, const char *name, const json_t *entry) {
    if (json_typeof(entry) != JSON_OBJECT) return safetensors_bad(r->path, name, "expected an object");
    const json_t *dtype = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (!dtype || !shape || !offsets || json_object_size(entry) != 3)
        return safetensors_bad(r->path, name, "expected the members dtype, shape and data_offsets and no other");

    struct checkpoint_tensor t = {.n_dims = (int)json_array_size(shape)};
    enum dtype type = DTYPE_F32;
    long span[2] = {0, 0};
    TRY(read_dtype(r, name, dtype, &type));
    TRY(read_integers(r, name, "shape", shape, 0, MAX_DIMS, t.dim));
    TRY(read_integers(r, name, "data_offsets", offsets, 2, 2, span));
    long count = safetensors_count(t.n_dims, t.dim);
    if (count < 0) return safetensors_bad(r->path, name, "shape: the number of bytes overflows");
    if (span[0] != r->end)
        return safetensors_bad(r->path, name,
                               "data_offsets: expected to begin at %ld, where the tensor before ends, found %ld",
                               r->end, span[0]);
    if (span[1] < span[0] || span[1] > r->size)
        return safetensors_bad(r->path, name, "data_offsets: expected an end of %ld to %ld, found %ld", span[0],
                               r->size, span[1]);
    if (span[1] - span[0] != count * dtypes[type].size)
        return safetensors_bad(r->path, name, "data_offsets: expected %ld bytes for the shape, found %ld",
                               count * dtypes[type].size, span[1] - span[0]);
    t.name = arena_strdup(r->arena, name);
    t.data = ARENA_NEW(r->arena, float, count);
    widen(type, count, r->data + span[0], t.data);
    r->end = span[1];
    r->found.tensors[r->found.n++] = t;
    return ST_OK;
}

static enum status read_metadata(struct reader *r, json_t *object) {
    if (json_typeof(object) != JSON_OBJECT)
        return status_set(ST_DATA, "%s: %s: expected an object", r->path, metadata_key);
    r->found.meta = ARENA_NEW(r->arena, struct checkpoint_meta, json_object_size(object));
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        char shown[SHOWN_BYTES];
        show(key, shown);
        if (!json_is_string(value))
            return status_set(ST_DATA, "%s: %s: '%s': expected a string", r->path, metadata_key, shown);
        r->found.meta[r->found.n_meta].key = arena_strdup(r->arena, key);
        r->found.meta[r->found.n_meta].value = arena_strdup(r->arena, json_string_value(value));
        r->found.n_meta++;
    }
    return ST_OK;
}

static enum status read_entries(struct reader *r, json_t *header) {
    r->found.tensors = ARENA_NEW(r->arena, struct checkpoint_tensor, json_object_size(header));
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry) /* in the order of the file */
        TRY(strcmp(name, metadata_key) == 0 ? read_metadata(r, entry) : read_tensor(r, name, entry));
    if (r->end != r->size)
        return status_set(ST_DATA, "%s: offset %ld: expected the end of the data (%ld bytes), found %ld more", r->path,
                          r->data_offset + r->end, r->end, r->size - r->end);
    return ST_OK;
}

/* The header's length, checked against the file and the limit. */
static enum status read_length(const char *path, const unsigned char *bytes, size_t size, size_t *length) {
    if (size < LENGTH_BYTES)
        return status_set(ST_DATA, "%s: offset 0: expected %d bytes of header length, found %zu", path, LENGTH_BYTES,
                          size);
    uint64_t n = 0;
    for (int i = 0; i < LENGTH_BYTES; i++) n |= (uint64_t)bytes[i] << 8 * i;
    if (n > SAFETENSORS_MAX_HEADER)
        return status_set(ST_DATA, "%s: offset 0: expected a header of at most %d bytes, found %llu", path,
                          SAFETENSORS_MAX_HEADER, (unsigned long long)n);
    if (n > size - LENGTH_BYTES)
        return status_set(ST_DATA, "%s: offset 0: expected a header within the file, found %llu bytes of %zu", path,
                          (unsigned long long)n, size - LENGTH_BYTES);
    if (n == 0 || bytes[LENGTH_BYTES] != '{')
        return status_set(ST_DATA, "%s: offset %d: expected a header that begins with '{'", path, LENGTH_BYTES);
    *length = (size_t)n;
    return ST_OK;
}

enum status safetensors_parse(struct arena *a, const char *path, const void *bytes, size_t size, struct checkpoint *c) {
    size_t length = 0;
    TRY(read_length(path, bytes, size, &length));
    const char *text = (const char *)bytes + LENGTH_BYTES;
    json_error_t error;
    json_t *header = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!header) {
        char shown[SHOWN_BYTES];
        show(error.text, shown);
        return status_set(ST_DATA, "%s: offset %d: header: %s", path, LENGTH_BYTES + error.position, shown);
    }
    struct arena_mark mark = arena_mark(a);
    struct reader r = {.arena = a, .path = path, .data = (const unsigned char *)text + length};
    r.data_offset = (long)(LENGTH_BYTES + length);
    r.size = (long)size - r.data_offset;
    enum status st = read_entries(&r, header);
    json_decref(header);
    if (st == ST_OK)
        *c = r.found;
    else
        arena_rewind(a, mark);
    return st;
}

/* ---- writing ---- */

/* Add value (which may be NULL: not UTF-8) to an object under a key that must be new. Takes the reference. */
static enum status add(json_t *object, const char *path, const char *key, json_t *value) {
    if (json_object_get(object, key)) {
        json_decref(value);
        return safetensors_bad(path, key, "the name is used twice");
    }
    if (json_object_set_new(object, key, value)) return safetensors_bad(path, key, "expected UTF-8 text");
    return ST_OK;
}

static enum status add_tensor(json_t *header, const char *path, const struct checkpoint_tensor *t, long *end) {
    long count = t->n_dims >= 0 && t->n_dims <= MAX_DIMS ? safetensors_count(t->n_dims, t->dim) : -1;
    if (count < 0 || count > max_file / (long)sizeof(float))
        return safetensors_bad(path, t->name, "expected a shape of at most %d dimensions and 16 GiB", MAX_DIMS);
    if (strcmp(t->name, metadata_key) == 0) return safetensors_bad(path, t->name, "the name is reserved");
    json_t *shape = json_array();
    for (int i = 0; i < t->n_dims; i++) json_array_append_new(shape, json_integer(t->dim[i]));
    long begin = *end;
    *end += count * (long)sizeof(float);
    return add(header, path, t->name,
               json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[DTYPE_F32].name, "shape", shape, "data_offsets",
                         (json_int_t)begin, (json_int_t)*end));
}

static enum status build(json_t *header, const char *path, const struct checkpoint *c, long *end) {
    if (c->n_meta > 0) {
        json_t *meta = json_object();
        json_object_set_new(header, metadata_key, meta);
        for (int i = 0; i < c->n_meta; i++) TRY(add(meta, path, c->meta[i].key, json_string(c->meta[i].value)));
    }
    for (int i = 0; i < c->n; i++) {
        TRY(add_tensor(header, path, &c->tensors[i], end));
        if (*end > max_file) return safetensors_bad(path, c->tensors[i].name, "ends beyond 16 GiB");
    }
    return ST_OK;
}

enum status safetensors_header(struct arena *a, const char *path, const struct checkpoint *c, char **header,
                               size_t *size) {
    json_t *object = json_object();
    long end = 0;
    enum status st = build(object, path, c, &end);
    if (st != ST_OK) goto done;
    size_t length = json_dumpb(object, NULL, 0, JSON_COMPACT), padded = (length + 7) / 8 * 8;
    if (padded > SAFETENSORS_MAX_HEADER || (long)(LENGTH_BYTES + padded) + end > max_file) {
        st = status_set(ST_DATA, "%s: a header of %zu bytes or a file beyond 16 GiB", path, padded);
        goto done;
    }
    *size = LENGTH_BYTES + padded;
    *header = arena_alloc(a, *size, 1);
    for (int i = 0; i < LENGTH_BYTES; i++) (*header)[i] = (char)(padded >> 8 * i & 255);
    memset(*header + LENGTH_BYTES, ' ', padded);
    json_dumpb(object, *header + LENGTH_BYTES, length, JSON_COMPACT);
done:
    json_decref(object);
    return st;
}
