/* Small dense linear algebra in double for the representation metrics; factorisations are GSL's.
 *
 * Matrices are row-major double. Everything is allocated from the arena given. GSL's SVD is Golub-Reinsch, its
 * symmetric eigensolver implicit QR: both deterministic. Inputs must be finite (the caller checks: linalg_finite).
 */
#ifndef SPILLOVER_LINALG_H
#define SPILLOVER_LINALG_H

#include <stdbool.h>

#include "engine/base/arena.h"

bool linalg_finite(int n, int d, const float *X, long ld);

/* X[n][d] (floats, rows ld apart) minus its column means, which are left in mean[d] when not NULL. */
double *linalg_centred(struct arena *arena, int n, int d, const float *X, long ld, double *mean);

/* out[p][q] = A[n][p]^T B[n][q]. */
void linalg_cross(int n, int p, int q, const double *A, const double *B, double *out);

/* out[m][n] = A[m][k] B[k][n]; out is neither A nor B. */
void linalg_multiply(int m, int n, int k, const double *A, const double *B, double *out);

/* A[m][n] = U[m][n] diag(s[n]) V[n][n]^T, m >= n, s descending; A is overwritten by U. The columns of U are orthonormal
 * also where s is 0. */
void linalg_svd(struct arena *scratch, int m, int n, double *A, double *s, double *V);

/* Symmetric A[n][n] = V diag(value) V^T, values ascending, eigenvectors in the columns of V. A is destroyed. */
void linalg_eigen(int n, double *A, double *value, double *V);

#endif
