/* Many tests at once: adjusted p values.
 *
 * Pure. p[n] and adjusted[n] may be the same array. A NAN p is a test that was not made: it stays NAN and does not count
 * in the family. (A planned test that could not be made should be given p = 1, so that the family keeps its size.)
 */
#ifndef SPILLOVER_STAT_MULTI_H
#define SPILLOVER_STAT_MULTI_H

#include "engine/base/arena.h"

/* Holm (1979), family-wise error: for ordered p, adjusted_(i) = max_{j<=i} min(1, (m - j + 1) p_(j)). */
void stat_holm(const double *p, int n, double *adjusted, struct arena *a);

/* Benjamini & Hochberg (1995), false discovery rate: adjusted_(i) = min_{j>=i} min(1, m p_(j) / j). */
void stat_bh(const double *p, int n, double *adjusted, struct arena *a);

#endif
