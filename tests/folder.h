/* A test's own folder, in memory where there is room for it, and an arena beside it; check's fixtures open and close
 * them. */
#ifndef SPILLOVER_TESTS_FOLDER_H
#define SPILLOVER_TESTS_FOLDER_H

#include "engine/base/arena.h"

extern char folder[64];    /* its path */
extern struct arena arena; /* of what the test makes, paths included */

void open_folder(void);
void close_folder(void);

/* The path of a file in it. */
const char *in(const char *name);

/* Write the file, whole; returns its path. */
const char *put(const char *name, const char *text);

#endif
