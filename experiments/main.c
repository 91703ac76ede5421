/* spillover: the command line. Exit codes are enum status, or 128 + n after signal n. */
#include <gsl/gsl_errno.h>
#include <jansson.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/version.h"
#include "experiments/command.h"

static void say_out_of_memory(size_t bytes) {
    fprintf(stderr, "spillover: out of memory (%zu bytes asked for)\n", bytes);
}

static void out_of_memory(size_t bytes) {
    say_out_of_memory(bytes);
    exit(ST_FAILED);
}

/* libcrypto must not see that memory is refused: where its own first allocation was, it goes on to use a lock that was
 * never made (OpenSSL 3.0). exit would run its cleanup, which waits for the initialization that this may be called from. */
static void *crypto_again(void *p, size_t bytes, const char *file, int line) {
    (void)file, (void)line;
    void *again = realloc(p, bytes ? bytes : 1);
    if (again) return again;
    say_out_of_memory(bytes);
    _exit(ST_FAILED);
}

static void *crypto_take(size_t bytes, const char *file, int line) {
    return crypto_again(NULL, bytes, file, line);
}

static void crypto_release(void *p, const char *file, int line) {
    (void)file, (void)line;
    free(p);
}

/* GSL's own handler would abort. What a caller of GSL can go on without, it asks for with the handler off. */
static void gsl_gave_up(const char *reason, const char *file, int line, int code) {
    fprintf(stderr, "spillover: gsl, %s:%d: %s (%d)\n", file, line, reason, code);
    exit(ST_FAILED);
}

static enum status unknown_command(const char *name) {
    const char *near = status_nearest(name, &command_table[0].name, command_count, sizeof command_table[0]);
    if (near) return status_set(ST_USAGE, "there is no command \"%s\"; did you mean \"%s\"?", name, near);
    return status_set(ST_USAGE, "there is no command \"%s\" (spillover --help lists them)", name);
}

int main(int argc, char **argv) {
    struct arena arena;
    arena_on_exhausted(out_of_memory);
    gsl_set_error_handler(gsl_gave_up);
    json_set_alloc_funcs(arena_for_library, free);
    if (!CRYPTO_set_mem_functions(crypto_take, crypto_again, crypto_release))
        BUG("libcrypto has memory of its own already");
    if (argc < 2) {
        command_overview(stderr);
        return ST_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-?") == 0 || strcmp(argv[1], "help") == 0) {
        command_overview(stdout);
        return fflush(stdout) ? ST_IO : ST_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("spillover %s\n", SPILLOVER_VERSION);
        return fflush(stdout) ? ST_IO : ST_OK;
    }
    /* A closed arena's blocks go back to the system: left alone, glibc takes ever larger ones from the heap. */
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
    arena_open(&arena, 1 << 20);
    enum status st = ST_USAGE;
    int i = 0;
    while (i < command_count && strcmp(command_table[i].name, argv[1]) != 0) i++;
    if (i == command_count)
        st = unknown_command(argv[1]);
    else
        st = command_table[i].run(argc - 1, argv + 1, &arena);
    if ((fflush(stdout) || ferror(stdout)) && st == ST_OK) st = status_errno("standard output");
    if (st != ST_OK) fprintf(stderr, "spillover: %s\n", status_message());
    arena_close(&arena);
    return (int)st;
}
