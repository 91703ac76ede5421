#include <stdlib.h>

#include "experiments/command.h"

enum status command_parse(const struct argp *argp, int argc, char **argv, void *input) {
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
