#!/bin/sh
# hostile.sh PROGRAM: names that a shell, gnuplot, HTML, a terminal or a path would take for something else.
#
# As the name of a suite they are refused; as a folder of runs, of data, or the path of a suite they are a name and
# nothing more: the run's table is the plain run's to the bit, nothing appears outside its folder, no command inside a
# name is run, and no control character of a name reaches the terminal. Then what the system does to a run: a folder that
# cannot be written, a path that is too long.
set -u
program=$(realpath "$1")
suite=$(realpath "$(dirname "$0")")/suite_thin.yaml
dir=$(mktemp -d "${TORTURE_DIR:-/dev/shm}/hostile.XXXXXX") || exit 74
trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM
cd "$dir" || exit 74
newline='
'
escape=$(printf 'e\033[31mred')
checks=0

fail() {
    echo "hostile: $*" >&2
    [ -s err ] && sed 's/^/    /' err >&2
    exit 1
}

# Run the program; its exit code must be $1.
ends() {
    expected=$1
    shift
    "$program" "$@" >out 2>err
    code=$?
    [ $code -eq "$expected" ] || fail "exit $code for: $*"
    [ $code -eq 0 ] || grep -q . err || fail "exit $code, and not a word, for: $*"
    [ "$(tr -d '\n\t' <err | tr -dc '\001-\037' | wc -c)" -eq 0 ] || fail "a control character reaches the terminal"
    [ ! -e owned ] && [ ! -e ../owned ] || fail "a command in a name was run"
    checks=$((checks + 1))
}

ends 0 run "$suite" --out plain --quiet
for name in '<img src=x onerror=alert(1)>' '|touch owned' '`touch owned`' '$(touch owned)' ';touch owned;' '%s%n%d' \
    "a${newline}b" "$escape" '-n' '"' "'" 'a b' '@x' '&amp;' '~' '*'; do
    ends 0 run "$suite" --out "./$name" --quiet
    cmp -s "./$name/thin/results.csv" plain/thin/results.csv || fail "$name: other results"
    ends 0 report "$suite" --out "./$name"
    if command -v gnuplot >/dev/null; then
        ls "./$name"/thin/figures/*.svg >/dev/null 2>&1 || fail "$name: no figures"
        ! grep -l -e 'onerror' "./$name"/thin/figures/*.svg || fail "$name: is in a figure"
    fi
    ! grep -rl --include=*.html '<img src=x' "./$name/thin" || fail "$name: is in a page as it is"
    rm -rf "./$name"
    # as the name of a suite: refused, whatever the quoting
    printf 'suite: "%s"\nseeds: 1\ngrid:\n  - task: {name: chain}\n' "$(printf %s "$name" | sed 's/[\\"]/\\&/g' | tr '\n\033' '  ')" \
        >named.yaml
    ends 64 run named.yaml --out elsewhere --quiet
    [ ! -e elsewhere ] || fail "$name: a refused suite left a folder"
    # as the path of a suite, and as a folder of data
    mkdir "./$name" && cp "$suite" "./$name/s.yaml" && printf x >"./$name/$name.json"
    ends 0 run "./$name/s.yaml" --out plain --data "./$name" --quiet
    ends 74 run "./$name/none.yaml" --out plain --quiet
    rm -rf "./$name"
done
for name in .. . ../x a/b /x ''; do
    printf 'suite: "%s"\nseeds: 1\ngrid:\n  - task: {name: chain}\n' "$name" >named.yaml
    ends 64 run named.yaml --out elsewhere --quiet
done
ends 64 show '../../etc' --out plain
ends 64 cell '../x' --out plain

long=$(printf '%0200d' 0)
ends 74 run "$suite" --out "$long$long$long" --quiet
deep=.
for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do deep=$deep/$long; done
ends 74 run "$suite" --out "$deep" --quiet

printf x >file
ends 74 run "$suite" --out file/run --quiet
if [ "$(id -u)" -ne 0 ]; then
    mkdir closed && chmod 500 closed
    ends 74 run "$suite" --out closed/run --quiet
fi
echo "hostile: $checks commands did as they should"
