#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/bzip2.h"
#include "engine/base/csv.h"
#include "engine/base/fs.h"
#include "tests/refuse.h"

static char path[64];
static struct arena arena;

static void open_file(void) {
    memcpy(path, "/tmp/test_csv.XXXXXX", 21);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    arena_open(&arena, 4096);
}

static void close_file(void) {
    unlink(path);
    arena_close(&arena);
}

static enum status read_text(const char *text, size_t size, const char *const header[], struct csv_table **table) {
    ck_assert_int_eq(fs_write(path, text, size), ST_OK);
    return csv_read(&arena, path, header, table);
}

static const char *written(void) {
    char *text;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, path, &text, &size), ST_OK);
    return text;
}

START_TEST(writes_by_the_rules) {
    struct fs_file f;
    struct csv_out out;
    ck_assert_int_eq(fs_create(&f, path), ST_OK);
    csv_out_open(&out, f.stream);
    csv_out_header(&out, (const char *const[]){"arm", "say \"x\"", "a,b", NULL});
    csv_out_text(&out, "two\nlines");
    csv_out_text(&out, "");
    csv_out_text(&out, " kept ");
    csv_out_end(&out);
    csv_out_text(&out, NULL);
    csv_out_number(&out, 1.0 / 3);
    csv_out_number(&out, NAN);
    csv_out_number(&out, -INFINITY);
    csv_out_number(&out, -2.5e-9);
    csv_out_number(&out, 1234567);
    csv_out_integer(&out, -9000000000LL);
    csv_out_end(&out);
    ck_assert_int_eq(fs_commit(&f), ST_OK);
    ck_assert_str_eq(written(), "arm,\"say \"\"x\"\"\",\"a,b\"\n"
                                "\"two\nlines\",, kept \n"
                                "\"\",0.333333,,,-2.5e-09,1.23457e+06,-9000000000\n");
}
END_TEST

START_TEST(numbers_ignore_the_locale) {
    /* Any locale with a decimal comma serves; without one installed the C locale is tested twice. */
    const char *const comma[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "nb_NO.UTF-8"};
    for (int i = 0; i < 3 && !setlocale(LC_ALL, comma[i]); i++) continue;
    struct fs_file f;
    struct csv_out out;
    ck_assert_int_eq(fs_create(&f, path), ST_OK);
    csv_out_open(&out, f.stream);
    csv_out_header(&out, (const char *const[]){"x", NULL});
    csv_out_number(&out, 2.5);
    csv_out_end(&out);
    ck_assert_int_eq(fs_commit(&f), ST_OK);
    ck_assert_str_eq(written(), "x\n2.5\n");
    struct csv_table *t;
    double x = 0;
    ck_assert_int_eq(csv_read(&arena, path, NULL, &t), ST_OK);
    ck_assert_int_eq(csv_number(t, 0, 0, &x), ST_OK);
    ck_assert(x == 2.5);
    setlocale(LC_ALL, "C");
}
END_TEST

START_TEST(reads_back_what_was_written) {
    static const char *const fields[] = {"a", "", "\"", "x,y", "l1\nl2\r\n", " s ", "\t", "\xc3\xa9", "a\"b\"", "''"};
    enum { N = sizeof fields / sizeof fields[0] };
    struct fs_file f;
    struct csv_out out;
    ck_assert_int_eq(fs_create(&f, path), ST_OK);
    csv_out_open(&out, f.stream);
    csv_out_header(&out, (const char *const[]){"p", "q", NULL});
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            csv_out_text(&out, fields[i]);
            csv_out_text(&out, fields[j]);
            csv_out_end(&out);
        }
    ck_assert_int_eq(fs_commit(&f), ST_OK);
    struct csv_table *t;
    ck_assert_int_eq(csv_read(&arena, path, (const char *const[]){"p", "q", NULL}, &t), ST_OK);
    ck_assert_int_eq(t->rows, N * N);
    ck_assert_int_eq(t->columns, 2);
    for (int i = 0; i < N * N; i++) {
        ck_assert_str_eq(csv_cell(t, i, 0), fields[i / N]);
        ck_assert_str_eq(csv_cell(t, i, 1), fields[i % N]);
    }
}
END_TEST

/* A name that begins like a byte-order mark is a name, and so is one that begins like a compressed file. */
START_TEST(reads_back_a_mark_in_a_name) {
    static const char *const names[] = {"\xef\xbb\xbf", "BZh91AY&SY"};
    for (int i = 0; i < 2; i++) {
        struct csv_table *t;
        struct csv_out out;
        FILE *stream = fopen(path, "wbe");
        ck_assert_ptr_nonnull(stream);
        csv_out_open(&out, stream);
        csv_out_text(&out, names[i]);
        csv_out_end(&out);
        fclose(stream);
        ck_assert_msg(csv_read(&arena, path, NULL, &t) == ST_OK, "%s", status_message());
        ck_assert_str_eq(t->header[0], names[i]);
    }
}
END_TEST

START_TEST(reads_single_empty_fields) {
    struct csv_table *t;
    ck_assert_int_eq(read_text("x\n\"\"\n\n1", 7, NULL, &t), ST_OK);
    ck_assert_int_eq(t->rows, 2);
    ck_assert_str_eq(csv_cell(t, 0, 0), "");
    ck_assert_str_eq(csv_cell(t, 1, 0), "1");
}
END_TEST

START_TEST(knows_the_line_of_each_row) {
    static const char text[] = "\xef\xbb\xbf"
                               "a,b\r\n"   /* 1 */
                               "1,2\r\n"   /* 2 */
                               "\r\n"      /* 3 */
                               "\"x\r\n"   /* 4 */
                               "\r\n"      /* 5 */
                               "y\",3\r\n" /* 6 */
                               "\n"        /* 7 */
                               "4,5\r"     /* 8 */
                               "6,7";      /* 9 */
    struct csv_table *t;
    ck_assert_int_eq(read_text(text, sizeof text - 1, (const char *const[]){"a", "b", NULL}, &t), ST_OK);
    static const int lines[] = {2, 4, 8, 9};
    ck_assert_int_eq(t->rows, 4);
    for (int i = 0; i < 4; i++) ck_assert_int_eq(t->lines[i], lines[i]);
    ck_assert_str_eq(csv_cell(t, 1, 0), "x\r\n\r\ny");
    ck_assert_int_eq(csv_column(t, "a"), 0);
    ck_assert_int_eq(csv_column(t, "b"), 1);
    ck_assert_int_eq(csv_column(t, "c"), -1);
}
END_TEST

static const struct {
    const char *text;
    size_t size;
    const char *message;
} malformed[] = {
#define BAD(text, message)                                                                                             \
    { text, sizeof(text) - 1, message }
    BAD("", ":1: expected a header, found an empty file"),
    BAD("\n\n", ":1: expected a header, found an empty file"),
    BAD("a,b\n1,2\n3\n", ":3: expected 2 fields, found 1"),
    BAD("a,b\n1,2,3\n", ":2: expected 2 fields, found 3"),
    BAD("a,b\n1,2\n3", ":3: expected 2 fields, found 1"),
    BAD("a,b\n1,2\n\n3,\"x\n", ":4: expected a closing quote, found the end of the file"),
    BAD("a,b\n1,2\n3,\"x\"y\n4,5\n",
        ":3: expected a quote only around a whole field, doubled inside it, found a stray quote"),
    BAD("a,b\n1,x\"y\n", ":2: expected a quote only around a whole field, doubled inside it, found a stray quote"),
    BAD("a,b\n1,2\n3,\0\n", ":3: expected text, found a NUL byte"),
    BAD("a,a\n", ":1: expected column names that differ, found 'a' twice"),
    BAD("b,a\n", ":1: expected column 1 to be 'a', found 'b'"),
    BAD("a\n", ":1: expected column 2 to be 'b', found ''"),
    BAD("a,b,c\n", ":1: expected only 2 columns, found 'c'"),
};

START_TEST(refuses_malformed_text) {
    struct csv_table *t = NULL;
    enum status st = read_text(malformed[_i].text, malformed[_i].size, (const char *const[]){"a", "b", NULL}, &t);
    ck_assert_int_eq(st, ST_DATA);
    ck_assert_ptr_null(t);
    ck_assert_str_eq(status_message(), arena_printf(&arena, "%s%s", path, malformed[_i].message));
}
END_TEST

START_TEST(caps_fields_and_columns) {
    enum { CAP = 1 << 20, BUFFER = 8192 };
    struct csv_table *t;
    char *text = arena_alloc(&arena, CAP + BUFFER + 8, 1);
    memcpy(text, "a\n", 2);
    memset(text + 2, 'x', CAP);
    ck_assert_int_eq(read_text(text, CAP + 2, NULL, &t), ST_OK);
    ck_assert_uint_eq(strlen(csv_cell(t, 0, 0)), CAP);
    text[CAP + 2] = 'x';
    ck_assert_int_eq(read_text(text, CAP + 3, NULL, &t), ST_DATA);
    ck_assert_str_eq(status_message(),
                     arena_printf(&arena, "%s:2: expected fields of at most 1 MiB, found a longer one", path));
    memset(text + 2, 'x', CAP + BUFFER); /* more than the parser will hold */
    ck_assert_int_eq(read_text(text, CAP + BUFFER, NULL, &t), ST_DATA);
    ck_assert_str_eq(status_message(),
                     arena_printf(&arena, "%s:2: expected fields of at most 1 MiB, found a longer one", path));
    memset(text, ',', 1030);
    memcpy(text + 1030, "x\"y", 3); /* the first fault is the one that is told */
    static const size_t sizes[] = {1024, 1030, 1033};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(read_text(text, sizes[i], NULL, &t), ST_DATA);
        ck_assert_str_eq(status_message(),
                         arena_printf(&arena, "%s:1: expected at most 1024 columns, found more", path));
    }
    ck_assert_int_eq(csv_read(&arena, "/nonexistent/x.csv", NULL, &t), ST_IO);
}
END_TEST

START_TEST(numbers_are_strict) {
    static const char text[] = "x\n-1.5e3\n+.5\n7\n\"\"\n 1\n1 \n0x10\ninf\nnan\n1e999\n1,5\n";
    static const double good[] = {-1500, 0.5, 7};
    struct csv_table *t;
    double x = -1;
    ck_assert_int_eq(read_text(text, sizeof text - 5, NULL, &t), ST_OK);
    ck_assert_int_eq(t->rows, 10);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(csv_number(t, i, 0, &x), ST_OK);
        ck_assert(x == good[i]);
    }
    for (int i = 3; i < 10; i++) ck_assert_msg(csv_number(t, i, 0, &x) == ST_DATA, "%s", csv_cell(t, i, 0));
    ck_assert(x == 7);
    ck_assert_str_eq(status_message(),
                     arena_printf(&arena, "%s:11: expected a number in column 'x', found '1e999'", path));
    static const char *const other[] = {"1-", "e5", "1e", ".", "--1"};
    for (int i = 0; i < 5; i++) {
        const char *one = arena_printf(&arena, "x\n%s\n", other[i]);
        ck_assert_int_eq(read_text(one, strlen(one), NULL, &t), ST_OK);
        ck_assert_msg(csv_number(t, 0, 0, &x) == ST_DATA, "%s", other[i]);
    }
}
END_TEST

/* ---- compressed ---- */

static const char rows[] = "arm,value\ntext,1\ncoconut,2\ntext,1\ncoconut,2\n";

START_TEST(reads_compressed_tables) {
    struct csv_table *t;
    ck_assert_int_eq(bzip2_write(&arena, path, rows, sizeof rows - 1), ST_OK);
    ck_assert_int_eq(csv_read(&arena, path, NULL, &t), ST_OK);
    ck_assert_int_eq(t->rows, 4);
    ck_assert_str_eq(csv_cell(t, 3, 0), "coconut");
    ck_assert_int_eq(system(arena_printf(&arena, "bzip2 -t < %s", path)), 0); /* bzip2's own program agrees */
    const char *command = arena_printf(&arena, "printf 'a\\n7\\n' | bzip2 -1 > %s", path);
    ck_assert_int_eq(system(command), 0);
    ck_assert_int_eq(csv_read(&arena, path, NULL, &t), ST_OK);
    ck_assert_str_eq(csv_cell(t, 0, 0), "7");
}
END_TEST

static enum status read_packed(void) {
    struct csv_table *t;
    return csv_read(&arena, path, NULL, &t);
}

START_TEST(whatever_is_refused_is_said) {
    const struct refusal refused = {.act = read_packed};
    ck_assert_int_eq(bzip2_write(&arena, path, rows, sizeof rows - 1), ST_OK);
    ck_assert_int_ge(refuse_each(&refused), 5);
}
END_TEST

START_TEST(compresses_anything) {
    static const size_t sizes[] = {0, 1, 5, 70000};
    char *noise = arena_alloc(&arena, 70000, 1), *back;
    size_t n;
    for (int i = 0; i < 70000; i++) noise[i] = (char)(i * 2654435761u >> 13);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(bzip2_write(&arena, path, noise, sizes[i]), ST_OK);
        ck_assert_int_eq(bzip2_read(&arena, path, &back, &n), ST_OK);
        ck_assert_uint_eq(n, sizes[i]);
        ck_assert_int_eq(memcmp(back, noise, n), 0);
    }
}
END_TEST

/* No damage reads as other data: what is cut or changed is refused, or (a header's time) says the same. */
START_TEST(damaged_tables_are_refused) {
    char *good, *back;
    size_t n, m;
    int refused = 0;
    ck_assert_int_eq(bzip2_write(&arena, path, rows, sizeof rows - 1), ST_OK);
    ck_assert_int_eq(fs_read(&arena, path, &good, &n), ST_OK);
    for (size_t cut = 3; cut < n; cut++) {
        ck_assert_int_eq(fs_write(path, good, cut), ST_OK);
        ck_assert_int_eq(bzip2_read(&arena, path, &back, &m), ST_DATA);
    }
    for (size_t bit = 24; bit < 8 * n; bit++) {
        good[bit / 8] ^= (char)(1 << bit % 8);
        ck_assert_int_eq(fs_write(path, good, n), ST_OK);
        const enum status st = bzip2_read(&arena, path, &back, &m);
        ck_assert(st == ST_DATA || (st == ST_OK && m == sizeof rows - 1 && memcmp(back, rows, m) == 0));
        refused += st == ST_DATA;
        good[bit / 8] ^= (char)(1 << bit % 8);
    }
    ck_assert_int_ge(refused, (int)(8 * (n - 10)));   /* all but some of the header's bits */
    char *long_row = arena_alloc(&arena, 1000000, 1); /* more than fits the room that is guessed from the file's size */
    memset(long_row, 'a', 1000000);
    ck_assert_int_eq(bzip2_write(&arena, path, long_row, 1000000), ST_OK);
    char *packed;
    ck_assert_int_eq(fs_read(&arena, path, &packed, &m), ST_OK);
    for (size_t cut = 1; cut < m - 3; cut++) {
        size_t expanded;
        ck_assert_int_eq(fs_write(path, packed, m - cut), ST_OK);
        ck_assert_int_eq(bzip2_read(&arena, path, &back, &expanded), ST_DATA);
    }
    good[n] = 'x';
    ck_assert_int_eq(fs_write(path, good, n + 1), ST_OK);
    ck_assert_int_eq(bzip2_read(&arena, path, &back, &m), ST_DATA);
    ck_assert_ptr_nonnull(strstr(status_message(), "bzip2"));
}
END_TEST

Suite *suite_csv(void) {
    Suite *s = suite_create("csv");
    TCase *t = tcase_create("csv");
    tcase_add_checked_fixture(t, open_file, close_file);
    tcase_add_test(t, writes_by_the_rules);
    tcase_add_test(t, numbers_ignore_the_locale);
    tcase_add_test(t, reads_back_what_was_written);
    tcase_add_test(t, reads_back_a_mark_in_a_name);
    tcase_add_test(t, reads_single_empty_fields);
    tcase_add_test(t, knows_the_line_of_each_row);
    tcase_add_loop_test(t, refuses_malformed_text, 0, (int)(sizeof malformed / sizeof malformed[0]));
    tcase_add_test(t, caps_fields_and_columns);
    tcase_add_test(t, numbers_are_strict);
    tcase_add_test(t, reads_compressed_tables);
    tcase_add_test(t, whatever_is_refused_is_said);
    tcase_add_test(t, compresses_anything);
    tcase_add_test(t, damaged_tables_are_refused);
    suite_add_tcase(s, t);
    return s;
}
