#include "tests/experiments/grid_setup.h"

#include <check.h>
#include <string.h>

#include "engine/base/fs.h"

struct suite setup_suite(struct arena *a, const char *path, const char *text) {
    struct suite s;
    ck_assert_int_eq(fs_write(path, text, strlen(text)), ST_OK);
    ck_assert_msg(suite_read(&s, path, NULL, 0, a) == ST_OK, "%s", status_message());
    return s;
}

struct grid setup_grid(struct arena *a, const struct suite *s) {
    struct grid g;
    ck_assert_msg(grid_build(&g, s, "none", NULL, a) == ST_OK, "%s", status_message());
    return g;
}

int setup_cell_at(const struct grid *g, enum cell_kind kind, const char *arm, const char *pressure) {
    for (int i = 0; i < g->n; i++) {
        const struct cell *c = &g->cells[i].cell;
        if (c->kind != kind || (kind >= CELL_ARM && strcmp(c->config.arm.name, arm) != 0)) continue;
        if (kind == CELL_PRESS && strcmp(c->config.press.pressure, pressure) != 0) continue;
        return i;
    }
    ck_abort_msg("no such cell");
}
