#!/bin/sh
# usage: check_deps.sh FILE.d...
# Proves from the compiler's dependency files that includes run one way:
# engine/base <- data <- engine <- metrics <- experiments. Exits 1 naming each offending file.
[ $# -gt 0 ] || { echo "check_deps.sh: no dependency files given" >&2; exit 64; }
exec awk '
function rank(file) {
    if (file ~ /^engine\/base\//) return 1
    if (file ~ /^data\//) return 2
    if (file ~ /^engine\//) return 3
    if (file ~ /^metrics\//) return 4
    if (file ~ /^experiments\//) return 5
    return 0
}
FNR == 1 { source = ""; rule = 0 }
# The first rule is the object; those behind it (from -MP) have no prerequisites.
/:/ { rule++ }
rule == 1 {
    for (i = 1; i <= NF; i++) {
        if ($i == "\\" || $i ~ /:$/) continue
        # The compiler lists banned.h, given by -include, after the source itself.
        if (source == "") { source = $i; sources++; continue }
        if (rank($i) > rank(source) || (rank(source) && !rank($i))) {
            printf "%s: may not include %s\n", source, $i
            wrong = 1
        }
    }
}
END {
    if (!wrong) printf "includes run one way in %d sources\n", sources
    exit wrong
}' "$@"
