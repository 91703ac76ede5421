#include "data/bpe.h"

#include <string.h>

#include "data/bpe_internal.h"

/* White space is written out: PCRE2's \s has U+180E, which is none since Unicode 6.3. */
#define SPACE                                                                                                          \
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
#define PATTERN                                                                                                        \
    "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" SPACE "\\p{L}\\p{N}]+|[" SPACE "]+(?![^" SPACE "])|[" SPACE "]+"

/* ---- tables ---- */

uint64_t bpe_hash(const char *bytes, size_t size) { /* FNV-1a, then a finaliser: the low bits choose the slot */
    uint64_t h = 14695981039346656037U;
    for (size_t i = 0; i < size; i++) h = (h ^ (unsigned char)bytes[i]) * 1099511628211U;
    return h ^ h >> 32;
}

static uint32_t token_slot(const struct bpe *b, const char *bytes, size_t size) {
    uint32_t at = (uint32_t)bpe_hash(bytes, size) & (b->n_token_slots - 1);
    for (; b->token_slots[at] >= 0; at = (at + 1) & (b->n_token_slots - 1)) {
        const struct bpe_token *t = &b->tokens[b->token_slots[at]];
        if ((size_t)t->size == size && memcmp(t->bytes, bytes, size) == 0) break;
    }
    return at;
}

int bpe_find(const struct bpe *b, const char *text, size_t size) {
    return b->token_slots[token_slot(b, text, size)];
}

void bpe_insert(struct bpe *b, const char *bytes, int size, int id) {
    b->tokens[id] = (struct bpe_token){bytes, size};
    b->token_slots[token_slot(b, bytes, (size_t)size)] = id;
}

struct bpe_pair *bpe_pair_slot(const struct bpe *b, int left, int right) {
    uint64_t key = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15U;
    uint32_t at = (uint32_t)(key >> 32) & (b->n_pairs - 1);
    while (b->pairs[at].left >= 0 && (b->pairs[at].left != left || b->pairs[at].right != right))
        at = (at + 1) & (b->n_pairs - 1);
    return &b->pairs[at];
}

int bpe_count(const struct bpe *b) {
    return b->n_tokens;
}

int bpe_add(struct bpe *b, const char *text) {
    int id = bpe_find(b, text, strlen(text));
    if (id >= 0) return id;
    if (b->n_tokens == b->token_capacity) BUG("more than %d tokens", b->token_capacity);
    bpe_insert(b, arena_strdup(b->arena, text), (int)strlen(text), b->n_tokens);
    return b->n_tokens++;
}

/* ---- the pattern ---- */

static void *pattern_alloc(size_t size, void *arena) {
    return arena_alloc(arena, size, 1);
}

static void pattern_free(void *object, void *arena) { /* the arena keeps it until it closes */
    (void)object, (void)arena;
}

void bpe_open_pattern(struct bpe *b) {
    int error;
    PCRE2_SIZE at;
    b->context = pcre2_general_context_create(pattern_alloc, pattern_free, b->arena);
    pcre2_compile_context *compile = pcre2_compile_context_create(b->context);
    b->pattern =
        pcre2_compile((PCRE2_SPTR)PATTERN, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_ANCHORED, &error, &at, compile);
    if (!b->pattern) BUG("pattern: error %d at %zu", error, at);
    pcre2_jit_compile(b->pattern, PCRE2_JIT_COMPLETE); /* without it, matching is only slower */
    b->match = pcre2_match_data_create(1, b->context);
    b->cache = ARENA_NEW(b->arena, struct bpe_cached, CACHE_SLOTS);
}

void bpe_close(struct bpe *b) {
    pcre2_match_data_free(b->match);
    pcre2_code_free(b->pattern);
}

int bpe_character(const char *text, size_t size, uint32_t *c) {
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];
    int n = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    if (n == 0 || (size_t)n > size) return 0;
    *c = n == 1 ? lead : lead & (0x7fU >> n);
    for (int i = 1; i < n; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80) return 0;
        *c = *c << 6 | ((unsigned char)text[i] & 0x3f);
    }
    return *c < least[n] || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000) ? 0 : n;
}

/* ---- merging one piece ---- */

static void reserve(struct bpe *b, long n) {
    struct bpe_scratch *s = &b->scratch;
    if (n <= s->capacity) return;
    while (s->capacity < n) s->capacity = s->capacity ? 2 * s->capacity : 256;
    s->id = ARENA_NEW(b->arena, int, s->capacity);
    s->next = ARENA_NEW(b->arena, int, s->capacity);
    s->previous = ARENA_NEW(b->arena, int, s->capacity);
    s->rank = ARENA_NEW(b->arena, int, s->capacity);
    /* every position enters once, and every merge (fewer than positions) lets two pairs enter */
    s->heap = ARENA_NEW(b->arena, uint64_t, 3 * s->capacity);
}

static void heap_push(struct bpe_scratch *s, uint64_t key) {
    long i = s->n_heap++;
    for (; i > 0 && s->heap[(i - 1) / 2] > key; i = (i - 1) / 2) s->heap[i] = s->heap[(i - 1) / 2];
    s->heap[i] = key;
}

static uint64_t heap_pop(struct bpe_scratch *s) {
    uint64_t least = s->heap[0], key = s->heap[--s->n_heap];
    long i = 0;
    for (long child; (child = 2 * i + 1) < s->n_heap; i = child) {
        if (child + 1 < s->n_heap && s->heap[child + 1] < s->heap[child]) child++;
        if (s->heap[child] >= key) break;
        s->heap[i] = s->heap[child];
    }
    s->heap[i] = key;
    return least;
}

/* The pair that begins at a position has changed. */
static void look_up(struct bpe *b, int at, long n) {
    struct bpe_scratch *s = &b->scratch;
    s->rank[at] = BPE_NO_RANK;
    if (s->next[at] >= n) return;
    const struct bpe_pair *p = bpe_pair_slot(b, s->id[at], s->id[s->next[at]]);
    if (p->left < 0) return;
    s->rank[at] = p->rank;
    heap_push(s, (uint64_t)(uint32_t)p->rank << 32 | (uint32_t)at);
}

static long merge_piece(struct bpe *b, const char *bytes, long n, int *ids) {
    struct bpe_scratch *s = &b->scratch;
    reserve(b, n);
    s->n_heap = 0;
    for (int i = 0; i < n; i++) {
        s->id[i] = b->byte_id[(unsigned char)bytes[i]];
        s->next[i] = i + 1;
        s->previous[i] = i - 1;
    }
    for (int i = 0; i < n; i++) look_up(b, i, n);
    while (s->n_heap > 0) {
        uint64_t key = heap_pop(s);
        int at = (int)(key & UINT32_MAX);
        if (s->id[at] < 0 || s->rank[at] != (int)(key >> 32)) continue; /* the pair is no more */
        int gone = s->next[at];
        s->id[at] = bpe_pair_slot(b, s->id[at], s->id[gone])->result;
        s->id[gone] = -1;
        s->next[at] = s->next[gone];
        if (s->next[at] < n) s->previous[s->next[at]] = at;
        look_up(b, at, n);
        if (s->previous[at] >= 0) look_up(b, s->previous[at], n);
    }
    long count = 0;
    for (int i = 0; i < n; i = s->next[i]) ids[count++] = s->id[i];
    return count;
}

static long encode_piece(struct bpe *b, const char *bytes, long n, int *ids) {
    if (n > CACHE_BYTES) return merge_piece(b, bytes, n, ids);
    struct bpe_cached *c = &b->cache[bpe_hash(bytes, (size_t)n) & (CACHE_SLOTS - 1)];
    if (c->size == n && memcmp(c->bytes, bytes, (size_t)n) == 0) {
        memcpy(ids, c->ids, c->n * sizeof *ids);
        return c->n;
    }
    long count = merge_piece(b, bytes, n, ids);
    if (count <= CACHE_IDS) {
        memcpy(c->bytes, bytes, (size_t)n);
        memcpy(c->ids, ids, (size_t)count * sizeof *ids);
        c->size = (uint8_t)n;
        c->n = (uint8_t)count;
    }
    return count;
}

/* ---- texts ---- */

static long encode_utf8(struct bpe *b, const char *text, size_t size, int *ids) {
    long count = 0;
    for (size_t at = 0; at < size;) {
        int found = pcre2_match(b->pattern, (PCRE2_SPTR)text, size, at, PCRE2_NO_UTF_CHECK, b->match, NULL);
        if (found < 0) BUG("pattern: error %d at %zu", found, at); /* its alternatives leave no character out */
        size_t end = pcre2_get_ovector_pointer(b->match)[1];
        count += encode_piece(b, text + at, (long)(end - at), ids + count);
        at = end;
    }
    return count;
}

long bpe_encode(struct bpe *b, const char *text, size_t size, int *ids) {
    if (size > INT32_MAX) BUG("a text of %zu bytes", size);
    long count = 0;
    for (size_t at = 0; at < size;) {
        uint32_t c;
        int n;
        size_t begin = at;
        while (at < size && (n = bpe_character(text + at, size - at, &c)) > 0) at += (size_t)n;
        count += encode_utf8(b, text + begin, at - begin, ids + count);
        begin = at;
        while (at < size && bpe_character(text + at, size - at, &c) == 0) at++;
        if (at > begin) count += encode_piece(b, text + begin, (long)(at - begin), ids + count);
    }
    return count;
}

enum status bpe_decode(const struct bpe *b, struct arena *a, const int *ids, long n, char **text, size_t *size) {
    size_t total = 0;
    for (long i = 0; i < n; i++) {
        if (ids[i] < 0 || ids[i] >= b->n_tokens)
            return status_set(ST_DATA, "token %d at %ld: expected 0 to %d", ids[i], i, b->n_tokens - 1);
        total += (size_t)b->tokens[ids[i]].size;
    }
    char *out = *text = arena_alloc(a, total + 1, 1);
    for (long i = 0; i < n; i++) {
        const struct bpe_token *t = &b->tokens[ids[i]];
        memcpy(out, t->bytes, (size_t)t->size);
        out += t->size;
    }
    *size = total;
    return ST_OK;
}
