/* What pressure on the output did to the faithfulness of the reasoning (science.md, section 4): does the answer still
 * depend on it, and does it still hold what the task's program holds? */
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
static int column(const struct report *r, const struct report_cell_list *all, const struct report_cells *c, int k,
                  double *control, double *change, FILE *out) {
    char text[REPORT_TEXT];
    const int seeds = r->outcomes.n_seeds;
    int n;
    report_control_of(r, all, c, k, control);
    for (int s = 0; s < seeds; s++) change[s] = c->x[k][s] - control[s];
    const int m = report_finite(control, seeds, change + seeds);
    report_interval(change, seeds, text, &n);
    if (m && n)
        fprintf(out, " %.3f, %s%s |", stat_mean(change + seeds, m), text[0] == '-' ? "" : "+", text);
    else
        fputs(" - |", out);
    return n;
}

void report_faithful(const struct report *r, FILE *out) {
    struct report_cell_figure figures[COLUMNS];
    double *control = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1),
           *change = ARENA_NEW(r->arena, double, 2 * r->outcomes.n_seeds + 2);
    int lines = 0;
    for (int k = 0; k < COLUMNS; k++) figures[k] = columns[k].figure;
    const struct report_cell_list all = report_read_cells(r, figures, COLUMNS);
    for (int i = 0; i < all.n; i++) {
        int most = 0;
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
        for (int k = 0; k < COLUMNS; k++) {
            const int n = column(r, &all, &all.of[i], k, control, change, out);
            if (n > most) most = n;
        }
        fprintf(out, " %d |\n", most);
    }
}
