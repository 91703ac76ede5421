#!/bin/sh
# page.sh SPILLOVER SCRATCH: RESULTS.md, a page for every suite (data/results/<suite>.md) and its figures, from the committed
# tables alone; no cell is run. Run it in the top folder (`make results`). The same tables give the same bytes. RESULTS.md is
# to be read from its beginning to its end, so it holds what decides and what arms learnt; the pages hold all.
set -eu
program=$1 scratch=$2
results=data/results
rm -rf "$scratch"
mkdir -p "$scratch"

# Suites that decide stand first, whole, with their gates and verdicts.
deciding="isolation interpretability"
decides() { # suite
    case " $deciding " in *" $1 "*) ;; *) return 1 ;; esac
}

# A section of a report: its heading, at whatever level, and all below it.
section() { # report.md heading
    awk -v heading="$2" '/^#+ / { level = length($1)
            if (level <= inside) inside = 0
            if (!inside && substr($0, level + 2) == heading) inside = level }
        inside' "$1"
}

# Without the points of every seed, for suites that decide nothing: there they are in the figures, and in the table.
without_seeds() {
    awk '/^#+ / { inside = $0 ~ /^#+ Seed by seed$/ } !inside'
}

# Half of the room that pictures would take is left out: those by layer, and, of suites that decide nothing, those by step and
# along updates; of the whole grid those along the dose too. They are drawn under SCRATCH/<suite>/figures and stay there.
fine_of() { # suite
    if decides "$1"; then echo "decodability_layers"; return; fi
    case $1 in
    pressure) echo "decodability_layers decodability_by_step update_spillover dose_spillover drift_decomposition bits" ;;
    *) echo "decodability_layers decodability_by_step update_spillover" ;;
    esac
}

# Nor is a picture announced of which there is nothing to draw.
without_fine() { # suite
    awk -v names="$(fine_of "$1")" 'BEGIN { RS = ""; ORS = "\n\n"; gsub(/ /, "|", names) }
        $0 ~ "^!.*/(" names ")[.]svg[)]$" { caption = ""; next }
        caption { print caption; caption = "" }
        /^\*\*.*\*\* Nothing to draw/ { next }
        /^\*\*/ { caption = $0; next }
        { print }
        END { if (caption) print caption }'
}

is_fine() { # figure.svg suite
    case " $(fine_of "$2") " in *" $(basename "$1" .svg) "*) ;; *) return 1 ;; esac
}

# gnuplot's picture without its indents, its empty groups, what SVG takes for granted and the second decimal of a pixel: a
# seventh of it, and nothing that is seen. Texts stay as they are.
slim() { # figure.svg
    sed -E -e 's/^[ \t]+//' -e '/^$/d; /^<text><\/text>$/d' -e '/^<text/b' -e '/opacity/!s/([0-9]\.[0-9])[0-9]([^0-9]|$)/\1\2/g' \
        -e 's/ stroke-width="1.0" stroke-linecap="butt" stroke-linejoin="miter"//; s/ color="black" / /' \
        -e 's/ font-family="DejaVu Sans"//; s/<g id="gnuplot_canvas"/& font-family="DejaVu Sans"/' \
        -e 's/([(,]) +/\1/g; s/ = /=/g; s/ +/ /g' "$1" |
        awk 'held != "" && $0 == "</g>" { held = ""; next }
            held != "" { print held; held = "" }
            /^<g [^>]*>$/ { held = $0; next }
            { print }'
}

table_of() { # suite
    if [ -f "$results/$1.csv" ]; then echo "$results/$1.csv"; else echo "$results/$1.csv.bz2"; fi
}

totals() { # cost.csv ...: cells and core-minutes, as two cells of a line
    awk -F, 'FNR > 1 { cells += $2; seconds += $3 } END { printf "%d | %.1f", cells, seconds / 60 }' "$@"
}

cost() { # cost.csv: what all took, and the seconds of every base and arm, which no report holds
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) column[$i] = i; next }
        { cells += $2; seconds += $3; if ($4 > most) most = $4 }
        $1 != "press" && ("arm" in column) && $2 {
            arm = $column["arm"]
            lines = lines sprintf("| %s | %s | %s | %s | %.1f | %d |\n", $column["task"], $column["design"],
                arm == "" ? "(base)" : arm, $column["variant"], $3 / $2, $2) }
        END { printf "%d cells, %.1f core-minutes, at most %.0f MiB in one.\n", cells, seconds / 60, most
            if (lines) printf "\n| task | design | arm | variant | core-seconds | cells |\n|---|---|---|---|---|---|\n%s",
                lines }' "$1"
}

# What a reader of RESULTS.md sees of a suite: what decides, what the arms learnt.
front_of() { # suite
    if decides "$1"; then echo "Gates:Verdicts"; return; fi
    case $1 in
    arms) echo "Gates of every arm" ;;
    smoke) ;;
    *) echo "On the published file" ;;
    esac
}

headings_of() { # suite
    [ "$1" = smoke ] && return # it is there for its bits: what its models did means nothing
    if decides "$1"; then printf "Gates:Verdicts:"; fi
    echo "One set of weights, two media:What moderates the leak:Arms before pressure:Faithfulness under pressure:\
How far the reasoning moved:Outcomes:Figures"
}

# Sections of a suite's report, a heading a line.
sections() { # suite headings
    points=without_seeds
    if decides "$1"; then points="cat"; fi
    printf '%s\n' "$2" | tr ':' '\n' | while read -r heading; do
        section "$scratch/$1/report.md" "$heading" | $points | without_fine "$1" >"$scratch/section.md"
        grep -q '^No arm of this suite has both modes' "$scratch/section.md" || { echo; cat "$scratch/section.md"; }
    done
}

# What a suite asks, and what a reader has to know of its data. Files of a run have other names here.
about() { # suite
    sed -n 3p "$scratch/$1/report.md"
    sed -n -e "s|\`manifest[.]json\`|\`$results/$1.manifest.json\`|; s|\`results[.]csv\`|\`$(table_of "$1")\`|" \
        -e '/^\*\*\(Changed after data\|Seeds changed\|Replaced\)/{s/^/\n/;p}' "$scratch/$1/report.md"
}

# What the reports mean by dose, spillover, and their letters.
words() { # suite
    sed -n '/^\*\*Words\.\*\*/{s/^/\n/;p}' "$scratch/$1/report.md"
}

suites=$deciding
for manifest in "$results"/*.manifest.json; do
    suite=$(basename "$manifest" .manifest.json)
    decides "$suite" || suites="$suites $suite"
done

for suite in $suites; do
    table=$(table_of "$suite")
    folder=$scratch/$suite
    mkdir -p "$folder"
    case $table in
    *.bz2) bzip2 -dc "$table" >"$folder/results.csv" ;;
    *) cp "$table" "$folder/results.csv" ;;
    esac
    cp "$results/$suite.manifest.json" "$folder/manifest.json"
done
printf '%s\n' $suites | xargs -P "$(nproc)" -I SUITE \
    sh -c '"$1" report SUITE --out "$2" >"$2/SUITE/summary.txt"' report "$program" "$scratch"

for suite in $suites; do
    table=$(table_of "$suite")
    folder=$scratch/$suite
    headings=$(headings_of "$suite")
    rm -rf "$results/figures/$suite"
    {
        printf '# Suite %s\n\n' "$suite"
        about "$suite"
        printf '\nTable `%s`, run by `%s/%s.manifest.json`. Cost: ' "$table" "$results" "$suite"
        cost "$results/$suite.cost.csv"
        if [ "$headings" ]; then words "$suite"; fi
        sections "$suite" "$headings" | sed "s|](figures/|](figures/$suite/|"
    } | cat -s >"$results/$suite.md"
    [ "$headings" ] || continue
    mkdir -p "$results/figures/$suite"
    for figure in "$folder"/figures/*.svg; do
        is_fine "$figure" "$suite" || slim "$figure" >"$results/figures/$suite/$(basename "$figure")"
    done
done

{
    cat "$results/about.md"
    words "${deciding%% *}"
    printf '\n| suite | what it asks | cells | core-minutes |\n|---|---|---|---|\n'
    for suite in $suites; do
        printf '| [%s](%s/%s.md) | %s | %s |\n' "$suite" "$results" "$suite" "$(sed -n 3p "$scratch/$suite/report.md")" \
            "$(totals "$results/$suite.cost.csv")"
    done
    printf '| all | | %s |\n' "$(totals "$results"/*.cost.csv)"
    for suite in $suites; do
        sections "$suite" "$(front_of "$suite")" | awk '/^#+ / {
            if (!top) top = length($1)
            $0 = substr("######", 1, 3 + length($1) - top) substr($0, length($1) + 1) } { print }' >"$scratch/front.md"
        grep -q . "$scratch/front.md" || continue
        printf '\n## Suite [%s](%s/%s.md)\n\n' "$suite" "$results" "$suite"
        about "$suite"
        cat "$scratch/front.md"
    done
} | cat -s >RESULTS.md
