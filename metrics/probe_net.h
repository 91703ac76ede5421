/* The network behind a probe: softmax regression with zero or one hidden layer (tanh), its loss, gradient and fit.
 * Internal to metrics/probe.c and metrics/mdl.c; formula in metrics/probe.h.
 *
 * Parameters lie in one vector: V[H][d] a[H] (H > 0 only), W[K][H or d] b[K]. Activations are held class-major
 * ([K][n]), so that the softmax runs along items and the products have one long side.
 */
#ifndef SPILLOVER_PROBE_NET_H
#define SPILLOVER_PROBE_NET_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

struct probe_net {
    int n, d, K, H;
    const float *Z;  /* [n][d], standardised */
    const float *Zt; /* [d][n] */
    const int *y;    /* [n] */
    double lambda;   /* 1 / (n C) */
    float *params;   /* single-precision copy of the point */
    float *logits;   /* [K][n], then p - onehot(y) */
    float *hidden;   /* [H][n] */
    float *hidden_t; /* [n][H] */
    float *d_hidden; /* [H][n] */
    float *grad;     /* the larger weight matrix */
    float *top;      /* [n], greatest logit */
    double *total;   /* [n], sum of exponentials */
};

/* Number of parameters, rounded up to a multiple of 8 (liblbfgs's vector code needs it; the excess stays 0). */
int probe_net_size(int d, int K, int H);

/* A network over n items: Z (with its transpose made here), labels y; buffers come from the arena. */
void probe_net_open(struct probe_net *net, struct arena *arena, int n, int d, int K, int H, const float *Z,
                    const int *y);

/* Loss (nats, with the penalty) at theta; gradient into grad when not NULL. */
double probe_net_loss(struct probe_net *net, const double *theta, double *grad);

/* Minimise from theta, in place. tolerance: on the gradient norm, relative to max(1, |theta|). */
MUST_USE enum status probe_net_fit(struct probe_net *net, double *theta, double C, double tolerance,
                                   int max_iterations);

/* Mean of -log p(y) in nats, without the penalty. */
double probe_net_nll(struct probe_net *net, const double *theta);

/* Class probabilities p[K][n] of n items given as Zt[d][n], from single-precision parameters. */
void probe_net_softmax(struct arena *scratch, int n, int d, int K, int H, const float *params, const float *Zt,
                       float *p);

/* A starting point: weights 0 (V: normal / sqrt(d), drawn from seed), bias log of the class frequencies. */
void probe_net_start(const struct probe_net *net, unsigned long long seed, double *theta);

#endif
