/* From outcomes and arms to the input of the verdicts, and their tables on the page. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/report_internal.h"
#include "metrics/stat_simulate.h"

static const char *const pressed_concept = "c"; /* the claims speak of `conceal` */

static void note(struct report *r, const char *text) {
    for (int i = 0; i < r->n_notes; i++)
        if (strcmp(r->notes[i], text) == 0) return;
    if (r->n_notes < REPORT_NOTES) r->notes[r->n_notes++] = text;
}

/* The claims speak of text_long: text trained as many updates after the branch as coconut. Where no arm has that name,
 * it is the text arm that was trained longest. */
static void choose_text(struct report *r) {
    long most = -1;
    r->text_arm = "text";
    r->text_part = NULL;
    for (int i = 0; i < r->results->rows; i++) {
        static const char key[] = "arm.updates=";
        const char *at;
        if (strcmp(report_text(r, i, RC_ARM), "text_long") == 0) {
            r->text_arm = "text_long";
            r->text_part = NULL;
            return;
        }
        if (strcmp(report_text(r, i, RC_ARM), "text") != 0) continue;
        if (!(at = strstr(report_text(r, i, RC_VARIANT), key))) continue;
        const long updates = strtol(at + sizeof key - 1, NULL, 10);
        if (updates <= most) continue;
        most = updates;
        r->text_part = arena_printf(r->arena, "%s%ld", key, updates);
    }
}

static const char *arm_name(const struct report *r, int arm) {
    return arm == VARM_TEXT ? r->text_arm : verdict_arm_name(arm);
}

static double *series_room(const struct report *r) {
    return ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
}

static bool any(const double *x, int n) {
    for (int i = 0; i < n; i++)
        if (isfinite(x[i])) return true;
    return false;
}

/* Where arms are compared. */
struct place {
    const char *task, *design; /* NULL: any */
};

static struct place of_design(int design) {
    return (struct place){NULL, verdict_design_name(design)};
}

static const double *arm_series(struct report *r, struct place at, const char *arm, const char *part,
                                const char *metric, const char *concept, const char *view, int step) {
    double *x = series_room(r);
    const struct report_arm_query q = {.task = at.task,
                                       .design = at.design,
                                       .arm = arm,
                                       .variant_part = part,
                                       .metric = metric,
                                       .concept = concept,
                                       .view = view,
                                       .step = step};
    const int arms = report_arm_series(r, &q, x);
    if (arms > 1)
        note(r, arena_printf(r->arena, "%s %s: %d arms match, so its %s is not judged", at.design, arm, arms, metric));
    return arms == 1 && any(x, r->outcomes.n_seeds) ? x : NULL;
}

static const double *spillover(struct report *r, int design, int arm, const char *pressure, const char *method,
                               const char *credit, enum outcome_quantity quantity, enum outcome_level level) {
    double *x = series_room(r);
    struct outcome_query q = {.concept = pressed_concept, .view = "", .quantity = quantity, .level = level};
    q.field[OF_DESIGN] = verdict_design_name(design);
    q.field[OF_ARM] = arm_name(r, arm);
    q.field[OF_PRESSURE] = pressure;
    q.field[OF_METHOD] = method;
    q.field[OF_CREDIT] = credit;
    q.variant_part = arm == VARM_TEXT ? r->text_part : NULL;
    const int groups = outcome_series(&r->outcomes, &q, x);
    if (groups > 1)
        note(r, arena_printf(r->arena, "%s %s %s %s %s: %d variants match, so its %s is not judged",
                             verdict_design_name(design), arm_name(r, arm), pressure, method ? method : "",
                             credit ? credit : "", groups, outcome_quantity_names[quantity]));
    return groups == 1 && any(x, r->outcomes.n_seeds) ? x : NULL;
}

static void base_input(struct report *r, struct place at, struct verdict_base *b) {
    static const char *const floors[FLOOR_COUNT] = {"no_cot", "pause"};
    for (int arm = 0; arm < VARM_COUNT; arm++) {
        const char *part = arm == VARM_TEXT ? r->text_part : NULL, *name = arm_name(r, arm);
        b->accuracy[arm] = arm_series(r, at, name, part, "accuracy", "answer", "greedy", -1);
        b->necessity[arm] = arm_series(r, at, name, part, "necessity", "answer", "other", -1);
    }
    for (int f = 0; f < FLOOR_COUNT; f++) {
        b->floor_y[f] = arm_series(r, at, floors[f], NULL, "accuracy", "answer", "greedy", -1);
        b->floor_c[f] = arm_series(r, at, floors[f], NULL, "accuracy", "report", "greedy", -1);
    }
}

/* 1 where every conceal cell of the seed reached the primary dose, 0 where one did not; NAN where one was not read. */
static const double *reached(struct report *r, int design, int arm) {
    const struct outcomes *o = &r->outcomes;
    double *x = series_room(r);
    for (int s = 0; s < o->n_seeds; s++) {
        int cells = 0, there = 0, unread = 0;
        for (int i = 0; i < o->n; i++) {
            const struct outcome *row = &o->rows[i];
            if (row->quantity != OQ_REACHED || row->seed != o->seeds[s] ||
                strcmp(row->field[OF_PRESSURE], "conceal") != 0 ||
                strcmp(row->field[OF_DESIGN], verdict_design_name(design)) != 0 ||
                strcmp(row->field[OF_ARM], arm_name(r, arm)) != 0 ||
                !outcome_variant_holds(row->field[OF_VARIANT], arm == VARM_TEXT ? r->text_part : NULL))
                continue;
            cells++;
            unread += !isfinite(row->value);
            there += row->value == 1;
        }
        x[s] = cells == 0 || unread ? NAN : there == cells;
    }
    return any(x, o->n_seeds) ? x : NULL;
}

/* The plumbing control: the value farthest from 0 over all its cells of a seed. */
static const double *frozen_mind(struct report *r, int design) {
    const struct outcomes *o = &r->outcomes;
    double *x = series_room(r);
    for (int s = 0; s < o->n_seeds; s++) x[s] = NAN;
    for (int i = 0; i < o->n; i++) {
        const struct outcome *row = &o->rows[i];
        if (row->quantity != OQ_S_F || row->level != OL_END || strcmp(row->field[OF_CREDIT], "frozen_mind") != 0 ||
            strcmp(row->field[OF_DESIGN], verdict_design_name(design)) != 0 || !isfinite(row->value))
            continue;
        for (int s = 0; s < o->n_seeds; s++)
            if (o->seeds[s] == row->seed && !(fabs(x[s]) >= fabs(row->value))) x[s] = row->value;
    }
    return any(x, o->n_seeds) ? x : NULL;
}

/* The monitor that is frozen in this medium. */
static const char *frozen_metric(int arm) {
    return arm == VARM_TEXT ? "m_r_reader" : "m_r_frozen";
}

static void design_input(struct report *r, int design, enum outcome_level level, struct verdict_design *d) {
    static const char *const methods[VMETHOD_COUNT] = {"sft", "rl"}, *const credits[VCREDIT_COUNT] = {"full",
                                                                                                      "targeted"};
    base_input(r, of_design(design), &d->base);
    for (int arm = 0; arm < VARM_COUNT; arm++) {
        const char *part = arm == VARM_TEXT ? r->text_part : NULL, *name = arm_name(r, arm);
        for (int m = 0; m < VMETHOD_COUNT; m++)
            for (int c = 0; c < VCREDIT_COUNT; c++) {
                d->s[arm][m][c] = spillover(r, design, arm, "conceal", methods[m], credits[c], OQ_S_F, level);
                d->s_refit[arm][m][c] = spillover(r, design, arm, "conceal", methods[m], credits[c], OQ_S_R, level);
            }
        d->monitor[arm] =
            arm_series(r, of_design(design), name, part, frozen_metric(arm), pressed_concept, "", REPORT_ANY_STEP);
        d->direct_frozen[arm] = spillover(r, design, arm, "direct", NULL, NULL, OQ_S_F, OL_END);
        d->direct_refit[arm] = spillover(r, design, arm, "direct", NULL, NULL, OQ_S_R, OL_END);
        d->direct_answers[arm] = spillover(r, design, arm, "direct", NULL, NULL, OQ_ANSWER, OL_END);
        d->same_again[arm] = spillover(r, design, arm, "again", "sft", NULL, OQ_S_F, OL_END);
        d->reached[arm] = reached(r, design, arm);
        if (design != VDESIGN_CUE) continue;
        d->cued[arm] =
            arm_series(r, of_design(design), name, part, frozen_metric(arm), pressed_concept, "cued", REPORT_ANY_STEP);
        d->uncued[arm] = d->monitor[arm];
    }
    d->s_random = spillover(r, design, VARM_TEXT, "random", NULL, NULL, OQ_S_F, level == OL_75 ? OL_KL_75 : OL_KL);
    d->frozen_mind = frozen_mind(r, design);
}

/* C3 is judged where a step of the text takes several tokens: only there its best token and the whole step differ. */
static bool bits_differ(const struct report *r, int row) {
    if (strcmp(report_text(r, row, RC_ARM), r->text_arm) != 0 || strcmp(report_text(r, row, RC_METRIC), "bits") != 0 ||
        strcmp(report_text(r, row, RC_VIEW), "step") != 0 || *report_text(r, row, RC_STEP) ||
        !outcome_variant_holds(report_text(r, row, RC_VARIANT), r->text_part))
        return false;
    for (int i = row - 1; i >= 0 && strcmp(report_text(r, i, RC_CELL), report_text(r, row, RC_CELL)) == 0; i--)
        if (strcmp(report_text(r, i, RC_METRIC), "bits") == 0 &&
            strcmp(report_text(r, i, RC_VIEW), "best_position") == 0 && !*report_text(r, i, RC_STEP))
            return strcmp(report_text(r, i, RC_VALUE), report_text(r, row, RC_VALUE)) != 0;
    return false;
}

/* The one task and design of the bits; false where there is none, or several. */
static bool bits_place(struct report *r, struct place *at) {
    int places = 0;
    for (int k = 0; k < r->n_arm_rows; k++) {
        const int i = r->arm_row[k];
        const struct place here = {report_text(r, i, RC_TASK), report_text(r, i, RC_DESIGN)};
        if (!bits_differ(r, i)) continue;
        if (places == 0 || strcmp(here.task, at->task) != 0 || strcmp(here.design, at->design) != 0) {
            places++;
            *at = here;
        }
    }
    if (places > 1) note(r, "bits are measured on more than one task with steps of several tokens: C3 is not judged");
    return places == 1;
}

/* x - y by seed; NULL where either is absent. */
static const double *less(const struct report *r, const double *x, const double *y) {
    if (!x || !y) return NULL;
    double *d = series_room(r);
    for (int s = 0; s < r->outcomes.n_seeds; s++) d[s] = x[s] - y[s];
    return d;
}

/* Bits of a thought, or of the text's best token: the best position of a step, mean over steps. */
static void bits_input(struct report *r, struct verdict_bits *b) {
    struct place at = {0};
    if (!bits_place(r, &at)) return;
    base_input(r, at, &b->base);
    const double *token = arm_series(r, at, r->text_arm, r->text_part, "bits", "joint", "best_position", -1);
    const double *step = arm_series(r, at, r->text_arm, r->text_part, "bits", "joint", "step", -1);
    for (int arm = 0; arm < VARM_COUNT; arm++) {
        if (arm == VARM_TEXT) continue;
        const double *thought = arm_series(r, at, arm_name(r, arm), NULL, "bits", "joint", "best_position", -1);
        b->a[arm] = less(r, thought, token);
        b->b[arm] = less(r, thought, step);
    }
}

void report_judge(struct report *r) {
    struct verdict_bits bits = {0};
    choose_text(r);
    bits_input(r, &bits); /* before pressure: the same at every dose */
    for (int at_dose = 0; at_dose < 2; at_dose++) {
        struct verdict_input in = verdict_input_defaults(r->outcomes.n_seeds);
        const int notes = r->n_notes;
        in.seeds = r->outcomes.seeds;
        in.delta = r->suite->delta;
        in.cauchy_scale = r->suite->prior_scale;
        in.bits = bits;
        for (int d = 0; d < VDESIGN_COUNT; d++) design_input(r, d, at_dose ? OL_75 : OL_END, &in.design[d]);
        verdict_judge(&in, r->arena, at_dose ? &r->verdict_at_dose : &r->verdict);
        if (!at_dose) r->judged = in;
        r->delta = in.delta;
        r->epsilon = in.epsilon;
        if (at_dose) r->n_notes = notes; /* the same ones again */
    }
}

/* The gate before pressure that a seed fails, NULL: none. */
static const struct verdict_gate *failed_before_pressure(struct report *r, long seed) {
    static const enum verdict_gate_id before[] = {GATE_G1, GATE_G2, GATE_G3, GATE_G8, GATE_G1_BITS, GATE_G2_BITS};
    const struct outcomes all = r->outcomes;
    const int notes = r->n_notes;
    r->outcomes.seeds = &seed;
    r->outcomes.n_seeds = 1;
    report_judge(r);
    r->outcomes = all;
    r->n_notes = notes;
    for (size_t i = 0; i < sizeof before / sizeof *before; i++)
        if (r->verdict.gate[before[i]].state == GATE_FAILED) return &r->verdict.gate[before[i]];
    return NULL;
}

static void take_out(struct outcomes *o, long seed) {
    int rows = 0, curves = 0, seeds = 0;
    for (int i = 0; i < o->n; i++)
        if (o->rows[i].seed != seed) o->rows[rows++] = o->rows[i];
    for (int i = 0; i < o->n_curves; i++)
        if (o->curves[i].seed != seed) o->curves[curves++] = o->curves[i];
    for (int i = 0; i < o->n_seeds; i++)
        if (o->seeds[i] != seed) o->seeds[seeds++] = o->seeds[i];
    o->n = rows;
    o->n_curves = curves;
    o->n_seeds = seeds;
}

/* What the gate says, without the seed, which stands in front. */
static const char *why_replaced(const struct report *r, long seed, const struct verdict_gate *gate) {
    const char *number = arena_printf(r->arena, ", seed %ld:", seed), *at = strstr(gate->detail, number);
    const int length = at ? (int)(at - gate->detail) : (int)strlen(gate->detail);
    return arena_printf(r->arena, "%ld: %s, %.*s%s", seed, gate->id, length, gate->detail,
                        at ? at + strlen(number) - 1 : "");
}

void report_replace(struct report *r) {
    for (int i = 0; i < r->suite->n_replaced; i++) {
        const long seed = r->suite->replaced[i];
        bool there = false;
        for (int s = 0; s < r->outcomes.n_seeds; s++) there |= r->outcomes.seeds[s] == seed;
        if (!there) continue;
        const struct verdict_gate *gate = failed_before_pressure(r, seed);
        if (gate && r->n_replaced < REPORT_NOTES) {
            r->replaced[r->n_replaced++] = why_replaced(r, seed, gate);
            take_out(&r->outcomes, seed);
        } else
            note(r, arena_printf(r->arena,
                                 "seed %ld is declared replaced, but no gate failed for it before pressure: it stays",
                                 seed));
    }
}

/* --- the page ----------------------------------------------------------------------------------------------------- */

static void guarded(FILE *out, const struct verdict_table *t, unsigned guards) {
    bool first = true;
    for (int c = 0; c < CLAIM_COUNT; c++) {
        if (!(guards >> c & 1)) continue;
        fprintf(out, "%s%s", first ? "" : " ", t->claim[c].id);
        first = false;
    }
}

void report_gates(const struct report *r, FILE *out) {
    static const char *const words[] = {"not measured", "pass", "**fail**"};
    fprintf(out, "\n## Gates\n\nWhat must hold before a claim means anything. A failed gate makes the claims it guards "
                 "`invalid`, one that was not measured leaves them `undecided`.\n\n"
                 "| gate | threshold | worst value | result | guards |\n|---|---|---|---|---|\n");
    for (int g = 0; g < GATE_COUNT; g++) {
        const struct verdict_gate *gate = &r->verdict.gate[g];
        fprintf(out, "| %s | ", gate->id);
        report_escape(out, gate->rule);
        fputs(" | ", out);
        report_escape(out, gate->detail);
        fprintf(out, " | %s | ", words[gate->state]);
        guarded(out, &r->verdict, gate->guards);
        fputs(" |\n", out);
    }
}

static void number(FILE *out, double x) {
    if (isfinite(x))
        fprintf(out, " %.3g |", x);
    else
        fputs(" - |", out);
}

static void claim_table(const struct verdict_table *t, FILE *out) {
    fprintf(out, "| claim | statement | verdict | why | p | p (Holm) |\n|---|---|---|---|---|---|\n");
    for (int c = 0; c < CLAIM_COUNT; c++) {
        const struct verdict_claim *claim = &t->claim[c];
        fprintf(out, "| %s | ", claim->id);
        report_escape(out, claim->statement);
        fprintf(out, " | **%s** | ", verdict_name(claim->verdict));
        report_escape(out, claim->reason);
        fputs(" |", out);
        number(out, claim->p);
        number(out, claim->p_holm);
        fputc('\n', out);
    }
}

static void part_rows(const struct verdict_claim *claim, FILE *out) {
    for (int i = 0; i < claim->n_parts; i++) {
        const struct verdict_part *part = &claim->part[i];
        for (int k = 0; k < part->n_quantities; k++) {
            const struct verdict_quantity *q = &part->quantity[k];
            if (q->n == 0) continue;
            fprintf(out, "| %s | %s | %s | ", claim->id, part->design < 0 ? "" : verdict_design_name(part->design),
                    part->arm < 0 ? "" : verdict_arm_name(part->arm));
            report_escape(out, q->name);
            fprintf(out, " | %d |", q->n);
            const double numbers[] = {q->mean,      q->t95.lo,    q->t95.hi, q->t90.lo, q->t90.hi,
                                      q->boot_t.lo, q->boot_t.hi, q->iqm,    q->p,      q->detectable};
            for (size_t j = 0; j < sizeof numbers / sizeof numbers[0]; j++) number(out, numbers[j]);
            fprintf(out, " %s |\n", k == 0 ? verdict_name(part->verdict) : "");
        }
    }
}

static bool any_quantity(const struct verdict_table *t) {
    for (int c = 0; c < CLAIM_COUNT; c++)
        for (int i = 0; i < t->claim[c].n_parts; i++)
            for (int k = 0; k < t->claim[c].part[i].n_quantities; k++)
                if (t->claim[c].part[i].quantity[k].n > 0) return true;
    return false;
}

static void posteriors(const struct verdict_claim *claim, FILE *out) {
    for (int i = 0; i < claim->n_parts; i++) {
        const struct verdict_part *part = &claim->part[i];
        if (!isfinite(part->posterior[0].probability)) continue;
        fprintf(out, "Posterior of C2, %s %s: %.3g (prior scale halved %.3g, doubled %.3g).\n\n",
                verdict_design_name(part->design), verdict_arm_name(part->arm), part->posterior[0].probability,
                part->posterior[1].probability, part->posterior[2].probability);
    }
}

static double mean_updates(const struct report *r, const char *arm, const char *part) {
    double *x = series_room(r), *y = series_room(r);
    const struct report_arm_query q = {
        .arm = arm, .variant_part = part, .metric = "updates", .concept = "", .view = "", .step = -1};
    report_arm_series(r, &q, x);
    return stat_mean(y, report_finite(x, r->outcomes.n_seeds, y));
}

/* What a reader must know before the table. */
static void say_limits(const struct report *r, FILE *out) {
    const double text = mean_updates(r, r->text_arm, r->text_part), coconut = mean_updates(r, "coconut", NULL);
    fprintf(out, "text_long is here the arm `%s`%s%s%s", r->text_arm, r->text_part ? " with `" : "",
            r->text_part ? r->text_part : "", r->text_part ? "`" : "");
    if (isfinite(text) && isfinite(coconut))
        fprintf(out, ", trained %.0f updates after the branch (coconut: %.0f)%s", text, coconut,
                text < .9 * coconut ? ": **fewer than the claims ask for**" : "");
    fprintf(out, ".\n\n");
    if (r->outcomes.n_seeds < VERDICT_SEEDS_MIN)
        fprintf(out,
                "**n = %d, fewer than the %d seeds of a verdict: a claim that is not `invalid` is `undecided`.**\n\n",
                r->outcomes.n_seeds, VERDICT_SEEDS_MIN);
}

/* What the numbers above would be worth if the seeds were not normal: leaks come in groups of seeds. */
static void simulated(const struct report *r, FILE *out) {
    enum { SETS = 10000 };
    fprintf(
        out,
        "\n### What intervals and tests are worth at n = %d\n\n%d simulated data sets of each shape, of known mean: "
        "shares of the 95 %% and 90 %% t intervals, of the bootstrap-t and of the percentile bootstrap that hold it; "
        "TOST at .05 that calls equivalent what lies at the bound; sign-flip p < .05 without an effect, and any of "
        "five after Holm. Skewed: exponential; trimodal: half of the seeds near one value, a quarter each near two "
        "others.\n\n"
        "| shape | t, 95 %% | t, 90 %% | bootstrap-t | percentile | TOST | sign-flip | Holm |\n"
        "|---|---|---|---|---|---|---|---|\n",
        r->outcomes.n_seeds, SETS);
    for (int shape = 0; shape < STAT_SHAPES; shape++) {
        const struct stat_simulated s = stat_simulate(shape, r->outcomes.n_seeds, SETS, 1, r->arena);
        fprintf(out, "| %s | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f | %.3f |\n", stat_shape_names[shape], s.t95, s.t90,
                s.boot_t, s.percentile, s.equivalent, s.sign_flip, s.holm);
    }
}

void report_verdicts(const struct report *r, FILE *out) {
    fprintf(out,
            "\n## Verdicts\n\nAt the last update N. A verdict needs %d seeds, and both designs and both latent "
            "arms to agree. ",
            VERDICT_SEEDS_MIN);
    say_limits(r, out);
    claim_table(&r->verdict, out);
    for (int i = 0; i < r->n_notes; i++) {
        fputs(i ? "- " : "\n- ", out);
        report_escape(out, r->notes[i]);
        fputc('\n', out);
    }
    if (!any_quantity(&r->verdict)) return;
    fprintf(
        out,
        "\nWhat the rules looked at (δ = %g, ε = %g bits). L, U: the 95 %% t interval; beside it, deciding nothing, "
        "that of the bootstrap-t, which bends with skewed seeds. \"Seen from\": the smallest mean that so many "
        "seeds would show (two-sided .05, power .8).\n\n",
        r->delta, r->epsilon);
    fprintf(out,
            "| claim | design | arm | quantity | n | mean | L | U | L90 | U90 | L boot | U boot | IQM | p | seen from "
            "| part |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n");
    for (int c = 0; c < CLAIM_COUNT; c++) part_rows(&r->verdict.claim[c], out);
    fputc('\n', out);
    posteriors(&r->verdict.claim[CLAIM_C2], out);
    fprintf(out,
            "The same rules at the first crossing of D* = 0.75 (S_random: at the KL that `conceal` has there), which "
            "decides nothing:\n\n");
    claim_table(&r->verdict_at_dose, out);
    report_paths(r, out);
    if (r->outcomes.n_seeds >= VERDICT_SEEDS_MIN) simulated(r, out);
}
