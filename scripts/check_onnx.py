"""Compares exported ONNX graphs with `basewise predict --raw`, layer by layer, in onnxruntime.

    python -m venv venv && venv/bin/pip install onnxruntime numpy
    venv/bin/python scripts/check_onnx.py [--binary target/release/basewise] [--networks 24] [--seed 1]

Trains every preset that can be exported and random networks of every layer for one epoch on random sequences, exports
them, and fails if a raw score differs by more than 1e-5 (of itself, for scores above 1).
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime

# The shortest that the pools of every preset leave something of.
LENGTH = 168
# Presets with layers that have no operators.
REFUSED = ["cnn-lstm-attention", "transformer"]
TOLERANCE = 1e-5


def run(binary, *arguments):
    done = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"basewise {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
    return done.stdout


def toml(layers, prefix="layer"):
    """[[layer]] tables of nested lists of dictionaries."""
    text = ""
    for layer in layers:
        text += f"[[{prefix}]]\n"
        for key, value in layer.items():
            if key not in ("layers", "branches"):
                text += f"{key} = {json.dumps(value)}\n"
        text += toml(layer.get("layers", []), f"{prefix}.layer")
        for branch in layer.get("branches", []):
            text += f"[[{prefix}.branch]]\n" + toml(branch, f"{prefix}.branch.layer")
    return text


ACTIVATIONS = ["relu", "gelu", "silu", "elu", "tanh", "sigmoid", "softplus", "exp"]


def conv(rng, filters, **more):
    return {"type": "conv1d", "filters": filters, "width": rng.randint(1, 6), "dilation": rng.randint(1, 3), **more}


def position_layer(rng, kind, channels):
    """A layer that keeps positions apart, and its channels; it leaves at least a third of them."""
    if kind == "conv1d":
        groups = rng.choice([g for g in (1, 2, 3) if channels % g == 0])
        filters = 6 * rng.randint(1, 2)
        more = {"stride": rng.randint(1, 2), "groups": groups, "padding": rng.choice(["same", "valid"])}
        return conv(rng, filters, **more), filters
    if kind in ("max-pool1d", "avg-pool1d"):
        return {"type": kind, "width": rng.randint(1, 3), "stride": rng.randint(1, 2)}, channels
    if kind == "crop":
        return {"type": kind, "left": rng.randint(0, 2), "right": rng.randint(0, 2)}, channels
    if kind in ("lstm", "gru"):
        both = rng.random() < 0.6
        return {"type": kind, "units": 3, "bidirectional": both}, 6 if both else 3
    if kind == "residual":
        inner = [conv(rng, channels), {"type": rng.choice(ACTIVATIONS[:6])}, {"type": "batch-norm"}]
        return {"type": kind, "layers": inner}, channels
    if kind == "concat":
        branches = [[conv(rng, 4), {"type": "relu"}], [], [{"type": "residual", "layers": [conv(rng, channels)]}]]
        return {"type": kind, "branches": branches}, 2 * channels + 4
    return {"type": kind, **({"rate": 0.3} if kind == "dropout" else {})}, channels


def vector_layers(rng, kind):
    """Layers that make a vector of positions."""
    if kind in ("lstm", "gru"):
        return [{"type": kind, "units": 4, "bidirectional": rng.random() < 0.5, "last": True}]
    if kind == "concat":
        return [{"type": kind, "branches": [[{"type": "global-max-pool"}], [{"type": "global-avg-pool"}]]}]
    return [{"type": kind}]


POSITION = ["conv1d", "max-pool1d", "avg-pool1d", "crop", "lstm", "gru", "residual", "concat", "batch-norm", "dropout"]
VECTOR = ["flatten", "global-max-pool", "global-avg-pool", "lstm", "gru", "concat"]


def random_network(rng, number):
    """Layer types take turns, so that a few networks have all of them."""
    layers, channels = [], 4
    for i in range(3):
        layer, channels = position_layer(rng, POSITION[(3 * number + i) % len(POSITION)], channels)
        layers += [layer, {"type": ACTIVATIONS[(number + i) % 7]}]
    layers += vector_layers(rng, VECTOR[number % len(VECTOR)])
    if rng.random() < 0.7:
        layers += [{"type": "dense", "units": 5}, {"type": "batch-norm"}, {"type": ACTIVATIONS[number % len(ACTIVATIONS)]}]
        layers += [{"type": "residual", "layers": [{"type": "dense", "units": 5}, {"type": "tanh"}]}]
    return layers


def scores(table):
    """Identifiers and raw scores of a TSV of predictions without labels."""
    lines = [line.split("\t") for line in table.splitlines()]
    return np.array([line[1:] for line in lines[1:]], dtype=np.float64)


def one_hot(sequences):
    x = np.zeros((len(sequences), 4, LENGTH), dtype=np.float32)
    for i, sequence in enumerate(sequences):
        for position, letter in enumerate(sequence):
            if letter in "ACGT":
                x[i, "ACGT".index(letter), position] = 1
    return x


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/basewise")
    parser.add_argument("--networks", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sequences = ["".join(rng.choice("ACGTN" if i % 8 == 0 else "ACGT") for _ in range(LENGTH)) for i in range(96)]
        rows = ["id\tsequence\tlabel\tsplit"]
        rows += [f"s{i}\t{s}\t{i % 2}\t{'valid' if i % 4 > 1 else 'train'}" for i, s in enumerate(sequences)]
        (folder / "table.tsv").write_text("\n".join(rows) + "\n")
        (folder / "all.fa").write_text("".join(f">s{i}\n{s}\n" for i, s in enumerate(sequences)))
        run(args.binary, "dataset", "sequences", folder / "table.tsv", "-o", folder / "data")
        presets = [preset["name"] for preset in json.loads(run(args.binary, "model", "list", "--json"))]
        networks = [(name, name) for name in presets if name not in REFUSED]
        for number in range(args.networks):
            path = folder / f"random{number}.toml"
            path.write_text(toml(random_network(rng, number)))
            networks.append((f"random network {number}", path))
        worst = 0.0
        for name, model in networks:
            trained, graph = folder / "run", folder / "model.onnx"
            run(args.binary, "train", folder / "data", "--model", model, "--epochs", 1, "-o", trained, "--overwrite")
            run(args.binary, "model", "export", trained, "-o", graph)
            want = scores(run(args.binary, "predict", trained, folder / "all.fa", "--raw", "-o", "-"))
            session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
            got = session.run(["scores"], {"sequence": one_hot(sequences)})[0]
            difference = float(np.max(np.abs(got - want) / np.maximum(1, np.abs(want))))
            print(f"{name}: largest difference {difference:.1e} in scores of up to {np.abs(want).max():.3g}")
            if not difference < TOLERANCE:
                text = "" if model == name else Path(model).read_text()
                sys.exit(f"{name}: above {TOLERANCE}\n{text}")
            worst = max(worst, difference)
        print(f"{len(networks)} networks agree with onnxruntime {onnxruntime.__version__}, at worst to {worst:.1e}")


if __name__ == "__main__":
    main()
