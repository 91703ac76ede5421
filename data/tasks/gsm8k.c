/* gsm8k: word problems with worked calculations. Files and words: data/gsm8k.h.
 *
 *   question   words of the question <bot>
 *   reasoning  << 48 / 2 = 24 >> | << 48 + 24 = 72 >>       a step is a mark, its value the number behind '='
 *   output     <eot> 72 <eos>
 *   tokens     numbers | words | <num> <unk> << >> + - * / ( ) = <bot> <eot> <eos> <pad> | fillers
 *
 * A number is one token, and a value is a number's class (signs are tokens of their own): the vocabulary is closed over
 * train.jsonl, most frequent first, at most NUMBERS numbers and WORDS words. Training problems with a rarer number in
 * their steps or answer, without steps, or too long are left out; the rest is cut into the splits by a hash of the
 * question (gsm8k_split). A published problem with a rarer answer stays and can only be got wrong.
 *
 * The published set icot_valid.txt is a part of train.jsonl: its questions are taken out of the training set first. */
#include "data/gsm8k.h"

#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 1000, WORDS = 3000, MOST_QUESTION = 176, MOST_REASONING = 72, STEPS = 9, SLOTS = 1 << 16 };
enum { NEVER_RIGHT = -2 };

enum sign {
    S_NUM,
    S_UNK,
    S_OPEN,
    S_CLOSE,
    S_PLUS,
    S_MINUS,
    S_TIMES,
    S_OVER,
    S_LEFT,
    S_RIGHT,
    S_EQUALS,
    S_BOT,
    S_EOT,
    S_EOS,
    S_PAD,
    SIGNS
};
static const char *const sign_names[SIGNS] = {"<num>", "<unk>", "<<", ">>",    "+",     "-",     "*",    "/",
                                              "(",     ")",     "=",  "<bot>", "<eot>", "<eos>", "<pad>"};

struct entry {
    const char *text; /* NULL: free */
    bool number;
    int count, token; /* token: -1 while not chosen */
};

struct state {
    struct entry *slot; /* [SLOTS] open addressing */
    int entries, numbers, words;
    const char **name; /* [vocab] */
    struct gsm8k_sets sets;
};

/* The entry of a word, or the free one where it would go. */
static struct entry *find(const struct state *s, const char *text) {
    uint64_t at = gsm8k_hash(text) % SLOTS;
    while (s->slot[at].text && strcmp(s->slot[at].text, text) != 0) at = (at + 1) % SLOTS;
    return &s->slot[at];
}

static int sign_token(const struct state *s, enum sign sign) {
    return s->numbers + s->words + (int)sign;
}

static int token_of(const struct state *s, const struct gsm8k_word *w) {
    const struct entry *e = find(s, w->text);
    if (!w->number)
        for (int i = S_PLUS; i <= S_EQUALS; i++)
            if (strcmp(w->text, sign_names[i]) == 0) return sign_token(s, (enum sign)i);
    if (e->text && e->token >= 0) return e->token;
    return sign_token(s, w->number ? S_NUM : S_UNK);
}

/* ---- the vocabulary ---- */

static enum status count_words(struct state *s, struct arena *a, const char *path, const char *text) {
    struct gsm8k_word w;
    while (gsm8k_next(&text, &w)) {
        struct entry *e = find(s, w.text);
        if (!e->text) {
            if (++s->entries > SLOTS / 2) return status_set(ST_DATA, "%s: more than %d words", path, SLOTS / 2);
            *e = (struct entry){.text = arena_strdup(a, w.text), .number = w.number, .token = -1};
        }
        e->count++;
    }
    return ST_OK;
}

/* Numbers first, then the more frequent; texts differ, so nothing is left to the sort. */
static int by_rank(const void *x, const void *y) {
    const struct entry *a = *(struct entry *const *)x, *b = *(struct entry *const *)y;
    if (a->number != b->number) return a->number ? -1 : 1;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return strcmp(a->text, b->text);
}

static bool is_sign(const char *text) {
    return strlen(text) == 1 && strchr("+-*/()=", text[0]);
}

static void choose_words(struct state *s, struct arena *a) {
    struct entry **order = ARENA_NEW(a, struct entry *, s->entries);
    int n = 0;
    for (int i = 0; i < SLOTS; i++)
        if (s->slot[i].text) order[n++] = &s->slot[i];
    qsort(order, (size_t)n, sizeof(struct entry *), by_rank);
    for (int i = 0; i < n; i++) {
        bool room = order[i]->number ? s->numbers < NUMBERS : s->words < WORDS && !is_sign(order[i]->text);
        if (!room) continue;
        order[i]->token = s->numbers + s->words; /* all numbers come before any word */
        if (order[i]->number)
            s->numbers++;
        else
            s->words++;
    }
    s->name = ARENA_NEW(a, const char *, s->numbers + s->words + SIGNS + TASK_MAX_STEPS);
    for (int i = 0; i < n; i++)
        if (order[i]->token >= 0) s->name[order[i]->token] = order[i]->text;
    for (int i = 0; i < SIGNS; i++) s->name[sign_token(s, (enum sign)i)] = sign_names[i];
    for (int i = 0; i < TASK_MAX_STEPS; i++) s->name[sign_token(s, SIGNS) + i] = arena_printf(a, "<p%d>", i);
}

/* ---- problems ---- */

static int value_of(const struct state *s, const char *text) {
    struct gsm8k_word w;
    text += *text == '-';
    gsm8k_next(&text, &w);
    int token = token_of(s, &w);
    return token < s->numbers ? token : NEVER_RIGHT;
}

/* What is too much for a problem, or NULL. */
static const char *write_problem(const struct state *s, const struct gsm8k_item *item, struct problem *p) {
    struct gsm8k_word w;
    int n = 0;
    memset(p, 0, sizeof *p);
    task_clear_question(p);
    for (const char *at = item->question; gsm8k_next(&at, &w); n++) {
        if (n == MOST_QUESTION - 1) return "words in the question";
        p->question[n] = token_of(s, &w);
    }
    p->question[n++] = sign_token(s, S_BOT);
    p->n_question = (int16_t)n;
    if (item->n_steps > STEPS) return "steps";
    n = 0;
    for (int k = 0; k < item->n_steps; k++) {
        p->step_start[k] = (int16_t)n;
        p->reasoning[n++] = sign_token(s, S_OPEN);
        for (const char *at = item->step[k]; gsm8k_next(&at, &w);) {
            if (strcmp(w.text, ".") == 0 && !w.number) continue; /* "5." is 5 */
            if (n >= MOST_REASONING - 2) return "signs and numbers in the steps";
            p->reasoning[n++] = token_of(s, &w);
        }
        p->reasoning[n++] = sign_token(s, S_CLOSE);
        p->value[k] = (int16_t)value_of(s, strchr(item->step[k], '=') + 1);
    }
    p->n_steps = (int16_t)item->n_steps;
    p->n_reasoning = p->step_start[item->n_steps] = (int16_t)n;
    p->answer = (int16_t)(item->answer[0] == '-' ? NEVER_RIGHT : value_of(s, item->answer));
    p->report = p->decoy = -1;
    p->output[0] = sign_token(s, S_EOT);
    p->output[1] = (p->answer >= 0 ? p->answer : sign_token(s, S_NUM));
    p->output[2] = sign_token(s, S_EOS);
    p->n_output = 3;
    p->template_id = gsm8k_template(item->question);
    return NULL;
}

static bool all_known(const struct state *s, const struct problem *p) {
    for (int i = 0; i < p->n_reasoning; i++)
        if (p->reasoning[i] == sign_token(s, S_NUM)) return false;
    return p->answer >= 0;
}

static void sort_problems(struct state *s, struct arena *a, const struct gsm8k_item *items, int n, const bool *out) {
    struct problem *p = ARENA_NEW(a, struct problem, 1);
    gsm8k_sets_open(&s->sets, a, items, n);
    for (int i = 0; i < n; i++) {
        if (out[i] || items[i].n_steps == 0 || write_problem(s, &items[i], p) || !all_known(s, p)) continue;
        gsm8k_sets_add(&s->sets, p);
    }
}

static void fill_shape(struct task_ctx *ctx) {
    const struct state *s = ctx->state;
    int vocab = sign_token(s, SIGNS) + TASK_MAX_STEPS;
    ctx->shape = (struct task_shape){
        .vocab = vocab,
        .channels = 1,
        .channel_vocab = {vocab},
        .question = MOST_QUESTION,
        .reasoning = MOST_REASONING,
        .output = 3,
        .steps = STEPS,
        .n_values = s->numbers,
        .alphabets = 1,
        .bot = sign_token(s, S_BOT),
        .eot = sign_token(s, S_EOT),
        .eos = sign_token(s, S_EOS),
        .pad = sign_token(s, S_PAD),
        .pause = sign_token(s, SIGNS),
        .slot_answer = 1,
        .slot_report = -1,
        .step_answer = -1,
        .step_concealed = -1,
        .none_step = -1,
        .none_out = -1,
    };
}

static enum status gsm8k_open(struct task_ctx *ctx, struct arena *a) {
    struct gsm8k_item *items;
    int n;
    if (!ctx->options.data_dir)
        return status_set(ST_USAGE, "gsm8k: train.jsonl is read from a data folder, and none was given");
    bool *out;
    TRY(gsm8k_read_train(ctx, a, &items, &n, &out));
    const char *path = gsm8k_path(ctx, a, "train.jsonl");
    struct state *s = ARENA_NEW(a, struct state, 1);
    s->slot = ARENA_NEW(a, struct entry, SLOTS);
    for (int i = 0; i < n; i++) {
        if (out[i]) continue;
        TRY(count_words(s, a, path, items[i].question));
        for (int k = 0; k < items[i].n_steps; k++) TRY(count_words(s, a, path, items[i].step[k]));
        TRY(count_words(s, a, path, items[i].answer));
    }
    choose_words(s, a);
    sort_problems(s, a, items, n, out);
    TRY(gsm8k_sets_check(&s->sets, path));
    ctx->state = s;
    fill_shape(ctx);
    return ST_OK;
}

const struct gsm8k_sets *gsm8k_sets_of(const struct task_ctx *ctx) {
    return &((const struct state *)ctx->state)->sets;
}

static void sample(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *p) {
    *p = gsm8k_sets_draw(gsm8k_sets_of(ctx), r, split);
}

static enum status load(const struct task_ctx *ctx, struct arena *a, struct problem **problems, int *n) {
    struct gsm8k_item *items;
    const char *path = gsm8k_path(ctx, a, "icot_valid.txt");
    TRY(gsm8k_read_icot(a, path, &items, n));
    *problems = ARENA_NEW(a, struct problem, *n);
    for (int i = 0; i < *n; i++) {
        const char *much = write_problem(ctx->state, &items[i], &(*problems)[i]);
        if (much) return status_set(ST_DATA, "%s:%d: expected fewer %s", path, i + 1, much);
    }
    return ST_OK;
}

static int rerun(const struct task_ctx *ctx, const struct problem *p, int step, int value, int *values, int *report) {
    (void)ctx, (void)step, (void)value;
    for (int k = 0; k < p->n_steps; k++) values[k] = p->value[k];
    *report = -1;
    return -1;
}

static int token_value(const struct task_ctx *ctx, int token, int *alphabet) {
    *alphabet = 0;
    return token >= 0 && token < ctx->shape.n_values ? token : -1;
}

static int value_token(const struct task_ctx *ctx, int step, int value, int alphabet) {
    (void)step, (void)alphabet;
    return value >= 0 && value < ctx->shape.n_values ? value : -1;
}

/* A step states the number before its >>, when it is one mark with something before the '='. */
static void read_steps(const struct task_ctx *ctx, const struct problem *p, const int *tokens, int n, int *values) {
    const struct state *s = ctx->state;
    int alphabet, k = 0, open = -1;
    for (int i = 0; i < n && k < p->n_steps; i++) {
        if (tokens[i] == sign_token(s, S_OPEN)) open = i;
        if (tokens[i] != sign_token(s, S_CLOSE)) continue;
        int equals = i - 2;
        if (equals > 0 && tokens[equals] == sign_token(s, S_MINUS)) equals--;
        bool good = open >= 0 && equals > open + 1 && tokens[equals] == sign_token(s, S_EQUALS);
        values[k++] = good ? token_value(ctx, tokens[i - 1], &alphabet) : -1;
        open = -1;
    }
    while (k < p->n_steps) values[k++] = -1;
}

static const char *token_name(const struct task_ctx *ctx, int token) {
    const struct state *s = ctx->state;
    return token >= 0 && token < ctx->shape.vocab ? s->name[token] : "?";
}

static bool mark(const struct task_ctx *ctx, struct problem *p, uint32_t flags) {
    (void)ctx, (void)p;
    return flags == 0;
}

const struct task task_gsm8k = {
    .name = "gsm8k",
    .summary = "grade-school word problems with their calculations as steps",
    .source = "Cobbe et al. 2021, arXiv 2110.14168; Deng et al. 2024, arXiv 2405.14838",
    .version = 2,
    .open = gsm8k_open,
    .sample = sample,
    .load = load,
    .rerun = rerun,
    .read_steps = read_steps,
    .value_token = value_token,
    .token_value = token_value,
    .token_name = token_name,
    .mark = mark,
    .published = gsm8k_published,
};
