#!/bin/sh
# reproducible.sh BUILD: two clean builds of the sources, in folders of other names and lengths, with other locales, time
# zones, umasks and orders of compiling, at other times, give the same program to the byte.
set -eu
build=$1
mkdir -p "$build"
scratch=$(mktemp -d "$(cd "$build" && pwd)/reproducible.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
one=$scratch/a two=$scratch/another-folder/of-another-length
for tree in "$one" "$two"; do
    mkdir -p "$tree"
    git ls-files -z | grep -zv '^data/results/' | xargs -0 cp --parents -t "$tree"
done
(umask 022 && cd "$one" && LC_ALL=C TZ=UTC nice make -s -j1 BUILD=build spillover)
(umask 077 && cd "$two" && LC_ALL=C.UTF-8 TZ=Asia/Tokyo nice make -s -j2 BUILD=build spillover)
cmp "$one/spillover" "$two/spillover"
sha256sum "$one/spillover" | awk '{print "reproducible: both builds are " $1}'
