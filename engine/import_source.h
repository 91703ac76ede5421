/* What the readers of file formats hand to import.c: named views of the bytes of a file. Not for others. */
#ifndef SPILLOVER_IMPORT_SOURCE_H
#define SPILLOVER_IMPORT_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"
#include "engine/dtype.h"

enum { SOURCE_DIMS = 4, SOURCE_MAX_TENSORS = 1 << 16 };

struct source_tensor {
    const char *name; /* as in the file; import.c makes it GPT-2's */
    int n_dims;
    long dim[SOURCE_DIMS], stride[SOURCE_DIMS]; /* elements */
    bool numeric;                               /* of one of our dtypes; else it may only be passed over */
    enum dtype type;
    const unsigned char *data; /* the first element; not aligned */
};

struct import_source {
    const char *path;
    size_t size; /* of the file */
    struct source_tensor *tensors;
    int n;
    int heads; /* 0: the format does not say */
};

/* Each fills tensors, n and heads; ST_DATA with "path: ...". */
MUST_USE enum status source_read_safetensors(struct import_source *s, struct arena *a, const void *bytes);
MUST_USE enum status source_read_torch(struct import_source *s, struct arena *a, const void *bytes);
MUST_USE enum status source_read_llmc(struct import_source *s, struct arena *a, const void *bytes);

static inline int dtype_size(enum dtype type) {
    return type == DTYPE_F32 ? 4 : 2;
}

/* Strides of a dense tensor whose dimensions are not negative; false when its number of elements or bytes overflows. */
static inline bool source_dense(struct source_tensor *t, long *count) {
    long bytes;
    *count = 1;
    for (int i = t->n_dims - 1; i >= 0; i--) {
        t->stride[i] = *count;
        if (__builtin_mul_overflow(*count, t->dim[i], count)) return false;
    }
    return !__builtin_mul_overflow(*count, 8L, &bytes);
}

#endif
