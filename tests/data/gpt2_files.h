/* The files that suite gpt2_gsm8k reads, made up: a tokenizer in GPT-2's two formats, and word problems.
 *
 * Tokenizer: the 256 bytes in GPT-2's order, numbers to 999 with and without a blank, and pairs of bytes up to `total`
 * tokens, <|endoftext|> the last. */
#ifndef TESTS_GPT2_FILES_H
#define TESTS_GPT2_FILES_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/arena.h"
#include "engine/base/fs.h"

enum { GPT2_SMALLEST = 256 + 1100 + 1110 + 27 * 26 + 1 }; /* with all pairs of letters */

struct bpe_writer {
    FILE *vocab, *merges;
    int n, total;
};

/* Byte i of GPT-2's order as its alphabet writes it. */
static inline void bpe_symbol(int i, char to[3]) {
    int code = i < 94 ? '!' + i : i < 106 ? 161 + i - 94 : i < 188 ? 174 + i - 106 : 256 + i - 188;
    int n = 0;
    if (code < 128) {
        to[n++] = (char)code;
    } else {
        to[n++] = (char)(0xc0 | code >> 6);
        to[n++] = (char)(0x80 | (code & 63));
    }
    to[n] = '\0';
}

static inline void bpe_add_token(struct bpe_writer *w, const char *left, const char *right) {
    if (w->n == w->total - 1) return;
    if (*right) fprintf(w->merges, "%s %s\n", left, right);
    const char *escape = *right == '\0' && (*left == '"' || *left == '\\') ? "\\" : "";
    fprintf(w->vocab, "%s\"%s", w->n ? ", " : "{", escape);
    for (int side = 0; side < 2; side++)
        for (const char *c = side ? right : left; *c; c++)
            fprintf(w->vocab, "%s%c", *right && (*c == '"' || *c == '\\') ? "\\" : "", *c);
    fprintf(w->vocab, "\": %d", w->n++);
}

static inline void bpe_add_numbers(struct bpe_writer *w) {
    char left[8], right[8];
    static const char blank[] = "\xc4\xa0"; /* 256 + 32 */
    for (int digits = 2; digits <= 3; digits++)
        for (int x = 0; x < (digits == 2 ? 100 : 1000); x++) {
            snprintf(left, sizeof left, "%0*d", digits - 1, x / 10);
            snprintf(right, sizeof right, "%d", x % 10);
            bpe_add_token(w, left, right);
        }
    for (int digits = 1; digits <= 3; digits++)
        for (int x = 0, most = digits == 1 ? 10 : digits == 2 ? 100 : 1000; x < most; x++) {
            snprintf(right, sizeof right, "%0*d", digits, x);
            bpe_add_token(w, blank, right);
        }
}

/* Pairs of the blank and letters in lower case come first. */
static inline void bpe_add_pairs(struct bpe_writer *w) {
    char left[3], right[3];
    for (int at = 0; at < 2 * 65536; at++) {
        const int i = at / 256 % 256, j = at % 256;
        const bool letters = (i == 220 || (i >= 64 && i < 90)) && j >= 64 && j < 90;
        if (letters != (at < 65536)) continue;
        bpe_symbol(i, left);
        bpe_symbol(j, right);
        const bool digit = right[0] >= '0' && right[0] <= '9' && right[1] == '\0';
        if (digit && ((left[0] >= '0' && left[0] <= '9') || i == 220)) continue;
        bpe_add_token(w, left, right);
    }
}

/* folder/vocab.json and folder/merges.txt; 0 on success. */
static inline int bpe_write_files(const char *folder, int total) {
    char path[2][512], symbol[3];
    snprintf(path[0], sizeof path[0], "%.480s/vocab.json", folder);
    snprintf(path[1], sizeof path[1], "%.480s/merges.txt", folder);
    struct bpe_writer w = {.vocab = fopen(path[0], "w"), .merges = fopen(path[1], "w"), .total = total};
    if (!w.vocab || !w.merges) return 1;
    fprintf(w.merges, "#version: 0.2\n");
    for (int i = 0; i < 256; i++) {
        bpe_symbol(i, symbol);
        bpe_add_token(&w, symbol, "");
    }
    bpe_add_numbers(&w);
    bpe_add_pairs(&w);
    fprintf(w.vocab, ", \"<|endoftext|>\": %d}\n", w.n);
    const int bad = ferror(w.vocab) || ferror(w.merges);
    return fclose(w.vocab) || fclose(w.merges) || bad;
}

/* "Ann has i pears, buys 7, and eats half of 8": 60 problems with two dependent steps; the published set holds another
 * one, and one whose answer takes several tokens. 0 on success. */
static inline int gsm8k_write_files(const char *folder) {
    char path[2][512];
    snprintf(path[0], sizeof path[0], "%.480s/train.jsonl", folder);
    snprintf(path[1], sizeof path[1], "%.480s/icot_valid.txt", folder);
    FILE *train = fopen(path[0], "w"), *published = fopen(path[1], "w");
    if (!train || !published) return 1;
    for (int i = 1; i <= 60; i++)
        fprintf(train,
                "{\"question\": \"Ann has %d pears and buys 7. She eats half of 8. Left?\", "
                "\"answer\": \"<<%d+7=%d>> and <<%d-8/2=%d>>.\\n#### %d\"}\n",
                i, i, i + 7, i + 7, i + 3, i + 3);
    fprintf(published, "Tom  has 1200 nuts and finds 34.||<<1200+34=1234>> #### 1,234\n"
                       "Ann has 5 pears?||<<5+7=12>> <<12-8/2=8>> #### 8\n");
    return fclose(train) || fclose(published);
}

/* Both, in dir/gpt2 and dir/gsm8k, which are made where they are missing; 0 on success. */
static inline int gpt2_write_data(struct arena *a, const char *dir, int total) {
    const char *gpt2 = arena_printf(a, "%s/gpt2", dir), *gsm8k = arena_printf(a, "%s/gsm8k", dir);
    if (fs_mkdirs(gpt2) || fs_mkdirs(gsm8k)) return 1;
    return bpe_write_files(gpt2, total) || gsm8k_write_files(gsm8k);
}

#endif
