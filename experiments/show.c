#include "experiments/show_internal.h"

#include <math.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/checkpoint.h"
#include "experiments/arm.h"
#include "experiments/evaluate.h"
#include "experiments/registry.h"
#include "experiments/store.h"

enum { LENS_TOKENS = 3, TOKENS_A_LINE = 8, FEW_POSITIONS = 16 };

static const int levels[] = {90, 75, 50, 25};

/* --- the cell -------------------------------------------------------------------------------------------------- */

/* Shorter beginnings of keys are all like each other. */
enum { LEAST_NEAR = 8 };

static enum status find_cell(struct showing *s) {
    const char *prefix = s->o->cell, *folder = arena_printf(s->arena, "%s/cells", s->o->out);
    const size_t length = strlen(prefix);
    const char *near = NULL;
    const char **names;
    int n, found = 0;
    TRY(fs_list(s->arena, folder, &names, &n));
    for (int i = 0; i < n; i++) {
        if (strlen(names[i]) != 64) continue;
        if (strncmp(names[i], prefix, length) != 0) {
            const char *key = arena_printf(s->arena, "%.*s", (int)length, names[i]);
            if (length >= LEAST_NEAR && status_nearest(prefix, &key, 1, sizeof key)) near = key;
            continue;
        }
        snprintf(s->show->key, sizeof s->show->key, "%.64s", names[i]);
        found++;
    }
    if (found == 1) return store_verify(s->arena, s->o->out, s->show->key);
    if (found) return status_set(ST_USAGE, "%d cells begin with \"%s\"; write more of the key", found, prefix);
    if (near) return status_set(ST_USAGE, "%s has no finished cell \"%s\"; did you mean \"%s\"?", folder, prefix, near);
    return status_set(ST_USAGE, "%s has no finished cell \"%s\" (the column `cell` of results.csv, cells.list)", folder,
                      prefix);
}

static const char *label_of(struct arena *a, const struct cell *c) {
    char method[CONFIG_TEXT], credit[CONFIG_TEXT], design[CONFIG_TEXT];
    config_text(&c->config, config_find("press", "method"), method);
    config_text(&c->config, config_find("press", "credit"), credit);
    config_text(&c->config, config_find("task", "design"), design);
    const char *arm = c->kind == CELL_BASE ? "base" : c->config.arm.name;
    if (c->kind != CELL_PRESS)
        return arena_printf(a, "%s %s %s seed %ld", arm, c->config.task_name, design, c->config.seed);
    return arena_printf(a, "%s %s %s %s %s %s seed %ld", arm, c->config.press.pressure, method, credit,
                        c->config.task_name, design, c->config.seed);
}

static enum status read_cells(struct showing *s) {
    struct arena *a = s->arena;
    enum numeric_mode mode;
    TRY(find_cell(s));
    const char *dir = store_path(a, s->o->out, s->show->key);
    TRY(cell_read(arena_printf(a, "%s/config.json", dir), s->show->key, &s->cell, &mode));
    TRY(gemm_open(GEMM_AUTO, mode));
    s->arm_cell = s->cell;
    if (s->cell.kind == CELL_PRESS) {
        const char *parent = s->cell.parent;
        TRY(store_verify(a, s->o->out, parent));
        const char *path = arena_printf(a, "%s/config.json", store_path(a, s->o->out, parent));
        TRY(cell_read(path, parent, &s->arm_cell, &mode));
    }
    if (s->cell.kind != CELL_BASE) TRY(arm_find(s->cell.config.arm.name, &s->arm));
    s->show->label = label_of(a, &s->cell);
    s->cell.config.task.data_dir = s->o->data_dir;
    return task_open(&s->task, s->cell.config.task_name, &s->cell.config.task, a);
}

/* --- the models ------------------------------------------------------------------------------------------------ */

static const char *weights(struct showing *s, const char *name, int level) {
    return arena_printf(s->arena, "%s/%s-%02d.safetensors", store_path(s->arena, s->o->out, s->show->key), name, level);
}

static enum status load_models(struct showing *s) {
    struct arena *a = s->arena;
    const char *before = store_path(a, s->o->out, s->arm_cell.key);
    /* the frozen rest of a model with LoRA lies in the base; a base is whole */
    const char *base = *s->arm_cell.parent ? store_path(a, s->o->out, s->arm_cell.parent) : before;
    const char *rest = arena_printf(a, "%s/model.safetensors", base);
    int level = 0;
    TRY(checkpoint_load_trained(&s->model[BEFORE], a, arena_printf(a, "%s/model.safetensors", before), rest));
    for (size_t i = 0; i < sizeof levels / sizeof levels[0] && !level && s->cell.kind == CELL_PRESS; i++)
        if ((!s->o->level || s->o->level == levels[i]) && fs_exists(weights(s, "model", levels[i]))) level = levels[i];
    if (s->o->level && !level)
        return status_set(ST_USAGE, "%.12s kept no weights at dose .%02d: it was never crossed", s->show->key,
                          s->o->level);
    s->show->level = level;
    s->after = level > 0;
    if (!s->after) return ST_OK;
    TRY(checkpoint_load_trained(&s->model[AFTER], a, weights(s, "model", level), rest));
    if (s->cell.config.press.credit != CREDIT_MIND_FACE) return ST_OK;
    return checkpoint_load_trained(&s->reasoner, a, weights(s, "mind", level), rest);
}

/* With two models what was pressed is the face, and another one thinks. */
struct mind show_mind(const struct showing *s, int side, bool text) {
    const struct gpt *model = &s->model[side], *face = NULL;
    if (side == AFTER && s->cell.config.press.credit >= CREDIT_FROZEN_MIND) {
        face = model;
        model = s->cell.config.press.credit == CREDIT_MIND_FACE ? &s->reasoner : &s->model[BEFORE];
    }
    struct mind m =
        text || !s->arm ? arm_text_mind(model, &s->task) : arm_mind(s->arm, &s->cell.config, model, &s->task);
    m.face = face;
    return m;
}

static void run_side(struct showing *s, int side, bool text, struct side *out) {
    const struct rollout_options greedy = {.force = {.stop = -1}};
    out->mind = show_mind(s, side, text);
    rollout_open(&out->r, s->arena, &out->mind, 1);
    runner_run(runner_open(s->arena, &out->mind, 1), &out->mind, s->problem, &greedy, &out->r);
}

/* --- the question ---------------------------------------------------------------------------------------------- */

static enum status open_watches(struct showing *s) {
    struct arena *a = s->arena;
    const struct pressure *output = NULL;
    const char *name = s->o->pressure, *names[REGISTRY_MOST];
    s->watches = ARENA_NEW(a, struct watch, pressure_count);
    s->n_watches = evaluate_open_watches(s->watches, a, &s->cell.config, &s->task, NULL);
    if (s->n_watches == 0)
        return status_set(ST_USAGE, "task %s has no questions that a pressure applies to", s->cell.config.task_name);
    if (!name && s->cell.kind == CELL_PRESS) {
        const struct pressure *pressure, *beside;
        TRY(pressure_resolve(s->cell.config.press.pressure, s->cell.config.press.of, &pressure, &beside));
        name = beside->name;
        output = pressure;
    }
    s->own = name ? -1 : 0;
    for (int i = 0; i < s->n_watches; i++) {
        names[i] = s->watches[i].pressure->name;
        if (name && strcmp(names[i], name) == 0) s->own = i;
    }
    if (s->own < 0 && !s->o->pressure) s->own = 0;
    if (s->own < 0) {
        const char *near = status_nearest(name, names, s->n_watches, sizeof *names);
        return status_set(ST_USAGE, "no questions of pressure \"%s\" for task %s%s%s%s", name, s->cell.config.task_name,
                          near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    }
    struct watch *w = &s->watches[s->own];
    if (output && output->m_out) w->output = output;
    s->show->pressure = w->pressure->name;
    s->show->items = w->n_marked;
    return ST_OK;
}

/* Frozen probes of the arm; an arm without reasoning has none. */
static enum status restore_probes(struct showing *s) {
    struct checkpoint file;
    if (!s->arm) return ST_OK;
    const struct mind m = show_mind(s, BEFORE, false);
    const char *path =
        arena_printf(s->arena, "%s/probes.safetensors", store_path(s->arena, s->o->out, s->arm_cell.key));
    if (mind_reasoning_positions(&m) == 0 || !fs_exists(path)) return ST_OK;
    TRY(checkpoint_read(s->arena, path, &file));
    for (int i = 0; i < s->n_watches; i++) TRY(watch_restore(&s->watches[i], s->arena, &file, &m));
    return ST_OK;
}

static const char *token(const struct showing *s, int t) {
    return t < 0 ? "" : s->task.task->token_name(&s->task, t);
}

/* Further channels of a position in brackets. */
static const char *question_of(struct showing *s, const struct problem *p) {
    const char *text = "";
    for (int t = 0; t < p->n_question; t++) {
        text = arena_printf(s->arena, "%s%s%s", text, *text ? " " : "", token(s, p->question[t]));
        for (int c = 1; c < s->task.shape.channels; c++)
            if (task_input(p, t, c) >= 0) text = arena_printf(s->arena, "%s[%s]", text, token(s, task_input(p, t, c)));
    }
    return text;
}

static void describe_problem(struct showing *s) {
    const struct problem *p = s->problem;
    s->show->question = question_of(s, p);
    const char *truth = arena_printf(s->arena, "answer %d", p->answer);
    if (p->report >= 0) truth = arena_printf(s->arena, "%s, c %d", truth, p->report);
    truth = arena_printf(s->arena, "%s; steps", truth);
    for (int k = 0; k < p->n_steps; k++) truth = arena_printf(s->arena, "%s %d", truth, p->value[k]);
    s->show->truth = truth;
}

/* --- sections -------------------------------------------------------------------------------------------------- */

static struct show_section *section(struct showing *s, const char *title) {
    if (s->show->n == SHOW_SECTIONS) BUG("more than %d sections", SHOW_SECTIONS);
    struct show_section *section = &s->show->section[s->show->n++];
    section->title = title;
    section->lines = ARENA_NEW(s->arena, struct show_line, SHOW_LINES);
    return section;
}

static void line(struct show_section *section, const char *name, const char *before, const char *after) {
    if ((!*before && !*after) || section->n == SHOW_LINES) return;
    section->lines[section->n++] =
        (struct show_line){.name = name, .before = before, .after = after, .differs = strcmp(before, after) != 0};
}

/* The sides that there are. */
int show_sides(const struct showing *s) {
    return s->after ? SIDES : AFTER;
}

static const char *written(const struct showing *s, const struct side *side, int first, int n) {
    const char *text = "";
    for (int k = first; k < first + n && k < side->r.n_reasoning[0]; k++)
        text = arena_printf(s->arena, "%s%s%s", text, *text ? " " : "", token(s, side->r.reasoning[k]));
    return text;
}

void show_nearest(const struct gpt *gpt, struct arena *a, const float *u, int n, int *token, double *share) {
    const int V = gpt->config.vocab, C = gpt->config.width;
    double *p = ARENA_NEW(a, double, V), most = -INFINITY, sum = 0.0;
    for (int v = 0; v < V; v++) {
        for (int c = 0; c < C; c++) p[v] += (double)u[c] * (double)gpt->p.head[(long)v * C + c];
        most = fmax(most, p[v]);
    }
    for (int v = 0; v < V; v++) sum += p[v] = exp(p[v] - most);
    for (int i = 0; i < n; i++) {
        token[i] = 0;
        for (int v = 1; v < V; v++)
            if (p[v] > p[token[i]]) token[i] = v;
        share[i] = p[token[i]] / sum;
        p[token[i]] = -1.0;
    }
}

/* The nearest tokens of the unembedding to vector k, with their softmax. */
static const char *lens(const struct showing *s, const struct side *side, int k) {
    int nearest[LENS_TOKENS];
    double share[LENS_TOKENS];
    const char *text = "";
    show_nearest(side->mind.gpt, s->arena, side->r.u + (long)k * side->r.C, LENS_TOKENS, nearest, share);
    for (int i = 0; i < LENS_TOKENS; i++)
        text = arena_printf(s->arena, "%s%s%s %.2f", text, i ? ", " : "", token(s, nearest[i]), share[i]);
    return text;
}

/* What the frozen probe of a watch reads at position k. */
static const char *probed(const struct showing *s, const struct watch *w, const struct side *side, int k) {
    const struct probe *f = &w->frozen[k];
    float *p = ARENA_NEW(s->arena, float, f->K);
    int best = 0;
    if (k >= side->r.n_reasoning[0] && side->mind.medium == MEDIUM_TEXT) return "";
    probe_predict(f, s->arena, 1, side->r.u + (long)k * side->r.C, side->r.C, p);
    for (int c = 1; c < f->K; c++)
        if (p[c] > p[best]) best = c;
    const bool right = best == w->pressure->label(&s->task, s->problem);
    return arena_printf(s->arena, "%d %.2f%s", best, (double)p[best], right ? " (true)" : "");
}

static void show_tokens(struct showing *s, struct show_section *to, const struct side *side) {
    const int n = side[BEFORE].r.R, step = n <= FEW_POSITIONS ? 1 : TOKENS_A_LINE;
    for (int k = 0; k < n; k += step) {
        const char *text[SIDES] = {"", ""};
        for (int i = 0; i < show_sides(s); i++) text[i] = written(s, &side[i], k, step);
        const char *name =
            step == 1 ? arena_printf(s->arena, "%d", k + 1) : arena_printf(s->arena, "%d..%d", k + 1, k + step);
        line(to, name, text[BEFORE], text[AFTER]);
    }
}

static void show_lens(struct showing *s, struct show_section *to, const struct side *side) {
    for (int k = 0; k < side[BEFORE].r.R; k++) {
        const char *text[SIDES] = {"", ""};
        for (int i = 0; i < show_sides(s); i++) text[i] = lens(s, &side[i], k);
        line(to, arena_printf(s->arena, "%d lens", k + 1), text[BEFORE], text[AFTER]);
    }
}

static void show_probe(struct showing *s, struct show_section *to, const struct watch *w, const struct side *side,
                       int k) {
    const char *text[SIDES] = {"", ""};
    if (!w->frozen || k < 0 || k >= w->positions) return;
    for (int i = 0; i < show_sides(s); i++) text[i] = probed(s, w, &side[i], k);
    line(to, arena_printf(s->arena, "%d probe %s", k + 1, w->monitor.concept), text[BEFORE], text[AFTER]);
}

static const char *stated(const struct showing *s, int value, int truth, double p) {
    const char *what = value < 0 ? "no value" : arena_printf(s->arena, "%d", value);
    return arena_printf(s->arena, "%s%s, p(true) %.2f", what, value == truth ? " (true)" : "", p);
}

static void show_output(struct showing *s, struct show_section *to, const struct side *side) {
    const char *text[3][SIDES] = {{"", ""}, {"", ""}, {"", ""}};
    const struct problem *p = s->problem;
    for (int i = 0; i < show_sides(s); i++) {
        const struct rollout *r = &side[i].r;
        for (int k = 0; k < r->O && r->output[k] >= 0; k++)
            text[0][i] = arena_printf(s->arena, "%s%s%s", text[0][i], k ? " " : "", token(s, r->output[k]));
        text[1][i] = stated(s, rollout_answer(r, &s->task, 0), p->answer, rollout_p_answer(r, &s->task, 0, p->answer));
        if (p->report < 0 || s->task.shape.slot_report < 0) continue;
        text[2][i] = stated(s, rollout_report(r, &s->task, 0), p->report, rollout_p_report(r, &s->task, 0, p->report));
    }
    line(to, "tokens", text[0][BEFORE], text[0][AFTER]);
    line(to, "answer", text[1][BEFORE], text[1][AFTER]);
    line(to, "report", text[2][BEFORE], text[2][AFTER]);
}

static const char *reading(struct arena *a, double x) {
    return isfinite(x) ? arena_printf(a, "%.2f", x) : "";
}

static void show_monitors(struct showing *s, struct show_section *to, const struct side *side, bool probes) {
    const struct watch *own = &s->watches[s->own];
    const char *text[3][SIDES] = {{"", ""}, {"", ""}, {"", ""}};
    for (int i = 0; i < show_sides(s); i++) {
        const struct rollout *r = &side[i].r;
        text[0][i] = reading(s->arena, own->output->m_out(&s->task, s->problem, r, 0));
        text[1][i] = reading(s->arena, own->output->hit(&s->task, s->problem, r, 0));
        if (side[i].mind.medium == MEDIUM_TEXT)
            text[2][i] = reading(s->arena, own->pressure->written(&s->task, s->problem, r, 0));
    }
    line(to, "output monitor M_out", text[0][BEFORE], text[0][AFTER]);
    line(to, "does as the pressure asks", text[1][BEFORE], text[1][AFTER]);
    line(to, arena_printf(s->arena, "reader: %s written", own->monitor.concept), text[2][BEFORE], text[2][AFTER]);
    for (int i = 0; i < s->n_watches && probes; i++) show_probe(s, to, &s->watches[i], side, s->watches[i].frozen_at);
}

static struct show_said said(struct showing *s, const struct side *side) {
    const struct watch *own = &s->watches[s->own];
    const struct rollout *r = &side->r;
    struct show_said x = {.reasoning = written(s, side, 0, r->R), .output = "", .written = NAN};
    for (int k = 0; side->mind.medium == MEDIUM_LATENT && k < r->R; k++)
        x.reasoning = arena_printf(s->arena, "%s%s%d: %s", x.reasoning, k ? "\n" : "", k + 1, lens(s, side, k));
    for (int k = 0; k < r->O && r->output[k] >= 0; k++)
        x.output = arena_printf(s->arena, "%s%s%s", x.output, k ? " " : "", token(s, r->output[k]));
    x.right = rollout_answer(r, &s->task, 0) == s->problem->answer;
    x.m_out = own->output->m_out(&s->task, s->problem, r, 0);
    x.complies = own->output->hit(&s->task, s->problem, r, 0);
    if (side->mind.medium == MEDIUM_TEXT) x.written = own->pressure->written(&s->task, s->problem, r, 0);
    return x;
}

static void show_medium(struct showing *s, bool text, const char *suffix) {
    struct side side[SIDES];
    struct arena *a = s->arena;
    for (int i = 0; i < show_sides(s); i++) run_side(s, i, text, &side[i]);
    for (int i = 0; i < show_sides(s) && !*suffix; i++) s->show->said[i] = said(s, &side[i]);
    const enum medium medium = side[BEFORE].mind.medium;
    struct show_section *reasoning = section(s, arena_printf(a, "reasoning%s", suffix));
    if (medium == MEDIUM_TEXT) show_tokens(s, reasoning, side);
    if (medium == MEDIUM_LATENT) show_lens(s, reasoning, side);
    const struct watch *own = &s->watches[s->own];
    for (int k = 0; !text && k < own->positions; k++) show_probe(s, reasoning, own, side, k);
    show_output(s, section(s, arena_printf(a, "output%s", suffix)), side);
    show_monitors(s, section(s, arena_printf(a, "monitors of %s%s", own->pressure->name, suffix)), side, !text);
}

enum status show_open_models(struct showing **opened, const struct show_options *o, struct arena *a) {
    struct showing *s = *opened = ARENA_NEW(a, struct showing, 1);
    *s = (struct showing){.show = &s->head, .o = o, .arena = a};
    TRY(read_cells(s));
    return load_models(s);
}

enum status show_open(struct showing **opened, const struct show_options *o, struct arena *a) {
    TRY(show_open_models(opened, o, a));
    struct showing *s = *opened;
    TRY(open_watches(s));
    return restore_probes(s);
}

enum status show_item(struct showing *s, int item, struct show *show, struct arena *a) {
    if (item < 1 || item > s->head.items)
        return status_set(ST_USAGE, "--item %d: there are items 1 to %d", item, s->head.items);
    *show = s->head;
    show->item = item;
    s->show = show;
    s->arena = a;
    s->problem = &s->watches[s->own].marked[item - 1];
    describe_problem(s);
    show_medium(s, !s->arm, "");
    if (s->arm && s->arm->text_mode) show_medium(s, true, ", the same weights in text mode");
    return ST_OK;
}

enum status show_build(struct show *show, const struct show_options *o, struct arena *a) {
    struct showing *s;
    TRY(show_open(&s, o, a));
    return show_item(s, o->item, show, a);
}
