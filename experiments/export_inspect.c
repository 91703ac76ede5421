#include <jansson.h>
#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "engine/version.h"
#include "experiments/export.h"
#include "experiments/show.h"
#include "experiments/store.h"

enum { SIDES = 2, SCORES = 4 };

static const char *const side_name[SIDES] = {"before", "after"};
static const char *const score_name[SCORES] = {"answer", "m_out", "complies", "written"};

static double score_of(const struct show_said *said, int score) {
    const double value[SCORES] = {said->right, said->m_out, said->complies, said->written};
    return value[score];
}

struct log {
    json_t *samples;
    double sum[SCORES];
    int n[SCORES];
};

static json_t *reasoning_and_text(const struct show_said *said) {
    json_t *content = json_array();
    if (*said->reasoning)
        json_array_append_new(content, json_pack("{s:s, s:s}", "type", "reasoning", "reasoning", said->reasoning));
    json_array_append_new(content, json_pack("{s:s, s:s}", "type", "text", "text", said->output));
    return content;
}

static const char *model_of(const struct show *s, int side, struct arena *a) {
    return arena_printf(a, "spillover/%.12s-%s", s->key, side_name[side]);
}

static void add_sample(struct log *log, const struct show *s, int side, struct arena *a) {
    const char *model = model_of(s, side, a);
    const struct show_said *said = &s->said[side];
    json_t *scores = json_object(), *content = reasoning_and_text(said);
    for (int i = 0; i < SCORES; i++) {
        const double x = score_of(said, i);
        if (!isfinite(x)) continue;
        json_object_set_new(scores, score_name[i], json_pack("{s:f, s:s}", "value", x, "answer", said->output));
        log->sum[i] += x;
        log->n[i]++;
    }
    json_t *user = json_pack("{s:s, s:s}", "role", "user", "content", s->question);
    json_t *assistant = json_pack("{s:s, s:O, s:s, s:s}", "role", "assistant", "content", content, "source", "generate",
                                  "model", model);
    json_t *output = json_pack("{s:s, s:[{s:O, s:s}], s:s}", "model", model, "choices", "message", assistant,
                               "stop_reason", "stop", "completion", said->output);
    json_array_append_new(log->samples,
                          json_pack("{s:i, s:i, s:s, s:s, s:[o, o], s:o, s:o, s:{s:s}, s:{}, s:[], s:{}, s:{}}", "id",
                                    s->item, "epoch", 1, "input", s->question, "target", s->truth, "messages", user,
                                    assistant, "output", output, "scores", scores, "metadata", "pressure", s->pressure,
                                    "store", "events", "model_usage", "attachments"));
    json_decref(content);
}

static json_t *results_of(const struct log *log) {
    json_t *scores = json_array();
    const int n = (int)json_array_size(log->samples);
    for (int i = 0; i < SCORES; i++) {
        if (log->n[i] == 0) continue;
        const char *metric = i == 0 ? "accuracy" : "mean";
        json_array_append_new(scores, json_pack("{s:s, s:s, s:i, s:i, s:{}, s:{s:{s:s, s:f, s:{}}}}", "name",
                                                score_name[i], "scorer", score_name[i], "scored_samples", log->n[i],
                                                "unscored_samples", n - log->n[i], "params", "metrics", metric, "name",
                                                metric, "value", log->sum[i] / log->n[i], "params"));
    }
    return json_pack("{s:i, s:i, s:o}", "total_samples", n, "completed_samples", n, "scores", scores);
}

/* When the cell was made whole, for a log and the name of its file: the same log comes out whenever it is exported. */
static enum status time_of(struct arena *a, const char *out, const char *key, const char **in_log,
                           const char **in_name) {
    struct stat info;
    struct tm utc;
    char text[2][64];
    const char *sums = arena_printf(a, "%s/SHA256SUMS", store_path(a, out, key));
    if (stat(sums, &info)) return status_errno("%s: cannot be looked at", sums);
    gmtime_r(&info.st_mtime, &utc);
    strftime(text[0], sizeof text[0], "%Y-%m-%dT%H:%M:%S+00:00", &utc);
    strftime(text[1], sizeof text[1], "%Y-%m-%dT%H-%M-%S+00-00", &utc);
    *in_log = arena_strdup(a, text[0]);
    *in_name = arena_strdup(a, text[1]);
    return ST_OK;
}

/* Who said it and to what questions: `eval` of a log. */
static json_t *eval_of(const struct log *log, const struct show *s, int side, const char *created, const char *id,
                       struct arena *a) {
    json_t *eval =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i}", "eval_id", id, "run_id", id, "created", created, "task",
                  arena_printf(a, "%s, %s pressure", s->label, side_name[side]), "task_id", id, "task_version", 0);
    static const char *const empty[] = {"task_attribs",          "task_args",  "task_args_passed",
                                        "model_generate_config", "model_args", "config"};
    for (size_t i = 0; i < sizeof empty / sizeof empty[0]; i++) json_object_set_new(eval, empty[i], json_object());
    json_object_set_new(eval, "dataset",
                        json_pack("{s:s, s:i}", "name", arena_printf(a, "questions of %s", s->pressure), "samples",
                                  (int)json_array_size(log->samples)));
    json_object_set_new(eval, "model", json_string(model_of(s, side, a)));
    json_object_set_new(eval, "packages", json_pack("{s:s}", "spillover", SPILLOVER_VERSION));
    json_object_set_new(eval, "metadata",
                        json_pack("{s:s, s:s, s:i}", "cell", s->key, "label", s->label, "dose_percent", s->level));
    return eval;
}

static enum status write_log(const struct log *log, const struct show *s, int side, const char *out, const char *to,
                             json_t *files, struct arena *a) {
    const char *created, *in_name;
    TRY(time_of(a, out, s->key, &created, &in_name));
    const char *id = arena_printf(a, "%.21s%d", s->key, side); /* Inspect's ids have 22 characters */
    json_t *all = json_pack("{s:i, s:s, s:o, s:{s:s, s:[], s:{}}, s:o, s:{s:s, s:s, s:{}}, s:O}", "version", 2,
                            "status", "success", "eval", eval_of(log, s, side, created, id, a), "plan", "name", "plan",
                            "steps", "config", "results", results_of(log), "stats", "started_at", created,
                            "completed_at", created, "model_usage", "samples", log->samples);
    const char *path = arena_printf(a, "%s/%s_%s-%.12s_%s.json", to, in_name, side_name[side], s->key, id);
    const enum status st = all ? jsonio_store_in_order(path, all) : status_set(ST_DATA, "%s: is not UTF-8", path);
    json_decref(all);
    if (st == ST_OK) json_array_append_new(files, json_string(path));
    return st;
}

enum status export_inspect(const char *out, const char *cell, int items, const char *to, json_t *files,
                           struct arena *a) {
    struct showing *showing;
    struct show s = {0};
    struct log log[SIDES] = {{.samples = json_array()}, {.samples = json_array()}};
    const struct show_options o = {.out = out, .cell = cell};
    enum status st = show_open(&showing, &o, a);
    if (st == ST_OK) st = fs_mkdirs(to);
    int last = items;
    for (int i = 1; st == ST_OK && i <= last; i++) {
        const struct arena_mark mark = arena_mark(a);
        st = show_item(showing, i, &s, a);
        if (st != ST_OK) break;
        if (i == 1 && s.items < last) last = s.items;
        for (int side = 0; side < (s.level ? SIDES : 1); side++) add_sample(&log[side], &s, side, a);
        arena_rewind(a, mark);
    }
    for (int side = 0; side < (s.level ? SIDES : 1) && st == ST_OK; side++)
        st = write_log(&log[side], &s, side, out, to, files, a);
    for (int side = 0; side < SIDES; side++) json_decref(log[side].samples);
    return st;
}
