#include "data/gsm8k.h"

#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"

/* Locale must not decide what a letter is. */
static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static bool is_letter(char c) {
    return is_upper(c) || (c >= 'a' && c <= 'z');
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Bytes of a number: 5, 1,250, 2.5, .5; 0 where none begins. A comma or point that ends it is not its own. */
static size_t number_length(const char *s) {
    size_t n = 0;
    if (!is_digit(s[0]) && !(s[0] == '.' && is_digit(s[1]))) return 0;
    while (is_digit(s[n]) || (s[n] == ',' && is_digit(s[n + 1]))) n++;
    if (s[n] == '.' && is_digit(s[n + 1]))
        for (n++; is_digit(s[n]);) n++;
    return n;
}

static void put(struct gsm8k_word *w, size_t *n, char c) {
    if (*n < GSM8K_WORD - 1) w->text[(*n)++] = c;
    w->text[*n] = '\0';
}

static void normal_number(struct gsm8k_word *w, const char *s, size_t length) {
    size_t n = 0, point = 0;
    if (s[0] == '.') put(w, &n, '0');
    for (size_t i = 0; i < length; i++) {
        if (s[i] == '.') point = n;
        if (s[i] != ',') put(w, &n, s[i]);
    }
    while (point && n > point && (w->text[n - 1] == '0' || w->text[n - 1] == '.')) w->text[--n] = '\0';
}

bool gsm8k_next(const char **at, struct gsm8k_word *w) {
    const char *s = *at;
    size_t n = 0, length;
    while (is_space(*s)) s++;
    if (*s == '\0') return false;
    w->number = (length = number_length(s)) > 0;
    if (w->number) {
        normal_number(w, s, length);
    } else if (is_letter(*s)) {
        for (length = 0; is_letter(s[length]); length++)
            put(w, &n, (char)(is_upper(s[length]) ? s[length] + 32 : s[length]));
    } else {
        put(w, &n, *s);
        for (length = 1; (s[length] & 0xc0) == 0x80; length++) put(w, &n, s[length]); /* the rest of a character */
    }
    *at = s + length;
    return true;
}

/* ---- what both forms share ---- */

struct place {
    const char *path;
    int line;
};

static enum status expected_at(const struct place *at, const char *what) {
    return status_set(ST_DATA, "%s:%d: expected %s", at->path, at->line, what);
}

/* A step is an expression, one '=', and a number that may be negative. */
static bool is_step(const char *s) {
    const char *equals = strchr(s, '=');
    if (!equals || equals == s || strspn(s, "0123456789.+-*/()") != (size_t)(equals - s)) return false;
    const char *result = equals + 1 + (equals[1] == '-');
    size_t n = number_length(result);
    if (result[n] == '.') n++; /* "5." is published too */
    return n > 0 && result[n] == '\0' && !strchr(result, ',');
}

static bool is_answer(const char *s) {
    s += *s == '-';
    size_t n = number_length(s);
    return n > 0 && s[n] == '\0' && s[0] != '.';
}

static char *copy(struct arena *a, const char *s, size_t n) {
    char *to = ARENA_NEW(a, char, n + 1);
    memcpy(to, s, n);
    to[n] = '\0';
    return to;
}

/* The mark that begins at *at ("<<"), which moves behind ">>". */
static enum status take_step(struct arena *a, const struct place *at, const char **s, struct gsm8k_item *item) {
    const char *end = strstr(*s, ">>");
    if (!end) return expected_at(at, "'>>' behind '<<'");
    if (item->n_steps == TASK_MAX_STEPS)
        return status_set(ST_DATA, "%s:%d: expected at most %d steps", at->path, at->line, TASK_MAX_STEPS);
    const char *step = copy(a, *s + 2, (size_t)(end - *s - 2));
    if (!is_step(step)) return expected_at(at, "a step as in '<<48/2=24>>'");
    item->step[item->n_steps++] = step;
    *s = end + 2;
    return ST_OK;
}

static enum status take_answer(struct arena *a, const struct place *at, const char *s, struct gsm8k_item *item) {
    item->answer = arena_strdup(a, s);
    return is_answer(s) ? ST_OK : expected_at(at, "a number behind '#### '");
}

/* ---- JSON lines ---- */

static enum status read_object(struct arena *a, const struct jsonio_lines *l, const json_t *object,
                               struct gsm8k_item *item) {
    const struct place at = {l->path, l->line};
    const char *question, *answer;
    TRY(jsonio_get_string(l->where, object, "question", &question));
    TRY(jsonio_get_string(l->where, object, "answer", &answer));
    if (question[strspn(question, " \n\t")] == '\0') return expected_at(&at, "a question that says something");
    *item = (struct gsm8k_item){.question = arena_strdup(a, question)};
    const char *last = strstr(answer, "\n#### ");
    if (!last || strstr(last + 6, "####")) return expected_at(&at, "an answer with one line '#### 72', its last");
    for (const char *s = strstr(answer, "<<"); s && s < last; s = strstr(s, "<<")) TRY(take_step(a, &at, &s, item));
    return take_answer(a, &at, last + 6, item);
}

enum status gsm8k_read_json(struct arena *a, const char *path, struct gsm8k_item **items, int *n) {
    struct jsonio_lines l;
    json_t *object = NULL;
    TRY(jsonio_lines_open(&l, a, path));
    int lines = 1;
    for (const char *s = l.next; s < l.end; s++) lines += *s == '\n';
    *items = ARENA_NEW(a, struct gsm8k_item, lines);
    for (*n = 0;; ++*n) {
        TRY(jsonio_lines_next(&l, &object));
        if (!object) break;
        enum status st = read_object(a, &l, object, &(*items)[*n]);
        json_decref(object);
        TRY(st);
    }
    const struct place end = {path, 1};
    return *n ? ST_OK : expected_at(&end, "a problem, found nothing");
}

/* ---- the implicit-CoT text form ---- */

static enum status read_line(struct arena *a, const struct place *at, const char *line, struct gsm8k_item *item) {
    const char *bar = strstr(line, "||");
    *item = (struct gsm8k_item){0};
    if (!bar || strstr(bar + 2, "||")) return expected_at(at, "one '||' between question and steps");
    item->question = copy(a, line, (size_t)(bar - line));
    if (item->question[strspn(item->question, " \t")] == '\0') return expected_at(at, "a question that says something");
    const char *s = bar + 2;
    while (strncmp(s, "<<", 2) == 0) {
        TRY(take_step(a, at, &s, item));
        if (strncmp(s, " <<", 3) == 0) s++;
    }
    if (strncmp(s, " #### ", 6) != 0) return expected_at(at, "steps '<<48/2=24>>', one space between, then ' #### 72'");
    return take_answer(a, at, s + 6, item);
}

enum status gsm8k_read_icot(struct arena *a, const char *path, struct gsm8k_item **items, int *n) {
    char *text;
    size_t size;
    TRY(fs_read(a, path, &text, &size));
    int lines = 1;
    for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
    *items = ARENA_NEW(a, struct gsm8k_item, lines);
    struct place at = {path, 1};
    if (size == 0) return expected_at(&at, "a problem, found nothing");
    if (memchr(text, '\0', size)) return expected_at(&at, "text, found a NUL byte");
    *n = 0;
    for (char *line = text; line < text + size; at.line++) {
        char *end = strchr(line, '\n');
        if (end) *end = '\0';
        TRY(read_line(a, &at, line, &(*items)[(*n)++]));
        line = end ? end + 1 : text + size;
    }
    return ST_OK;
}

/* ---- the sets ---- */

const char *gsm8k_path(const struct task_ctx *ctx, struct arena *a, const char *name) {
    const char *dir = ctx->options.data_dir, *path = arena_printf(a, "%s/gsm8k/%s", dir, name);
    return fs_exists(path) ? path : arena_printf(a, "%s/%s", dir, name);
}

uint64_t gsm8k_hash(const char *s) {
    uint64_t h = 14695981039346656037u;
    for (; *s; s++) h = (h ^ (unsigned char)*s) * 1099511628211u;
    h = (h ^ h >> 32) * 0x9e3779b97f4a7c15u;
    return h ^ h >> 29;
}

int32_t gsm8k_template(const char *question) {
    return (int32_t)(gsm8k_hash(question) % 4096);
}

enum task_split gsm8k_split(int32_t template_id) {
    const int part = template_id % 16;
    return part == 0 ? TASK_EVAL : part == 1 ? TASK_PRESS : part <= 3 ? TASK_FIT : TASK_TRAIN;
}

void gsm8k_sets_open(struct gsm8k_sets *s, struct arena *a, const struct gsm8k_item *items, int n) {
    int room[TASK_SPLITS] = {0};
    for (int i = 0; i < n; i++) room[gsm8k_split(gsm8k_template(items[i].question))]++;
    for (int k = 0; k < TASK_SPLITS; k++) {
        s->problem[k] = ARENA_NEW(a, struct problem, room[k]);
        s->n[k] = 0;
    }
}

void gsm8k_sets_add(struct gsm8k_sets *s, const struct problem *p) {
    const enum task_split split = gsm8k_split(p->template_id);
    s->problem[split][s->n[split]++] = *p;
}

enum status gsm8k_sets_check(const struct gsm8k_sets *s, const char *where) {
    for (int k = 0; k < TASK_SPLITS; k++)
        if (s->n[k] == 0)
            return status_set(ST_DATA,
                              "%s: %d problems to train on, %d to evaluate on, %d to press on, %d to fit probes on: "
                              "expected some of each",
                              where, s->n[TASK_TRAIN], s->n[TASK_EVAL], s->n[TASK_PRESS], s->n[TASK_FIT]);
    return ST_OK;
}

struct problem gsm8k_sets_draw(const struct gsm8k_sets *s, struct rng *r, enum task_split split) {
    return s->problem[split][rng_below(r, (uint32_t)s->n[split])];
}

static int by_question(const void *x, const void *y) {
    return strcmp(*(const char *const *)x, *(const char *const *)y);
}

/* The question without case, spacing and the like: what makes two of them the same. */
static const char *plain_question(struct arena *a, const char *question) {
    struct gsm8k_word w;
    size_t n = 0, most = 2 * strlen(question) + 2;
    char *plain = ARENA_NEW(a, char, most);
    for (const char *at = question; gsm8k_next(&at, &w);) {
        size_t length = strlen(w.text);
        memcpy(plain + n, w.text, length);
        n += length;
        plain[n++] = ' ';
    }
    return plain;
}

enum status gsm8k_read_train(const struct task_ctx *ctx, struct arena *a, struct gsm8k_item **items, int *n,
                             bool **out) {
    struct gsm8k_item *published;
    int m;
    TRY(gsm8k_read_json(a, gsm8k_path(ctx, a, "train.jsonl"), items, n));
    *out = ARENA_NEW(a, bool, *n);
    const char *path = gsm8k_path(ctx, a, "icot_valid.txt");
    if (!fs_exists(path)) return ST_OK;
    TRY(gsm8k_read_icot(a, path, &published, &m));
    const char **question = ARENA_NEW(a, const char *, m);
    for (int i = 0; i < m; i++) question[i] = plain_question(a, published[i].question);
    qsort(question, (size_t)m, sizeof *question, by_question);
    for (int i = 0; i < *n; i++) {
        const char *own = plain_question(a, (*items)[i].question);
        (*out)[i] = bsearch(&own, question, (size_t)m, sizeof *question, by_question) != NULL;
    }
    return ST_OK;
}

const struct task_published gsm8k_published[] = {
    {"text", "GPT-2", .429, .429, "Hao et al. 2024, arXiv 2412.06769, table 1"},
    {"coconut", "GPT-2", .341, .341, "Hao et al. 2024, arXiv 2412.06769, table 1"},
    {"codi", "GPT-2", .437, .437, "Shen et al. 2025, arXiv 2502.21074"},
    {0},
};
