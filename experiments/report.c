#include "experiments/report.h"

#include <math.h>
#include <string.h>

#include "engine/base/fs.h"
#include "experiments/manifest.h"
#include "experiments/merge.h"
#include "experiments/pressure.h"
#include "experiments/report_internal.h"

static const char *const column_names[] = {[RC_CELL] = "cell",
                                           [RC_DESIGN] = "design",
                                           [RC_ARM] = "arm",
                                           [RC_VARIANT] = "variant",
                                           [RC_PRESSURE] = "pressure",
                                           [RC_METHOD] = "method",
                                           [RC_CREDIT] = "credit",
                                           [RC_UPDATE] = "update",
                                           [RC_SEED] = "seed",
                                           [RC_STEP] = "step",
                                           [RC_LAYER] = "layer",
                                           [RC_CONCEPT] = "concept",
                                           [RC_VIEW] = "view",
                                           [RC_METRIC] = "metric",
                                           [RC_VALUE] = "value",
                                           [RC_STATUS] = "status",
                                           [RC_TASK] = "task",
                                           [RC_SIZE] = "size",
                                           [RC_BASE_STEPS] = "base_steps",
                                           [RC_RHO] = "rho"};

const char *report_text(const struct report *r, int row, enum report_column c) {
    return csv_cell(r->results, row, r->column[c]);
}

bool report_new_cell(const struct report *r, int row) {
    return row == 0 || strcmp(report_text(r, row, RC_CELL), report_text(r, row - 1, RC_CELL)) != 0;
}

/* --- chance levels ------------------------------------------------------------------------------------------------ */

/* results.csv does not hold every setting: the plan of the suite that the cell belongs to does, once the settings that
 * vary among cells named alike ("section.key=value;...") are put into it. */
static bool config_of_row(const struct report *r, int row, struct config *c) {
    const struct suite *s = r->suite;
    const struct config *best = NULL;
    const char *pressure = report_text(r, row, RC_PRESSURE); /* "" for an arm */
    for (int i = 0; i < s->n_plans && !best; i++) {
        const struct config *plan = &s->plans[i].config;
        char design[CONFIG_TEXT], method[CONFIG_TEXT];
        config_text(plan, config_find("task", "design"), design);
        config_text(plan, config_find("press", "method"), method);
        if (strcmp(plan->task_name, report_text(r, row, RC_TASK)) == 0 &&
            strcmp(design, report_text(r, row, RC_DESIGN)) == 0 && plan->arm.name &&
            strcmp(plan->arm.name, report_text(r, row, RC_ARM)) == 0 &&
            (!*pressure || (plan->press.pressure && strcmp(plan->press.pressure, pressure) == 0 &&
                            strcmp(method, report_text(r, row, RC_METHOD)) == 0)))
            best = plan;
    }
    if (!best) return false;
    *c = *best;
    for (char *part = arena_strdup(r->arena, report_text(r, row, RC_VARIANT)), *save;
         (part = strtok_r(part, ";", &save)); part = NULL) {
        char *dot = strchr(part, '.'), *equals = strchr(part, '=');
        if (!dot || !equals || dot > equals) return false;
        *dot = *equals = '\0';
        const struct config_key *key = config_find(part, dot + 1);
        if (!key || config_set(c, key, equals + 1) != ST_OK) return false;
    }
    return true;
}

struct outcome_chance report_chance(const struct report *r, int row, const char *concept) {
    struct outcome_chance chance = {.out = NAN, .probe = NAN};
    struct arena_mark mark = arena_mark(r->arena);
    struct config c;
    struct task_ctx task;
    if (config_of_row(r, row, &c) && task_open(&task, c.task_name, &c.task, r->arena) == ST_OK)
        for (int i = 0; i < pressure_count; i++) {
            const struct pressure *p = pressure_table[i];
            if (!p->monitor || p->presses_reasoning || !p->applies(&task)) continue;
            const struct monitor m = p->monitor(&task);
            if (strcmp(m.concept, concept) != 0) continue;
            chance = (struct outcome_chance){.out = p->chance_out, .probe = 1.0 / m.n_classes};
            break;
        }
    arena_rewind(r->arena, mark);
    return chance;
}

static struct outcome_chance chance_of(void *with, const struct csv_table *results, int row, const char *concept) {
    (void)results;
    return report_chance(with, row, concept);
}

/* --- shared helpers ----------------------------------------------------------------------------------------------- */

int report_finite(const double *x, int n, double *y) {
    int m = 0;
    for (int i = 0; i < n; i++)
        if (isfinite(x[i])) y[m++] = x[i];
    return m;
}

struct report_entry report_interval(const double *x, int n) {
    double y[1024] = {0};
    struct report_entry e = {.n = report_finite(x, n < 1024 ? n : 1024, y)};
    const struct stat_interval t = stat_t_interval(y, e.n, .95);
    const double mean = fabs(stat_mean(y, e.n)) < .0005 ? 0.0 : stat_mean(y, e.n); /* no "-0.000" */
    if (e.n == 0)
        snprintf(e.text, sizeof e.text, "-");
    else if (e.n == 1)
        snprintf(e.text, sizeof e.text, "%.3f", mean);
    else
        snprintf(e.text, sizeof e.text, "%.3f [%.3f, %.3f]", mean, t.lo, t.hi);
    return e;
}

void report_entries(FILE *out, const struct report_entry *e, int k) {
    int most = 0;
    for (int i = 0; i < k; i++)
        if (e[i].n > most) most = e[i].n;
    for (int i = 0; i < k; i++) {
        fprintf(out, " %s", e[i].text);
        if (e[i].n > 0 && e[i].n < most) fprintf(out, " (n %d)", e[i].n);
        fputs(" |", out);
    }
    fprintf(out, " %d |\n", most);
}

void report_escape(FILE *out, const char *text) {
    for (; *text; text++) {
        const unsigned char c = (unsigned char)*text;
        if (c == '<' || c == '&')
            fputs(c == '<' ? "&lt;" : "&amp;", out);
        else if (strchr("|\\`*[]", c))
            fprintf(out, "\\%c", c);
        else
            fputc(c < ' ' ? ' ' : c, out);
    }
}

int report_seed_index(const struct report *r, long seed) {
    for (int s = 0; s < r->outcomes.n_seeds; s++)
        if (r->outcomes.seeds[s] == seed) return s;
    return -1;
}

static bool same(const char *want, const char *is) {
    return !want || strcmp(want, is) == 0;
}

int report_arm_series(const struct report *r, const struct report_arm_query *q, double *x) {
    int arms = 0, last = -1;
    for (int s = 0; s < r->outcomes.n_seeds; s++) x[s] = NAN;
    for (int k = 0; k < r->n_arm_rows; k++) {
        const int i = r->arm_row[k];
        double seed, value, step = -1;
        if (!same(q->arm, report_text(r, i, RC_ARM)) || !same(q->metric, report_text(r, i, RC_METRIC)) ||
            !same(q->concept, report_text(r, i, RC_CONCEPT)) || !same(q->view, report_text(r, i, RC_VIEW)) ||
            !same(q->design, report_text(r, i, RC_DESIGN)) || !same(q->task, report_text(r, i, RC_TASK)) ||
            !same(q->variant, report_text(r, i, RC_VARIANT)) || !same(q->size, report_text(r, i, RC_SIZE)) ||
            !same(q->base_steps, report_text(r, i, RC_BASE_STEPS)) || !same(q->rho, report_text(r, i, RC_RHO)) ||
            !outcome_variant_holds(report_text(r, i, RC_VARIANT), q->variant_part) ||
            strcmp(report_text(r, i, RC_STATUS), "ok") != 0 || (!q->arm && !*report_text(r, i, RC_ARM)))
            continue;
        if (*report_text(r, i, RC_STEP) && csv_number(r->results, i, r->column[RC_STEP], &step)) continue;
        if (q->step != (int)step && q->step != REPORT_ANY_STEP) continue;
        if (csv_number(r->results, i, r->column[RC_SEED], &seed) ||
            csv_number(r->results, i, r->column[RC_VALUE], &value))
            continue;
        bool new_arm = last < 0;
        for (enum report_column c = RC_DESIGN; c <= RC_RHO && !new_arm; c++)
            new_arm = strcmp(report_text(r, i, c), report_text(r, last, c)) != 0;
        if (!new_arm) new_arm = strcmp(report_text(r, i, RC_TASK), report_text(r, last, RC_TASK)) != 0;
        arms += new_arm;
        last = i;
        for (int s = 0; s < r->outcomes.n_seeds && arms == 1; s++)
            if ((double)r->outcomes.seeds[s] == seed) x[s] = value;
    }
    return arms;
}

/* --- the page ----------------------------------------------------------------------------------------------------- */

static void count_cells(const struct report *r, int *whole, int *skipped, int *replaced, int *absent) {
    *whole = *skipped = *replaced = *absent = 0;
    for (int i = 0; i < r->results->rows; i++) {
        if (!report_new_cell(r, i)) continue;
        if (strcmp(report_text(r, i, RC_METRIC), "cell") != 0)
            ++*whole;
        else if (strcmp(report_text(r, i, RC_STATUS), "skip") == 0)
            ++*skipped;
        else if (strcmp(report_text(r, i, RC_STATUS), "replaced") == 0)
            ++*replaced;
        else
            ++*absent;
    }
}

static void write_head(const struct report *r, FILE *out) {
    int whole, skipped, replaced, absent;
    count_cells(r, &whole, &skipped, &replaced, &absent);
    fputs("# ", out);
    report_escape(out, r->suite->name);
    fputs("\n\n", out);
    report_escape(out, r->suite->about ? r->suite->about : "");
    fprintf(
        out,
        "\n\nThis page says what happened to the reasoning of each arm when its *output* was put under pressure. It "
        "is computed from `results.csv`; every number behind it stands in `outcomes.csv`, what was run in "
        "`manifest.json`.\n\n");
    fprintf(out, "%d cells are whole, %d do not exist by design, ", whole, skipped);
    if (replaced) fprintf(out, "%d of replaced seeds were not pressed, ", replaced);
    fprintf(out, "%d are missing. Seeds:", absent);
    for (int i = 0; i < r->outcomes.n_seeds; i++) fprintf(out, " %ld", r->outcomes.seeds[i]);
    fprintf(out,
            ". Smallest effect that matters: δ = %g. The unit is the seed: means and 95 %% t intervals are over "
            "seeds.\n\n",
            r->delta);
    fprintf(
        out,
        "**Words.** Dose D: how far the output monitor fell, 0 to 1, against the control (`none`) of the same seed "
        "at the same update. Spillover S: how far the reasoning became less readable; S^F by monitors fixed before "
        "the pressure (text: the exact reader; thoughts: a frozen probe), S^R by a probe fitted again. D* = 0.75 is "
        "the primary dose; N is the last update. `skip` means that a number could not be had without "
        "extrapolating.\n");
}

static void write_replaced(const struct report *r, FILE *out) {
    for (int i = 0; i < r->n_replaced; i++) {
        fputs("\n**Replaced.** Seed ", out);
        report_escape(out, r->replaced[i]);
        fputs(". A gate had failed before any pressure: it is not judged, and no table below holds it; its rows stay "
              "in `results.csv`.\n",
              out);
    }
}

/* Hypotheses, thresholds and cells are those that stood there before any result. */
static enum status write_frozen(const struct report *r, FILE *out) {
    const char *manifest = arena_printf(r->arena, "%s/manifest.json", r->dir);
    enum manifest_change change = MANIFEST_SAME;
    if (!r->suite->text || !fs_exists(manifest)) return ST_OK;
    TRY(manifest_changed(manifest, r->suite, &change));
    if (change == MANIFEST_SEEDS)
        fputs(
            "\n**Seeds changed after data.** Which seeds the suite has, or which of them are replaced, is not what stood "
            "there when its first cell ran; nothing else has changed since. That text is kept in `manifest.json`, under "
            "`frozen`.\n",
            out);
    if (change == MANIFEST_OTHER)
        fputs("\n**Changed after data.** The text of the suite is not the one that stood when its first cell ran; that "
              "one is kept in `manifest.json`, under `frozen`.\n",
              out);
    return ST_OK;
}

static enum status write_page(struct report *r) {
    struct fs_file file;
    TRY(fs_create(&file, arena_printf(r->arena, "%s/report.md", r->dir)));
    write_head(r, file.stream);
    write_replaced(r, file.stream);
    enum status st = write_frozen(r, file.stream);
    report_gates(r, file.stream);
    report_verdicts(r, file.stream);
    report_two_media(r, file.stream);
    report_moderation(r, file.stream);
    report_arms(r, file.stream);
    report_faithful(r, file.stream);
    report_distance(r, file.stream);
    report_outcomes(r, file.stream);
    if (st == ST_OK) st = report_figures(r, file.stream);
    report_skipped(r, file.stream);
    if (st == ST_OK) st = report_cost(r, file.stream);
    if (st != ST_OK) {
        fs_discard(&file);
        return st;
    }
    return fs_commit(&file);
}

static void find_arm_rows(struct report *r) {
    int *row = ARENA_NEW(r->arena, int, r->results->rows + 1);
    r->arm_row = row;
    for (int i = 0; i < r->results->rows; i++)
        if (!*report_text(r, i, RC_PRESSURE)) row[r->n_arm_rows++] = i;
    for (int k = 1; k < r->n_arm_rows; k++)
        for (enum report_column c = RC_SIZE; c <= RC_RHO; c++)
            r->varies[c] |= strcmp(report_text(r, row[k], c), report_text(r, row[0], c)) != 0;
}

/* More than one value among the pressed cells: then a name must say which. A lambda of 0 is a control's, whose name says
 * so already. */
static void find_named(struct report *r) {
    const struct outcomes *o = &r->outcomes;
    for (int f = 0; f < OF_FIELDS; f++) {
        const char *first = NULL;
        for (int i = 0; i < o->n && !r->named[f]; i++) {
            const char *value = o->rows[i].field[f];
            if (f == OF_LAMBDA && strcmp(value, "0") == 0) continue;
            if (!first) first = value;
            r->named[f] = strcmp(value, first) != 0;
        }
    }
}

static enum status open_report(struct report *r) {
    struct csv_table *results;
    const struct outcome_chances chances = {.of = chance_of, .with = r};
    TRY(merge_read(r->arena, arena_printf(r->arena, "%s/results.csv", r->dir), merge_columns, &results));
    r->results = results;
    for (enum report_column c = RC_CELL; c <= RC_TASK; c++) r->column[c] = csv_column(results, column_names[c]);
    find_arm_rows(r);
    TRY(outcome_build(&r->outcomes, results, &chances, r->arena));
    TRY(outcome_store(&r->outcomes, r->suite->name, arena_printf(r->arena, "%s/outcomes.csv", r->dir)));
    report_replace(r);
    report_list_arms(r);
    find_named(r);
    report_judge(r);
    return ST_OK;
}

static void write_summary(const struct report *r, FILE *out) {
    int failed = 0, unmeasured = 0;
    for (int g = 0; g < GATE_COUNT; g++) {
        failed += r->verdict.gate[g].state == GATE_FAILED;
        unmeasured += r->verdict.gate[g].state == GATE_UNMEASURED;
    }
    report_summary_lines(r, out);
    fprintf(out, "gates: %d passed, %d failed, %d not measured;", GATE_COUNT - failed - unmeasured, failed, unmeasured);
    for (int c = 0; c < CLAIM_COUNT; c++)
        fprintf(out, " %s %s%s", r->verdict.claim[c].id, verdict_name(r->verdict.claim[c].verdict),
                c + 1 < CLAIM_COUNT ? "," : "\n");
    if (isfinite(r->core_seconds)) fprintf(out, "cost: %.1f core-seconds\n", r->core_seconds);
}

static json_t *number_or_null(double x) {
    return isfinite(x) ? json_real(x) : json_null();
}

static void fill_json(const struct report *r, json_t *to) {
    static const char *const states[] = {"not measured", "passed", "failed"};
    json_t *gates = json_array(), *claims = json_array(), *seeds = json_array();
    for (int g = 0; g < GATE_COUNT; g++) {
        const struct verdict_gate *gate = &r->verdict.gate[g];
        json_array_append_new(gates, json_pack("{s:s, s:s, s:s, s:s}", "id", gate->id, "rule", gate->rule, "state",
                                               states[gate->state], "worst", gate->detail));
    }
    for (int c = 0; c < CLAIM_COUNT; c++) {
        const struct verdict_claim *claim = &r->verdict.claim[c];
        json_array_append_new(claims, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "id", claim->id, "statement",
                                                claim->statement, "verdict", verdict_name(claim->verdict), "reason",
                                                claim->reason, "p", number_or_null(claim->p), "p_holm",
                                                number_or_null(claim->p_holm)));
    }
    for (int i = 0; i < r->outcomes.n_seeds; i++) json_array_append_new(seeds, json_integer(r->outcomes.seeds[i]));
    json_object_set_new(to, "suite", json_string(r->suite->name));
    json_object_set_new(to, "report", json_sprintf("%s/report.md", r->dir));
    json_object_set_new(to, "seeds", seeds);
    json_object_set_new(to, "delta", json_real(r->delta));
    json_object_set_new(to, "gates", gates);
    json_object_set_new(to, "claims", claims);
    json_object_set_new(to, "outcomes", report_summary_json(r));
    json_object_set_new(to, "core_seconds", number_or_null(r->core_seconds));
}

enum status report_write(const char *suite_dir, const struct suite *suite, FILE *summary, json_t *json) {
    struct arena a;
    arena_open(&a, 1 << 20);
    struct report *r = ARENA_NEW(&a, struct report, 1);
    r->dir = suite_dir;
    r->suite = suite;
    r->arena = &a;
    enum status st = open_report(r);
    if (st == ST_OK) st = write_page(r);
    if (st == ST_OK && summary) write_summary(r, summary);
    if (st == ST_OK && json) fill_json(r, json);
    arena_close(&a);
    return st;
}
