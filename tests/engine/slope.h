/* Gradients of a model's weights against finite differences, a tensor at a time along one direction. */
#ifndef SPILLOVER_TESTS_SLOPE_H
#define SPILLOVER_TESTS_SLOPE_H

#include "engine/base/rng.h"
#include "engine/gpt.h"

/* Central difference of loss(with), a function of m's weights, along `direction` [rows * cols] of tensor t. The weights
 * are afterwards what they were. */
double slope_along(struct gpt *m, const struct gpt_tensor *t, const float *direction, float step,
                   double (*loss)(void *with), void *with);

/* A direction of length 1 drawn into d [n]; returns its product with g [n]. */
double slope_draw(struct rng *r, float *d, const float *g, long n);

/* Every tensor of m: the product of g with a drawn direction is the slope of the loss, within 2 % + 2e-3. */
void slope_check(struct gpt *m, const float *g, struct rng *r, double (*loss)(void *with), void *with);

#endif
