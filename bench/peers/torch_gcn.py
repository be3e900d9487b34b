"""The graph convolutional network of Kipf and Welling (2017) in plain PyTorch, on the tables that graph_cora.sh writes.

    python torch_gcn.py FOLDER [--seeds N] [--threads N] [--sparse]

Two layers, 16 hidden units, dropout 0.5 on features and hidden units, L2 penalty 5e-4 on the first layer, Adam with 0.01, 200
epochs, the weights with the lowest validation loss. Features are dense, or with --sparse a sparse matrix, with rows of sum 1; the
operator is sparse. Prints mean accuracy on the
test nodes and the seconds of all trainings, one after the other.
"""

import argparse
import csv
import statistics
import time
from pathlib import Path

import torch
import torch.nn.functional as F


def read(folder):
    with open(folder / "features.tsv") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    ids = {row[0]: i for i, row in enumerate(rows)}
    features = torch.tensor([[float(x) for x in row[1:]] for row in rows])
    features = features / features.sum(1, keepdim=True).clamp(min=1e-12)
    with open(folder / "labels.tsv") as file:
        table = list(csv.DictReader(file, delimiter="\t"))
    labels = torch.zeros(len(ids), dtype=torch.long)
    parts = {"train": [], "val": [], "test": []}
    for row in table:
        labels[ids[row["node"]]] = int(row["label"])
        parts.get(row["split"], []).append(ids[row["node"]])
    with open(folder / "edges.tsv") as file:
        pairs = [line.split() for line in file][1:]
    edges = {(ids[a], ids[b]) for a, b in pairs if a != b}
    edges |= {(b, a) for a, b in edges} | {(i, i) for i in range(len(ids))}
    index = torch.tensor(sorted(edges)).T
    degree = torch.bincount(index[0], minlength=len(ids)).float()
    values = (degree[index[0]] * degree[index[1]]).rsqrt()
    operator = torch.sparse_coo_tensor(index, values, (len(ids), len(ids))).coalesce()
    return operator, features, labels, {name: torch.tensor(own) for name, own in parts.items()}


def dropped(x, rate):
    if not x.is_sparse:
        return F.dropout(x, rate)
    return torch.sparse_coo_tensor(x.indices(), F.dropout(x.values(), rate), x.shape, is_coalesced=True)


def fit(seed, operator, features, labels, parts, epochs=200):
    torch.manual_seed(seed)
    first = torch.nn.Linear(features.shape[1], 16, bias=True)
    second = torch.nn.Linear(16, int(labels.max()) + 1, bias=True)
    for layer in (first, second):
        torch.nn.init.xavier_uniform_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    groups = [{"params": first.parameters(), "weight_decay": 5e-4}, {"params": second.parameters()}]
    optimizer = torch.optim.Adam(groups, lr=0.01)

    def forward(training):
        x = dropped(features, 0.5) if training else features
        x = torch.sparse.mm(operator, (torch.sparse.mm(x, first.weight.T) if x.is_sparse else x @ first.weight.T)) + first.bias
        x = F.dropout(F.relu(x), 0.5, training)
        return torch.sparse.mm(operator, x @ second.weight.T) + second.bias

    best, kept = float("inf"), None
    for _ in range(epochs):
        optimizer.zero_grad()
        F.cross_entropy(forward(True)[parts["train"]], labels[parts["train"]]).backward()
        optimizer.step()
        with torch.no_grad():
            scores = forward(False)
            loss = F.cross_entropy(scores[parts["val"]], labels[parts["val"]]).item()
            if loss < best:
                best, kept = loss, scores[parts["test"]].argmax(1)
    return (kept == labels[parts["test"]]).float().mean().item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--sparse", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    operator, features, *rest = read(args.folder)
    data = (operator, features.to_sparse() if args.sparse else features, *rest)
    fit(0, *data, epochs=3)
    start, cpu = time.perf_counter(), time.process_time()
    accuracies = [fit(seed, *data) for seed in range(1, args.seeds + 1)]
    seconds, processor = time.perf_counter() - start, time.process_time() - cpu
    print(f"torch {torch.__version__}: accuracy {statistics.mean(accuracies):.4f} ", end="")
    print(f"({min(accuracies):.4f} to {max(accuracies):.4f}), {seconds:.2f} s, {processor:.2f} s of processor time")


if __name__ == "__main__":
    main()
