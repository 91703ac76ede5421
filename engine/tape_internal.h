/* What the forward and the backward half of the tape share. */
#ifndef SPILLOVER_TAPE_INTERNAL_H
#define SPILLOVER_TAPE_INTERNAL_H

#include "engine/tape.h"

/* The lines of a segment: n of them from `first`, and the distance between layers. */
struct lines {
    int n;
    long first, layer_stride;
};

/* Positions of a segment that the last block works on. Their lines lie together at the front of the segment's. */
static inline int tape_read_positions(const struct tape_segment *s) {
    return s->t0 + s->S - s->read_from;
}

struct lines tape_lines(const struct tape *tape, const struct tape_segment *s);

/* out[B][C] = the final hidden state of each row at the last position of a segment. */
void tape_last_hidden(const struct tape *tape, const struct tape_segment *s, float *out);

#endif
