/* Where the published files lie that some tests read: $SPILLOVER_DATA, or beside the checkout. */
#ifndef SPILLOVER_TESTS_PUBLISHED_H
#define SPILLOVER_TESTS_PUBLISHED_H

#include "engine/base/arena.h"

/* The folder that holds `file` ("prosqa/symbolic_valid.json"), or NULL, with a line on standard error that says so. */
const char *published_dir(struct arena *a, const char *file);

#endif
