/* The two files of a vocabulary. */
#include <jansson.h>
#include <stdarg.h>
#include <string.h>

#include "data/bpe_internal.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"

enum { MAX_TOKENS = 1 << 18, SPARE_TOKENS = 256, SHOWN_BYTES = 48, ALPHABET = 256 + 68 };

static uint32_t slots_for(int n) {
    uint32_t slots = 16;
    while (slots < 2 * (uint32_t)n) slots *= 2;
    return slots;
}

/* byte_of[c]: the byte that a character of the alphabet stands for, -1 where it stands for none. */
static void make_alphabet(int byte_of[ALPHABET]) {
    int next = 256;
    for (int c = 0; c < ALPHABET; c++) byte_of[c] = -1;
    for (int byte = 0; byte < 256; byte++) {
        bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
        byte_of[printable ? byte : next++] = byte;
    }
}

/* Text of a file in a message: short, and on one line. */
static const char *shown(char buffer[SHOWN_BYTES], const char *text, size_t size) {
    size_t n = size < SHOWN_BYTES ? size : SHOWN_BYTES - 1;
    for (size_t i = 0; i < n; i++) buffer[i] = (unsigned char)text[i] < 32 || text[i] == 127 ? '?' : text[i];
    buffer[n] = '\0';
    return buffer;
}

/* The bytes that a word of the alphabet stands for, into out (room for size). -1: a character outside of it. */
static int to_bytes(const int byte_of[ALPHABET], const char *word, size_t size, char *out) {
    int n = 0;
    for (size_t at = 0; at < size;) {
        uint32_t c;
        int step = bpe_character(word + at, size - at, &c);
        if (step == 0 || c >= ALPHABET || byte_of[c] < 0) return -1;
        out[n++] = (char)byte_of[c];
        at += (size_t)step;
    }
    return n;
}

/* ---- the vocabulary ---- */

static enum status read_token(struct bpe *b, const char *path, const int byte_of[ALPHABET], const char *key,
                              const json_t *value) {
    char show[SHOWN_BYTES];
    size_t size = strlen(key);
    const char *name = shown(show, key, size);
    if (json_typeof(value) != JSON_INTEGER || json_integer_value(value) < 0 || json_integer_value(value) >= b->n_tokens)
        return status_set(ST_DATA, "%s: token '%s': expected an id of 0 to %d", path, name, b->n_tokens - 1);
    int id = (int)json_integer_value(value);
    char *bytes = arena_alloc(b->arena, size + 1, 1);
    int n = to_bytes(byte_of, key, size, bytes);
    if (n <= 0) return status_set(ST_DATA, "%s: token '%s' (id %d): not a word of the byte alphabet", path, name, id);
    if (b->tokens[id].bytes) return status_set(ST_DATA, "%s: token '%s': id %d is taken", path, name, id);
    bpe_insert(b, bytes, n, id);
    return ST_OK;
}

static enum status read_vocab(struct bpe *b, const char *path, json_t *object) {
    int byte_of[ALPHABET];
    const char *key;
    json_t *value;
    if (json_typeof(object) != JSON_OBJECT) return status_set(ST_DATA, "%s:1: expected an object {token: id}", path);
    if (json_object_size(object) > MAX_TOKENS)
        return status_set(ST_DATA, "%s: expected at most %d tokens", path, MAX_TOKENS);
    make_alphabet(byte_of);
    b->n_tokens = (int)json_object_size(object);
    b->token_capacity = b->n_tokens + SPARE_TOKENS;
    b->tokens = ARENA_NEW(b->arena, struct bpe_token, b->token_capacity);
    b->n_token_slots = slots_for(b->token_capacity);
    b->token_slots = ARENA_NEW(b->arena, int, b->n_token_slots);
    memset(b->token_slots, -1, b->n_token_slots * sizeof *b->token_slots);
    json_object_foreach(object, key, value) TRY(read_token(b, path, byte_of, key, value));
    for (int byte = 0; byte < 256; byte++) {
        char c = (char)byte;
        b->byte_id[byte] = bpe_find(b, &c, 1);
        if (b->byte_id[byte] < 0) return status_set(ST_DATA, "%s: byte %d has no token", path, byte);
    }
    return ST_OK;
}

/* ---- the merges ---- */

struct merges {
    struct bpe *b;
    const char *path;
    int byte_of[ALPHABET];
    int line, rank;
    bool *made; /* [n_tokens] a single byte, or the result of a line before */
};

static enum status PRINTF_LIKE(2, 3) bad_line(const struct merges *m, const char *fmt, ...) {
    char what[160];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return status_set(ST_DATA, "%s:%d: %s", m->path, m->line, what);
}

static enum status read_symbol(const struct merges *m, const char *word, size_t size, char *bytes, int *n, int *id) {
    char show[SHOWN_BYTES];
    *n = to_bytes(m->byte_of, word, size, bytes);
    if (*n < 0) return bad_line(m, "'%s' is not a word of the byte alphabet", shown(show, word, size));
    *id = bpe_find(m->b, bytes, (size_t)*n);
    if (*id < 0 || !m->made[*id])
        return bad_line(m, "'%s' is neither a byte nor made by a line before", shown(show, word, size));
    return ST_OK;
}

/* That operands are made before, and nothing twice, is what lets the encoder take the lowest pair first wherever it
 * stands: a merge never gives rise to a pair of a lower rank. */
static enum status read_merge(struct merges *m, const char *line, size_t size) {
    char show[SHOWN_BYTES];
    const char *space = memchr(line, ' ', size);
    size_t left_size = space ? (size_t)(space - line) : 0, right_size = space ? size - left_size - 1 : 0;
    if (left_size == 0 || right_size == 0 || memchr(space + 1, ' ', right_size))
        return bad_line(m, "expected two words with a space between, found '%s'", shown(show, line, size));
    struct arena_mark mark = arena_mark(m->b->arena);
    char *bytes = arena_alloc(m->b->arena, size, 1);
    int left, right, n_left, n_right;
    TRY(read_symbol(m, line, left_size, bytes, &n_left, &left));
    TRY(read_symbol(m, space + 1, right_size, bytes + n_left, &n_right, &right));
    int result = bpe_find(m->b, bytes, (size_t)(n_left + n_right));
    arena_rewind(m->b->arena, mark);
    if (result < 0) return bad_line(m, "the vocabulary has no result of '%s'", shown(show, line, size));
    if (m->made[result]) return bad_line(m, "the result of '%s' is made before", shown(show, line, size));
    m->made[result] = true;
    *bpe_pair_slot(m->b, left, right) = (struct bpe_pair){left, right, m->rank++, result};
    return ST_OK;
}

static enum status read_merges(struct bpe *b, const char *path, const char *text, size_t size) {
    struct merges m = {.b = b, .path = path};
    make_alphabet(m.byte_of);
    m.made = ARENA_NEW(b->arena, bool, b->n_tokens);
    for (int byte = 0; byte < 256; byte++) m.made[b->byte_id[byte]] = true;
    b->n_pairs = slots_for(b->n_tokens); /* each merge makes another token */
    b->pairs = ARENA_NEW(b->arena, struct bpe_pair, b->n_pairs);
    for (uint32_t i = 0; i < b->n_pairs; i++) b->pairs[i].left = -1;
    for (const char *at = text, *end = text + size, *next; at < end; at = next) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t n = (size_t)((newline ? newline : end) - at);
        next = newline ? newline + 1 : end;
        m.line++;
        if (n > 0 && at[n - 1] == '\r') n--;
        bool version = m.line == 1 && n >= 8 && memcmp(at, "#version", 8) == 0;
        if (n > 0 && !version) TRY(read_merge(&m, at, n));
    }
    return ST_OK;
}

/* ---- both ---- */

enum status bpe_parse(struct bpe **b, struct arena *a, const char *vocab_path, const char *vocab, size_t vocab_size,
                      const char *merges_path, const char *merges, size_t merges_size) {
    json_t *object;
    TRY(jsonio_load_text(vocab_path, vocab, vocab_size, &object));
    struct arena_mark mark = arena_mark(a);
    struct bpe *made = ARENA_NEW(a, struct bpe, 1);
    made->arena = a;
    enum status st = read_vocab(made, vocab_path, object);
    json_decref(object);
    if (st == ST_OK) st = read_merges(made, merges_path, merges, merges_size);
    if (st == ST_OK)
        bpe_open_pattern(*b = made);
    else
        arena_rewind(a, mark);
    return st;
}

enum status bpe_open(struct bpe **b, struct arena *a, const char *vocab_path, const char *merges_path) {
    struct arena files;
    char *vocab, *merges;
    size_t vocab_size, merges_size;
    arena_open(&files, 0);
    enum status st = fs_read(&files, vocab_path, &vocab, &vocab_size);
    if (st == ST_OK) st = fs_read(&files, merges_path, &merges, &merges_size);
    if (st == ST_OK) st = bpe_parse(b, a, vocab_path, vocab, vocab_size, merges_path, merges, merges_size);
    arena_close(&files);
    return st;
}
