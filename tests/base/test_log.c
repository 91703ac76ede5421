#include <check.h>
#include <string.h>

#include "engine/base/log.h"

static FILE *stream;
static char text[4096];

static void open_stream(void) {
    stream = tmpfile();
    ck_assert_ptr_nonnull(stream);
    log_set_stream(stream);
}

static void close_stream(void) {
    log_set_stream(NULL);
    log_set_quiet(false);
    fclose(stream);
}

static const char *logged(void) {
    rewind(stream);
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    return text;
}

START_TEST(lines_and_warnings) {
    log_line("one %d", 1);
    log_warning("two");
    log_set_quiet(true);
    log_line("silent");
    log_warning("three");
    ck_assert_str_eq(logged(), "one 1\nwarning: two\nwarning: three\n");
}
END_TEST

START_TEST(timestamps_on_request) {
    log_set_timestamps(true);
    log_line("x");
    log_set_timestamps(false);
    ck_assert_uint_eq(strlen(logged()), strlen("2000-01-01T00:00:00Z x\n"));
    ck_assert_str_eq(text + 19, "Z x\n");
}
END_TEST

START_TEST(progress_is_described) {
    char line[128];
    struct progress p = {.label = "train", .total = 12, .done = 3};
    /* 3 of 12 in 10 s leave 9 at 10/3 s each: 30 s. */
    progress_text(line, sizeof line, &p, 10, "loss 1.5");
    ck_assert_str_eq(line, "train 3/12 25% 0:10, 0:30 left  loss 1.5");
    progress_text(line, sizeof line, &p, 1800, NULL);
    ck_assert_str_eq(line, "train 3/12 25% 30:00, 1:30:00 left");
    p.done = 0;
    progress_text(line, sizeof line, &p, 2, NULL);
    ck_assert_str_eq(line, "train 0/12 0% 0:02");
    p.done = 12;
    progress_text(line, sizeof line, &p, 61, NULL);
    ck_assert_str_eq(line, "train 12/12 100% 1:01");
    p.done = p.total = 0;
    progress_text(line, sizeof line, &p, 0, NULL);
    ck_assert_str_eq(line, "train 0/0 100% 0:00");
}
END_TEST

START_TEST(progress_shows_when_its_interval_is_over) {
    struct progress p;
    progress_open(&p, "cells", 2);
    ck_assert(!p.live);
    ck_assert(p.interval == 30);
    p.interval = 1e9;
    progress_update(&p, 1, NULL);
    ck_assert_str_eq(logged(), "");
    p.interval = 0;
    progress_update(&p, 1, "note");
    ck_assert_int_eq(strncmp(logged(), "cells 1/2 50% ", 14), 0);
    ck_assert_ptr_nonnull(strstr(text, "  note\n"));
    log_set_quiet(true);
    size_t before = strlen(text);
    progress_update(&p, 2, NULL);
    progress_close(&p);
    ck_assert_uint_eq(strlen(logged()), before);
    log_set_quiet(false);
    progress_close(&p);
    ck_assert_int_eq(strncmp(logged() + before, "cells 2/2 100% ", 15), 0);
    ck_assert_ptr_null(strchr(text, '\r'));
}
END_TEST

START_TEST(live_line_is_wiped_for_a_log_line) {
    struct progress p;
    progress_open(&p, "cells", 2);
    p.live = true;
    p.interval = 0;
    progress_update(&p, 1, NULL);
    log_line("between");
    ck_assert_ptr_nonnull(strstr(logged(), "\x1b[K\r\x1b[Kbetween\n"));
    progress_close(&p);
    log_line("after");
    ck_assert_ptr_nonnull(strstr(logged(), "\x1b[K\nafter\n"));
}
END_TEST

Suite *suite_log(void) {
    Suite *s = suite_create("log");
    TCase *t = tcase_create("log");
    tcase_add_checked_fixture(t, open_stream, close_stream);
    tcase_add_test(t, lines_and_warnings);
    tcase_add_test(t, timestamps_on_request);
    tcase_add_test(t, progress_is_described);
    tcase_add_test(t, progress_shows_when_its_interval_is_over);
    tcase_add_test(t, live_line_is_wiped_for_a_log_line);
    suite_add_tcase(s, t);
    return s;
}
