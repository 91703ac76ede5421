/* Checkpoints: safetensors files (header length, JSON header, raw little-endian tensors).
 *
 * Written whole or not at all (engine/base/fs.h). Read with every field checked: header length within the file, offsets
 * in order, no overlap, no gap, shape x element size equal to the span, no duplicate names, dtype F32 (F16 and BF16 are
 * widened). A malformed file is ST_DATA with `path: offset or tensor: expected ..., found ...`; nothing is half-read.
 */
#ifndef SPILLOVER_CHECKPOINT_H
#define SPILLOVER_CHECKPOINT_H

#include "engine/gpt.h"

/* One named array to store, or one found in a file. */
struct checkpoint_tensor {
    const char *name;
    int n_dims;
    long dim[4];
    float *data;
};

struct checkpoint {
    struct checkpoint_tensor *tensors;
    int n;
    struct checkpoint_meta {
        const char *key, *value;
    } * meta; /* the `__metadata__` strings */
    int n_meta;
};

MUST_USE enum status checkpoint_write(const char *path, const struct checkpoint *c);

/* Everything in the arena. */
MUST_USE enum status checkpoint_read(struct arena *a, const char *path, struct checkpoint *c);

const struct checkpoint_tensor *checkpoint_find(const struct checkpoint *c, const char *name);
const char *checkpoint_meta(const struct checkpoint *c, const char *key); /* NULL when absent */

/* A model: its tensors under their names, its configuration in the metadata (`spillover.config`, JSON). */
MUST_USE enum status checkpoint_save_gpt(const char *path, const struct gpt *m);

/* What training moves alone (gpt.h, LoRA), to be read back over the file of the frozen rest; a model without LoRA whole. */
MUST_USE enum status checkpoint_save_trained(const char *path, const struct gpt *m);

/* Open and fill a model from a file of either kind; `rest` is the file of a model with the frozen tensors of one saved
 * by checkpoint_save_trained, and is not opened for another. ST_DATA as below. */
MUST_USE enum status checkpoint_load_trained(struct gpt *m, struct arena *a, const char *path, const char *rest);

/* Open and fill a model from a file. ST_DATA naming the tensor when one is missing, has another shape, or is none of
 * the model's. */
MUST_USE enum status checkpoint_load_gpt(struct gpt *m, struct arena *a, const char *path);

/* The same from a checkpoint that was read already; `path` serves messages alone. */
MUST_USE enum status checkpoint_fill_gpt(struct gpt *m, struct arena *a, const char *path, const struct checkpoint *c);

#endif
