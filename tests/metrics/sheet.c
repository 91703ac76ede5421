#include "tests/metrics/sheet.h"

#include <check.h>
#include <string.h>

void sheet_note(void *to, const struct metric_row *row) {
    struct sheet *s = to;
    ck_assert_int_lt(s->n, SHEET_ROWS);
    s->row[s->n++] = *row;
}

const struct metric_row *sheet_row(const struct sheet *s, const char *metric, int step, int layer, const char *concept,
                                   const char *view) {
    const struct metric_row *found = NULL;
    for (int i = 0; i < s->n; i++) {
        const struct metric_row *r = &s->row[i];
        if (strcmp(r->metric, metric) != 0 || r->step != step || r->layer != layer) continue;
        if (strcmp(r->concept, concept) != 0 || strcmp(r->view, view) != 0) continue;
        ck_assert_msg(!found, "%s %d %s %s twice", metric, step, concept, view);
        found = r;
    }
    ck_assert_msg(found != NULL, "no row %s %d %d %s %s", metric, step, layer, concept, view);
    return found;
}

double sheet_value(const struct sheet *s, const char *metric, int step, const char *concept, const char *view) {
    const struct metric_row *r = sheet_row(s, metric, step, -1, concept, view);
    ck_assert_str_eq(r->status, "ok");
    return r->value;
}
