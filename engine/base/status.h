/* Status codes and the error context.
 *
 * Every fallible function returns an enum status and, where the fault arose, records one line of explanation with
 * status_set(). Callers pass the status up unchanged; main prints the line once and exits with the status, whose values
 * are the exit codes of the program.
 *
 * The error context is one line per thread. status_set() overwrites; nobody appends.
 */
#ifndef SPILLOVER_STATUS_H
#define SPILLOVER_STATUS_H

enum status {
    ST_OK = 0,      /* done */
    ST_FAILED = 1,  /* the work was tried and failed (a cell diverged, memory ran out) */
    ST_DIFFERS = 2, /* a check ran and its two sides differ */
    ST_PARTIAL = 3, /* part of the work is done: the same command continues it */
    ST_USAGE = 64,  /* the command line or a suite names something unknown */
    ST_DATA = 65,   /* an input file is malformed */
    ST_IO = 74,     /* the operating system refused a read or write */
};

#define MUST_USE               __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))

/* enum status status_set(enum status st, const char *fmt, ...)
 * Record one line (no newline, file:line first where a file is to blame) and return st. A macro, so that compiler and
 * analyser see which value comes back. */
#define status_set(st, ...) (status_record(__VA_ARGS__), status_same(st))

/* enum status status_errno(const char *fmt, ...)
 * As status_set, with ": <strerror(errno)>" appended. Always returns ST_IO. */
#define status_errno(...) (status_record_errno(__VA_ARGS__), status_same(ST_IO))

void status_record(const char *fmt, ...) PRINTF_LIKE(1, 2);
void status_record_errno(const char *fmt, ...) PRINTF_LIKE(1, 2);

static inline enum status status_same(enum status st) {
    return st;
}

/* The line recorded last on this thread, without control characters; "" when none. Valid until the next status_set on
 * this thread. */
const char *status_message(void);

/* The name in the candidate list nearest to `name` (edit distance <= 1 + len/3), or NULL. For did-you-mean.
 * `candidates` holds n pointers to names, `stride` bytes apart (so that a table of structs can be searched in place). */
const char *status_nearest(const char *name, const char *const *candidates, int n, unsigned long stride);

/* A broken invariant: prints file:line and aborts. Never for bad input. */
#define BUG(...) status_bug(__FILE__, __LINE__, __VA_ARGS__)
void status_bug(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4) __attribute__((noreturn));

/* Leave the function when a call failed. Only where nothing needs releasing; otherwise use one `done:` label. */
#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        enum status try_st_ = (call);                                                                                  \
        if (try_st_ != ST_OK) return try_st_;                                                                          \
    } while (0)

#endif
