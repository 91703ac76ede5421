/* GSM8K word problems (Cobbe et al. 2021, arXiv 2110.14168): readers of the two published forms, and their words.
 *
 *   JSON lines      {"question": "...", "answer": "... <<48/2=24>>24 clips ...\n#### 72"}
 *   implicit CoT    question||<<48/2=24>> <<48+24=72>> #### 72        (Deng et al. 2024, arXiv 2405.14838)
 *
 * Of the worked answer only the calculator marks are kept: a step is the text between << and >>, an expression, one
 * '=', and a number.
 */
#ifndef SPILLOVER_GSM8K_H
#define SPILLOVER_GSM8K_H

#include "data/task.h"

struct gsm8k_item {
    const char *question;
    const char *step[TASK_MAX_STEPS]; /* without << and >> */
    const char *answer;               /* a number, as published */
    int n_steps;                      /* 0: the answer was not worked out in marks */
};

/* Items in file order, in the arena. ST_IO, or ST_DATA with "path:line: expected ...". */
MUST_USE enum status gsm8k_read_json(struct arena *a, const char *path, struct gsm8k_item **items, int *n);
MUST_USE enum status gsm8k_read_icot(struct arena *a, const char *path, struct gsm8k_item **items, int *n);

/* A word of a text: letters in lower case, a number without commas and trailing zeros ("1,250.50" is 1250.5), or any
 * other character by itself. A longer word keeps its first bytes. */
enum { GSM8K_WORD = 48 };
struct gsm8k_word {
    bool number;
    char text[GSM8K_WORD];
};

/* The next word from *at, which moves behind it; false at the end of the text. */
bool gsm8k_next(const char **at, struct gsm8k_word *w);

/* A file of the set: <data>/gsm8k/<name>, or <data>/<name>. */
const char *gsm8k_path(const struct task_ctx *ctx, struct arena *a, const char *name);

/* train.jsonl; out[i] is true for items whose question is in icot_valid.txt, which is a part of it (without that file
 * for none). */
MUST_USE enum status gsm8k_read_train(const struct task_ctx *ctx, struct arena *a, struct gsm8k_item **items, int *n,
                                      bool **out);

/* What GPT-2 was reported to answer; ends with arm NULL. */
extern const struct task_published gsm8k_published[];

/* A hash of a text; a problem's template by its question; the split that a template belongs to: of 16 one is kept to
 * evaluate on, one to press on, and two to fit probes on, who want many. */
uint64_t gsm8k_hash(const char *text);
int32_t gsm8k_template(const char *question);
enum task_split gsm8k_split(int32_t template_id);

/* The problems that each split draws from. */
struct gsm8k_sets {
    struct problem *problem[TASK_SPLITS];
    int n[TASK_SPLITS];
};

/* Room for all problems that n items make; add one to the split of its template; ST_DATA, with the place named, where a
 * split has none; draw one. */
void gsm8k_sets_open(struct gsm8k_sets *s, struct arena *a, const struct gsm8k_item *items, int n);
void gsm8k_sets_add(struct gsm8k_sets *s, const struct problem *p);
MUST_USE enum status gsm8k_sets_check(const struct gsm8k_sets *s, const char *where);
struct problem gsm8k_sets_draw(const struct gsm8k_sets *s, struct rng *r, enum task_split split);

/* Of an open task "gsm8k" or "gsm8k_bpe". */
const struct gsm8k_sets *gsm8k_sets_of(const struct task_ctx *ctx);
const struct gsm8k_sets *gsm8k_bpe_sets_of(const struct task_ctx *ctx);

#endif
