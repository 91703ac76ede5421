#include "metrics/linalg.h"

#include <gsl/gsl_eigen.h>
#include <gsl/gsl_linalg.h>
#include <math.h>
#include <string.h>

#include "engine/base/status.h"

bool linalg_finite(int n, int d, const float *X, long ld) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++)
            if (!isfinite(X[i * ld + j])) return false;
    return true;
}

double *linalg_centred(struct arena *arena, int n, int d, const float *X, long ld, double *mean) {
    double *out = ARENA_NEW(arena, double, (size_t)n *d), *sum = ARENA_NEW(arena, double, d);
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) sum[j] += X[i * ld + j];
    for (int j = 0; j < d; j++) sum[j] /= n;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < d; j++) out[(long)i * d + j] = X[i * ld + j] - sum[j];
    if (mean) memcpy(mean, sum, (size_t)d * sizeof *mean);
    return out;
}

void linalg_cross(int n, int p, int q, const double *A, const double *B, double *out) {
    memset(out, 0, (size_t)p * (size_t)q * sizeof *out);
    for (int i = 0; i < n; i++)
        for (int r = 0; r < p; r++) {
            double a = A[(long)i * p + r];
            for (int c = 0; c < q; c++) out[(long)r * q + c] += a * B[(long)i * q + c];
        }
}

void linalg_multiply(int m, int n, int k, const double *A, const double *B, double *out) {
    memset(out, 0, (size_t)m * (size_t)n * sizeof *out);
    for (int i = 0; i < m; i++)
        for (int p = 0; p < k; p++) {
            double a = A[(long)i * k + p];
            for (int j = 0; j < n; j++) out[(long)i * n + j] += a * B[(long)p * n + j];
        }
}

void linalg_svd(struct arena *scratch, int m, int n, double *A, double *s, double *V) {
    struct arena_mark mark = arena_mark(scratch);
    gsl_matrix_view a = gsl_matrix_view_array(A, (size_t)m, (size_t)n);
    gsl_matrix_view v = gsl_matrix_view_array(V, (size_t)n, (size_t)n);
    gsl_vector_view values = gsl_vector_view_array(s, (size_t)n);
    gsl_vector_view work = gsl_vector_view_array(ARENA_NEW(scratch, double, n), (size_t)n);
    if (gsl_linalg_SV_decomp(&a.matrix, &v.matrix, &values.vector, &work.vector))
        BUG("the singular value decomposition of a finite matrix failed");
    arena_rewind(scratch, mark);
}

void linalg_eigen(int n, double *A, double *value, double *V) {
    gsl_matrix_view a = gsl_matrix_view_array(A, (size_t)n, (size_t)n);
    gsl_matrix_view v = gsl_matrix_view_array(V, (size_t)n, (size_t)n);
    gsl_vector_view values = gsl_vector_view_array(value, (size_t)n);
    gsl_eigen_symmv_workspace *work = gsl_eigen_symmv_alloc((size_t)n);
    if (!work) arena_exhausted((size_t)n * sizeof *value);
    int rc = gsl_eigen_symmv(&a.matrix, &values.vector, &v.matrix, work);
    if (rc == 0) rc = gsl_eigen_symmv_sort(&values.vector, &v.matrix, GSL_EIGEN_SORT_VAL_ASC);
    gsl_eigen_symmv_free(work);
    if (rc) BUG("the eigenvalues of a finite symmetric matrix were not found");
}
