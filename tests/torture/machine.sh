#!/bin/sh
# machine.sh PROGRAM CLOCK.so [STEP]: what a machine does to a run.
#
#   disk      a real disk (a tmpfs, from so small on, STEP KiB larger each time) fills: exit 74 and why; enlarged, the same
#             command continues
#   readonly  a disk that turned read-only: what writes ends with 74 and why, what reads does its work
#   clock     the clocks jump by hours at every reading: no number is negative, nothing waits
#   memory    the system's out-of-memory killer ends a cell: it is listed with its signal, 1 when no cell is whole, 3
#             when some are; with more memory the same command finishes it
#
# Whatever comes: no finished cell is lost or set aside, and results.csv is the undisturbed run's to the bit. What this
# machine does not permit (mount, memory limits: root) is skipped with a line.
set -u
program=$(realpath "$1") clock=$(realpath "$2") step=${3:-64}
suites=$(realpath "$(dirname "$0")")
dir=$(mktemp -d "${TORTURE_DIR:-/dev/shm}/machine.XXXXXX") || exit 74
disk=$dir/disk group=
mkdir "$disk"

leave() {
    mountpoint -q "$disk" && umount "$disk"
    [ -n "$group" ] && rmdir "$group"
    rm -rf "$dir"
}
trap leave EXIT
trap 'exit 130' INT TERM

fail() {
    echo "machine: $*" >&2
    [ -s "$dir/err" ] && sed 's/^/    /' "$dir/err" >&2
    exit 1
}

# The command under test: suite, folder, and what else it takes; no figure is drawn. $before is put in front of it.
before=
run() {
    suite=$1 out=$2
    shift 2
    env PATH=/nonexistent $before "$program" run "$suite" --out "$out" --jobs 2 "$@" >"$dir/out" 2>"$dir/err"
}

finished() { # inode and name of every folder in $1 that bears the name of a cell
    stat -c '%i %n' "$1"/cells/???????????????????????????????????????????????????????????????? 2>/dev/null | sort
}

# Run the same command once more, undisturbed; $1: name of the suite, $2: the suite, $3: folder, $4: where we are.
continues() {
    finished "$3" >"$dir/had"
    run "$2" "$3" --quiet || fail "$4: the same command ends with $?"
    cmp -s "$3/$1/results.csv" "$dir/whole/$1/results.csv" || fail "$4: results.csv differs"
    finished "$3" >"$dir/has"
    [ -z "$(comm -23 "$dir/had" "$dir/has")" ] || fail "$4: a finished cell was lost"
    [ -z "$(ls -d "$3"/cells/*.bad-* 2>/dev/null)" ] || fail "$4: a cell was set aside"
}

thin=$suites/suite_thin.yaml
for suite in smoke "$thin"; do
    run "$suite" "$dir/whole" --quiet || fail "the undisturbed run of $suite ends with $?"
done

# A disk of $3 KiB for suite $2, which bears the name $1; does it hold?
fill() {
    mount -t tmpfs -o "size=${3}k" machine "$disk" || fail "mount"
    run "$2" "$disk" --quiet
    code=$? where="$1, $3 KiB"
    [ $code -eq 0 ] || [ $code -eq 74 ] || fail "$where: exit $code"
    [ $code -eq 0 ] || grep -q 'No space left on device' "$dir/err" || fail "$where: exit 74 does not say why"
    mount -o remount,size=64m "$disk" || fail "remount"
    continues "$1" "$2" "$disk" "$where"
    umount "$disk"
    return $code
}

disk() {
    size=$step fills=0
    while ! fill thin "$thin" $size; do
        size=$((size + step)) fills=$((fills + 1))
    done
    fill smoke smoke 1024 && fail "smoke takes less than 1024 KiB"
    [ $fills -gt 0 ] || fail "suite thin takes less than $size KiB"
    echo "machine: $((fills + 1)) disks filled: 74 and why; enlarged, nothing was lost, results.csv identical"
}

readonly_disk() {
    mount -t tmpfs -o size=64m machine "$disk" && cp -r "$dir/whole/." "$disk" && mount -o remount,ro "$disk" ||
        fail "mount"
    for command in run report; do
        "$program" $command "$thin" --out "$disk" >"$dir/out" 2>"$dir/err"
        code=$?
        [ $code -eq 74 ] || fail "read-only, $command: exit $code"
        grep -q 'Read-only file system' "$dir/err" || fail "read-only, $command: 74 does not say why"
    done
    for command in status "run -n"; do
        "$program" $command "$thin" --out "$disk" >"$dir/out" 2>"$dir/err" || fail "read-only, $command: exit $?"
    done
    mount -o remount,rw "$disk" || fail "remount"
    continues thin "$thin" "$disk" "read-only"
    umount "$disk"
    echo "machine: a read-only disk: 74 and why for what writes, the rest did its work"
}

jumps() {
    before="LD_PRELOAD=$clock CLOCK_FILE=$dir/readings"
    run smoke "$dir/jumps"
    code=$?
    [ $code -eq 0 ] || fail "clock: exit $code"
    cp "$dir/err" "$dir/told"
    env $before "$program" status smoke --out "$dir/jumps" --json >>"$dir/told" || fail "clock: status ends with $?"
    cat "$dir"/jumps/cells/*/resources.json >>"$dir/told"
    before=
    awk '{ w += $1; m += $2 } END { exit !(w > 0 && m > 0) }' "$dir/readings" || fail "clock: nothing read a clock"
    grep -q ' left' "$dir/told" || fail "clock: no line says how much is left"
    ! grep -E '(^|[^-0-9A-Za-z.])-[0-9]' "$dir/told" >&2 || fail "clock: a number below 0"
    cmp -s "$dir/jumps/smoke/results.csv" "$dir/whole/smoke/results.csv" || fail "clock: results.csv differs"
    continues smoke smoke "$dir/jumps" "clock"
    rm -rf "$dir/jumps"
    echo "machine: clocks that jump by hours: no time below 0, results.csv identical"
}

# A group of processes that may take 20 MiB together, in $group.
limit() {
    if grep -qw memory /sys/fs/cgroup/cgroup.subtree_control 2>/dev/null; then
        group=/sys/fs/cgroup/machine.$$ file=memory.max swap=memory.swap.max
    elif [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ]; then
        group=/sys/fs/cgroup/memory/machine.$$ file=memory.limit_in_bytes swap=memory.swappiness
    else
        return 1
    fi
    if ! mkdir "$group" 2>/dev/null; then
        group=
        return 1
    fi
    [ ! -e "$group/$swap" ] || echo 0 >"$group/$swap"
    echo 20M >"$group/$file"
}

memory() {
    wide="--set model.layers=2 --set model.width=256"
    run "$thin" "$dir/large" --quiet $wide || fail "memory: exit $? without a limit"
    base=$(awk '$2 == "base" && $3 == "done" { print $1 }' "$dir/large/thin/cells.list")
    printf 'echo $$ >%s/cgroup.procs; exec "$@"\n' "$group" >"$dir/enter"
    for expected in 1 3; do
        [ $expected -eq 1 ] || cp -r "$dir/large/cells/$base" "$dir/small/cells/$base"
        before="/bin/sh $dir/enter"
        run "$thin" "$dir/small" --quiet $wide
        code=$?
        before=
        [ $code -eq $expected ] || fail "memory: exit $code, not $expected"
        grep -q 'failed .*ended by signal 9 .*memory' "$dir/err" || fail "memory: no line names the cell and its signal"
    done
    finished "$dir/small" >"$dir/had"
    run "$thin" "$dir/small" --quiet $wide || fail "memory: with more of it exit $?"
    cmp -s "$dir/small/thin/results.csv" "$dir/large/thin/results.csv" || fail "memory: results.csv differs"
    finished "$dir/small" >"$dir/has"
    [ -z "$(comm -23 "$dir/had" "$dir/has")" ] || fail "memory: a finished cell was lost"
    echo "machine: cells ended by the out-of-memory killer: 1 and 3 with their line; then results.csv identical"
}

if mount -t tmpfs -o size=64k machine "$disk" 2>/dev/null; then
    umount "$disk"
    disk
    readonly_disk
else
    echo "machine: full and read-only disks skipped, mount is not permitted here"
fi
jumps
if limit; then
    memory
else
    echo "machine: the out-of-memory killer skipped, no limit of memory can be set here"
fi
