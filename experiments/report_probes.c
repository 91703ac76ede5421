/* What the probes for c are worth before pressure: each beside what can be read without the reasoning, or without training. */
#include <math.h>
#include <string.h>

#include "engine/base/csv.h"
#include "experiments/report_internal.h"

enum { MOST_STEPS = 64 };

/* Every figure is taken at one step of the arm. `text`: the view that stands in where the reasoning is text. */
static const struct {
    const char *head, *metric, *view, *text;
} columns[] = {
    {"read", "read_accuracy", "u", "u"},
    {"lens; reader", "read_accuracy", "lens", "reader"},
    {"untrained", "read_accuracy", "untrained", "untrained"},
    {"inputs", "read_accuracy", "inputs", "inputs"},
    {"answer alone", "read_accuracy", "answer_only", "answer_only"},
    {"shuffled", "read_accuracy", "shuffled", "shuffled"},
    {"AUROC", "read_auroc", "u", "u"},
    {"selectivity", "selectivity", "u", "u"},
    {"bits", "v_information", "u", "u"},
    {"MDL", "mdl_compression", "u", "u"},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

/* The step at which c is read best, mean over seeds; -1: no probe for c was asked. */
static int best_step(const struct report *r, const struct report_arm *a) {
    double sum[MOST_STEPS] = {0};
    int n[MOST_STEPS] = {0}, best = -1;
    for (int k = 0; k < r->n_arm_rows; k++) {
        const int i = r->arm_row[k];
        double step, seed, value;
        if (strcmp(report_text(r, i, RC_METRIC), "read_accuracy") != 0 ||
            strcmp(report_text(r, i, RC_VIEW), "u") != 0 || strcmp(report_text(r, i, RC_CONCEPT), "c") != 0 ||
            strcmp(report_text(r, i, RC_STATUS), "ok") != 0)
            continue;
        const struct report_arm here = report_arm_of(r, i);
        if (!report_same_arm(a, &here) || csv_number(r->results, i, r->column[RC_STEP], &step) ||
            csv_number(r->results, i, r->column[RC_SEED], &seed) ||
            csv_number(r->results, i, r->column[RC_VALUE], &value) || step < 0 || step >= MOST_STEPS ||
            report_seed_index(r, (long)seed) < 0)
            continue;
        sum[(int)step] += value;
        n[(int)step]++;
    }
    for (int s = 0; s < MOST_STEPS; s++)
        if (n[s] && (best < 0 || sum[s] * n[best] > sum[best] * n[s])) best = s;
    return best;
}

static void line(const struct report *r, const struct report_arm *a, int step, double *x, FILE *out) {
    struct report_entry e[COLUMNS];
    for (int c = 0; c < COLUMNS; c++) {
        struct report_arm_query q = report_query_of(a);
        q.metric = columns[c].metric;
        q.concept = "c";
        q.view = a->medium == MEDIUM_TEXT ? columns[c].text : columns[c].view;
        q.step = step;
        report_arm_series(r, &q, x);
        e[c] = report_interval(x, r->outcomes.n_seeds);
    }
    report_name_arm(r, a, out);
    fprintf(out, " %d |", step + 1);
    report_entries(out, e, COLUMNS);
}

void report_probes(const struct report *r, const struct report_arm *list, int n, FILE *out) {
    double *x = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    bool any = false;
    for (int i = 0; i < n; i++) {
        const int step = best_step(r, &list[i]);
        if (step < 0) continue;
        if (!any) {
            fprintf(
                out,
                "\n### Probes for c, beside their baselines\n\nAt the step where c is read best: held-out accuracy of "
                "the probe on what is fed back, and of the logit lens (text: the exact reader). Beside it the same "
                "probe on an untrained model's states (of text: given the same tokens), on the mean input embedding "
                "of the question, on the stated answer alone, and with shuffled labels: what they read, the reasoning "
                "need not hold. AUROC; selectivity: accuracy less that on control labels; bits: usable information; "
                "MDL: how much shorter the labels are sent when the vectors are known (1: not at "
                "all).\n\n| task | design | arm | variant | step |");
            for (int c = 0; c < COLUMNS; c++) fprintf(out, " %s |", columns[c].head);
            fputs(" n |\n|---|---|---|---|---|", out);
            for (int c = 0; c < COLUMNS; c++) fputs("---|", out);
            fputs("---|\n", out);
        }
        any = true;
        line(r, &list[i], step, x, out);
    }
}
