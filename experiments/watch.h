/* Watching a model: the monitors of a pressure, before and during it.
 *
 * A watch belongs to one pressure. Its questions are drawn once and its frozen probe F is fitted once, on the arm before
 * any pressure; watch_light reads M_out, the exact reader and F; watch_refit fits the probe again on
 * what the model thinks now (R) with the same standardisation, the same C, and the same class. R is fitted at every
 * position of the reasoning and the best by a held-out part of its fitting set counts: a fact that merely moved to
 * another step is still readable.
 *
 * "marked" (the questions), "fit" and "test" (what probes are fitted and judged on) are independent draws: "fit" of
 * TASK_FIT, the others of TASK_EVAL. On a finite set of questions (gsm8k, gsm8k_bpe) they share no template with what is
 * trained or pressed on, nor "fit" with the others; within a draw, and in "marked" and "test", a question may come twice.
 * Generated tasks keep no list: a question is drawn for two ends by chance alone, rarely among many programs (chain of
 * modulus 11: 19^8 = 1.7e10, from 121 starts), more often where there are fewer; easy ones are drawn for training only.
 */
#ifndef SPILLOVER_WATCH_H
#define SPILLOVER_WATCH_H

#include "engine/mind.h"
#include "experiments/cell.h"
#include "experiments/pressure.h"
#include "metrics/probe.h"

struct watch {
    const struct pressure *pressure;
    const struct pressure *output; /* whose m_out and hit are read: pressure, unless a control has its own */
    struct monitor monitor;
    struct problem *marked; /* [questions] */
    int n_marked, n_fit,
        n_test;           /* questions, probe_train, probe_test: the last two are drawn anew when they are read */
    enum medium medium;   /* what F was fitted on: it means nothing in another medium */
    int positions;        /* reasoning positions of the mind */
    struct probe *frozen; /* [positions] F */
    int frozen_at;        /* the position whose F reads best on held-out fitting items */
    uint64_t seed;
};

/* One reading. NAN where a medium or pressure has no such monitor. */
struct reading {
    double m_out, hit;     /* dose monitor; share of greedy outputs that do as the pressure asks */
    double answer, report; /* greedy accuracies beside them */
    double reader, frozen; /* M_R: exact reader (text), F */
};

/* Draw the questions. */
void watch_open(struct watch *w, struct arena *a, const struct pressure *p, const struct task_ctx *task,
                const struct measure_options *o, long seed);

/* Fit F on a mind as it is now; the probes live in the arena. */
MUST_USE enum status watch_freeze(struct watch *w, struct arena *a, const struct mind *m, struct runner *runner);

/* F travels with its arm: probes of a watch as tensors "<pressure>.<position>" of a checkpoint file. */
struct checkpoint;
MUST_USE enum status watch_store(const struct watch *w, int n_watches, struct arena *a, const char *path);
MUST_USE enum status watch_restore(struct watch *w, struct arena *a, const struct checkpoint *file,
                                   const struct mind *m);

void watch_light(const struct watch *w, struct arena *scratch, const struct mind *m, struct runner *runner,
                 struct reading *out);

/* What each marked question showed: did the mind do all that the task asks on it (pressure.task_reward, in full; under a
 * control whose own target spoils the report, the answer alone), in a form in which the pressure counts it; and did the
 * exact reader and F see the fact in its reasoning? Cells of a pair have the same marked questions in the same order, so
 * the spillover on questions where control and pressed both behave can be worked out from two cells' items. */
struct watch_items {
    int n;
    bool has_reader, has_frozen;
    unsigned char *behaves, *reader, *frozen; /* [n] 0 or 1 */
};
void watch_items_open(struct watch_items *items, struct arena *a, const struct watch *w);
void watch_behaviour(const struct watch *w, struct arena *scratch, const struct mind *m, struct runner *runner,
                     struct watch_items *items);

/* Accuracy of the refitted probe on test questions, per position in by_position [positions], and of F on the same
 * questions in *frozen. */
MUST_USE enum status watch_refit(const struct watch *w, const struct mind *m, struct runner *runner, double *refit,
                                 double *frozen, double *by_position);

#endif
