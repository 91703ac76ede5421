#!/bin/sh
# torture.sh PROGRAM BREAKER WHAT [COUNT] [SEED]: break a running suite and look whether anything is lost or let in.
#
#   kills N SEED       N kills at random times: the whole tree, the runner alone, one cell alone
#   boundaries STEP    a kill before every STEP-th call that changes a file, each from an empty folder
#   faults STEP        an error at every STEP-th call on a file: EIO, EINTR, a disk that stays full, a short write
#   readers STEP       the same (EIO, a full disk) for the commands that read a finished run
#
# After every break: each folder under the name of a cell matches its sums and holds the metrics of an unbroken run.
# After the same command once more: exit 0, results.csv is the unbroken run's to the bit, no finished cell was
# computed again, none was set aside. A run that hit an error ends with 74 and says why, unless nothing was lost.
# Every update leaves the state of its training, so cells are broken and resumed there too.
# Work is done in memory (TORTURE_DIR, else /dev/shm); PATH is emptied for the runs, so that no figure is drawn.
set -u
program=$(realpath "$1") breaker=$(realpath "$2") what=$3 count=${4:-10} seed=${5:-1}
suites=$(realpath "$(dirname "$0")")
dir=$(mktemp -d "${TORTURE_DIR:-/dev/shm}/torture.XXXXXX") || exit 74
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
case $what in kills) suite=wide ;; boundaries | faults | readers) suite=thin ;; *) echo "torture.sh: $what?" >&2; exit 64 ;; esac
jobs=1
[ "$suite" = wide ] && jobs=2

fail() {
    echo "torture: $*" >&2
    [ -s "$dir/err" ] && sed 's/^/    /' "$dir/err" >&2
    exit 1
}

# The command under test; "$@" is what breaks it, or nothing.
run() {
    env PATH=/nonexistent SPILLOVER_KEEP_SECONDS=0 "$@" "$program" run "$suites/suite_$suite.yaml" --out "$dir/run" --jobs $jobs --quiet \
        >"$dir/out" 2>"$dir/err"
}

broken() {
    run "$breaker" --under "$dir/run" --report "$dir/report" "$@" -- >/dev/null
}

finished() { # inode and name of every folder that bears the name of a cell
    (cd "$dir/run/cells" 2>/dev/null && stat -c '%i %n' ????????????????????????????????????????????????????????????????) \
        2>/dev/null | sort
}

# Nothing is under the name of a cell but what the unbroken run has there.
intact() {
    for cell in $(finished | awk '{print $2}'); do
        (cd "$dir/run/cells/$cell" && sha256sum --quiet -c SHA256SUMS && cmp metrics.csv "$dir/whole/cells/$cell/metrics.csv") \
            >"$dir/err" 2>&1 || fail "$1: cell $cell is not whole"
    done
}

# The same command continues; $1: where we are, for messages.
resume() {
    finished >"$dir/before"
    run || fail "$1: the same command ends with $?"
    cmp -s "$dir/run/$suite/results.csv" "$dir/whole/$suite/results.csv" || fail "$1: results.csv differs"
    finished >"$dir/after"
    [ -z "$(comm -23 "$dir/before" "$dir/after")" ] || fail "$1: a finished cell was lost"
    [ -z "$(ls -d "$dir"/run/cells/*.bad-* 2>/dev/null)" ] || fail "$1: a cell was set aside"
}

run || fail "the unbroken run ends with $?"
mv "$dir/run" "$dir/whole"

kills() {
    kills=0 runs=0 rounds=0
    : >"$dir/before"
    while [ $kills -lt "$count" ]; do
        runs=$((runs + 1))
        set -- $(awk -v s="$seed" -v n=$runs 'BEGIN { srand(s * 100003 + n); split("tree first caller", w);
            print int(rand() * 600), w[1 + int(rand() * 3)] }')
        broken after "$1" "$2"
        code=$?
        read -r _ killed _ <"$dir/report"
        [ "$killed" = killed ] && kills=$((kills + 1))
        case $code in 0 | 1 | 3 | 137) ;; *) fail "kill $kills ($1 ms, $2): exit $code" ;; esac
        intact "kill $kills ($1 ms, $2)"
        finished >"$dir/after"
        [ -z "$(comm -23 "$dir/before" "$dir/after")" ] || fail "kill $kills ($1 ms, $2): a finished cell was lost"
        mv "$dir/after" "$dir/before"
        [ $code -eq 0 ] || continue
        resume "round $rounds"
        rounds=$((rounds + 1))
        rm -rf "$dir/run"
        : >"$dir/before"
    done
    resume "the last round"
    echo "torture: $kills kills in $runs runs, $((rounds + 1)) suites finished: 0 cells lost, results.csv identical"
}

# Calls that mode $1 (with the rest of its arguments) counts in an unbroken run.
calls() {
    rm -rf "$dir/run"
    broken "$@" || fail "counting: exit $?"
    read -r n _ <"$dir/report"
    [ "$n" -gt 50 ] || fail "only $n calls were seen"
}

boundaries() {
    calls kill 1000000 tree
    total=$n at=1 done=0
    while [ $at -le "$total" ]; do
        for whom in tree caller; do
            rm -rf "$dir/run"
            broken kill $at $whom
            case $? in 0 | 1 | 3 | 137) ;; *) fail "kill at call $at ($whom): exit $?" ;; esac
            intact "$(cat "$dir/report") ($whom)"
            resume "$(cat "$dir/report") ($whom)"
            done=$((done + 1))
        done
        at=$((at + count))
    done
    echo "torture: $done kills before one of $total calls that change a file: 0 cells lost, results.csv identical"
}

faults() {
    done=0 errors=0
    for mode in "fail EIO" "fail EINTR" full short; do
        set -- $mode
        calls "$1" 1000000 ${2:-}
        total=$n at=1
        while [ $at -le "$total" ]; do
            rm -rf "$dir/run"
            broken "$1" $at ${2:-}
            code=$? where="$mode: $(cat "$dir/report")"
            case $code in
            0) cmp -s "$dir/run/$suite/results.csv" "$dir/whole/$suite/results.csv" || fail "$where: exit 0, other results" ;;
            74) grep -q . "$dir/err" || fail "$where: exit 74, and not a word" ;;
            *) fail "$where: exit $code" ;;
            esac
            [ $code -eq 0 ] || errors=$((errors + 1))
            intact "$where"
            resume "$where"
            done=$((done + 1)) at=$((at + count))
        done
    done
    echo "torture: $done broken calls, $errors ended with 74, the others lost nothing; then results.csv identical"
}

# name, and the arguments of a command on $dir/run: what it could not read or write it says, with 74 or as a warning, and
# the cells stay as they are.
reads() {
    name=$1
    shift
    for mode in fail full; do
        error= at=0 total=0 # 0: unbroken, to count the calls
        [ $mode = full ] || error=EIO
        while [ $at -le "$total" ]; do
            rm -rf "$dir/run"
            cp -a "$dir/whole" "$dir/run"
            env PATH=/nonexistent "$breaker" --under "$dir/run" --report "$dir/report" \
                $mode $((at ? at : 1000000)) $error -- "$program" "$@" >"$dir/out" 2>"$dir/err"
            code=$? where="$name, $mode: $(cat "$dir/report")"
            if [ $at -eq 0 ]; then
                [ $code -eq 0 ] || fail "$name: exit $code unbroken"
                read -r total _ <"$dir/report"
                mv "$dir/out" "$dir/said"
            else
                case $code in
                0) cmp -s "$dir/out" "$dir/said" || grep -q "$refusals" "$dir/err" || fail "$where: exit 0, but says other things" ;;
                3) [ $name = status ] && grep -q "$refusals" "$dir/out" || fail "$where: exit 3" ;; # a cell is not seen to be whole
                74) grep -q "$refusals" "$dir/err" || fail "$where: exit 74, and not a word" ;;
                *) fail "$where: exit $code" ;;
                esac
                [ $code -eq 0 ] || errors=$((errors + 1))
                done=$((done + 1))
            fi
            intact "$where"
            [ "$(finished | wc -l)" -eq 3 ] || fail "$where: a cell is gone"
            at=$((at ? at + count : 1))
        done
    done
}

readers() {
    refusals='Input/output error\|No space left\|a write to it failed'
    done=0 errors=0 thin="$suites/suite_thin.yaml" to="$dir/run/to"
    arm=$(cd "$dir/whole/cells" && ls -d */probes.safetensors)
    arm=${arm%/*}
    "$program" export --from "$dir/whole/cells/$arm/model.safetensors" --to "$dir/whole/thin/weights" >"$dir/out" 2>"$dir/err" ||
        fail "export: exit $?"
    reads status status "$thin" --out "$dir/run" --json
    reads report report "$thin" --out "$dir/run" --json
    reads view view thin --out "$dir/run" --json --quiet
    reads compare compare thin:arm=text thin:arm=text --out "$dir/run" --table results
    reads show show "$arm" --out "$dir/run" --json
    reads inspect export --inspect "$arm" --out "$dir/run" --to "$to" --json
    reads crate export --ro-crate thin --out "$dir/run" --to "$to" --json
    reads weights export --from "$dir/run/cells/$arm/model.safetensors" --to "$to" --json
    reads import import --from "$dir/run/thin/weights" --to "$to.safetensors" --json
    reads verify verify thin --out "$dir/run" --cells 1 --seed 1 --json
    reads results results thin --out "$dir/run" --to "$to" --json
    reads gc gc --delete --out "$dir/run" --json
    echo "torture: $done broken calls of commands that read a run, $errors said why, the others did their work; the run stayed whole"
}

$what
