/* The language-model head on chosen lines: most positions predict nothing, and the product with the vocabulary is the
 * widest of the model. */
#include <string.h>

#include "engine/gemm.h"
#include "engine/kernels.h"
#include "engine/subnormal.h"
#include "engine/tape.h"

void head_open(struct head *h, struct arena *a, const struct gpt *gpt, enum tape_use use, int capacity) {
    const size_t n = (size_t)capacity, V = (size_t)gpt->config.vocab, C = (size_t)gpt->config.width;
    memset(h, 0, sizeof *h);
    h->capacity = capacity;
    h->V = gpt->config.vocab;
    h->row = ARENA_NEW(a, int, n);
    h->t = ARENA_NEW(a, int, n);
    h->hidden = ARENA_NEW(a, float, n *C);
    h->logits = ARENA_NEW(a, float, n *V);
    h->lse = ARENA_NEW(a, float, n);
    if (use == TAPE_INFER) return;
    h->dlogits = ARENA_NEW(a, float, n *V);
    h->dgathered = ARENA_NEW(a, float, n *C);
}

void head_forward(struct head *h, const struct tape *tape) {
    const struct gpt *g = tape->gpt;
    const int C = g->config.width;
    if (h->n > h->capacity) BUG("head of %d lines holds %d", h->n, h->capacity);
    for (int i = 0; i < h->n; i++)
        memcpy(h->hidden + (long)i * C, tape->hidden + tape_hidden_line(tape, h->row[i], h->t[i]) * C,
               (size_t)C * sizeof(float));
    gemm(h->n, h->V, C, h->hidden, C, 1, g->pt.head, h->V, false, h->logits, h->V);
}

void head_backward(struct head *h, struct tape *tape, struct gpt_views *g) {
    const struct gpt *m = tape->gpt;
    const int C = m->config.width;
    const unsigned before = subnormal_flush();
    gemm(h->n, C, h->V, h->dlogits, h->V, 1, m->p.head, C, false, h->dgathered, C);
    if (g->head) gemm(h->V, C, h->n, h->dlogits, 1, h->V, h->hidden, C, true, g->head, C);
    for (int i = 0; i < h->n; i++)
        K->add(C, h->dgathered + (long)i * C, tape->dhidden + tape_hidden_line(tape, h->row[i], h->t[i]) * C);
    subnormal_restore(before);
}
