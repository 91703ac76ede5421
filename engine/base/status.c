#include "engine/base/status.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1024, NAME_MAX_BYTES = 128 };

static _Thread_local char last_line[LINE_MAX_BYTES];

/* The arguments may point into last_line (a caller that wraps status_message), so the new line is built aside. They may
 * hold what a file says or a folder is called: whatever steers a terminal, or would begin a second line, is shown as
 * '?'. */
static void record(const char *fmt, va_list ap, const char *reason) {
    char line[LINE_MAX_BYTES];
    int n = vsnprintf(line, sizeof line, fmt, ap);
    if (n < 0) n = 0;
    if (reason && (size_t)n < sizeof line) snprintf(line + n, sizeof line - (size_t)n, ": %s", reason);
    for (char *c = line; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127) *c = '?';
    memcpy(last_line, line, sizeof line);
}

void status_record(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    record(fmt, ap, NULL);
    va_end(ap);
}

void status_record_errno(const char *fmt, ...) {
    char buffer[128];
    const char *reason = strerror_r(errno, buffer, sizeof buffer);
    va_list ap;
    va_start(ap, fmt);
    record(fmt, ap, reason);
    va_end(ap);
}

const char *status_message(void) {
    return last_line;
}

static int least(int a, int b) {
    return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein distance in which two neighbours that changed places are one edit, as fingers
 * make it. By rows; both lengths are at most NAME_MAX_BYTES. */
static int edit_distance(const char *a, int na, const char *b, int nb) {
    int rows[3][NAME_MAX_BYTES + 1];
    for (int j = 0; j <= nb; j++) rows[0][j] = j;
    for (int i = 1; i <= na; i++) {
        int *now = rows[i % 3];
        const int *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        now[0] = i;
        for (int j = 1; j <= nb; j++) {
            now[j] = least(above[j - 1] + (a[i - 1] != b[j - 1]), least(above[j], now[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                now[j] = least(now[j], two_above[j - 2] + 1);
        }
    }
    return rows[na % 3][nb];
}

const char *status_nearest(const char *name, const char *const *candidates, int n, unsigned long stride) {
    size_t len = strlen(name);
    if (len > NAME_MAX_BYTES) return NULL;
    int best = 2 + (int)len / 3;
    const char *found = NULL;
    for (int i = 0; i < n; i++) {
        const char *candidate = *(const char *const *)((const char *)candidates + (unsigned long)i * stride);
        size_t candidate_len = strlen(candidate);
        if (candidate_len > NAME_MAX_BYTES) continue;
        int d = edit_distance(name, (int)len, candidate, (int)candidate_len);
        if (d < best) {
            best = d;
            found = candidate;
        }
    }
    return found;
}

void status_bug(const char *file, int line, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "%s:%d: broken invariant: ", file, line);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    abort();
}
