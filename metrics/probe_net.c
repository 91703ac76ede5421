#include "metrics/probe_net.h"

#include <lbfgs.h>
#include <math.h>
#include <string.h>

#include "engine/base/rng.h"
#include "engine/gemm.h"
#include "engine/kernels.h"

/* Offsets of the four parts in the parameter vector. */
struct layout {
    int a, W, b, end;
};

static struct layout layout_of(int d, int classes, int H) {
    int in = H > 0 ? H : d;
    struct layout at = {.a = H * d};
    at.W = at.a + H;
    at.b = at.W + classes * in;
    at.end = at.b + classes;
    return at;
}

int probe_net_size(int d, int classes, int H) {
    return (layout_of(d, classes, H).end + 7) / 8 * 8;
}

void probe_net_open(struct probe_net *net, struct arena *arena, int n, int d, int classes, int H, const float *Z,
                    const int *y) {
    *net = (struct probe_net){.n = n, .d = d, .K = classes, .H = H, .Z = Z, .y = y};
    float *Zt = ARENA_NEW(arena, float, (size_t)n *d);
    gemm_transpose(n, d, Z, d, Zt, n);
    net->Zt = Zt;
    net->params = ARENA_NEW(arena, float, probe_net_size(d, classes, H));
    net->logits = ARENA_NEW(arena, float, (size_t)classes *n);
    net->hidden = ARENA_NEW(arena, float, (size_t)H *n);
    net->hidden_t = ARENA_NEW(arena, float, (size_t)H *n);
    net->d_hidden = ARENA_NEW(arena, float, (size_t)H *n);
    net->grad = ARENA_NEW(arena, float, (size_t)(H > classes ? H : classes) * (size_t)(d > H ? d : H));
    net->top = ARENA_NEW(arena, float, n);
    net->total = ARENA_NEW(arena, double, n);
}

static void forward(int n, int d, int classes, int H, const float *params, const float *Zt, float *hidden,
                    float *logits) {
    struct layout at = layout_of(d, classes, H);
    if (H > 0) {
        gemm(H, n, d, params, d, 1, Zt, n, false, hidden, n);
        for (int h = 0; h < H; h++)
            for (int i = 0; i < n; i++) hidden[(long)h * n + i] = 2 * (hidden[(long)h * n + i] + params[at.a + h]);
        K->exp((long)H * n, hidden, hidden);
        for (long i = 0; i < (long)H * n; i++) hidden[i] = 1 - 2 / (hidden[i] + 1); /* tanh */
    }
    int in = H > 0 ? H : d;
    gemm(classes, n, in, params + at.W, in, 1, H > 0 ? hidden : Zt, n, false, logits, n);
    for (int k = 0; k < classes; k++)
        for (int i = 0; i < n; i++) logits[(long)k * n + i] += params[at.b + k];
}

/* logits become exp(logit - top); total their sum over classes. */
static void exponentials(int n, int classes, float *logits, float *top, double *total) {
    memcpy(top, logits, (size_t)n * sizeof *top);
    for (int k = 1; k < classes; k++)
        for (int i = 0; i < n; i++) top[i] = logits[(long)k * n + i] > top[i] ? logits[(long)k * n + i] : top[i];
    for (int i = 0; i < n; i++) total[i] = 0;
    for (int k = 0; k < classes; k++) {
        float *row = logits + (long)k * n;
        for (int i = 0; i < n; i++) row[i] -= top[i];
        K->exp(n, row, row);
        for (int i = 0; i < n; i++) total[i] += row[i];
    }
}

static void normalise(int n, int classes, const double *total, float *p) {
    for (int k = 0; k < classes; k++)
        for (int i = 0; i < n; i++) p[(long)k * n + i] = (float)(p[(long)k * n + i] / total[i]);
}

void probe_net_softmax(struct arena *scratch, int n, int d, int classes, int H, const float *params, const float *Zt,
                       float *p) {
    struct arena_mark mark = arena_mark(scratch);
    float *top = ARENA_NEW(scratch, float, n);
    double *total = ARENA_NEW(scratch, double, n);
    forward(n, d, classes, H, params, Zt, ARENA_NEW(scratch, float, (size_t)n *H), p);
    exponentials(n, classes, p, top, total);
    normalise(n, classes, total, p);
    arena_rewind(scratch, mark);
}

static double nll_sum(struct probe_net *net, const double *theta) {
    int n = net->n, classes = net->K;
    int size = layout_of(net->d, classes, net->H).end;
    for (int i = 0; i < size; i++) net->params[i] = (float)theta[i];
    forward(n, net->d, classes, net->H, net->params, net->Zt, net->hidden, net->logits);
    double sum = 0;
    for (int i = 0; i < n; i++) sum -= net->logits[(long)net->y[i] * n + i];
    exponentials(n, classes, net->logits, net->top, net->total);
    for (int i = 0; i < n; i++) sum += net->top[i] + log(net->total[i]);
    return sum;
}

double probe_net_nll(struct probe_net *net, const double *theta) {
    return nll_sum(net, theta) / net->n;
}

/* grad = product / n + lambda * theta for one weight matrix; returns its share of the penalty. */
static double weights_gradient(const struct probe_net *net, int rows, int cols, const float *delta, const float *input,
                               const double *theta, double *grad) {
    gemm(rows, cols, net->n, delta, net->n, 1, input, cols, false, net->grad, cols);
    double squares = 0;
    for (int i = 0; i < rows * cols; i++) {
        grad[i] = net->grad[i] / (double)net->n + net->lambda * theta[i];
        squares += theta[i] * theta[i];
    }
    return .5 * net->lambda * squares;
}

static void bias_gradient(int n, int rows, const float *delta, double *grad) {
    for (int r = 0; r < rows; r++) {
        double lanes[8] = {0}; /* independent sums, so that the loop vectorises in a fixed order */
        int i = 0;
        for (; i + 8 <= n; i += 8)
            for (int l = 0; l < 8; l++) lanes[l] += delta[(long)r * n + i + l];
        for (; i < n; i++) lanes[0] += delta[(long)r * n + i];
        double sum = 0;
        for (int l = 0; l < 8; l++) sum += lanes[l];
        grad[r] = sum / n;
    }
}

double probe_net_loss(struct probe_net *net, const double *theta, double *grad) {
    int n = net->n, classes = net->K, H = net->H;
    struct layout at = layout_of(net->d, classes, H);
    double loss = nll_sum(net, theta) / n;
    normalise(n, classes, net->total, net->logits);
    for (int i = 0; i < n; i++) net->logits[(long)net->y[i] * n + i] -= 1;

    const float *input = net->Z;
    if (H > 0) {
        gemm_transpose(H, n, net->hidden, n, net->hidden_t, H);
        input = net->hidden_t;
    }
    loss += weights_gradient(net, classes, H > 0 ? H : net->d, net->logits, input, theta + at.W, grad + at.W);
    bias_gradient(n, classes, net->logits, grad + at.b);
    if (H > 0) {
        gemm(H, n, classes, net->params + at.W, 1, H, net->logits, n, false, net->d_hidden, n);
        for (long i = 0; i < (long)H * n; i++) net->d_hidden[i] *= 1 - net->hidden[i] * net->hidden[i];
        loss += weights_gradient(net, H, net->d, net->d_hidden, net->Z, theta, grad);
        bias_gradient(n, H, net->d_hidden, grad + at.a);
    }
    for (int i = at.end; i < probe_net_size(net->d, classes, H); i++) grad[i] = 0;
    return loss;
}

/* The rule of liblbfgs' parameters past and delta, kept here: liblbfgs goes on without it where its memory for the past
 * losses is refused, and would stop elsewhere. */
enum { PAST = 5 };
struct descent {
    struct probe_net *net;
    double past[PAST]; /* losses of the last iterations; NAN: none yet */
    double delta;
};

static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *x, lbfgsfloatval_t *g, int n,
                                lbfgsfloatval_t step) {
    struct descent *d = instance;
    (void)n, (void)step;
    const double loss = probe_net_loss(d->net, x, g);
    if (isnan(d->past[0])) d->past[0] = loss;
    return loss;
}

/* Stop when PAST iterations lowered the loss by less than delta of itself. */
static int improves(void *instance, const lbfgsfloatval_t *x, const lbfgsfloatval_t *g, const lbfgsfloatval_t loss,
                    const lbfgsfloatval_t xnorm, const lbfgsfloatval_t gnorm, const lbfgsfloatval_t step, int n,
                    int iteration, int searches) {
    struct descent *d = instance;
    (void)x, (void)g, (void)xnorm, (void)gnorm, (void)step, (void)n, (void)searches;
    double *then = &d->past[iteration % PAST];
    if (iteration >= PAST && (*then - loss) / loss < d->delta) return LBFGS_STOP;
    *then = loss;
    return 0;
}

enum status probe_net_fit(struct probe_net *net, double *theta, double C, double tolerance, int max_iterations) {
    net->lambda = 1 / (net->n * C);
    lbfgs_parameter_t parameters;
    lbfgs_parameter_init(&parameters);
    parameters.m = 10;
    parameters.epsilon = tolerance;
    parameters.max_iterations = max_iterations;
    parameters.max_linesearch = 20;
    double loss = NAN;
    struct descent descent = {.net = net, .past = {NAN}, .delta = tolerance};
    int rc = lbfgs(probe_net_size(net->d, net->K, net->H), theta, &loss, evaluate, improves, &descent, &parameters);
    /* A line search that finds no lower point (float products) leaves the last good point: that is convergence. */
    switch (rc) {
    case LBFGS_SUCCESS:
    case LBFGS_STOP:
    case LBFGS_ALREADY_MINIMIZED:
    case LBFGSERR_MAXIMUMITERATION:
    case LBFGSERR_MAXIMUMLINESEARCH:
    case LBFGSERR_ROUNDING_ERROR:
    case LBFGSERR_MINIMUMSTEP:
    case LBFGSERR_MAXIMUMSTEP:
    case LBFGSERR_WIDTHTOOSMALL:
        break;
    case LBFGSERR_OUTOFMEMORY:
        arena_exhausted((size_t)probe_net_size(net->d, net->K, net->H) * sizeof *theta);
    default:
        return status_set(ST_FAILED, "probe: L-BFGS stopped with code %d", rc);
    }
    return isfinite(loss) ? ST_OK : status_set(ST_FAILED, "probe: the loss is not finite");
}

void probe_net_start(const struct probe_net *net, unsigned long long seed, double *theta) {
    struct layout at = layout_of(net->d, net->K, net->H);
    memset(theta, 0, (size_t)probe_net_size(net->d, net->K, net->H) * sizeof *theta);
    struct rng rng = rng_open(seed, "probe.hidden", 0);
    for (int i = 0; i < net->H * net->d; i++) theta[i] = rng_normal(&rng) / sqrt(net->d);
    /* V and W both 0 would be a saddle; V alone drawn is enough, W grows from 0. */
    for (int k = 0; k < net->K; k++) {
        int count = 0;
        for (int i = 0; i < net->n; i++) count += net->y[i] == k;
        theta[at.b + k] = log((count + .5) / (net->n + .5 * net->K));
    }
}
