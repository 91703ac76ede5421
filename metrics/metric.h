/* Metrics: what is measured on a trained mind, from one set of rollouts.
 *
 * A metric is one function and one row (metrics.def). `measurement` holds what every metric may need; forward passes
 * that several metrics share (the plain greedy rollouts of both sets) are made once by measurement_open. A metric emits
 * rows; what cannot be computed for this mind or task is emitted with status "skip", never left out.
 */
#ifndef SPILLOVER_METRIC_H
#define SPILLOVER_METRIC_H

#include "engine/mind.h"

enum need {
    NEED_REASONING = 1, /* the mind has reasoning positions */
    NEED_RERUN = 2,     /* the task can re-run its program with a step changed */
    NEED_TEXT = 4,
    NEED_LATENT = 8,
    NEED_BEFORE = 16,       /* the mind before pressure is there */
    NEED_READINGS = 32,     /* the measurement's readings are made first (metrics/decode.h) */
    NEED_DICTIONARIES = 64, /* and its dictionaries (metrics/dictionary.h) */
};

/* How much is measured. A metric runs where the measurement goes at least as deep as the metric lies. */
enum metric_depth {
    DEPTH_VERDICT, /* what verdicts and gates need: every mind */
    DEPTH_ARM,     /* and what describes an arm: once, before pressure */
    DEPTH_FULL,    /* everything */
};

struct metric_row {
    const char *metric;
    int version;
    int step, layer;     /* -1: not applicable */
    const char *concept; /* "" or what is read */
    const char *view;    /* "own", "frozen", "" */
    long n;
    double value, lo, hi; /* lo, hi NAN where no interval is given */
    const char *status;   /* "ok", "skip"; a value that is not finite becomes "nonfinite" */
};

struct probe;

/* The same mind before it was pressed, on the same problems: what its reasoning held, and what probes saw in it. */
struct measurement_before {
    struct mind mind;
    struct rollout own_fit, own_test; /* its reasoning; no outputs */
    struct probe *probes; /* of a decode (metrics/decode.h) of that mind on the same problems; NULL: fitted again */
};

struct decode;
struct dictionaries;

struct measurement {
    struct arena *arena; /* metrics rewind what they take */
    const struct mind *mind;
    struct runner *runner;
    const struct problem *fit, *test; /* probes are fitted on fit, everything is measured on test */
    int n_fit, n_test;
    struct rollout own_fit, own_test;  /* greedy rollouts of both */
    struct measurement_before *before; /* NULL: none (an arm) */
    enum metric_depth depth;           /* DEPTH_VERDICT as opened */
    struct decode *decode;             /* readings, made by the first metric that needs them */
    struct dictionaries *dictionaries; /* likewise */
    uint64_t seed;                     /* for donors, random positions, control labels: streams by metric name */
    void (*emit)(void *to, const struct metric_row *row);
    void *to;
};

struct metric {
    const char *name, *summary, *formula, *source;
    int version; /* raised when its values move */
    unsigned needs;
    enum metric_depth depth;
    double lo, hi; /* every finite value lies in [lo, hi]: asserted */
    void (*measure)(const struct metric *self, struct measurement *m);
};

extern const struct metric *const metric_table[];
extern const int metric_settled[]; /* row by row, see metrics.def */
extern const int metric_count;

/* Run the shared rollouts. Everything lives in the arena. Set m->emit and m->to before measurement_run. */
void measurement_open(struct measurement *m, struct arena *a, const struct mind *mind, struct runner *runner,
                      const struct problem *fit, int n_fit, const struct problem *test, int n_test, uint64_t seed);

/* Give the measurement the mind before pressure: its rollouts on both sets. It must have the shape of m->mind. probes may
 * be NULL; else they are those of decode_restore. */
void measurement_set_before(struct measurement *m, const struct mind *before, struct probe *probes);

/* Run every metric of the table that does not lie too deep (or the one named, at any depth); unmet needs become "skip"
 * rows. ST_USAGE: no such metric. */
MUST_USE enum status measurement_run(struct measurement *m, const char *only);

/* Emit one value of `self`: range asserted, non-finite marked; n 0 (nothing to average over) is a "skip" row. */
void metric_emit(const struct metric *self, struct measurement *m, int step, const char *concept, const char *view,
                 long n, double value);

/* A share of items, hits / n, with Wilson's 95 % interval, and a mean over items x[n], with Student's: of this seed's
 * model, items taken as independent. What is said about models in general rests on the spread over seeds. */
void metric_emit_share(const struct metric *self, struct measurement *m, int step, const char *concept,
                       const char *view, long hits, long n);
void metric_emit_mean(const struct metric *self, struct measurement *m, int step, const char *concept, const char *view,
                      const double *x, int n);

/* The same with everything a row may hold: `row` needs step, layer, concept, view, n, value, lo, hi. */
void metric_emit_row(const struct metric *self, struct measurement *m, struct metric_row row);

#endif
