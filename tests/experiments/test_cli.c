/* The command line from outside: every command's way to success, every complaint with its exit code, and the commands
 * that README.md shows. All of them run in a folder that holds one small suite, computed once. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/arena.h"
#include "engine/base/fs.h"
#include "engine/base/json.h"
#include "tests/data/gpt2_files.h"

static char folder[64], root[4096];
static struct arena arena;

static const char tiny[] = "suite: tiny\nabout: a test\nseeds: 1..3\ngrid:\n"
                           "  - task: {name: chain, design: none, modulus: 3, chain: 1, side: 1}\n"
                           "    model: {layers: 1, width: 16, heads: 2}\n"
                           "    base: {updates: 60, batch: 32, shard: 32, warmup: 5, lr: 1e-2}\n"
                           "    arm: {name: [text, codi], updates: 10, projection_warmup: 5}\n"
                           "    press: {pressure: [none, conceal], updates: 40, batch: 32, lr: 1e-2}\n"
                           "    measure: {questions: 32, probe_train: 100, probe_test: 40, early_every: 5}\n";

/* What a command printed and how it ended. */
struct outcome {
    char *out, *err;
    int code;
};

static char *read_text(const char *dir, const char *name) {
    char *text = NULL;
    size_t size;
    ck_assert_msg(fs_read(&arena, arena_printf(&arena, "%s/%s", dir, name), &text, &size) == ST_OK, "%s",
                  status_message());
    return text;
}

/* A line for a shell whose PATH begins with the root of the tree, run in the folder. */
static struct outcome run(const char *command) {
    const char *path = getenv("PATH");
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int out = chdir(folder) ? -1 : open("out", O_WRONLY | O_CREAT | O_TRUNC, 0666);
        int err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0666);
        setenv("PATH", arena_printf(&arena, "%s:%s", root, path ? path : "/usr/bin:/bin"), 1);
        setenv("NO_COLOR", "1", 1);
        setenv("TMPDIR", folder, 1);
        unsetenv("CI");
        if (out < 0 || err < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) _exit(126);
        execl("/bin/bash", "bash", "-c", command, (char *)NULL);
        _exit(127);
    }
    int how;
    ck_assert_int_eq(waitpid(pid, &how, 0), pid);
    ck_assert(WIFEXITED(how));
    return (struct outcome){.out = read_text(folder, "out"), .err = read_text(folder, "err"), .code = WEXITSTATUS(how)};
}

static void open_folder(void) {
    snprintf(folder, sizeof folder, "%s/test_cli.XXXXXX", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_ptr_nonnull(getcwd(root, sizeof root));
    arena_open(&arena, 1 << 16);
    ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/tiny.yaml", folder), tiny, sizeof tiny - 1), ST_OK);
    struct outcome o = run("spillover run tiny.yaml --quiet --jobs 2");
    ck_assert_msg(o.code == 0, "%s", o.err);
}

static void close_folder(void) {
    ck_assert_int_eq(fs_remove_tree(folder), ST_OK);
    arena_close(&arena);
}

/* Keys of the cells that the cases name, as shell words. */
#define CELL(label) "$(awk -F'\\t' '$4 == \"" label "\" {print substr($1, 1, 12)}' runs/tiny/cells.list)"
#define PRESSED     CELL("codi conceal sft targeted none seed 1")

static const struct {
    const char *command;
    int code;
    const char *out, *err; /* parts of what is printed; NULL: nothing may be */
} cases[] = {
#include "tests/experiments/cli_cases.def"
};

START_TEST(commands_do_as_they_say) {
    struct outcome o = run(cases[_i].command);
    ck_assert_msg(o.code == cases[_i].code, "%s\nexit %d, not %d\n%s%s", cases[_i].command, o.code, cases[_i].code,
                  o.out, o.err);
    if (cases[_i].out)
        ck_assert_msg(strstr(o.out, cases[_i].out), "%s\nlacks \"%s\":\n%s", cases[_i].command, cases[_i].out, o.out);
    else
        ck_assert_str_eq(o.out, "");
    if (cases[_i].err)
        ck_assert_msg(strstr(o.err, cases[_i].err), "%s\nlacks \"%s\":\n%s", cases[_i].command, cases[_i].err, o.err);
    else
        ck_assert_str_eq(o.err, "");
}
END_TEST

/* Words of the overview's list: lines that begin with two blanks and a letter. */
START_TEST(every_command_has_help_and_a_place_in_the_manual) {
    char *overview = run("spillover --help").out, *manual = run("spillover man").out;
    char *script = run("spillover completion bash").out, *rest = NULL;
    int n = 0;
    for (char *line = strtok_r(overview, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "  ", 2) != 0 || line[2] == ' ') continue;
        const char *name = arena_printf(&arena, "%.*s", (int)strcspn(line + 2, " "), line + 2);
        struct outcome o = run(arena_printf(&arena, "spillover %s --help", name));
        ck_assert_int_eq(o.code, 0);
        ck_assert_msg(strstr(o.out, arena_printf(&arena, "Usage: spillover %s", name)), "%s", o.out);
        const char *example = strstr(o.out, "Example");
        ck_assert_msg(example && strstr(example, arena_printf(&arena, "spillover %s ", name)), "%s has no example",
                      name);
        if (strcmp(name, "completion") != 0 && strcmp(name, "man") != 0)
            ck_assert_msg(strstr(o.out, "--json"), "%s has no --json", name);
        ck_assert_msg(strstr(manual, arena_printf(&arena, ".SS \"spillover %s ", name)), "the manual lacks %s", name);
        ck_assert_msg(strstr(script, arena_printf(&arena, "    %s) words=", name)), "completion lacks %s", name);
        n++;
    }
    ck_assert_int_ge(n, 12);
}
END_TEST

/* --- README.md ------------------------------------------------------------------------------------------------- */

/* A word of a command line replaced, where it stands between blanks. */
static const char *with(const char *line, const char *word, const char *other) {
    const size_t n = strlen(word);
    for (const char *at = line; (at = strstr(at, word)); at++) {
        const bool begins = at == line || strchr(" :", at[-1]), ends = strchr(" :", at[n]) != NULL;
        if (begins && ends)
            return arena_printf(&arena, "%.*s%s%s", (int)(at - line), line, other, with(at + n, word, other));
    }
    return line;
}

/* What the README supposes to be there: a GPT-2 in Hugging Face's form with a tokenizer and GSM8K beside it, and a trace
 * (60 items, one step, all zero). */
static const char supposed[] = "spillover export --from runs/cells/" CELL(
    "text chain none seed 1") "*/model.safetensors --to gpt2 && mkdir data && cp -r gpt2 data/ && "
                              "mkdir -p traces/seed1 && seq 0 59 | awk '{printf \"{\\\"id\\\": \\\"q%d\\\", \\\"question\\\": \\\"?\\\", "
                              "\\\"steps\\\": [\\\"\\\"], \\\"concepts\\\": {\\\"c\\\": %d}}\\n\", $1, $1 % 2}' > traces/seed1/before.jsonl && "
                              "h='{\"u\": {\"dtype\": \"F32\", \"shape\": [60, 1, 2], \"data_offsets\": [0, 480]}}' && "
                              "{ printf \"\\\\x$(printf %02x ${#h})\\0\\0\\0\\0\\0\\0\\0$h\"; head -c 480 /dev/zero; } > "
                              "traces/seed1/before.safetensors";

static void suppose(void) {
    const char *data = arena_printf(&arena, "%s/data", folder);
    struct outcome o = run(supposed);
    ck_assert_msg(o.code == 0, "%s\n%s", supposed, o.err);
    ck_assert_msg(gpt2_write_data(&arena, data, GPT2_SMALLEST) == 0, "%s", data);
}

/* A command of the README on the suite that is there already; what would compute anything else is only planned. */
static void run_shown(const char *shown) {
    const char *line = arena_printf(&arena, "%.*s", (int)strcspn(shown, "#"), shown);
    const char *program = strstr(line, "./spillover ");
    const bool computes = strstr(line, "/spillover run ") && !strstr(line, " run quick");
    const bool by_name = strstr(line, "compare") || strstr(line, "verify") || strstr(line, "--ro-crate");
    line = arena_printf(&arena, "%.*s%s ", (int)(program - line), line, program + strlen("./"));
    line = with(with(line, "smoke", "tiny --out runs"), "quick", by_name ? "tiny" : "tiny.yaml");
    line = with(with(line, "doctor", "doctor --quick"), "DIR", "data");
    line = with(with(with(line, "CELL", PRESSED), "SUITE", "tiny --to reference"), "WHAT", "arms");
    line = arena_printf(&arena, "%s%s", line, computes ? "-n" : "");
    struct outcome o = run(line);
    ck_assert_msg(o.code == 0, "README.md: %s\nas: %s\nexit %d\n%s", shown, line, o.code, o.err);
}

static char *makefile, *ci;

/* The rule of a target, from its name to the next empty line. */
static const char *rule_of(const char *line) {
    const char *target = line + strlen("make ");
    const char *rule = strstr(makefile, arena_printf(&arena, "\n%.*s:", (int)strcspn(target, " "), target));
    ck_assert_msg(rule, "README.md: %s: the Makefile has no such target", line);
    const char *end = strstr(rule, "\n\n");
    return arena_printf(&arena, "%.*s\n", end ? (int)(end - rule) : (int)strlen(rule), rule);
}

/* A make line stays unrun here: `make test` is what runs this test, `make demo` and it install packages and build with
 * all cores, and `make verify` takes minutes. .ci/run does run them. Of their recipes, what is a command of the program is
 * run here as if the README showed it. */
static void look_at_target(const char *line) {
    const char *step = arena_printf(&arena, "\n%.*s", (int)strcspn(line + 5, " ") + 5, line);
    ck_assert_msg(strstr(ci, step), "README.md: %s: .ci/run does not run it", line);
    for (const char *at = rule_of(line); (at = strstr(at, "\n\t./spillover ")); at++) {
        const char *command = arena_printf(&arena, "%.*s", (int)strcspn(at + 2, "\n"), at + 2);
        run_shown(with(with(command, "$$(nproc)", "2"), "$(DEMO)", ""));
    }
}

/* What stands in backticks between the examples, a line break being a blank. */
static int run_inline(char *prose) {
    int n = 0;
    for (char *open = prose, *close; (open = strchr(open, '`')) && (close = strchr(open + 1, '`')); open = close + 1) {
        char *span = arena_printf(&arena, "%.*s", (int)(close - open - 1), open + 1);
        for (char *c = span; *c; c++)
            if (*c == '\n') *c = ' ';
        if (strncmp(span, "make ", 5) == 0) (void)rule_of(span);
        if (!strstr(span, "./spillover ")) continue;
        run_shown(span);
        n++;
    }
    return n;
}

START_TEST(the_commands_of_the_readme_run) {
    makefile = read_text(root, "Makefile");
    ci = read_text(root, ".ci/run");
    char *text = read_text(root, "README.md"), *prose = arena_strdup(&arena, ""), *rest = NULL;
    bool code = false;
    int commands = 0, targets = 0;
    const char *yaml = NULL;
    suppose();
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        if (strncmp(line, "```", 3) == 0) {
            if (code && yaml)
                ck_assert_int_eq(fs_write(arena_printf(&arena, "%s/mine.yaml", folder), yaml, strlen(yaml)), ST_OK);
            code = !code;
            yaml = code && strcmp(line, "```yaml") == 0 ? "" : NULL;
        } else if (yaml) {
            yaml = arena_printf(&arena, "%s%s\n", yaml, line);
        } else if (!code) {
            prose = arena_printf(&arena, "%s%s\n", prose, line);
        } else if (strncmp(line, "make ", 5) == 0) {
            look_at_target(line);
            targets++;
        } else {
            ck_assert_msg(strncmp(line, "./spillover ", 12) == 0, "README.md: what is \"%s\"?", line);
            run_shown(line);
            commands++;
        }
    }
    ck_assert(!code);
    ck_assert_int_ge(commands, 20);
    ck_assert_int_eq(targets, 3);
    ck_assert_int_ge(run_inline(prose), 8);
}
END_TEST

Suite *suite_cli(void) {
    Suite *s = suite_create("cli");
    TCase *t = tcase_create("cli");
    tcase_set_timeout(t, 60);
    tcase_add_unchecked_fixture(t, open_folder, close_folder);
    tcase_add_loop_test(t, commands_do_as_they_say, 0, sizeof cases / sizeof cases[0]);
    tcase_add_test(t, every_command_has_help_and_a_place_in_the_manual);
    tcase_add_test(t, the_commands_of_the_readme_run);
    suite_add_tcase(s, t);
    return s;
}
