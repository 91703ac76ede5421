#!/bin/sh
# adding.sh BUILD: what experiments/adding.md says about adding a task, an arm and a metric holds to the letter. Its files
# and rows are put into a copy of the tree, its commands run there, and all turn up in the lists and in the results of its
# suite; keys of cells know what they are measured by.
#
# The copy begins with the objects of BUILD (a folder inside the tree), so that only what the rows touch is compiled.
set -eu
build=$1 page=experiments/adding.md
mkdir -p "$build"
scratch=$(mktemp -d "$PWD/$build/adding.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
tree=$scratch/tree log=$scratch/log
mkdir "$tree"

fail() {
    echo "adding: $*" >&2
    [ ! -f "$log" ] || tail -n 20 "$log" >&2
    exit 1
}

git ls-files -z | grep -zv '^data/results/' | xargs -0 cp -p --parents -t "$tree"
find "$build" \( -path "$build/tests" -o -path "$build/adding.*" \) -prune -o -name '*.[od]' -print0 |
    xargs -0r cp -p --parents -t "$tree"

# A block of code belongs to the file that the line above names before its colon. A row is added to a .def; no other file
# may be there already.
TREE=$tree awk '
    !inside && /`[^`]+`[^`]*:$/ { n = split($0, part, "`"); file = part[n - 1] }
    /^```(c|yaml|sh)$/ {
        path = ENVIRON["TREE"] "/" ($0 ~ /sh$/ ? "commands.sh" : file)
        if (path !~ /\.def$/ && (getline line < path) >= 0) { print path " is there already"; exit 1 }
        inside = 1
        next
    }
    /^```$/ { inside = 0; close(path); next }
    inside { print >> path }' "$page" >"$log" || fail "$page cannot be taken apart"
grown() { # FILE ROW: it is what it was, and this row
    { cat "$1" && echo "$2"; } | cmp -s - "$tree/$1" || fail "$1 does not grow by the row $2 alone"
}
grown data/tasks.def 'TASK(mirror)'
grown experiments/arms.def 'ARM(counted)'
grown metrics/metrics.def 'METRIC(confidence, 0)'
if command -v clang-format >/dev/null; then
    clang-format --dry-run -Werror "$tree/data/tasks/mirror.c" "$tree/experiments/arms/counted.c" \
        "$tree/metrics/confidence.c" || fail "their format"
fi
# and a pressure that measures otherwise than before
sed -i 's/\.version = 1,/.version = 2,/' "$tree/experiments/pressures/conceal.c"

(cd "$tree" && BUILD=$build CI=1 sh -eu commands.sh) >"$log" 2>&1 || fail "the commands of $page"
listed() { # LIST NAME
    "$tree/spillover" list "$1" --json | jq -e --arg name "$2" \
        'any(.[]; .name == $name and .about != "" and .source != "" and .version == 1)' >/dev/null ||
        fail "$2 is not among the $1"
    grep -q "^$2  *[^ ]" "$log" || fail "$2 is not in the list that a reader sees"
}
listed tasks mirror
listed arms counted
listed metrics confidence
measured() { # ARM PRESSURE METRIC: rows of mirror, all of them whole
    awk -F, -v arm="$1" -v pressure="$2" -v metric="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        $column["task"] != "mirror" || $column["metric"] == "cell" { bad++ }
        $column["arm"] == arm && $column["pressure"] == pressure && $column["metric"] == metric { rows++ }
        END { exit bad || !rows }' "$tree/runs/toy/results.csv" || fail "no $3 of $1 under '$2', or a cell failed"
}
for arm in text counted; do
    for pressure in '' none conceal; do
        for metric in accuracy confidence; do measured $arm "$pressure" $metric; done
    done
done
keyed() { # CELLS ROWS: how many cells name these versions
    [ "$(cat "$tree"/runs/cells/*/config.json | jq -c .rows | grep -cFx "$2")" = "$1" ] || fail "not $1 cells have key $2"
}
keyed 1 '{"task":1}'
keyed 2 '{"arm":1,"metrics":{"confidence":1},"task":1}'
keyed 2 '{"arm":1,"beside":2,"metrics":{"confidence":1},"pressure":2,"task":1}' # none: the control, measured by conceal
keyed 2 '{"arm":1,"metrics":{"confidence":1},"pressure":2,"task":1}'
grep -q '| mirror | joint | counted |' "$tree/runs/toy/report.md" || fail "the report leaves the arm out"
echo "adding: a task, an arm and a metric by a file and a row each, $(grep -c ' -c -o ' "$log") files compiled"
