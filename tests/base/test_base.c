#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/arena.h"
#include "engine/base/fs.h"
#include "engine/base/rng.h"
#include "engine/base/sha256.h"
#include "engine/base/status.h"
#include "tests/folder.h"

START_TEST(status_keeps_the_last_line) {
    ck_assert_str_eq(status_message(), "");
    ck_assert_int_eq(status_set(ST_DATA, "%s:%d: bad", "a.csv", 3), ST_DATA);
    ck_assert_str_eq(status_message(), "a.csv:3: bad");
    ck_assert_int_eq(status_set(ST_USAGE, "in x: %s", status_message()), ST_USAGE);
    ck_assert_str_eq(status_message(), "in x: a.csv:3: bad");
    errno = ENOENT;
    ck_assert_int_eq(status_errno("%s: cannot be opened", "b"), ST_IO);
    ck_assert_str_eq(status_message(), "b: cannot be opened: No such file or directory");
}
END_TEST

START_TEST(status_nearest_suggests) {
    static const struct {
        int before;
        const char *name;
        double after;
    } table[] = {{1, "probe", 0}, {2, "monitor", 0}, {3, "mdl", 0}};
    ck_assert_str_eq(status_nearest("prob", &table[0].name, 3, sizeof table[0]), "probe");
    ck_assert_str_eq(status_nearest("moniotr", &table[0].name, 3, sizeof table[0]), "monitor");
    /* length 3 allows 2 edits: "mdl" -> "mxx" is 2, "mdl" -> "xxx" is 3 */
    ck_assert_str_eq(status_nearest("mxx", &table[0].name, 3, sizeof table[0]), "mdl");
    ck_assert_ptr_null(status_nearest("xxx", &table[0].name, 3, sizeof table[0]));
    ck_assert_ptr_null(status_nearest("prob", &table[0].name, 0, sizeof table[0]));
}
END_TEST

/* Pages of this process that are in memory. */
static long resident(void) {
    long size, pages;
    FILE *f = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%ld %ld", &size, &pages), 2);
    fclose(f);
    return pages;
}

START_TEST(arena_gives_aligned_zeroed_objects) {
    for (size_t n = 0; n < 300; n += 7) {
        unsigned char *p = arena_alloc(&arena, n, 3);
        ck_assert_uint_eq((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < 3 * n; i++) ck_assert_int_eq(p[i], 0);
        if (n > 0) memset(p, 0xff, 3 * n);
    }
    ck_assert_ptr_ne(arena_alloc(&arena, 0, 8), arena_alloc(&arena, 0, 8));
    ck_assert_str_eq(arena_strdup(&arena, "abc"), "abc");
    ck_assert_str_eq(arena_printf(&arena, "%d-%s", 5, "x"), "5-x");
}
END_TEST

START_TEST(arena_rewound_loop_takes_no_memory) {
    char *kept = arena_strdup(&arena, "kept");
    struct arena_mark mark = arena_mark(&arena);
    long before = 0;
    for (int turn = 0; turn < 5; turn++) {
        if (turn == 1) before = arena_blocks();
        for (size_t i = 0; i < 40; i++) {
            unsigned char *p = arena_alloc(&arena, i * (size_t)(turn % 2 ? 331 : 113), 1);
            unsigned char any = 0;
            for (size_t j = 0; j < i * (turn % 2 ? 331U : 113U); j++) any |= p[j];
            ck_assert_int_eq(any, 0);
            if (i > 0) memset(p, 0xff, i * (turn % 2 ? 331 : 113));
        }
        if (turn == 1) before = arena_blocks();
        arena_rewind(&arena, mark);
    }
    ck_assert_int_eq(arena_blocks(), before);
    ck_assert_str_eq(kept, "kept");
}
END_TEST

START_TEST(arena_rewinds_to_empty) {
    struct arena a;
    arena_open(&a, 256);
    struct arena_mark empty = arena_mark(&a);
    void *first = arena_alloc(&a, 1, 64);
    arena_alloc(&a, 1, 100000);
    arena_rewind(&a, empty);
    long blocks = arena_blocks();
    ck_assert_ptr_eq(arena_alloc(&a, 1, 64), first);
    arena_alloc(&a, 1, 90000);
    ck_assert_int_eq(arena_blocks(), blocks);
    arena_close(&a);
}
END_TEST

START_TEST(arena_discards_within_an_object_alone) {
    enum { AROUND = 100, SIZE = 50000 };
    const size_t sizes[] = {1, 64, 4095, 4097, 12288, SIZE - 2 * AROUND};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        unsigned char *p = arena_alloc(&arena, SIZE, 1);
        memset(p, 7, SIZE);
        arena_discard(p + AROUND, sizes[k]);
        for (size_t i = 0; i < SIZE; i++) ck_assert(p[i] == 7 || (p[i] == 0 && i >= AROUND && i < AROUND + sizes[k]));
        memset(p, 9, SIZE);
        for (size_t i = 0; i < SIZE; i++) ck_assert_int_eq(p[i], 9);
    }
}
END_TEST

/* Its pages are the system's until they are written again. */
START_TEST(arena_discard_gives_pages_back) {
    const size_t size = 64 << 20;
    unsigned char *p = arena_alloc(&arena, size, 1);
    const long full = resident();
    arena_discard(p, size);
    ck_assert_int_lt(resident(), full - (48 << 20) / sysconf(_SC_PAGESIZE));
}
END_TEST

static void leave(size_t bytes) {
    _exit(bytes == SIZE_MAX ? 1 : 2);
}

START_TEST(arena_reports_an_overflowing_product) {
    pid_t child = fork();
    if (child == 0) {
        arena_on_exhausted(leave);
        arena_alloc(&arena, SIZE_MAX / 4, 8);
        _exit(0);
    }
    int how = 0;
    ck_assert_int_eq(waitpid(child, &how, 0), child);
    ck_assert(WIFEXITED(how));
    ck_assert_int_eq(WEXITSTATUS(how), 1);
}
END_TEST

/* The published answers of pcg32(42, 54), first round of the library's own check program. */
START_TEST(rng_known_answers) {
    static const uint32_t expected[] = {0xa15c02b7, 0x7b47f409, 0xba1d3330, 0x83d2f293, 0xbfa4784b, 0xcbed606e};
    struct rng r = rng_seed_raw(42, 54);
    ck_assert_uint_eq(r.inc, 109);
    for (int i = 0; i < 6; i++) ck_assert_uint_eq(rng_u32(&r), expected[i]);
}
END_TEST

/* Expected values from a separate implementation of PCG32, SHA-256 seeding and Fisher-Yates in Python. */
START_TEST(rng_derived_streams_and_draws) {
    struct rng r = rng_open(7, "init", 3);
    ck_assert_uint_eq(rng_u32(&r), 0x72078f27);
    ck_assert_uint_eq(rng_u32(&r), 0x126facf7);
    r = rng_seed_raw(42, 54);
    ck_assert(rng_uniform(&r) == 0.6303102186438938);
    ck_assert(rng_uniform(&r) == 0.7270080560068604);
    r = rng_seed_raw(42, 54);
    ck_assert_double_eq_tol(rng_normal(&r), -0.20309084013510822, 1e-7);
    static const int expected[] = {6, 5, 1, 3, 0, 2, 4, 7};
    int x[] = {0, 1, 2, 3, 4, 5, 6, 7};
    r = rng_seed_raw(42, 54);
    rng_shuffle(&r, x, 8);
    for (int i = 0; i < 8; i++) ck_assert_int_eq(x[i], expected[i]);
}
END_TEST

START_TEST(rng_state_can_be_stored) {
    struct rng a = rng_open(1, "batch", 0), b;
    for (int i = 0; i < 17; i++) rng_below(&a, 10);
    uint64_t stored[2] = {a.state, a.inc};
    b = (struct rng){.state = stored[0], .inc = stored[1]};
    for (int i = 0; i < 100; i++) ck_assert_uint_eq(rng_u32(&a), rng_u32(&b));
}
END_TEST

START_TEST(rng_streams_differ_by_every_argument) {
    struct rng s[] = {rng_open(1, "a", 0), rng_open(2, "a", 0), rng_open(1, "b", 0), rng_open(1, "a", 1)};
    uint32_t x[4];
    for (int i = 0; i < 4; i++) x[i] = rng_u32(&s[i]);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++) ck_assert_uint_ne(x[i], x[j]);
}
END_TEST

/* n = 100000 draws; each bound is five standard errors of the named moment. */
START_TEST(rng_moments) {
    enum { N = 100000 };
    struct rng r = rng_open(5, "moments", 0);
    double u1 = 0, z1 = 0, z2 = 0;
    int counts[7] = {0};
    for (int i = 0; i < N; i++) {
        double u = rng_uniform(&r), z = rng_normal(&r);
        ck_assert(u >= 0 && u < 1 && isfinite(z));
        u1 += u / N, z1 += z / N, z2 += z * z / N;
        counts[rng_below(&r, 7)]++;
    }
    ck_assert_double_eq_tol(u1, 0.5, 5 * sqrt(1.0 / 12 / N));
    ck_assert_double_eq_tol(z1, 0, 5 * sqrt(1.0 / N));
    ck_assert_double_eq_tol(z2, 1, 5 * sqrt(2.0 / N));
    for (int i = 0; i < 7; i++) ck_assert_double_eq_tol(counts[i], N / 7.0, 5 * sqrt(N / 7.0 * 6 / 7));
    ck_assert_uint_eq(rng_below(&r, 1), 0);
    /* A remainder would give the first third of a range of 3/4 of all words half of the draws. */
    const uint32_t third = 1U << 30;
    long low = 0;
    for (int i = 0; i < N; i++) low += rng_below(&r, 3 * third) < third;
    ck_assert_double_eq_tol((double)low, N / 3.0, 5 * sqrt(N / 3.0 * 2 / 3));
}
END_TEST

/* FIPS 180-4 examples: the empty string, "abc", and a million times "a" (in uneven pieces). */
START_TEST(sha256_known_answers) {
    char hex[SHA256_HEX];
    sha256_text("", hex);
    ck_assert_str_eq(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256_text("abc", hex);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char *million = arena_alloc(&arena, 1000000, 1);
    memset(million, 'a', 1000000);
    struct sha256 h;
    sha256_open(&h);
    for (size_t at = 0, n = 1; at<1000000; at += n, n = n * 3> 1000000 - at ? 1000000 - at : n * 3)
        sha256_update(&h, million + at, n);
    sha256_hex(&h, hex);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    ck_assert_int_eq(fs_write(in("m"), million, 1000000), ST_OK);
    memset(hex, 0, sizeof hex);
    ck_assert_int_eq(sha256_file(in("m"), hex), ST_OK);
    ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    ck_assert_int_eq(sha256_file(in("none"), hex), ST_IO);
    ck_assert_int_eq(sha256_file(folder, hex), ST_IO);
}
END_TEST

Suite *suite_base(void) {
    Suite *s = suite_create("base");
    TCase *status = tcase_create("status"), *arenas = tcase_create("arena"), *rng = tcase_create("rng"),
          *sums = tcase_create("sha256");
    tcase_add_test(status, status_keeps_the_last_line);
    tcase_add_test(status, status_nearest_suggests);
    tcase_add_checked_fixture(arenas, open_folder, close_folder);
    tcase_add_test(arenas, arena_gives_aligned_zeroed_objects);
    tcase_add_test(arenas, arena_rewound_loop_takes_no_memory);
    tcase_add_test(arenas, arena_rewinds_to_empty);
    tcase_add_test(arenas, arena_discards_within_an_object_alone);
    tcase_add_test(arenas, arena_discard_gives_pages_back);
    tcase_add_test(arenas, arena_reports_an_overflowing_product);
    tcase_add_test(rng, rng_known_answers);
    tcase_add_test(rng, rng_derived_streams_and_draws);
    tcase_add_test(rng, rng_state_can_be_stored);
    tcase_add_test(rng, rng_streams_differ_by_every_argument);
    tcase_add_test(rng, rng_moments);
    tcase_add_checked_fixture(sums, open_folder, close_folder);
    tcase_add_test(sums, sha256_known_answers);
    suite_add_tcase(s, status);
    suite_add_tcase(s, arenas);
    suite_add_tcase(s, rng);
    suite_add_tcase(s, sums);
    return s;
}
