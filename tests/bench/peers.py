"""The engine beside PyTorch on one core, in one run: peers.py SPILLOVER BUILD_DIR [--rounds N] [--seconds S] [CASE...]

Each round measures, for each case, spillover native and portable, torch-best and torch-default one after the other, so
that what else the machine does falls on all alike; rates are per CPU second, and the table holds medians.

  torch-best      OpenBLAS (pthread build, one thread), OPENBLAS_CORETYPE=SkylakeX ATEN_CPU_CAPABILITY=avx512; on a CPU
                  without AVX-512, which these would end, Haswell and avx2
  torch-default   the same torch, one thread, with nothing chosen: the machine's libblas.so.3

Writes BUILD_DIR/bench.csv (one row per measurement) and BUILD_DIR/bench.svg. A missing peer is an error.
"""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys

CASES = ["tiny", "small", "gpt2-64", "gpt2-128", "tiny-latent", "small-latent", "tiny-gen", "small-gen"]
GOALS = {
    "tiny": 1.9,
    "small": 1.6,
    "gpt2-64": 1.4,
    "gpt2-128": 1.4,
    "tiny-latent": 2.2,
    "small-latent": 1.75,
    "tiny-gen": 4.0,
    "small-gen": 3.0,
}
SLOW_DEFAULT = {"gpt2-64", "gpt2-128"}  # a step takes most of a minute there: measured in the first round alone
PYTHON = "/usr/bin/python3"
HERE = os.path.dirname(os.path.abspath(__file__))


def stop(message):
    sys.exit(f"bench-peers: {message}")


def library_dir(name):
    triplet = subprocess.run(["gcc", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()
    path = f"/usr/lib/{triplet}/{name}"
    if not os.path.exists(f"{path}/libblas.so.3"):
        stop(f"{path}/libblas.so.3 is missing (apt-get install libopenblas0-pthread)")
    return path


class Torch:
    """A worker that keeps its model while the same case is asked for."""

    def __init__(self, name, blas, extra, seconds):
        self.name = name
        env = dict(os.environ, OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", **extra)
        if blas:
            env["LD_LIBRARY_PATH"] = library_dir(blas)
        self.worker = subprocess.Popen(
            [PYTHON, f"{HERE}/torch_peer.py", str(seconds)], env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )

    def rate(self, case):
        try:
            self.worker.stdin.write(case + "\n")
            self.worker.stdin.flush()
            return json.loads(self.worker.stdout.readline())["rate"]
        except (BrokenPipeError, ValueError):
            stop(f"{self.name} ended with code {self.worker.wait()} (apt-get install python3-torch libopenblas0-pthread)")


class Spillover:
    def __init__(self, program, mode, seconds):
        self.name, self.program, self.mode, self.seconds = f"spillover-{mode}", program, mode, str(seconds)

    def measure(self, case):
        command = [self.program, "bench", case, "--mode", self.mode, "--repeats", "1", "--seconds", self.seconds, "--json"]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            stop(f"{' '.join(command)}: {done.stderr.strip()}")
        return json.loads(done.stdout)[0]

    def rate(self, case):
        row = self.measure(case)
        self.last = row
        return row["rate"]


def measure(args):
    with open("/proc/cpuinfo") as cpu:
        wide = " avx512f " in cpu.read()
    best = {
        "OPENBLAS_CORETYPE": "SkylakeX" if wide else "Haswell",
        "ATEN_CPU_CAPABILITY": "avx512" if wide else "avx2",
    }
    peers = [
        Spillover(args.program, "native", args.seconds),
        Spillover(args.program, "portable", args.seconds),
        Torch("torch-best", "openblas-pthread", best, args.seconds),
        Torch("torch-default", None, {}, args.seconds),
    ]
    rows = []
    for round_ in range(args.rounds):
        for case in args.cases:
            for peer in peers:
                if peer.name == "torch-default" and round_ > 0 and case in SLOW_DEFAULT:
                    continue
                row = {"case": case, "peer": peer.name, "round": round_, "rate": peer.rate(case)}
                if isinstance(peer, Spillover):
                    row.update({k: peer.last[k] for k in ("unit", "of_bound", "peak_flops", "peak_rss_mb", "isa", "blis")})
                rows.append(row)
            print(f"round {round_ + 1} of {args.rounds}: {case}", file=sys.stderr)
    return rows


def median(rows, case, peer, key="rate"):
    found = [r[key] for r in rows if r["case"] == case and r["peer"] == peer]
    return statistics.median(found) if found else float("nan")


def print_table(rows, cases):
    print(f"{'case':13} {'unit':10} {'native':>10} {'portable':>10} {'torch-best':>10} {'torch-def.':>10} "
          f"{'of bound':>8} {'/best':>6} {'goal':>5} {'/def.':>6} {'MB':>6}")
    for case in cases:
        unit = next(r["unit"] for r in rows if r["case"] == case and r["peer"] == "spillover-native")
        native, portable, best, default = (
            median(rows, case, p) for p in ("spillover-native", "spillover-portable", "torch-best", "torch-default")
        )
        bound = median(rows, case, "spillover-native", "of_bound")
        memory = median(rows, case, "spillover-native", "peak_rss_mb")
        print(f"{case:13} {unit:10} {native:10.1f} {portable:10.1f} {best:10.1f} {default:10.1f} {100 * bound:6.1f} % "
              f"{native / best:6.2f} {GOALS[case]:5.2f} {native / default:6.1f} {memory:6.0f}")


def write_csv(path, rows):
    fields = ["case", "peer", "round", "unit", "rate", "of_bound", "peak_flops", "peak_rss_mb", "isa", "blis"]
    with open(path + ".part", "w", newline="") as out:
        writer = csv.DictWriter(out, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    os.rename(path + ".part", path)


def draw(path, rows, cases):
    """Rates relative to torch-best, one group of bars per case."""
    peers = ["spillover-native", "spillover-portable", "torch-best", "torch-default"]
    data = "\n".join(
        " ".join([case] + [f"{median(rows, case, p) / median(rows, case, 'torch-best'):.4f}" for p in peers]) for case in cases
    )
    plots = ", ".join(
        f"$data using {i + 2}:xtic(1) title '{p}' linecolor {i + 1}" for i, p in enumerate(peers)
    )
    script = f"""set terminal svg size 900,420 font 'Liberation Sans,13' background 'white'
set output '{path}.part'
set colorsequence podo
set style data histogram
set style histogram clustered gap 1
set style fill solid
set key top left
set ylabel 'rate, torch-best = 1'
set yrange [0:*]
set grid ytics
$data << END
{data}
END
plot {plots}
"""
    subprocess.run(["gnuplot", "-d", "-"], input=script, text=True, check=True)
    with open(path + ".part") as f:
        if not f.read().rstrip().endswith("</svg>"):
            stop(f"{path} is incomplete")
    os.rename(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("build")
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    args = parser.parse_intermixed_args()
    args.cases = args.cases or CASES
    if set(args.cases) - set(CASES):
        parser.error(f"cases are {' '.join(CASES)}")
    rows = measure(args)
    write_csv(f"{args.build}/bench.csv", rows)
    draw(f"{args.build}/bench.svg", rows, args.cases)
    print_table(rows, args.cases)
    print(f"\n{args.build}/bench.csv  {args.build}/bench.svg")


if __name__ == "__main__":
    main()
