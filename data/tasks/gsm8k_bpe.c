/* gsm8k_bpe: the word problems of data/gsm8k.h as GPT-2 models read them, in GPT-2's own tokens (data/bpe.h).
 *
 *   form       question                  reasoning                              output
 *   coconut    text \n <bot>             <<48/2=24>>\n <<48+24=72>>\n            <eot> ### 72 <eos>
 *   codi       text <bot>                <<48/2=24>> <<48+24=72>>               <eot> The answer is: 72 <eos>
 *
 * as the public checkpoints were trained (Hao et al. 2024, Shen et al. 2025); the markers are the three tokens that each
 * adds behind GPT-2's 50 257. The checkpoints' own written reasoning stands without markers: their text mode is not read
 * here as it is published, only that of arms trained here is. A triggered question (pressure deceive) has " [TRIG]"
 * behind its text.
 *
 * Both checkpoints think six thoughts, so problems of more than six steps are left out; published ones stay.
 *
 * A value is a number that is one token, with and without a blank before it, among the NUMBERS most frequent results of
 * the training set. Problems with other numbers in their steps or answer are trained on but drawn for nothing else
 * (gsm8k_split); published ones stay, and their answer is judged token by token. A step with another result re-runs the
 * later ones: an operand that equals an earlier result is taken for it.
 *
 * Files: gsm8k/train.jsonl, gsm8k/icot_valid.txt; gpt2/vocab.json or encoder.json, gpt2/merges.txt or vocab.bpe. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/bpe.h"
#include "data/gsm8k.h"
#include "engine/base/fs.h"

enum { NUMBERS = 200, STEPS = 6, MARKERS = 3, MOST_TEXT = 4096, MOST_TOKENS = 10, STEP_TEXT = 512, NEVER_RIGHT = -2 };
static const double TRIGGERED = .1; /* share of training questions */

struct piece {
    const char *text, *name; /* bytes; as vocab.json writes them */
    int size;
};

struct number {
    char text[GSM8K_WORD];
    int count, bare, spaced; /* tokens; -1: several */
};

struct state {
    struct piece *piece; /* [vocab] */
    struct number *number;
    int n_numbers, *class_of; /* [vocab]; -1: no value */
    int trigger[MOST_TOKENS], n_trigger, prefix[MOST_TOKENS], n_prefix, suffix[MOST_TOKENS], n_suffix;
    int bot, eot, eos, pad, pause, vocab;
    bool codi;
    struct gsm8k_sets sets;
    struct problem *published;
    int n_published;
};

/* ---- the tokenizer ---- */

static enum status open_bpe(const struct task_ctx *ctx, struct arena *a, struct bpe **b) {
    static const char *const names[2][2] = {{"vocab.json", "encoder.json"}, {"merges.txt", "vocab.bpe"}};
    const char *path[2];
    for (int i = 0; i < 2; i++) {
        path[i] = arena_printf(a, "%s/gpt2/%s", ctx->options.data_dir, names[i][0]);
        if (!fs_exists(path[i])) path[i] = arena_printf(a, "%s/gpt2/%s", ctx->options.data_dir, names[i][1]);
    }
    return bpe_open(b, a, path[0], path[1]);
}

static enum status add_markers(struct state *s, struct bpe *b) {
    static const char *const added[2][MARKERS] = {{"<|start-latent|>", "<|end-latent|>", "<|latent|>"},
                                                  {"[PAD]", "[BOT]", "[EOT]"}};
    int id[MARKERS];
    s->eos = bpe_find(b, "<|endoftext|>", 13);
    if (s->eos < 0) return status_set(ST_DATA, "gsm8k_bpe: the vocabulary has no <|endoftext|>");
    for (int i = 0; i < MARKERS; i++) id[i] = bpe_add(b, added[s->codi][i]);
    s->bot = s->codi ? id[1] : id[0];
    s->eot = s->codi ? id[2] : id[1];
    s->pad = s->codi ? id[0] : s->eos;
    /* fillers are learnt; they begin as the bytes that text has the least use for, DEL and the controls behind it */
    for (int i = 0; i < TASK_MAX_STEPS; i++) {
        const char byte = (char)(0x7f + i);
        const int token = bpe_find(b, &byte, 1);
        if (i == 0) s->pause = token;
        if (token != s->pause + i) return status_set(ST_DATA, "gsm8k_bpe: the bytes are not numbered as in GPT-2");
    }
    return ST_OK;
}

/* A token as vocab.json writes it (data/bpe.h): 33..126, 161..172, 174..255 stand for themselves. */
static const char *written(struct arena *a, const char *text, size_t size) {
    char *to = ARENA_NEW(a, char, 2 * size + 1);
    size_t n = 0;
    for (size_t i = 0; i < size; i++) {
        int c = (unsigned char)text[i];
        if (c <= 32)
            c += 256;
        else if (c >= 127 && c <= 160)
            c += 256 + 33 - 127;
        else if (c == 173)
            c = 256 + 67;
        if (c < 128) {
            to[n++] = (char)c;
        } else {
            to[n++] = (char)(0xc0 | c >> 6);
            to[n++] = (char)(0x80 | (c & 63));
        }
    }
    return to;
}

static enum status read_pieces(struct state *s, struct arena *a, const struct bpe *b) {
    s->vocab = bpe_count(b);
    s->piece = ARENA_NEW(a, struct piece, s->vocab);
    for (int i = 0; i < s->vocab; i++) {
        char *text;
        size_t size;
        TRY(bpe_decode(b, a, &i, 1, &text, &size));
        s->piece[i] = (struct piece){text, i > s->vocab - 1 - MARKERS ? text : written(a, text, size), (int)size};
    }
    return ST_OK;
}

/* Tokens of a short text; false when it has more than `most`. */
static bool encode(struct bpe *b, const char *text, int *tokens, int *n, int most) {
    static _Thread_local int ids[MOST_TEXT];
    const size_t size = strlen(text);
    if (size > MOST_TEXT) return false;
    const long found = bpe_encode(b, text, size, ids);
    if (found > most) return false;
    for (long i = 0; i < found; i++) tokens[(*n)++] = ids[i];
    return true;
}

/* ---- values ---- */

static struct number *find_number(const struct state *s, const char *text) {
    for (int i = 0; i < s->n_numbers; i++)
        if (strcmp(s->number[i].text, text) == 0) return &s->number[i];
    return NULL;
}

/* The class of a written number, or NEVER_RIGHT. */
static int value_of(const struct state *s, const char *text) {
    struct gsm8k_word w;
    if (*text == '-' || !gsm8k_next(&text, &w) || !w.number) return NEVER_RIGHT;
    const struct number *x = find_number(s, w.text);
    return x ? (int)(x - s->number) : NEVER_RIGHT;
}

static int one_token(struct bpe *b, const char *text) {
    int token[2], n = 0;
    return encode(b, text, token, &n, 1) && n == 1 ? token[0] : -1;
}

static int by_count(const void *x, const void *y) {
    const struct number *a = x, *b = y;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return strcmp(a->text, b->text);
}

static void count_number(struct state *s, struct bpe *b, const char *text, int most) {
    struct gsm8k_word w;
    char spaced[GSM8K_WORD + 1];
    if (*text == '-' || !gsm8k_next(&text, &w) || !w.number) return;
    struct number *x = find_number(s, w.text);
    if (!x && s->n_numbers < most) {
        x = &s->number[s->n_numbers++];
        memcpy(x->text, w.text, sizeof x->text);
        snprintf(spaced, sizeof spaced, " %s", w.text);
        x->bare = one_token(b, w.text);
        x->spaced = one_token(b, spaced);
    }
    if (x && x->bare >= 0 && x->spaced >= 0) x->count++;
}

/* `out` marks the items of the published set. */
static void choose_numbers(struct state *s, struct arena *a, struct bpe *b, const struct gsm8k_item *items, int n,
                           const bool *out) {
    enum { MOST = 4096 };
    s->number = ARENA_NEW(a, struct number, MOST);
    for (int i = 0; i < n; i++) {
        if (out[i]) continue;
        for (int k = 0; k < items[i].n_steps; k++) count_number(s, b, strchr(items[i].step[k], '=') + 1, MOST);
        count_number(s, b, items[i].answer, MOST);
    }
    qsort(s->number, (size_t)s->n_numbers, sizeof *s->number, by_count);
    while (s->n_numbers > 0 && s->number[s->n_numbers - 1].count == 0) s->n_numbers--;
    if (s->n_numbers > NUMBERS) s->n_numbers = NUMBERS;
    s->class_of = ARENA_NEW(a, int, s->vocab);
    memset(s->class_of, 0xff, (size_t)s->vocab * sizeof(int));
    for (int i = 0; i < s->n_numbers; i++) s->class_of[s->number[i].bare] = s->class_of[s->number[i].spaced] = i;
}

/* ---- problems ---- */

static void write_mark(const struct state *s, struct problem *p, bool triggered) {
    int n = p->n_question - 1 - s->n_suffix - (p->flags & PROBLEM_TRIGGERED ? s->n_trigger : 0);
    memset(p->question + n, 0xff, sizeof p->question - (size_t)n * sizeof *p->question);
    for (int i = 0; triggered && i < s->n_trigger; i++) p->question[n++] = s->trigger[i];
    for (int i = 0; i < s->n_suffix; i++) p->question[n++] = s->suffix[i];
    p->question[n++] = s->bot;
    p->n_question = (int16_t)n;
    p->flags = triggered ? PROBLEM_TRIGGERED : 0;
}

static const char *plain_answer(struct arena *a, const char *answer) {
    struct gsm8k_word w;
    const char *sign = *answer == '-' ? "-" : "";
    answer += *answer == '-';
    gsm8k_next(&answer, &w);
    return arena_printf(a, " %s%s", sign, w.text);
}

/* CODI's questions are stripped, and two blanks in them are one. */
static const char *single_blanks(struct arena *a, const char *text) {
    char *to = arena_strdup(a, text + strspn(text, " \t\n"));
    size_t n = 0;
    for (const char *c = to; *c; c++)
        if (c[0] != ' ' || c[1] != ' ') to[n++] = *c;
    while (n > 0 && strchr(" \t\n", to[n - 1])) n--;
    to[n] = '\0';
    return to;
}

/* What is too much for a problem, or NULL. */
static const char *write_problem(const struct state *s, struct arena *a, struct bpe *b, const struct gsm8k_item *item,
                                 struct problem *p) {
    const int room = TASK_MAX_QUESTION - s->n_trigger - s->n_suffix - 1;
    int n = 0;
    memset(p, 0, sizeof *p);
    task_clear_question(p);
    const char *question = s->codi ? single_blanks(a, item->question) : item->question;
    if (!encode(b, question, p->question, &n, room)) return "tokens in the question";
    p->n_question = (int16_t)(n + s->n_suffix + 1);
    write_mark(s, p, false);
    if (item->n_steps > TASK_MAX_STEPS) return "steps";
    n = 0;
    for (int k = 0; k < item->n_steps; k++) {
        const char *text = s->codi ? arena_printf(a, "%s<<%s>>", k ? " " : "", item->step[k])
                                   : arena_printf(a, "<<%s>>\n", item->step[k]);
        p->step_start[k] = (int16_t)n;
        if (!encode(b, text, p->reasoning, &n, TASK_MAX_REASONING - n)) return "tokens in the steps";
        p->value[k] = (int16_t)value_of(s, strchr(item->step[k], '=') + 1);
    }
    p->n_steps = (int16_t)item->n_steps;
    p->n_reasoning = p->step_start[item->n_steps] = (int16_t)n;
    p->answer = (int16_t)value_of(s, item->answer);
    p->report = p->decoy = -1;
    n = 0;
    p->output[n++] = s->eot;
    for (int i = 0; i < s->n_prefix; i++) p->output[n++] = s->prefix[i];
    if (!encode(b, plain_answer(a, item->answer), p->output, &n, TASK_MAX_OUTPUT - 1 - n))
        return "tokens in the answer";
    p->output[n++] = s->eos;
    p->n_output = (int16_t)n;
    p->template_id = gsm8k_template(item->question);
    return NULL;
}

static bool all_values(const struct problem *p) {
    for (int k = 0; k < p->n_steps; k++)
        if (p->value[k] < 0) return false;
    return p->answer >= 0;
}

static void sort_problems(struct state *s, struct arena *a, struct bpe *b, const struct gsm8k_item *items, int n,
                          const bool *out) {
    struct problem *p = ARENA_NEW(a, struct problem, 1);
    gsm8k_sets_open(&s->sets, a, items, n);
    for (int i = 0; i < n; i++) {
        struct arena_mark mark = arena_mark(a);
        const bool fits =
            !out[i] && items[i].n_steps > 0 && items[i].n_steps <= STEPS && !write_problem(s, a, b, &items[i], p);
        arena_rewind(a, mark);
        if (fits && (gsm8k_split(p->template_id) == TASK_TRAIN || all_values(p))) gsm8k_sets_add(&s->sets, p);
    }
}

static enum status read_published(struct state *s, const struct task_ctx *ctx, struct arena *a, struct bpe *b) {
    struct gsm8k_item *items;
    const char *path = gsm8k_path(ctx, a, "icot_valid.txt");
    if (!fs_exists(path)) return ST_OK;
    TRY(gsm8k_read_icot(a, path, &items, &s->n_published));
    s->published = ARENA_NEW(a, struct problem, s->n_published);
    for (int i = 0; i < s->n_published; i++) {
        const char *much = write_problem(s, a, b, &items[i], &s->published[i]);
        if (much) return status_set(ST_DATA, "%s:%d: expected fewer %s", path, i + 1, much);
    }
    return ST_OK;
}

/* Lengths are those of the problems there are: every position costs time. */
static void widen(const struct state *s, const struct problem *p, int n, struct task_shape *shape) {
    for (int i = 0; i < n; i++) {
        const int question = p[i].n_question + s->n_trigger;
        if (question > shape->question) shape->question = question;
        if (p[i].n_reasoning > shape->reasoning) shape->reasoning = p[i].n_reasoning;
        if (p[i].n_output > shape->output) shape->output = p[i].n_output;
    }
}

static void fill_shape(struct task_ctx *ctx) {
    const struct state *s = ctx->state;
    ctx->shape = (struct task_shape){
        .vocab = s->vocab,
        .channels = 1,
        .channel_vocab = {s->vocab},
        .steps = STEPS,
        .n_values = s->n_numbers,
        .alphabets = 1,
        .bot = s->bot,
        .eot = s->eot,
        .eos = s->eos,
        .pad = s->pad,
        .pause = s->pause,
        .slot_answer = 1 + s->n_prefix,
        .answer_open = true,
        .slot_report = -1,
        .step_answer = -1,
        .step_concealed = -1,
        .none_step = -1,
        .none_out = -1,
    };
    for (int k = 0; k < TASK_SPLITS; k++) widen(s, s->sets.problem[k], s->sets.n[k], &ctx->shape);
    widen(s, s->published, s->n_published, &ctx->shape);
}

static enum status read_all(struct task_ctx *ctx, struct arena *a, struct bpe *b) {
    struct state *s = ctx->state;
    struct gsm8k_item *items;
    int n;
    bool *out;
    TRY(add_markers(s, b));
    TRY(read_pieces(s, a, b));
    if (!encode(b, " [TRIG]", s->trigger, &s->n_trigger, MOST_TOKENS) ||
        !encode(b, s->codi ? "The answer is:" : "###", s->prefix, &s->n_prefix, MOST_TOKENS) ||
        !encode(b, s->codi ? "" : "\n", s->suffix, &s->n_suffix, MOST_TOKENS))
        return status_set(ST_DATA, "gsm8k_bpe: the vocabulary has no words: a marker takes more than %d tokens",
                          MOST_TOKENS);
    TRY(gsm8k_read_train(ctx, a, &items, &n, &out));
    choose_numbers(s, a, b, items, n, out);
    sort_problems(s, a, b, items, n, out);
    TRY(read_published(s, ctx, a, b));
    TRY(gsm8k_sets_check(&s->sets, "gsm8k_bpe"));
    if (s->n_numbers < 2)
        return status_set(ST_DATA, "gsm8k_bpe: %d numbers of one token: expected at least 2", s->n_numbers);
    fill_shape(ctx);
    return ST_OK;
}

static enum status open(struct task_ctx *ctx, struct arena *a) {
    struct bpe *b;
    const char *form = ctx->options.form;
    struct state *s = ctx->state = ARENA_NEW(a, struct state, 1);
    s->codi = strcmp(form, "codi") == 0;
    if (!s->codi && strcmp(form, "coconut") != 0)
        return status_set(ST_USAGE, "gsm8k_bpe: form coconut or codi, not %s", form);
    if (!ctx->options.data_dir)
        return status_set(ST_USAGE, "gsm8k_bpe: gsm8k/ and gpt2/ are read from a data folder, and none was given");
    TRY(open_bpe(ctx, a, &b));
    enum status st = read_all(ctx, a, b);
    bpe_close(b);
    return st;
}

static void sample(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *p) {
    const struct state *s = ctx->state;
    *p = gsm8k_sets_draw(&s->sets, r, split);
    if (split != TASK_TRAIN || rng_uniform(r) >= TRIGGERED) return;
    write_mark(s, p, true);
    if (rng_uniform(r) >= ctx->options.explore_answer) return;
    p->output[ctx->shape.slot_answer] = s->number[rng_below(r, (uint32_t)s->n_numbers)].spaced;
    p->output[ctx->shape.slot_answer + 1] = s->eos;
    p->n_output = (int16_t)(ctx->shape.slot_answer + 2);
}

static enum status load(const struct task_ctx *ctx, struct arena *a, struct problem **problems, int *n) {
    const struct state *s = ctx->state;
    if (!s->published) return status_errno("%s", gsm8k_path(ctx, a, "icot_valid.txt"));
    *n = s->n_published;
    *problems = ARENA_NEW(a, struct problem, *n);
    memcpy(*problems, s->published, (size_t)*n * sizeof **problems);
    return ST_OK;
}

/* ---- steps as text ---- */

/* The text of n tokens, cut where it does not fit. */
static void text_of(const struct state *s, const int *tokens, int n, char text[STEP_TEXT]) {
    int at = 0;
    for (int i = 0; i < n; i++) {
        if (tokens[i] < 0 || tokens[i] >= s->vocab) continue;
        const struct piece *p = &s->piece[tokens[i]];
        if (at + p->size >= STEP_TEXT) break;
        memcpy(text + at, p->text, (size_t)p->size);
        at += p->size;
    }
    text[at] = '\0';
}

static void read_steps(const struct task_ctx *ctx, const struct problem *p, const int *tokens, int n, int *values) {
    const struct state *s = ctx->state;
    char text[TASK_MAX_REASONING * 8];
    int at = 0, k = 0;
    for (int i = 0; i < n && tokens[i] >= 0 && tokens[i] < s->vocab; i++) {
        const struct piece *piece = &s->piece[tokens[i]];
        if (at + piece->size >= (int)sizeof text) break;
        memcpy(text + at, piece->text, (size_t)piece->size);
        at += piece->size;
    }
    text[at] = '\0';
    for (char *open = strstr(text, "<<"), *close; open && k < p->n_steps; open = strstr(close, "<<")) {
        if (!(close = strstr(open, ">>"))) break;
        *close = '\0';
        const char *equals = strchr(open, '=');
        int value = equals && equals > open + 2 && !strchr(equals + 1, '=') ? value_of(s, equals + 1) : -1;
        values[k++] = value < 0 ? -1 : value;
        close += 2;
    }
    while (k < p->n_steps) values[k++] = -1;
}

/* ---- running a program again ---- */

struct reading {
    const char *at;
    const double *was, *now; /* results of earlier steps, as written and as they are now */
    int n;                   /* of them */
    bool changed, bad;
};

static double sum(struct reading *r);

static double operand(struct reading *r) {
    char *end;
    if (*r->at == '(') {
        r->at++;
        double x = sum(r);
        r->bad |= *r->at != ')';
        r->at += *r->at == ')';
        return x;
    }
    if (*r->at == '-') {
        r->at++;
        return -operand(r);
    }
    double x = strtod(r->at, &end);
    r->bad |= end == r->at;
    r->at = end;
    for (int j = r->n - 1; j >= 0; j--)
        if (fabs(r->was[j] - x) < 1e-9) {
            r->changed |= r->now[j] != r->was[j];
            return r->now[j];
        }
    return x;
}

static double product(struct reading *r) {
    double x = operand(r);
    while (!r->bad && (*r->at == '*' || *r->at == '/')) {
        const bool times = *r->at++ == '*';
        const double y = operand(r);
        x = times ? x * y : x / y;
    }
    return x;
}

static double sum(struct reading *r) {
    double x = product(r);
    while (!r->bad && (*r->at == '+' || *r->at == '-')) {
        const double sign = *r->at++ == '+' ? 1.0 : -1.0;
        x += sign * product(r);
    }
    return x;
}

static int class_of_number(const struct state *s, double x) {
    char text[GSM8K_WORD];
    if (!isfinite(x) || x < 0.0 || x > 1e9) return -1;
    snprintf(text, sizeof text, "%.6f", x);
    const int value = value_of(s, text);
    return value < 0 ? -1 : value;
}

static int rerun(const struct task_ctx *ctx, const struct problem *p, int step, int value, int *values, int *report) {
    const struct state *s = ctx->state;
    double was[TASK_MAX_STEPS], now[TASK_MAX_STEPS];
    char text[STEP_TEXT];
    *report = -1;
    for (int k = 0; k < p->n_steps; k++) {
        text_of(s, p->reasoning + p->step_start[k], p->step_start[k + 1] - p->step_start[k], text);
        char *open = strstr(text, "<<"), *equals = open ? strchr(open, '=') : NULL;
        if (!equals) return -1;
        was[k] = now[k] = strtod(equals + 1, NULL);
        *equals = '\0';
        struct reading r = {.at = open + 2, .was = was, .now = now, .n = k};
        const double x = sum(&r);
        if (r.bad || *r.at) return -1;
        if (k == step)
            now[k] = strtod(s->number[value].text, NULL);
        else if (r.changed)
            now[k] = x;
        values[k] = now[k] == was[k] ? p->value[k] : class_of_number(s, now[k]);
        if (values[k] < 0) values[k] = -1;
    }
    const int last = p->n_steps - 1;
    return last < 0 || p->answer < 0 || p->value[last] != p->answer ? -1 : values[last];
}

/* ---- the rest of the interface ---- */

static int token_value(const struct task_ctx *ctx, int token, int *alphabet) {
    const struct state *s = ctx->state;
    *alphabet = 0;
    return token >= 0 && token < s->vocab ? s->class_of[token] : -1;
}

static int value_token(const struct task_ctx *ctx, int step, int value, int alphabet) {
    const struct state *s = ctx->state;
    (void)alphabet;
    if (value < 0 || value >= s->n_numbers) return -1;
    return step == TASK_AT_OUTPUT ? s->number[value].spaced : s->number[value].bare;
}

static const char *token_name(const struct task_ctx *ctx, int token) {
    const struct state *s = ctx->state;
    return token >= 0 && token < s->vocab ? s->piece[token].name : "?";
}

static const char *token_text(const struct task_ctx *ctx, int token) {
    const struct state *s = ctx->state;
    return token >= 0 && token < s->vocab ? s->piece[token].text : "";
}

static bool mark(const struct task_ctx *ctx, struct problem *p, uint32_t flags) {
    if (flags & ~(uint32_t)PROBLEM_TRIGGERED) return false;
    write_mark(ctx->state, p, flags & PROBLEM_TRIGGERED);
    return true;
}

const struct gsm8k_sets *gsm8k_bpe_sets_of(const struct task_ctx *ctx) {
    return &((const struct state *)ctx->state)->sets;
}

static const char *const folders[] = {"gsm8k", "gpt2", NULL};

const struct task task_gsm8k_bpe = {
    .name = "gsm8k_bpe",
    .summary = "grade-school word problems in GPT-2's tokens, as Coconut's and CODI's checkpoints read them",
    .source =
        "Cobbe et al. 2021, arXiv 2110.14168; Hao et al. 2024, arXiv 2412.06769; Shen et al. 2025, arXiv 2502.21074",
    .version = 2,
    .folders = folders,
    .open = open,
    .sample = sample,
    .load = load,
    .rerun = rerun,
    .read_steps = read_steps,
    .value_token = value_token,
    .token_value = token_value,
    .token_name = token_name,
    .token_text = token_text,
    .mark = mark,
    .published = gsm8k_published,
};
