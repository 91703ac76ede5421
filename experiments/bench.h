/* The benchmark: how many tokens or sequences a second the engine gives on one core, and how far that is from what the
 * core's multipliers allow.
 *
 * bound = flops of the matrix products and of causal attention (backward: twice the forward's) at this core's FMA peak,
 * measured in the same run. Times are CPU time of the thread, so a busy machine costs cache and not the figure.
 */
#ifndef SPILLOVER_BENCH_H
#define SPILLOVER_BENCH_H

#include <jansson.h>

#include "engine/adamw.h"
#include "engine/lanes.h"
#include "engine/loss.h"

enum bench_kind {
    BENCH_TRAIN,    /* one AdamW step: `batch` rows of `prompt` tokens, every position predicts the next */
    BENCH_LATENT,   /* one AdamW step: prompt, `thoughts` fed-back states, `output` tokens that predict; all backward */
    BENCH_GENERATE, /* greedy decoding with the K/V cache: prompt, then `output` tokens */
};

struct bench_case {
    const char *name;
    enum bench_kind kind;
    int vocab, width, layers, heads;
    int batch, shard; /* rows of a step; rows on a tape at a time */
    int prompt, thoughts, output;
    int lora; /* rank of the weights that are trained; 0: all */
};

extern const struct bench_case bench_cases[];
extern const int bench_case_count;

/* "tokens" or "sequences": what one step is counted in, and how many it does. */
const char *bench_unit(const struct bench_case *c);
double bench_units(const struct bench_case *c);

/* Least floating-point operations of one step. */
double bench_flop(const struct bench_case *c);

struct bench_work;

/* Everything for a case in the arena: weights, tapes, tokens. gemm_open first. Training with more than one lane takes
 * the shards of a step to up to `threads` threads; other cases use one. */
MUST_USE enum status bench_work_open(struct bench_work **w, struct arena *a, const struct bench_case *c, int lanes,
                                     int threads);
MUST_USE enum status bench_work_step(struct bench_work *w);
void bench_work_close(struct bench_work *w);

/* Seconds of CPU this thread, or this process, has used. */
double bench_cpu_seconds(void);
double bench_process_seconds(void);

/* FMA peak of the chosen kernels on this core, in flop per second, over about `seconds`. */
double bench_peak(double seconds);

/* Tables of --ops, --bpe and --metrics, for one case; added to the JSON array `list`, or printed where it is NULL. `dir`
 * holds gpt2/vocab.json, gpt2/merges.txt and gsm8k/train.jsonl. */
MUST_USE enum status bench_ops(struct arena *a, const struct bench_case *c, double seconds, json_t *list);
MUST_USE enum status bench_bpe(struct arena *a, const char *dir, double seconds, json_t *list);
MUST_USE enum status bench_metrics(struct arena *a, json_t *list);

#endif
