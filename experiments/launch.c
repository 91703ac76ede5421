#include "experiments/launch.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/fs.h"

enum { MOST_PARTS = 200, MOST_ARGUMENTS = 64 };

struct launch {
    const struct suite *s;
    const struct run_options *o;
    const struct launch_options *l;
    struct arena *arena;
    const char *dir, *suite; /* the folder of scripts and logs, and the suite's copy in it */
};

/* One word for a shell. */
static const char *quoted(struct arena *a, const char *word) {
    const char *text = "";
    if (*word && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./=,:+-") == strlen(word))
        return word;
    for (; *word; word++)
        text = *word == '\'' ? arena_printf(a, "%s'\\''", text) : arena_printf(a, "%s%c", text, *word);
    return arena_printf(a, "'%s'", text);
}

/* Workers may start in another folder. */
static const char *absolute(struct arena *a, const char *path) {
    char text[PATH_MAX];
    return realpath(path, text) ? arena_strdup(a, text) : path;
}

static enum status prepare(struct launch *x, struct grid *g) {
    struct arena *a = x->arena;
    TRY(grid_build(g, x->s, x->o->kernel, x->o->data_dir, a));
    x->dir = arena_printf(a, "%s/%s/launch", x->o->out, x->s->name);
    TRY(fs_mkdirs(x->dir));
    TRY(run_prepare(x->s, x->o, g, a));
    x->dir = absolute(a, x->dir);
    x->suite = arena_printf(a, "%s/suite.yaml", x->dir);
    return fs_write(x->suite, x->s->text, x->s->size);
}

/* spillover COMMAND <suite> with the options that decide what the cells are. */
static const char *command_line(const struct launch *x, const char *command) {
    struct arena *a = x->arena;
    const char *line = arena_printf(a, "%s %s %s --out %s", quoted(a, x->o->program), command, quoted(a, x->suite),
                                    quoted(a, absolute(a, x->o->out)));
    if (x->o->data_dir) line = arena_printf(a, "%s --data %s", line, quoted(a, absolute(a, x->o->data_dir)));
    if (x->o->threads > 1) line = arena_printf(a, "%s --threads %d", line, x->o->threads);
    for (int i = 0; i < x->l->n_overrides; i++)
        line = arena_printf(a, "%s --set %s", line, quoted(a, x->l->overrides[i]));
    return line;
}

static int parts_of(const struct launch *x, const struct grid *g, enum cell_kind stage) {
    int n = 0;
    for (int i = 0; i < g->n; i++) n += g->cells[i].cell.kind == stage && !g->cells[i].skip;
    const int chunk = x->l->chunk > 0 ? x->l->chunk : (n + MOST_PARTS - 1) / MOST_PARTS;
    return n ? (n + chunk - 1) / chunk : 0;
}

enum status launch_print(const struct suite *s, const struct run_options *o, const struct launch_options *l, FILE *to,
                         struct arena *a) {
    struct launch x = {.s = s, .o = o, .l = l, .arena = a};
    struct grid g;
    TRY(prepare(&x, &g));
    for (enum cell_kind stage = CELL_BASE; stage <= CELL_PRESS; stage++) {
        const int parts = parts_of(&x, &g, stage);
        if (parts == 0) continue;
        fprintf(to, "# stage %s: in any order, once all lines above have ended\n", config_kind_name(stage));
        for (int i = 1; i <= parts; i++)
            fprintf(to, "%s --stage %s --part %d/%d\n", command_line(&x, "work"), config_kind_name(stage), i, parts);
    }
    fprintf(to, "# the tables, once all lines above have ended\n%s --merge\n", command_line(&x, "run"));
    return ST_OK;
}

/* --- slurm ----------------------------------------------------------------------------------------------------- */

/* The signal before the time limit goes to the shell alone: it stops the worker, whose whole cells are kept, and puts the
 * task back. The worker ends with 128 + 15 when Slurm itself stops the task. */
static enum status write_script(const struct launch *x, const char *name, const char *line, const char **path) {
    *path = arena_printf(x->arena, "%s/%s.sh", x->dir, name);
    const char *text =
        arena_printf(x->arena,
                     "#!/bin/bash\n"
                     "job=\"${SLURM_ARRAY_JOB_ID:-$SLURM_JOB_ID}${SLURM_ARRAY_TASK_ID:+_$SLURM_ARRAY_TASK_ID}\"\n"
                     "back() { kill -TERM \"$worker\"; wait \"$worker\"; scontrol requeue \"$job\"; exit 0; }\n"
                     "trap back USR1\n%s &\nworker=$!\nwait \"$worker\"\n",
                     line);
    TRY(fs_write(*path, text, strlen(text)));
    return chmod(*path, 0755) ? status_errno("%s: cannot be made executable", *path) : ST_OK;
}

/* What a program prints, and whether it ended well. */
static enum status capture(const char *const *argv, char *text, size_t size) {
    int pipes[2], how;
    size_t n = 0;
    if (pipe(pipes)) return status_errno("pipe");
    fflush(NULL);
    const pid_t pid = fork();
    if (pid < 0) return status_errno("fork");
    if (pid == 0) {
        dup2(pipes[1], 1);
        dup2(pipes[1], 2);
        close(pipes[0]);
        close(pipes[1]);
        execvp(argv[0], (char *const *)argv);
        _exit(errno == ENOENT ? 127 : 126);
    }
    close(pipes[1]);
    for (ssize_t got; n + 1 < size && (got = read(pipes[0], text + n, size - 1 - n)) > 0;) n += (size_t)got;
    close(pipes[0]);
    while (n > 0 && isspace((unsigned char)text[n - 1])) n--;
    text[n] = '\0';
    if (waitpid(pid, &how, 0) != pid) return status_errno("waitpid");
    if (WIFEXITED(how) && WEXITSTATUS(how) == 127)
        return status_set(ST_USAGE, "there is no %s on this machine; --launcher print gives lines for other schedulers",
                          argv[0]);
    if (!WIFEXITED(how) || WEXITSTATUS(how) != 0) return status_set(ST_FAILED, "%s: %s", argv[0], text);
    return ST_OK;
}

/* One job, behind `after` (empty: none); its id. */
static enum status submit(const struct launch *x, const char *name, int parts, const char *script, char id[64]) {
    struct arena *a = x->arena;
    const char *argv[MOST_ARGUMENTS] = {"sbatch", "--parsable", "--requeue", "--signal=B:USR1@60"};
    char text[4096], *more = arena_strdup(a, x->l->sbatch ? x->l->sbatch : ""), *rest = NULL;
    int n = 4;
    argv[n++] = arena_printf(a, "--job-name=spillover-%s-%s", x->s->name, name);
    argv[n++] = arena_printf(a, "--output=%s/%s-%s.log", x->dir, name, parts ? "%A_%a" : "%j");
    if (parts) argv[n++] = arena_printf(a, "--array=1-%d", parts);
    if (*id) argv[n++] = arena_printf(a, "--dependency=afterany:%s", id);
    for (char *word = strtok_r(more, " ", &rest); word && n < MOST_ARGUMENTS - 2; word = strtok_r(NULL, " ", &rest))
        argv[n++] = word;
    argv[n] = script;
    TRY(capture(argv, text, sizeof text));
    const size_t digits = strspn(text, "0123456789");
    if (digits == 0 || digits > 60) return status_set(ST_FAILED, "sbatch: no job id in \"%.200s\"", text);
    snprintf(id, 64, "%.*s", (int)digits, text);
    return ST_OK;
}

enum status launch_slurm(const struct suite *s, const struct run_options *o, const struct launch_options *l, FILE *to,
                         struct arena *a) {
    struct launch x = {.s = s, .o = o, .l = l, .arena = a};
    struct grid g;
    char id[64] = "";
    const char *script;
    TRY(prepare(&x, &g));
    for (enum cell_kind stage = CELL_BASE; stage <= CELL_PRESS; stage++) {
        const int parts = parts_of(&x, &g, stage);
        if (parts == 0) continue;
        const char *name = config_kind_name(stage);
        const char *line =
            arena_printf(a, "%s --stage %s --part \"$SLURM_ARRAY_TASK_ID/%d\"", command_line(&x, "work"), name, parts);
        TRY(write_script(&x, name, line, &script));
        TRY(submit(&x, name, parts, script, id));
        fprintf(to, "%-6s job %s, %d tasks\n", name, id, parts);
    }
    TRY(write_script(&x, "merge", arena_printf(a, "%s --merge", command_line(&x, "run")), &script));
    TRY(submit(&x, "merge", 0, script, id));
    fprintf(to, "merge  job %s\nlogs   %s\n", id, x.dir);
    return ST_OK;
}
