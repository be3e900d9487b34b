"""DeepLIFT contributions of small networks from tangermeme 1.6.0 on PyTorch 2.15.0 (see versions.txt).

    python -m venv venv && venv/bin/pip install -r versions.txt && venv/bin/python make.py > cases.json

Weights, sequences and references are functions of their places, as in the script of the presets, so that no file holds them.
Contributions are hypothetical ones of the first output, `[examples, 4, length]`, means over the references, computed in float64.
"""

import json
import math

import torch
from tangermeme.deep_lift_shap import BilinearOp, deep_lift_shap
from torch import nn

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
EXAMPLES, REFERENCES, LENGTH, OUTPUTS = 2, 3, 40, 3


def mixed(i, k):
    """A 32-bit number that looks random, of place i in array k."""
    x = (i * 2654435761 + k * 2246822519 + 12345) % 2**32
    x ^= x >> 16
    x = x * 2246822519 % 2**32
    x ^= x >> 13
    x = x * 3266489917 % 2**32
    return x ^ (x >> 16)


def sequence(k):
    x = torch.zeros(4, LENGTH)
    for position in range(LENGTH):
        x[mixed(position, k) >> 30, position] = 1
    return x


class Arrays:
    """Hands out arrays in the order of a basewise model."""

    def __init__(self):
        self.parameters, self.buffers = 0, 500

    def fill(self, k, shape, around):
        values = [mixed(i, k) / 2**31 - 1 for i in range(math.prod(shape))]
        fan = math.prod(shape[1:]) if len(shape) == 3 else shape[0]
        scaled = [around + 0.3 * v if len(shape) == 1 else math.sqrt(3 / fan) * v for v in values]
        return torch.tensor(scaled, dtype=torch.float32).double().reshape(shape)

    def parameter(self, *shape, around=0.0):
        self.parameters += 1
        return nn.Parameter(self.fill(self.parameters - 1, shape, around))

    def buffer(self, *shape, around=0.0):
        self.buffers += 1
        return self.fill(self.buffers - 1, shape, around)


def conv(a, inputs, filters, width, dilation=1, padding="same"):
    layer = nn.Conv1d(inputs, filters, width, dilation=dilation, padding=padding)
    layer.weight, layer.bias = a.parameter(filters, inputs, width), a.parameter(filters)
    return layer


def dense(a, features, units):
    layer = nn.Linear(features, units)
    layer.weight, layer.bias = nn.Parameter(a.parameter(features, units).mT.contiguous()), a.parameter(units)
    return layer


def norm(a, channels):
    layer = nn.BatchNorm1d(channels)
    layer.weight, layer.bias = a.parameter(channels, around=1.0), a.parameter(channels)
    layer.running_mean, layer.running_var = a.buffer(channels), a.buffer(channels, around=1.0)
    return layer


class Positions(nn.Module):
    """A layer over the channels of `[n, channels, length]`."""

    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x.mT).mT


def layer_norm(a, channels):
    layer = nn.LayerNorm(channels)
    layer.weight, layer.bias = a.parameter(channels, around=1.0), a.parameter(channels)
    return Positions(layer)


def rms_norm(a, channels):
    layer = nn.RMSNorm(channels, eps=1e-6)
    layer.weight = a.parameter(channels, around=1.0)
    return Positions(layer)


class Residual(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.layers(x)


class Attention(nn.Module):
    def __init__(self, a, channels, heads):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (dense(a, channels, channels) for _ in range(4))
        self.scores, self.softmax, self.gather = BilinearOp(), nn.Softmax(dim=-1), BilinearOp()

    def forward(self, x):
        n, channels, length = x.shape
        q, k, v = (
            layer(x.mT).reshape(n, length, self.heads, -1).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        weights = self.softmax(self.scores(q, k.mT) / math.sqrt(channels // self.heads))
        return self.out(self.gather(weights, v).transpose(1, 2).reshape(n, length, channels)).mT


def basset(a):
    """With pools whose ends are left out, and batch norms after convolutions and a dense layer."""
    return nn.Sequential(
        conv(a, 4, 10, 7, padding="valid"), norm(a, 10), nn.ReLU(), nn.MaxPool1d(3),
        conv(a, 10, 8, 4, padding="valid"), norm(a, 8), nn.ReLU(), nn.MaxPool1d(2),
        nn.Flatten(), dense(a, 32, 12), norm(a, 12), nn.ReLU(), dense(a, 12, OUTPUTS),
    )  # fmt: skip


def bpnet(a):
    stem = [conv(a, 4, 6, 9), nn.ReLU()]
    blocks = [Residual(conv(a, 6, 6, 3, dilation=d), nn.ReLU()) for d in (2, 4, 8)]
    return nn.Sequential(*stem, *blocks, nn.AvgPool1d(LENGTH), nn.Flatten(), dense(a, 6, OUTPUTS))


def pointwise(a):
    """Every element-wise function, and pools that overlap."""
    layers = [conv(a, 4, 6, 5), nn.Tanh(), conv(a, 6, 6, 3), nn.Sigmoid(), nn.MaxPool1d(3, 2)]
    for function in (nn.ELU(), nn.GELU(), nn.SiLU(), nn.Softplus()):
        layers += [conv(a, 6, 6, 3), norm(a, 6), function]
    return nn.Sequential(*layers, nn.MaxPool1d(19), nn.Flatten(), dense(a, 6, OUTPUTS))


def transformer(a):
    stem = [conv(a, 4, 8, 5), nn.GELU(), nn.MaxPool1d(2)]
    attend = Residual(layer_norm(a, 8), Attention(a, 8, 2))
    feed = Residual(rms_norm(a, 8), conv(a, 8, 12, 1), nn.SiLU(), conv(a, 12, 8, 1))
    return nn.Sequential(*stem, attend, feed, Positions(nn.Softmax(dim=-1)), nn.Flatten(), dense(a, 160, OUTPUTS))


def contributions(network):
    model = network(Arrays()).eval()
    x = torch.stack([sequence(1000 + i) for i in range(EXAMPLES)])
    references = torch.stack(
        [torch.stack([sequence(4000 + 100 * i + r) for r in range(REFERENCES)]) for i in range(EXAMPLES)]
    )
    found = deep_lift_shap(
        model, x, references=references, hypothetical=True, device="cpu", warning_threshold=1e-9, dtype=torch.float64
    )
    return {
        "name": network.__name__,
        "contributions": [float(f"{v:.9g}") for v in found.flatten().tolist()],
    }


cases = [contributions(network) for network in (basset, bpnet, pointwise, transformer)]
print("[\n " + ",\n ".join(json.dumps(case) for case in cases) + "\n]")
