#!/usr/bin/python3
"""Compare metrics/probe.c with scikit-learn's LogisticRegression (multinomial, L2, bias unpenalised).

usage: probe_sklearn.py PROBE_DRIVER
Exit status: 0 agree or skipped (scikit-learn is missing; says so), 2 differ.
"""
import subprocess
import sys

try:
    import numpy as np
    from sklearn.linear_model import LogisticRegression
except ImportError as error:
    print(f"skip: {error}")
    sys.exit(0)

# n, d, K, C, shift of the class means
CASES = [
    (300, 5, 2, 1.0, 1.0),
    (1500, 64, 11, 0.001, 1.0),
    (1500, 64, 11, 0.01, 0.3),
    (1500, 64, 11, 1.0, 0.5),
    (1500, 64, 11, 10.0, 1.0),
    (500, 30, 4, 0.1, 3.0),
    (200, 100, 3, 1.0, 0.0),
]


def ours(driver, X, y, K, C):
    n, d = X.shape
    text = f"{n} {d} {K} {C}\n"
    text += "\n".join("%.9g" % v for v in X.ravel()) + "\n" + "\n".join(map(str, y)) + "\n"
    done = subprocess.run([driver], input=text, capture_output=True, text=True, check=True)
    values = np.array(done.stdout.split(), dtype=float)
    return values[: K * d].reshape(K, d), values[K * d : K * d + K], values[K * d + K :].reshape(n, K)


def main():
    driver = sys.argv[1]
    rng = np.random.default_rng(1)
    worst = 0
    for n, d, K, C, shift in CASES:
        y = rng.integers(K, size=n)
        X = (rng.normal(size=(n, d)) + shift * rng.normal(size=(K, d))[y]).astype(np.float32)
        W, b, p = ours(driver, X, y, K, C)
        # Two classes: softmax weights (-w/2, w/2) carry the penalty |w|^2 / 4, the logistic form |w|^2 / 2.
        model = LogisticRegression(C=2 * C if K == 2 else C, tol=1e-9, max_iter=10000)
        model.fit(X.astype(float), y)
        difference = np.abs(p - model.predict_proba(X.astype(float))).max()
        worst = max(worst, difference)
        print(f"n {n} d {d} K {K} C {C:g} shift {shift:g}: greatest difference of a probability {difference:.2e}")
    if worst > 1e-3:
        print("differ")
        return 2
    print("agree")
    return 0


if __name__ == "__main__":
    sys.exit(main())
