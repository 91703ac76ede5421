/* How long a run still takes: what like cells took, and no less than the pace of one that runs. */
#include <check.h>
#include <string.h>
#include <time.h>

#include "engine/base/fs.h"
#include "experiments/display.h"
#include "experiments/store.h"
#include "tests/experiments/grid_setup.h"
#include "tests/folder.h"

enum { TOOK = 1000, ELAPSED = 800 };

static struct suite suite;
static struct grid grid;
static struct schedule schedule;

/* Three bases: one is whole, one runs, one waits. */
static void open_schedule(void) {
    struct timespec t;
    open_folder();
    suite = setup_suite(&arena, in("s.yaml"), "suite: m\nseeds: 1..3\ngrid:\n  - task: {name: chain}\n");
    grid = setup_grid(&arena, &suite);
    schedule = (struct schedule){.grid = &grid, .out = folder, .arena = &arena, .jobs = 1};
    ck_assert_int_eq(store_open(folder), ST_OK);
    schedule_survey(&schedule);
    clock_gettime(CLOCK_MONOTONIC, &t);
    schedule.cells[0].state = STATE_DONE;
    schedule.cells[0].seconds = TOOK;
    schedule.cells[1].state = STATE_RUNNING;
    schedule.cells[1].started = (double)t.tv_sec - ELAPSED;
}

static double left_after(const char *events) {
    bool guessed = true;
    const char *key = grid.cells[1].cell.key;
    const char *path = arena_printf(&arena, "%s/events.jsonl", store_part(&arena, folder, key));
    ck_assert_int_eq(fs_write(path, events, strlen(events)), ST_OK);
    const double left = display_work_left(&schedule, &guessed);
    ck_assert(!guessed);
    return left;
}

/* The clock goes on meanwhile: by less than 100 seconds. */
START_TEST(a_running_cell_takes_no_less_than_at_its_pace) {
    ck_assert_int_eq(store_begin(&arena, folder, grid.cells[1].cell.key, grid.cells[1].identity), ST_OK);
    const double like_the_other = TOOK + TOOK - ELAPSED;
    const struct {
        const char *events;
        double left;
    } cases[] = {
        {"", like_the_other},
        {"{\"what\":\"train\",\"done\":40,\"of\":40}\n", like_the_other},
        {"{\"what\":\"train\",\"done\":39,\"of\":40}\n", like_the_other},
        {"{\"what\":\"train\",\"done\":0,\"of\":40}\n", like_the_other},
        {"{\"what\":\"train\",\"done\":39,\"of\":40}\n{\"what\":\"train\",\"done\":10,\"of\":40}\n",
         TOOK + 3.0 * ELAPSED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double left = left_after(cases[i].events);
        ck_assert_msg(left > cases[i].left - 100 && left < cases[i].left + 300, "%s: %g, not %g", cases[i].events, left,
                      cases[i].left);
    }
}
END_TEST

START_TEST(events_and_durations_for_people) {
    const struct {
        double seconds;
        const char *text;
    } durations[] = {{-1, "unknown"}, {0, "0 s"}, {89, "89 s"}, {150, "2 min"}, {5399, "90 min"}, {5400, "1 h 30 min"}};
    for (size_t i = 0; i < sizeof durations / sizeof *durations; i++) {
        char text[32];
        display_duration(durations[i].seconds, text, sizeof text);
        ck_assert_str_eq(text, durations[i].text);
    }
    ck_assert_str_eq(display_progress(&arena, ""), "");
    ck_assert_str_eq(display_progress(&arena, "{\"what\":\"press\",\"done\":40,\"of\":240,\"loss\":1.234}"),
                     "press 40/240, loss 1.23");
}
END_TEST

Suite *suite_display(void) {
    Suite *s = suite_create("display");
    TCase *t = tcase_create("display");
    tcase_add_checked_fixture(t, open_schedule, close_folder);
    tcase_add_test(t, a_running_cell_takes_no_less_than_at_its_pace);
    tcase_add_test(t, events_and_durations_for_people);
    suite_add_tcase(s, t);
    return s;
}
