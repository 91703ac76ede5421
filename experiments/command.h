/* Subcommands of the program. A command is one function, one argp and one row of commands.def; it parses its own
 * arguments and returns the status to exit with, the reason in the error context. Help, the completion of shells and the
 * manual page are all made from the rows and their argps. */
#ifndef SPILLOVER_COMMAND_H
#define SPILLOVER_COMMAND_H

#include <argp.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "engine/base/arena.h"
#include "engine/base/status.h"

#define COMMAND(name, hidden, about)                                                                                   \
    MUST_USE enum status command_##name(int argc, char **argv, struct arena *a);                                       \
    extern const struct argp command_##name##_argp;
#include "experiments/commands.def"
#undef COMMAND

/* A row. args_doc of the argp says what its arguments are: SUITE, or words divided by |; its doc ends, after \v, with
 * "Example:" or "Examples:" and one command a line. */
struct command {
    const char *name, *about;
    int hidden;
    const struct argp *argp;
    enum status (*run)(int argc, char **argv, struct arena *a);
};

extern const struct command command_table[];
extern const int command_count;

/* The whole overview, as `spillover --help` prints it. */
void command_overview(FILE *to);

/* argp_parse into *input. What a user does wrong ends the program there, but for a long option that is nearly one that
 * there is: ST_USAGE. ST_FAILED is for want of memory. */
MUST_USE enum status command_parse(const struct argp *argp, int argc, char **argv, void *input);

/* Pieces of argp parsers that several commands share; like argp_error, they leave with ST_USAGE on a bad argument. */

/* A whole number in [least, most]; `name` is the option's, for the message. */
int command_number(const char *arg, long least, long most, const char *name, struct argp_state *state);

/* The place of a word among n names. */
int command_choice(const char *arg, const char *const *names, int n, const char *name, struct argp_state *state);

/* The command's one positional argument, a suite: takes ARGP_KEY_ARG and ARGP_KEY_END, knows no other key. */
error_t command_suite_key(int key, char *arg, struct argp_state *state, const char **suite);

/* The values of a repeated --set. */
struct command_sets {
    const char *values[64];
    int n;
};
void command_add_set(struct command_sets *sets, const char *arg, struct argp_state *state);

/* What a command wrote, an array of paths: one a line, or the JSON object {"files": [...]}. Releases the array. */
void command_written(json_t *files, bool json);

/* The name nearest to one that has no results: of the runs in `out` (may be NULL), the committed tables and the suites.
 * NULL where none is near, or it is the name itself. */
const char *command_nearest_results(const char *name, const char *out, struct arena *a);

/* Opens the arithmetic as the cells will; fills the error context on a machine that cannot run it. */
MUST_USE enum status command_open_engine(void);

#endif
