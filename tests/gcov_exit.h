/* For a build that counts what runs (make coverage): a process that leaves by _exit writes its counts too. */
#ifndef TESTS_GCOV_EXIT_H
#define TESTS_GCOV_EXIT_H

#include <unistd.h>

#ifdef __cplusplus
extern "C"
#endif
    void
    __gcov_dump(void);

#define _exit(code) (__gcov_dump(), _exit(code))

#endif
