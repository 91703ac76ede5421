/* The primary outcome beside the verdicts: an arm that holds a text mode and a latent mode in one
 * set of weights is pressed in its thoughts and read in both. What differs between the two is the medium alone. */
#include <math.h>
#include <string.h>

#include "experiments/report_internal.h"

/* The first row of a series that was pressed in thoughts and read as text. */
static bool begins_reading(const struct outcome *a) {
    return a->quantity == OQ_S_F && a->level == OL_END && strcmp(a->view, "text_mode") == 0 &&
           strcmp(a->field[OF_PRESSURE], "none") != 0 && strcmp(a->field[OF_PRESSURE], "again") != 0;
}

/* The same cells, read in their own medium. */
static void in_thoughts(const struct report *r, const struct outcome *a, enum outcome_quantity quantity, double *x) {
    struct outcome_query q = {.concept = a->concept, .view = "", .quantity = quantity, .level = OL_END};
    memcpy(q.field, a->field, sizeof q.field);
    outcome_series(&r->outcomes, &q, x);
}

static void line(const struct report *r, const struct outcome *a, const double *text, double *const room[3],
                 FILE *out) {
    static const enum outcome_field names[] = {OF_TASK, OF_DESIGN, OF_ARM, OF_PRESSURE, OF_METHOD, OF_CREDIT};
    const int seeds = r->outcomes.n_seeds;
    double *frozen = room[0], *refit = room[1], *difference = room[2];
    struct report_entry e[4];
    in_thoughts(r, a, OQ_S_F, frozen);
    in_thoughts(r, a, OQ_S_R, refit);
    for (int s = 0; s < seeds; s++) difference[s] = text[s] - frozen[s];
    fputs("| ", out);
    for (size_t f = 0; f < sizeof names / sizeof *names; f++) {
        report_escape(out, a->field[names[f]]);
        fputs(names[f] == OF_ARM && report_arm_fails(r, a->field) ? " ✗ | " : " | ", out);
    }
    report_escape(out, report_cell_settings(r, a->field));
    fputs(" | ", out);
    report_escape(out, a->concept);
    fputs(" |", out);
    const double *const columns[] = {frozen, refit, text, difference};
    for (int c = 0; c < 4; c++) e[c] = report_interval(columns[c], seeds);
    report_entries(out, e, 4);
}

void report_two_media(const struct report *r, FILE *out) {
    const struct outcomes *o = &r->outcomes;
    double *x = ARENA_NEW(r->arena, double, o->n_seeds + 1), *room[3];
    int lines = 0;
    for (int k = 0; k < 3; k++) room[k] = ARENA_NEW(r->arena, double, o->n_seeds + 1);
    fprintf(
        out,
        "\n## One set of weights, two media\n\nThe primary outcome beside the verdicts: an arm with a text mode is "
        "pressed in its thoughts and read in both modes at the last update. Text − thoughts is paired by seed; where it "
        "is above 0, the same weights lost more of the fact as text than as thoughts. %s\n\n",
        report_fails_note);
    for (int i = 0, j; i < o->n; i = j) {
        const struct outcome *a = &o->rows[i];
        j = report_outcome_seeds(o, i, x);
        if (!begins_reading(a)) continue;
        if (lines++ == 0)
            fputs(
                "| task | design | arm | pressure | method | credit | variant | concept | S^F thoughts | S^R thoughts | S^F read "
                "as text | text − thoughts | n |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n",
                out);
        line(r, a, x, room, out);
    }
    if (lines == 0) fputs("No arm of this suite has both modes.\n", out);
}
