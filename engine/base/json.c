#include "engine/base/json.h"

#include <string.h>

#include "engine/base/fs.h"

enum status jsonio_load_text(const char *where, const char *text, size_t size, json_t **value) {
    json_error_t error;
    *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
    if (*value) return ST_OK;
    return status_set(ST_DATA, "%s:%d: expected JSON, found: %s", where, error.line > 0 ? error.line : 1, error.text);
}

enum status jsonio_load_path(const char *path, json_t **value) {
    struct arena scratch;
    char *text;
    size_t size;
    arena_open(&scratch, 1 << 16);
    enum status st = fs_read(&scratch, path, &text, &size);
    if (st == ST_OK) st = jsonio_load_text(path, text, size, value);
    arena_close(&scratch);
    return st;
}

static enum status store(const char *path, const json_t *value, size_t flags) {
    struct fs_file f;
    TRY(fs_create(&f, path));
    if (json_dumpf(value, f.stream, flags | JSON_INDENT(1))) {
        fs_discard(&f);
        return status_set(ST_IO, "%s: the value cannot be written as JSON", path);
    }
    fputc('\n', f.stream);
    return fs_commit(&f);
}

enum status jsonio_store_path(const char *path, const json_t *value) {
    return store(path, value, JSON_SORT_KEYS);
}

enum status jsonio_store_in_order(const char *path, const json_t *value) {
    return store(path, value, 0);
}

void jsonio_print(FILE *to, const json_t *value) {
    json_dumpf(value, to, JSON_SORT_KEYS | JSON_INDENT(1) | JSON_REAL_PRECISION(10));
    fputc('\n', to);
}

enum status jsonio_lines_open(struct jsonio_lines *l, struct arena *a, const char *path) {
    char *text;
    size_t size;
    TRY(fs_read(a, path, &text, &size));
    *l = (struct jsonio_lines){.path = arena_strdup(a, path), .next = text, .end = text + size};
    return ST_OK;
}

enum status jsonio_lines_next(struct jsonio_lines *l, json_t **object) {
    *object = NULL;
    while (l->next < l->end) {
        const char *line = l->next, *newline = memchr(line, '\n', (size_t)(l->end - line));
        size_t size = (size_t)((newline ? newline : l->end) - line);
        l->next = newline ? newline + 1 : l->end;
        l->line++;
        snprintf(l->where, sizeof l->where, "%s:%d", l->path, l->line);
        if (size == 0 || (size == 1 && line[0] == '\r')) continue;
        json_error_t error;
        json_t *value = json_loadb(line, size, JSON_REJECT_DUPLICATES, &error);
        if (!value) return status_set(ST_DATA, "%s: expected a JSON object, found: %s", l->where, error.text);
        if (!json_is_object(value)) {
            json_decref(value);
            return status_set(ST_DATA, "%s: expected a JSON object, found an array", l->where);
        }
        *object = value;
        return ST_OK;
    }
    return ST_OK;
}

static const char *kind_of(const json_t *value) {
    if (!value) return "nothing";
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "a real number";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "null";
    }
}

static enum status wrong(const char *where, const char *key, const char *expected, const json_t *found) {
    return status_set(ST_DATA, "%s: expected '%s' to be %s, found %s", where, key, expected, kind_of(found));
}

enum status jsonio_get_string(const char *where, const json_t *object, const char *key, const char **s) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) return wrong(where, key, "a string", value);
    *s = json_string_value(value);
    return ST_OK;
}

enum status jsonio_get_integer(const char *where, const json_t *object, const char *key, long long low, long long high,
                               long long *x) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_integer(value)) return wrong(where, key, "an integer", value);
    long long found = json_integer_value(value);
    if (found < low || found > high)
        return status_set(ST_DATA, "%s: expected '%s' to lie in [%lld, %lld], found %lld", where, key, low, high,
                          found);
    *x = found;
    return ST_OK;
}

enum status jsonio_get_number(const char *where, const json_t *object, const char *key, double *x) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_number(value)) return wrong(where, key, "a number", value);
    *x = json_number_value(value);
    return ST_OK;
}

enum status jsonio_get_boolean(const char *where, const json_t *object, const char *key, bool *x) {
    const json_t *value = json_object_get(object, key);
    if (!json_is_boolean(value)) return wrong(where, key, "a boolean", value);
    *x = json_is_true(value);
    return ST_OK;
}

enum status jsonio_get_object(const char *where, const json_t *object, const char *key, json_t **x) {
    json_t *value = json_object_get(object, key);
    if (!json_is_object(value)) return wrong(where, key, "an object", value);
    *x = value;
    return ST_OK;
}

enum status jsonio_get_array(const char *where, const json_t *object, const char *key, json_t **x) {
    json_t *value = json_object_get(object, key);
    if (!json_is_array(value)) return wrong(where, key, "an array", value);
    *x = value;
    return ST_OK;
}
