/* list: what the registries and the schema hold. */
#include <argp.h>
#include <string.h>

#include "engine/base/json.h"
#include "experiments/command.h"
#include "experiments/merge.h"
#include "experiments/program.h"
#include "experiments/registry.h"
#include "experiments/suite.h"

struct arguments {
    const char *what;
    bool json;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'J':
        x->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (x->what) argp_error(state, "one list at a time");
        x->what = arg;
        return 0;
    case ARGP_KEY_END:
        if (!x->what) argp_error(state, "arms, tasks, pressures, metrics, suites, keys or columns?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"json", 'J', NULL, 0, "as a JSON array", 0},
    {0},
};

const struct argp command_list_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "arms|tasks|pressures|metrics|suites|keys|columns",
    .doc = "List what exists: rows of a registry, the suites beside the program, the keys of a suite file, "
           "or the columns of results.csv.\v"
           "Examples:\n  spillover list arms\n  spillover list columns --json\n",
};

static json_t *rows_json(enum registry which) {
    json_t *list = json_array();
    for (int i = 0; i < registry_count(which); i++) {
        struct registry_row row = registry_row(which, i);
        json_t *json = json_pack("{s:s, s:s, s:i, s:s}", "name", row.name, "about", row.about ? row.about : "",
                                 "version", row.version, "source", row.source);
        if (row.formula) json_object_set_new(json, "formula", json_string(row.formula));
        json_array_append_new(list, json);
    }
    return list;
}

static json_t *suites_json(struct arena *a) {
    int n;
    const char *folder = program_suites_dir(a), *const *names = suite_names(a, folder, &n);
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        struct suite s;
        bool good = !suite_read(&s, arena_printf(a, "%s/%s.yaml", folder, names[i]), NULL, 0, a);
        json_array_append_new(list, json_pack("{s:s, s:s, s:i}", "name", names[i], "about",
                                              good ? s.about : status_message(), "plans", good ? s.n_plans : 0));
    }
    return list;
}

static json_t *keys_json(struct arena *a) {
    int n;
    const struct config_key *keys = config_keys(&n);
    json_t *list = json_array();
    for (int i = 0; i < n; i++) {
        const char *allowed = "";
        if (keys[i].type == CONFIG_INT || keys[i].type == CONFIG_REAL)
            allowed = arena_printf(a, "%g..%g", keys[i].least, keys[i].most);
        for (int j = 0; keys[i].choices && keys[i].choices[j]; j++)
            allowed = arena_printf(a, "%s%s%s", allowed, j ? "|" : "", keys[i].choices[j]);
        if (keys[i].type == CONFIG_BOOL) allowed = "true|false";
        const char *preset = keys[i].preset ? keys[i].preset : "required";
        json_array_append_new(list, json_pack("{s:o, s:s, s:s, s:s}", "name",
                                              json_sprintf("%s.%s", keys[i].section, keys[i].key), "about",
                                              keys[i].help, "default", preset, "allowed", allowed));
    }
    return list;
}

static json_t *columns_json(void) {
    json_t *list = json_array();
    for (int i = 0; merge_columns[i]; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "name", merge_columns[i], "about", merge_column_about[i]));
    return list;
}

static void print_line(const json_t *row) {
    const char *preset = json_string_value(json_object_get(row, "default"));
    const char *formula = json_string_value(json_object_get(row, "formula"));
    printf("%-24s", json_string_value(json_object_get(row, "name")));
    if (preset) printf("%-10s %-36s", preset, json_string_value(json_object_get(row, "allowed")));
    printf(" %s\n", json_string_value(json_object_get(row, "about")));
    /* not below the description: formulas are as long as that is, and the line is to fit */
    if (formula)
        printf("    formula  %s\n    source   %s\n", formula, json_string_value(json_object_get(row, "source")));
}

enum status command_list(int argc, char **argv, struct arena *a) {
    static const char *const names[] = {"tasks", "arms", "pressures", "metrics", "suites", "keys", "columns"};
    enum { N_NAMES = sizeof names / sizeof names[0], SUITES = REGISTRY_METRIC + 1, KEYS, COLUMNS };
    struct arguments x = {0};
    argv[0] = "spillover list";
    TRY(command_parse(&command_list_argp, argc, argv, &x));
    int which = 0;
    while (which < N_NAMES && strcmp(names[which], x.what) != 0) which++;
    if (which == N_NAMES) {
        const char *near = status_nearest(x.what, names, N_NAMES, sizeof names[0]);
        if (near) return status_set(ST_USAGE, "there is no list of \"%s\"; did you mean \"%s\"?", x.what, near);
        return status_set(ST_USAGE, "there is no list of \"%s\"", x.what);
    }
    json_t *list = which == SUITES    ? suites_json(a)
                   : which == KEYS    ? keys_json(a)
                   : which == COLUMNS ? columns_json()
                                      : rows_json((enum registry)which);
    if (x.json)
        jsonio_print(stdout, list);
    else
        for (size_t i = 0; i < json_array_size(list); i++) print_line(json_array_get(list, i));
    json_decref(list);
    return ST_OK;
}
