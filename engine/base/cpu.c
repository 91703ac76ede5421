/* Before anything else runs: is this a CPU that the program was compiled for?
 *
 * All other files are compiled for AVX2 and may use it anywhere; this one is compiled for any x86-64 (see the Makefile)
 * and comes first, so that an older CPU gives a reason and not "illegal instruction". */
#ifndef __x86_64__
#error                                                                                                                 \
    "spillover needs x86-64 with AVX2 and FMA (Intel since Haswell, AMD since Zen): its vector kernels are written for them"
#endif

#include <unistd.h>

__attribute__((constructor(101))) static void refuse_older_cpus(void) {
    static const char reason[] =
        "spillover: this CPU lacks AVX2, FMA or BMI2; x86-64 CPUs of Intel since Haswell (2013) and "
        "of AMD since Zen (2017) have them\n";
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")) return;
    (void)!write(STDERR_FILENO, reason, sizeof reason - 1);
    _exit(1);
}
