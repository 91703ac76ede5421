/* show: one question to a trained cell, before and after pressure, side by side. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "experiments/command.h"
#include "experiments/show.h"

enum { KEY_DOSE = 'D', WIDEST = 60 };

struct arguments {
    struct show_options show;
    int thoughts;
    bool json;
};

static int number(const char *arg, const char *name, struct argp_state *state) {
    char *end;
    long x = strtol(arg, &end, 10);
    if (end == arg || *end || x < 1 || x > 10000000)
        argp_error(state, "--%s: \"%s\" is not a whole number from 1", name, arg);
    return (int)x;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'o':
        x->show.out = arg;
        return 0;
    case 'i':
        x->show.item = number(arg, "item", state);
        return 0;
    case 'p':
        x->show.pressure = arg;
        return 0;
    case KEY_DOSE:
        x->show.level = number(arg, "dose", state);
        if (x->show.level != 25 && x->show.level != 50 && x->show.level != 75 && x->show.level != 90)
            argp_error(state, "--dose: \"%s\" is not 25, 50, 75 or 90", arg);
        return 0;
    case 'd':
        x->show.data_dir = arg;
        return 0;
    case 't':
        x->thoughts = number(arg, "thoughts", state);
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (x->show.cell) argp_error(state, "one cell at a time");
        x->show.cell = arg;
        return 0;
    case ARGP_KEY_END:
        if (!x->show.cell || !*x->show.cell) argp_error(state, "which cell?");
        if (x->thoughts && x->json) argp_error(state, "--thoughts or --json, not both");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"item", 'i', "N", 0, "which of the questions that the monitors are read on, from 1 (default: 1)", 0},
    {"pressure", 'p', "NAME", 0, "whose questions (default: the cell's)", 0},
    {"dose", KEY_DOSE, "PERCENT", 0, "weights kept when the dose first crossed 25, 50, 75 or 90 (default: the highest)",
     0},
    {"data", 'd', "DIR", 0, "published data files, for tasks that read them", 0},
    {"thoughts", 't', "N", 0, "the thoughts on N questions, decoded: the head's five likeliest tokens at each", 0},
    {"out", 'o', "DIR", 0, "folder of runs (default: runs)", 0},
    {"json", 'J', NULL, 0, "as a JSON object", 0},
    {0},
};

const struct argp command_show_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "CELL",
    .doc =
        "Run one question through a cell's weights before and after pressure and show both sides: the reasoning, "
        "thoughts through the lens (the nearest tokens of the unembedding) and through the probes frozen before "
        "pressure, the output, and what each monitor says. CELL is a key or the beginning of one: the column `cell` "
        "of results.csv. A * marks what differs.\v"
        "Examples:\n  spillover show 612d9f2c8075 --item 17\n  spillover show 612d --dose 75 --json\n  spillover show 612d --thoughts 5\n",
};

/* Bytes are as good as columns here: tokens are ASCII. */
static void print_text(const struct show *s) {
    const char *bold = isatty(STDOUT_FILENO) && !getenv("NO_COLOR") ? "\033[1m" : "", *plain = *bold ? "\033[0m" : "";
    int name = 0, before = 6;
    for (int i = 0; i < s->n; i++)
        for (int k = 0; k < s->section[i].n; k++) {
            const struct show_line *l = &s->section[i].lines[k];
            if ((int)strlen(l->name) > name) name = (int)strlen(l->name);
            if ((int)strlen(l->before) > before) before = (int)strlen(l->before);
        }
    if (before > WIDEST) before = WIDEST;
    printf("cell      %.12s  %s\nitem      %d of %d, questions of %s; greedy\n", s->key, s->label, s->item, s->items,
           s->pressure);
    if (s->level)
        printf("after     the weights at dose .%02d\n", s->level);
    else
        printf("after     nothing: the cell kept no weights (an arm, a control, or a dose that never reached .25)\n");
    printf("question  %s\ntrue      %s\n", s->question, s->truth);
    for (int i = 0; i < s->n; i++) {
        const struct show_section *section = &s->section[i];
        if (!section->n) continue;
        printf("\n%s%s%s\n", bold, section->title, plain);
        if (s->level) printf("%-*s  %-*s    after\n", name, "", before, "before");
        for (int k = 0; k < section->n; k++) {
            const struct show_line *l = &section->lines[k];
            if (s->level)
                printf("%-*s  %-*s  %s %s%s%s\n", name, l->name, before, l->before, l->differs ? "*" : " ",
                       l->differs ? bold : "", l->after, l->differs ? plain : "");
            else
                printf("%-*s  %s\n", name, l->name, l->before);
        }
    }
}

static void print_json(const struct show *s) {
    json_t *sections = json_array();
    for (int i = 0; i < s->n; i++) {
        json_t *lines = json_array();
        for (int k = 0; k < s->section[i].n; k++) {
            const struct show_line *l = &s->section[i].lines[k];
            json_t *line = json_pack("{s:s, s:s}", "what", l->name, "before", l->before);
            if (s->level) json_object_set_new(line, "after", json_string(l->after));
            if (s->level) json_object_set_new(line, "differs", json_boolean(l->differs));
            json_array_append_new(lines, line);
        }
        json_array_append_new(sections, json_pack("{s:s, s:o}", "title", s->section[i].title, "lines", lines));
    }
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:i, s:i, s:s, s:s, s:o, s:o}", "cell", s->key, "label", s->label, "pressure",
                  s->pressure, "item", s->item, "items", s->items, "question", s->question, "truth", s->truth, "dose",
                  s->level ? json_real(s->level / 100.0) : json_null(), "sections", sections);
    jsonio_print(stdout, json);
    json_decref(json);
}

enum status command_show(int argc, char **argv, struct arena *a) {
    struct arguments x = {.show = {.out = "runs", .item = 1}};
    struct show s;
    argv[0] = "spillover show";
    TRY(command_parse(&command_show_argp, argc, argv, &x));
    if (x.thoughts) return show_thoughts(stdout, &x.show, x.thoughts, a);
    TRY(show_build(&s, &x.show, a));
    if (x.json)
        print_json(&s);
    else
        print_text(&s);
    return ST_OK;
}
