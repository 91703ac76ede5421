/* breaker: run a command and break one of its system calls.
 *
 *   breaker [--under DIR] [--report FILE] MODE -- COMMAND [ARGUMENT...]
 *
 *   count            nothing is broken
 *   kill N WHOM      SIGKILL before the N-th call that changes a file: tree (the command and all its children), first
 *                    (the command alone), caller (the process that calls)
 *   after MS WHOM    the same after a time; caller: the youngest child
 *   fail N ERRNO     the N-th call on a file returns the error (its name: EIO, EINTR, ...) and is not carried out
 *   full N           from the N-th of the calls that take room on the disk on, they return ENOSPC
 *   short N          the N-th write(2) writes half of its bytes
 *
 * Only calls of processes that bear the command's name, on paths under DIR, count. Exit: the command's status, 137 when
 * it was killed, 125 for trouble of the breaker's own. FILE gets "<calls counted> <killed or -> <the
 * call that was broken>".
 *
 * The command runs under a seccomp filter that hands the calls to this process (seccomp_unotify(2)), so also those that
 * libc makes inside stdio are seen, in every process of the tree, in one order. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* How a call names its file: by descriptor in argument 0, or by path in argument `path`. */
struct call {
    int number;
    const char *name;
    int path;     /* argument that holds the path; -1: argument 0 is a descriptor; FD_AT_4: argument 4 is (mmap) */
    bool changes; /* the file or its folder */
    bool takes;   /* room on the disk */
};
enum { BY_FD = -1, FD_AT_4 = -2 };

static const struct call calls[] = {
    {SYS_write, "write", BY_FD, true, true},
    {SYS_writev, "writev", BY_FD, true, true},
    {SYS_pwrite64, "pwrite", BY_FD, true, true},
    {SYS_fsync, "fsync", BY_FD, true, true},
    {SYS_fdatasync, "fdatasync", BY_FD, true, true},
    {SYS_ftruncate, "ftruncate", BY_FD, true, false},
    {SYS_rename, "rename", 0, true, false},
    {SYS_renameat2, "renameat2", 1, true, false},
    {SYS_mkdir, "mkdir", 0, true, true},
    {SYS_unlink, "unlink", 0, true, false},
    {SYS_unlinkat, "unlinkat", 1, true, false},
    {SYS_rmdir, "rmdir", 0, true, false},
    {SYS_openat, "openat", 1, false, false}, /* changes and takes when it may create */
    {SYS_open, "open", 0, false, false},
    {SYS_read, "read", BY_FD, false, false},
    {SYS_pread64, "pread", BY_FD, false, false},
    {SYS_mmap, "mmap", FD_AT_4, false, false},
    {SYS_fstat, "fstat", BY_FD, false, false},
    {SYS_newfstatat, "newfstatat", 1, false, false},
    {SYS_access, "access", 0, false, false},
    {SYS_getdents64, "getdents64", BY_FD, false, false},
    {SYS_flock, "flock", BY_FD, false, false},
    {SYS_lseek, "lseek", BY_FD, false, false},
    {SYS_fcntl, "fcntl", BY_FD, false, false},
};
enum { N_CALLS = sizeof calls / sizeof calls[0] };

static const struct {
    const char *name;
    int value;
} errors[] = {{"EIO", EIO},       {"ENOSPC", ENOSPC}, {"EINTR", EINTR},
              {"ENOMEM", ENOMEM}, {"EMFILE", EMFILE}, {"EACCES", EACCES}};

static struct {
    enum { COUNT, KILL, AFTER, FAIL, FULL, SHORT } mode;
    long at; /* call, or milliseconds */
    int error;
    enum { TREE, FIRST, CALLER } whom;
    const char *under, *report, *name;
    pid_t first;
    long seen;
    bool killed;
    char broken_call[4400];
} b;

static void die(const char *what) {
    fprintf(stderr, "breaker: %s: %s\n", what, strerror(errno));
    exit(125);
}

static double now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e3 * (double)t.tv_sec + 1e-6 * (double)t.tv_nsec;
}

/* ---- the processes below us ---- */

/* Parent of a process, 0 when it is gone or a zombie. */
static pid_t parent_of(pid_t pid) {
    char path[64], text[512];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0) return 0;
    text[n] = '\0';
    const char *rest = strrchr(text, ')');
    int parent;
    char state;
    return rest && sscanf(rest + 1, " %c %d", &state, &parent) == 2 && state != 'Z' ? parent : 0;
}

static bool below_us(pid_t pid) {
    for (int depth = 0; depth < 16 && pid > 1; depth++) {
        pid = parent_of(pid);
        if (pid == getpid()) return true;
    }
    return false;
}

/* Kill everything below; with `youngest`, only the process with the highest number. Returns how many were there. */
static int kill_below(bool youngest) {
    int n = 0;
    pid_t last = 0;
    DIR *tasks = opendir("/proc");
    for (struct dirent *entry; tasks && (entry = readdir(tasks));) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        if (pid <= 0 || !below_us(pid)) continue;
        n++;
        if (pid > last) last = pid;
        if (!youngest) kill(pid, SIGKILL);
    }
    if (tasks) closedir(tasks);
    if (youngest && last) kill(last, SIGKILL);
    return n;
}

static void kill_whom(pid_t caller) {
    b.killed = true;
    if (b.whom == FIRST)
        kill(b.first, SIGKILL);
    else if (b.whom == TREE)
        while (kill_below(false) > 0) (void)0;
    else if (caller)
        kill(caller, SIGKILL);
    else
        kill_below(true);
}

/* ---- what a call is about ---- */

static bool link_of(pid_t pid, const char *what, char path[4096]) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/%s", pid, what);
    ssize_t n = readlink(name, path, 4095);
    path[n > 0 ? n : 0] = '\0';
    return n > 0;
}

static ssize_t memory_of(pid_t pid, unsigned long long at, void *bytes, size_t size) {
    char name[64];
    snprintf(name, sizeof name, "/proc/%d/mem", pid);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return -1;
    ssize_t n = pread(fd, bytes, size, (off_t)at);
    close(fd);
    return n;
}

static bool path_of(const struct seccomp_notif *q, const struct call *c, char path[4096]) {
    if (c->path < 0) {
        char what[32];
        snprintf(what, sizeof what, "fd/%d", (int)q->data.args[c->path == FD_AT_4 ? 4 : 0]);
        return link_of((pid_t)q->pid, what, path);
    }
    char given[4096] = "";
    ssize_t n = memory_of((pid_t)q->pid, q->data.args[c->path], given, sizeof given - 1);
    if (n <= 0) return false;
    if (given[0] == '/') {
        memcpy(path, given, sizeof given);
        return true;
    }
    char folder[4096], whole[2 * 4096];
    if (!link_of((pid_t)q->pid, "cwd", folder)) return false;
    snprintf(whole, sizeof whole, "%s/%s", folder, given);
    memcpy(path, whole, 4095);
    path[4095] = '\0';
    return true;
}

static bool named(pid_t pid) {
    char path[64], comm[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, comm, sizeof comm - 1);
    if (fd >= 0) close(fd);
    comm[n > 0 ? n : 0] = '\0';
    comm[strcspn(comm, "\n")] = '\0';
    return strncmp(comm, b.name, 15) == 0; /* the kernel keeps 15 bytes */
}

static bool creates(const struct seccomp_notif *q, const struct call *c) {
    if (c->number != SYS_openat && c->number != SYS_open) return false;
    return q->data.args[c->number == SYS_openat ? 2 : 1] & O_CREAT;
}

/* ---- breaking it ---- */

/* Write the first half of what the caller asks to write, at the caller's own file position. */
static long write_half(const struct seccomp_notif *q) {
    static char bytes[1 << 22];
    size_t half = (q->data.args[2] + 1) / 2;
    if (half > sizeof bytes) half = sizeof bytes;
    if (memory_of((pid_t)q->pid, q->data.args[1], bytes, half) != (ssize_t)half) return -1;
    int process = (int)syscall(SYS_pidfd_open, q->pid, 0);
    int fd = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, (int)q->data.args[0], 0);
    ssize_t n = fd < 0 ? -1 : write(fd, bytes, half);
    if (fd >= 0) close(fd);
    if (process >= 0) close(process);
    return n;
}

static void answer(const struct seccomp_notif *q, struct seccomp_notif_resp *r) {
    const struct call *c = NULL;
    char path[4096];
    r->flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    for (int i = 0; i < N_CALLS; i++)
        if (calls[i].number == q->data.nr) c = &calls[i];
    if (!c || (c->path == FD_AT_4 && (int)q->data.args[4] < 0) || !named((pid_t)q->pid) || !path_of(q, c, path)) return;
    const size_t n = strlen(b.under);
    if (strncmp(path, b.under, n) != 0 || (path[n] && path[n] != '/')) return;
    const bool changes = c->changes || creates(q, c), takes = c->takes || creates(q, c);
    if ((b.mode == KILL && !changes) || (b.mode == FULL && !takes) || (b.mode == SHORT && c->number != SYS_write))
        return;
    b.seen++;
    if (b.seen < b.at || b.mode == AFTER || b.mode == COUNT) return;
    if (b.seen == b.at) snprintf(b.broken_call, sizeof b.broken_call, "%s %s", c->name, path);
    if (b.mode == FULL) *r = (struct seccomp_notif_resp){.id = q->id, .error = -ENOSPC};
    if (b.seen > b.at) return;
    if (b.mode == KILL) kill_whom((pid_t)q->pid);
    if (b.mode == FAIL) *r = (struct seccomp_notif_resp){.id = q->id, .error = -b.error};
    if (b.mode == SHORT) {
        long half = write_half(q);
        if (half >= 0) *r = (struct seccomp_notif_resp){.id = q->id, .val = half};
    }
}

/* ---- running it ---- */

static int install_filter(void) {
    struct sock_filter f[N_CALLS + 4];
    int n = 0;
    f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < N_CALLS; i++) /* a hit jumps over the tests that follow and the ALLOW */
        f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i].number,
                                              (unsigned char)(N_CALLS - i), 0);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    struct sock_fprog program = {(unsigned short)n, f};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) return -1;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* The child tells the number of its listener by send(2), which no filter sees, and waits until it was taken. */
static int start(char **command) {
    int ends[2], number = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends)) die("socketpair");
    b.first = fork();
    if (b.first == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        number = install_filter();
        send(ends[1], &number, sizeof number, 0);
        if (number >= 0) recv(ends[1], &number, 1, 0);
        if (number >= 0) execvp(command[0], command);
        _exit(125);
    }
    if (b.first < 0 || recv(ends[0], &number, sizeof number, 0) != sizeof number || number < 0)
        die("no seccomp filter");
    int process = (int)syscall(SYS_pidfd_open, b.first, 0);
    int listener = process < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, process, number, 0);
    if (listener < 0) die("no listener");
    close(process);
    send(ends[0], "", 1, 0);
    close(ends[0]);
    close(ends[1]);
    return listener;
}

/* Serve until no process has the filter any more; the status of the command. */
static int serve(int listener) {
    int how = 0, first_how = -1;
    const double deadline = now_ms() + (double)b.at;
    for (;;) {
        struct pollfd p = {.fd = listener, .events = POLLIN};
        poll(&p, 1, 2);
        for (pid_t pid; (pid = waitpid(-1, &how, WNOHANG)) > 0;)
            if (pid == b.first) first_how = how;
        if (b.mode == AFTER && !b.killed && now_ms() >= deadline) kill_whom(0);
        if (p.revents & POLLIN) {
            struct seccomp_notif q = {0};
            if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &q)) continue; /* the caller is gone */
            struct seccomp_notif_resp r = {.id = q.id};
            answer(&q, &r);
            ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
        } else if ((p.revents & POLLHUP) && first_how >= 0)
            return WIFEXITED(first_how) ? WEXITSTATUS(first_how) : 128 + WTERMSIG(first_how);
    }
}

static int usage(void) {
    fprintf(stderr, "usage: breaker [--under DIR] [--report FILE] count|kill N WHOM|after MS WHOM|fail N ERRNO|full N|"
                    "short N -- COMMAND\n");
    return 64;
}

static bool parse_mode(char **word, int n) {
    static const char *const modes[] = {"count", "kill", "after", "fail", "full", "short"};
    static const char *const whom[] = {"tree", "first", "caller"};
    static const int words[] = {1, 3, 3, 3, 2, 2};
    int mode = 0;
    if (n < 1) return false;
    while (mode < 6 && strcmp(modes[mode], word[0]) != 0) mode++;
    if (mode == 6 || n != words[mode]) return false;
    b.mode = mode;
    if (n > 1) b.at = strtol(word[1], NULL, 10);
    if (n < 3) return true;
    for (int i = 0; i < 3 && mode != FAIL; i++)
        if (strcmp(whom[i], word[2]) == 0) return (b.whom = i, true);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0] && mode == FAIL; i++)
        if (strcmp(errors[i].name, word[2]) == 0) b.error = errors[i].value;
    return b.error != 0;
}

int main(int argc, char **argv) {
    int at = 1, split;
    b.under = "/";
    for (; at + 1 < argc && strncmp(argv[at], "--", 2) == 0 && argv[at][2]; at += 2) {
        if (strcmp(argv[at], "--under") == 0)
            b.under = argv[at + 1];
        else if (strcmp(argv[at], "--report") == 0)
            b.report = argv[at + 1];
        else
            return usage();
    }
    for (split = at; split < argc && strcmp(argv[split], "--") != 0;) split++;
    if (split + 1 >= argc || !parse_mode(argv + at, split - at)) return usage();
    char **command = argv + split + 1;
    const char *slash = strrchr(command[0], '/');
    b.name = slash ? slash + 1 : command[0];
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)) die("prctl");
    int code = serve(start(command));
    FILE *report = b.report ? fopen(b.report, "we") : NULL;
    if (report) fprintf(report, "%ld %s %s\n", b.seen, b.killed ? "killed" : "-", b.broken_call);
    if (report) fclose(report);
    return code;
}
