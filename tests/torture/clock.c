/* clock: preloaded, it lets the clocks of a process and of its children jump from one reading to the next.
 *
 * The wall clock goes hours back or forth; the monotonic one, which by its promise never goes back, leaps up to an hour
 * ahead, as behind a sleep of the machine. CLOCK_FILE gets a line "<wall> <monotonic>", the readings of each, at the end
 * of every process. */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { HOUR = 3600 };

static atomic_long wall, monotonic;

__attribute__((destructor)) static void end(void) {
    char line[64];
    const char *report = getenv("CLOCK_FILE");
    int n = snprintf(line, sizeof line, "%ld %ld\n", (long)wall, (long)monotonic);
    int fd = report ? open(report, O_WRONLY | O_CREAT | O_APPEND, 0666) : -1;
    if (fd >= 0 && write(fd, line, (size_t)n) < 0) _exit(125);
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    const long result = syscall(SYS_clock_gettime, clock, t);
    if (clock == CLOCK_REALTIME) t->tv_sec += (atomic_fetch_add(&wall, 1) * 7 % 25 - 12) * HOUR;
    if (clock == CLOCK_MONOTONIC) t->tv_sec += atomic_fetch_add(&monotonic, 1) * HOUR / 2;
    return (int)result;
}

time_t time(time_t *to) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    if (to) *to = t.tv_sec;
    return t.tv_sec;
}

int gettimeofday(struct timeval *restrict to, void *restrict zone) {
    struct timespec t;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &t);
    *to = (struct timeval){.tv_sec = t.tv_sec, .tv_usec = t.tv_nsec / 1000};
    return 0;
}
