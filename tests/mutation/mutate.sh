#!/bin/sh
# mutate.sh BUILD [PATTERN]: plant the faults of mutants.txt, one at a time, and see that the tests named there fail.
# mutate.sh --apply: no more than see that each fault can be planted in the code as it is now.
#
# Works on a copy of the tree in BUILD/mutation, so that a mutant costs the compiling of what it touches and one link.
# PATTERN: only mutants whose file matches it. Exit 0 when at least 95 % are caught; the others are listed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
pattern=${2:-.}

fail() {
    echo "mutate: $*" >&2
    exit 1
}

build() { nice make -s -j2 -C "$copy" BUILD=build CI= build/tests/run spillover >"$copy/log" 2>&1; }

# The file with the first $2 replaced by $3.
plant() {
    FROM=$2 TO=$3 awk 'BEGIN { RS = "\001"; from = ENVIRON["FROM"]; to = ENVIRON["TO"] }
        { at = index($0, from); if (!at) exit 1
          printf "%s%s%s", substr($0, 1, at - 1), to, substr($0, at + length(from)) }' "$1"
}

# The next of mutants.txt, from standard input: file, suites, from, to.
next() {
    while IFS= read -r line; do
        case $line in '' | '#'*) continue ;; esac
        file=${line%% *} suites=${line#* }
        IFS= read -r from && IFS= read -r to || fail "$file: half a mutant"
        from=${from#- } to=${to#+ }
        return 0
    done
    return 1
}

if [ "$1" = --apply ]; then
    n=0
    while next; do
        plant "$root/$file" "$from" "$to" >/dev/null || fail "$file has no \"$from\""
        n=$((n + 1))
    done <"$here/mutants.txt"
    [ $n -gt 0 ] || fail "there are no mutants"
    exit 0
fi

mkdir -p "$1/mutation"
copy=$(cd "$1/mutation" && pwd)
# What is the same stays as it is, and is not compiled again; what a run that was stopped left planted does not.
git -C "$root" ls-files | grep -v '^data/results/' | while IFS= read -r file; do
    cmp -s "$root/$file" "$copy/$file" || (cd "$root" && cp --parents "$file" "$copy") || exit 1
done || fail "the tree cannot be copied"
build || fail "the copy does not build: $(tail -n 3 "$copy/log")"

planted=0 caught=0 missed=
while next; do
    echo "$file" | grep -q "$pattern" || continue
    plant "$root/$file" "$from" "$to" >"$copy/$file" || fail "$file has no \"$from\""
    build || fail "$file: \"$to\" does not build: $(grep -m 1 error: "$copy/log")"
    planted=$((planted + 1)) verdict=caught
    # shellcheck disable=SC2086 # one word per suite
    (cd "$copy" && timeout 300 nice build/tests/run $suites) >"$copy/tests.log" 2>&1 && verdict=MISSED
    cp "$root/$file" "$copy/$file"
    printf '%s  %s: %s -> %s\n' "$verdict" "$file" "$from" "$to"
    if [ $verdict = caught ]; then caught=$((caught + 1)); else missed="$missed
    $file: $from -> $to"; fi
done <"$here/mutants.txt"
[ $planted -gt 0 ] || fail "no mutant matches $pattern"
echo "mutate: $caught of $planted mutants are caught by the suites named beside them"
[ -z "$missed" ] || echo "missed:$missed"
[ $((100 * caught)) -ge $((95 * planted)) ]
