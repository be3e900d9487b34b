"""Reference values of basewise_learn, from scikit-learn 1.9.1 and numpy 2.4.6 (see versions.txt).

    python -m venv venv && venv/bin/pip install -r versions.txt && venv/bin/python make.py > cases.json

Features are rounded to float32 and then computed with in float64. `lambda` is on the mean loss: 1 / (C n) of
LogisticRegression, alpha of ElasticNet and PoissonRegressor, alpha / n of Ridge.
"""

import json

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import ElasticNet, LogisticRegression, PoissonRegressor, Ridge

rng = np.random.default_rng(20260611)
N, P = 80, 7


def features():
    x = rng.poisson(1.5, (N, P)).astype(np.float64)
    x[:, 1] = 50 + rng.standard_normal(N)  # far from 0
    x[:, 2] *= 0.02
    return {name: np.float32(x).astype(np.float64) for name, x in (("plain", x), ("centred", x - x.mean(0)))}


X = features()


def case(name, family, x, y, weights, lam, l1_ratio, model):
    model.fit(X[x], y, sample_weight=weights)
    coef, intercept = np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)
    if len(intercept) > 1:
        intercept = intercept - intercept.mean()
    return dict(name=name, family=family, x=x, y=y.tolist(), penalty=lam,
                weights=None if weights is None else weights.tolist(), l1_ratio=l1_ratio, coefficients=coef.tolist(), intercepts=intercept.tolist())


def models():
    x = X["plain"]
    signal = 0.6 * x[:, 0] - 0.5 * (x[:, 1] - 50) - 0.4 * x[:, 3]
    weights = rng.integers(0, 4, N).astype(np.float64)
    number = signal + rng.standard_normal(N)
    yes = (signal + rng.logistic(size=N) > 0.3).astype(int)
    classes = np.digitize(signal + rng.logistic(size=N), [-0.5, 1.0])
    count = rng.poisson(np.exp(0.5 * signal))
    exact = dict(tol=1e-14, max_iter=1_000_000)
    for w in (None, weights):
        n, tag = (N, "") if w is None else (w.sum(), ", weighted")
        yield case("ridge" + tag, "squared", "plain", number, w, 3.0 / n, 0.0, Ridge(alpha=3.0, solver="cholesky"))
        yield case("elastic net" + tag, "squared", "plain", number, w, 0.05, 0.5, ElasticNet(alpha=0.05, l1_ratio=0.5, **exact))
        yield case("lasso" + tag, "squared", "plain", number, w, 0.1, 1.0, ElasticNet(alpha=0.1, l1_ratio=1.0, **exact))
        yield case("poisson" + tag, "poisson", "plain", count, w, 0.1, 0.0, PoissonRegressor(alpha=0.1, solver="newton-cholesky", **exact))
        yield case("logistic" + tag, "logistic", "plain", yes, w, 1 / (0.7 * n), 0.0, LogisticRegression(C=0.7, solver="newton-cholesky", **exact))
        yield case("logistic elastic net" + tag, "logistic", "centred", yes, w, 1 / (0.5 * n), 0.5,
                   LogisticRegression(C=0.5, l1_ratio=0.5, solver="saga", random_state=0, **exact))
        yield case("multinomial" + tag, "multinomial", "plain", classes, w, 1 / (0.7 * n), 0.0, LogisticRegression(C=0.7, solver="newton-cholesky", **exact))
        yield case("multinomial elastic net" + tag, "multinomial", "centred", classes, w, 1 / (0.5 * n), 0.5,
                   LogisticRegression(C=0.5, l1_ratio=0.5, solver="saga", random_state=0, **exact))


def words():
    """tf-idf of k-mers: fitted on the first sequences, applied to all."""
    letters = np.array(list("ACGT"))
    fitted = ["".join(rng.choice(letters, 14)) for _ in range(5)]
    others = ["".join(rng.choice(letters, 14)) for _ in range(3)]
    for sublinear in (False, True):
        model = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), lowercase=False, sublinear_tf=sublinear)
        model.fit(fitted)
        names = sorted(model.vocabulary_, key=lambda word: (len(word), word))
        columns = [model.vocabulary_[word] for word in names]
        rows = model.transform(fitted + others).toarray()[:, columns]
        yield dict(sublinear=sublinear, fitted=fitted, others=others, names=names, rows=rows.tolist())


if __name__ == "__main__":
    print(json.dumps(dict(features={name: x.tolist() for name, x in X.items()}, models=list(models()), words=list(words()))).replace('{"name"', '\n{"name"').replace('{"sub', '\n{"sub'))
