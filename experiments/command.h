/* Subcommands of the program. A command is one function and one row of commands.def; it parses its own arguments with
 * argp and returns the status to exit with, the reason in the error context. */
#ifndef SPILLOVER_COMMAND_H
#define SPILLOVER_COMMAND_H

#include "engine/base/arena.h"
#include "engine/base/status.h"

#define COMMAND(name, hidden, about) MUST_USE enum status command_##name(int argc, char **argv, struct arena *a);
#include "experiments/commands.def"
#undef COMMAND

/* The executable itself, the root of the source tree it was built in, and the suites folder there. */
const char *command_program(struct arena *a);
const char *command_source_dir(struct arena *a);
const char *command_suites_dir(struct arena *a);

/* Opens the arithmetic as the cells will; fills the error context on a machine that cannot run it. */
MUST_USE enum status command_open_engine(void);

#endif
