#include "experiments/manifest.h"

#include <csv.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <gsl/gsl_version.h>
#include <openssl/crypto.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <yaml.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/base/sha256.h"
#include "engine/version.h"

/* First `size` bytes that a git command prints about a folder; false when there is no git, or no repository. */
static bool git(const char *dir, const char *const *arguments, char *text, size_t size) {
    const char *argv[12] = {"git", "-C", dir};
    int ends[2], n = 3, how = -1;
    for (int i = 0; arguments[i]; i++) argv[n++] = arguments[i];
    if (pipe2(ends, O_CLOEXEC)) return false;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    pid_t pid;
    bool spawned = posix_spawnp(&pid, "git", &actions, NULL, (char *const *)argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    size_t length = 0;
    char rest[512];
    for (ssize_t got = 1; spawned && got > 0;) {
        bool room = length < size - 1;
        got = read(ends[0], room ? text + length : rest, room ? size - 1 - length : sizeof rest);
        if (room && got > 0) length += (size_t)got;
    }
    close(ends[0]);
    text[length] = '\0';
    if (spawned) waitpid(pid, &how, 0);
    return spawned && WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

static json_t *source_of(const char *dir, const char *built) {
    static const char *const head[] = {"rev-parse", "HEAD", NULL};
    static const char *const changed[] = {"status", "--porcelain", "--untracked-files=no", NULL};
    char revision[128], changes[64];
    if (!dir || !git(dir, head, revision, sizeof revision)) {
        const int n = built ? (int)strcspn(built, "-") : 0;
        if (n == 0) return json_pack("{s:n, s:n}", "git", "dirty");
        return json_pack("{s:s#, s:b}", "git", built, n, "dirty", built[n] != '\0');
    }
    revision[strcspn(revision, "\n")] = '\0';
    bool known = git(dir, changed, changes, sizeof changes);
    return json_pack("{s:s, s:o}", "git", revision, "dirty", known ? json_boolean(*changes) : json_null());
}

json_t *manifest_cpu(void) {
    char line[512];
    FILE *in = fopen("/proc/cpuinfo", "re");
    json_t *name = NULL;
    while (in && !name && fgets(line, sizeof line, in)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        name = json_string(colon + 2);
    }
    if (in) fclose(in);
    return name ? name : json_string("unknown");
}

json_t *manifest_packages(void) {
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "glibc", gnu_get_libc_version(), "openssl",
                     OpenSSL_version(OPENSSL_VERSION), "jansson", jansson_version_str(), "libyaml",
                     yaml_get_version_string(), "gsl", gsl_version, "blis", gemm_blis_version(), "libcsv",
                     CSV_MAJOR == 3 ? "3" : "unknown");
}

/* An argument as given, of an absolute path the last name: manifests are passed on, and folders are one machine's own. */
static json_t *argument_json(const char *word) {
    const char *equals = strchr(word, '='), *value = word[0] == '-' && equals ? equals + 1 : word;
    if (value[0] != '/') return json_string(word);
    int end = (int)strlen(value), first;
    while (end > 1 && value[end - 1] == '/') end--;
    for (first = end; value[first - 1] != '/'; first--) {
    }
    return json_pack("s#+#", word, (int)(value - word), value + first, end - first);
}

static json_t *run_json(const struct manifest_run *run) {
    json_t *json = source_of(run->source_dir, run->revision), *argv = json_array(), *set = json_array();
    for (int i = 0; i < run->argc; i++) json_array_append_new(argv, argument_json(run->argv[i]));
    for (int i = 0; i < run->n_overrides; i++) json_array_append_new(set, json_string(run->overrides[i]));
    json_object_set_new(json, "argv", argv);
    json_object_set_new(json, "set", set);
    json_object_set_new(json, "jobs", json_integer(run->jobs));
    char when[32];
    time_t t = time(NULL);
    struct tm utc;
    gmtime_r(&t, &utc);
    strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &utc);
    json_object_set_new(json, "started", json_string(when));
    struct utsname system;
    if (uname(&system) == 0)
        json_object_set_new(
            json, "system",
            json_pack("{s:s, s:s, s:s}", "name", system.sysname, "release", system.release, "machine", system.machine));
    json_object_set_new(json, "cpu", manifest_cpu());
    json_object_set_new(json, "compiler", json_string(__VERSION__));
    json_object_set_new(json, "version", json_string(SPILLOVER_VERSION));
    json_object_set_new(json, "isa", json_string(gemm_isa()));
    json_object_set_new(json, "blis",
                        json_pack("{s:s, s:s}", "kernel", gemm_blis_arch(), "threading", gemm_blis_threading()));
    json_object_set_new(json, "packages", manifest_packages());
    return json;
}

/* The resolved suite: what all cells share once, then every cell with what it has of its own. */
static json_t *suite_json(const struct suite *s, const struct grid *g) {
    char hex[SHA256_HEX];
    sha256_text(s->text, hex);
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:f, s:f, s:s}", "name", s->name, "about", s->about, "sha256", hex,
                             "text", s->text, "delta", s->delta, "prior_scale", s->prior_scale, "numeric",
                             s->numeric == NUMERIC_NATIVE ? "native" : "portable");
    json_t *shared = json_object(), *cells = json_array(), *replaced = json_array();
    for (int i = 0; i < s->n_replaced; i++) json_array_append_new(replaced, json_integer(s->replaced[i]));
    json_object_set_new(json, "replaced", replaced);
    int n_keys;
    const struct config_key *keys = config_keys(&n_keys);
    for (int i = 0; i < g->n; i++) {
        const struct cell *c = &g->cells[i].cell;
        json_array_append_new(cells, json_pack("{s:s, s:s, s:s, s:I, s:o}", "key", c->key, "kind",
                                               config_kind_name(c->kind), "parent", c->parent, "seed",
                                               (json_int_t)c->config.seed, "config", json_object()));
    }
    for (int k = 0; k < n_keys; k++) {
        char name[CONFIG_TEXT], first[CONFIG_TEXT] = "", own[CONFIG_TEXT];
        bool one = true, any = false;
        snprintf(name, sizeof name, "%s.%s", keys[k].section, keys[k].key);
        for (int i = 0; i < g->n; i++) {
            if (g->cells[i].cell.kind < keys[k].from) continue;
            config_text(&g->cells[i].cell.config, &keys[k], own);
            if (any)
                one &= strcmp(own, first) == 0;
            else
                memcpy(first, own, sizeof first);
            any = true;
        }
        if (any && one) json_object_set_new(shared, name, json_string(first));
        for (int i = 0; i < g->n && any && !one; i++) {
            if (g->cells[i].cell.kind < keys[k].from) continue;
            config_text(&g->cells[i].cell.config, &keys[k], own);
            json_object_set_new(json_object_get(json_array_get(cells, (size_t)i), "config"), name, json_string(own));
        }
    }
    json_object_set_new(json, "shared", shared);
    json_object_set_new(json, "cells", cells);
    return json;
}

static enum status same_thresholds(const char *path, const json_t *manifest, const struct suite *s) {
    json_t *suite;
    double delta, scale;
    TRY(jsonio_get_object(path, manifest, "suite", &suite));
    TRY(jsonio_get_number(path, suite, "delta", &delta));
    TRY(jsonio_get_number(path, suite, "prior_scale", &scale));
    if (delta == s->delta && scale == s->prior_scale) return ST_OK;
    return status_set(ST_USAGE,
                      "%s: delta %g and prior_scale %g, but this folder was begun with %g and %g: thresholds are fixed "
                      "before results are seen (give the suite another name)",
                      s->path, s->delta, s->prior_scale, delta, scale);
}

/* The suite as it stood when the folder's first cell was about to run: carried from manifest to manifest. */
static enum status frozen_of(const char *path, const json_t *manifest, const char **sha256, const char **text) {
    json_t *suite = json_object_get(manifest, "frozen");
    if (!suite) TRY(jsonio_get_object(path, manifest, "suite", &suite));
    TRY(jsonio_get_string(path, suite, "sha256", sha256));
    return jsonio_get_string(path, suite, "text", text);
}

static bool names_seeds(const char *line) {
    return strncmp(line, "seeds:", 6) == 0 || strncmp(line, "replaced:", 9) == 0;
}

/* The next line that is not of a suite's seeds, and its length with the newline. */
static const char *other_line(const char *at, size_t *n) {
    do {
        *n = strcspn(at, "\n");
        *n += at[*n] == '\n';
    } while (names_seeds(at) && (at += *n, true));
    return at;
}

static enum manifest_change change_between(const char *a, const char *b) {
    if (strcmp(a, b) == 0) return MANIFEST_SAME;
    for (size_t m, n;; a += m, b += n) {
        a = other_line(a, &m);
        b = other_line(b, &n);
        if (m != n || memcmp(a, b, m) != 0) return MANIFEST_OTHER;
        if (m == 0) return MANIFEST_SEEDS;
    }
}

enum status manifest_changed(const char *path, const struct suite *s, enum manifest_change *change) {
    const char *sha256, *text;
    json_t *json;
    TRY(jsonio_load_path(path, &json));
    enum status st = frozen_of(path, json, &sha256, &text);
    if (st == ST_OK) *change = change_between(text, s->text);
    json_decref(json);
    return st;
}

enum status manifest_write(const char *path, const struct suite *s, const struct grid *g,
                           const struct manifest_run *run) {
    json_t *json = json_object(), *before = NULL, *runs = json_array(), *inputs = json_object();
    enum status st = ST_OK;
    if (fs_exists(path)) {
        json_t *list = NULL;
        st = jsonio_load_path(path, &before);
        if (st == ST_OK) st = same_thresholds(path, before, s);
        if (st == ST_OK) st = jsonio_get_array(path, before, "runs", &list);
        if (st == ST_OK) json_array_extend(runs, list);
    }
    if (st == ST_OK) {
        json_array_append_new(runs, run_json(run));
        for (int i = 0; i < g->n_inputs; i++)
            json_object_set_new(inputs, g->inputs[i].name, json_string(g->inputs[i].sha256));
        json_object_set_new(json, "suite", suite_json(s, g));
        if (!before) before = json_incref(json);
        const char *sha256, *text;
        st = frozen_of(path, before, &sha256, &text);
        if (st == ST_OK) json_object_set_new(json, "frozen", json_pack("{s:s, s:s}", "sha256", sha256, "text", text));
    }
    if (st == ST_OK) {
        json_object_set(json, "runs", runs);
        json_object_set(json, "inputs", inputs);
        st = jsonio_store_path(path, json);
    }
    json_decref(before);
    json_decref(runs);
    json_decref(inputs);
    json_decref(json);
    return st;
}
