/* How far the seeds should move a sceptic: posterior odds of "the effect exceeds delta".
 *
 *   odds = prior_claim * [posterior odds(mu > delta) / prior odds(mu > delta)],   mu ~ Cauchy(0, scale)
 *
 * prior_claim is the odds given to the claim itself before the data (.25: its author calls it about 80 % false); the
 * bracket is the Bayes factor of mu > delta against mu <= delta under the Cauchy prior.
 *
 * Likelihood: Student's t_{n-1} of (mean - mu) / (sd / sqrt(n)), not the normal. With sigma unknown and the usual prior
 * 1/sigma, integrating sigma out of the normal likelihood of the n values gives exactly
 * [1 + n (mean - mu)^2 / ((n-1) sd^2)]^{-n/2}, the kernel of that t density. Plugging the estimated sd into a normal
 * would pretend that it is known and overstate the evidence at n = 10.
 *
 * With theta = atan(mu / scale) the prior is uniform, so both integrals are of a bounded smooth function over a finite
 * range; GSL's QAG takes them in panels about the likelihood's peak. Pure and deterministic.
 */
#ifndef SPILLOVER_STAT_BAYES_H
#define SPILLOVER_STAT_BAYES_H

#define STAT_PRIOR_CLAIM .25

struct stat_posterior {
    double prior_odds;     /* of mu > delta under Cauchy(0, scale) */
    double posterior_odds; /* of mu > delta given the data */
    double bayes_factor;   /* posterior_odds / prior_odds */
    double odds;           /* prior_claim * bayes_factor */
    double probability;    /* odds / (1 + odds) */
};

/* mean and sd (sd > 0) of n >= 2 seeds; scale > 0; delta in the units of mean. All NAN where it cannot be computed
 * (also sd = 0: the t likelihood is then improper). Infinite odds when the mass below delta underflows. */
struct stat_posterior stat_posterior(double mean, double sd, int n, double delta, double scale, double prior_claim);

/* At scale, scale / 2 and 2 scale, in this order: the sensitivity that belongs beside every figure. */
void stat_posterior_sensitivity(double mean, double sd, int n, double delta, double scale, double prior_claim,
                                struct stat_posterior out[3]);

#endif
