#include "engine/loss.h"

#include <math.h>
#include <string.h>

#include "engine/kernels.h"

void loss_softmax(struct head *h, const int *target, float *logp) {
    for (int i = 0; i < h->n; i++) logp[i] = target[i] < 0 ? 0.0f : h->logits[(long)i * h->V + target[i]];
    K->softmax(h->n, h->V, h->logits, h->logits, h->lse);
    for (int i = 0; i < h->n; i++)
        if (target[i] >= 0) logp[i] -= h->lse[i];
    if (h->dlogits) memset(h->dlogits, 0, (size_t)h->n * (size_t)h->V * sizeof(float));
}

void loss_cross_entropy(struct head *h, const int *target, const float *weight) {
    for (int i = 0; i < h->n; i++) {
        if (target[i] < 0 || weight[i] == 0.0f) continue;
        float *d = h->dlogits + (long)i * h->V;
        K->axpy(h->V, weight[i], h->logits + (long)i * h->V, d);
        d[target[i]] -= weight[i];
    }
}

double loss_kl(struct head *h, const float *reference, float weight) {
    double total = 0.0;
    for (int i = 0; i < h->n; i++) {
        const float *p = h->logits + (long)i * h->V, *q = reference + (long)i * h->V;
        float *d = h->dlogits + (long)i * h->V;
        double kl = 0.0;
        for (int v = 0; v < h->V; v++)
            if (p[v] > 0.0f) kl += (double)p[v] * (log((double)p[v]) - log(fmax((double)q[v], 1e-30)));
        /* d KL / d logit_v = p_v (log(p_v / q_v) - KL) */
        for (int v = 0; v < h->V; v++)
            if (p[v] > 0.0f)
                d[v] +=
                    (float)((double)weight * (double)p[v] * (log((double)p[v]) - log(fmax((double)q[v], 1e-30)) - kl));
        total += kl;
    }
    return total;
}

double loss_entropy(struct head *h, const int *target, float weight) {
    double total = 0.0;
    for (int i = 0; i < h->n; i++) {
        if (target[i] < 0) continue;
        const float *p = h->logits + (long)i * h->V;
        float *d = h->dlogits + (long)i * h->V;
        double entropy = 0.0;
        for (int v = 0; v < h->V; v++)
            if (p[v] > 0.0f) entropy -= (double)p[v] * log((double)p[v]);
        /* d(-H) / d logit_v = p_v (log p_v + H) */
        for (int v = 0; v < h->V; v++)
            if (p[v] > 0.0f) d[v] += (float)((double)weight * (double)p[v] * (log((double)p[v]) + entropy));
        total += entropy;
    }
    return total;
}

double loss_smooth_l1(long n, const float *x, const float *y, float scale, float weight, float *dx) {
    double total = 0.0;
    const float unit = weight / ((float)n * scale);
    for (long i = 0; i < n; i++) {
        float e = (x[i] - y[i]) / scale, size = fabsf(e);
        total += size < 1.0f ? 0.5 * (double)e * (double)e : (double)size - 0.5;
        dx[i] = unit * (size < 1.0f ? e : copysignf(1.0f, e));
    }
    return total / (double)n;
}
