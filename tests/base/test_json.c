#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"

static char path[64];
static struct arena arena;

static void open_file(void) {
    memcpy(path, "/tmp/test_json.XXXXXX", 22);
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    arena_open(&arena, 4096);
}

static void close_file(void) {
    unlink(path);
    arena_close(&arena);
}

static const char *at_path(const char *rest) {
    return arena_printf(&arena, "%s%s", path, rest);
}

static void put(const char *text) {
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
}

START_TEST(stores_sorted_and_loads_back) {
    json_t *v = json_pack("{s:i, s:[f, s], s:b}", "b", 7, "a", 0.1, "x\n", "c", 1);
    ck_assert_ptr_nonnull(v);
    ck_assert_int_eq(jsonio_store_path(path, v), ST_OK);
    char *text;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, path, &text, &size), ST_OK);
    ck_assert_str_eq(text, "{\n \"a\": [\n  0.10000000000000001,\n  \"x\\n\"\n ],\n \"b\": 7,\n \"c\": true\n}\n");
    json_t *back;
    ck_assert_int_eq(jsonio_load_path(path, &back), ST_OK);
    ck_assert(json_equal(v, back));
    json_decref(v);
    json_decref(back);
    ck_assert_int_eq(jsonio_store_path(path, NULL), ST_IO);
    ck_assert_int_eq(jsonio_store_path("/nonexistent/x.json", NULL), ST_IO);
}
END_TEST

static char *text_of(const char *name) {
    struct arena *a = &arena;
    char *text;
    size_t size;
    ck_assert_int_eq(fs_read(a, name, &text, &size), ST_OK);
    return text;
}

START_TEST(order_is_kept_or_sorted) {
    json_t *v = json_pack("{s:i, s:f}", "z", 1, "a", .25);
    char *printed = NULL;
    size_t size;
    FILE *to = open_memstream(&printed, &size);
    ck_assert_int_eq(jsonio_store_in_order(path, v), ST_OK);
    ck_assert_str_eq(text_of(path), "{\n \"z\": 1,\n \"a\": 0.25\n}\n");
    jsonio_print(to, v);
    fclose(to);
    ck_assert_str_eq(printed, "{\n \"a\": 0.25,\n \"z\": 1\n}\n");
    free(printed);
    json_decref(v);
}
END_TEST

START_TEST(load_errors_name_the_line) {
    json_t *v;
    put("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}");
    ck_assert_int_eq(jsonio_load_path(path, &v), ST_DATA);
    const char *start = at_path(":3: expected JSON, found: duplicate object key");
    ck_assert_msg(strncmp(status_message(), start, strlen(start)) == 0, "%s", status_message());
    put("[1,\n2,\n");
    ck_assert_int_eq(jsonio_load_path(path, &v), ST_DATA);
    ck_assert_int_eq(jsonio_load_text("header", "{} x", 4, &v), ST_DATA);
    ck_assert_int_eq(strncmp(status_message(), "header:1: ", 10), 0);
    ck_assert_int_eq(jsonio_load_text("header", "", 0, &v), ST_DATA);
    ck_assert_int_eq(jsonio_load_path("/nonexistent/x.json", &v), ST_IO);
}
END_TEST

START_TEST(lines_are_iterated) {
    struct jsonio_lines l;
    json_t *v;
    long long x = 0;
    put("{\"x\": 1}\n\n{\"x\": 2}\r\n\r\n{\"x\": 3}");
    ck_assert_int_eq(jsonio_lines_open(&l, &arena, path), ST_OK);
    static const int lines[] = {1, 3, 5};
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(jsonio_lines_next(&l, &v), ST_OK);
        ck_assert_int_eq(l.line, lines[i]);
        ck_assert_int_eq(jsonio_get_integer(l.where, v, "x", 0, 9, &x), ST_OK);
        ck_assert_int_eq(x, i + 1);
        json_decref(v);
    }
    ck_assert_int_eq(jsonio_lines_next(&l, &v), ST_OK);
    ck_assert_ptr_null(v);

    put("{}\n[1]\n{\"a\": }\n");
    ck_assert_int_eq(jsonio_lines_open(&l, &arena, path), ST_OK);
    ck_assert_int_eq(jsonio_lines_next(&l, &v), ST_OK);
    ck_assert_ptr_nonnull(v);
    json_decref(v);
    ck_assert_int_eq(jsonio_lines_next(&l, &v), ST_DATA);
    ck_assert_str_eq(status_message(), at_path(":2: expected a JSON object, found an array"));
    ck_assert_int_eq(jsonio_lines_next(&l, &v), ST_DATA);
    const char *start = at_path(":3: expected a JSON object, found: ");
    ck_assert_int_eq(strncmp(status_message(), start, strlen(start)), 0);
    ck_assert_int_eq(jsonio_lines_open(&l, &arena, "/nonexistent/x.jsonl"), ST_IO);
}
END_TEST

START_TEST(getters_take_their_type) {
    json_t *v, *inner = NULL;
    const char *text =
        "{\"s\": \"t\", \"i\": 5, \"r\": 2.5, \"b\": false, \"o\": {\"k\": 1}, \"a\": [1, 2], \"n\": null}";
    ck_assert_int_eq(jsonio_load_text("t", text, strlen(text), &v), ST_OK);
    const char *s = NULL;
    long long i = 0;
    double r = 0;
    bool b = true;
    ck_assert_int_eq(jsonio_get_string("t", v, "s", &s), ST_OK);
    ck_assert_str_eq(s, "t");
    ck_assert_int_eq(jsonio_get_integer("t", v, "i", 5, 5, &i), ST_OK);
    ck_assert_int_eq(i, 5);
    ck_assert_int_eq(jsonio_get_number("t", v, "r", &r), ST_OK);
    ck_assert(r == 2.5);
    ck_assert_int_eq(jsonio_get_number("t", v, "i", &r), ST_OK);
    ck_assert(r == 5);
    ck_assert_int_eq(jsonio_get_boolean("t", v, "b", &b), ST_OK);
    ck_assert(!b);
    ck_assert_int_eq(jsonio_get_object("t", v, "o", &inner), ST_OK);
    ck_assert_uint_eq(json_object_size(inner), 1);
    ck_assert_int_eq(jsonio_get_array("t", v, "a", &inner), ST_OK);
    ck_assert_uint_eq(json_array_size(inner), 2);

    ck_assert_int_eq(jsonio_get_string("t", v, "i", &s), ST_DATA);
    ck_assert_str_eq(status_message(), "t: expected 'i' to be a string, found an integer");
    ck_assert_int_eq(jsonio_get_integer("t", v, "r", 0, 9, &i), ST_DATA);
    ck_assert_str_eq(status_message(), "t: expected 'r' to be an integer, found a real number");
    ck_assert_int_eq(jsonio_get_integer("t", v, "i", 6, 9, &i), ST_DATA);
    ck_assert_str_eq(status_message(), "t: expected 'i' to lie in [6, 9], found 5");
    ck_assert_int_eq(jsonio_get_integer("t", v, "i", 0, 4, &i), ST_DATA);
    ck_assert_int_eq(jsonio_get_number("t", v, "z", &r), ST_DATA);
    ck_assert_str_eq(status_message(), "t: expected 'z' to be a number, found nothing");
    ck_assert_int_eq(jsonio_get_boolean("t", v, "n", &b), ST_DATA);
    ck_assert_str_eq(status_message(), "t: expected 'n' to be a boolean, found null");
    ck_assert_int_eq(jsonio_get_object("t", v, "a", &inner), ST_DATA);
    ck_assert_str_eq(status_message(), "t: expected 'a' to be an object, found an array");
    ck_assert_int_eq(jsonio_get_array("t", v, "o", &inner), ST_DATA);
    ck_assert_str_eq(status_message(), "t: expected 'o' to be an array, found an object");
    json_decref(v);
}
END_TEST

/* Each getter on a member of every kind, on null and on none. */
START_TEST(getters_take_no_other_type) {
    static const char text[] = "{\"s\": \"t\", \"i\": 5, \"r\": 2.5, \"b\": false, \"t\": true, \"o\": {}, \"a\": [], "
                               "\"n\": null}";
    static const struct {
        const char *key, *taken_by; /* first letters of getters */
        const char *kind;
    } members[] = {{"s", "s", "a string"},  {"i", "in", "an integer"}, {"r", "n", "a real number"},
                   {"b", "b", "a boolean"}, {"t", "b", "a boolean"},   {"o", "o", "an object"},
                   {"a", "a", "an array"},  {"n", "", "null"},         {"z", "", "nothing"}};
    json_t *v, *inner;
    ck_assert_int_eq(jsonio_load_text("t", text, strlen(text), &v), ST_OK);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        const char *key = members[i].key, *s;
        long long whole;
        double x;
        bool b;
        for (const char *g = "sinboa"; *g; g++) {
            const enum status st = *g == 's'   ? jsonio_get_string("t", v, key, &s)
                                   : *g == 'i' ? jsonio_get_integer("t", v, key, 0, 9, &whole)
                                   : *g == 'n' ? jsonio_get_number("t", v, key, &x)
                                   : *g == 'b' ? jsonio_get_boolean("t", v, key, &b)
                                   : *g == 'o' ? jsonio_get_object("t", v, key, &inner)
                                               : jsonio_get_array("t", v, key, &inner);
            const bool taken = strchr(members[i].taken_by, *g) != NULL;
            ck_assert_msg(st == (taken ? ST_OK : ST_DATA), "%c of %s", *g, key);
            const char *found = arena_printf(&arena, "found %s", members[i].kind);
            ck_assert_msg(taken || strstr(status_message(), found), "%c: %s", *g, status_message());
        }
    }
    json_decref(v);
}
END_TEST

Suite *suite_json(void) {
    Suite *s = suite_create("json");
    TCase *t = tcase_create("json");
    tcase_add_checked_fixture(t, open_file, close_file);
    tcase_add_test(t, stores_sorted_and_loads_back);
    tcase_add_test(t, order_is_kept_or_sorted);
    tcase_add_test(t, load_errors_name_the_line);
    tcase_add_test(t, lines_are_iterated);
    tcase_add_test(t, getters_take_their_type);
    tcase_add_test(t, getters_take_no_other_type);
    suite_add_tcase(s, t);
    return s;
}
