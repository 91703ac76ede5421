/* Shared by bpe.c (encode, decode) and bpe_read.c (files). Not for others. */
#ifndef SPILLOVER_BPE_INTERNAL_H
#define SPILLOVER_BPE_INTERNAL_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdbool.h>
#include <stdint.h>

#include "data/bpe.h"

enum { BPE_NO_RANK = INT32_MAX };

struct bpe_token {
    const char *bytes;
    int size;
};

struct bpe_pair {
    int left, right; /* left -1: an empty slot */
    int rank, result;
};

/* A piece met lately, with its ids: most pieces of a text are frequent words. */
enum { CACHE_SLOTS = 1 << 15, CACHE_BYTES = 24, CACHE_IDS = 9 };
struct bpe_cached {
    char bytes[CACHE_BYTES];
    uint8_t size, n; /* size 0: an empty slot */
    int ids[CACHE_IDS];
};

/* A piece while it is merged: symbols in a list by position, and a heap of (rank, position of the left symbol). */
struct bpe_scratch {
    int *id, *next, *previous; /* id -1: merged away; next: position, or the end */
    int *rank;                 /* of the pair that begins here */
    uint64_t *heap;
    long capacity, n_heap;
};

struct bpe {
    struct arena *arena;
    struct bpe_token *tokens;
    int n_tokens, token_capacity;
    int *token_slots; /* [n_token_slots] id or -1, by hash of the bytes */
    uint32_t n_token_slots;
    struct bpe_pair *pairs; /* [n_pairs] by hash of the two ids */
    uint32_t n_pairs;
    int byte_id[256];
    pcre2_general_context *context;
    pcre2_code *pattern;
    pcre2_match_data *match;
    struct bpe_cached *cache; /* [CACHE_SLOTS] */
    struct bpe_scratch scratch;
};

uint64_t bpe_hash(const char *bytes, size_t size);
void bpe_insert(struct bpe *b, const char *bytes, int size, int id);

/* The slot of a pair, or the empty one where it belongs. */
struct bpe_pair *bpe_pair_slot(const struct bpe *b, int left, int right);

/* Length of the well-formed UTF-8 character at text, 0 when there is none; *c is its code point. */
int bpe_character(const char *text, size_t size, uint32_t *c);

/* Ready the pattern, the cache and the scratch; the vocabulary follows. */
void bpe_open_pattern(struct bpe *b);

#endif
