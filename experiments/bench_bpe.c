/* How fast text becomes tokens: the questions and answers of GSM8K through GPT-2's tokenizer. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "data/bpe.h"
#include "engine/base/fs.h"
#include "experiments/bench.h"

static enum status open_files(struct arena *a, const char *dir, struct bpe **b, char **text, size_t *size) {
    const char *vocab = arena_printf(a, "%s/gpt2/vocab.json", dir),
               *merges = arena_printf(a, "%s/gpt2/merges.txt", dir);
    TRY(fs_read(a, arena_printf(a, "%s/gsm8k/train.jsonl", dir), text, size));
    return bpe_open(b, a, vocab, merges);
}

enum status bench_bpe(struct arena *a, const char *dir, double seconds, json_t *list) {
    struct bpe *b;
    char *text;
    size_t size, passes = 0;
    double first = 0.0, spent;
    TRY(open_files(a, dir, &b, &text, &size));
    int *ids = ARENA_NEW(a, int, size);
    long n = 0;
    const double start = bench_cpu_seconds();
    do {
        n = bpe_encode(b, text, size, ids);
        spent = bench_cpu_seconds() - start;
        if (passes++ == 0) first = spent;
    } while (spent < seconds || passes < 2);
    const double cold = (double)size / first * 1e-6;
    const double warm = (double)size * (double)(passes - 1) / (spent - first) * 1e-6;
    const int count = bpe_count(b);
    bpe_close(b);
    if (!list) {
        printf("bpe: %.2f MB as %ld tokens of %d: %.1f MB/s the first time, %.1f MB/s with its pieces known\n",
               (double)size * 1e-6, n, count, cold, warm);
        return ST_OK;
    }
    json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:i, s:f, s:f}", "case", "bpe", "bytes", (json_int_t)size,
                                          "tokens", (json_int_t)n, "vocabulary", count, "first_mb_per_second", cold,
                                          "mb_per_second", warm));
    return ST_OK;
}
