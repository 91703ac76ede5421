#include <stdlib.h>
#include <string.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "experiments/command.h"
#include "experiments/program.h"
#include "experiments/suite.h"

enum { MOST_NAMES = 1024 };

/* --- options --------------------------------------------------------------------------------------------------- */

/* Does the option that this word ends with take the next word? *unknown: the word is no option of the command. */
static bool takes_next(const struct argp *argp, const char *word, bool *unknown) {
    const size_t n = strcspn(word, "=");
    *unknown = false;
    if (word[1] != '-') {
        for (const char *c = word + 1; *c; c++)
            for (const struct argp_option *o = argp->options; o && o->name; o++)
                if (o->key == *c && o->arg) return !c[1];
        return false;
    }
    for (const struct argp_option *o = argp->options; o && o->name; o++)
        if (strncmp(word + 2, o->name, n - 2) == 0) return o->arg && !word[n];
    *unknown = true;
    return false;
}

/* getopt says only that there is no such option. */
static enum status check_options(const struct argp *argp, int argc, char **argv) {
    const char *names[64] = {"help", "usage"};
    int n = 2;
    for (const struct argp_option *o = argp->options; o && o->name && n < 64; o++) names[n++] = o->name;
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        char word[64];
        bool unknown;
        if (argv[i][0] != '-' || !argv[i][1]) continue;
        const bool skip = takes_next(argp, argv[i], &unknown);
        if (unknown) {
            snprintf(word, sizeof word, "%.*s", (int)strcspn(argv[i] + 2, "="), argv[i] + 2);
            const char *near = status_nearest(word, names, n, sizeof *names);
            if (near && strncmp(near, word, strlen(word)) != 0)
                return status_set(ST_USAGE, "there is no option \"--%s\"; did you mean \"--%s\"?", word, near);
        }
        i += skip;
    }
    return ST_OK;
}

enum status command_parse(const struct argp *argp, int argc, char **argv, void *input) {
    TRY(check_options(argp, argc, argv));
    if (argp_parse(argp, argc, argv, 0, NULL, input) == 0) return ST_OK;
    return status_set(ST_FAILED, "out of memory while the command line was read");
}

int command_number(const char *arg, long least, long most, const char *name, struct argp_state *state) {
    char *end;
    const long x = strtol(arg, &end, 10);
    if (end == arg || *end || x < least || x > most)
        argp_error(state, "--%s: \"%s\" is not %ld..%ld", name, arg, least, most);
    return (int)x;
}

int command_choice(const char *arg, const char *const *names, int n, const char *name, struct argp_state *state) {
    char all[256] = "";
    for (int i = 0, size = 0; i < n; i++) {
        if (strcmp(names[i], arg) == 0) return i;
        size += snprintf(all + size, sizeof all - (size_t)size, "%s%s",
                         i == 0       ? ""
                         : i == n - 1 ? " or "
                                      : ", ",
                         names[i]);
        if (size >= (int)sizeof all) size = (int)sizeof all - 1;
    }
    const char *near = status_nearest(arg, names, n, sizeof *names);
    if (near) argp_error(state, "--%s: \"%s\" is not known; did you mean \"%s\"?", name, arg, near);
    argp_error(state, "--%s: \"%s\" is not %s", name, arg, all);
    return 0;
}

error_t command_suite_key(int key, char *arg, struct argp_state *state, const char **suite) {
    switch (key) {
    case ARGP_KEY_ARG:
        if (*suite) argp_error(state, "one suite at a time: %s, and then %s", *suite, arg);
        *suite = arg;
        return 0;
    case ARGP_KEY_END:
        if (!*suite) argp_error(state, "which suite?");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

void command_add_set(struct command_sets *sets, const char *arg, struct argp_state *state) {
    const int most = (int)(sizeof sets->values / sizeof sets->values[0]);
    if (sets->n == most) argp_error(state, "--set: more than %d", most);
    sets->values[sets->n++] = arg;
}

/* --- names of results ------------------------------------------------------------------------------------------ */

/* Entries of a folder that has them: <name>/results.csv of runs, <name>.csv, plain or packed, of committed tables. */
static int add_names(const char *folder, bool runs, const char **names, int n, struct arena *a) {
    const char **there;
    int n_there;
    if (fs_list(a, folder, &there, &n_there) != ST_OK) return n;
    for (int i = 0; n < MOST_NAMES && i < n_there; i++) {
        const size_t stem = strcspn(there[i], ".");
        if (runs ? fs_plain_name(there[i]) && fs_exists(arena_printf(a, "%s/%s/results.csv", folder, there[i]))
                 : stem > 0 && (strcmp(there[i] + stem, ".csv") == 0 || strcmp(there[i] + stem, ".csv.bz2") == 0))
            names[n++] = runs ? there[i] : arena_printf(a, "%.*s", (int)stem, there[i]);
    }
    return n;
}

const char *command_nearest_results(const char *name, const char *out, struct arena *a) {
    const char **names = ARENA_NEW(a, const char *, MOST_NAMES);
    int n = 0, n_suites;
    if (out) n = add_names(out, true, names, n, a);
    n = add_names(arena_printf(a, "%s/data/results", program_source_dir(a)), false, names, n, a);
    const char *const *suites = suite_names(a, program_suites_dir(a), &n_suites);
    for (int i = 0; i < n_suites && n < MOST_NAMES; i++) names[n++] = suites[i];
    const char *near = n ? status_nearest(name, names, n, sizeof *names) : NULL;
    return near && strcmp(near, name) != 0 ? near : NULL;
}

/* --- what was done --------------------------------------------------------------------------------------------- */

void command_written(json_t *files, bool json) {
    json_t *all = json_pack("{s:o}", "files", files), *path;
    size_t i;
    if (json)
        jsonio_print(stdout, all);
    else
        json_array_foreach(files, i, path) printf("%s\n", json_string_value(path));
    json_decref(all);
}
