/* What people read while the program works: lines and a progress display, on stderr only.
 *
 * On a terminal the progress is one live line; elsewhere it is a plain line every 30 seconds. Nothing printed here is
 * ever read back by the program. Not for use from several threads at once.
 */
#ifndef SPILLOVER_LOG_H
#define SPILLOVER_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "engine/base/status.h"

/* Settings, all off at the start. Quiet silences log_line and progress; warnings stay. */
void log_set_quiet(bool quiet);
void log_set_timestamps(bool timestamps);
/* Where everything goes; NULL is stderr. */
void log_set_stream(FILE *stream);

void log_line(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* "warning: ...", coloured on a terminal unless NO_COLOR is set and not empty (no-color.org). */
void log_warning(const char *fmt, ...) PRINTF_LIKE(1, 2);

struct progress {
    const char *label; /* borrowed */
    long total, done;
    double started, shown, interval; /* seconds of the monotonic clock; seconds between two displays */
    bool live;
};

void progress_open(struct progress *p, const char *label, long total);
/* `note` (may be NULL) is shown behind the counts, for instance the loss. Cheap enough to call every step. */
void progress_update(struct progress *p, long done, const char *note);
/* Shows the final state and ends the live line. */
void progress_close(struct progress *p);

/* "label 3/12 25% 0:10, 0:30 left  note": the text of one display after `elapsed` seconds. The time left supposes that
 * the rest goes at the mean speed so far, and is shown only while there is a rest and something is done. */
void progress_text(char *text, size_t size, const struct progress *p, double elapsed, const char *note);

#endif
