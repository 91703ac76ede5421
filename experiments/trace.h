/* Traces: what a model of another program thought and said, written down, for the instruments to be run on.
 *
 *   DIR/before.jsonl   before.safetensors    the model before pressure; the frozen probes are fitted on it
 *   DIR/after.jsonl    after.safetensors     under pressure (optional)
 *   DIR/control.jsonl  control.safetensors   trained as long without pressure (optional)
 *
 * One line of a .jsonl is one item, row i of every tensor is line i. data/trace_format.md is the documentation for
 * people; what it says is checked here. Everything is read whole into the arena.
 */
#ifndef SPILLOVER_TRACE_H
#define SPILLOVER_TRACE_H

#include <stdbool.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

enum trace_phase { TRACE_BEFORE, TRACE_CONTROL, TRACE_AFTER, TRACE_PHASES };
extern const char *const trace_phase_name[TRACE_PHASES];

enum { TRACE_MAX_STEPS = 256, TRACE_MAX_CLASSES = 512, TRACE_MAX_CONCEPTS = 32, TRACE_MAX_CHANNELS = 128 };

/* Label of an item where there is none, and a reading that is none of the concept's classes. */
enum { TRACE_NONE = -1, TRACE_OTHER = -2 };

/* What can be read: a class a step ("value": [3, 7, 1]) or one a problem ("c": 5). */
struct trace_concept {
    const char *name;
    bool by_step, told; /* told: outputs say it (M_out); then not by_step */
    bool read;          /* the lines hold what a reader found in the steps */
    int K;
    const char **classes; /* [K] numbers in order, else by name */
};

struct trace_item {
    const char *id, *question, *output; /* output "" when absent */
    const char **steps;                 /* [n_steps] "" where nothing is written */
    int n_steps, line, group; /* line of the .jsonl; group: the same number for the same group in every phase */
    bool test;                /* side of the split: the group's */
    int answered;             /* 1 right, 0 wrong, -1: the line has no answer and truth */
    int **label, **read;      /* [concepts][n_steps, or 1 where not by_step; read: n_steps] */
    int *told;                /* [concepts] */
};

/* A tensor: vectors of every step, or one of the whole problem. "state.3" has the name "state" and layer 3. */
struct trace_channel {
    const char *tensor, *name;
    int layer, d, steps; /* layer -1: none; steps 0: x is [n][d], else [n][steps][d] */
    const float *x;
};

struct trace_side {
    int n, n_channels; /* n 0: the phase is absent */
    struct trace_item *items;
    struct trace_channel *channels; /* as in before: same tensors, same order */
    int *partner;                   /* [items of before] the item with the same id here, -1: none */
};

struct trace {
    const char *dir;
    struct trace_concept concepts[TRACE_MAX_CONCEPTS];
    int n_concepts, n_steps; /* n_steps: the most of any item */
    struct trace_side side[TRACE_PHASES];
};

/* Read a folder. ST_DATA with file:line (or file: tensor) for anything that is not in the format; ST_IO. */
MUST_USE enum status trace_read(struct trace *t, const char *dir, struct arena *a);

/* The vector of an item at a step. */
const float *trace_vector(const struct trace_channel *c, int item, int step);

/* The label of a concept at a step; TRACE_NONE where the item has none, or has no such step. */
int trace_label(const struct trace *t, const struct trace_item *item, int concept, int step);

#endif
