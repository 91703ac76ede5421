#include <check.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/checkpoint.h"
#include "engine/safetensors.h"
#include "tests/folder.h"

/* A file of a header (unpadded) and n_data bytes 0, 1, 2, ..., in a block of exactly its size: a read beyond it is seen
 * by the address sanitiser. The caller frees. */
static unsigned char *make_file(const char *header, size_t n_data, size_t *size) {
    size_t length = strlen(header);
    *size = 8 + length + n_data;
    unsigned char *bytes = malloc(*size);
    ck_assert_ptr_nonnull(bytes);
    for (int i = 0; i < 8; i++) bytes[i] = (unsigned char)((uint64_t)length >> 8 * i);
    memcpy(bytes + 8, header, length);
    for (size_t i = 0; i < n_data; i++) bytes[8 + length + i] = (unsigned char)i;
    return bytes;
}

static enum status parse_header(const char *header, size_t n_data, struct checkpoint *c) {
    size_t size;
    unsigned char *bytes = make_file(header, n_data, &size);
    enum status st = safetensors_parse(&arena, "f.st", bytes, size, c);
    free(bytes);
    return st;
}

/* ST_DATA, one line that begins with the path, an untouched result, and an arena as it was. */
static void assert_refused(const void *bytes, size_t size, const char *what) {
    char *exact = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, bytes, size);
    struct checkpoint c = {.n = -7};
    struct arena_mark before = arena_mark(&arena);
    (void)status_set(ST_OK, "nothing");
    enum status st = safetensors_parse(&arena, "f.st", exact, size, &c);
    free(exact);
    ck_assert_msg(st == ST_DATA, "accepted: %s", what);
    ck_assert_msg(strncmp(status_message(), "f.st: ", 6) == 0 && strlen(status_message()) > 12, "%s: %s", what,
                  status_message());
    ck_assert_msg(!strchr(status_message(), '\n'), "%s: %s", what, status_message());
    ck_assert_int_eq(c.n, -7);
    ck_assert_ptr_null(c.tensors);
    struct arena_mark after = arena_mark(&arena);
    ck_assert(before.block == after.block && before.used == after.used);
}

/* ---- the format ---- */

/* Two tensors and a metadata string, written out by hand: 137 bytes of JSON and 7 blanks make 144 = 0x90. */
static const unsigned char by_hand[] = "\x90\0\0\0\0\0\0\0"
                                       "{\"__metadata__\":{\"k\":\"v w\"},"
                                       "\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                       "\"b\":{\"dtype\":\"F32\",\"shape\":[1,1],\"data_offsets\":[8,12]}}       "
                                       "\x00\x00\x80\x3f"  /* 1 */
                                       "\x00\x00\x20\xc0"  /* -2.5 */
                                       "\x01\x00\x00\x00"; /* the least subnormal */
enum { BY_HAND = sizeof by_hand - 1 };

START_TEST(reads_a_file_written_by_hand) {
    struct checkpoint c;
    ck_assert_int_eq(BY_HAND, 8 + 0x90 + 12);
    ck_assert_msg(safetensors_parse(&arena, "f.st", by_hand, BY_HAND, &c) == ST_OK, "%s", status_message());
    ck_assert_int_eq(c.n, 2);
    ck_assert_int_eq(c.n_meta, 1);
    ck_assert_str_eq(checkpoint_meta(&c, "k"), "v w");
    ck_assert_ptr_null(checkpoint_meta(&c, "a"));
    const struct checkpoint_tensor *a = checkpoint_find(&c, "a"), *b = checkpoint_find(&c, "b");
    ck_assert(a == &c.tensors[0] && b == &c.tensors[1]);
    ck_assert_ptr_null(checkpoint_find(&c, "k"));
    ck_assert(a->n_dims == 1 && a->dim[0] == 2 && b->n_dims == 2 && b->dim[0] == 1 && b->dim[1] == 1);
    ck_assert(a->data[0] == 1.0f && a->data[1] == -2.5f && b->data[0] == 0x1p-149f);
}
END_TEST

START_TEST(writes_the_bytes_written_by_hand) {
    float a[] = {1.0f, -2.5f}, b[] = {0x1p-149f};
    struct checkpoint_meta meta = {"k", "v w"};
    struct checkpoint_tensor tensors[] = {{"a", 1, {2}, a}, {"b", 2, {1, 1}, b}};
    struct checkpoint c = {tensors, 2, &meta, 1};
    ck_assert_int_eq(checkpoint_write(in("h.st"), &c), ST_OK);
    char *bytes;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, in("h.st"), &bytes, &size), ST_OK);
    ck_assert_uint_eq(size, BY_HAND);
    ck_assert_mem_eq(bytes, by_hand, BY_HAND);
    ck_assert(!fs_exists(in("h.st.part")));
}
END_TEST

START_TEST(round_trip_keeps_every_bit) {
    enum { N = 5 };
    static const int n_dims[N] = {0, 1, 2, 3, 4};
    static const long dim[N][4] = {{0}, {1000}, {0, 9}, {2, 3, 5}, {2, 1, 3, 7}};
    static const char *const names[N] = {"scalar", "h.0.\"quoted\"\\", "empty", "\xc3\xa9\t\x01", ""};
    struct checkpoint_tensor t[N];
    struct checkpoint_meta meta[] = {{"json", "{\"x\":[1,\"a\\n\"]}"}, {"", ""}, {"e", "\xe2\x82\xac\n"}};
    uint32_t word = 1;
    for (int i = 0; i < N; i++) {
        long count = safetensors_count(n_dims[i], dim[i]);
        t[i] =
            (struct checkpoint_tensor){.name = names[i], .n_dims = n_dims[i], .data = ARENA_NEW(&arena, float, count)};
        memcpy(t[i].dim, dim[i], sizeof t[i].dim);
        for (long j = 0; j < count; j++, word = word * 1664525 + 1013904223) memcpy(t[i].data + j, &word, 4);
    }
    struct checkpoint c = {t, N, meta, 3}, back;
    ck_assert_int_eq(checkpoint_write(in("r.st"), &c), ST_OK);
    ck_assert_msg(checkpoint_read(&arena, in("r.st"), &back) == ST_OK, "%s", status_message());
    ck_assert_int_eq(back.n, N);
    ck_assert_int_eq(back.n_meta, 3);
    for (int i = 0; i < 3; i++) {
        ck_assert_str_eq(back.meta[i].key, meta[i].key);
        ck_assert_str_eq(back.meta[i].value, meta[i].value);
    }
    for (int i = 0; i < N; i++) {
        ck_assert_str_eq(back.tensors[i].name, names[i]);
        ck_assert_int_eq(back.tensors[i].n_dims, n_dims[i]);
        ck_assert_mem_eq(back.tensors[i].dim, dim[i], sizeof(long) * (size_t)n_dims[i]);
        size_t bytes = (size_t)safetensors_count(n_dims[i], dim[i]) * sizeof(float);
        if (bytes > 0) ck_assert_mem_eq(back.tensors[i].data, t[i].data, bytes);
        ck_assert_uint_eq((uintptr_t)back.tensors[i].data % 64, 0);
    }
}
END_TEST

START_TEST(an_empty_file_of_tensors_is_whole) {
    struct checkpoint c = {0}, back = {.n = 1};
    ck_assert_int_eq(checkpoint_write(in("e.st"), &c), ST_OK);
    ck_assert_int_eq(checkpoint_read(&arena, in("e.st"), &back), ST_OK);
    ck_assert(back.n == 0 && back.n_meta == 0);
    ck_assert_int_eq(checkpoint_read(&arena, in("none.st"), &back), ST_IO);
}
END_TEST

/* All 65536 patterns of a 16-bit format against its definition: sign, exponent of `e` bits, mantissa. */
static void check_halves(const char *dtype, int e_bits, int m_bits) {
    struct checkpoint c;
    const char *header =
        arena_printf(&arena, "{\"x\":{\"dtype\":\"%s\",\"shape\":[65536],\"data_offsets\":[0,131072]}}", dtype);
    size_t size;
    unsigned char *bytes = make_file(header, 131072, &size);
    for (int h = 0; h < 65536; h++) {
        bytes[8 + strlen(header) + 2 * (size_t)h] = (unsigned char)(h & 255);
        bytes[8 + strlen(header) + 2 * (size_t)h + 1] = (unsigned char)(h >> 8);
    }
    ck_assert_msg(safetensors_parse(&arena, "f.st", bytes, size, &c) == ST_OK, "%s", status_message());
    free(bytes);
    const int top = (1 << e_bits) - 1, bias = top / 2;
    for (int h = 0; h < 65536; h++) {
        float got = c.tensors[0].data[h];
        int exponent = h >> m_bits & top, mantissa = h & ((1 << m_bits) - 1);
        ck_assert_msg(!!signbit(got) == h >> 15, "%04x", (unsigned)h);
        double size_of = exponent == 0     ? ldexp(mantissa, 1 - bias - m_bits)
                         : exponent == top ? (double)INFINITY
                                           : ldexp((1 << m_bits) + mantissa, exponent - bias - m_bits);
        if (exponent == top && mantissa)
            ck_assert_msg(isnan(got), "%04x", (unsigned)h);
        else
            ck_assert_msg(fabs((double)got) == size_of, "%04x: %a, not %a", (unsigned)h, (double)got, size_of);
        uint32_t bits;
        memcpy(&bits, &got, sizeof bits);
        if (exponent == top) ck_assert_uint_eq(bits & 0x7fffff, (uint32_t)mantissa << (23 - m_bits));
    }
}

START_TEST(half_precision_widens_exactly) {
    check_halves("F16", 5, 10);
    check_halves("BF16", 8, 7);
}
END_TEST

/* ---- malformed files ---- */

START_TEST(truncation_at_every_byte_is_seen) {
    for (size_t n = 0; n < BY_HAND; n++) {
        char what[32];
        snprintf(what, sizeof what, "first %zu bytes", n);
        assert_refused(by_hand, n, what);
    }
    struct checkpoint c;
    ck_assert_int_eq(fs_write(in("t.st"), by_hand, BY_HAND - 1), ST_OK);
    ck_assert_int_eq(checkpoint_read(&arena, in("t.st"), &c), ST_DATA);
    ck_assert_str_eq(status_message(), arena_printf(&arena,
                                                    "%s/t.st: tensor 'b': data_offsets: expected an end of 8 to 11, "
                                                    "found 12",
                                                    folder));
}
END_TEST

START_TEST(every_changed_bit_of_the_length_is_seen) {
    unsigned char bytes[BY_HAND];
    for (int bit = 0; bit < 64; bit++) {
        memcpy(bytes, by_hand, BY_HAND);
        bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
        char what[32];
        snprintf(what, sizeof what, "length bit %d", bit);
        assert_refused(bytes, BY_HAND, what);
    }
    char longer[BY_HAND + 16] = {0};
    memcpy(longer, by_hand, BY_HAND);
    for (size_t n = 1; n <= 16; n++) assert_refused(longer, BY_HAND + n, "trailing bytes");
}
END_TEST

/* Lengths that leave the file by less than the length field itself. */
START_TEST(a_header_within_the_file_is_expected) {
    unsigned char bytes[BY_HAND];
    struct checkpoint c;
    memcpy(bytes, by_hand, BY_HAND);
    for (size_t n = BY_HAND - 7; n <= BY_HAND; n++) {
        bytes[0] = (unsigned char)n;
        ck_assert_int_eq(safetensors_parse(&arena, "f.st", bytes, BY_HAND, &c), ST_DATA);
        ck_assert_str_eq(status_message(), arena_printf(&arena,
                                                        "f.st: offset 0: expected a header within the file, found %zu "
                                                        "bytes of %zu",
                                                        n, (size_t)BY_HAND - 8));
    }
}
END_TEST

/* Digits stand in dtypes, shapes and offsets alone here: each of the nine other digits breaks the file. So does each
 * structural character when it is lost or becomes another. */
START_TEST(every_changed_digit_and_bracket_is_seen) {
    static const char structure[] = "{}[]:,\"";
    unsigned char bytes[BY_HAND];
    int tried = 0;
    for (size_t at = 8; at < 8 + 137; at++) {
        char what[64];
        if (by_hand[at] >= '0' && by_hand[at] <= '9') {
            for (int digit = '0'; digit <= '9'; digit++) {
                if (digit == by_hand[at]) continue;
                memcpy(bytes, by_hand, BY_HAND);
                bytes[at] = (unsigned char)digit;
                snprintf(what, sizeof what, "digit %c at %zu", digit, at);
                assert_refused(bytes, BY_HAND, what);
                tried++;
            }
        } else if (strchr(structure, by_hand[at])) {
            for (size_t k = 0; structure[k]; k++) {
                if (structure[k] == by_hand[at]) continue;
                memcpy(bytes, by_hand, BY_HAND);
                bytes[at] = (unsigned char)structure[k];
                snprintf(what, sizeof what, "%c at %zu", structure[k], at);
                assert_refused(bytes, BY_HAND, what);
                tried++;
            }
        }
    }
    ck_assert_int_ge(tried, 400);
}
END_TEST

#define T(name, dtype, shape, offsets)                                                                                 \
    "\"" name "\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define ONE(dtype, shape, offsets) "{" T("a", dtype, shape, offsets) "}"

static const struct {
    const char *header;
    size_t n_data;
    const char *message; /* part of it */
} malformed[] = {
#define MALFORMED(header, n_data, message) {header, n_data, message},
#include "tests/engine/checkpoint_malformed.def"
#undef MALFORMED
};

START_TEST(malformed_headers_are_named) {
    for (size_t i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        size_t size;
        unsigned char *bytes = make_file(malformed[i].header, malformed[i].n_data, &size);
        assert_refused(bytes, size, malformed[i].header);
        free(bytes);
        ck_assert_msg(strstr(status_message(), malformed[i].message), "%s\n  gave  %s\n  not   %s", malformed[i].header,
                      status_message(), malformed[i].message);
    }
}
END_TEST

/* What the rows above lean on: the same shapes of header, well-formed, are read. */
START_TEST(well_formed_headers_are_read) {
    static const struct {
        const char *header;
        size_t n_data;
        int n;
    } good[] = {
        {"{}", 0, 0},
        {"{}   \n", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {ONE("\"F32\"", "[]", "[0,4]"), 4, 1},
        {ONE("\"F32\"", "[1,1,1,1]", "[0,4]"), 4, 1},
        {ONE("\"F16\"", "[3]", "[0,6]"), 6, 1},
        {ONE("\"BF16\"", "[3]", "[0,6]"), 6, 1},
        {ONE("\"F32\"", "[4294967296,0]", "[0,0]"), 0, 1},
        {ONE(" \"F32\" ", " [ 1 ] ", " [ 0 , 4 ] "), 4, 1},
        {"{\"a\":{\"data_offsets\":[0,4],\"shape\":[1],\"dtype\":\"F32\"}}", 4, 1},
        {"{" T("b", "\"BF16\"", "[1]", "[0,2]") "," T("a", "\"F32\"", "[1]", "[2,6]") "}", 6, 2},
        {"{" T("a", "\"F32\"", "[1]", "[0,4]") "," T("b", "\"F32\"", "[0]", "[4,4]") ",\"__metadata__\":{}}", 4, 2},
    };
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        struct checkpoint c;
        ck_assert_msg(parse_header(good[i].header, good[i].n_data, &c) == ST_OK, "%s", status_message());
        ck_assert_int_eq(c.n, good[i].n);
    }
}
END_TEST

START_TEST(long_and_deep_headers_are_refused) {
    unsigned char small[16] = "\x01\xe1\xf5\x05\0\0\0\0{}"; /* 100000001 */
    assert_refused(small, 10, "length beyond the limit");
    ck_assert_ptr_nonnull(strstr(status_message(), "at most 100000000 bytes, found 100000001"));
    small[0] = 0; /* 100000000 */
    assert_refused(small, 10, "length beyond the file");
    ck_assert_ptr_nonnull(strstr(status_message(), "within the file, found 100000000 bytes of 2"));
    memset(small, 0xff, 8);
    assert_refused(small, 10, "length 2^64 - 1");
    ck_assert_ptr_nonnull(strstr(status_message(), "found 18446744073709551615"));

    enum { DEEP = 100000 };
    char *deep = arena_alloc(&arena, DEEP + 6, 1);
    memcpy(deep, "{\"a\":", 5);
    memset(deep + 5, '[', DEEP);
    size_t size;
    unsigned char *bytes = make_file(deep, 0, &size);
    assert_refused(bytes, size, "deep nesting");
    free(bytes);
    memset(deep + 5, 'x', DEEP);
    deep[4] = '"';
    deep[1] = ' ', deep[2] = ' ', deep[3] = ' ';
    bytes = make_file(deep, 0, &size);
    assert_refused(bytes, size, "a name without end");
    free(bytes);
    ck_assert_uint_lt(strlen(status_message()), 200);
}
END_TEST

START_TEST(the_writer_refuses_what_no_reader_takes) {
    float x[4] = {0};
    struct checkpoint_meta twice[] = {{"k", "1"}, {"k", "2"}}, bad_text = {"k", "\xff"};
    struct checkpoint_tensor two[] = {{"a", 1, {1}, x}, {"a", 1, {1}, x}}, many = {"a", 5, {1, 1, 1, 1}, x},
                             negative = {"a", 1, {-1}, x}, reserved = {"__metadata__", 1, {1}, x},
                             huge = {"a", 2, {1L << 20, 1L << 13}, x}, overflow = {"a", 2, {1L << 40, 1L << 40}, x},
                             text = {"\xff", 1, {1}, x},
                             big[] = {{"a", 2, {1L << 20, 1L << 11}, x},
                                      {"b", 2, {1L << 20, 1L << 11}, x},
                                      {"c", 1, {1}, x}},
                             long_name = {"a.name.of.more.letters.than.a.message.of.one.line.has.room.for.in.it",
                                          5,
                                          {1, 1, 1, 1},
                                          x};
    /* a header of over 100 MB */
    char *much = arena_alloc(&arena, SAFETENSORS_MAX_HEADER + 1, 1);
    memset(much, 'x', SAFETENSORS_MAX_HEADER);
    struct checkpoint_meta long_text = {"k", much};
    const struct checkpoint refused[] = {
        {two, 2, NULL, 0},        {&many, 1, NULL, 0},     {&negative, 1, NULL, 0}, {&reserved, 1, NULL, 0},
        {&huge, 1, NULL, 0},      {&overflow, 1, NULL, 0}, {&text, 1, NULL, 0},     {two, 1, twice, 2},
        {two, 1, &bad_text, 1},   {big, 2, NULL, 0},       {big, 3, NULL, 0},       {two, 1, &long_text, 1},
        {&long_name, 1, NULL, 0},
    };
    const char *path = in("w.st");
    ck_assert_int_eq(fs_write(path, "before", 6), ST_OK);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        ck_assert_msg(checkpoint_write(path, &refused[i]) == ST_DATA, "row %zu", i);
        ck_assert_ptr_nonnull(strstr(status_message(), "w.st: "));
    }
    char *bytes;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, path, &bytes, &size), ST_OK);
    ck_assert_str_eq(bytes, "before");
    ck_assert(!fs_exists(in("w.st.part")));
    ck_assert_int_eq(checkpoint_write(in("no/w.st"), &(struct checkpoint){two, 1, NULL, 0}), ST_IO);
}
END_TEST

Suite *suite_checkpoint(void) {
    Suite *s = suite_create("checkpoint");
    TCase *format = tcase_create("format"), *bad = tcase_create("malformed");
    tcase_add_checked_fixture(format, open_folder, close_folder);
    tcase_add_test(format, reads_a_file_written_by_hand);
    tcase_add_test(format, writes_the_bytes_written_by_hand);
    tcase_add_test(format, round_trip_keeps_every_bit);
    tcase_add_test(format, an_empty_file_of_tensors_is_whole);
    tcase_add_test(format, half_precision_widens_exactly);
    tcase_add_checked_fixture(bad, open_folder, close_folder);
    tcase_add_test(bad, truncation_at_every_byte_is_seen);
    tcase_add_test(bad, every_changed_bit_of_the_length_is_seen);
    tcase_add_test(bad, a_header_within_the_file_is_expected);
    tcase_add_test(bad, every_changed_digit_and_bracket_is_seen);
    tcase_add_test(bad, malformed_headers_are_named);
    tcase_add_test(bad, well_formed_headers_are_read);
    tcase_add_test(bad, long_and_deep_headers_are_refused);
    tcase_add_test(bad, the_writer_refuses_what_no_reader_takes);
    suite_add_tcase(s, format);
    suite_add_tcase(s, bad);
    return s;
}
