"""tangermeme's side of `deeplift.py`: reads `explain` from stdin and answers as `basewise-bench deeplift` does.

python deeplift_worker.py NAME THREADS
"""

import importlib.metadata
import sys
import time

import torch
from tangermeme.deep_lift_shap import deep_lift_shap
from torch import nn
from torch.nn import functional as F

from torch_worker import peak_kib

REFERENCES = 20


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class Mean(nn.Module):
    """Over the middle, without a border of 557."""

    def forward(self, x):
        return x[:, :, 557:-557].mean(-1)


def basset():
    layers, channels, length = [], 4, 1000
    for filters, width, pool in [(300, 19, 3), (200, 11, 4), (200, 7, 4)]:
        layers += [nn.Conv1d(channels, filters, width, padding="same"), nn.BatchNorm1d(filters), nn.ReLU()]
        layers += [nn.MaxPool1d(pool)]
        channels, length = filters, length // pool
    layers += [nn.Flatten(), nn.Linear(channels * length, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(1000, 1))


def bpnet():
    blocks = [Residual(nn.Conv1d(64, 64, 3, padding="same", dilation=2**i), nn.ReLU()) for i in range(1, 9)]
    return nn.Sequential(nn.Conv1d(4, 64, 21, padding="same"), nn.ReLU(), *blocks, Mean(), nn.Linear(64, 1))


NETWORKS = {"basset-8x1000": (basset, 8, 1000), "bpnet-4x2114": (bpnet, 4, 2114)}


def one_hot(*shape):
    return F.one_hot(torch.randint(0, 4, shape), 4).float().transpose(-1, -2).contiguous()


def main():
    name, threads = sys.argv[1:]
    torch.set_num_threads(int(threads))
    torch.manual_seed(1)
    network, n, length = NETWORKS[name]
    model, x, references = network().eval(), one_hot(n, length), one_hot(n, REFERENCES, length)
    print("ready", importlib.metadata.version("tangermeme"), "on PyTorch", torch.__version__, flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        deep_lift_shap(model, x, references=references, hypothetical=True, device="cpu")
        print(f"{(time.perf_counter() - start) * 1e3:.4f} {peak_kib()}", flush=True)


if __name__ == "__main__":
    main()
