#include "experiments/schedule.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/fs.h"
#include "engine/base/log.h"
#include "experiments/store.h"

enum { TICK_MS = 500, GRACE_MS = 3000 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

const char *schedule_state_name(enum cell_state state) {
    static const char *const names[] = {"pending", "elsewhere", "running", "done", "failed", "blocked", "skip"};
    return names[state];
}

int schedule_count(const struct schedule *s, enum cell_state state) {
    int n = 0;
    for (int i = 0; i < s->grid->n; i++) n += s->cells[i].state == state;
    return n;
}

static void change(struct schedule *s, int i, enum cell_state state, const char *note) {
    s->cells[i].state = state;
    if (note) s->cells[i].note = note;
    if (s->watch) s->watch(s->watcher, s, i);
}

void schedule_open(struct schedule *s) {
    s->cells = ARENA_NEW(s->arena, struct schedule_cell, s->grid->n);
    s->signal = 0;
    for (int i = 0; i < s->grid->n; i++) {
        s->cells[i].lock = -1;
        if (!s->grid->cells[i].skip) continue;
        s->cells[i].state = STATE_SKIPPED;
        s->cells[i].note = s->grid->cells[i].skip;
    }
    for (int i = 0; s->only && i < s->grid->n; i++) {
        const int parent = s->grid->cells[i].parent;
        if (!s->only[i] || parent < 0 || s->only[parent] || s->cells[parent].state != STATE_PENDING) continue;
        if (store_verify(s->arena, s->out, s->grid->cells[parent].cell.key) != ST_OK) continue;
        s->cells[parent].state = STATE_DONE;
        s->cells[parent].reused = true;
    }
}

static double seconds_of(struct schedule *s, const char *key) {
    struct cell_resources took;
    if (cell_resources(s->arena, s->out, key, &took) != ST_OK) log_warning("%s", status_message());
    return isfinite(took.seconds) ? took.seconds : 0;
}

void schedule_survey(struct schedule *s) {
    schedule_open(s);
    for (int i = 0; i < s->grid->n; i++) {
        if (s->cells[i].state != STATE_PENDING) continue;
        const char *key = s->grid->cells[i].cell.key;
        enum status st = store_verify(s->arena, s->out, key);
        if (st == ST_OK) {
            s->cells[i].state = STATE_DONE;
            s->cells[i].reused = true;
            s->cells[i].seconds = seconds_of(s, key);
        } else if (st != ST_PARTIAL) {
            s->cells[i].state = STATE_FAILED;
            s->cells[i].note = arena_strdup(s->arena, status_message());
        }
    }
}

/* In the child: stdout and stderr go to the cell's log, the lock's descriptor survives exec, and the death of the
 * runner ends the cell. */
static void child(const struct schedule *s, int i, const sigset_t *mask, pid_t runner) {
    const char *key = s->grid->cells[i].cell.key;
    const char *log = arena_printf(s->arena, "%s/log.txt", store_part(s->arena, s->out, key));
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != runner) _exit(ST_FAILED);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
    int in = open("/dev/null", O_RDONLY), out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0666);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0) _exit(ST_IO);
    close(in);
    close(out);
    fcntl(s->cells[i].lock, F_SETFD, 0);
    if (s->bodies) {
        enum status st = cell_execute(s->out, key, s->data_dir, s->threads, s->bodies);
        if (st != ST_OK) fprintf(stderr, "error: %s\n", status_message());
        fflush(stderr);
        _exit((int)st);
    }
    const char *argv[10] = {"spillover", "cell", key, "--out", s->out};
    int n = 5;
    if (s->threads > 1) {
        argv[n++] = "--threads";
        argv[n++] = arena_printf(s->arena, "%d", s->threads);
    }
    if (s->data_dir) {
        argv[n++] = "--data";
        argv[n++] = s->data_dir;
    }
    execv(s->program, (char *const *)argv);
    fprintf(stderr, "error: %s: %s\n", s->program, strerror(errno));
    _exit(ST_IO);
}

static enum status spawn(struct schedule *s, int i, const sigset_t *mask) {
    pid_t runner = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid < 0) return status_errno("fork");
    if (pid == 0) child(s, i, mask, runner);
    setpgid(pid, pid);
    s->cells[i].pid = pid;
    s->cells[i].started = now();
    change(s, i, STATE_RUNNING, NULL);
    return ST_OK;
}

static void release(struct schedule *s, int i) {
    if (s->cells[i].lock >= 0) fs_unlock(s->cells[i].lock);
    s->cells[i].lock = -1;
}

/* Children stand behind their parents in the grid, so one pass reaches every descendant. */
static void block_descendants(struct schedule *s, int failed) {
    for (int i = failed + 1; i < s->grid->n; i++) {
        int parent = s->grid->cells[i].parent;
        if (parent < 0 || s->cells[i].state != STATE_PENDING || (s->only && !s->only[i])) continue;
        if (s->cells[parent].state != STATE_FAILED && s->cells[parent].state != STATE_BLOCKED) continue;
        change(s, i, STATE_BLOCKED, arena_printf(s->arena, "by %s", s->grid->cells[parent].short_key));
    }
}

static void fail(struct schedule *s, int i, bool refused, const char *note) {
    release(s, i);
    s->cells[i].refused = refused;
    change(s, i, STATE_FAILED, note);
    block_descendants(s, i);
}

static void done(struct schedule *s, int i, bool reused) {
    release(s, i);
    s->cells[i].reused = reused;
    s->cells[i].seconds = seconds_of(s, s->grid->cells[i].cell.key);
    change(s, i, STATE_DONE, NULL);
}

/* Take up a pending cell whose parent is whole. */
static void start(struct schedule *s, int i, const sigset_t *mask) {
    const struct grid_cell *cell = &s->grid->cells[i];
    struct schedule_cell *c = &s->cells[i];
    enum status st = store_lock(s->arena, s->out, cell->cell.key, &c->lock);
    if (st == ST_PARTIAL) {
        if (c->state != STATE_ELSEWHERE) change(s, i, STATE_ELSEWHERE, NULL);
        return;
    }
    c->state = STATE_PENDING;
    if (st == ST_OK) {
        st = store_verify(s->arena, s->out, cell->cell.key);
        if (st == ST_OK) {
            done(s, i, true);
            return;
        }
        if (st == ST_DIFFERS) {
            const char *why = arena_strdup(s->arena, status_message()), *moved;
            st = store_set_aside(s->arena, s->out, cell->cell.key, &moved);
            if (st == ST_OK) c->note = arena_printf(s->arena, "damaged (%s), kept as %s", why, moved);
        } else if (st == ST_PARTIAL)
            st = ST_OK;
    }
    if (st == ST_OK) st = store_begin(s->arena, s->out, cell->cell.key, cell->identity);
    if (st == ST_OK) st = spawn(s, i, mask);
    if (st != ST_OK) fail(s, i, st == ST_IO, arena_strdup(s->arena, status_message()));
}

/* The last line of a failed cell's log says why, if anything does. */
static const char *last_log_line(struct schedule *s, const char *log) {
    char *text;
    size_t size;
    if (fs_read(s->arena, log, &text, &size)) return "";
    while (size > 0 && text[size - 1] == '\n') text[--size] = '\0';
    const char *line = strrchr(text, '\n');
    return line ? line + 1 : text;
}

static void ended(struct schedule *s, int i, int how) {
    const char *key = s->grid->cells[i].cell.key;
    enum status st = WIFEXITED(how) ? (enum status)WEXITSTATUS(how) : ST_FAILED;
    if (st == ST_OK && (st = store_verify(s->arena, s->out, key)) == ST_OK) {
        done(s, i, false);
        return;
    }
    const char *log = arena_printf(s->arena, "%s/log.txt", store_part(s->arena, s->out, key));
    const char *line = last_log_line(s, log), *note;
    if (WIFSIGNALED(how))
        note = arena_printf(s->arena, "%s: ended by signal %d (%s)%s", log, WTERMSIG(how), strsignal(WTERMSIG(how)),
                            WTERMSIG(how) == SIGKILL ? ", as by the system when memory runs out" : "");
    else if (WEXITSTATUS(how) == 0)
        note = arena_printf(s->arena, "%s: exit 0, but %s", log, status_message());
    else
        note = arena_printf(s->arena, "%s: exit %d%s%s", log, WEXITSTATUS(how), *line ? ": " : "", line);
    fail(s, i, st == ST_IO, note);
}

static void reap(struct schedule *s) {
    for (int i = 0; i < s->grid->n; i++) {
        int how;
        if (s->cells[i].state != STATE_RUNNING || waitpid(s->cells[i].pid, &how, WNOHANG) != s->cells[i].pid) continue;
        ended(s, i, how);
    }
}

static bool ready(const struct schedule *s, int i) {
    int parent = s->grid->cells[i].parent;
    enum cell_state state = s->cells[i].state;
    if (s->only && !s->only[i]) return false;
    return (state == STATE_PENDING || state == STATE_ELSEWHERE) && (parent < 0 || s->cells[parent].state == STATE_DONE);
}

static void start_ready(struct schedule *s, const sigset_t *mask) {
    int running = schedule_count(s, STATE_RUNNING);
    for (int i = 0; i < s->grid->n && running < s->jobs; i++) {
        if (!ready(s, i)) continue;
        start(s, i, mask);
        running += s->cells[i].state == STATE_RUNNING;
    }
}

/* Children get SIGTERM, and SIGKILL if they are still there after the grace time. Their folders stay .part. */
static void stop_children(struct schedule *s) {
    for (int i = 0; i < s->grid->n; i++)
        if (s->cells[i].state == STATE_RUNNING) kill(s->cells[i].pid, SIGTERM);
    double until = now() + GRACE_MS * 1e-3;
    bool killed = false;
    while (schedule_count(s, STATE_RUNNING) > 0) {
        for (int i = 0; i < s->grid->n; i++) {
            int how;
            if (s->cells[i].state != STATE_RUNNING || waitpid(s->cells[i].pid, &how, WNOHANG) != s->cells[i].pid)
                continue;
            release(s, i);
            s->cells[i].state = STATE_PENDING;
            if (WIFEXITED(how) && WEXITSTATUS(how) == 0) done(s, i, false);
        }
        if (!killed && now() > until) {
            killed = true;
            for (int i = 0; i < s->grid->n; i++)
                if (s->cells[i].state == STATE_RUNNING) kill(s->cells[i].pid, SIGKILL);
        }
        nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
    }
}

enum status schedule_run(struct schedule *s) {
    sigset_t watched, before;
    sigemptyset(&watched);
    sigaddset(&watched, SIGCHLD);
    sigaddset(&watched, SIGINT);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGHUP);
    /* Blocked signals are taken from the queue by sigtimedwait: no handler, no race with waitpid. */
    if (sigprocmask(SIG_BLOCK, &watched, &before)) return status_errno("sigprocmask");
    for (;;) {
        start_ready(s, &before);
        int waiting = schedule_count(s, STATE_RUNNING) + schedule_count(s, STATE_ELSEWHERE);
        if (waiting == 0) break;
        struct timespec tick = {.tv_nsec = TICK_MS * 1000L * 1000L};
        int got = sigtimedwait(&watched, NULL, &tick);
        if (got == SIGINT || got == SIGTERM || got == SIGHUP) {
            s->signal = got;
            stop_children(s);
            break;
        }
        reap(s);
        if (s->watch) s->watch(s->watcher, s, -1);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return ST_OK;
}
