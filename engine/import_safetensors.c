/* safetensors files of others: any order of entries, any dtype (those that are not ours can only be passed over), any
 * member of __metadata__. What the format itself demands is checked: see engine/safetensors.h, which is stricter. */
#include <jansson.h>
#include <stdlib.h>

#include "engine/import_source.h"
#include "engine/safetensors.h"

enum { LENGTH_BYTES = 8 };

static const struct {
    const char *name;
    int size;
    bool numeric;
    enum dtype type;
} dtypes[] = {
    {"F32", 4, true, DTYPE_F32}, {"F16", 2, true, DTYPE_F16}, {"BF16", 2, true, DTYPE_BF16}, {"F64", 8, false, 0},
    {"I64", 8, false, 0},        {"I32", 4, false, 0},        {"I16", 2, false, 0},          {"I8", 1, false, 0},
    {"U8", 1, false, 0},         {"BOOL", 1, false, 0},
};
enum { N_DTYPES = sizeof dtypes / sizeof dtypes[0] };

struct span {
    long begin, end;
    const char *name;
};

static enum status read_integers(const char *path, const char *name, const char *key, const json_t *value, int most,
                                 long *out, int *n) {
    if (!json_is_array(value) || json_array_size(value) > (size_t)most)
        return safetensors_bad(path, name, "%s: expected an array of at most %d numbers", key, most);
    *n = (int)json_array_size(value);
    for (int i = 0; i < *n; i++) {
        const json_t *x = json_array_get(value, (size_t)i);
        if (json_typeof(x) != JSON_INTEGER || json_integer_value(x) < 0)
            return safetensors_bad(path, name, "%s[%d]: expected an integer that is not negative", key, i);
        out[i] = (long)json_integer_value(x);
    }
    return ST_OK;
}

static enum status read_entry(const struct import_source *s, const char *name, const json_t *entry, long data_size,
                              struct source_tensor *t, struct span *span) {
    const char *dtype = json_string_value(json_object_get(entry, "dtype"));
    long offsets[2] = {0, 0}, count;
    int k = 0, n = 0;
    while (k < N_DTYPES && dtype && strcmp(dtype, dtypes[k].name) != 0) k++;
    if (!dtype || k == N_DTYPES) return safetensors_bad(s->path, name, "dtype: unknown");
    TRY(read_integers(s->path, name, "shape", json_object_get(entry, "shape"), SOURCE_DIMS, t->dim, &t->n_dims));
    TRY(read_integers(s->path, name, "data_offsets", json_object_get(entry, "data_offsets"), 2, offsets, &n));
    if (n != 2 || offsets[0] > offsets[1] || offsets[1] > data_size)
        return safetensors_bad(s->path, name, "data_offsets: expected begin <= end <= %ld", data_size);
    if (!source_dense(t, &count)) return safetensors_bad(s->path, name, "shape: the number of bytes overflows");
    if (offsets[1] - offsets[0] != count * dtypes[k].size)
        return safetensors_bad(s->path, name, "data_offsets: expected %ld bytes for the shape, found %ld",
                               count * dtypes[k].size, offsets[1] - offsets[0]);
    t->numeric = dtypes[k].numeric;
    t->type = dtypes[k].type;
    *span = (struct span){offsets[0], offsets[1], t->name};
    return ST_OK;
}

static int by_begin(const void *a, const void *b) {
    const struct span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

static enum status read_entries(struct import_source *s, struct arena *a, const unsigned char *data, long data_size,
                                json_t *header) {
    struct span *spans = ARENA_NEW(a, struct span, json_object_size(header));
    s->tensors = ARENA_NEW(a, struct source_tensor, json_object_size(header));
    s->n = 0;
    const char *name;
    json_t *entry;
    json_object_foreach(header, name, entry) {
        struct source_tensor *t = &s->tensors[s->n];
        if (strcmp(name, "__metadata__") == 0) {
            if (json_object_get(entry, "spillover.config"))
                return status_set(ST_DATA, "%s: a checkpoint of spillover already: nothing to import", s->path);
            continue;
        }
        if (s->n == SOURCE_MAX_TENSORS)
            return status_set(ST_DATA, "%s: more than %d tensors", s->path, SOURCE_MAX_TENSORS);
        t->name = arena_strdup(a, name);
        TRY(read_entry(s, name, entry, data_size, t, &spans[s->n]));
        t->data = data + spans[s->n++].begin;
    }
    qsort(spans, (size_t)s->n, sizeof *spans, by_begin);
    long end = 0;
    for (int i = 0; i < s->n; end = spans[i++].end)
        if (spans[i].begin != end)
            return safetensors_bad(s->path, spans[i].name, "data_offsets: begins at %ld, expected %ld, without overlap",
                                   spans[i].begin, end);
    if (end != data_size) return status_set(ST_DATA, "%s: %ld bytes behind the last tensor", s->path, data_size - end);
    return ST_OK;
}

enum status source_read_safetensors(struct import_source *s, struct arena *a, const void *bytes) {
    const unsigned char *p = bytes;
    uint64_t length = 0;
    if (s->size < LENGTH_BYTES + 2) return status_set(ST_DATA, "%s: too short for a file of weights", s->path);
    for (int i = 0; i < LENGTH_BYTES; i++) length |= (uint64_t)p[i] << 8 * i;
    if (length > SAFETENSORS_MAX_HEADER || length > s->size - LENGTH_BYTES || p[LENGTH_BYTES] != '{')
        return status_set(ST_DATA, "%s: offset 0: expected the length of a safetensors header within the file",
                          s->path);
    json_error_t error;
    json_t *header = json_loadb((const char *)p + LENGTH_BYTES, length, JSON_REJECT_DUPLICATES, &error);
    if (!header)
        return status_set(ST_DATA, "%s: offset %d: header: not a JSON object without keys twice", s->path,
                          LENGTH_BYTES + error.position);
    enum status st = read_entries(s, a, p + LENGTH_BYTES + length, (long)(s->size - LENGTH_BYTES - length), header);
    json_decref(header);
    return st;
}
