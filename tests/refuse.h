/* An operating system that refuses: calls on files, and allocations inside libbz2 and libyaml, fail on demand.
 *
 * The test program has functions of libc's names that hand every call on to libc, but for the one whose turn it is, which
 * returns its error with errno EIO. So what libfiu does to a process is done to one function of the program, and every
 * call that it makes can be taken in turn within a test. tests/torture does the same to the whole program, from outside.
 */
#ifndef SPILLOVER_TESTS_REFUSE_H
#define SPILLOVER_TESTS_REFUSE_H

#include "engine/base/status.h"

struct refusal {
    void (*before)(void);          /* puts everything as `act` wants to find it; may be NULL */
    enum status (*act)(void);      /* what is refused its calls */
    void (*after)(enum status st); /* what must hold whatever became of it; may be NULL */
};

/* Refuse `act` its first call, its second, ..., one at a time; then from its first on, its second on, ...; until none is
 * left to refuse. It has to return ST_OK, or ST_IO or ST_FAILED with a line that says why; unrefused ST_OK. Returns how
 * often it was refused and did not return ST_OK. */
int refuse_each(const struct refusal *r);

#endif
