"""A plain PyTorch program that trains the network of `cnn128.toml`: Dataset, DataLoader, Adam, validation, checkpoint.

    python torch_train_script.py TABLE.tsv WEIGHTS.pt --workers N [--epochs 2] [--threads 2] [--steps N]

As one would write it: letters are held as strings, an example becomes one-hot when the loader asks for it, each epoch
ends with the validation loss and saved weights. Prints one JSON line an epoch.
"""

import argparse
import csv
import json
import time

import numpy as np
import torch
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from torch_models import Cnn

WARMING_STEPS = 5  # of a trial, not counted
ONE_HOT = np.zeros((256, 4), dtype=np.float32)
ONE_HOT[np.frombuffer(b"ACGT", dtype=np.uint8), range(4)] = 1


class Sequences(Dataset):
    """The rows of one split."""

    def __init__(self, rows, split):
        self.rows = [(row["sequence"], float(row["label"])) for row in rows if row["split"] == split]

    def __len__(self):
        return len(self.rows)

    def __getitem__(self, index):
        sequence, label = self.rows[index]
        one_hot = ONE_HOT[np.frombuffer(sequence.encode(), dtype=np.uint8)]
        return torch.from_numpy(np.ascontiguousarray(one_hot.T)), torch.tensor([label])


def validation_loss(model, loader):
    """Mean cross-entropy in nats."""
    model.eval()
    total, examples = 0.0, 0
    with torch.inference_mode():
        for x, y in loader:
            total += F.binary_cross_entropy_with_logits(model(x), y, reduction="sum").item()
            examples += len(y)
    return total / examples


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table")
    parser.add_argument("weights")
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, help="stop after so many (6 or more) and print seconds a step")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    with open(args.table, newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    loading = {"batch_size": 128, "num_workers": args.workers}
    train = DataLoader(Sequences(rows, "train"), shuffle=True, **loading)
    valid = DataLoader(Sequences(rows, "valid"), **loading)
    del rows
    model = Cnn()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for epoch in range(args.epochs):
        model.train()
        total, start, warm = 0.0, time.perf_counter(), None
        for step, (x, y) in enumerate(train):
            if step == WARMING_STEPS:
                warm = time.perf_counter()
            optimizer.zero_grad()
            loss = F.binary_cross_entropy_with_logits(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(y)
            if step + 1 == args.steps:
                print(json.dumps({"seconds_a_step": (time.perf_counter() - warm) / (args.steps - WARMING_STEPS)}))
                return
        line = {
            "epoch": epoch + 1,
            "train_loss": total / len(train.dataset),
            "valid_loss": validation_loss(model, valid),
        }
        print(json.dumps(line | {"seconds": time.perf_counter() - start}), flush=True)
        torch.save(model.state_dict(), args.weights)


if __name__ == "__main__":
    main()
