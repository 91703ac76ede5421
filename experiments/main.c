/* spillover: the command line. Exit codes are enum status, or 128 + n after signal n. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/version.h"
#include "experiments/command.h"

struct command {
    const char *name, *about;
    int hidden;
    enum status (*run)(int argc, char **argv, struct arena *a);
};

static const struct command commands[] = {
#define COMMAND(name, hidden, about) {#name, about, hidden, command_##name},
#include "experiments/commands.def"
#undef COMMAND
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void out_of_memory(size_t bytes) {
    fprintf(stderr, "spillover: out of memory (%zu bytes asked for)\n", bytes);
    exit(ST_FAILED);
}

static void help(FILE *to) {
    fprintf(to, "usage: spillover COMMAND [ARGUMENT...]\n\n"
                "Does pressure on a model's output spill over into how it reasons? Trains text and latent reasoners\n"
                "from one base, presses on their outputs, and measures their reasoning.\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        if (!commands[i].hidden) fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].about);
    fprintf(to,
            "\n`spillover COMMAND --help` says more. A first look:  spillover run quick\n"
            "Exit codes: 0 done, 1 failed, 2 a check differs, 3 partial (repeat the command), 64 usage, 65 bad data,\n"
            "74 input/output, 128+n stopped by signal n.\n");
}

static enum status unknown_command(const char *name) {
    const char *near = status_nearest(name, &commands[0].name, N_COMMANDS, sizeof commands[0]);
    if (near) return status_set(ST_USAGE, "there is no command \"%s\"; did you mean \"%s\"?", name, near);
    return status_set(ST_USAGE, "there is no command \"%s\" (spillover --help lists them)", name);
}

int main(int argc, char **argv) {
    struct arena arena;
    arena_on_exhausted(out_of_memory);
    if (argc < 2) {
        help(stderr);
        return ST_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "help") == 0) {
        help(stdout);
        return fflush(stdout) ? ST_IO : ST_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("spillover %s\n", SPILLOVER_VERSION);
        return fflush(stdout) ? ST_IO : ST_OK;
    }
    arena_open(&arena, 1 << 20);
    enum status st = ST_USAGE;
    int i = 0;
    while (i < N_COMMANDS && strcmp(commands[i].name, argv[1]) != 0) i++;
    if (i == N_COMMANDS)
        st = unknown_command(argv[1]);
    else
        st = commands[i].run(argc - 1, argv + 1, &arena);
    if (fflush(stdout) && st == ST_OK) st = status_errno("standard output");
    if (st != ST_OK) fprintf(stderr, "spillover: %s\n", status_message());
    arena_close(&arena);
    return (int)st;
}
