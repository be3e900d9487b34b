"""Reference values of basewise_core::metrics::{delong, holm, benjamini_hochberg}.

    python -m venv venv && venv/bin/pip install -r versions.txt && venv/bin/python make.py > cases.json

DeLong's test is computed here from its definition (DeLong, DeLong and Clarke-Pearson 1988): the kernel of every pair of a
positive and a negative, and structural components as its means over rows and columns. Areas are checked against
scikit-learn 1.9.1, p values and intervals come from scipy 1.17.1. Holm's correction follows its definition, and that of
Benjamini and Hochberg is scipy's false_discovery_control.
"""

import json

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score

rng = np.random.default_rng(20261126)


def components(y, s):
    x, z = s[y == 1][:, None], s[y == 0][None, :]
    kernel = (x > z) + 0.5 * (x == z)
    return kernel.mean(), kernel.mean(axis=1), kernel.mean(axis=0)


def delong(name, y, a, b, level=0.95):
    y, a, b = np.asarray(y), np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    (area_a, v10_a, v01_a), (area_b, v10_b, v01_b) = components(y, a), components(y, b)
    assert abs(area_a - roc_auc_score(y, a)) < 1e-12 and abs(area_b - roc_auc_score(y, b)) < 1e-12
    m, n = (y == 1).sum(), (y == 0).sum()
    covariance = np.cov(v10_a, v10_b) / m + np.cov(v01_a, v01_b) / n
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    difference = area_a - area_b
    z = difference / error
    reach = stats.norm.ppf(0.5 + level / 2) * error
    return dict(name=name, level=level, labels=y.tolist(), one=a.tolist(), other=b.tolist(), auroc=[area_a, area_b],
                covariance=covariance.tolist(), difference=difference, low=max(difference - reach, -1.0),
                high=min(difference + reach, 1.0), p=2 * stats.norm.sf(abs(z)))


def holm(p):
    order = np.argsort(p, kind="stable")
    adjusted, largest = np.empty(len(p)), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, (len(p) - rank) * p[i])
        adjusted[i] = min(1.0, largest)
    return adjusted.tolist()


def scores(n, share, correlation, gain):
    y = (rng.random(n) < share).astype(int)
    y[:4] = [0, 1, 0, 1]
    common = rng.standard_normal(n)
    noise = lambda: np.sqrt(1 - correlation**2) * rng.standard_normal(n)
    return y, gain[0] * y + correlation * common + noise(), gain[1] * y + correlation * common + noise()


def corrections():
    lists = [[0.01, 0.04, 0.03, 0.005], [0.2], [0.9, 0.8, 0.95], [0.05, 0.05, 0.05], [0.0, 1.0, 0.5]]
    lists += [rng.random(20).tolist(), (rng.random(15) ** 4).round(2).tolist()]
    fdr = lambda p: stats.false_discovery_control(p, method="bh").tolist()
    return [dict(p=p, holm=holm(np.array(p)), benjamini_hochberg=fdr(p)) for p in lists]


def main():
    y, a, b = scores(200, 0.5, 0.8, (1.0, 0.8))
    cases = [
        delong("correlated", y, a, b),
        delong("correlated, 99 %", y, a, b, 0.99),
        delong("ties", y, np.round(a), np.round(b)),
        delong("two scores only", y, a > 0.5, b > 0.5),
        delong("one constant", y, a, np.zeros(200)),
        delong("opposite", y, a, -a),
        delong("one perfect", y, y + 0.01 * a, b),
        delong("nearly equal", y, a, np.where(np.arange(200) == 17, b, a)),
        delong("rare positives", *scores(300, 0.03, 0.5, (1.5, 0.2))),
        delong("rare negatives", *scores(150, 0.95, 0.9, (0.5, 0.7))),
        delong("two of each", [0, 1, 0, 1], [0.1, 0.9, 0.5, 0.3], [0.4, 0.2, 0.1, 0.3]),
    ]
    text = json.dumps(dict(delong=cases, corrections=corrections()), indent=None)
    print(text.replace('{"name"', '\n{"name"').replace('{"p"', '\n{"p"'))


if __name__ == "__main__":
    main()
