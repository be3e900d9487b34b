"""Reference values of basewise_core::metrics, from scikit-learn 1.9.1, scipy 1.17.1 and numpy 2.4.6 (see versions.txt).

    python -m venv venv && venv/bin/pip install -r versions.txt && venv/bin/python make.py > cases.json

Scores are rounded to float32, because predictions are float32, and then computed with in float64. A value is null where
the library has no value (AUROC of one class, correlation without variance).
"""

import json

import numpy as np
from scipy import stats
from sklearn import metrics as m

rng = np.random.default_rng(20240611)


def f32(x):
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def calibration_error(confidence, right, bins=10):
    edges = np.linspace(0, 1, bins + 1)
    bin_of = np.searchsorted(edges[1:-1], confidence)
    total = 0.0
    for b in range(bins):
        rows = bin_of == b
        if rows.any():
            total += rows.mean() * abs(confidence[rows].mean() - right[rows].mean())
    return total


def binary(name, y, p):
    y, p = np.asarray(y, dtype=float), f32(p)
    called = (p > 0.5).astype(float)
    two = len(set(y)) == 2
    expected = {
        "auroc": m.roc_auc_score(y, p) if two else None,
        "average_precision": m.average_precision_score(y, p),
        "accuracy": m.accuracy_score(y, called),
        "mcc": m.matthews_corrcoef(y, called),
        "f1": m.f1_score(y, called),
        "log_loss": m.log_loss(y, p, labels=[0, 1]),
        "calibration_error": calibration_error(p, y),
    }
    roc, pr = [], []
    if two:
        fpr, tpr, _ = m.roc_curve(y, p, drop_intermediate=False)
        roc = np.stack([fpr, tpr], 1).tolist()
        precision, recall, _ = m.precision_recall_curve(y, p)
        pr = np.stack([recall, precision], 1)[::-1].tolist()
    return dict(name=name, kind="binary", labels=y.tolist(), predictions=p.reshape(-1, 1).tolist(), expected=expected,
                roc=roc, precision_recall=pr)


def classes(name, k, y, p):
    y, p = np.asarray(y), f32(p)
    called = p.argmax(1)
    each = []
    for c in range(k):
        two = 0 < (y == c).sum() < len(y)
        each.append({
            "auroc": m.roc_auc_score(y == c, p[:, c]) if two else None,
            "average_precision": m.average_precision_score(y == c, p[:, c]) if two else None,
            "f1": m.f1_score(y == c, called == c) if ((y == c) | (called == c)).any() else None,
        })

    def mean(key):
        known = [e[key] for e in each if e[key] is not None]
        return float(np.mean(known)) if known else None

    if len(set(y)) == k and np.allclose(p.sum(1), 1, atol=1e-6):
        normal = p / p.sum(1, keepdims=True)
        assert abs(mean("auroc") - m.roc_auc_score(y, normal, multi_class="ovr", average="macro")) < 1e-6
    assert abs(mean("f1") - m.f1_score(y, called, average="macro")) < 1e-12
    expected = {
        "auroc": mean("auroc"),
        "average_precision": mean("average_precision"),
        "accuracy": m.accuracy_score(y, called),
        "mcc": m.matthews_corrcoef(y, called),
        "f1": mean("f1"),
        "log_loss": float(np.mean([-np.log(np.clip(row[c], 2.0**-52, 1 - 2.0**-52)) for row, c in zip(p, y)])),
        "calibration_error": calibration_error(p.max(1), (y == called).astype(float)),
    }
    if len(set(y)) == k:
        assert abs(expected["log_loss"] - m.log_loss(y, p, labels=list(range(k)))) < 1e-12
    return dict(name=name, kind="classes", classes=k, labels=[float(c) for c in y], predictions=p.tolist(),
                expected=expected, each=each)


def regression(name, y, f):
    y, f = np.asarray(y, dtype=float), f32(f)
    varied = len(set(y)) > 1 and len(set(f)) > 1
    expected = {
        "pearson": stats.pearsonr(y, f).statistic if varied else None,
        "spearman": stats.spearmanr(y, f).statistic if varied else None,
        # scikit-learn's convention for constant labels, stated: rounding of their mean can make its own value noise.
        "r2": None if len(y) < 2 else m.r2_score(y, f) if len(set(y)) > 1 else float((y == f).all()),
        "mse": m.mean_squared_error(y, f),
        "mae": m.mean_absolute_error(y, f),
    }
    return dict(name=name, kind="regression", labels=y.tolist(), predictions=f.reshape(-1, 1).tolist(), expected=expected)


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def main():
    y = rng.integers(0, 2, 120)
    smooth = np.clip(0.5 + 0.2 * (y - 0.5) + 0.2 * rng.standard_normal(120), 0.001, 0.999)
    k = 4
    z = rng.integers(0, k, 90)
    logits = rng.standard_normal((90, k))
    logits[np.arange(90), z] += 0.8
    x = rng.standard_normal(80)
    cases = [
        binary("binary", y, smooth),
        binary("binary with ties", y, np.round(smooth, 1)),
        binary("binary rare", rng.random(150) < 0.04, rng.random(150)),
        binary("binary certain and wrong", [0, 1, 1, 0, 1], [0.0, 1.0, 0.0, 1.0, 0.5]),
        binary("binary all scores equal", y, np.full(120, 0.3)),
        binary("binary only positives", [1, 1, 1], [0.2, 0.9, 0.4]),
        binary("binary only negatives", [0, 0, 0], [0.2, 0.3, 0.4]),
        binary("binary one row", [1], [0.75]),
        binary("binary perfect", [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]),
        classes("classes", k, z, softmax(logits)),
        classes("classes with ties", k, z, np.round(softmax(logits), 1)),
        classes("classes with one never seen", 3, [0, 1, 1, 0, 1], softmax(rng.standard_normal((5, 3)) * 2)),
        classes("classes of one kind only", 3, [2, 2, 2], softmax(rng.standard_normal((3, 3)))),
        classes("classes all equal", 3, [0, 1, 2, 2], np.full((4, 3), 1 / 3)),
        regression("regression", x, 0.6 * x + 0.5 * rng.standard_normal(80)),
        regression("regression with ties", np.round(x), np.round(0.6 * x + 0.5 * rng.standard_normal(80))),
        regression("regression far from zero", x + 1e4, x + 1e4 + rng.standard_normal(80)),
        regression("regression constant prediction", x, np.full(80, 0.1)),
        regression("regression constant label", np.full(80, 0.1), x),
        regression("regression one row", [2.0], [1.5]),
        regression("regression inverse", x, -x),
    ]
    print(json.dumps(cases, indent=None).replace('{"name"', '\n{"name"'))


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    main()
