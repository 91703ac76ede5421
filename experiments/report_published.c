/* What the arms score on the published file of their task, between the floors of readers who never reason and the figures
 * that others published. */
#include <math.h>
#include <string.h>

#include "data/task.h"
#include "experiments/report_internal.h"

static const struct {
    const char *metric;
    bool floor; /* readers score it too */
} scores[] = {{"accuracy_exact", false}, {"accuracy_two_way", true}};
enum { SCORES = sizeof scores / sizeof scores[0] };

/* One score of an arm, or with a view that of a reader beside it. */
static struct report_entry score(const struct report *r, const struct report_arm *a, int which, const char *view,
                                 double *x) {
    struct report_arm_query q = report_query_of(a);
    q.metric = scores[which].metric;
    q.concept = "published";
    q.view = view;
    report_arm_series(r, &q, x);
    return report_interval(x, r->outcomes.n_seeds);
}

static void names(FILE *out, const char *task, const char *design, const char *who, const char *setting) {
    const char *const field[] = {task, design, who, setting};
    fputc('|', out);
    for (size_t i = 0; i < sizeof field / sizeof field[0]; i++) {
        fputc(' ', out);
        report_escape(out, field[i]);
        fputs(" |", out);
    }
}

static void head(FILE *out) {
    fprintf(out,
            "\n### On the published file\n\nExact: the answer is the likeliest of all tokens. Two-way: it is likelier "
            "than the wrong one that the question offers; a reader who never reasons scores what stands beside "
            "\"floor\". Means over seeds (and renamings of the same questions) with 95 %% t intervals, between them "
            "figures that others published, for other models and training.\n\n"
            "| task | design | who | variant | exact | two-way | n | source |\n|---|---|---|---|---|---|---|---|\n");
}

/* The floors are those of the file, whichever arm is measured: from the first arm that has them. */
static void floor_lines(const struct report *r, const struct report_arm *a, const struct task *task, double *x,
                        FILE *out) {
    for (const struct task_floor *f = task->floors; f && f->name; f++) {
        const struct report_entry e = score(r, a, 1, f->name, x);
        if (!e.n) continue;
        names(out, a->task, a->design, arena_printf(r->arena, "floor: %s", f->about), "");
        fprintf(out, " - | %s | %d | |\n", e.text, e.n);
    }
}

static void published_lines(const struct report_arm *a, const struct task *task, FILE *out) {
    for (const struct task_published *p = task->published; p && p->arm; p++) {
        names(out, a->task, "", p->arm, p->setting);
        fprintf(out, " %.3f", p->lo);
        if (p->lo < p->hi) fprintf(out, " to %.3f", p->hi);
        fputs(" | - | | ", out);
        report_escape(out, p->source);
        fputs(" |\n", out);
    }
}

static const struct task *task_of(const struct report_arm *a) {
    for (int i = 0; i < task_count; i++)
        if (strcmp(task_table[i]->name, a->task) == 0) return task_table[i];
    return NULL;
}

void report_published(const struct report *r, const struct report_arm *list, int n, FILE *out) {
    double *x = ARENA_NEW(r->arena, double, r->outcomes.n_seeds + 1);
    const char *told = NULL; /* the task whose floors and published figures stand there; arms come by task */
    bool any = false;
    for (int i = 0; i < n; i++) {
        struct report_entry e[SCORES];
        int most = 0;
        for (int s = 0; s < SCORES; s++) {
            e[s] = score(r, &list[i], s, "", x);
            if (e[s].n > most) most = e[s].n;
        }
        if (!most) continue;
        const struct task *task = task_of(&list[i]);
        if (!any) head(out);
        any = true;
        if (task && (!told || strcmp(told, list[i].task) != 0)) {
            floor_lines(r, &list[i], task, x, out);
            published_lines(&list[i], task, out);
            told = list[i].task;
        }
        names(out, list[i].task, list[i].design, list[i].arm, report_settings(r, &list[i]));
        for (int s = 0; s < SCORES; s++) fprintf(out, " %s |", e[s].text);
        fprintf(out, " %d | |\n", most);
    }
}
