/* A small untrained arm under one pressure, and a batch of its laid on the tape by hand. */
#ifndef SPILLOVER_TESTS_PRESS_SETUP_H
#define SPILLOVER_TESTS_PRESS_SETUP_H

#include "experiments/press.h"

enum { ROWS = 8 };

struct setup {
    struct arena arena;
    struct config c;
    struct task_ctx task;
    struct learner learner;
    struct gpt start;
    struct press_run p;
    const struct arm *arm;
};

static const char *const media[] = {"text", "coconut", "codi"};
enum { MEDIA = sizeof media / sizeof media[0] };

/* Drawn weights, biases and gains off 0 and 1. */
void weights_of(struct gpt *m, uint64_t seed);

/* Every part comes from s->arena, which the test closes. */
void open_setup(struct setup *s, const char *arm, const char *pressure, enum method method, enum credit credit);

/* A batch laid out by hand: every reasoning is the full one of its problem, so that positions have one role each. */
void lay(struct setup *s);

#endif
