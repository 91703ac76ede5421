#include "metrics/probe_net.h"

#include <lbfgs.h>
#include <math.h>
#include <string.h>

#include "engine/base/rng.h"

static void product(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb, float *c,
                    long ldc) {
    for (int i = 0; i < m; i++) {
        float *out = c + i * ldc;
        memset(out, 0, (size_t)n * sizeof *out);
        for (int p = 0; p < k; p++) {
            float w = a[i * a_row + p * a_col];
            const float *row = b + p * ldb;
            for (int j = 0; j < n; j++) out[j] += w * row[j];
        }
    }
}

static void transpose(int m, int n, const float *src, float *dst) {
    for (int i = 0; i < m; i++)
        for (int j = 0; j < n; j++) dst[(long)j * m + i] = src[(long)i * n + j];
}

/* Offsets of the four parts in the parameter vector. */
struct layout {
    int a, W, b, end;
};

static struct layout layout_of(int d, int K, int H) {
    int in = H > 0 ? H : d;
    struct layout at = {.a = H * d};
    at.W = at.a + H;
    at.b = at.W + K * in;
    at.end = at.b + K;
    return at;
}

int probe_net_size(int d, int K, int H) {
    return (layout_of(d, K, H).end + 7) / 8 * 8;
}

void probe_net_open(struct probe_net *net, struct arena *arena, int n, int d, int K, int H, const float *Z,
                    const int *y) {
    *net = (struct probe_net){.n = n, .d = d, .K = K, .H = H, .Z = Z, .y = y};
    float *Zt = ARENA_NEW(arena, float, (size_t)n *d);
    transpose(n, d, Z, Zt);
    net->Zt = Zt;
    net->params = ARENA_NEW(arena, float, probe_net_size(d, K, H));
    net->logits = ARENA_NEW(arena, float, (size_t)K *n);
    net->hidden = ARENA_NEW(arena, float, (size_t)H *n);
    net->hidden_t = ARENA_NEW(arena, float, (size_t)H *n);
    net->d_hidden = ARENA_NEW(arena, float, (size_t)H *n);
    net->grad = ARENA_NEW(arena, float, (size_t)(H > K ? H : K) * (size_t)(d > H ? d : H));
    net->top = ARENA_NEW(arena, float, n);
    net->total = ARENA_NEW(arena, double, n);
}

static void forward(int n, int d, int K, int H, const float *params, const float *Zt, float *hidden, float *logits) {
    struct layout at = layout_of(d, K, H);
    if (H > 0) {
        product(H, n, d, params, d, 1, Zt, n, hidden, n);
        for (int h = 0; h < H; h++)
            for (int i = 0; i < n; i++)
                hidden[(long)h * n + i] = (float)tanh(hidden[(long)h * n + i] + params[at.a + h]);
    }
    int in = H > 0 ? H : d;
    product(K, n, in, params + at.W, in, 1, H > 0 ? hidden : Zt, n, logits, n);
    for (int k = 0; k < K; k++)
        for (int i = 0; i < n; i++) logits[(long)k * n + i] += params[at.b + k];
}

/* logits become exp(logit - top); total their sum over classes. */
static void exponentials(int n, int K, float *logits, float *top, double *total) {
    memcpy(top, logits, (size_t)n * sizeof *top);
    for (int k = 1; k < K; k++)
        for (int i = 0; i < n; i++) top[i] = logits[(long)k * n + i] > top[i] ? logits[(long)k * n + i] : top[i];
    for (int i = 0; i < n; i++) total[i] = 0;
    for (int k = 0; k < K; k++) {
        float *row = logits + (long)k * n;
        for (int i = 0; i < n; i++) {
            row[i] = (float)exp(row[i] - top[i]);
            total[i] += row[i];
        }
    }
}

void probe_net_softmax(int n, int d, int K, int H, const float *params, const float *Zt, float *hidden, float *p) {
    forward(n, d, K, H, params, Zt, hidden, p);
    for (int i = 0; i < n; i++) {
        float top = p[i];
        for (int k = 1; k < K; k++) top = p[(long)k * n + i] > top ? p[(long)k * n + i] : top;
        double total = 0;
        for (int k = 0; k < K; k++) total += exp(p[(long)k * n + i] - top);
        for (int k = 0; k < K; k++) p[(long)k * n + i] = (float)(exp(p[(long)k * n + i] - top) / total);
    }
}

static double nll_sum(struct probe_net *net, const double *theta) {
    int n = net->n, K = net->K;
    int size = layout_of(net->d, K, net->H).end;
    for (int i = 0; i < size; i++) net->params[i] = (float)theta[i];
    forward(n, net->d, K, net->H, net->params, net->Zt, net->hidden, net->logits);
    double sum = 0;
    for (int i = 0; i < n; i++) sum -= net->logits[(long)net->y[i] * n + i];
    exponentials(n, K, net->logits, net->top, net->total);
    for (int i = 0; i < n; i++) sum += net->top[i] + log(net->total[i]);
    return sum;
}

double probe_net_nll(struct probe_net *net, const double *theta) {
    return nll_sum(net, theta) / net->n;
}

/* grad = product / n + lambda * theta for one weight matrix; returns its share of the penalty. */
static double weights_gradient(const struct probe_net *net, int rows, int cols, const float *delta, const float *input,
                               const double *theta, double *grad) {
    product(rows, cols, net->n, delta, net->n, 1, input, cols, net->grad, cols);
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
    int n = net->n, K = net->K, H = net->H;
    struct layout at = layout_of(net->d, K, H);
    double loss = nll_sum(net, theta) / n;
    for (int k = 0; k < K; k++)
        for (int i = 0; i < n; i++) {
            float *p = net->logits + (long)k * n + i;
            *p = (float)(*p / net->total[i]);
        }
    for (int i = 0; i < n; i++) net->logits[(long)net->y[i] * n + i] -= 1;

    const float *input = net->Z;
    if (H > 0) {
        transpose(H, n, net->hidden, net->hidden_t);
        input = net->hidden_t;
    }
    loss += weights_gradient(net, K, H > 0 ? H : net->d, net->logits, input, theta + at.W, grad + at.W);
    bias_gradient(n, K, net->logits, grad + at.b);
    if (H > 0) {
        product(H, n, K, net->params + at.W, 1, H, net->logits, n, net->d_hidden, n);
        for (long i = 0; i < (long)H * n; i++) net->d_hidden[i] *= 1 - net->hidden[i] * net->hidden[i];
        loss += weights_gradient(net, H, net->d, net->d_hidden, net->Z, theta, grad);
        bias_gradient(n, H, net->d_hidden, grad + at.a);
    }
    for (int i = at.end; i < probe_net_size(net->d, K, H); i++) grad[i] = 0;
    return loss;
}

static lbfgsfloatval_t evaluate(void *instance, const lbfgsfloatval_t *x, lbfgsfloatval_t *g, int n,
                                lbfgsfloatval_t step) {
    (void)n, (void)step;
    return probe_net_loss(instance, x, g);
}

enum status probe_net_fit(struct probe_net *net, double *theta, double C, double tolerance, int max_iterations) {
    net->lambda = 1 / (net->n * C);
    lbfgs_parameter_t parameters;
    lbfgs_parameter_init(&parameters);
    parameters.m = 10;
    parameters.epsilon = tolerance;
    parameters.past = 5;
    parameters.delta = tolerance;
    parameters.max_iterations = max_iterations;
    parameters.max_linesearch = 20;
    double loss = NAN;
    int rc = lbfgs(probe_net_size(net->d, net->K, net->H), theta, &loss, evaluate, NULL, net, &parameters);
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
