#include "tests/refuse.h"

#include <bzlib.h>
#include <check.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <yaml.h>

static struct {
    bool armed, from; /* from: the calls after it too */
    long at, seen;
} turn;

static bool refused(void) {
    if (!turn.armed) return false;
    turn.seen++;
    if (turn.from ? turn.seen < turn.at : turn.seen != turn.at) return false;
    errno = EIO;
    return true;
}

/* A function of libc's name: what stands behind it, or `error` when its turn has come. */
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REFUSABLE(type, name, error, parameters, ...)                                                                  \
    type name parameters {                                                                                             \
        return refused() ? (error) : NEXT(name)(__VA_ARGS__);                                                          \
    }

REFUSABLE(FILE *, fopen, NULL, (const char *path, const char *mode), path, mode)
REFUSABLE(int, ferror, 1, (FILE * stream), stream)
REFUSABLE(int, fflush, EOF, (FILE * stream), stream)
REFUSABLE(int, putc, EOF, (int c, FILE *stream), c, stream)
REFUSABLE(int, fsync, -1, (int fd), fd)
REFUSABLE(int, fstat, -1, (int fd, struct stat *info), fd, info)
REFUSABLE(int, lstat, -1, (const char *path, struct stat *info), path, info)
REFUSABLE(int, stat, -1, (const char *path, struct stat *info), path, info)
REFUSABLE(int, access, -1, (const char *path, int mode), path, mode)
REFUSABLE(int, rename, -1, (const char *from, const char *to), from, to)
REFUSABLE(int, unlink, -1, (const char *path), path)
REFUSABLE(int, remove, -1, (const char *path), path)
REFUSABLE(int, mkdir, -1, (const char *path, mode_t mode), path, mode)
REFUSABLE(char *, mkdtemp, NULL, (char *path), path)
REFUSABLE(int, flock, -1, (int fd, int how), fd, how)
REFUSABLE(int, ftruncate, -1, (int fd, off_t size), fd, size)
REFUSABLE(int, pipe2, -1, (int ends[2], int flags), ends, flags)
REFUSABLE(int, uname, -1, (struct utsname * system), system)
REFUSABLE(DIR *, opendir, NULL, (const char *path), path)
REFUSABLE(struct dirent *, readdir, NULL, (DIR * dir), dir)
REFUSABLE(void *, mmap, MAP_FAILED, (void *at, size_t size, int may, int how, int fd, off_t from), at, size, may, how,
          fd, from)
REFUSABLE(int, nftw, -1, (const char *path, __nftw_func_t act, int fds, int how), path, act, fds, how)
REFUSABLE(int, BZ2_bzDecompressInit, BZ_MEM_ERROR, (bz_stream * z, int verbosity, int small), z, verbosity, small)
REFUSABLE(int, BZ2_bzDecompress, BZ_MEM_ERROR, (bz_stream * z), z)
REFUSABLE(int, BZ2_bzBuffToBuffCompress, BZ_MEM_ERROR,
          (char *to, unsigned *n, char *from, unsigned size, int level, int verbosity, int factor), to, n, from, size,
          level, verbosity, factor)
REFUSABLE(int, yaml_parser_initialize, 0, (yaml_parser_t * parser), parser)

int open(const char *path, int flags, ...) {
    va_list more;
    va_start(more, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
    va_end(more);
    return refused() ? -1 : NEXT(open)(path, flags, mode);
}

size_t fread(void *to, size_t size, size_t n, FILE *from) {
    if (!refused()) return NEXT(fread)(to, size, n, from);
    from->_flags |= 0x20; /* glibc's _IO_ERR_SEEN, which ferror reads: without it nothing more than the end was met */
    return 0;
}

int fclose(FILE *stream) { /* closes in any case */
    const bool fails = refused();
    const int st = NEXT(fclose)(stream);
    if (fails) errno = EIO;
    return fails ? EOF : st;
}

static enum status act_refused(enum status (*act)(void), long at, bool from, long *seen) {
    status_record("%s", "");
    turn.at = at;
    turn.seen = 0;
    turn.from = from;
    turn.armed = true;
    const enum status st = act();
    turn.armed = false;
    *seen = turn.seen;
    return st;
}

int refuse_each(const struct refusal *r) {
    int failed = 0;
    for (int from = 0; from < 2; from++) {
        enum status st;
        long at = 0, seen;
        do {
            if (r->before) r->before();
            st = act_refused(r->act, ++at, from, &seen);
            const char *why = status_message();
            ck_assert_msg(st == ST_OK || ((st == ST_IO || st == ST_FAILED) && *why), "call %ld: exit %d, %s", at, st,
                          why);
            if (r->after) r->after(st);
            failed += st != ST_OK;
        } while (seen >= at);
        ck_assert_msg(st == ST_OK, "unrefused: %s", status_message());
    }
    return failed;
}
