#include "engine/mind.h"

#include <string.h>

#include "engine/kernels.h"

/* One call's working state: `rows` problems at a time on one inference tape. */
struct runner {
    struct tape tape;
    struct head head;
    struct batch batch;
    struct problem *problems; /* [rows] the chunk, last one repeated to fill */
    int rows;
    int *token;     /* [rows][channels] the newest position's tokens */
    int *prefix;    /* [rows][R][channels] forced tokens of the chunk */
    int *phase;     /* [rows] position within the output, -1 while reasoning */
    int *reasoned;  /* [rows] positions of reasoning so far */
    float *vectors; /* [rows][R][C] forced vectors of the chunk */
};

/* A chunk of a call: rows first .. first + n - 1 of the rollout. */
struct chunk {
    const struct mind *mind;
    const struct rollout_options *options;
    struct rollout *out;
    int first, n;
    bool reasoning_only;
};

int mind_reasoning_positions(const struct mind *m) {
    switch (m->medium) {
    case MEDIUM_TEXT:
        return m->task->shape.reasoning;
    case MEDIUM_LATENT:
    case MEDIUM_FILLER:
        return m->thoughts;
    case MEDIUM_NONE:
        return 0;
    }
    BUG("medium %d", m->medium);
}

/* Rows, and what every rollout has. */
static void open_rows(struct rollout *r, struct arena *a, const struct mind *m, int n) {
    *r = (struct rollout){.n = n,
                          .R = mind_reasoning_positions(m),
                          .O = m->task->shape.output,
                          .C = m->gpt->config.width,
                          .V = m->gpt->config.vocab};
    r->reasoning = ARENA_NEW(a, int, (size_t)n *(size_t)r->R);
    r->n_reasoning = ARENA_NEW(a, int, n);
}

void rollout_open_reasoning(struct rollout *r, struct arena *a, const struct mind *m, int n) {
    open_rows(r, a, m, n);
    r->u = ARENA_NEW(a, float, (size_t)n *(size_t)r->R *(size_t)r->C);
}

void rollout_keep_states(struct rollout *r, struct arena *a, int layer, int layers) {
    r->layer = layer;
    r->layers = layers;
    r->states = ARENA_NEW(a, float, (size_t)r->n *(size_t)layers *(size_t)r->R *(size_t)r->C);
    r->before = ARENA_NEW(a, float, (size_t)r->n *(size_t)r->C);
}

void rollout_open_states(struct rollout *r, struct arena *a, const struct mind *m, int n, int layer, int layers) {
    open_rows(r, a, m, n);
    rollout_keep_states(r, a, layer, layers);
}

void rollout_open(struct rollout *r, struct arena *a, const struct mind *m, int n) {
    const size_t rows = (size_t)n;
    rollout_open_reasoning(r, a, m, n);
    r->output = ARENA_NEW(a, int, rows *(size_t)r->O);
    r->p_answer = ARENA_NEW(a, float, rows *(size_t)r->V);
    if (m->task->shape.slot_report > 0) r->p_report = ARENA_NEW(a, float, rows *(size_t)r->V);
    if (m->task->shape.slot_admit > 0) r->p_admit = ARENA_NEW(a, float, rows *(size_t)r->V);
}

int runner_rows(const struct mind *m, int rows) {
    const struct task_shape *s = &m->task->shape;
    const int R = mind_reasoning_positions(m);
    while (rows > 1 &&
           tape_bytes(&m->gpt->config, TAPE_INFER, rows, s->question + R + s->output, R) > (size_t)RUNNER_BYTES)
        rows /= 2;
    return rows;
}

struct runner *runner_open(struct arena *a, const struct mind *m, int rows) {
    const struct task_shape *s = &m->task->shape;
    const int R = mind_reasoning_positions(m), C = m->gpt->config.width;
    struct runner *r = ARENA_NEW(a, struct runner, 1);
    r->rows = rows = runner_rows(m, rows);
    const int longest = s->question > R ? s->question : R; /* outputs go token by token */
    tape_open_short(&r->tape, a, m->gpt, rows, s->question + R + s->output, longest, R);
    head_open(&r->head, a, m->gpt, TAPE_INFER, rows);
    batch_open(&r->batch, a, s, rows);
    r->problems = ARENA_NEW(a, struct problem, rows);
    r->token = ARENA_NEW(a, int, (size_t)rows *(size_t)s->channels);
    r->prefix = ARENA_NEW(a, int, (size_t)rows *(size_t)R *(size_t)s->channels);
    r->phase = ARENA_NEW(a, int, rows);
    r->reasoned = ARENA_NEW(a, int, rows);
    r->vectors = ARENA_NEW(a, float, (size_t)rows *(size_t)R *(size_t)C);
    return r;
}

/* Token from a row of probabilities: greedy, or sampled by inversion. */
static int choose(const float *p, int V, struct rng *rng) {
    if (!rng) {
        int best = 0;
        for (int v = 1; v < V; v++)
            if (p[v] > p[best]) best = v;
        return best;
    }
    double u = rng_uniform(rng), sum = 0.0;
    for (int v = 0; v < V; v++) {
        sum += (double)p[v];
        if (u < sum) return v;
    }
    return choose(p, V, NULL); /* rounding left a gap at the top */
}

static void set_token(struct runner *r, int b, int token) {
    const int channels = r->batch.channels;
    for (int c = 0; c < channels; c++) r->token[b * channels + c] = c == 0 ? token : -1;
}

/* Probabilities after the newest position, [rows][V] in head.logits. */
static void predict(struct runner *r) {
    for (int b = 0; b < r->rows; b++) {
        r->head.row[b] = b;
        r->head.t[b] = r->tape.t - 1;
    }
    r->head.n = r->rows;
    head_forward(&r->head, &r->tape);
    K->softmax(r->rows, r->head.V, r->head.logits, r->head.logits, r->head.lse);
}

/* Length of the reasoning that row i must have, or -1 where the mind decides. */
static int forced_length(const struct chunk *c, int i) {
    const struct force *f = &c->options->force;
    if (f->stop >= 0) return f->stop;
    if (f->tokens && f->n_tokens && f->n_tokens[i] < f->until) return f->n_tokens[i];
    return -1;
}

static int forced_until(const struct force *f, int i) {
    return f->until_row ? f->until_row[i] : f->until;
}

/* The next reasoning token of a row, <eot> when its reasoning ends. */
static int next_reasoning(const struct runner *r, const struct chunk *c, int b, const float *p) {
    const struct task_shape *s = &c->mind->task->shape;
    const struct force *f = &c->options->force;
    const int k = r->reasoned[b], i = c->first + (b < c->n ? b : c->n - 1), end = forced_length(c, i);
    if (k == c->out->R || k == end) return s->eot;
    if (f->tokens && k < forced_until(f, i)) return f->tokens[(long)i * c->out->R + k];
    return choose(p, c->out->V, c->options->sample_reasoning && b < c->n ? c->options->rng : NULL);
}

/* Note a token of row b, and what the row does next. Rows behind the chunk's end are run but not noted. */
static void note(struct runner *r, const struct chunk *c, int b, int token, const float *p) {
    const struct task_shape *s = &c->mind->task->shape;
    struct rollout *out = c->out;
    const long i = c->first + b;
    set_token(r, b, token);
    if (r->phase[b] < 0) { /* reasoning */
        if (token == s->eot) {
            r->phase[b] = 0;
            if (b < c->n) out->n_reasoning[i] = r->reasoned[b];
            return;
        }
        if (b < c->n) {
            long at = i * out->R + r->reasoned[b];
            out->reasoning[at] = token;
            if (out->u)
                memcpy(out->u + at * out->C, c->mind->gpt->p.wte + (long)token * out->C,
                       (size_t)out->C * sizeof(float));
        }
        r->reasoned[b]++;
        return;
    }
    const int slot = ++r->phase[b];
    if (b >= c->n || slot >= s->output) return;
    out->output[i * out->O + slot - 1] = token;
    const size_t bytes = (size_t)out->V * sizeof(float);
    if (slot == s->slot_answer) memcpy(out->p_answer + i * out->V, p, bytes);
    if (slot == s->slot_report) memcpy(out->p_report + i * out->V, p, bytes);
    if (slot == s->slot_admit && out->p_admit) memcpy(out->p_admit + i * out->V, p, bytes);
}

/* One position for every row: reasoning rows take their next step, output rows their next output token. True while any
 * row still has something to say. */
static bool step(struct runner *r, const struct chunk *c) {
    const struct task_shape *s = &c->mind->task->shape;
    bool busy = false;
    predict(r);
    for (int b = 0; b < r->rows; b++) {
        const float *p = r->head.logits + (long)b * r->head.V;
        if (r->phase[b] < 0) {
            note(r, c, b, next_reasoning(r, c, b, p), p);
        } else if (r->phase[b] < s->output - 1) {
            int token = choose(p, r->head.V, c->options->sample_output && b < c->n ? c->options->rng : NULL);
            note(r, c, b, token, p);
            if (token == s->eos) r->phase[b] = s->output;
        } else {
            r->phase[b] = s->output;
        }
        if (c->reasoning_only && r->phase[b] >= 0) r->phase[b] = s->output;
        if (r->phase[b] >= s->output - 1) set_token(r, b, -1); /* nothing follows: embedded as nothing */
        busy |= r->phase[b] < s->output - 1;
    }
    if (busy) tape_tokens(&r->tape, 1, r->token, s->channels, ROLE_OUTPUT, NULL, 0);
    return busy;
}

/* Positions that are forced in every row of the chunk, <eot> not among them. */
static int common_prefix(const struct chunk *c) {
    const struct force *f = &c->options->force;
    int common = c->out->R;
    for (int b = 0; b < c->n; b++) {
        const int i = c->first + b, end = forced_length(c, i);
        const int *tokens = f->tokens + (long)i * c->out->R;
        int n = forced_until(f, i), k = 0;
        if (end >= 0 && end < n) n = end;
        while (k < n && k < common && tokens[k] != c->mind->task->shape.eot) k++;
        common = k < common ? k : common;
    }
    return common;
}

/* What is forced in all rows runs as one segment: its predictions are not needed. */
static void text_reasoning(struct runner *r, const struct chunk *c) {
    const struct force *f = &c->options->force;
    const int channels = r->batch.channels, n = f->tokens ? common_prefix(c) : 0;
    for (int b = 0; b < r->rows; b++) {
        const long row = c->first + (b < c->n ? b : c->n - 1);
        r->phase[b] = -1;
        r->reasoned[b] = 0;
        for (int k = 0; k < n; k++) {
            note(r, c, b, f->tokens[row * c->out->R + k], r->head.logits);
            memcpy(r->prefix + (b * n + k) * channels, r->token + b * channels, (size_t)channels * sizeof(int));
        }
    }
    if (n == 0) return;
    tape_read_last(&r->tape);
    tape_tokens(&r->tape, n, r->prefix, n * channels, ROLE_OUTPUT, NULL, 0);
}

/* Forced vectors first, then thoughts or fillers up to the mind's number. Ends behind <eot>. */
static void silent_reasoning(struct runner *r, const struct chunk *c) {
    const struct mind *m = c->mind;
    const struct task_shape *s = &m->task->shape;
    const struct force *f = &c->options->force;
    struct rollout *out = c->out;
    const int C = out->C, K_ = f->stop >= 0 && f->stop < out->R ? f->stop : out->R;
    const int until = f->vectors && f->until < K_ ? f->until : f->vectors ? K_ : 0;
    const int t0 = r->tape.t;
    const size_t bytes = (size_t)until * (size_t)C * sizeof(float);
    for (int b = 0; until && b < r->rows; b++) {
        long i = c->first + (b < c->n ? b : c->n - 1);
        memcpy(r->vectors + (long)b * until * C, f->vectors + i * out->R * C, bytes);
    }
    if (until) {
        tape_read_last(&r->tape);
        tape_vectors(&r->tape, until, r->vectors, ROLE_REASONING);
    }
    for (int k = until; k < K_; k++) {
        if (m->medium == MEDIUM_LATENT) {
            tape_thought(&r->tape, m->feed);
        } else {
            for (int b = 0; b < r->rows; b++) set_token(r, b, s->pause + k % s->steps);
            tape_tokens(&r->tape, 1, r->token, s->channels, ROLE_REASONING, NULL, 0);
        }
    }
    for (int b = 0; b < c->n; b++) {
        long i = c->first + b;
        out->n_reasoning[i] = K_;
        for (int k = 0; out->u && k < K_; k++) {
            const float *u = m->medium == MEDIUM_LATENT || k < until
                                 ? tape_fed(&r->tape, b, t0 + k)
                                 : m->gpt->p.wte + (long)(s->pause + k % s->steps) * C;
            memcpy(out->u + (i * out->R + k) * C, u, (size_t)C * sizeof(float));
        }
    }
    for (int b = 0; b < r->rows; b++) {
        set_token(r, b, s->eot);
        r->phase[b] = 0;
    }
    if (!c->reasoning_only) tape_tokens(&r->tape, 1, r->token, s->channels, ROLE_OUTPUT, NULL, 0);
}

static void run_chunk(struct runner *r, const struct gpt *gpt, const struct chunk *c) {
    const struct task_shape *s = &c->mind->task->shape;
    r->tape.gpt = gpt;
    tape_reset(&r->tape, r->batch.start);
    tape_read_last(&r->tape);
    tape_tokens(&r->tape, r->batch.Q, r->batch.question, r->batch.Q * s->channels, ROLE_QUESTION, NULL, 0);
    if (c->mind->medium == MEDIUM_TEXT)
        text_reasoning(r, c);
    else
        silent_reasoning(r, c);
    if (c->reasoning_only && c->mind->medium != MEDIUM_TEXT) return;
    while (step(r, c)) {
    }
}

/* Reasoning position k stands k positions behind the question, in every medium. */
static void note_states(const struct runner *r, const struct chunk *c) {
    struct rollout *out = c->out;
    const int last = c->mind->gpt->config.layers;
    const size_t bytes = (size_t)out->C * sizeof(float);
    for (int b = 0; out->states && b < c->n; b++) {
        const long i = (long)c->first + b;
        memcpy(out->before + i * out->C, tape_state(&r->tape, last, b, r->batch.Q - 1), bytes);
        for (int l = 0; l < out->layers; l++) {
            float *to = out->states + (i * out->layers + l) * out->R * out->C;
            memset(to, 0, bytes * (size_t)out->R);
            for (int k = 0; k < out->n_reasoning[i]; k++)
                memcpy(to + (long)k * out->C, tape_state(&r->tape, out->layer + l, b, r->batch.Q + k), bytes);
        }
    }
}

/* The chunk's reasoning as it now stands in the rollout, forced whole behind another model's question. */
static void speak_behind(struct runner *r, const struct chunk *c) {
    struct rollout_options o = *c->options;
    struct chunk face = *c;
    o.force = (struct force){.until = c->out->R, .stop = c->options->force.stop};
    if (c->mind->medium == MEDIUM_TEXT) {
        o.force.stop = -1;
        o.force.tokens = c->out->reasoning;
        o.force.n_tokens = c->out->n_reasoning;
    } else if (c->mind->medium == MEDIUM_LATENT) {
        o.force.vectors = c->out->u;
    }
    face.options = &o;
    face.reasoning_only = false;
    run_chunk(r, c->mind->face, &face);
}

void runner_run(struct runner *r, const struct mind *m, const struct problem *problems,
                const struct rollout_options *options, struct rollout *out) {
    const struct task_shape *s = &m->task->shape;
    const size_t positions = (size_t)r->tape.T * (size_t)r->tape.B;
    struct arena room; /* for the states of every position of a chunk */
    arena_open(&room, 1 << 16);
    float *kept =
        out->states ? ARENA_NEW(&room, float, (size_t)(m->gpt->config.layers + 1) * positions * (size_t)out->C) : NULL;
    if (!out->output && !options->reasoning_only) BUG("a rollout with room for reasoning alone");
    memset(out->reasoning, 0xff, sizeof(int) * (size_t)out->n * (size_t)out->R);
    if (out->output) memset(out->output, 0xff, sizeof(int) * (size_t)out->n * (size_t)out->O);
    if (out->u) memset(out->u, 0, sizeof(float) * (size_t)out->n * (size_t)out->R * (size_t)out->C);
    for (int first = 0; first < out->n; first += r->rows) {
        struct chunk c = {.mind = m, .options = options, .out = out, .first = first};
        c.reasoning_only = options->reasoning_only || m->face;
        c.n = out->n - first < r->rows ? out->n - first : r->rows;
        for (int b = 0; b < r->rows; b++) r->problems[b] = problems[first + (b < c.n ? b : c.n - 1)];
        batch_fill(&r->batch, s, r->problems, TASK_MAX_STEPS);
        r->tape.kept = kept;
        run_chunk(r, m->gpt, &c);
        note_states(r, &c);
        r->tape.kept = NULL;
        if (m->face && !options->reasoning_only) speak_behind(r, &c);
    }
    arena_close(&room);
}

static int reading(const struct rollout *r, const struct task_ctx *task, int i, int slot) {
    int alphabet;
    if (slot < 1) return -1;
    int token = r->output[(long)i * r->O + slot - 1];
    return token < 0 ? -1 : task->task->token_value(task, token, &alphabet);
}

int rollout_answer(const struct rollout *r, const struct task_ctx *task, int i) {
    const int slot = task->shape.slot_answer;
    /* the first token of a longer number is not its value */
    if (task->shape.answer_open && r->output[(long)i * r->O + slot] != task->shape.eos) return -1;
    return reading(r, task, i, task->shape.slot_answer);
}

bool rollout_answer_exact(const struct rollout *r, const struct task_ctx *task, int i, const struct problem *p) {
    if (task->shape.answer_open) {
        const int n = p->n_output - task->shape.slot_answer;
        return memcmp(r->output + (long)i * r->O + task->shape.slot_answer - 1, p->output + task->shape.slot_answer,
                      (size_t)n * sizeof *p->output) == 0;
    }
    const int last = task->shape.slot_answer, first = last - task->shape.answer_tokens + 1;
    if (rollout_answer(r, task, i) != p->answer) return false;
    for (int slot = first; slot < last; slot++)
        if (r->output[(long)i * r->O + slot - 1] != p->output[slot]) return false;
    return true;
}

int rollout_report(const struct rollout *r, const struct task_ctx *task, int i) {
    return reading(r, task, i, task->shape.slot_report);
}

static double mass(const float *p, const struct task_ctx *task, int value) {
    double total = 0.0;
    for (int alphabet = 0; alphabet < task->shape.alphabets; alphabet++) {
        int token = task->task->value_token(task, TASK_AT_OUTPUT, value, alphabet);
        if (token >= 0) total += (double)p[token];
    }
    return total;
}

double rollout_p_answer(const struct rollout *r, const struct task_ctx *task, int i, int value) {
    return mass(r->p_answer + (long)i * r->V, task, value);
}

double rollout_p_report(const struct rollout *r, const struct task_ctx *task, int i, int value) {
    return mass(r->p_report + (long)i * r->V, task, value);
}
