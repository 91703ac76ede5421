#!/bin/sh
# memory.sh SPILLOVER FOLDER: cells of the default size take at most 60 MB of memory each, as their resources.json says.
set -e
rm -rf "$2"
"$1" run "$(dirname "$0")/memory.yaml" --quiet --jobs "$(nproc)" --out "$2"
find "$2/cells" -name resources.json -exec sed -n 's/.*"max_rss_kib": \([0-9]*\).*/\1/p' {} + | sort -n | awk '
    { at[NR] = $1 * 1.024 / 1000 }
    END {
        printf "memory: %d cells, %.1f to %.1f MB, at most 60\n", NR, at[1], at[NR]
        exit NR < 10 || at[NR] > 60
    }'
