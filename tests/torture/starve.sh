#!/bin/sh
# starve.sh PROGRAM STARVE.so [STEP]: let every STEP-th allocation of a command fail, one at a time.
#
# Each command ends by itself, never by a signal (but for BLIS, which aborts with a line of its own); with an exit code other than 0 it says why; with 0 it did what it does
# unstarved. Nothing is under the name of a cell that is not whole, no cell is set aside.
#
# With STARVE_PATHS=1 STEP counts the paths of calls by which allocations are reached, each by its first allocation: 1
# takes every one of them, in half an hour.
#
# With LEAKS=1 PROGRAM is built with AddressSanitizer (make starve-leaks): nothing that a command allocated is lost at
# its end, whichever allocation failed.
set -u
program=$(realpath "$1") shim=$(realpath "$2") step=${3:-1000}
suite=$(realpath "$(dirname "$0")")/suite_thin.yaml
dir=$(mktemp -d "${TORTURE_DIR:-/dev/shm}/starve.XXXXXX") || exit 74
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
total=0 refused=0
leaks=${LEAKS:-0}
if [ "$leaks" != 0 ]; then # whole stacks, so that the suppressions of a library find its functions
    export ASAN_OPTIONS=verify_asan_link_order=0:allocator_may_return_null=1:exitcode=99:fast_unwind_on_malloc=0
    export LSAN_OPTIONS=print_suppressions=0:suppressions=$(dirname "$suite")/leaks.supp
fi

fail() {
    echo "starve: $*" >&2
    [ -s "$dir/err" ] && sed 's/^/    /' "$dir/err" >&2
    exit 1
}

# Starve "$program $2..." at allocation $1 (0: count them).
starved() {
    n=$1
    shift
    STARVE_AT=$n STARVE_FILE="$dir/count" LD_PRELOAD=$shim PATH=/nonexistent "$program" "$@" >"$dir/out" 2>"$dir/err"
}

whole() {
    for cell in "$dir"/run/cells/????????????????????????????????????????????????????????????????; do
        (cd "$cell" && sha256sum --quiet -c SHA256SUMS && cmp metrics.csv "$dir/whole/cells/${cell##*/}/metrics.csv") \
            >"$dir/err" 2>&1 || fail "$1: cell ${cell##*/} is not whole"
    done
    [ -z "$(ls -d "$dir"/run/cells/*.bad-* 2>/dev/null)" ] || fail "$1: a cell was set aside"
}

# name, a command that prepares, a command that compares after success, and the arguments
starve() {
    name=$1 prepare=$2 compare=$3
    shift 3
    $prepare
    starved 0 "$@" || fail "$name: exit $? without starving"
    read -r all <"$dir/count"
    at=1
    while [ "$at" -le "$all" ]; do
        $prepare
        starved "$at" "$@"
        code=$?
        # BLIS ends the process by itself, with a line; it has no other way
        [ $code -eq 134 ] && grep -q '^libblis: malloc() returned NULL' "$dir/err" && code=1
        [ $code -lt 126 ] || fail "$name, allocation $at of $all: exit $code"
        ! grep -q 'Sanitizer' "$dir/err" || fail "$name, allocation $at of $all: the sanitizer found this"
        if [ $code -eq 0 ]; then
            $compare || fail "$name, allocation $at of $all: exit 0, but other results"
        else
            refused=$((refused + 1))
            grep -q . "$dir/err" || fail "$name, allocation $at of $all: exit $code, and not a word"
        fi
        whole "$name, allocation $at of $all"
        total=$((total + 1)) at=$((at + step))
    done
}

fresh() {
    rm -rf "$dir/run"
    cp -r "$dir/whole" "$dir/run"
}
same_results() { cmp -s "$dir/run/thin/results.csv" "$dir/whole/thin/results.csv"; }
same_output() { [ -s "$dir/out" ]; }
open_cell() {
    fresh
    mkdir "$dir/run/cells/$key.part"
    cp "$dir/whole/cells/$key/config.json" "$dir/run/cells/$key.part"
    rm -rf "$dir/run/cells/$key"
}
same_cell() { [ -d "$dir/run/cells/$key" ]; }

starved 0 run "$suite" --out "$dir/whole" --quiet || fail "the unbroken run ends with $?"
starve "run" fresh same_results run "$suite" --out "$dir/run" --quiet
starve "status" fresh same_output status "$suite" --out "$dir/run" --json
starve "report" fresh same_output report "$suite" --out "$dir/run"
starve "list" fresh same_output list keys --json
for key in $(ls "$dir/whole/cells"); do
    starve "cell $key" open_cell same_cell cell "$key" --out "$dir/run"
done
echo "starve: $total allocations failed, one at a time: $refused commands said so, the others did their work"
