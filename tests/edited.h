/* A text with one thing in it changed: what a reader has to refuse. */
#ifndef SPILLOVER_TESTS_EDITED_H
#define SPILLOVER_TESTS_EDITED_H

#include <check.h>
#include <string.h>

#include "engine/base/arena.h"

/* The text with the first `from` in it, which has to be there, replaced; in the arena. */
static inline char *edited(struct arena *a, const char *text, const char *from, const char *to) {
    const char *at = strstr(text, from);
    ck_assert_msg(at != NULL, "%s in %s", from, text);
    return arena_printf(a, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

#endif
