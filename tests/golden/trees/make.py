"""Reference values for trees: scikit-learn's exact decision trees, their SHAP values by shap, LightGBM's boosting.

    python make.py      writes cases.json; versions.txt has what it was run with
"""

import json

import lightgbm
import numpy as np
import shap
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

ROWS, COLUMNS = 240, 6
rng = np.random.default_rng(7)


def data():
    """Features without ties between columns, and labels of every kind."""
    x = rng.normal(size=(ROWS, COLUMNS)).round(3).astype(np.float32)
    signal = x[:, 0] * 1.5 + np.where(x[:, 1] > 0, x[:, 2], -x[:, 2]) + 0.5 * rng.normal(size=ROWS)
    return x, {
        "binary": (signal > 0).astype(int).tolist(),
        "classes": np.digitize(signal, [-0.8, 0.9]).tolist(),
        "number": signal.round(4).tolist(),
        "count": rng.poisson(np.exp(0.5 * signal)).tolist(),
    }


def nodes(tree):
    """Feature (-1 for a leaf), threshold, rows, weight and value of each node, parents before children, left first."""
    t, out, stack = tree.tree_, [], [0]
    while stack:
        node = stack.pop()
        leaf = t.children_left[node] < 0
        out.append([
            -1 if leaf else int(t.feature[node]),
            0.0 if leaf else float(t.threshold[node]),
            int(t.n_node_samples[node]),
            float(t.weighted_n_node_samples[node]),
            t.value[node][0].tolist(),
            bool(t.missing_go_to_left[node]),
        ])
        if not leaf:
            stack += [int(t.children_right[node]), int(t.children_left[node])]
    return out


def values_of(tree, x):
    """SHAP values [rows, outputs, features], path-dependent."""
    values = shap.TreeExplainer(tree, feature_perturbation="tree_path_dependent").shap_values(x)
    values = values[..., None] if values.ndim == 2 else values
    return values.transpose(0, 2, 1).tolist()


def trees(x, labels, weights):
    missing = x.copy()
    missing[rng.random(x.shape) < 0.15] = np.nan
    cases = [
        ("gini, by depth", "classes", "gini", dict(max_depth=4, min_samples_leaf=4), x, None),
        ("gini of two classes", "binary", "gini", dict(max_depth=4, min_samples_leaf=4), x, None),
        ("gini, best first", "binary", "gini", dict(max_leaf_nodes=9, min_samples_leaf=3), x, None),
        ("entropy", "classes", "entropy", dict(max_depth=4, min_samples_leaf=5), x, None),
        ("weights", "classes", "gini", dict(max_depth=4, min_samples_leaf=4), x, weights),
        ("squared error", "number", "squared_error", dict(max_depth=5, min_samples_leaf=2), x, None),
        ("squared error, weights", "number", "squared_error", dict(max_leaf_nodes=12), x, weights),
        ("gain", "number", "squared_error", dict(min_impurity_decrease=0.02, min_samples_leaf=4), x, None),
        ("poisson", "count", "poisson", dict(max_depth=4, min_samples_leaf=5), x, None),
        ("missing", "number", "squared_error", dict(max_depth=4, min_samples_leaf=5), missing, None),
    ]
    out = []
    for name, label, criterion, options, features, own in cases:
        kind = DecisionTreeRegressor if label in ("number", "count") else DecisionTreeClassifier
        tree = kind(criterion=criterion, random_state=0, **options).fit(features, labels[label], own)
        out.append({
            "name": name,
            "labels": label,
            "criterion": criterion,
            "options": options,
            "missing": features is missing,
            "weighted": own is not None,
            "nodes": nodes(tree),
            "importance": tree.feature_importances_.tolist(),
            "shap": [] if features is missing else values_of(tree, x[:6]),
        })
    return out, missing


def boosting(x, labels, weights):
    common = dict(
        num_leaves=6, learning_rate=0.2, min_data_in_leaf=1, min_sum_hessian_in_leaf=1.5, min_data_in_bin=1, max_bin=255,
        verbose=-1, num_threads=1, deterministic=True, force_col_wise=True, enable_bundle=False, feature_pre_filter=False,
    )
    out = []
    for name, label, objective, extra, own in [
        ("logistic", "binary", "binary", {}, None),
        ("logistic, l2 and weights", "binary", "binary", dict(lambda_l2=2.0), weights),
        ("squared", "number", "regression", {}, None),
        ("squared, depth", "number", "regression", dict(max_depth=3), None),
        ("softmax", "classes", "multiclass", dict(num_class=3), None),
    ]:
        params = common | extra | dict(objective=objective)
        booster = lightgbm.train(params, lightgbm.Dataset(x, labels[label], weight=own), num_boost_round=8)
        out.append({
            "name": name,
            "labels": label,
            "l2": extra.get("lambda_l2", 0.0),
            "depth": extra.get("max_depth"),
            "weighted": own is not None,
            "raw": booster.predict(x, raw_score=True).ravel().tolist(),
        })
    return out


def main():
    x, labels = data()
    weights = rng.uniform(0.2, 2.0, ROWS).round(3)
    single, missing = trees(x, labels, weights)
    cases = {
        "columns": COLUMNS,
        "features": [round(float(v), 3) for v in x.ravel()],
        "missing": [int(place) for place in np.flatnonzero(np.isnan(missing.ravel()))],
        "labels": labels,
        "weights": weights.tolist(),
        "trees": single,
        "boosting": boosting(x, labels, weights),
    }
    with open("cases.json", "w") as out:
        json.dump(cases, out, separators=(",", ":"))
        out.write("\n")


if __name__ == "__main__":
    main()
