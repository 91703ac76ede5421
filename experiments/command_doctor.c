/* doctor: what this machine is, how fast its kernels are, and whether it computes the committed results. */
#include <glob.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/kernels.h"
#include "experiments/bench.h"
#include "experiments/command.h"
#include "experiments/manifest.h"
#include "experiments/program.h"
#include "experiments/run.h"
#include "experiments/verify.h"

enum finding { FINE, WARNING, WRONG };

struct arguments {
    const char *out;
    bool json, quick;
};

/* What was found so far; lines are printed as they come, or kept for JSON. */
struct doctor {
    const struct arguments *x;
    struct arena *arena;
    json_t *lines;
    enum finding worst;
};

static error_t parse(int key, char *arg, struct argp_state *state) {
    struct arguments *x = state->input;
    switch (key) {
    case 'o':
        x->out = arg;
        return 0;
    case 'J':
        x->json = true;
        return 0;
    case 'k':
        x->quick = true;
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"out", 'o', "DIR", 0, "folder of runs, for its free disk (default: runs, or where it would be made)", 0},
    {"quick", 'k', NULL, 0, "without computing a committed cell again", 0},
    {"json", 'J', NULL, 0, "as a JSON array", 0},
    {0},
};

const struct argp command_doctor_argp = {
    .options = options,
    .parser = parse,
    .doc = "Check the machine: its CPU and the kernels chosen for it, their speed against what the CPU can do at most, "
           "the libraries, gnuplot and its fonts, free disk, and whether one committed cell comes out the same to the "
           "bit. Exit 0: fit; 1: something is missing that runs need; 2: committed results come out otherwise.\v"
           "Examples:\n  spillover doctor\n  spillover doctor --quick --json\n",
};

static void tell(struct doctor *d, enum finding finding, const char *what, const char *text) {
    static const char *const words[] = {"ok", "warning", "wrong"};
    if (finding > d->worst) d->worst = finding;
    if (d->x->json) {
        json_array_append_new(d->lines,
                              json_pack("{s:s, s:s, s:s}", "what", what, "state", words[finding], "text", text));
        return;
    }
    printf("%-8s %-10s %s\n", finding == FINE ? "ok" : words[finding], what, text);
    fflush(stdout);
}

/* --- speed ----------------------------------------------------------------------------------------------------- */

enum { TRIES = 5, SIDE = 256 };

static double product(struct arena *a, int m, int n, int k) {
    float *x = ARENA_NEW(a, float, (size_t)m *(size_t)k), *y = ARENA_NEW(a, float, (size_t)k *(size_t)n);
    float *z = ARENA_NEW(a, float, (size_t)m *(size_t)n);
    const double flop = 2.0 * m * n * k;
    const int turns = 1 + (int)(2e7 / flop);
    double best = 0.0;
    for (int i = 0; i <= TRIES; i++) {
        const double start = bench_cpu_seconds();
        for (int t = 0; t < turns; t++) gemm(m, n, k, x, k, 1, y, n, false, z, n);
        if (i) best = fmax(best, flop * turns / (bench_cpu_seconds() - start)); /* the first try warms up */
    }
    return best;
}

static void check_speed(struct doctor *d) {
    struct arena_mark mark = arena_mark(d->arena);
    const double most = bench_peak(.02), large = product(d->arena, SIDE, SIDE, SIDE),
                 small = product(d->arena, 64, 128, 128);
    tell(d, FINE, "speed",
         arena_printf(
             d->arena,
             "one core: %.0f GFLOP/s at most (FMA alone); products %.0f (%.0f %%) at 256x256x256, %.0f (%.0f %%) "
             "at 64x128x128, portable arithmetic",
             most / 1e9, large / 1e9, 100 * large / most, small / 1e9, 100 * small / most));
    arena_rewind(d->arena, mark);
}

/* --- what is installed ----------------------------------------------------------------------------------------- */

static void check_cpu(struct doctor *d) {
    json_t *cpu = manifest_cpu();
    tell(d, FINE, "cpu", arena_printf(d->arena, "%s, %d usable", json_string_value(cpu), run_default_jobs()));
    tell(d, FINE, "kernels",
         arena_printf(d->arena, "%s; BLIS %s %s (%s)", gemm_isa(), gemm_blis_version(), gemm_blis_arch(),
                      gemm_blis_threading()));
    json_decref(cpu);
}

static void check_libraries(struct doctor *d) {
    json_t *packages = manifest_packages(), *version;
    const char *name, *text = "";
    json_object_foreach(packages, name, version) {
        text = arena_printf(d->arena, "%s%s%s %s", text, *text ? ", " : "", name, json_string_value(version));
    }
    tell(d, FINE, "libraries", text);
    json_decref(packages);
}

static void check_gnuplot(struct doctor *d) {
    char line[128] = "";
    glob_t fonts;
    FILE *pipe = popen("gnuplot --version 2>/dev/null", "re");
    if (pipe && !fgets(line, sizeof line, pipe)) line[0] = '\0';
    if (pipe) pclose(pipe);
    line[strcspn(line, "\n")] = '\0';
    tell(d, *line ? FINE : WARNING, "gnuplot", *line ? line : "not found: reports come without figures (gnuplot-nox)");
    const bool found = glob("/usr/share/fonts/*/liberation*/LiberationSans-Regular.ttf", 0, NULL, &fonts) == 0;
    if (found)
        tell(d, FINE, "fonts", fonts.gl_pathv[0]);
    else
        tell(d, WARNING, "fonts", "no Liberation Sans: figures fall back to another font (fonts-liberation)");
    if (found) globfree(&fonts);
}

static void check_disk(struct doctor *d) {
    struct statvfs disk;
    const char *where = fs_exists(d->x->out) ? d->x->out : ".";
    if (statvfs(where, &disk)) {
        tell(d, WARNING, "disk", arena_printf(d->arena, "%s: unknown", where));
        return;
    }
    const double free = (double)disk.f_bavail * (double)disk.f_frsize;
    tell(d, free < 1e9 ? WARNING : FINE, "disk", arena_printf(d->arena, "%.1f GB free in %s", free / 1e9, where));
}

/* --- committed results ----------------------------------------------------------------------------------------- */

/* Libraries of the last run behind a manifest that are others here, as text. */
static const char *other_libraries(struct doctor *d, const char *manifest) {
    json_t *json = NULL, *here = manifest_packages(), *version;
    const char *name, *text = "";
    if (jsonio_load_path(manifest, &json) == ST_OK) {
        json_t *runs = json_object_get(json, "runs");
        json_t *there = json_object_get(json_array_get(runs, json_array_size(runs) - 1), "packages");
        json_object_foreach(there, name, version) {
            if (!json_equal(version, json_object_get(here, name)))
                text = arena_printf(d->arena, "%s%s%s %s", text, *text ? ", " : "", name, json_string_value(version));
        }
    }
    json_decref(json);
    json_decref(here);
    return text;
}

static void check_results(struct doctor *d) {
    struct arena *a = d->arena;
    const char *folder = arena_printf(a, "%s/data/results", program_source_dir(a)), *scratch;
    struct verify_options o = {.results = verify_reference(folder, "smoke", a),
                               .kernel = gemm_blis_arch(),
                               .program = program_path(a),
                               .cells = 1,
                               .seed = (uint64_t)time(NULL),
                               .jobs = 1,
                               .quiet = true};
    struct verify_result r;
    o.manifest = verify_manifest(o.results, a);
    if (!fs_exists(o.results)) {
        tell(d, WARNING, "results", arena_printf(a, "%s: not there, nothing to verify", o.results));
        return;
    }
    if (fs_scratch(a, "spillover-doctor", &scratch)) {
        tell(d, WRONG, "results", status_message());
        return;
    }
    o.scratch = scratch;
    const enum status st = verify_results(&o, &r, a);
    const char *others = other_libraries(d, o.manifest);
    if (st == ST_OK)
        tell(d, FINE, "results",
             arena_printf(a, "committed results can be verified here: %d rows of a cell are equal to the bit", r.rows));
    else if (st == ST_DIFFERS && r.rows == 0) /* no fault of this machine */
        tell(d, WARNING, "results", status_message());
    else
        tell(d, WRONG, "results",
             arena_printf(a, "%s%s%s", status_message(), *others ? "; computed with " : "", others));
    if (st == ST_OK && *others) tell(d, WARNING, "results", arena_printf(a, "they were computed with %s", others));
    if (fs_remove_tree(scratch)) tell(d, WARNING, "results", status_message());
}

enum status command_doctor(int argc, char **argv, struct arena *a) {
    struct arguments x = {.out = "runs"};
    struct doctor d = {.x = &x, .arena = a};
    argv[0] = "spillover doctor";
    TRY(command_parse(&command_doctor_argp, argc, argv, &x));
    TRY(command_open_engine());
    d.lines = json_array();
    check_cpu(&d);
    check_speed(&d);
    check_libraries(&d);
    check_gnuplot(&d);
    check_disk(&d);
    const enum finding machine = d.worst;
    if (!x.quick) check_results(&d);
    if (x.json) jsonio_print(stdout, d.lines);
    json_decref(d.lines);
    if (machine == WRONG) return status_set(ST_FAILED, "this machine lacks what runs need");
    return d.worst == WRONG ? status_set(ST_DIFFERS, "committed results come out otherwise here") : ST_OK;
}
