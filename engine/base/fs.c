#include "engine/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PART_PATH = 4096 + 8 };

size_t fs_most = INT_MAX - 1;

static void part_path(const struct fs_file *f, char part[PART_PATH]) {
    snprintf(part, PART_PATH, "%s.part", f->path);
}

/* The folder that holds `path`, which the system took a moment ago; "." when the path has no slash. */
static void parent_of(const char *path, char parent[4096]) {
    const char *slash = strrchr(path, '/');
    const size_t n = slash ? (size_t)(slash + 1 - path) : 0; /* the slash too: what lies in / has no other parent */
    if (n >= 4096) BUG("%s: a path longer than any", path);
    snprintf(parent, 4096, "%.*s", n > 0 ? (int)n : 1, n > 0 ? path : ".");
}

/* A rename is durable only after the folder itself is flushed. */
static enum status sync_parent(const char *path) {
    char parent[4096];
    parent_of(path, parent);
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return status_errno("%s: cannot be opened", parent);
    enum status st = fsync(fd) ? status_errno("%s: cannot be flushed", parent) : ST_OK;
    close(fd);
    return st;
}

enum status fs_create(struct fs_file *f, const char *path) {
    *f = (struct fs_file){0};
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof f->path) return status_set(ST_IO, "%s: the path is empty or too long", path);
    memcpy(f->path, path, n + 1);
    char part[PART_PATH];
    part_path(f, part);
    f->stream = fopen(part, "wbe");
    return f->stream ? ST_OK : status_errno("%s: cannot be created", part);
}

/* Of a stream whose error flag is up: it keeps that a write failed, not why. A reason that stands fails one more. */
static enum status write_failed(struct fs_file *f) {
    clearerr(f->stream);
    if (putc('\n', f->stream) == EOF || fflush(f->stream)) return status_errno("%s: cannot be written", f->path);
    return status_set(ST_IO, "%s: a write to it failed", f->path);
}

enum status fs_commit(struct fs_file *f) {
    char part[PART_PATH];
    part_path(f, part);
    bool failed_before = ferror(f->stream);
    if (failed_before || fflush(f->stream) || fsync(fileno(f->stream))) {
        enum status st = failed_before ? write_failed(f) : status_errno("%s: cannot be written", f->path);
        fs_discard(f);
        return st;
    }
    int closed = fclose(f->stream);
    f->stream = NULL;
    if (closed || rename(part, f->path)) {
        enum status st = status_errno("%s: cannot be put in place", f->path);
        unlink(part);
        return st;
    }
    return sync_parent(f->path);
}

void fs_discard(struct fs_file *f) {
    if (!f->stream) return;
    char part[PART_PATH];
    part_path(f, part);
    fclose(f->stream);
    f->stream = NULL;
    unlink(part);
}

enum status fs_read(struct arena *a, const char *path, char **data, size_t *size) {
    enum status st = ST_OK;
    struct stat info;
    FILE *in = fopen(path, "rbe");
    if (!in) return status_errno("%s: cannot be opened", path);
    if (fstat(fileno(in), &info)) {
        st = status_errno("%s: cannot be read", path);
        goto done;
    }
    if (!S_ISREG(info.st_mode) || (size_t)info.st_size > fs_most) {
        st = status_set(ST_IO, "%s: not a plain file of at most %zu bytes", path, fs_most);
        goto done;
    }
    *size = (size_t)info.st_size;
    *data = arena_alloc(a, *size + 1, 1);
    if (fread(*data, 1, *size, in) != *size)
        st = ferror(in) ? status_errno("%s: cannot be read", path)
                        : status_set(ST_IO, "%s: became shorter while it was read", path);
done:
    fclose(in);
    return st;
}

enum status fs_map(const char *path, const void **data, size_t *size) {
    enum status st = ST_OK;
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return status_errno("%s: cannot be opened", path);
    if (fstat(fd, &info)) {
        st = status_errno("%s: cannot be read", path);
        goto done;
    }
    if (!S_ISREG(info.st_mode)) {
        st = status_set(ST_IO, "%s: not a plain file", path);
        goto done;
    }
    *size = (size_t)info.st_size;
    *data = ""; /* nothing can be mapped of an empty file */
    if (*size == 0) goto done;
    void *mapped = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (mapped == MAP_FAILED)
        st = status_errno("%s: cannot be mapped", path);
    else
        *data = mapped;
done:
    close(fd);
    return st;
}

void fs_unmap(const void *data, size_t size) {
    if (size > 0) munmap((void *)data, size);
}

enum status fs_write(const char *path, const void *data, size_t size) {
    struct fs_file f;
    TRY(fs_create(&f, path));
    if (size > 0) (void)!fwrite(data, 1, size, f.stream); /* fs_commit sees the stream's error flag */
    return fs_commit(&f);
}

static bool nothing_there(void) {
    return errno == ENOENT || errno == ENOTDIR || errno == ENAMETOOLONG;
}

bool fs_exists(const char *path) {
    return access(path, F_OK) == 0 || !nothing_there();
}

bool fs_is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? S_ISDIR(info.st_mode) : !nothing_there();
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum status fs_list(struct arena *a, const char *folder, const char ***names, int *n) {
    DIR *dir = opendir(folder);
    if (!dir) return status_errno("%s: cannot be listed", folder);
    int room = 0;
    *names = NULL;
    *n = 0;
    for (struct dirent *entry; (errno = 0, entry = readdir(dir));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (*n == room) {
            const char **more = ARENA_NEW(a, const char *, room = room ? 2 * room : 64);
            if (*n) memcpy(more, *names, (size_t)*n * sizeof *more);
            *names = more;
        }
        (*names)[(*n)++] = arena_strdup(a, entry->d_name);
    }
    const enum status st = errno ? status_errno("%s: cannot be listed", folder) : ST_OK;
    closedir(dir);
    if (*n) qsort(*names, (size_t)*n, sizeof **names, by_name);
    return st;
}

double fs_folder_bytes(struct arena *a, const char *folder) {
    const struct arena_mark mark = arena_mark(a);
    const char **names;
    double bytes = 0;
    int n;
    if (fs_list(a, folder, &names, &n) == ST_OK)
        for (int i = 0; i < n; i++) {
            struct stat info;
            if (stat(arena_printf(a, "%s/%s", folder, names[i]), &info) == 0 && S_ISREG(info.st_mode))
                bytes += (double)info.st_size;
        }
    arena_rewind(a, mark);
    return bytes;
}

enum status fs_mkdirs(const char *path) {
    char prefix[4096];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof prefix) return status_set(ST_IO, "%s: the path is empty or too long", path);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0') continue;
        memcpy(prefix, path, i);
        prefix[i] = '\0';
        if (mkdir(prefix, 0777) == 0) continue;
        if (errno == EEXIST && fs_is_folder(prefix)) continue;
        return status_errno("%s: the folder cannot be made", prefix);
    }
    return ST_OK;
}

enum status fs_rename_dir(const char *from, const char *to) {
    if (rename(from, to)) return status_errno("%s: cannot be renamed to %s", from, to);
    enum status st = sync_parent(to);
    if (st == ST_OK) st = sync_parent(from);
    if (st != ST_OK) (void)!rename(to, from); /* what may not last is not there: the caller goes on working in `from` */
    return st;
}

static int remove_one(const char *path, const struct stat *info, int kind, struct FTW *walk) {
    (void)info, (void)kind, (void)walk;
    return remove(path) != 0 && errno != ENOENT;
}

enum status fs_remove_tree(const char *path) {
    struct stat info;
    if (lstat(path, &info)) return errno == ENOENT ? ST_OK : status_errno("%s: cannot be removed", path);
    if (nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS)) return status_errno("%s: cannot be removed", path);
    return ST_OK;
}

enum status fs_scratch(struct arena *a, const char *name, const char **folder) {
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/%s.XXXXXX", tmp && *tmp ? tmp : "/tmp", name);
    if (!mkdtemp(path)) return status_errno("%s: cannot be made", path);
    *folder = path;
    return ST_OK;
}

enum status fs_lock(const char *path, int *fd) {
    int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (opened < 0) return status_errno("%s: cannot be opened", path);
    if (flock(opened, LOCK_EX | LOCK_NB)) {
        enum status st = errno == EWOULDBLOCK ? status_set(ST_PARTIAL, "%s: held by another process", path)
                                              : status_errno("%s: cannot be locked", path);
        close(opened);
        return st;
    }
    *fd = opened;
    return ST_OK;
}

void fs_unlock(int fd) {
    close(fd);
}

bool fs_plain_name(const char *name) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    size_t n = strlen(name);
    return n > 0 && n < 256 && strspn(name, plain) == n && name[0] != '-' && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}
