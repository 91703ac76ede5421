/* spillover: the command line. */
#include <stdio.h>

#include "engine/base/status.h"

int main(void) {
    fprintf(stderr, "usage: spillover COMMAND [ARGUMENT...]\n");
    return ST_USAGE;
}
