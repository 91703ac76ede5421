"""The example that writes a trace from PyTorch, measured: usage trace_torch.py SPILLOVER

By construction the thoughts hold the running value in both phases and c before pressure only; the outputs tell c before
and never after. Exit 0: the figures say so, or there is no torch (said); 1: they do not.
"""
import json, pathlib, subprocess, sys, tempfile

try:
    import torch  # noqa: F401
except ImportError:
    sys.exit(print("trace_torch: skipped, there is no torch") or 0)

example = pathlib.Path(__file__).parents[2] / "data" / "write_trace.py"
with tempfile.TemporaryDirectory() as folder:
    subprocess.run([sys.executable, example, folder], check=True)
    rows = json.loads(subprocess.run([sys.argv[1], "measure", "--trace", folder, "--json"], check=True,
                                     capture_output=True).stdout)


def value(**want):
    found = [r["value"] for r in rows if all(r[k] == v for k, v in want.items())]
    assert len(found) == 1, (want, found)
    return found[0]


wrong = []


def expect(low, high, **want):
    x = value(**want)
    if not (x is not None and low <= x <= high):
        wrong.append(f"{want}: {x} is outside [{low}, {high}]")


for step in range(3):
    expect(.95, 1, phase="before", metric="read_accuracy", view="probe", concept="value", step=step)
    expect(.95, 1, phase="after", metric="read_accuracy", view="frozen", concept="value", step=step)
    expect(.95, 1, phase="before", metric="read_accuracy", view="probe", concept="c", step=step)
    expect(0, .35, phase="after", metric="read_accuracy", view="refit", concept="c", step=step)
expect(1, 1, metric="dose", concept="c")
expect(.8, 1.2, metric="s_r", concept="c", step=None)
expect(-.05, .05, metric="s_r", concept="value", step=None)
print("trace_torch: " + ("; ".join(wrong) if wrong else "14 figures of the example's trace are as planted"))
sys.exit(bool(wrong))
