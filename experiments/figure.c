#include "experiments/figure.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/base/log.h"

static enum status start(const char *const argv[], const char *dir, const char *log, pid_t *pid) {
    /* No gnuplot settings and no locale of the user's: equal data give equal bytes. */
    char path[4096], *environment[] = {path, "LC_ALL=C.UTF-8", "HOME=/nonexistent", NULL};
    const char *search = getenv("PATH");
    posix_spawn_file_actions_t actions;
    snprintf(path, sizeof path, "PATH=%s", search ? search : "/usr/bin:/bin");
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    posix_spawn_file_actions_addchdir_np(&actions, dir);
    const int error = posix_spawnp(pid, argv[0], &actions, NULL, (char *const *)argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    if (error == ENOENT) return status_set(ST_PARTIAL, "%s is not installed", argv[0]);
    if (error) return status_set(ST_IO, "%s: %s", argv[0], strerror(error));
    return ST_OK;
}

/* The first line of a log that says something. */
static const char *complaint(struct arena *a, const char *log) {
    char *text;
    size_t size;
    if (fs_read(a, log, &text, &size) != ST_OK) return "";
    for (char *line = text, *save; (line = strtok_r(line, "\n", &save)); line = NULL)
        if (strspn(line, " \t^") != strlen(line)) return line;
    return "";
}

static bool whole_picture(struct arena *a, const char *path) {
    static const char end[] = "</svg>";
    char *text;
    size_t size;
    if (fs_read(a, path, &text, &size) != ST_OK) return false;
    while (size > 0 && (text[size - 1] == '\n' || text[size - 1] == ' ')) size--;
    return size >= sizeof end - 1 && memcmp(text + size - (sizeof end - 1), end, sizeof end - 1) == 0;
}

static enum status finish(struct arena *a, pid_t pid, const char *name, const char *part, const char *log,
                          const char *svg) {
    int how;
    while (waitpid(pid, &how, 0) < 0)
        if (errno != EINTR) return status_errno("waiting for gnuplot");
    const char *said = complaint(a, log);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 127 && !*said) return status_set(ST_PARTIAL, "gnuplot is not installed");
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0)
        return status_set(ST_FAILED, "%s: gnuplot failed: %s", name, *said ? said : "it says nothing");
    if (!whole_picture(a, part))
        return status_set(ST_FAILED, "%s: gnuplot left no whole picture%s%s", name, *said ? ": " : "", said);
    if (*said) log_warning("figure %s: gnuplot says: %s", name, said);
    if (rename(part, svg) != 0) return status_errno("%s", svg);
    return ST_OK;
}

enum status figure_render(const char *program, const char *plots, const char *dir, const char *name,
                          const char *caption, struct arena *a) {
    if (!fs_plain_name(name)) return status_set(ST_USAGE, "\"%s\" is not the name of a figure", name);
    struct arena_mark mark = arena_mark(a);
    const char *svg = arena_printf(a, "%s/%s.svg", dir, name), *part = arena_printf(a, "%s/%s.svg.part", dir, name);
    const char *log = arena_printf(a, "%s/%s.log", dir, name);
    const char *script = arena_printf(a, "%s/fig_%s.gp", plots, name);
    char *absolute = realpath(script, NULL), *style = realpath(arena_printf(a, "%s/style.gp", plots), NULL);
    pid_t pid;
    enum status st = ST_OK;
    unlink(svg);
    if (!absolute || !style) {
        st = status_errno("%s", absolute ? "style.gp" : script);
        goto done;
    }
    const char *const argv[] = {
        program, "-d",  "-c", absolute, arena_printf(a, "./%s.svg.part", name), arena_printf(a, "./data/%s.csv", name),
        caption, style, NULL};
    st = start(argv, dir, log, &pid);
    if (st == ST_OK) st = finish(a, pid, name, part, log, svg);
done:
    free(absolute);
    free(style);
    unlink(part);
    unlink(log);
    arena_rewind(a, mark);
    return st;
}

enum status figure_list(const char *dir, const char ***names, int *n, struct arena *a) {
    int all;
    *n = 0;
    TRY(fs_list(a, dir, names, &all));
    for (int i = 0; i < all; i++) {
        const char *name = (*names)[i], *end = strrchr(name, '.');
        if (end && strcmp(end, ".svg") == 0 && fs_plain_name(name)) (*names)[(*n)++] = name;
    }
    return ST_OK;
}
