/* JSON through jansson, with the project's errors. Functions are named jsonio_ to keep clear of jansson's json_.
 *
 * A key twice in one object is refused. Values handed out through a json_t ** are owned by the caller (json_decref);
 * those of the getters are borrowed from their object.
 */
#ifndef SPILLOVER_JSON_H
#define SPILLOVER_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

/* One object or array. ST_IO when the file cannot be read; ST_DATA, with path:line, when it is malformed. */
MUST_USE enum status jsonio_load_path(const char *path, json_t **value);

/* The same from memory; `where` stands for the path in messages. */
MUST_USE enum status jsonio_load_text(const char *where, const char *text, size_t size, json_t **value);

/* Written whole or not at all: keys sorted, indented by 1, reals with 17 digits, a newline at the end. Equal values
 * give equal bytes. */
MUST_USE enum status jsonio_store_path(const char *path, const json_t *value);

/* The same with keys in the order in which they were set: for formats that are read as they stream by. */
MUST_USE enum status jsonio_store_in_order(const char *path, const json_t *value);

/* One document for another program, as every --json prints it: keys sorted, indented by 1, reals with 10 digits. */
void jsonio_print(FILE *to, const json_t *value);

/* JSONL: one object a line; empty lines are skipped. */
struct jsonio_lines {
    const char *path;
    const char *next, *end;
    int line;        /* of the object given last, from 1 */
    char where[512]; /* "path:line" of it, for the getters */
};

/* The text is read whole into the arena and must outlive the iteration. */
MUST_USE enum status jsonio_lines_open(struct jsonio_lines *l, struct arena *a, const char *path);
/* The next object, or *object = NULL behind the last. ST_DATA, with path:line, for anything but an object. */
MUST_USE enum status jsonio_lines_next(struct jsonio_lines *l, json_t **object);

/* Typed members of an object. A missing key or another type is ST_DATA "where: expected 'key' to be ..., found ...";
 * the output is then unchanged. A number may be written as an integer; an integer must lie in [low, high]. */
MUST_USE enum status jsonio_get_string(const char *where, const json_t *object, const char *key, const char **s);
MUST_USE enum status jsonio_get_integer(const char *where, const json_t *object, const char *key, long long low,
                                        long long high, long long *x);
MUST_USE enum status jsonio_get_number(const char *where, const json_t *object, const char *key, double *x);
MUST_USE enum status jsonio_get_boolean(const char *where, const json_t *object, const char *key, bool *x);
MUST_USE enum status jsonio_get_object(const char *where, const json_t *object, const char *key, json_t **x);
MUST_USE enum status jsonio_get_array(const char *where, const json_t *object, const char *key, json_t **x);

#endif
