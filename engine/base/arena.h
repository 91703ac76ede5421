/* Arena: the only place that calls malloc.
 *
 *   block 0                         block 1
 *   +--------+--------+------+     +-------------------+------+
 *   | object | object | free | --> | object            | free |
 *   +--------+--------+------+     +-------------------+------+
 *
 * Objects are 64-byte aligned, zeroed, and live until arena_close or until arena_rewind passes them. Nothing is freed
 * one by one. A block is added when the last one is full; blocks are kept for reuse after a rewind, so a loop that
 * rewinds to the same mark allocates nothing after its first turn (arena_blocks tells, and tests assert it).
 *
 * Running out of memory ends the work of this process: the handler installed by main (arena_on_exhausted) prints one
 * line and leaves with ST_FAILED; without a handler the process aborts. Hence arena_alloc never returns NULL.
 */
#ifndef SPILLOVER_ARENA_H
#define SPILLOVER_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
    struct arena_block *first, *current;
    size_t block_size; /* bytes of an ordinary block; larger objects get a block of their own size */
};

struct arena_mark {
    struct arena_block *block;
    size_t used;
};

/* Open an empty arena (no memory is taken before the first allocation). */
void arena_open(struct arena *a, size_t block_size);
void arena_close(struct arena *a);

/* `count` objects of `size` bytes, zeroed, 64-byte aligned. An overflowing product counts as exhausted memory. */
void *arena_alloc(struct arena *a, size_t count, size_t size) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define ARENA_NEW(arena, type, count) ((type *)arena_alloc((arena), (size_t)(count), sizeof(type)))

/* Everything allocated after the mark is given back at the rewind. */
struct arena_mark arena_mark(const struct arena *a);
void arena_rewind(struct arena *a, struct arena_mark mark);

/* What an object holds is not needed any more, but its room will be: its whole pages go back to the system until something
 * is written there. What is read before that is zero, or what stood there. */
void arena_discard(void *object, size_t bytes);

/* Blocks taken from malloc so far, over all arenas of the process. */
long arena_blocks(void);

/* What an arena does when malloc fails, for callers of libraries that take memory themselves: their failure must end the
 * process, for a number that they leave out would be a result that depends on the memory of the machine. */
void arena_exhausted(size_t bytes) __attribute__((noreturn));

/* malloc for a library that is given an allocator (jansson): ends like an exhausted arena where malloc fails, so that no
 * caller of the library meets its half-built values. Released with free. */
void *arena_for_library(size_t bytes) __attribute__((returns_nonnull));

/* handler(bytes) is called when malloc fails; it must not return. */
void arena_on_exhausted(void (*handler)(size_t bytes));

#endif
