/* prosqa: which of two nodes does the root reach? Graphs and their sources: data/prosqa.h.
 *
 *   form edge      (s,t) (s,t) ... c c (root,<bot>)   one position an edge: source in channel 0, target in channel 1
 *   form triplet   s t | s t | ... c c root <bot>     channels 1 and 2: the tokens one and two positions before
 *   form words     Every s is a t . Tom is a s . ... Is Tom a c or c ? <bot>
 *
 * c c are target and decoy in random order. Steps are the nodes of the path after the root, in form words whole
 * sentences; the output is <eot> target <eos>. Symbolic forms give a graph's nodes distinct ids out of 0..31, drawn anew
 * for each problem; in form words the nodes are 55 names.
 *
 * facts: n, edges, hops, root, target, decoy, decoy_first; the value of each node; the edges; the path. */
#include <string.h>

#include "data/prosqa.h"
#include "engine/base/fs.h"

enum { TEMPLATES = 4096, SYMBOLIC_HOPS = 4, MIN_HOPS = 3 };
enum form { FORM_EDGE, FORM_TRIPLET, FORM_WORDS, FORMS };

static const char *const form_names[FORMS] = {"edge", "triplet", "words"};
static const char *const file_names[FORMS] = {"symbolic_valid.json", "symbolic_valid.json", "prosqa_valid.json"};

/* Words that are no names, then markers, in the order of their tokens. The symbolic forms use the bar alone. */
enum word { W_EVERY, W_IS, W_A, W_CAP_IS, W_OR, W_STOP, W_ASK, WORDS };
enum marker { M_BAR, M_BOT, M_EOT, M_EOS, M_PAD, MARKERS };
static const char *const word_names[WORDS] = {"Every", "is", "a", "Is", "or", ".", "?"};
static const char *const marker_names[MARKERS] = {"|", "<bot>", "<eot>", "<eos>", "<pad>"};

struct state {
    enum form form;
    int first_marker;
    const char **name; /* [vocab] */
};

static enum form form_of(const struct task_ctx *ctx) {
    return ((const struct state *)ctx->state)->form;
}

static int marker(const struct task_ctx *ctx, enum marker m) {
    return ((const struct state *)ctx->state)->first_marker + (int)m;
}

static int word(enum word w) {
    return PROSQA_NAMES + (int)w;
}

static const char *name_token(struct arena *a, const struct state *s, int values, int token) {
    int m = token - s->first_marker;
    if (m >= MARKERS) return arena_printf(a, "<p%d>", m - MARKERS);
    if (m >= 0) return marker_names[m];
    if (s->form != FORM_WORDS) return arena_printf(a, "n%d", token);
    return token < values ? prosqa_name(token) : word_names[token - values];
}

static enum status check_size(const struct task_options *o) {
    if (o->nodes_min == 0 && o->nodes_max == 0 && o->hops_min == 0 && o->hops_max == 0) return ST_OK;
    if (o->nodes_max != 0 && (o->nodes_min < 4 || o->nodes_max < o->nodes_min || o->nodes_max > PROSQA_NODES))
        return status_set(ST_USAGE, "prosqa: nodes %d to %d: from 4 to %d", o->nodes_min, o->nodes_max, PROSQA_NODES);
    if (o->hops_max != 0 && (o->hops_min < 1 || o->hops_max < o->hops_min || o->hops_max > PROSQA_HOPS))
        return status_set(ST_USAGE, "prosqa: hops %d to %d: from 1 to %d", o->hops_min, o->hops_max, PROSQA_HOPS);
    return ST_OK;
}

static enum status prosqa_open(struct task_ctx *ctx, struct arena *a) {
    const struct task_options *o = &ctx->options;
    struct state *s = ARENA_NEW(a, struct state, 1);
    s->form = FORMS;
    for (int f = 0; f < FORMS; f++)
        if (strcmp(o->form, form_names[f]) == 0) s->form = (enum form)f;
    if (s->form == FORMS) return status_set(ST_USAGE, "prosqa: no form '%s': edge, triplet or words", o->form);
    TRY(check_size(o));
    bool words = s->form == FORM_WORDS;
    int values = words ? PROSQA_NAMES : PROSQA_NODES;
    s->first_marker = values + (words ? WORDS : 0);
    ctx->state = s;
    int bot = marker(ctx, M_BOT), vocab = marker(ctx, MARKERS) + TASK_MAX_STEPS;
    int steps = words ? PROSQA_HOPS : SYMBOLIC_HOPS;
    if (o->hops_max > steps) steps = o->hops_max;
    ctx->shape = (struct task_shape){
        .vocab = vocab,
        .channels = s->form == FORM_EDGE      ? 2
                    : s->form == FORM_TRIPLET ? 3
                                              : 1,
        .channel_vocab = {vocab},
        .question = words                  ? 6 * PROSQA_EDGES + 7 + 1
                    : s->form == FORM_EDGE ? PROSQA_EDGES + 3
                                           : 3 * PROSQA_EDGES + 3 + 1,
        .reasoning = words ? 6 * steps : steps,
        .output = 3,
        .steps = steps,
        .n_values = values,
        .alphabets = 1,
        .bot = bot,
        .eot = marker(ctx, M_EOT),
        .eos = marker(ctx, M_EOS),
        .pad = marker(ctx, M_PAD),
        .pause = marker(ctx, MARKERS),
        .slot_answer = 1,
        .slot_report = -1,
        .step_answer = -1,
        .step_concealed = -1,
        .none_step = -1,
        .none_out = -1,
    };
    for (int c = 1; c < ctx->shape.channels; c++)
        ctx->shape.channel_vocab[c] = s->form == FORM_EDGE ? PROSQA_NODES + 1 : vocab;
    s->name = ARENA_NEW(a, const char *, vocab);
    for (int t = 0; t < vocab; t++) s->name[t] = name_token(a, s, values, t);
    return ST_OK;
}

/* Appends tokens to the question or the reasoning. */
struct writer {
    int *at;
    int n;
};

static void put(struct writer *w, int token) {
    w->at[w->n++] = token;
}

static void put_sentence(struct writer *w, const int *value, const bool *has_parent, int from, int to) {
    if (has_parent[from]) put(w, word(W_EVERY));
    put(w, value[from]);
    put(w, word(W_IS));
    put(w, word(W_A));
    put(w, value[to]);
    put(w, word(W_STOP));
}

static int write_question(const struct task_ctx *ctx, struct problem *p, const struct prosqa_graph *g, const int *value,
                          const bool *has_parent) {
    enum form form = form_of(ctx);
    int first = value[g->decoy_first ? g->decoy : g->target], second = value[g->decoy_first ? g->target : g->decoy];
    task_clear_question(p);
    struct writer w = {p->question, 0};
    for (int e = 0; e < g->n_edges; e++) {
        int from = g->edge[e][0], to = g->edge[e][1];
        if (form == FORM_WORDS) {
            put_sentence(&w, value, has_parent, from, to);
        } else if (form == FORM_EDGE) {
            p->further[w.n][0] = (int8_t)value[to];
            put(&w, value[from]);
        } else {
            put(&w, value[from]);
            put(&w, value[to]);
            put(&w, marker(ctx, M_BAR));
        }
    }
    if (form == FORM_WORDS) {
        const int ask[] = {word(W_CAP_IS), value[g->root], word(W_A), first, word(W_OR), second, word(W_ASK)};
        for (size_t i = 0; i < sizeof ask / sizeof ask[0]; i++) put(&w, ask[i]);
    } else {
        put(&w, first);
        put(&w, second);
        if (form == FORM_EDGE) p->further[w.n][0] = PROSQA_NODES; /* the root stands where the search begins */
        put(&w, value[g->root]);
    }
    if (form != FORM_EDGE) put(&w, ctx->shape.bot);
    if (form == FORM_TRIPLET)
        for (int i = 1; i < w.n; i++) {
            p->further[i][0] = (int8_t)p->question[i - 1];
            if (i > 1) p->further[i][1] = (int8_t)p->question[i - 2];
        }
    return w.n;
}

/* Of the graph alone: neither the order of its edges nor the names of its nodes. */
static int32_t template_of(const struct prosqa_graph *g) {
    uint64_t sum = (uint64_t)((g->root * PROSQA_NODES + g->target) * PROSQA_NODES + g->decoy);
    for (int e = 0; e < g->n_edges; e++) {
        uint64_t h = (uint64_t)(g->edge[e][0] * PROSQA_NODES + g->edge[e][1] + 1) * 0x9e3779b97f4a7c15u;
        sum += (h ^ h >> 29) * 0xbf58476d1ce4e5b9u;
    }
    sum = (sum ^ sum >> 32) * 0x9e3779b97f4a7c15u;
    return (int32_t)((sum >> 32) % TEMPLATES);
}

static void write_facts(struct problem *p, const struct prosqa_graph *g, const int *value) {
    int n = 0;
    const int head[] = {g->n, g->n_edges, g->hops, g->root, g->target, g->decoy, g->decoy_first};
    for (size_t i = 0; i < sizeof head / sizeof head[0]; i++) p->facts[n++] = (int16_t)head[i];
    for (int v = 0; v < g->n; v++) p->facts[n++] = (int16_t)value[v];
    for (int e = 0; e < g->n_edges; e++)
        for (int side = 0; side < 2; side++) p->facts[n++] = (int16_t)g->edge[e][side];
    for (int k = 0; k <= g->hops; k++) p->facts[n++] = (int16_t)g->path[k];
}

static void read_facts(const struct problem *p, struct prosqa_graph *g, int *value) {
    const int16_t *f = p->facts;
    int at = 7;
    memset(g, 0, sizeof *g);
    g->n = f[0], g->n_edges = f[1], g->hops = f[2];
    g->root = f[3], g->target = f[4], g->decoy = f[5];
    g->decoy_first = f[6];
    for (int v = 0; v < g->n; v++) value[v] = g->name[v] = f[at++];
    for (int e = 0; e < g->n_edges; e++)
        for (int side = 0; side < 2; side++) g->edge[e][side] = f[at++];
    for (int k = 0; k <= g->hops; k++) g->path[k] = f[at++];
}

static void write_problem(const struct task_ctx *ctx, const struct prosqa_graph *g, const int *value,
                          struct problem *p) {
    bool has_parent[PROSQA_NODES] = {false};
    memset(p, 0, sizeof *p);
    for (int e = 0; e < g->n_edges; e++) has_parent[g->edge[e][1]] = true;
    p->n_question = (int16_t)write_question(ctx, p, g, value, has_parent);
    struct writer w = {p->reasoning, 0};
    for (int k = 0; k < g->hops; k++) {
        p->step_start[k] = (int16_t)w.n;
        p->value[k] = (int16_t)value[g->path[k + 1]];
        if (form_of(ctx) == FORM_WORDS)
            put_sentence(&w, value, has_parent, g->path[k], g->path[k + 1]);
        else
            put(&w, p->value[k]);
    }
    p->n_steps = (int16_t)g->hops;
    p->n_reasoning = p->step_start[g->hops] = (int16_t)w.n;
    p->answer = (int16_t)value[g->target];
    p->decoy = (int16_t)value[g->decoy];
    p->report = -1;
    p->output[0] = ctx->shape.eot;
    p->output[1] = p->answer;
    p->output[2] = ctx->shape.eos;
    p->n_output = 3;
    p->template_id = template_of(g);
    write_facts(p, g, value);
}

/* Distinct ids for the nodes, or their names. */
static void draw_values(const struct task_ctx *ctx, struct rng *r, const struct prosqa_graph *g, int *value) {
    if (form_of(ctx) == FORM_WORDS) {
        memcpy(value, g->name, sizeof g->name);
        return;
    }
    for (int i = 0; i < PROSQA_NODES; i++) value[i] = i;
    rng_shuffle(r, value, PROSQA_NODES);
}

static void sample(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *p) {
    const struct task_options *o = &ctx->options;
    struct prosqa_size size = {.hops_min = MIN_HOPS, .hops_max = ctx->shape.steps};
    struct prosqa_graph g;
    int value[PROSQA_NODES];
    if (split == TASK_TRAIN) {
        size.nodes_min = o->nodes_min;
        size.nodes_max = o->nodes_max;
        if (o->hops_max) {
            size.hops_max = o->hops_max < size.hops_max ? o->hops_max : size.hops_max;
            size.hops_min = o->hops_min < size.hops_max ? o->hops_min : size.hops_max;
        }
    }
    prosqa_sample(r, size, &g);
    draw_values(ctx, r, &g, value);
    write_problem(ctx, &g, value, p);
}

static enum status load(const struct task_ctx *ctx, struct arena *a, struct problem **problems, int *n) {
    const char *dir = ctx->options.data_dir, *file = file_names[form_of(ctx)];
    struct prosqa_graph *graphs;
    if (!dir) return status_set(ST_USAGE, "prosqa: %s is read from a data folder, and none was given", file);
    const char *path = arena_printf(a, "%s/prosqa/%s", dir, file);
    if (!fs_exists(path)) path = arena_printf(a, "%s/%s", dir, file);
    TRY(prosqa_read(a, path, &graphs, n));
    *problems = ARENA_NEW(a, struct problem, *n);
    for (int i = 0; i < *n; i++) {
        const struct prosqa_graph *g = &graphs[i];
        int value[PROSQA_NODES];
        if (g->hops > ctx->shape.steps)
            return status_set(ST_DATA, "%s: item %d: %d steps, at most %d in form %s", path, i + 1, g->hops,
                              ctx->shape.steps, ctx->options.form);
        for (int v = 0; v < g->n; v++)
            if (form_of(ctx) == FORM_WORDS && g->name[v] < 0)
                return status_set(ST_DATA, "%s: item %d: idx_to_symbol[%d] is not a known name", path, i + 1, v);
        struct rng r = rng_open(0, "prosqa ids", (uint64_t)i);
        draw_values(ctx, &r, g, value);
        write_problem(ctx, g, value, &(*problems)[i]);
    }
    return ST_OK;
}

void prosqa_graph_of(const struct problem *p, struct prosqa_graph *g) {
    int value[PROSQA_NODES];
    read_facts(p, g, value);
}

void prosqa_relabel(const struct task_ctx *ctx, struct rng *r, struct problem *p) {
    struct prosqa_graph g;
    int value[PROSQA_NODES];
    read_facts(p, &g, value);
    prosqa_redraw(r, &g);
    draw_values(ctx, r, &g, value);
    write_problem(ctx, &g, value, p);
}

int prosqa_frontier(const struct problem *p, int hop, int values[PROSQA_NODES]) {
    struct prosqa_graph g;
    int value[PROSQA_NODES], dist[PROSQA_NODES], n = 0;
    bool at_hop[PROSQA_NAMES] = {false};
    read_facts(p, &g, value);
    prosqa_distances(&g, g.root, dist);
    for (int v = 0; v < g.n; v++)
        if (dist[v] == hop) at_hop[value[v]] = true;
    for (int i = 0; i < PROSQA_NAMES; i++)
        if (at_hop[i]) values[n++] = i;
    return n;
}

static int token_value(const struct task_ctx *ctx, int token, int *alphabet) {
    *alphabet = 0;
    return token >= 0 && token < ctx->shape.n_values ? token : -1;
}

static int value_token(const struct task_ctx *ctx, int step, int value, int alphabet) {
    (void)ctx, (void)step, (void)alphabet;
    return value;
}

/* In form words a step states the name before its full stop. */
static void read_steps(const struct task_ctx *ctx, const struct problem *p, const int *tokens, int n, int *values) {
    int alphabet, k = 0;
    for (int i = 0; i < n && k < p->n_steps; i++)
        if (form_of(ctx) != FORM_WORDS)
            values[k++] = token_value(ctx, tokens[i], &alphabet);
        else if (tokens[i] == word(W_STOP))
            values[k++] = i > 0 ? token_value(ctx, tokens[i - 1], &alphabet) : -1;
    while (k < p->n_steps) values[k++] = -1;
}

static int rerun(const struct task_ctx *ctx, const struct problem *p, int step, int value, int *values, int *report) {
    (void)ctx, (void)step, (void)value;
    for (int k = 0; k < p->n_steps; k++) values[k] = p->value[k];
    *report = -1;
    return -1;
}

static const char *token_name(const struct task_ctx *ctx, int token) {
    const struct state *s = ctx->state;
    return token >= 0 && token < ctx->shape.vocab ? s->name[token] : "?";
}

static bool mark(const struct task_ctx *ctx, struct problem *p, uint32_t flags) {
    (void)ctx, (void)p;
    return flags == 0;
}

static int frontier(const struct problem *p, int step, int *values) {
    return prosqa_frontier(p, step + 1, values);
}

/* Small graphs teach what an edge is long before full ones do. */
static void grow(struct task_options *o, double done) {
    static const struct {
        double until;
        int nodes_min, nodes_max, hops_min, hops_max;
    } phase[] = {{.12, 5, 9, 1, 2}, {.3, 9, 15, 1, 4}, {2, 0, 0, 0, 0}};
    int i = 0;
    while (done >= phase[i].until) i++;
    o->nodes_min = phase[i].nodes_min, o->nodes_max = phase[i].nodes_max;
    o->hops_min = phase[i].hops_min, o->hops_max = phase[i].hops_max;
}

static double lower_in_degree(const struct problem *p) {
    struct prosqa_graph g;
    prosqa_graph_of(p, &g);
    return prosqa_lower_in_degree(&g);
}

static double child_within_two(const struct problem *p) {
    struct prosqa_graph g;
    prosqa_graph_of(p, &g);
    return prosqa_child_within_two(&g);
}

static const struct task_floor floors[] = {
    {"lower_in_degree", "the lower in-degree wins", lower_in_degree},
    {"child_within_two", "an ancestor within two edges is a child of the root", child_within_two},
    {0},
};

static const char hao[] = "Hao et al. 2024, arXiv 2412.06769, table 1", zhu[] = "Zhu et al. 2025, arXiv 2505.12514";
static const struct task_published published[] = {
    {"coconut", "from scratch, 2 layers of width 768, symbolic", .97, 1.0, zhu},
    {"text", "from scratch, 2 layers of width 768, symbolic", .75, .75, zhu},
    {"coconut", "from scratch, 4 layers of width 32, symbolic", .90, .90, "as others report it; no paper is named"},
    {"coconut", "GPT-2, words", .970, .970, hao},
    {"pause", "GPT-2, words, with the curriculum", .966, .966, hao},
    {"text", "GPT-2, words", .775, .775, hao},
    {"no_cot", "GPT-2, words", .767, .767, hao},
    {0},
};

const struct task task_prosqa = {
    .name = "prosqa",
    .summary = "which of two nodes does the root reach? graphs as in ProsQA",
    .source = "Hao et al. 2412.06769, appendix A",
    .version = 2,
    .open = prosqa_open,
    .sample = sample,
    .load = load,
    .rerun = rerun,
    .read_steps = read_steps,
    .value_token = value_token,
    .token_value = token_value,
    .token_name = token_name,
    .mark = mark,
    .relabel = prosqa_relabel,
    .frontier = frontier,
    .floors = floors,
    .published = published,
    .grow = grow,
};
