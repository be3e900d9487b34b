"""Compares exported ONNX graphs with `basewise predict --raw` in onnxruntime, for every preset and every layer.

    python -m venv venv && venv/bin/pip install onnxruntime numpy pyBigWig
    venv/bin/python scripts/check_onnx.py [--binary target/release/basewise] [--networks 36] [--seed 1]

Trains every preset and random networks for one epoch on random sequences, some with covariates, signal or control, exports
them, and fails if a raw score differs by more than 1e-5 (of itself, for scores above 1), or if a layer was in none of
them. The shapes of predicted signal are read from bigWig, and left out with a word where pyBigWig is not installed.
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

try:
    import pyBigWig
except ImportError:
    pyBigWig = None

# The shortest that the pools of every preset leave something of.
LENGTH = 168
OUTPUT = 60
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


def attention(rng, number, channels):
    """All kinds of positions take turns."""
    positions = ["none", "rotary", "relative"][number % 3]
    layer = {"type": "self-attention", "heads": rng.randint(1, 3), "positions": positions}
    if positions == "relative" and rng.random() < 0.7:
        layer["clip"] = rng.randint(1, 40)
    if channels % (2 * layer["heads"]) or rng.random() < 0.5:
        layer["key_size"] = 2 * rng.randint(1, 3)
    return layer


def position_layer(rng, kind, channels, number):
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
    if kind == "upsample":
        return {"type": kind, "factor": rng.randint(1, 3)}, channels
    if kind == "attention-pool":
        return {"type": kind, "width": rng.randint(1, 3)}, channels
    if kind == "self-attention":
        return attention(rng, number, channels), channels
    if kind in ("lstm", "gru"):
        both = rng.random() < 0.6
        return {"type": kind, "units": 3, "bidirectional": both}, 6 if both else 3
    if kind == "residual":
        inner = [conv(rng, channels), {"type": rng.choice(ACTIVATIONS[:6])}, {"type": rng.choice(NORMS)}]
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


NORMS = ["batch-norm", "layer-norm", "rms-norm"]
POSITION = ["conv1d", "max-pool1d", "avg-pool1d", "crop", "lstm", "gru", "residual", "concat", "dropout", "softmax"]
POSITION += ["upsample", "attention-pool", "self-attention", *NORMS]
SLIDING = ["conv1d", "max-pool1d", "avg-pool1d", "crop", "attention-pool"]
VECTOR = ["flatten", "global-max-pool", "global-avg-pool", "lstm", "gru", "concat", "attention-pool"]
KINDS = {*ACTIVATIONS, *POSITION, *VECTOR, "dense", "strands", "side-inputs", "control-signal"}


def strands(rng, number):
    """Layers on both strands, and their channels; every second time they end in a vector."""
    inner = [conv(rng, 6), {"type": "relu"}, {"type": rng.choice(NORMS)}]
    if number % 2 == 1:
        inner += [{"type": "global-max-pool"}]
    return {"type": "strands", "combine": ["mean", "max", "sum"][number % 3], "layers": inner}, 6


def random_network(rng, number, covariates):
    """Layer types take turns, so that a few networks have all of them."""
    layers, channels = [], 4
    if number % 4 == 3:
        layer, channels = strands(rng, number // 4)
        layers.append(layer)
    for i in range(3):
        layer, after = position_layer(rng, POSITION[(3 * number + i) % len(POSITION)], channels, number)
        if number % 8 == 7 and layer["type"] in SLIDING:
            # There is nothing to slide over behind strands that end in a vector.
            layer, after = {"type": "upsample", "factor": 9}, channels
        channels = after
        layers += [layer, {"type": ACTIVATIONS[(number + i) % 7]}]
    layers += vector_layers(rng, VECTOR[number % len(VECTOR)])
    if covariates and number % 3 > 0:
        layers += [{"type": "side-inputs"}, {"type": rng.choice(NORMS)}]
    if number % 4 != 1:
        activation = ACTIVATIONS[number % len(ACTIVATIONS)]
        layers += [{"type": "dense", "units": 5}, {"type": NORMS[number % 3]}, {"type": activation}]
        layers += [{"type": "residual", "layers": [{"type": "dense", "units": 5}, {"type": "tanh"}]}]
        layers += [{"type": "softmax"}] if number % 5 == 0 else []
    return layers


def kinds(text):
    """The types of layers in an architecture file."""
    return {line.split('"')[1] for line in text.splitlines() if line.startswith("type = ")}


def scores(table, names):
    """Raw scores of the named rows of a TSV of predictions."""
    header, *lines = [line.split("\t") for line in table.splitlines()]
    columns = [i for i, name in enumerate(header) if name.startswith("prediction")]
    rows = {line[header.index("id")]: [float(line[i]) for i in columns] for line in lines}
    return np.array([rows[name] for name in names])


def one_hot(sequences):
    x = np.zeros((len(sequences), 4, LENGTH), dtype=np.float32)
    for i, sequence in enumerate(sequences):
        for position, letter in enumerate(sequence):
            if letter in "ACGT":
                x[i, "ACGT".index(letter), position] = 1
    return x


class Data:
    """A data set, the inputs of a graph for its rows, and how basewise scores them."""

    def __init__(self, binary, folder, name, names, inputs):
        self.binary, self.folder, self.path = binary, folder, folder / name
        self.names, self.inputs = names, inputs

    def compare(self, run_directory, found):
        """The largest difference between scores and those of basewise."""
        table = run(self.binary, "predict", run_directory, self.path, "--raw", "-o", "-")
        return difference(found, scores(table, self.names))


class Signal(Data):
    """Signal of two tracks: bins are in no table, so that their shapes are compared as bigWig. Perhaps with control."""

    control = ()

    def compare(self, run_directory, found):
        shapes, totals = found[:, : 2 * OUTPUT].reshape(-1, 2, OUTPUT), found[:, 2 * OUTPUT :]
        genome = ["--genome", self.folder / "genome.fa"]
        genome += [part for file in self.control for part in ("--control", file)]
        bed = self.folder / "places.bed"
        table = run(self.binary, "predict", run_directory, bed, *genome, "--raw", "-o", "-")
        largest = difference(totals, scores(table, self.names))
        if pyBigWig is None:
            print("pyBigWig is not installed; shapes of signal were not compared")
            return largest
        run(self.binary, "predict", run_directory, bed, *genome, "-o", self.folder / "x.bw")
        shares = np.exp(shapes - shapes.max(2, keepdims=True))
        shares /= shares.sum(2, keepdims=True)
        for track in range(2):
            with pyBigWig.open(str(self.folder / f"x.t{track}.bw")) as file:
                for i in range(len(self.names)):
                    start = i * LENGTH + (LENGTH - OUTPUT) // 2
                    want = np.array(file.values("chr1", start, start + OUTPUT))
                    # Totals were compared as logarithms; where none is expected there is no shape.
                    if want.sum() > 0:
                        largest = max(largest, difference(shares[i, track], want / want.sum()))
        return largest


def difference(found, want):
    """The largest; of scores above 1 relative to them."""
    assert found.shape == want.shape, (found.shape, want.shape)
    return float(np.max(np.abs(found - want) / np.maximum(1, np.abs(want))))


def table_data(binary, folder, sequences, rng):
    """Three tasks; the same with covariates, of which some are unknown."""
    names = [f"s{i}" for i in range(len(sequences))]
    beside = [[rng.randint(-100000, 100000), rng.randint(0, 64) / 64, 2010 + rng.randint(0, 8) / 4] for _ in sequences]
    missing = np.array([[rng.random() < 0.1 for _ in row] for row in beside])
    covariates = np.where(missing, np.nan, np.array(beside)).astype(np.float32)
    rows = ["id\tsequence\tlabel\tkind\tlevel\tsplit\tdistance\tgc\tyear"]
    for i, sequence in enumerate(sequences):
        cells = [names[i], sequence, i % 2, "abc"[i % 3], rng.gauss(0, 1), "valid" if i % 4 > 1 else "train"]
        cells += ["NA" if np.isnan(value) else float(value) for value in covariates[i]]
        rows.append("\t".join(map(str, cells)))
    table = folder / "table.tsv"
    table.write_text("\n".join(rows) + "\n")
    tasks = ["--label-columns", "label,kind,level"]
    run(binary, "dataset", "sequences", table, *tasks, "-o", folder / "plain")
    run(binary, "dataset", "sequences", table, *tasks, "--covariates", "distance:log,gc,year", "-o", folder / "beside")
    x = one_hot(sequences)
    return [
        Data(binary, folder, "plain", names, {"sequence": x}),
        Data(binary, folder, "beside", names, {"sequence": x, "covariates": covariates}),
    ]


def signal_data(binary, folder, sequences, rng):
    """The sequences one after the other as a genome, and two tracks over it; the same with a control that has gaps."""
    (folder / "genome.fa").write_text(">chr1\n" + "".join(sequences) + "\n")
    names = [f"s{i}" for i in range(len(sequences))]
    places = [f"chr1\t{i * LENGTH}\t{(i + 1) * LENGTH}\t{name}" for i, name in enumerate(names)]
    (folder / "places.bed").write_text("\n".join(places) + "\n")
    tracks = []
    for track in range(2):
        lines = [f"chr1\t{at}\t{at + 1}\t{rng.randint(1, 9)}" for at in range(track, len(sequences) * LENGTH, 3)]
        (folder / f"t{track}.bedGraph").write_text("\n".join(lines) + "\n")
        tracks += ["--track", f"t{track}={folder / f't{track}.bedGraph'}"]
    sizes = ["-w", LENGTH, "--output-window", OUTPUT, "--negatives", "none", "--valid", 0.3, "--test", 0]
    bed, genome = folder / "places.bed", folder / "genome.fa"
    run(binary, "dataset", "signal", bed, "-g", genome, *tracks, *sizes, "-o", folder / "signal")
    plain = Signal(binary, folder, "signal", names, {"sequence": one_hot(sequences)})
    values = np.full((2, len(sequences) * LENGTH), np.nan, dtype=np.float32)
    files, flags = [folder / f"control{track}.bedGraph" for track in range(2)], []
    for track, file in enumerate(files):
        for at in range(3 * track, values.shape[1], 2 + track):
            values[track, at] = rng.randint(0, 12) / 4
        known = np.flatnonzero(~np.isnan(values[track]))
        file.write_text("\n".join(f"chr1\t{at}\t{at + 1}\t{values[track, at]}" for at in known) + "\n")
        flags += ["--control", f"c{track}={file}"]
    run(binary, "dataset", "signal", bed, "-g", genome, *tracks, *flags, *sizes, "-o", folder / "control")
    left = (LENGTH - OUTPUT) // 2
    windows = values.reshape(2, len(sequences), LENGTH)[:, :, left : left + OUTPUT].swapaxes(0, 1)
    beside = Signal(binary, folder, "control", names, {"sequence": plain.inputs["sequence"], "control": windows})
    beside.control = files
    return plain, beside


CONTROLLED = [
    "[head]\ncontrol_width = 5\ncontrol_log = false\n" + toml([{"type": "conv1d", "filters": 6, "width": 9}]),
    toml(
        [
            {
                "type": "concat",
                "branches": [
                    [{"type": "conv1d", "filters": 6, "width": 9}, {"type": "crop", "left": 54, "right": 54}],
                    *([{"type": "control-signal", "form": form}] for form in ("bins", "log-bins")),
                ],
            },
            {"type": "conv1d", "filters": 6, "width": 3},
            {"type": "relu"},
        ]
    ),
]


def networks(args, folder, rng, plain, beside, signal, controlled):
    """Name, model and data of each network."""
    listed = [model["name"] for model in json.loads(run(args.binary, "model", "list", "--json"))]
    # Classical models have no layers to show.
    shown = ([args.binary, "model", "show", name, "--toml"] for name in listed)
    presets = [line[3] for line in shown if subprocess.run(line, capture_output=True).returncode == 0]
    for name in presets:
        yield name, name, signal if name == "bpnet" else plain
    for name in ("cnn", "dilated"):
        yield f"{name} with covariates", name, beside
    yield "bpnet with control", "bpnet", controlled
    for number, text in enumerate(CONTROLLED):
        path = folder / f"controlled{number}.toml"
        path.write_text(text)
        yield f"network with control {number}", path, controlled
    for number in range(args.networks):
        data = beside if number % 2 else plain
        path = folder / f"random{number}.toml"
        path.write_text(toml(random_network(rng, number, data is beside)))
        yield f"random network {number}", path, data


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", default="target/release/basewise")
    parser.add_argument("--networks", type=int, default=36)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sequences = ["".join(rng.choice("ACGTN" if i % 8 == 0 else "ACGT") for _ in range(LENGTH)) for i in range(96)]
        plain, beside = table_data(args.binary, folder, sequences, rng)
        signals = signal_data(args.binary, folder, sequences, rng)
        worst, count, seen = 0.0, 0, set()
        for name, model, data in networks(args, folder, rng, plain, beside, *signals):
            trained, graph = folder / "run", folder / "model.onnx"
            # Gently: scores of hundreds are known to fewer digits than the tolerance asks for. What the heads make of a
            # control begins at nothing, so that it needs more to be seen.
            rate, epochs = (0.01, 5) if "control" in data.inputs else (0.0001, 1)
            settings = ["--epochs", epochs, "--learning-rate", rate]
            run(args.binary, "train", data.path, "--model", model, *settings, "-o", trained, "--overwrite")
            run(args.binary, "model", "export", trained, "-o", graph)
            session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
            assert {one.name for one in session.get_inputs()} == set(data.inputs), name
            got = session.run(["scores"], data.inputs)[0]
            alone = session.run(["scores"], {key: value[:1] for key, value in data.inputs.items()})[0]
            largest = max(data.compare(trained, got), difference(alone, got[:1]))
            print(f"{name}: largest difference {largest:.1e} in scores of up to {np.abs(got).max():.3g}")
            text = run(args.binary, "model", "show", model, "--toml")
            if not largest < TOLERANCE:
                sys.exit(f"{name}: above {TOLERANCE}\n{text}")
            worst, count, seen = max(worst, largest), count + 1, seen | kinds(text)
        print(f"{count} networks agree with onnxruntime {onnxruntime.__version__}, at worst to {worst:.1e}")
        if KINDS - seen:
            sys.exit(f"no network had {', '.join(sorted(KINDS - seen))}: expected more --networks")


if __name__ == "__main__":
    main()
