/* Matrix multiplication: the arithmetic of gemm.h, element by element, against the plain loop that defines it. */
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/rng.h"
#include "engine/gemm.h"
#include "engine/kernels.h"
#include "tests/engine/processor.h"

#define CANARY 12345.678f

/* One problem: row strides with padding, A in either orientation, C between two canaries. */
struct problem {
    int m, n, k;
    long a_row, a_col, ldb, ldc;
    bool accumulate;
    float *a, *b, *c, *start; /* start: C before the call */
    size_t c_size;
};

enum { C_MARGIN = 32 };

static float *filled(struct rng *r, size_t n) {
    float *x = malloc(n * sizeof *x);
    for (size_t i = 0; i < n; i++) x[i] = (float)(rng_uniform(r) * 2.0 - 1.0);
    return x;
}

static struct problem problem_open(struct rng *r, int m, int n, int k, bool transposed, int pad, bool accumulate) {
    struct problem p = {.m = m, .n = n, .k = k, .accumulate = accumulate, .ldb = n + pad, .ldc = n + 2 * pad};
    p.a_row = transposed ? 1 : k + pad;
    p.a_col = transposed ? m + pad : 1;
    p.a = filled(r, (size_t)(transposed ? k : m) * (size_t)(transposed ? p.a_col : p.a_row) + 1);
    p.b = filled(r, (size_t)k * (size_t)p.ldb + 1);
    p.c_size = (size_t)m * (size_t)p.ldc + 2 * C_MARGIN;
    p.c = malloc(p.c_size * sizeof(float));
    p.start = filled(r, p.c_size);
    for (size_t i = 0; i < p.c_size; i++) {
        long at = (long)i - C_MARGIN;
        if (at < 0 || at >= m * p.ldc || at % p.ldc >= n) p.start[i] = CANARY;
    }
    return p;
}

static void problem_close(struct problem *p) {
    free(p->a);
    free(p->b);
    free(p->c);
    free(p->start);
}

/* gemm.h in words: chains over blocks of 256 from zero, each added to C. */
static void define_gemm(const struct problem *p, float *c) {
    float *chain = malloc(sizeof(float) * (size_t)p->n);
    memcpy(c, p->start, p->c_size * sizeof(float));
    c += C_MARGIN;
    for (int i = 0; i < p->m; i++) {
        if (!p->accumulate) memset(c + i * p->ldc, 0, sizeof(float) * (size_t)p->n);
        for (int k0 = 0; k0 < p->k; k0 += GEMM_KBLOCK) {
            memset(chain, 0, sizeof(float) * (size_t)p->n);
            for (int q = k0; q < p->k && q < k0 + GEMM_KBLOCK; q++) {
                const float a = p->a[i * p->a_row + q * p->a_col], *b = p->b + q * p->ldb;
                for (int j = 0; j < p->n; j++) chain[j] = fmaf(a, b[j], chain[j]);
            }
            for (int j = 0; j < p->n; j++) c[i * p->ldc + j] = c[i * p->ldc + j] + chain[j];
        }
    }
    free(chain);
}

static void through_door(int m, int n, int k, const float *a, long a_row, long a_col, const float *b, long ldb,
                         int accumulate, float *c, long ldc) {
    gemm(m, n, k, a, a_row, a_col, b, ldb, accumulate, c, ldc);
}

/* gemm() as a table, so that the tables and the door pass the same checks. */
static const struct kernels door = {.isa = "door", .gemm = through_door};

static void run(const struct kernels *t, const struct problem *p) {
    memcpy(p->c, p->start, p->c_size * sizeof(float));
    t->gemm(p->m, p->n, p->k, p->a, p->a_row, p->a_col, p->b, p->ldb, p->accumulate, p->c + C_MARGIN, p->ldc);
}

static void expect_defined(const struct kernels *t, const struct problem *p) {
    float *want = malloc(p->c_size * sizeof(float));
    define_gemm(p, want);
    run(t, p);
    for (size_t i = 0; i < p->c_size && memcmp(want, p->c, p->c_size * sizeof(float)) != 0; i++)
        ck_assert_msg(want[i] == p->c[i] && signbit(want[i]) == signbit(p->c[i]),
                      "%s m %d n %d k %d a_row %ld a_col %ld acc %d at %ld: %.9g, defined %.9g", t->isa, p->m, p->n,
                      p->k, p->a_row, p->a_col, p->accumulate, (long)i - C_MARGIN, (double)p->c[i], (double)want[i]);
    free(want);
}

static void expect_defined_everywhere(const struct kernels *table, int n_random) {
    static const int fixed[][3] = {{1, 1, 1},     {1, 16, 16},   {1, 128, 128}, {6, 64, 256},   {7, 65, 257},
                                   {64, 64, 32},  {13, 48, 64},  {16, 16, 16},  {5, 17, 511},   {23, 97, 512},
                                   {3, 1, 513},   {2, 31, 7},    {97, 1, 3},    {128, 128, 32}, {12, 32, 769},
                                   {4, 80, 1000}, {300, 70, 260}};
    struct rng r = rng_seed_raw(11, 3);
    int n_fixed = (int)(sizeof fixed / sizeof fixed[0]);
    for (int t = 0; t < 4 * n_fixed + n_random; t++) {
        int m, n, k;
        if (t < 4 * n_fixed) {
            m = fixed[t / 4][0], n = fixed[t / 4][1], k = fixed[t / 4][2];
        } else {
            m = 1 + (int)rng_below(&r, 40), n = 1 + (int)rng_below(&r, 150);
            k = 1 + (int)rng_below(&r, rng_below(&r, 4) ? 80 : 700);
        }
        int pad = t % 3 ? 0 : (int)rng_below(&r, 20);
        struct problem p = problem_open(&r, m, n, k, t & 1, pad, t & 2);
        expect_defined(table, &p);
        problem_close(&p);
    }
}

/* Every register tile that there is: all heights, whole and cut, with and without what C holds. */
static void expect_defined_in_every_tile(const struct kernels *table) {
    struct rng r = rng_seed_raw(13, 7);
    for (int m = 1; m <= 24; m++)
        for (int t = 0; t < 4 * 8; t++) {
            struct problem p = problem_open(&r, m, 16 * (t / 4 + 1) - (t & 1), 3, false, 0, t & 2);
            expect_defined(table, &p);
            problem_close(&p);
        }
}

/* Shapes on either side of every choice that gemm and the own kernel make: packing, fetching ahead, BLIS; the last two
 * rows: packed panels of three and four vectors, whole and cut, in tiles of every height that they come in. */
static void expect_defined_for_large(void) {
    static const struct {
        int m, n, k, pad;
    } large[] = {{130, 1100, 300, 0}, {70, 2048, 64, 0},  {600, 96, 600, 0},  {1024, 64, 257, 0}, {48, 1024, 300, 0},
                 {515, 530, 700, 0},  {260, 70, 1024, 0}, {128, 513, 129, 0}, {33, 48, 200, 976}, {40, 48, 200, 976},
                 {33, 41, 200, 983},  {40, 41, 200, 983}, {37, 64, 200, 960}, {37, 50, 200, 974}};
    struct rng r = rng_seed_raw(5, 5);
    for (int i = 0; i < 4 * (int)(sizeof large / sizeof *large); i++) {
        const int m = large[i / 4].m, n = large[i / 4].n, k = large[i / 4].k;
        struct problem p = problem_open(&r, m, n, k, i & 1, large[i / 4].pad, i & 2);
        expect_defined(&door, &p);
        expect_defined(&kernels_avx2, &p);
        problem_close(&p);
    }
}

START_TEST(own_avx2_is_the_definition) {
    expect_defined_everywhere(&kernels_avx2, 300);
    expect_defined_in_every_tile(&kernels_avx2);
}
END_TEST

START_TEST(own_avx512_is_the_definition) {
    if (no_avx512()) return;
    expect_defined_everywhere(&kernels_avx512, 300);
    expect_defined_in_every_tile(&kernels_avx512);
}
END_TEST

START_TEST(blis_portable_is_the_definition) {
    ck_assert_int_eq(gemm_open(GEMM_BLIS, NUMERIC_PORTABLE), ST_OK);
    expect_defined_everywhere(&door, 150);
}
END_TEST

/* BLIS takes its kernels at its first call, so the other ISA needs a process that has made none. */
START_TEST(blis_portable_haswell_is_the_definition) {
    const char *fork_mode = getenv("CK_FORK");
    if (fork_mode && strcmp(fork_mode, "no") == 0) {
        printf("skip: CK_FORK=no shares one BLIS between tests\n");
        return;
    }
    ck_assert_int_eq(setenv("SPILLOVER_ISA", "avx2", 1), 0);
    ck_assert_int_eq(gemm_open(GEMM_BLIS, NUMERIC_PORTABLE), ST_OK);
    ck_assert_str_eq(gemm_blis_arch(), "haswell");
    ck_assert_str_eq(gemm_isa(), "avx2");
    expect_defined_everywhere(&door, 150);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    expect_defined_for_large();
}
END_TEST

START_TEST(auto_portable_is_the_definition) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    expect_defined_everywhere(&door, 50);
    expect_defined_for_large();
}
END_TEST

/* Native mode may sum in another order, so against double: |error| <= k eps/2 sum |a b|, loosely. */
START_TEST(native_is_accurate) {
    struct rng r = rng_seed_raw(8, 1);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_NATIVE), ST_OK);
    static const int shapes[][3] = {{64, 64, 1024}, {5, 300, 2000}, {257, 129, 65}, {130, 1100, 300}};
    for (int t = 0; t < 8; t++) {
        struct problem p = problem_open(&r, shapes[t / 2][0], shapes[t / 2][1], shapes[t / 2][2], t & 1, 3, t & 1);
        double worst = 0.0;
        run(&door, &p);
        for (int i = 0; i < p.m; i++)
            for (int j = 0; j < p.n; j++) {
                long at = C_MARGIN + i * p.ldc + j;
                double want = p.accumulate ? (double)p.start[at] : 0.0;
                for (int q = 0; q < p.k; q++)
                    want += (double)p.a[i * p.a_row + q * p.a_col] * (double)p.b[q * p.ldb + j];
                worst = fmax(worst, fabs((double)p.c[at] - want));
            }
        ck_assert_double_lt(worst, 2e-7 * p.k);
        problem_close(&p);
    }
}
END_TEST

/* The bits of a row do not depend on how many rows or columns go with it. */
START_TEST(rows_are_invariant) {
    struct rng r = rng_seed_raw(2, 9);
    const struct kernels *tables[] = {&kernels_avx2, &kernels_avx512};
    for (int t = 0; t < 2; t++) {
        if (t == 1 && no_avx512()) return;
        struct problem p = problem_open(&r, 29, 112, 300, false, 5, false);
        float one[112];
        run(tables[t], &p);
        for (int i = 0; i < p.m; i++) {
            tables[t]->gemm(1, p.n, p.k, p.a + i * p.a_row, 0, 1, p.b, p.ldb, 0, one, p.n);
            ck_assert_mem_eq(one, p.c + C_MARGIN + i * p.ldc, sizeof one);
            tables[t]->gemm(1, 1, p.k, p.a + i * p.a_row, 0, 1, p.b + i, p.ldb, 0, one, 1);
            ck_assert_mem_eq(one, p.c + C_MARGIN + i * p.ldc + i, sizeof one[0]);
        }
        problem_close(&p);
    }
}
END_TEST

/* n floats that end where readable memory ends. */
static float *at_the_edge(size_t n) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (n * sizeof(float) + page - 1) / page * page;
    char *map = mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(map, MAP_FAILED);
    ck_assert_int_eq(mprotect(map + size, page, PROT_NONE), 0);
    return (float *)(map + size) - n;
}

START_TEST(nothing_is_touched_past_the_end) {
    const struct kernels *tables[] = {&kernels_avx2, &kernels_avx512};
    for (int t = 0; t < 2; t++) {
        if (t == 1 && no_avx512()) return;
        for (int m = 1; m <= 13; m += 2)
            for (int n = 1; n <= 67; n += 6) {
                int k = 9;
                float *a = at_the_edge((size_t)(m * k)), *b = at_the_edge((size_t)(k * n));
                float *c = at_the_edge((size_t)(m * n)), *d = at_the_edge((size_t)(m * n));
                for (int i = 0; i < m * k; i++) a[i] = 1.0f;
                for (int i = 0; i < k * n; i++) b[i] = (float)(i % n);
                tables[t]->gemm(m, n, k, a, k, 1, b, n, 0, c, n);
                tables[t]->transpose(m, n, c, n, d, m);
                for (int i = 0; i < m; i++)
                    for (int j = 0; j < n; j++) ck_assert_float_eq(d[j * m + i], (float)(9 * j));
            }
    }
}
END_TEST

START_TEST(no_columns_no_chain) {
    float c[3] = {1.0f, 2.0f, 3.0f}, a = 1.0f;
    kernels_avx2.gemm(1, 2, 0, &a, 1, 1, &a, 2, 1, c, 2);
    ck_assert_float_eq(c[0], 1.0f);
    kernels_avx2.gemm(0, 2, 1, &a, 1, 1, &a, 2, 0, c, 2);
    ck_assert_float_eq(c[0], 1.0f);
    kernels_avx2.gemm(1, 2, 0, &a, 1, 1, &a, 2, 0, c, 2);
    ck_assert_float_eq(c[0], 0.0f);
    ck_assert_float_eq(c[1], 0.0f);
    ck_assert_float_eq(c[2], 3.0f);
    /* as many rows as are fetched ahead, of A as it stands and transposed */
    const struct kernels *tables[] = {&kernels_avx2, &kernels_avx512};
    enum { ROWS = 40, COLUMNS = 2 };
    for (int t = 0; t < 2; t++) {
        float many[ROWS * COLUMNS];
        if (t == 1 && no_avx512()) return;
        for (int step = 1; step <= 4; step += 3)
            for (int add = 1; add >= 0; add--) {
                for (int i = 0; i < ROWS * COLUMNS; i++) many[i] = 1.0f;
                tables[t]->gemm(ROWS, COLUMNS, 0, &a, step, 5 - step, &a, COLUMNS, add, many, COLUMNS);
                for (int i = 0; i < ROWS * COLUMNS; i++) ck_assert_float_eq(many[i], (float)add);
            }
    }
}
END_TEST

START_TEST(transposes) {
    const struct kernels *tables[] = {&kernels_avx2, &kernels_avx512};
    enum { MAX = 61 };
    static float src[MAX * (MAX + 3)], dst[MAX * (MAX + 5)];
    for (int t = 0; t < 2; t++) {
        if (t == 1 && no_avx512()) return;
        for (int m = 1; m <= MAX; m += 6)
            for (int n = 1; n <= MAX; n += 5) {
                long lds = n + 3, ldd = m + 5;
                for (int i = 0; i < m * lds; i++) src[i] = (float)i;
                for (int i = 0; i < MAX * (MAX + 5); i++) dst[i] = CANARY;
                tables[t]->transpose(m, n, src, lds, dst, ldd);
                int wrong = 0;
                for (int i = 0; i < MAX * (MAX + 5); i++) {
                    bool inside = i % ldd < m && i / ldd < n;
                    wrong += dst[i] != (inside ? (float)(i % ldd * lds + i / ldd) : CANARY);
                }
                ck_assert_int_eq(wrong, 0);
            }
    }
}
END_TEST

START_TEST(says_what_was_chosen) {
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_OK);
    bool wide = strcmp(gemm_isa(), "avx512") == 0;
    ck_assert(wide || strcmp(gemm_isa(), "avx2") == 0);
    ck_assert_str_eq(gemm_blis_arch(), wide ? "skx" : "haswell");
    ck_assert_str_eq(gemm_blis_threading(), "serial");
    ck_assert_int_eq(gemm_blis_version()[1], '.');
    ck_assert_int_eq(gemm_mode(), NUMERIC_PORTABLE);
}
END_TEST

START_TEST(refuses_an_unknown_isa) {
    ck_assert_int_eq(setenv("SPILLOVER_ISA", "sse", 1), 0);
    ck_assert_int_eq(gemm_open(GEMM_AUTO, NUMERIC_PORTABLE), ST_USAGE);
    ck_assert_ptr_ne(strstr(status_message(), "sse"), NULL);
    unsetenv("SPILLOVER_ISA");
}
END_TEST

Suite *suite_gemm(void);
Suite *suite_gemm(void) {
    Suite *s = suite_create("gemm");
    TCase *t = tcase_create("gemm");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, own_avx2_is_the_definition);
    tcase_add_test(t, own_avx512_is_the_definition);
    tcase_add_test(t, blis_portable_is_the_definition);
    tcase_add_test(t, blis_portable_haswell_is_the_definition);
    tcase_add_test(t, auto_portable_is_the_definition);
    tcase_add_test(t, native_is_accurate);
    tcase_add_test(t, rows_are_invariant);
    tcase_add_test(t, nothing_is_touched_past_the_end);
    tcase_add_test(t, no_columns_no_chain);
    tcase_add_test(t, transposes);
    tcase_add_test(t, says_what_was_chosen);
    tcase_add_test(t, refuses_an_unknown_isa);
    suite_add_tcase(s, t);
    return s;
}
