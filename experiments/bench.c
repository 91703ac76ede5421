/* spillover bench: each case in a process of its own (its memory is its own peak, and BLIS is chosen once a process). */
#include <argp.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/json.h"
#include "engine/gemm.h"
#include "engine/kernels.h"
#include "experiments/bench.h"
#include "experiments/command.h"

enum { MOST_REPEATS = 99, LANES = 4, MOST_PROCESSES = 256 };

struct arguments {
    const char *only[16];
    int n_only, repeats, threads, processes;
    double seconds;
    bool modes[2]; /* of enum numeric_mode */
    bool blis, ops, metrics, json;
    const char *bpe;
};

static const char *const mode_name[] = {[NUMERIC_PORTABLE] = "portable", [NUMERIC_NATIVE] = "native"};

/* What a measuring process hands back. */
struct result {
    enum status status;
    double rate, peak, bound; /* units/s; flop/s; rate / bound: medians over the repeats */
    char isa[16], arch[16], message[200];
};

static int positive(struct argp_state *state, const char *arg, const char *option, int most) {
    char *end;
    long n = strtol(arg, &end, 10);
    if (end == arg || *end || n < 1 || n > most) argp_error(state, "%s: \"%s\" is not 1..%d", option, arg, most);
    return (int)n;
}

static error_t parse(int key, char *arg, struct argp_state *state) {
    static const char *const modes[] = {"native", "portable", "both"}, *const products[] = {"auto", "blis"};
    struct arguments *x = state->input;
    char *end;
    int choice;
    switch (key) {
    case 'r':
        x->repeats = positive(state, arg, "--repeats", MOST_REPEATS);
        return 0;
    case 't':
        x->threads = positive(state, arg, "--threads", LANES);
        return 0;
    case 'p':
        x->processes = positive(state, arg, "--processes", MOST_PROCESSES);
        return 0;
    case 's':
        x->seconds = strtod(arg, &end);
        if (end == arg || *end || !(x->seconds >= 0.0 && x->seconds < 3600.0))
            argp_error(state, "--seconds: \"%s\" is not a number from 0 to 3600", arg);
        return 0;
    case 'm':
        choice = command_choice(arg, modes, 3, "mode", state);
        x->modes[NUMERIC_PORTABLE] = choice != 0;
        x->modes[NUMERIC_NATIVE] = choice != 1;
        return 0;
    case 'g':
        x->blis = command_choice(arg, products, 2, "gemm", state);
        return 0;
    case 'o':
        x->ops = true;
        return 0;
    case 'b':
        x->bpe = arg;
        return 0;
    case 'M':
        x->metrics = true;
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case ARGP_KEY_ARG:
        if (x->n_only == (int)(sizeof x->only / sizeof x->only[0])) argp_error(state, "too many cases");
        x->only[x->n_only++] = arg;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"seconds", 's', "S", 0, "least CPU time of one repeat (default: 1)", 0},
    {"repeats", 'r', "N", 0, "repeats, of which the median is shown (default: 5)", 0},
    {"mode", 'm', "MODE", 0, "native, portable or both (default: both)", 0},
    {"gemm", 'g', "WHICH", 0, "auto, or blis: matrix products by BLIS alone", 0},
    {"threads", 't', "N", 0, "threads for the gpt2 cases, in four gradient lanes (default: one of each)", 0},
    {"processes", 'p', "N", 0, "rate of N one-thread processes at once, as % of N times one process alone", 0},
    {"ops", 'o', NULL, 0, "time, GFLOP/s, GB/s and share of every operation of a step", 0},
    {"metrics", 'M', NULL, 0, "time of every metric, on a text and a latent mind of the default size", 0},
    {"bpe", 'b', "DIR", 0, "the tokenizer in DIR/gpt2 on the text of DIR/gsm8k/train.jsonl", 0},
    {"json", 'J', NULL, 0, "as a JSON array", 0},
    {0},
};

const struct argp command_bench_argp = {
    .options = options,
    .parser = parse,
    .args_doc = "[tiny|small|gpt2-64|gpt2-128|tiny-latent|small-latent|gpt2-latent|gpt2-lora|tiny-gen|small-gen]...",
    .doc = "Measure this core: training steps, latent training steps and generation, beside the bound that the core's "
           "own FMA peak sets.\v"
           "Examples:\n  spillover bench tiny tiny-latent --repeats 9\n  spillover bench small --ops\n"
           "  spillover bench tiny --processes 2\n",
};

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *x, int n) {
    qsort(x, (size_t)n, sizeof *x, ascending);
    return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2.0;
}

/* With several threads a step's cost is wall time; with one it is the CPU time of this thread. */
static double now(const struct arguments *x) {
    struct timespec t;
    if (x->threads == 1) return bench_cpu_seconds();
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static enum status measure(const struct arguments *x, const struct bench_case *c, struct arena *a, struct result *r) {
    const bool lanes = x->threads > 1 && c->vocab > 50000;
    struct bench_work *w;
    double rate[MOST_REPEATS], peak[MOST_REPEATS], bound[MOST_REPEATS];
    TRY(bench_work_open(&w, a, c, lanes ? LANES : 1, lanes ? x->threads : 1));
    TRY(bench_work_step(w)); /* pages, caches */
    for (int i = 0; i < x->repeats; i++) {
        int steps = 0;
        peak[i] = bench_peak(.02);
        double start = now(x), spent;
        do {
            TRY(bench_work_step(w));
            steps++;
        } while ((spent = now(x) - start) < x->seconds);
        rate[i] = steps * bench_units(c) / spent;
        bound[i] = steps * bench_flop(c) / spent / peak[i];
    }
    r->rate = median(rate, x->repeats);
    r->peak = median(peak, x->repeats);
    r->bound = median(bound, x->repeats);
    bench_work_close(w);
    return ST_OK;
}

static void child(const struct arguments *x, const struct bench_case *c, enum numeric_mode mode, int to) {
    struct result r = {0};
    struct arena a;
    arena_open(&a, 1 << 20);
    r.status = gemm_open(x->blis ? GEMM_BLIS : GEMM_AUTO, mode);
    if (!r.status) r.status = measure(x, c, &a, &r);
    if (r.status) snprintf(r.message, sizeof r.message, "%s", status_message());
    if (!r.status) {
        snprintf(r.isa, sizeof r.isa, "%s", gemm_isa());
        snprintf(r.arch, sizeof r.arch, "%s", gemm_blis_arch());
    }
    _exit(write(to, &r, sizeof r) == sizeof r ? 0 : 1);
}

/* A measuring process and the end of the pipe that its result comes through. */
struct apart {
    pid_t pid;
    int from;
};

static enum status start_apart(const struct arguments *x, const struct bench_case *c, enum numeric_mode mode,
                               struct apart *p) {
    int ends[2];
    fflush(NULL);
    if (pipe(ends)) return status_errno("pipe");
    p->pid = fork();
    if (p->pid < 0) return status_errno("fork");
    if (p->pid == 0) child(x, c, mode, ends[1]);
    close(ends[1]);
    p->from = ends[0];
    return ST_OK;
}

/* *rss: peak memory of the measuring process in MB. */
static enum status end_apart(const struct bench_case *c, struct apart *p, struct result *r, double *rss) {
    int code;
    struct rusage used;
    ssize_t got = read(p->from, r, sizeof *r);
    close(p->from);
    if (wait4(p->pid, &code, 0, &used) < 0) return status_errno("wait4");
    if (got != sizeof *r || code) return status_set(ST_FAILED, "%s: the measuring process ended early", c->name);
    *rss = (double)used.ru_maxrss * 1024e-6;
    return r->status ? status_set(r->status, "%s: %s", c->name, r->message) : ST_OK;
}

static enum status measure_apart(const struct arguments *x, const struct bench_case *c, enum numeric_mode mode,
                                 struct result *r, double *rss) {
    struct apart p;
    TRY(start_apart(x, c, mode, &p));
    return end_apart(c, &p, r, rss);
}

/* *sum: rates of n processes at once, added. */
static enum status measure_together(const struct arguments *x, const struct bench_case *c, enum numeric_mode mode,
                                    int n, double *sum) {
    struct apart p[MOST_PROCESSES];
    struct result r;
    double rss;
    int started = 0;
    enum status st = ST_OK;
    while (started < n && (st = start_apart(x, c, mode, &p[started])) == ST_OK) started++;
    *sum = 0.0;
    for (int i = 0; i < started; i++) { /* every process is waited for, whatever became of the others */
        enum status one = end_apart(c, &p[i], &r, &rss);
        if (one != ST_OK)
            st = one;
        else
            *sum += r.rate;
    }
    return st;
}

static bool wanted(const struct arguments *x, const char *name) {
    for (int i = 0; i < x->n_only; i++)
        if (strcmp(x->only[i], name) == 0) return true;
    return x->n_only == 0;
}

static enum status check_names(const struct arguments *x) {
    for (int i = 0; i < x->n_only; i++) {
        int k = 0;
        while (k < bench_case_count && strcmp(bench_cases[k].name, x->only[i]) != 0) k++;
        if (k < bench_case_count) continue;
        const char *near = status_nearest(x->only[i], &bench_cases[0].name, bench_case_count, sizeof bench_cases[0]);
        return status_set(ST_USAGE, near ? "there is no case \"%s\"; did you mean \"%s\"?" : "there is no case \"%s\"",
                          x->only[i], near);
    }
    return ST_OK;
}

static enum status measure_all(const struct arguments *x, json_t *list) {
    if (!list)
        printf("%-13s %-9s %12s %-12s %10s %9s %11s %10s  %s\n", "case", "mode", "per second", "", "ms a step",
               "of bound", "FMA GFLOP/s", "peak MB", "kernels");
    for (int i = 0; i < bench_case_count; i++)
        for (int mode = NUMERIC_NATIVE; mode >= NUMERIC_PORTABLE; mode--) {
            const struct bench_case *c = &bench_cases[i];
            struct result r;
            double rss;
            if (!x->modes[mode] || !wanted(x, c->name)) continue;
            TRY(measure_apart(x, c, (enum numeric_mode)mode, &r, &rss));
            if (list)
                json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:f, s:f, s:f, s:f, s:f, s:s, s:s, s:i}", "case",
                                                      c->name, "mode", mode_name[mode], "unit", bench_unit(c), "rate",
                                                      r.rate, "step_seconds", bench_units(c) / r.rate, "of_bound",
                                                      r.bound, "peak_flops", r.peak, "peak_rss_mb", rss, "isa", r.isa,
                                                      "blis", r.arch, "threads", x->threads));
            if (!list)
                printf("%-13s %-9s %12.1f %-12s %10.2f %7.1f %% %11.1f %10.1f  %s/%s\n", c->name, mode_name[mode],
                       r.rate, bench_unit(c), 1e3 * bench_units(c) / r.rate, 100.0 * r.bound, r.peak * 1e-9, rss, r.isa,
                       r.arch);
            fflush(stdout);
        }
    return ST_OK;
}

/* One process and N by turns, so that a clock that drifts meets both alike. Rates are per CPU second of each process:
 * what N lose here they lose to shared caches, memory and clock, and not to other work on the machine. */
static enum status measure_scaling(const struct arguments *x, json_t *list) {
    struct arguments once = *x;
    once.repeats = 1;
    if (!list)
        printf("%-13s %-9s %9s %14s %14s  %s\n", "case", "mode", "processes", "one, per s", "all, per s", "of linear");
    for (int i = 0; i < bench_case_count; i++)
        for (int mode = NUMERIC_NATIVE; mode >= NUMERIC_PORTABLE; mode--) {
            const struct bench_case *c = &bench_cases[i];
            double one[MOST_REPEATS], all[MOST_REPEATS], linear[MOST_REPEATS];
            if (!x->modes[mode] || !wanted(x, c->name)) continue;
            for (int k = 0; k < x->repeats; k++) {
                TRY(measure_together(&once, c, (enum numeric_mode)mode, 1, &one[k]));
                TRY(measure_together(&once, c, (enum numeric_mode)mode, x->processes, &all[k]));
                linear[k] = all[k] / (x->processes * one[k]);
            }
            const double alone = median(one, x->repeats), together = median(all, x->repeats);
            const double share = median(linear, x->repeats);
            if (list)
                json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:i, s:f, s:f, s:f}", "case", c->name, "mode",
                                                      mode_name[mode], "unit", bench_unit(c), "processes", x->processes,
                                                      "rate_one", alone, "rate_all", together, "of_linear", share));
            if (!list)
                printf("%-13s %-9s %9d %14.1f %14.1f  %.1f %%\n", c->name, mode_name[mode], x->processes, alone,
                       together, 100.0 * share);
            fflush(stdout);
        }
    return ST_OK;
}

static enum status bench(const struct arguments *x, json_t *list, struct arena *a) {
    if (x->bpe) return bench_bpe(a, x->bpe, x->seconds, list);
    if (x->processes) {
        if (x->ops || x->metrics || x->threads > 1)
            return status_set(ST_USAGE, "--processes goes with neither --ops, --metrics nor --threads");
        return measure_scaling(x, list);
    }
    if (!x->ops && !x->metrics) return measure_all(x, list);
    TRY(gemm_open(x->blis ? GEMM_BLIS : GEMM_AUTO, x->modes[NUMERIC_NATIVE] ? NUMERIC_NATIVE : NUMERIC_PORTABLE));
    if (x->metrics) TRY(bench_metrics(a, list));
    for (int i = 0; x->ops && i < bench_case_count; i++)
        if (wanted(x, bench_cases[i].name)) {
            struct arena_mark mark = arena_mark(a);
            TRY(bench_ops(a, &bench_cases[i], x->seconds, list));
            arena_rewind(a, mark);
        }
    return ST_OK;
}

enum status command_bench(int argc, char **argv, struct arena *a) {
    struct arguments x = {.repeats = 5, .threads = 1, .seconds = 1.0, .modes = {true, true}};
    argv[0] = "spillover bench";
    TRY(command_parse(&command_bench_argp, argc, argv, &x));
    TRY(check_names(&x));
    json_t *list = x.json ? json_array() : NULL;
    const enum status st = bench(&x, list, a);
    if (list && st == ST_OK) jsonio_print(stdout, list);
    json_decref(list);
    return st;
}
