#include "engine/base/arena.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/status.h"

enum { ALIGN = 64, DEFAULT_BLOCK = 1 << 20, HUGE_PAGE = 1 << 21 };

/* The header fills one alignment unit; the objects follow it. Blocks after `current` are empty and kept for reuse. */
struct arena_block {
    struct arena_block *next;
    size_t size, used; /* bytes after the header */
};

_Static_assert(sizeof(struct arena_block) <= ALIGN, "the header fits its slot");

static atomic_long blocks_taken;
static void (*exhausted_handler)(size_t bytes);

_Noreturn void arena_exhausted(size_t bytes) {
    if (exhausted_handler) exhausted_handler(bytes);
    fprintf(stderr, "out of memory: %zu bytes asked for\n", bytes);
    abort();
}

static char *block_data(struct arena_block *b) {
    return (char *)b + ALIGN;
}

static struct arena_block *block_take(size_t size) {
    if (size > SIZE_MAX / 2) arena_exhausted(size);
    void *p = NULL;
    const bool huge = size >= HUGE_PAGE;
    if (posix_memalign(&p, huge ? HUGE_PAGE : ALIGN, ALIGN + size) != 0) arena_exhausted(size);
    /* A hint: columns of a large matrix lie on a page each, more pages than the TLB holds. */
    if (huge) (void)madvise(p, (ALIGN + size) / HUGE_PAGE * HUGE_PAGE, MADV_HUGEPAGE);
    atomic_fetch_add(&blocks_taken, 1);
    struct arena_block *b = p;
    *b = (struct arena_block){.size = size};
    return b;
}

/* Make the block behind `current` one that holds `bytes`: the smallest kept block that is large enough, so that small
 * requests leave the large blocks to large ones; or a new one. */
static struct arena_block *block_behind(struct arena *a, size_t bytes) {
    struct arena_block **head = a->current ? &a->current->next : &a->first;
    struct arena_block **best = NULL;
    for (struct arena_block **link = head; *link; link = &(*link)->next)
        if ((*link)->size >= bytes && (!best || (*link)->size < (*best)->size)) best = link;
    struct arena_block *b = best ? *best : NULL;
    if (b)
        *best = b->next;
    else
        b = block_take(bytes > a->block_size ? bytes : a->block_size);
    b->next = *head;
    *head = b;
    return b;
}

void arena_open(struct arena *a, size_t block_size) {
    *a = (struct arena){.block_size = block_size ? block_size : DEFAULT_BLOCK};
}

void arena_close(struct arena *a) {
    for (struct arena_block *b = a->first, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    a->first = a->current = NULL;
}

void *arena_alloc(struct arena *a, size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX / 2) arena_exhausted(SIZE_MAX);
    size_t room = (bytes + ALIGN - 1) / ALIGN * ALIGN;
    if (room == 0) room = ALIGN;
    struct arena_block *b = a->current;
    if (!b || b->size - b->used < room) b = a->current = block_behind(a, room);
    void *object = block_data(b) + b->used;
    b->used += room;
    return memset(object, 0, room);
}

char *arena_strdup(struct arena *a, const char *s) {
    size_t n = strlen(s) + 1;
    return memcpy(arena_alloc(a, n, 1), s, n);
}

char *arena_printf(struct arena *a, const char *fmt, ...) {
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    if (n < 0) BUG("format '%s' cannot be printed", fmt);
    char *s = arena_alloc(a, (size_t)n + 1, 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    va_end(ap);
    return s;
}

struct arena_mark arena_mark(const struct arena *a) {
    return (struct arena_mark){.block = a->current, .used = a->current ? a->current->used : 0};
}

void arena_rewind(struct arena *a, struct arena_mark mark) {
    for (struct arena_block *b = mark.block ? mark.block->next : a->first; b; b = b->next) b->used = 0;
    if (mark.block) mark.block->used = mark.used;
    a->current = mark.block;
}

void arena_discard(void *object, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), end = ((uintptr_t)object + bytes) / page * page;
    char *from = (char *)object + (page - (uintptr_t)object % page) % page;
    if ((uintptr_t)from < end) (void)madvise(from, end - (uintptr_t)from, MADV_DONTNEED); /* refused: nothing is lost */
}

long arena_blocks(void) {
    return atomic_load(&blocks_taken);
}

void *arena_for_library(size_t bytes) {
    void *p = malloc(bytes ? bytes : 1);
    if (!p) arena_exhausted(bytes);
    return p;
}

void arena_on_exhausted(void (*handler)(size_t bytes)) {
    exhausted_handler = handler;
}
