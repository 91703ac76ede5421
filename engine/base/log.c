#include "engine/base/log.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const double live_interval = 0.1, plain_interval = 30;

static struct {
    bool quiet, timestamps;
    bool live_line; /* an unfinished progress line stands on the terminal */
    FILE *stream;
} settings;

void log_set_quiet(bool quiet) {
    settings.quiet = quiet;
}

void log_set_timestamps(bool timestamps) {
    settings.timestamps = timestamps;
}

void log_set_stream(FILE *stream) {
    settings.stream = stream;
}

static FILE *out(void) {
    return settings.stream ? settings.stream : stderr;
}

static bool on_terminal(void) {
    const char *term = getenv("TERM");
    return isatty(fileno(out())) && term && strcmp(term, "dumb") != 0;
}

static bool coloured(void) {
    const char *no_color = getenv("NO_COLOR");
    return on_terminal() && !(no_color && no_color[0]);
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void put_line(const char *prefix, const char *fmt, va_list ap) {
    if (settings.live_line) fputs("\r\x1b[K", out());
    settings.live_line = false;
    if (settings.timestamps) {
        char stamp[32];
        time_t t = time(NULL);
        struct tm parts;
        gmtime_r(&t, &parts);
        strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%SZ ", &parts);
        fputs(stamp, out());
    }
    fputs(prefix, out());
    vfprintf(out(), fmt, ap);
    fputc('\n', out());
    fflush(out());
}

void log_line(const char *fmt, ...) {
    if (settings.quiet) return;
    va_list ap;
    va_start(ap, fmt);
    put_line("", fmt, ap);
    va_end(ap);
}

void log_warning(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    put_line(coloured() ? "\x1b[33mwarning:\x1b[0m " : "warning: ", fmt, ap);
    va_end(ap);
}

/* 75 -> "1:15", 3675 -> "1:01:15" */
static void clock_text(char *text, size_t size, double seconds) {
    long s = seconds < 1e8 ? (long)(seconds + 0.5) : 100000000;
    if (s >= 3600)
        snprintf(text, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(text, size, "%ld:%02ld", s / 60, s % 60);
}

void progress_text(char *text, size_t size, const struct progress *p, double elapsed, const char *note) {
    char spent[32], left[32] = "";
    clock_text(spent, sizeof spent, elapsed);
    if (p->done > 0 && p->done < p->total) {
        char rest[24];
        clock_text(rest, sizeof rest, elapsed / (double)p->done * (double)(p->total - p->done));
        snprintf(left, sizeof left, ", %s left", rest);
    }
    long percent = p->total > 0 ? (long)(100.0 * (double)p->done / (double)p->total) : 100;
    snprintf(text, size, "%s %ld/%ld %ld%% %s%s%s%s", p->label, p->done, p->total, percent, spent, left,
             note ? "  " : "", note ? note : "");
}

static void show(struct progress *p, double time, const char *note) {
    char text[256];
    p->shown = time;
    progress_text(text, sizeof text, p, time - p->started, note);
    if (p->live)
        fprintf(out(), "\r%s\x1b[K", text);
    else
        fprintf(out(), "%s\n", text);
    settings.live_line = p->live;
    fflush(out());
}

void progress_open(struct progress *p, const char *label, long total) {
    *p = (struct progress){.label = label, .total = total, .live = on_terminal()};
    p->interval = p->live ? live_interval : plain_interval;
    p->started = p->shown = now();
}

void progress_update(struct progress *p, long done, const char *note) {
    p->done = done;
    if (settings.quiet) return;
    double time = now();
    if (time - p->shown >= p->interval) show(p, time, note);
}

void progress_close(struct progress *p) {
    if (settings.quiet) return;
    show(p, now(), NULL);
    if (p->live) fputc('\n', out());
    settings.live_line = false;
}
