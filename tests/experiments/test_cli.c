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
    {"spillover --help", 0, "usage: spillover COMMAND", NULL},
    {"spillover help", 0, "Exit codes: 0 done, 1 failed, 2 a check differs", NULL},
    {"spillover --version", 0, "spillover ", NULL},
    {"spillover", 64, NULL, "usage: spillover COMMAND"},
    {"spillover rum", 64, NULL, "there is no command \"rum\"; did you mean \"run\"?"},
    {"spillover zzzzzz", 64, NULL, "there is no command \"zzzzzz\" (spillover --help lists them)"},
    {"spillover list arms > /dev/full", 74, NULL, "standard output: "},

    /* before a terminal: a table of the running cells, drawn over itself */
    {"script -qec 'spillover run tiny.yaml --out live --jobs 2 --set seeds=1 --set base.updates=6000' /dev/null | tr '\\033' '@' > live.txt; "
     "grep -q 'base chain none seed 1  *[0-9]* s  train [0-9]*/6000, loss .*, accuracy' live.txt && grep -q '@\\[1A.*@\\[J' live.txt && "
     "grep -q '7 computed' live.txt && echo shown",
     0, "shown\n", ""},

    {"spillover bench tiny --processes 2 --mode portable --repeats 1 --seconds 0", 0,
     "of linear\ntiny          portable          2 ", NULL},
    {"spillover bench tiny --mode portable --repeats 1 --seconds 0 --json | jq -c 'map(.case)'", 0, "[\"tiny\"]\n", ""},
    {"spillover bench tiny small --ops --mode portable --seconds 0 --json | jq -c 'map(.case)'", 0,
     "[\"tiny\",\"small\"]\n", ""},
    {"spillover bench --mode portabel", 64, NULL, "\"portabel\" is not known; did you mean \"portable\"?"},
    {"spillover bench --gemm x", 64, NULL, "\"x\" is not auto or blis"},
    {"spillover bench tiny --processes 0", 64, NULL, "--processes: \"0\" is not 1..256"},
    {"spillover bench tiny --seconds x", 64, NULL, "--seconds: \"x\" is not a number from 0 to 3600"},
    {"spillover bench tiny --seconds 3600", 64, NULL, "--seconds: \"3600\" is not a number from 0 to 3600"},
    {"spillover bench tiny --repeats 1x", 64, NULL, "--repeats: \"1x\" is not 1..99"},
    {"spillover compare --delta 0 tiny:arm=codi tiny:arm=text", 64, NULL, "--delta: \"0\" is not a number above 0"},
    {"spillover compare --delta x tiny:arm=codi tiny:arm=text", 64, NULL, "--delta: \"x\" is not a number above 0"},
    {"spillover compare no/such.csv tiny", 64, NULL, "no/such.csv: there is no such table"},
    {"printf 'a,b\\n1,2\\n' > odd.csv; spillover compare odd.csv tiny", 65, NULL,
     "odd.csv: has no columns seed, value and status"},
    {"spillover show zz --item 0", 64, NULL, "--item: \"0\" is not a whole number from 1"},
    {"spillover show zz --dose 33", 64, NULL, "--dose: \"33\" is not 25, 50, 75 or 90"},
    {"spillover verify ../x", 64, NULL, "\"../x\" is not the name of a suite"},
    {"spillover results ../x", 64, NULL, "\"../x\" is not the name of a suite"},
    {"spillover bench tiny --processes 2 --ops", 64, NULL,
     "--processes goes with neither --ops, --metrics nor --threads"},

    {"spillover run tiny.yaml", 0, "", "tiny: 21 cells: 0 computed, 21 reused"},
    {"spillover run tiny.yaml 2>&1 | tail -n 1", 0, "runs/tiny/report.md\n", ""},
    {"spillover run tiny.yaml -n", 0, "press    12 cells    12 whole     0 to run", NULL},
    {"spillover run tiny.yaml -n --set press.lr=0.5", 0, "pressure=none|conceal ", NULL},
    {"spillover run tiny.yaml -n --set press.lr=0.5", 0, "lr=0.5 ", NULL},
    {"spillover run tiny.yaml -n --json --out elsewhere | jq -r '[.cells.press.to_run, .settings[\"arm.name\"], .guessed, "
     ".bytes] | map(tostring) | join(\" \")'",
     0, "12 text|codi true null\n", NULL},
    {"spillover run tiny.yaml -n --out elsewhere", 0, "(a guess: nothing like it was measured here yet)", NULL},
    {"spillover run tiny.yaml --jsno", 64, NULL, "there is no option \"--jsno\"; did you mean \"--json\"?"},
    {"spillover run tiny.yaml -q --json | jq -c '[.whole, .of, (.cells | length)]'", 0, "[21,21,21]\n", ""},
    {"spillover run tiny.yaml -q --json --merge --out nothing | jq -c '[.whole, .of]'; exit ${PIPESTATUS[0]}", 3,
     "[0,21]\n", "0 of 21 cells are whole"},
    {"spillover run tiny.yaml --json --launcher print", 64, NULL, "--launcher goes with text"},
    {"spillover run", 64, NULL, "spillover run: which suite?"},
    {"spillover run a b", 64, NULL, "one suite at a time: a, and then b"},
    {"spillover run quik", 64, NULL, "there is no suite \"quik\"; did you mean \"quick\"?"},
    {"spillover run nowhere.yaml", 74, NULL, "nowhere.yaml"},
    {"spillover run tiny.yaml --jobs 0", 64, NULL, "--jobs: \"0\" is not 1..4096"},
    {"spillover run tiny.yaml --jobs two", 64, NULL, "--jobs: \"two\" is not 1..4096"},
    {"spillover run tiny.yaml --set press.updatez=3", 64, NULL, "updatez"},
    {"spillover run tiny.yaml --set press.updates=many", 64, NULL, "\"many\" is not a whole number"},
    {"spillover run tiny.yaml --data nowhere", 64, NULL, "--data nowhere: there is no such folder"},
    {"spillover run tiny.yaml --frobnicate", 64, NULL, "unrecognized option"},
    {"printf 'suite: [' > bad.yaml; spillover run bad.yaml", 65, NULL,
     "bad.yaml:2: did not find expected node content"},

    {"spillover run tiny.yaml --launcher print --chunk 2 --out printed > lines; grep -c '^#' lines; grep -c 'stage press "
     "--part ./6$' lines; tail -n 1 lines | cut -d' ' -f 2-4 | grep -c '/printed/tiny/launch/suite.yaml --out$'",
     0, "4\n6\n1\n", ""},
    {"spillover work tiny.yaml --stage arm --out nothing -q", 3, NULL, "6 cells of stage arm wait for a parent"},
    {"spillover work tiny.yaml --stage base --part 2/3 -q", 0, "", ""},
    {"spillover work tiny.yaml --stage bass", 64, NULL, "--stage: \"bass\" is not known; did you mean \"base\"?"},
    {"spillover work tiny.yaml --part 3/2", 64, NULL, "--part: \"3/2\" is not I/N"},
    {"cp runs/tiny/results.csv was.csv; spillover run tiny.yaml --merge -q && cmp was.csv runs/tiny/results.csv", 0, "",
     ""},
    {"spillover run tiny.yaml --merge -q --out nothing", 3, NULL, "0 of 21 cells are whole"},
    /* what sbatch is asked, by one that only notes it; a real one runs jobs in tests/slurm */
    {"mkdir stub; printf '%s\\n' '#!/bin/sh' 'n=$(($(wc -l < asked) + 7))' 'echo \"$*\" >> asked' 'echo \"$n;cluster\"' > "
     "stub/sbatch; chmod +x stub/sbatch; : > asked; PATH=$PWD/stub:$PATH spillover run tiny.yaml --launcher slurm --chunk 4 "
     "--sbatch '--mem=1G -p short' --set seeds=1..2 --threads 2 --out \"it's slurmed\"",
     0, "base   job 7, 1 tasks\narm    job 8, 1 tasks\npress  job 9, 2 tasks\nmerge  job 10\nlogs   ", ""},
    {"grep -o -e '--array.*' asked | head -n 2 | sed 's|/.*/|/|'", 0,
     "--array=1-1 --mem=1G -p short /base.sh\n--array=1-1 --dependency=afterany:7 --mem=1G -p short /arm.sh\n", ""},
    {"grep -oh -e '--dependency[^ ]*' -e '--job-name[^ ]*' -e '--signal[^ ]*' asked | sort | uniq -c | awk '{print $1, $2}'",
     0,
     "1 --dependency=afterany:7\n1 --dependency=afterany:8\n1 --dependency=afterany:9\n1 --job-name=spillover-tiny-arm\n"
     "1 --job-name=spillover-tiny-base\n1 --job-name=spillover-tiny-merge\n1 --job-name=spillover-tiny-press\n"
     "4 --signal=B:USR1@60\n",
     ""},
    {"grep -ho -e ' --out.*' \"it's slurmed\"/tiny/launch/{arm,merge}.sh | sed \"s|[^']*/it|it|\"", 0,
     "it'\\''s slurmed' --threads 2 --set seeds=1..2 --stage arm --part \"$SLURM_ARRAY_TASK_ID/1\" &\n"
     " --out 'it'\\''s slurmed' --threads 2 --set seeds=1..2 --merge &\n",
     ""},
    {"printf '#!/bin/sh\\necho no such partition >&2; exit 1' > stub/sbatch; PATH=$PWD/stub:$PATH spillover run tiny.yaml "
     "--launcher slurm --out slurmed",
     1, NULL, "sbatch: no such partition"},
    {"printf '#!/bin/sh\\necho queued' > stub/sbatch; PATH=$PWD/stub:$PATH spillover run tiny.yaml --launcher slurm --out "
     "slurmed",
     1, NULL, "sbatch: no job id in \"queued\""},
    {"spillover run tiny.yaml --launcher slrum", 64, NULL, "did you mean \"slurm\"?"},
    {"PATH=${PATH%%:*} spillover run tiny.yaml --launcher slurm --out slurmed", 64, NULL,
     "there is no sbatch on this machine; --launcher print gives lines"},

    {"spillover status tiny.yaml", 0, "21 of 21 cells are whole", NULL},
    {"spillover status tiny.yaml --out elsewhere", 3, "0 of 21 cells are whole", "tiny: not finished"},
    {"spillover status tiny.yaml --json", 0, "\"whole\": 21", NULL},
    {"spillover status", 64, NULL, "which suite?"},

    {"spillover list arms", 0, "coconut", NULL},
    {"spillover list keys --json", 0, "\"name\": \"press.lambda\"", NULL},
    {"[ \"$(spillover list columns | cut -d' ' -f1 | paste -sd,)\" = \"$(head -n 1 runs/tiny/results.csv)\" ] && spillover "
     "list columns",
     0, "the unit of analysis", NULL},
    {"spillover list armz", 64, NULL, "there is no list of \"armz\"; did you mean \"arms\"?"},
    {"spillover list", 64, NULL, "arms, tasks, pressures, metrics, suites, keys or columns?"},

    {"spillover report tiny.yaml", 0, "conceal", ""},
    {"spillover report tiny.yaml -o runs >/dev/null; ! grep 'Changed after data' runs/tiny/report.md", 0, "", ""},
    /* edited after its cells ran: told by the report, and not forgotten by a later run */
    {"mkdir edited && { cat tiny.yaml; echo '# later'; } > edited/tiny.yaml && spillover report edited/tiny.yaml "
     ">/dev/null && grep -c 'Changed after data' runs/tiny/report.md",
     0, "1\n", ""},
    {"spillover run edited/tiny.yaml -q >/dev/null && grep -c 'Changed after data' runs/tiny/report.md", 0, "1\n",
     NULL},
    {"spillover run tiny.yaml -q >/dev/null; ! grep 'Changed after data' runs/tiny/report.md", 0, "", NULL},
    {"spillover report tiny.yaml --out elsewhere", 64, NULL, "elsewhere/tiny has no results.csv"},
    /* the same numbers as outcomes.csv has; codi under conceal */
    {"spillover report tiny.yaml --json > r.json && jq -c '[.suite, .report, .seeds, (.gates | length), (.claims | map(.id) "
     "| join(\" \"))]' r.json",
     0, "[\"tiny\",\"runs/tiny/report.md\",[1,2,3],10,\"C1 C2 C2b C3 C4 C5\"]\n", ""},
    {"m=$(awk -F, 'NR == 1 {for (i = 1; i <= NF; i++) c[$i] = i} $c[\"arm\"] == \"codi\" && $c[\"pressure\"] == "
     "\"conceal\" && $c[\"view\"] == \"\" && $c[\"quantity\"] == \"dose\" {s += $c[\"value\"]; n++} END {print s / n}' "
     "runs/tiny/outcomes.csv); jq --argjson m \"$m\" '.outcomes[] | select(.arm == \"codi\" and .pressure == \"conceal\" "
     "and .view == \"\") | .dose | .n == 3 and (.mean - $m | fabs) < 1e-5 and .t95[0] <= .mean' r.json",
     0, "true\n", ""},
    {"spillover report", 64, NULL, "which suite?"},
    {"spillover plot tiny.yaml", 0, "", ""},
    {"ls $(spillover plot tiny.yaml --json | jq -r '.files[]') | wc -l | grep -v '^0'", 0, "", ""},
    {"spillover plot", 64, NULL, "which suite?"},
    {"spillover plot smok", 64, NULL, "there is no suite \"smok\"; did you mean \"smoke\"?"},

    {"spillover show " PRESSED " --item 17", 0, "item      17 of 32, questions of conceal", NULL},
    {"spillover show " PRESSED, 0, "1 lens", NULL},
    {"spillover show " PRESSED, 0, "does as the pressure asks  0.00", NULL},
    {"spillover show " PRESSED, 0, "output, the same weights in text mode", NULL},
    {"spillover show " PRESSED " --json", 0, "\"what\": \"output monitor M_out\"", NULL},
    {"spillover show " PRESSED " --dose 25", 0, "after     the weights at dose .25", NULL},
    {"spillover show " CELL("text chain none seed 2"), 0, "after     nothing", NULL},
    {"spillover show " CELL("base chain none seed 2"), 0, "base chain none seed 2", NULL},
    {"spillover show " PRESSED " --item 33", 64, NULL, "--item 33: there are items 1 to 32"},
    {"spillover show " PRESSED " --item 0", 64, NULL, "--item: \"0\" is not a whole number from 1"},
    {"spillover show " PRESSED " --dose 60", 64, NULL, "--dose: \"60\" is not 25, 50, 75 or 90"},
    {"spillover show " PRESSED " --pressure concel", 64, NULL, "did you mean \"conceal\"?"},
    {"spillover show " PRESSED " --thoughts 2 --json", 64, NULL, "--thoughts or --json, not both"},
    {"k=" PRESSED "; spillover show ${k}0", 64, NULL, "did you mean"},
    {"spillover show xyz", 64, NULL, "runs/cells has no finished cell \"xyz\""},
    {"spillover show a --out nowhere", 74, NULL, "nowhere/cells: cannot be listed"},
    {"spillover show", 64, NULL, "which cell?"},
    {"spillover show a b", 64, NULL, "one cell at a time"},

    {"spillover view tiny.yaml --items 3 --cells 2 --quiet", 0, "runs/tiny/view.html\n", NULL},
    {"spillover view tiny --items 1 --to page.html --quiet && grep -c 'does as the pressure asks' page.html", 0,
     "page.html\n1\n", NULL},
    {"spillover view tiny --items 1 --cells 1 --quiet --json | jq -r '.files[]'", 0, "runs/tiny/view.html\n", NULL},
    {"spillover view tinny", 64, NULL, "there is no run \"tinny\" in runs; did you mean \"tiny\"?"},
    {"spillover view tiny --out elsewhere", 64, NULL, "there is no run \"tiny\" in elsewhere"},
    {"spillover view tiny --items many", 64, NULL, "--items: \"many\" is not 0..10000"},

    {"spillover compare tiny:arm=codi tiny:arm=text --table results", 0, "rows have no partner", NULL},
    {"spillover compare tiny:pressure=conceal,metric=m_out tiny:pressure=none --table results --by arm --md", 0,
     "| codi text_mode |", NULL},
    {"spillover compare tiny:pressure=conceal,metric=m_out tiny:pressure=none --table results --figure drawn >/dev/null && "
     "grep -c '</svg>' drawn/compare.svg && head -n 1 drawn/data/compare.csv",
     0, "1\nrow,name,seed,x,lo,hi\n", ""},
    {"spillover compare --seeds tiny:arm=codi --json", 0, "\"more\"", NULL},
    {"spillover compare tiny:amr=codi tiny", 64, NULL, "has no column \"amr\"; did you mean \"arm\"?"},
    {"spillover compare tiny:arm=cody tiny", 64, NULL, "has no row with arm \"cody\"; did you mean \"codi\"?"},
    {"spillover compare tiny:arm tiny", 64, NULL, "\"arm\" is no condition; write column=value"},
    {"spillover compare tiny tinny", 64, NULL, "there are no results of \"tinny\" in runs; did you mean \"tiny\"?"},
    {"spillover compare tiny", 64, NULL, "compare what with what?"},
    {"spillover compare a b c", 64, NULL, "two at a time"},
    {"spillover compare --seeds a b", 64, NULL, "--seeds takes one suite"},
    {"spillover compare tiny tiny --md --json", 64, NULL, "--md or --json, not both"},
    {"spillover compare tiny tiny --by armm --table results", 64, NULL, "did you mean \"arm\"?"},
    {"spillover compare tiny tiny --table outcome", 64, NULL, "\"outcome\" is not known; did you mean \"outcomes\"?"},
    {"spillover compare tiny tiny --table what", 64, NULL, "\"what\" is not outcomes or results"},
    {"spillover compare --seeds tiny --delta 0", 64, NULL, "--delta: \"0\" is not a number above 0"},
    {"printf 'a,b\\n1,2\\n' > t.csv; spillover compare ./t.csv ./t.csv", 65, NULL, "no columns seed, value and status"},

    {"spillover export --inspect " PRESSED " --to logs --items 5 | wc -l", 0, "2\n", NULL},
    {"jq -r '[.version, .status, (.samples | length), (.samples[0].scores | keys | join(\" \")), "
     ".samples[0].messages[1].content[0].type] | join(\" \")' logs/*_after-*",
     0, "2 success 5 answer complies m_out reasoning\n", NULL},
    /* the log's own mean of the monitor is that of its samples */
    {"jq '(.samples | map(.scores.m_out.value) | add / 5) as $m | (.results.scores[] | select(.name == \"m_out\")"
     ".metrics.mean.value) as $v | ($m - $v) | fabs < 1e-9' logs/*_before-*",
     0, "true\n", NULL},
    {"spillover export --ro-crate tiny --to crate && cd crate && jq -r '.[\"@graph\"][] | select(.sha256) | .sha256 + "
     "\"  \" + .[\"@id\"]' ro-crate-metadata.json | sha256sum -c --quiet && jq -r '.[\"@graph\"][] | select(.[\"@id\"] "
     "== \"./\") | .hasPart | length > 6' ro-crate-metadata.json",
     0, "crate/ro-crate-metadata.json\ntrue\n", NULL},
    {"f=${PATH%%:*}/tests/experiments/inspect_log.jq; for log in logs/*; do jq -c -f $f $log; done", 0,
     "[[],[]]\n[[],[]]\n", ""},
    {"spillover export --inspect " PRESSED " --to logs2 --items 1 --json | jq -r '.files | length'", 0, "2\n", ""},
    {"spillover export --from runs/cells/" CELL(
         "text chain none seed 1") "*/model.safetensors --to hf --json | jq -c .files",
     0, "[\"hf/model.safetensors\",\"hf/config.json\"]\n", ""},
    {"spillover import --from hf --to back.safetensors --json | jq -c '[.layout, .layers, .width, .heads, .tied]'", 0,
     "[\"GPT-2\",1,16,2,true]\n", "hf"},
    {"spillover export --ro-crate tinny --to crate2", 64, NULL, "runs/tinny has no results; did you mean \"tiny\"?"},
    {"spillover export --ro-crate unlike --to crate2", 64, NULL,
     "runs/unlike has no results: spillover run makes them"},
    {"spillover export --to x", 64, NULL, "one of --from, --inspect and --ro-crate"},
    {"spillover export --from x --inspect y --to z", 64, NULL, "one of --from, --inspect and --ro-crate"},
    {"spillover export --inspect x", 64, NULL, "--to is needed"},

    {"spillover measure", 64, NULL, "--trace is needed"},
    {"spillover measure --trace nowhere", 64, NULL, "--trace nowhere: there is no such folder"},
    {"spillover measure there", 64, NULL, "\"there\": name the folder with --trace"},
    {"mkdir -p empty; spillover measure --trace empty", 74, NULL, "empty/before.jsonl: "},
    {"mkdir -p bad; printf '{}\\nx\\n' > bad/before.jsonl; spillover measure --trace bad", 65, NULL,
     "spillover: bad/before.jsonl:1: expected 'id' to be a string, found nothing\n"},

    {"spillover verify tiny --out runs --cells 1 --seed 3", 0, "of 1 of 21 cells are equal to the bit (--seed 3)",
     "equal"},
    {"spillover verify tiny --out runs --cells 1 --seed 3 -q --json | jq -c '[.results, .seed, .cells, .of, .differing, "
     ".differing_rows]'",
     0, "[\"runs/tiny/results.csv\",3,1,21,0,[]]\n", ""},
    {"spillover verify tinny --out runs", 64, NULL, "did you mean suite \"tiny\"?"},
    {"spillover verify tiny --cells 2 -q", 64, NULL, "data/results/tiny.csv: there is no such table"},
    {"spillover verify smok", 64, NULL, "did you mean suite \"smoke\"?"},
    {"spillover verify tiny --cells 0", 64, NULL, "--cells: \"0\" is not 1..1000000"},
    {"spillover verify tiny --seed x", 64, NULL, "--seed: \"x\" is not 0..2147483647"},
    {"spillover verify ../x", 64, NULL, "\"../x\" is not the name of a suite"},
    {"spillover verify", 64, NULL, "which suite?"},
    {"spillover results tiny --to ref && spillover verify tiny --results ref/tiny.csv --cells 1 -q", 0, "are equal",
     ""},
    {"bzip2 -k ref/tiny.csv && spillover verify tiny --results ref/tiny.csv.bz2 --cells 1 -q", 0, "are equal", ""},
    /* empty lines take no row: a table of more than 1 MiB, which is committed compressed, in place of the plain one */
    {"cp -r runs/tiny large && mkdir -p big && mv large big/tiny && yes '' | head -c 1100000 >> big/tiny/results.csv && "
     "rm big/tiny/results.csv.sha256 && spillover results tiny --out big --to ref && ls ref | grep csv && "
     "spillover verify tiny --results ref/tiny.csv.bz2 --cells 1 -q",
     0, "ref/tiny.csv.bz2\ntiny.cost.csv\ntiny.csv.bz2\n", ""},
    {"ls $(spillover results tiny --to ref3 --json | jq -r '.files[]') | head -n 3", 0, "ref3/figures/tiny/", ""},
    /* a suite that gains a seed: its cells alone, put to those that are there, are what one run over all would leave */
    {"mkdir -p two && sed 's/1..3/1..2/' tiny.yaml > two/tiny.yaml && spillover run two/tiny.yaml --out part -q && spillover results tiny "
     "--out part --to sum && rm -r part/tiny && spillover run tiny.yaml --set seeds=3 --out part -q && "
     "spillover results tiny.yaml --add --out part --to sum && cmp sum/tiny.csv runs/tiny/results.csv && "
     "spillover verify tiny --results sum/tiny.csv --cells 1 -q && jq -c '[.runs[].set, (.suite.cells | length)]' "
     "sum/tiny.manifest.json && jq -r '.frozen.text' sum/tiny.manifest.json | grep seeds && cut -d, -f1,2,5- "
     "sum/tiny.cost.csv | head -n 3",
     0,
     "[[],[\"seeds=3\"],[],21]\nseeds: 1..2\nkind,cells,task,design,arm,variant,updates,train_positions,train_flop\n"
     "base,3,chain,none,,,,",
     ""},
    {"spillover results tiny.yaml --add --out part --to sum && cmp sum/tiny.csv runs/tiny/results.csv", 0,
     "sum/tiny.csv\n", ""},
    {"sed 's/1..3/1..4/' tiny.yaml > two/tiny.yaml; spillover results two/tiny.yaml --add --out part --to sum", 3, NULL,
     "seed 4) stands in no table"},
    {"sed -i 's/,conceal,\\(.*\\),3,\\(.*\\),weight_distance,1,1,[0-9]/,conceal,\\1,3,\\2,weight_distance,1,1,7/' sum/tiny.csv; "
     "spillover results tiny.yaml --add --out part --to sum",
     2, NULL, ": other rows than in sum/tiny.csv:"},
    {"spillover results tiny.yaml --add --out part --to nothing", 64, NULL,
     "nothing/tiny.csv: there is no such table to add to"},
    {"cp runs/tiny/results.csv only.csv; spillover verify x --results only.csv", 64, NULL,
     "only.manifest.json: there is no manifest"},
    {"spillover results smok --out elsewhere", 64, NULL, "did you mean suite \"smoke\"?"},
    {"mkdir -p cut/tiny && sed 's/,ok$/,ok/; 2s/.*/tiny,,,,,,,,,,,,,,,,,1,,,,,cell,1,0,,,,failed/' "
     "runs/tiny/results.csv > cut/tiny/results.csv; cp runs/tiny/manifest.json cut/tiny; spillover results tiny --out cut --to ref2",
     3, NULL, "cut/tiny/results.csv:2: a cell is failed; reference results are whole"},
    /* a run that was stopped after its manifest, which names a cell more, and before its table */
    {"cp runs/tiny/results.csv cut/tiny; jq '.suite.cells += [{key: \"feedfacecafe0123\", kind: \"base\", seed: 4}]' "
     "runs/tiny/manifest.json > cut/tiny/manifest.json; spillover results tiny --out cut --to ref2",
     3, NULL, "cut/tiny/results.csv: lacks cell feedfacecafe, which cut/tiny/manifest.json names"},
    {"spillover verify tiny --out cut -q", 3, NULL, "the last run into this folder has not ended"},
    /* one digit of one row */
    {"spillover results tiny --to bad; sed -i '/,codi,.*,conceal,.*,weight_distance,/{s/,1,1,[0-9]/,1,1,7/;:a;n;ba}' "
     "bad/tiny.csv; spillover verify tiny --results bad/tiny.csv --cells all -q; ",
     2, "+ tiny,", "differ from bad/tiny.csv"},
    {"spillover verify tiny --results bad/tiny.csv --cells all -q --json > v.json; e=$?; jq -c '(.differing_rows | "
     "group_by(.side) | map({side: .[0].side, metrics: (map(.row.metric) | unique)})), .differing > 0' v.json; exit $e",
     2,
     "[{\"side\":\"committed\",\"metrics\":[\"weight_distance\"]},{\"side\":\"computed\",\"metrics\":[\"weight_"
     "distance\"]}]\ntrue\n",
     "differ from bad/tiny.csv"},
    /* a row too many */
    {"spillover results tiny --to more; sed -i '2{p;s/,gate_accuracy,/,extra,/}' more/tiny.csv; spillover verify tiny "
     "--results more/tiny.csv --cells all -q",
     2, "- tiny,", "1 of "},
    /* another suite than the one that was run */
    {"spillover results tiny --to old; sed -i 's/modulus: 3/modulus: 5/' "
     "old/tiny.manifest.json; spillover verify tiny --results old/tiny.csv -q",
     2, "", "21 of 21 cells do not exist for this program"},

    /* of a replaced seed nothing is pressed, and what was is left out of the table */
    {"cp -r runs instead && sed 's/^seeds.*/&\\nreplaced: 2/' tiny.yaml > two/tiny.yaml && spillover run two/tiny.yaml --out "
     "instead -q && grep -c ',replaced$' instead/tiny/results.csv && grep -o '17 cells are whole, .* Seeds' instead/tiny/report.md "
     "&& spillover results tiny --out instead --to ref4 && cp ref4/tiny.csv once.csv && rm -r part/tiny && spillover run tiny.yaml "
     "--set seeds=3 --out part -q && spillover results two/tiny.yaml --add --out part --to ref4 && cmp once.csv ref4/tiny.csv && "
     "spillover verify tiny --results ref4/tiny.csv --cells 1 -q",
     0, "4\n17 cells are whole, 0 do not exist by design, 4 of replaced seeds were not pressed, 0 are missing. Seeds\n",
     ""},
    /* another seed beside each arm that reasons: it lies some way off, and what is measured anyway comes to the same */
    {"sed 's/1..3/1/; s/codi\\]/codi, no_cot]/; s/measure: {/measure: {other_seed: true, /' tiny.yaml > apart.yaml && "
     "spillover run apart.yaml --out apart -q && for t in runs apart; do awk -F, '$18 == 1 && $6 ~ /text|codi/ && $22 !~ "
     "/other_seed/' $t/tiny/results.csv | cut -d, -f4- > $t.rows; done; cmp runs.rows apart.rows && awk -F, '$22 == "
     "\"other_seed.own\" && $23 == \"drift_procrustes\" {print $6, ($29 != \"ok\" || $26 > .01)}' apart/tiny/results.csv | sort -u",
     0, "codi 1\ntext 1\n", ""},

    {"spillover gc | tail -n 1", 0, "0 of 21 cells, 0.0 MB\n", NULL},
    /* another seed belongs to a suite of its own; without that folder nobody needs its cells */
    {"mkdir gone && cp -r runs/cells gone/ && spillover gc --out gone | tail -n 1", 0, "21 of 21 cells, ", NULL},
    {"mkdir gone/half && cp runs/tiny/manifest.json gone/half/; spillover gc --out gone --delete", 3, NULL,
     "gone/half was begun and has no cells.list"},
    {"cp runs/tiny/cells.list gone/half/; touch -d 'now + 9 seconds' gone/half/manifest.json; spillover gc --out gone",
     3, NULL, "gone/half was begun and has no cells.list since"},
    {"flock runs/tiny/.lock spillover gc", 3, NULL, "a run works in runs/tiny"},
    {"flock runs/tiny/.lock spillover run tiny.yaml", 3, NULL, "another run works in runs/tiny and will finish it"},
    {"rm -r gone/half; cp -rp runs/tiny gone/; sed -i 2d gone/tiny/cells.list; spillover gc --out gone --delete | "
     "grep -c ^deleted; ls gone/cells | wc -l",
     0, "1\n20\n", NULL},
    {"mkdir less; cp -rp runs/cells runs/tiny less/; sed -i 2d less/tiny/cells.list; spillover gc --out less --json | jq -c "
     "'[.unneeded, .of, (.cells | length), .cells[0].deleted, .bytes == .cells[0].bytes and .bytes > 0]'",
     0, "[1,21,1,false,true]\n", ""},
    {"spillover gc --out less --json --delete | jq -c '.cells[0].deleted'; ls less/cells | wc -l", 0, "true\n20\n", ""},
    {"spillover gc --out nowhere", 74, NULL, "nowhere: cannot be listed"},

    {"spillover doctor --quick", 0, "GFLOP/s at most", NULL},
    {"spillover doctor --quick --json", 0, "\"what\": \"libraries\"", NULL},
    {"spillover doctor x", 64, NULL, "Too many arguments"},
    {"spillover completion bash | bash -n", 0, "", NULL},
    {"source <(spillover completion bash); COMP_WORDS=(spillover run smo); COMP_CWORD=2; _spillover; echo $COMPREPLY",
     0, "smoke\n", NULL},
    {"source <(spillover completion bash); COMP_WORDS=(spillover list pr); COMP_CWORD=2; _spillover; echo $COMPREPLY",
     0, "pressures\n", NULL},
    {"spillover completion zsh", 64, NULL, "\"zsh\" is not a shell that is known here"},
    {"spillover completion", 64, NULL, "Usage: spillover completion"},
    {"spillover man", 0, ".SS \"spillover compare", NULL},
    {"spillover man x", 64, NULL, "what is \"x\" for?"},

    {"spillover cell", 64, NULL, "which suite?"},
    {"spillover cell ../../etc", 64, NULL, "is not the key of a cell"},
    {"spillover cell 0123", 74, NULL, "0123.part/config.json"},
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
    const char *gpt2 = arena_printf(&arena, "%s/data/gpt2", folder),
               *gsm8k = arena_printf(&arena, "%s/data/gsm8k", folder);
    struct outcome o = run(supposed);
    ck_assert_msg(o.code == 0, "%s\n%s", supposed, o.err);
    ck_assert_int_eq(fs_mkdirs(gsm8k), ST_OK);
    ck_assert_msg(bpe_write_files(gpt2, GPT2_SMALLEST) == 0, "%s", gpt2);
    ck_assert_msg(gsm8k_write_files(gsm8k) == 0, "%s", gsm8k);
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
