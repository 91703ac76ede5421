/* What the forward and the backward half of the tape share. */
#ifndef SPILLOVER_TAPE_INTERNAL_H
#define SPILLOVER_TAPE_INTERNAL_H

#include "engine/tape.h"

/* The lines of a segment: n of them from `first`, and the distance between layers. */
struct lines {
    int n;
    long first, layer_stride;
};

struct lines tape_lines(const struct tape *tape, const struct tape_segment *s);

/* out[B][C] = the final hidden state of each row at the last position of a segment. */
void tape_last_hidden(const struct tape *tape, const struct tape_segment *s, float *out);

#endif
