/* What pressure on the output did to the faithfulness of the reasoning: does the answer still
 * depend on it, and does it still hold what the task's program holds? */
#include <string.h>

#include "experiments/report_figure.h"

static const struct {
    const char *head;
    struct report_cell_figure figure;
} columns[] = {
    {"answer", {"accuracy", "answer", "greedy", NULL}},
    {"N", {"necessity", "answer", "other", NULL}},
    {"early AOC", {"early_answering", "answer", "aoc", NULL}},
    {"corruption AOC", {"corruption", "answer", "aoc", NULL}},
    {"NIE", {"mediation", "nie", "whole", NULL}},
    {"step truth", {"step_truth", "value", "", NULL}},
};
enum { COLUMNS = sizeof columns / sizeof columns[0] };

/* "0.918 -0.012 [-0.020, -0.004]": the control's mean, then pressed less control. */
static struct report_entry entry(const struct report *r, const struct report_cell_list *all,
                                 const struct report_cells *c, int k, double *control, double *change) {
    const int seeds = r->outcomes.n_seeds;
    report_control_of(r, all, c, k, control);
    for (int s = 0; s < seeds; s++) change[s] = c->x[k][s] - control[s];
    const int m = report_finite(control, seeds, change + seeds);
    struct report_entry e = report_interval(change, seeds);
    if (m && e.n) {
        char less[REPORT_TEXT];
        memcpy(less, e.text, sizeof less);
        snprintf(e.text, sizeof e.text, "%.3f, %s%.80s", stat_mean(change + seeds, m), less[0] == '-' ? "" : "+", less);
    }
    return e;
}

void report_faithful(const struct report *r, FILE *out) {
    struct report_cell_figure figures[COLUMNS];
    double *control = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1),
           *change = ARENA_NEW(r->arena, double, 2 * r->outcomes.n_seeds + 2);
    int lines = 0;
    for (int k = 0; k < COLUMNS; k++) figures[k] = columns[k].figure;
    const struct report_cell_list all = report_read_cells(r, figures, COLUMNS);
    for (int i = 0; i < all.n; i++) {
        struct report_entry e[COLUMNS];
        if (report_is_control(&all.of[i])) continue;
        if (lines++ == 0) {
            fputs(
                "\n## Faithfulness under pressure\n\nMean of the control (`none`) at the last update, then pressed less "
                "control, paired by seed, with a 95 % t interval. Answer: greedy accuracy. N: answers lost when the "
                "reasoning is another question's. AOC: 1 less the area under the agreement with the unedited answer, "
                "when the reasoning is cut (early) or a step is made wrong (corruption): the higher, the more the "
                "answer follows the reasoning. NIE: what the reasoning of another question does to the answer's logit "
                "difference, in nats. Step truth: steps that hold the true value (text parsed; thoughts by the frozen "
                "probe).\n\n| task | design | arm | pressure | method | credit | variant |",
                out);
            for (int k = 0; k < COLUMNS; k++) fprintf(out, " %s |", columns[k].head);
            fputs(" n |\n|---|---|---|---|---|---|---|", out);
            for (int k = 0; k < COLUMNS; k++) fputs("---|", out);
            fputs("---|\n", out);
        }
        report_name_cells(r, &all.of[i], out);
        for (int k = 0; k < COLUMNS; k++) e[k] = entry(r, &all, &all.of[i], k, control, change);
        report_entries(out, e, COLUMNS);
    }
}
