/* A vocabulary of the 256 bytes, numbered as in GPT-2 ('!' 0, newline 198, blank 220), and a few merges. The expected
 * ids were worked out by hand from the pattern and the ranks. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "data/bpe.h"
#include "engine/base/fs.h"
#include "tests/edited.h"
#include "tests/spoil.h"

static struct arena arena;
static struct bpe *bpe;

/* Words of the byte alphabet: Ġ is the blank, Ã © the two bytes of é, á the byte E1. */
static const struct {
    const char *left, *right;
} merges[] = {
    {"h", "e"},     /* 256 */
    {"l", "l"},     /* 257 */
    {"he", "ll"},   /* 258 */
    {"hell", "o"},  /* 259 */
    {"Ġ", "w"},     /* 260 */
    {"o", "r"},     /* 261 */
    {"Ġw", "or"},   /* 262 */
    {"l", "d"},     /* 263 */
    {"Ġwor", "ld"}, /* 264 */
    {"'", "s"},     /* 265 */
    {"Ġ", "Ġ"},     /* 266 */
    {"Ã", "©"},     /* 267 */
    {"Ġ", "Ã©"},    /* 268 */
    {"a", "a"},     /* 269 */
    {"aa", "aa"},   /* 270 */
    {"1", "2"},     /* 271 */
    {"Ġ", "hello"}, /* 272 */
    {"!", "á"},     /* 273 */
};
enum { N_MERGES = sizeof merges / sizeof merges[0], ENDOFTEXT = 256 + N_MERGES };

static const char *letter(int code) { /* as JSON */
    return code == '"' || code == '\\' ? arena_printf(&arena, "\\%c", code)
           : code < 128                ? arena_printf(&arena, "%c", code)
                                       : arena_printf(&arena, "%c%c", 0xc0 | code >> 6, 0x80 | (code & 63));
}

static char *vocab_text(void) {
    char *text = arena_strdup(&arena, "{");
    int id = 0;
    for (int c = '!'; c <= 0xff; c++)
        if (c <= '~' || (c >= 0xa1 && c != 0xad)) text = arena_printf(&arena, "%s\"%s\": %d,\n", text, letter(c), id++);
    ck_assert_int_eq(id, 188);
    for (int c = 0x100; c < 0x144; c++) text = arena_printf(&arena, "%s\"%s\": %d, ", text, letter(c), id++);
    ck_assert_int_eq(id, 256);
    for (int i = 0; i < N_MERGES; i++)
        text = arena_printf(&arena, "%s\"%s%s\": %d,\n", text, merges[i].left, merges[i].right, id++);
    return arena_printf(&arena, "%s\"<|endoftext|>\": %d}\n", text, id);
}

static char *merges_text(void) {
    char *text = arena_strdup(&arena, "#version: 0.2\n");
    for (int i = 0; i < N_MERGES; i++) text = arena_printf(&arena, "%s%s %s\n", text, merges[i].left, merges[i].right);
    return text;
}

static enum status parse(const char *vocab, const char *text) {
    return bpe_parse(&bpe, &arena, "v.json", vocab, strlen(vocab), "m.txt", text, strlen(text));
}

static void open_bpe(void) {
    arena_open(&arena, 1 << 20);
    ck_assert_msg(parse(vocab_text(), merges_text()) == ST_OK, "%s", status_message());
}

static void close_bpe(void) {
    bpe_close(bpe);
    arena_close(&arena);
}

static void open_arena(void) {
    arena_open(&arena, 1 << 20);
}

static void close_arena(void) {
    arena_close(&arena);
}

/* ---- encoding ---- */

#define CASE(text, ...)                                                                                                \
    {                                                                                                                  \
        text, sizeof text - 1, {                                                                                       \
            __VA_ARGS__, -1                                                                                            \
        }                                                                                                              \
    }
static const struct {
    const char *text;
    size_t size;
    int ids[16];
} cases[] = {
    CASE("hello world", 259, 264), CASE(" hello", 272),
    CASE("hello  world", 259, 220, 264), /* a piece takes one blank */
    CASE("hello   ", 259, 266, 220),     /* blanks at the end stay together */
    CASE(" \n hello", 220, 198, 272),    /* all white space but the last blank */
    CASE("\n\nhello", 198, 198, 259), CASE("it's", 72, 83, 265),
    CASE("it'S", 72, 83, 6, 50), /* contractions are in lower case */
    CASE("x12y", 87, 271, 88),   /* letters and numbers are apart */
    CASE(" 12", 220, 271), CASE("caf\xc3\xa9 \xc3\xa9", 66, 64, 69, 267, 268),
    CASE("aaaaaaa", 270, 269, 64), /* the leftmost pairs first */
    CASE("hell", 258), CASE("hel", 256, 75),
    CASE("\xd9\xa1\xd9\xa2", 149, 94, 149, 95), /* Arabic digits are numbers: one piece */
    CASE("\xe3\x80\x80x", 159, 222, 222, 87),   /* the ideographic space is white space */
    CASE("!\xe1\xa0\x8e", 273, 254, 236),       /* U+180E is none: one piece with the mark */
    CASE("!\xe1\x9a\x80", 0, 157, 248, 222),    /* U+1680 is: two pieces, so no merge */
    CASE("!\xe1\xbc\x80", 0, 157, 120, 222),    /* U+1F00 is a letter */
    CASE("\xf0\x9f\x98\x80", 172, 253, 246, 222), CASE("a\0b", 64, 188, 65),
    CASE("\x7f\xc2\xa0\xc2\xad", 221, 126, 254, 126, 255),
    /* bytes that are no UTF-8: apart from what stands beside them */
    CASE("he\xffllo", 256, 187, 257, 78), CASE("a \xff", 64, 220, 187),
    CASE("\xc3\xc3\xa9", 127, 267),                         /* a lead without its follower */
    CASE("\xc3", 127), CASE("\xed\xa0\x80", 169, 254, 222), /* a surrogate */
    CASE("\xc0\xaf", 124, 107),                             /* overlong */
    CASE("\xf4\x90\x80\x80", 176, 238, 222, 222),           /* beyond U+10FFFF */
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

START_TEST(encodes_as_worked_out_by_hand) {
    int ids[64], expected = 0;
    while (cases[_i].ids[expected] >= 0) expected++;
    for (int again = 0; again < 2; again++) { /* the second time from the cache */
        ck_assert_int_eq(bpe_encode(bpe, cases[_i].text, cases[_i].size, ids), expected);
        for (int i = 0; i < expected; i++)
            ck_assert_msg(ids[i] == cases[_i].ids[i], "'%s'[%d]: %d", cases[_i].text, i, ids[i]);
    }
    char *text;
    size_t size;
    ck_assert_int_eq(bpe_decode(bpe, &arena, ids, expected, &text, &size), ST_OK);
    ck_assert_uint_eq(size, cases[_i].size);
    ck_assert_mem_eq(text, cases[_i].text, size + 1);
}
END_TEST

START_TEST(nothing_encodes_to_nothing) {
    int none;
    char *text;
    size_t size;
    ck_assert_int_eq(bpe_encode(bpe, "", 0, &none), 0);
    ck_assert_int_eq(bpe_decode(bpe, &arena, &none, 0, &text, &size), ST_OK);
    ck_assert_uint_eq(size, 0);
}
END_TEST

START_TEST(special_tokens_are_asked_for) {
    int ids[32];
    const char *special = "<|endoftext|>";
    ck_assert_int_eq(bpe_count(bpe), ENDOFTEXT + 1);
    ck_assert_int_eq(bpe_find(bpe, special, strlen(special)), ENDOFTEXT);
    ck_assert_int_eq(bpe_find(bpe, "hello", 5), 259);
    ck_assert_int_eq(bpe_find(bpe, "hello!", 6), -1);
    ck_assert_int_eq(bpe_add(bpe, special), ENDOFTEXT);
    ck_assert_int_eq(bpe_add(bpe, "<|latent|>"), ENDOFTEXT + 1);
    ck_assert_int_eq(bpe_add(bpe, "<|latent|>"), ENDOFTEXT + 1);
    ck_assert_int_eq(bpe_count(bpe), ENDOFTEXT + 2);
    ck_assert_int_eq(bpe_encode(bpe, "<|latent|>", 10, ids), 10);
    char *text;
    size_t size;
    int both[] = {ENDOFTEXT + 1, 259};
    ck_assert_int_eq(bpe_decode(bpe, &arena, both, 2, &text, &size), ST_OK);
    ck_assert_str_eq(text, "<|latent|>hello");
}
END_TEST

START_TEST(ids_that_are_none_are_refused) {
    char *text;
    size_t size;
    int ids[] = {0, ENDOFTEXT + 1}, negative = -1;
    ck_assert_int_eq(bpe_decode(bpe, &arena, ids, 2, &text, &size), ST_DATA);
    ck_assert_str_eq(status_message(), "token 275 at 1: expected 0 to 274");
    ck_assert_int_eq(bpe_decode(bpe, &arena, &negative, 1, &text, &size), ST_DATA);
}
END_TEST

START_TEST(any_bytes_come_back) {
    static const char *const bits[] = {
        "hello", " world", "  ",       "\xc3\xa9", "\xc3", "\xf0\x9f\x98\x80", "12",          "'s",
        "aa",    "\n",     "\xe2\x80", "\xff",     "!",    "\xe1\xa0\x8e",     "\xed\xa0\x80"};
    uint64_t state = 7;
    struct arena_mark mark = arena_mark(&arena);
    for (int turn = 0; turn < 2000; turn++, arena_rewind(&arena, mark)) {
        char text[256], *back;
        size_t size = 0, back_size;
        int ids[256];
        for (int i = turn % 24; i > 0; i--) {
            state = state * 6364136223846793005 + 1442695040888963407;
            const char *bit = bits[(state >> 33) % (sizeof bits / sizeof bits[0])];
            memcpy(text + size, bit, strlen(bit));
            size += strlen(bit);
            if (state >> 60 == 0) text[size++] = (char)(state >> 40);
        }
        char *exact = malloc(size ? size : 1); /* a read beyond it is seen by the address sanitiser */
        ck_assert_ptr_nonnull(exact);
        memcpy(exact, text, size);
        long n = bpe_encode(bpe, exact, size, ids);
        free(exact);
        ck_assert(n <= (long)size);
        ck_assert_int_eq(bpe_decode(bpe, &arena, ids, n, &back, &back_size), ST_OK);
        ck_assert_uint_eq(back_size, size);
        ck_assert(size == 0 || memcmp(back, text, size) == 0);
    }
}
END_TEST

/* A quadratic encoder would not come back from this within the limit of a test. */
START_TEST(a_long_piece_takes_no_longer_than_its_length) {
    enum { N = 1 << 20 };
    char *text = ARENA_NEW(&arena, char, N);
    int *ids = ARENA_NEW(&arena, int, N);
    memset(text, 'a', N);
    ck_assert_int_eq(bpe_encode(bpe, text, N, ids), N / 4);
    for (int i = 0; i < N / 4; i++) ck_assert_int_eq(ids[i], 270);
    memset(text, ' ', N);
    ck_assert_int_eq(bpe_encode(bpe, text, N, ids), N / 2);
}
END_TEST

START_TEST(reads_files) {
    char folder[] = "/tmp/test_bpe.XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    const char *vocab = arena_printf(&arena, "%s/vocab.json", folder);
    const char *list = arena_printf(&arena, "%s/merges.txt", folder);
    char *text = vocab_text();
    struct bpe *read;
    ck_assert_int_eq(bpe_open(&read, &arena, vocab, list), ST_IO);
    ck_assert_int_eq(fs_write(vocab, text, strlen(text)), ST_OK);
    ck_assert_int_eq(bpe_open(&read, &arena, vocab, list), ST_IO);
    text = merges_text();
    ck_assert_int_eq(fs_write(list, text, strlen(text)), ST_OK);
    ck_assert_int_eq(bpe_open(&read, &arena, vocab, list), ST_OK);
    int ids[8];
    ck_assert_int_eq(bpe_encode(read, "hello world", 11, ids), 2);
    ck_assert(ids[0] == 259 && ids[1] == 264);
    bpe_close(read);
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
}
END_TEST

/* ---- malformed files ---- */

static const struct {
    const char *from, *to, *message;
} bad_vocab[] =
    {
        {"{", "[", "v.json:1: "},
        {"\"#\": 2,", "\"#\": 2", "v.json:4: "},
        {"\"#\": 2", "\"!\": 2", "v.json:3: "}, /* a key twice */
        {"\"#\": 2", "\"#\": 3", "id 3 is taken"},
        {"\"#\": 2", "\"#\": 275", "v.json: token '#': expected an id of 0 to 274"},
        {"\"#\": 2", "\"#\": -1", "expected an id"},
        {"\"#\": 2", "\"#\": 2.0", "expected an id"},
        {"\"#\": 2", "\"#\": \"2\"", "expected an id"},
        {"\"#\": 2", "\"# #\": 2", "not a word of the byte alphabet"},
        {"\"#\": 2", "\"\": 2", "not a word of the byte alphabet"},
        {"\"#\": 2", "\"\u0144\": 2", "not a word of the byte alphabet"},
        {"\"#\": 2", "\"\u00ad\": 2", "not a word of the byte alphabet"},
        {"\"#\": 2", "\"##\": 2", "v.json: byte 35 has no token"},
        {"\"hello\"", "\"hellooo\"", "m.txt:5: the vocabulary has no result of 'hell o'"},
},
  bad_merges[] = {
      {"h e\n", "he\n", "m.txt:2: expected two words"},
      {"h e\n", "h  e\n", "m.txt:2: expected two words"},
      {"h e\n", " h\n", "m.txt:2: expected two words"},
      {"h e\n", "h \n", "m.txt:2: expected two words"},
      {"h e\n", "h e e\n", "m.txt:2: expected two words"},
      {"l l\n", "h e\n", "m.txt:3: the result of 'h e' is made before"},
      {"h e\n", "hell o\n", "m.txt:2: 'hell' is neither a byte nor made by a line before"},
      {"h e\n", "h \u0144\n", "m.txt:2: '\u0144' is not a word of the byte alphabet"},
      {"h e\n", "h \xff\n", "is not a word of the byte alphabet"},
      {"h e\n", "h q\n", "m.txt:2: the vocabulary has no result of 'h q'"},
      {"#version", "#Version", "m.txt:1: "},
};

static void assert_refused(const char *vocab, const char *list, const char *message) {
    struct arena_mark before = arena_mark(&arena);
    bpe = NULL;
    ck_assert_msg(parse(vocab, list) == ST_DATA, "accepted: %s", message);
    ck_assert_msg(strstr(status_message(), message), "'%s', not '%s'", status_message(), message);
    ck_assert(!strchr(status_message(), '\n'));
    struct arena_mark after = arena_mark(&arena);
    ck_assert(!bpe && before.block == after.block && before.used == after.used);
}

START_TEST(malformed_files_are_named) {
    char *vocab = vocab_text(), *list = merges_text();
    for (size_t i = 0; i < sizeof bad_vocab / sizeof bad_vocab[0]; i++)
        assert_refused(edited(&arena, vocab, bad_vocab[i].from, bad_vocab[i].to), list, bad_vocab[i].message);
    for (size_t i = 0; i < sizeof bad_merges / sizeof bad_merges[0]; i++)
        assert_refused(vocab, edited(&arena, list, bad_merges[i].from, bad_merges[i].to), bad_merges[i].message);
    assert_refused("{}", list, "byte 0 has no token");
    assert_refused("", list, "v.json:1: ");
    assert_refused("[]", list, "expected an object");
}
END_TEST

/* Five times GPT-2's are taken. */
START_TEST(too_many_tokens_are_refused) {
    enum { MANY = (1 << 18) + 1, WIDTH = 11 };
    char *vocab = ARENA_NEW(&arena, char, MANY *WIDTH + 2);
    for (int i = 0; i < MANY; i++) snprintf(vocab + i * WIDTH, WIDTH + 1, "%c\"%06d\":0", i ? ',' : '{', i);
    memcpy(vocab + MANY * WIDTH, "}", 2);
    assert_refused(vocab, merges_text(), "v.json: expected at most 262144 tokens");
}
END_TEST

START_TEST(line_ends_of_other_systems_are_read) {
    char *list = edited(&arena, edited(&arena, merges_text(), "h e\n", "h e\r\n"), "! á\n", "! á"),
         *vocab = vocab_text();
    ck_assert_msg(parse(vocab, list) == ST_OK, "%s", status_message());
    int ids[4];
    ck_assert(bpe_encode(bpe, "he", 2, ids) == 1 && ids[0] == 256);
    bpe_close(bpe);
}
END_TEST

/* Spoilt copies: refused with one line, or read as a vocabulary that still gives every byte back. */
START_TEST(mutations_do_no_harm) {
    char *files[2] = {vocab_text(), merges_text()}, *whole;
    uint64_t state = 3;
    int refused[2] = {0};
    struct arena_mark mark = arena_mark(&arena);
    for (int i = 0; i < 2000; i++, arena_rewind(&arena, mark)) {
        size_t size = strlen(whole = files[i & 1]), other = strlen(files[!(i & 1)]);
        char *bytes = malloc(size);
        ck_assert_ptr_nonnull(bytes);
        memcpy(bytes, whole, size);
        spoil(bytes, size, i, &state);
        if (i % 7 == 0) size = (state >> 30) % size;
        bool vocab = !(i & 1);
        enum status st = bpe_parse(&bpe, &arena, "v.json", vocab ? bytes : files[0], vocab ? size : other, "m.txt",
                                   vocab ? files[1] : bytes, vocab ? other : size);
        free(bytes);
        if (st == ST_OK) {
            char *back;
            int ids[16];
            long n = bpe_encode(bpe, "hello world", 11, ids);
            ck_assert_int_eq(bpe_decode(bpe, &arena, ids, n, &back, &size), ST_OK);
            ck_assert_str_eq(back, "hello world");
            bpe_close(bpe);
            continue;
        }
        refused[i & 1]++;
        ck_assert_int_eq(st, ST_DATA);
        ck_assert(strlen(status_message()) > 8 && !strchr(status_message(), '\n'));
    }
    ck_assert(refused[0] >= 200 && refused[1] >= 200);
}
END_TEST

Suite *suite_bpe(void) {
    Suite *s = suite_create("bpe");
    TCase *t = tcase_create("encode"), *bad = tcase_create("files");
    tcase_add_checked_fixture(t, open_bpe, close_bpe);
    tcase_add_loop_test(t, encodes_as_worked_out_by_hand, 0, N_CASES);
    tcase_add_test(t, nothing_encodes_to_nothing);
    tcase_add_test(t, special_tokens_are_asked_for);
    tcase_add_test(t, ids_that_are_none_are_refused);
    tcase_add_test(t, any_bytes_come_back);
    tcase_add_test(t, a_long_piece_takes_no_longer_than_its_length);
    tcase_add_test(t, reads_files);
    tcase_add_checked_fixture(bad, open_arena, close_arena);
    tcase_add_test(bad, malformed_files_are_named);
    tcase_add_test(bad, too_many_tokens_are_refused);
    tcase_add_test(bad, line_ends_of_other_systems_are_read);
    tcase_add_test(bad, mutations_do_no_harm);
    suite_add_tcase(s, t);
    suite_add_tcase(s, bad);
    return s;
}
