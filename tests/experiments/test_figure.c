#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "experiments/figure.h"

/* The wrapper around gnuplot, with programs in its place that do what it may do. */

static struct arena arena;
static char dir[64];

static void setup(void) {
    arena_open(&arena, 1 << 16);
    memcpy(dir, "/tmp/test_figure.XXXXXX", 24);
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void teardown(void) {
    ck_assert_int_eq(fs_remove_tree(dir), ST_OK);
    arena_close(&arena);
}

static const char *fake(const char *body) {
    const char *path = arena_printf(&arena, "%s/fake", dir), *text = arena_printf(&arena, "#!/bin/sh\n%s\n", body);
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
    ck_assert_int_eq(chmod(path, 0700), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/%s", dir, i ? "style.gp" : "fig_x.gp"), "", 0), ST_OK);
    return path;
}

static enum status render(const char *program) {
    return figure_render(program, dir, dir, "x", "caption", &arena);
}

static bool left(const char *name) {
    return fs_exists(arena_printf(&arena, "%s/%s", dir, name));
}

START_TEST(whole_picture) {
    ck_assert_int_eq(render(fake("test \"$5\" = ./data/x.csv && test \"$6\" = caption && echo '<svg></svg>' > \"$4\"")),
                     ST_OK);
    char *text;
    size_t size;
    ck_assert_int_eq(fs_read(&arena, arena_printf(&arena, "%s/x.svg", dir), &text, &size), ST_OK);
    ck_assert_str_eq(text, "<svg></svg>\n");
    ck_assert(!left("x.svg.part") && !left("x.log"));
}
END_TEST

START_TEST(cut_picture) {
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/x.svg", dir), "old", 3), ST_OK);
    ck_assert_int_eq(render(fake("echo '<svg><path' > \"$4\"")), ST_FAILED);
    ck_assert_ptr_nonnull(strstr(status_message(), "no whole picture"));
    ck_assert(!left("x.svg") && !left("x.svg.part"));
}
END_TEST

START_TEST(failing_program) {
    ck_assert_int_eq(render(fake("echo '<svg></svg>' > \"$4\"; echo >&2; echo 'undefined variable: q' >&2; exit 1")),
                     ST_FAILED);
    ck_assert_ptr_nonnull(strstr(status_message(), "undefined variable: q"));
    ck_assert(!left("x.svg") && !left("x.svg.part") && !left("x.log"));
}
END_TEST

START_TEST(no_program_no_name) {
    fake("");
    ck_assert_int_eq(render("no-such-program-here"), ST_PARTIAL);
    ck_assert_ptr_nonnull(strstr(status_message(), "not installed"));
    ck_assert_int_eq(figure_render("true", dir, dir, "< ls", "", &arena), ST_USAGE);
    ck_assert_int_eq(figure_render("true", dir, dir, "../x", "", &arena), ST_USAGE);
    ck_assert_int_eq(figure_render("true", dir, dir, "y", "", &arena), ST_IO); /* no fig_y.gp */
}
END_TEST

Suite *suite_figure(void) {
    Suite *s = suite_create("figure");
    TCase *t = tcase_create("figure");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 20);
    tcase_add_test(t, whole_picture);
    tcase_add_test(t, cut_picture);
    tcase_add_test(t, failing_program);
    tcase_add_test(t, no_program_no_name);
    suite_add_tcase(s, t);
    return s;
}
