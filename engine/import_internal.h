/* Shared by import.c (what a file holds) and import_fill.c (its weights, config.json, export). Not for others. */
#ifndef SPILLOVER_IMPORT_INTERNAL_H
#define SPILLOVER_IMPORT_INTERNAL_H

#include "engine/import.h"
#include "engine/import_source.h"

struct named {
    const char *name; /* as in engine/params.def, or X.lora_A.default.weight */
    struct source_tensor view;
    bool used;
};

struct import_names {
    struct named *list; /* by name */
    int n;
};

struct named *import_find(const struct import_names *names, const char *name);

/* What config.json says; 0 where it does not. */
struct import_hints {
    int vocab, context, layers, heads, width;
};

MUST_USE enum status import_read_hints(const char *path, const char *json, struct import_hints *hints);
MUST_USE enum status import_check_hints(const struct import *in, const struct import_hints *hints);

static inline float source_at(const struct source_tensor *t, long i, long j) {
    return dtype_load(t->type, t->data + (i * t->stride[0] + j * t->stride[1]) * dtype_size(t->type));
}

/* Rows become columns; a tensor that is no matrix has other faults. */
static inline void source_turn(struct source_tensor *t) {
    const long dim = t->dim[0], stride = t->stride[0];
    t->dim[0] = t->dim[1], t->stride[0] = t->stride[1];
    t->dim[1] = dim, t->stride[1] = stride;
}

#endif
