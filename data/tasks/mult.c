/* mult: N-by-N-digit multiplication by partial products and running sums, in the published form.
 *
 *   question   5 6 3 2 * 7 4 3 4 <bot>                           digits reversed: 2365 x 4347
 *   reasoning  5 5 5 6 1 | + 0 0 6 4 9 0 | ( 5 5 1 1 1 1 | ) + 0 0 5 9 0 7 0 | ( 5 5 6 0 2 8 0 | ) + 0 0 0 0 6 4 9 0
 *   output     <eot> 5 5 6 0 8 2 0 1 <eos>
 *
 * The steps are the partial products P_1 .. P_N (the first multiplicand times one digit of the second, with its zeros)
 * and between them the running sums S_2 .. S_N-1; a bar above marks where a step begins. P_i and S_i have N + i digits.
 * The value of a step, and of the answer, is its leading digit, the last one written: one class of ten, and the digit
 * that hangs on all the others. The sum of the last step is the answer, so no step states it.
 *
 * Source of the form and of 4x4_valid.txt: Deng et al. 2024, arXiv 2405.14838. In easy problems some digits of the second
 * factor are 0. facts: the digits of both factors, units first. */
#include <stdio.h>
#include <string.h>

#include "data/task.h"
#include "engine/base/fs.h"

enum { MOST_DIGITS = 5, TEMPLATES = 4096, LINE = 512 };
enum symbol { S_TIMES = 10, S_PLUS, S_OPEN, S_CLOSE, S_BOT, S_EOT, S_EOS, S_PAD, S_PAUSE };
static const char *const names[S_PAUSE + TASK_MAX_STEPS] = {
    "0",    "1",    "2",     "3",     "4",     "5",     "6",     "7",     "8",     "9",    "*",    "+",
    "(",    ")",    "<bot>", "<eot>", "<eos>", "<pad>", "<p0>",  "<p1>",  "<p2>",  "<p3>", "<p4>", "<p5>",
    "<p6>", "<p7>", "<p8>",  "<p9>",  "<p10>", "<p11>", "<p12>", "<p13>", "<p14>", "<p15>"};

/* A step: a partial product, or a running sum. */
struct part {
    bool sum;
    int i; /* 1..N: which */
};

static int step_count(int digits) {
    return 2 * digits - 2;
}

static struct part part_of(int step) {
    return step == 0 ? (struct part){false, 1} : (struct part){step % 2 == 0, 2 + (step - 1) / 2};
}

static long power(int n) {
    long x = 1;
    while (n-- > 0) x *= 10;
    return x;
}

static long factor(const int16_t *digit, int n) {
    long x = 0;
    for (int i = n - 1; i >= 0; i--) x = 10 * x + digit[i];
    return x;
}

/* Numbers of all steps and the product; step `forced` (none when -1) has its leading digit replaced. False when a sum
 * then has a digit too many. */
static bool run(const struct task_ctx *ctx, const struct problem *p, int forced, int value, long *number,
                long *product) {
    int n = ctx->options.digits;
    long a = factor(p->facts, n), sum = 0;
    for (int k = 0; k < step_count(n); k++) {
        struct part part = part_of(k);
        long top = power(n + part.i - 1);
        number[k] = part.sum ? sum : a * p->facts[n + part.i - 1] * power(part.i - 1);
        if (k == forced) number[k] = number[k] % top + value * top;
        if (number[k] >= 10 * top) return false;
        sum = part.sum ? number[k] : sum + number[k];
    }
    *product = sum;
    return sum < power(2 * n);
}

/* Appends tokens to the question, the reasoning or the output. */
struct writer {
    int *at;
    int n;
};

static void put(struct writer *w, int token) {
    w->at[w->n++] = token;
}

static void put_number(struct writer *w, long x, int digits) {
    for (; digits > 0; digits--, x /= 10) put(w, (int)(x % 10));
}

static void write_problem(const struct task_ctx *ctx, struct problem *p) {
    int n = ctx->options.digits, steps = step_count(n);
    long number[TASK_MAX_STEPS], product;
    if (!run(ctx, p, -1, 0, number, &product)) BUG("a product of more than %d digits", 2 * n);
    task_clear_question(p);
    struct writer w = {p->question, 0};
    for (int i = 0; i < n; i++) put(&w, p->facts[i]);
    put(&w, S_TIMES);
    for (int i = 0; i < n; i++) put(&w, p->facts[n + i]);
    put(&w, S_BOT);
    p->n_question = (int16_t)w.n;

    w = (struct writer){p->reasoning, 0};
    for (int k = 0; k < steps; k++) {
        struct part part = part_of(k);
        p->step_start[k] = (int16_t)w.n;
        if (k > 1 && !part.sum) put(&w, S_CLOSE);
        if (k > 0) put(&w, part.sum ? S_OPEN : S_PLUS);
        put_number(&w, number[k], n + part.i);
        p->value[k] = p->reasoning[w.n - 1];
    }
    p->n_steps = (int16_t)steps;
    p->n_reasoning = p->step_start[steps] = (int16_t)w.n;

    w = (struct writer){p->output, 0};
    put(&w, S_EOT);
    put_number(&w, product, 2 * n);
    p->answer = p->output[w.n - 1];
    put(&w, S_EOS);
    p->n_output = (int16_t)w.n;
    p->report = p->decoy = -1;
    p->template_id = (int32_t)((uint64_t)(factor(p->facts + n, n) * 2654435761u) % TEMPLATES);
}

static enum status mult_open(struct task_ctx *ctx, struct arena *a) {
    (void)a;
    int n = ctx->options.digits, reasoning = 0;
    if (n < 2 || n > MOST_DIGITS)
        return status_set(ST_USAGE, "mult: factors of %d digits: from 2 to %d", n, MOST_DIGITS);
    for (int k = 0; k < step_count(n); k++) {
        struct part part = part_of(k);
        reasoning += n + part.i + (k > 0) + (k > 1 && !part.sum);
    }
    ctx->shape = (struct task_shape){
        .vocab = S_PAUSE + TASK_MAX_STEPS,
        .channels = 1,
        .channel_vocab = {S_PAUSE + TASK_MAX_STEPS},
        .question = 2 * n + 2,
        .reasoning = reasoning,
        .output = 2 * n + 2,
        .steps = step_count(n),
        .n_values = 10,
        .alphabets = 1,
        .bot = S_BOT,
        .eot = S_EOT,
        .eos = S_EOS,
        .pad = S_PAD,
        .pause = S_PAUSE,
        .slot_answer = 2 * n,
        .slot_report = -1,
        .answer_tokens = 2 * n,
        .step_answer = TASK_NO_STEP,
        .step_concealed = -1,
        .none_step = -1,
        .none_out = -1,
    };
    return ST_OK;
}

static void sample(const struct task_ctx *ctx, struct rng *r, enum task_split split, struct problem *p) {
    int n = ctx->options.digits, slot[MOST_DIGITS];
    memset(p, 0, sizeof *p);
    bool easy = split == TASK_TRAIN && rng_uniform(r) < ctx->options.easy;
    for (int i = 0; i < 2 * n; i++) p->facts[i] = (int16_t)(i % n == n - 1 ? 1 + rng_below(r, 9) : rng_below(r, 10));
    if (easy) {
        int kept = (int)rng_below(r, (uint32_t)n);
        for (int i = 0; i < n; i++) slot[i] = i;
        rng_shuffle(r, slot, n);
        for (int i = kept; i < n; i++) p->facts[n + slot[i]] = 0;
    }
    write_problem(ctx, p);
}

static int rerun(const struct task_ctx *ctx, const struct problem *p, int step, int value, int *values, int *report) {
    int n = ctx->options.digits;
    long number[TASK_MAX_STEPS], product;
    *report = -1;
    if (!run(ctx, p, step, value, number, &product)) return -1;
    for (int k = 0; k < step_count(n); k++) values[k] = (int)(number[k] / power(n + part_of(k).i - 1));
    return (int)(product / power(2 * n - 1));
}

/* A step states a value when every position of it holds the kind of token that belongs there. */
static void read_steps(const struct task_ctx *ctx, const struct problem *p, const int *tokens, int n, int *values) {
    (void)ctx;
    for (int k = 0; k < p->n_steps; k++) {
        int to = p->step_start[k + 1];
        values[k] = to <= n ? tokens[to - 1] : -1;
        for (int i = p->step_start[k]; i < to && i < n; i++) {
            bool digit = tokens[i] >= 0 && tokens[i] < 10;
            if (p->reasoning[i] < 10 ? !digit : tokens[i] != p->reasoning[i]) values[k] = -1;
        }
    }
}

static int value_token(const struct task_ctx *ctx, int step, int value, int alphabet) {
    (void)ctx, (void)step, (void)alphabet;
    return value >= 0 && value < 10 ? value : -1;
}

static int token_value(const struct task_ctx *ctx, int token, int *alphabet) {
    (void)ctx;
    *alphabet = 0;
    return token >= 0 && token < 10 ? token : -1;
}

static const char *token_name(const struct task_ctx *ctx, int token) {
    return token >= 0 && token < ctx->shape.vocab ? names[token] : "?";
}

static bool mark(const struct task_ctx *ctx, struct problem *p, uint32_t flags) {
    (void)ctx, (void)p;
    return flags == 0;
}

/* ---- the published file ---- */

/* The line that states a problem, as published. */
static void publish(const struct problem *p, char line[LINE]) {
    int n = 0;
    for (int i = 0; i < p->n_question - 1; i++)
        n += snprintf(line + n, (size_t)(LINE - n), "%s%s", i ? " " : "", names[p->question[i]]);
    for (int i = 0; i < p->n_reasoning; i++)
        n += snprintf(line + n, (size_t)(LINE - n), "%s%s", i ? " " : "||", names[p->reasoning[i]]);
    for (int i = 1; i < p->n_output - 1; i++)
        n += snprintf(line + n, (size_t)(LINE - n), "%s%s", i > 1 ? " " : " #### ", names[p->output[i]]);
}

/* The factors are read; the rest of the line must be what they give. */
static enum status read_line(const struct task_ctx *ctx, const char *path, int number, const char *line, size_t length,
                             struct problem *p) {
    int n = ctx->options.digits;
    size_t question = (size_t)(4 * n + 1);
    char want[LINE];
    bool good = length >= question;
    memset(p, 0, sizeof *p);
    for (int i = 0; good && i < 2 * n + 1; i++) {
        char c = line[2 * i];
        good = i == n ? c == '*' : c >= '0' && c <= '9';
        if (i < 2 * n && line[2 * i + 1] != ' ') good = false;
        if (i != n) p->facts[i < n ? i : i - 1] = (int16_t)(c - '0');
    }
    if (!good || p->facts[n - 1] == 0 || p->facts[2 * n - 1] == 0)
        return status_set(ST_DATA, "%s:%d: expected two factors of %d digits, units first, as in '%s'", path, number, n,
                          "5 6 3 2 * 7 4 3 4");
    write_problem(ctx, p);
    publish(p, want);
    if (length != strlen(want) || memcmp(line, want, length) != 0)
        return status_set(ST_DATA, "%s:%d: expected '%s'", path, number, want);
    return ST_OK;
}

static enum status load(const struct task_ctx *ctx, struct arena *a, struct problem **problems, int *n) {
    const char *dir = ctx->options.data_dir;
    char *text;
    size_t size;
    if (!dir) return status_set(ST_USAGE, "mult: 4x4_valid.txt is read from a data folder, and none was given");
    if (ctx->options.digits != 4)
        return status_set(ST_USAGE, "mult: the published set has factors of 4 digits, not %d", ctx->options.digits);
    const char *path = arena_printf(a, "%s/mult/4x4_valid.txt", dir);
    if (!fs_exists(path)) path = arena_printf(a, "%s/4x4_valid.txt", dir);
    TRY(fs_read(a, path, &text, &size));
    int lines = 0;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    *problems = ARENA_NEW(a, struct problem, lines + 1);
    *n = 0;
    for (const char *at = text, *end = text + size; at < end;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        TRY(read_line(ctx, path, *n + 1, at, (size_t)(stop - at), &(*problems)[*n]));
        ++*n;
        at = stop + 1;
    }
    if (*n == 0) return status_set(ST_DATA, "%s:1: expected a problem, found nothing", path);
    return ST_OK;
}

const struct task task_mult = {
    .name = "mult",
    .summary = "multiplication by partial products and running sums, digits reversed",
    .source = "Deng et al. 2024, arXiv 2405.14838",
    .version = 1,
    .open = mult_open,
    .sample = sample,
    .load = load,
    .rerun = rerun,
    .read_steps = read_steps,
    .value_token = value_token,
    .token_value = token_value,
    .token_name = token_name,
    .mark = mark,
};
