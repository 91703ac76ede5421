/* What a first step of pressure does to the reasoning monitor, to first order, before any step is taken
 * (Drori et al. 2025, arXiv 2511.11584): descending M_out by a rate eta moves the monitor by
 *
 *   dM_R = - eta (conditional + parametric)
 *   conditional = grad_R M_R . grad_R M_out      what the output's gradient says about the reasoning itself
 *   parametric  = grad_R M_R . grad_out M_out    what shared weights carry, the reasoning held fixed
 *
 * grad_R runs through the reasoning: a score function over sampled tokens (text; baseline: the other samples of the
 * question), or the path through the fed-back vectors (thoughts). grad_out is the rest, with the edges that the credit
 * cuts switched off; under every credit but `full` the conditional part is not in the update, hence 0.
 *
 * M_out is the probability of the tokens that the pressure would replace, as the task states them; M_R the rate at
 * which a sampled reasoning states the fact (text), or the probability that F gives it (thoughts). Both on marked
 * questions that are never trained on. Units: those of M_R per unit of learning rate.
 */
#ifndef SPILLOVER_FIRST_ORDER_H
#define SPILLOVER_FIRST_ORDER_H

#include "experiments/press.h"
#include "experiments/watch.h"

struct first_order {
    double conditional, parametric;           /* plain gradients */
    double conditional_adam, parametric_adam; /* M_out's divided by |its gradient|: the first step of Adam */
};

/* `batches` of press.batch questions. Uses the run's buffers and leaves the learner's gradient zero. The run has one
 * model and its pressure a target; thoughts need the watch's F. Deterministic in (weights, configuration). */
void first_order_predict(struct press_run *p, const struct watch *w, struct arena *scratch, int batches,
                         struct first_order *out);

#endif
