"""Scores of small networks and parameter counts of the presets, from PyTorch 2.15.0 on Python 3.11 (see versions.txt).

    python -m venv venv && venv/bin/pip install -r versions.txt && venv/bin/python make.py > cases.json

Networks are lists of layers with the keys of basewise's TOML, run here by PyTorch's own operations in float64. Weights are
those of `value` below, in the order and layout of the arrays of a basewise model, rounded to float32; no file holds them.
Presets are counted at their full size, for 1,000 bases and 1 output, and run with all filters and units divided. The trunk
of BPNet is also run with the heads of a profile, without and with control signal.

Each network is also built of `torch.nn` modules under the names of basewise's exports, filled with the same weights and run
by `forward`: the scores must be the same, and its state dict is what an export must be, array by array.
"""

import json
import math

import torch
from torch import nn
from torch.nn import functional as F

torch.set_default_dtype(torch.float64)
OUTPUTS = 3
SIDE = 2


def mixed(i, k):
    """A 32-bit number that looks random, of place i in array k."""
    x = (i * 2654435761 + k * 2246822519 + 12345) % 2**32
    x ^= x >> 16
    x = x * 2246822519 % 2**32
    x ^= x >> 13
    x = x * 3266489917 % 2**32
    return x ^ (x >> 16)


def value(i, k):
    return mixed(i, k) / 2**31 - 1


def beside(n, width):
    """Standardized covariates, rounded to float32."""
    values = [[value(j, 2000 + example) for j in range(width)] for example in range(n)]
    return torch.tensor(values, dtype=torch.float32).double()


def one_hot(n, length):
    x = torch.zeros(n, 4, length)
    for example in range(n):
        for position in range(length):
            x[example, mixed(position, 1000 + example) >> 30, position] = 1
    return x


def control_signal(n, tracks, bins):
    """Signal of 0 to 10, rounded to float32."""
    values = [[10 * abs(value(j, 3000 + example)) for j in range(tracks * bins)] for example in range(n)]
    return torch.tensor(values, dtype=torch.float32).double().reshape(n, tracks, bins)


class Arrays:
    """Hands out arrays in order."""

    def __init__(self, counting, side=None, control=None):
        self.counting = counting
        self.side = side
        self.control = control
        self.parameters = 0
        self.buffers = 0
        self.numbers = 0

    def fill(self, k, shape, around):
        if self.counting:
            return torch.zeros(1).expand(*shape)
        size = math.prod(shape)
        values = [value(i, k) for i in range(size)]
        if len(shape) == 1:
            values = [around + 0.3 * v for v in values]
        else:
            fan = size // shape[0] if len(shape) == 3 else shape[0]
            values = [math.sqrt(3 / fan) * v for v in values]
        return torch.tensor(values, dtype=torch.float32).double().reshape(shape)

    def parameter(self, *shape, around=0.0):
        self.parameters += 1
        self.numbers += math.prod(shape)
        return self.fill(self.parameters - 1, shape, around)

    def buffer(self, *shape, around=0.0):
        self.buffers += 1
        return self.fill(500 + self.buffers - 1, shape, around)


def conv1d(a, x, filters, width, stride=1, dilation=1, groups=1, padding="same"):
    weight, bias = a.parameter(filters, x.shape[1] // groups, width), a.parameter(filters)
    if padding == "same":
        span, length = (width - 1) * dilation + 1, x.shape[2]
        total = max((-(-length // stride) - 1) * stride + span - length, 0)
        x = F.pad(x, (total // 2, total - total // 2))
    return F.conv1d(x, weight, bias, stride=stride, dilation=dilation, groups=groups)


def dense(a, x, units):
    weight, bias = a.parameter(x.shape[1], units), a.parameter(units)
    return (x[:, :, 0] @ weight + bias)[:, :, None]


def batch_norm(a, x):
    c = x.shape[1]
    scale, shift = a.parameter(c, around=1.0), a.parameter(c)
    mean, variance = a.buffer(c), a.buffer(c, around=1.0)
    return F.batch_norm(x, mean, variance, scale, shift, training=False, eps=1e-5)


def layer_norm(a, x):
    c = x.shape[1]
    scale, shift = a.parameter(c, around=1.0), a.parameter(c)
    return F.layer_norm(x.mT, (c,), scale, shift, eps=1e-5).mT


def rms_norm(a, x):
    return F.rms_norm(x.mT, (x.shape[1],), a.parameter(x.shape[1], around=1.0), eps=1e-6).mT


def attention_pool(a, x, width=None):
    n, c, length = x.shape
    width = width or length
    weight = a.parameter(c, c)
    windows = x[:, :, : length // width * width].reshape(n, c, -1, width)
    scores = torch.einsum("ncwp,cd->ndwp", windows, weight)
    return (scores.softmax(3) * windows).sum(3)


def self_attention(a, x, heads, key_size=None, positions="none", clip=32):
    n, c, length = x.shape
    size = key_size or c // heads
    rows = x.mT

    def project():
        weight, bias = a.parameter(c, heads * size), a.parameter(heads * size)
        return (rows @ weight + bias).reshape(n, length, heads, size).transpose(1, 2)

    q, k, v = project(), project(), project()
    weight, bias = a.parameter(heads * size, c), a.parameter(c)
    mask = None
    if positions == "rotary":
        rates = 10000.0 ** (-2 * torch.arange(size // 2) / size)
        angles = torch.arange(length)[:, None] * rates
        turns = torch.polar(torch.ones_like(angles), angles)

        def turn(t):
            pairs = torch.view_as_complex(t.reshape(n, heads, length, size // 2, 2).contiguous())
            return torch.view_as_real(pairs * turns).reshape(n, heads, length, size)

        q, k = turn(q), turn(k)
    elif positions == "relative":
        by_distance = a.parameter(heads, 2 * clip + 1)
        distance = torch.arange(length)[None, :] - torch.arange(length)[:, None]
        mask = by_distance[:, distance.clamp(-clip, clip) + clip][None]
    gathered = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    return (gathered.transpose(1, 2).reshape(n, length, heads * size) @ weight + bias).mT


def recurrent(layer, gates, biases):
    def run(a, x, units, bidirectional=False, last=False):
        net = layer(x.shape[1], units, batch_first=True, bidirectional=bidirectional)
        with torch.no_grad():
            for suffix in ["", "_reverse"][: 1 + bidirectional]:
                getattr(net, f"weight_ih_l0{suffix}").copy_(a.parameter(x.shape[1], gates * units).mT)
                getattr(net, f"weight_hh_l0{suffix}").copy_(a.parameter(units, gates * units).mT)
                getattr(net, f"bias_ih_l0{suffix}").copy_(a.parameter(gates * units))
                hidden = a.parameter(gates * units) if biases == 2 else torch.zeros(gates * units)
                getattr(net, f"bias_hh_l0{suffix}").copy_(hidden)
            y, state = net(x.mT)
        if not last:
            return y.mT
        state = state[0] if isinstance(state, tuple) else state
        return torch.cat(list(state), dim=1)[:, :, None]

    return run


def strands(a, x, layer, combine="mean"):
    n = x.shape[0]
    y = run(a, torch.cat([x, x.flip([1, 2])]), layer)
    pair = torch.stack([y[:n], y[n:].flip([2])])
    return {"mean": pair.mean(0), "max": pair.amax(0), "sum": pair.sum(0)}[combine]


def form_of(control, form="bins"):
    if form == "bins":
        return control
    return (control.sum(2, keepdim=True) if form == "log-totals" else control).log1p()


LAYERS = {
    "conv1d": conv1d,
    "dense": dense,
    "max-pool1d": lambda a, x, width, stride=None: F.max_pool1d(x, width, stride),
    "avg-pool1d": lambda a, x, width, stride=None: F.avg_pool1d(x, width, stride),
    "global-max-pool": lambda a, x: x.amax(2, keepdim=True),
    "global-avg-pool": lambda a, x: x.mean(2, keepdim=True),
    "flatten": lambda a, x: x.reshape(x.shape[0], -1, 1),
    "side-inputs": lambda a, x: torch.cat([x, a.side[:, :, None]], 1),
    "control-signal": lambda a, x, form="bins": form_of(a.control, form),
    "dropout": lambda a, x, rate: x,
    "batch-norm": batch_norm,
    "layer-norm": layer_norm,
    "rms-norm": rms_norm,
    "relu": lambda a, x: F.relu(x),
    "gelu": lambda a, x: F.gelu(x),
    "silu": lambda a, x: F.silu(x),
    "elu": lambda a, x: F.elu(x),
    "tanh": lambda a, x: torch.tanh(x),
    "sigmoid": lambda a, x: torch.sigmoid(x),
    "softplus": lambda a, x: F.softplus(x),
    "exp": lambda a, x: torch.exp(x),
    "softmax": lambda a, x: x.softmax(1),
    "crop": lambda a, x, left=0, right=0: x[:, :, left : x.shape[2] - right],
    "upsample": lambda a, x, factor: F.interpolate(x, scale_factor=factor, mode="nearest"),
    "attention-pool": attention_pool,
    "self-attention": self_attention,
    "lstm": recurrent(nn.LSTM, 4, 1),
    "gru": recurrent(nn.GRU, 3, 2),
    "residual": lambda a, x, layer: x + run(a, x, layer),
    "concat": lambda a, x, branch: torch.cat([run(a, x, layers) for layers in branch], 1),
    "strands": strands,
}


def run(a, x, layers):
    for layer in layers:
        keys = {key: value for key, value in layer.items() if key != "type"}
        x = LAYERS[layer["type"]](a, x, **keys)
    return x


def scores(a, x, layers, head):
    """A dense layer to so many outputs, or the heads of a profile."""
    x = run(a, x, layers)
    if isinstance(head, int):
        return dense(a, x.reshape(x.shape[0], -1, 1), head)[:, :, 0]
    tracks, span = head["tracks"], head["bins"] * head["bin_size"]
    start = (x.shape[2] - span) // 2
    shape = F.avg_pool1d(conv1d(a, x, tracks, head["profile_width"])[:, :, start : start + span], head["bin_size"])
    pooled = x.mean(2)
    if a.control is not None:
        form = "log-bins" if head.get("control_log", True) else "bins"
        shape = shape + conv1d(a, form_of(a.control, form), tracks, head.get("control_width", 1))
        pooled = torch.cat([pooled, form_of(a.control, "log-totals")[:, :, 0]], 1)
    totals = dense(a, pooled[:, :, None], tracks)[:, :, 0]
    return torch.cat([shape.flatten(1), totals], 1)


def copied(parameter, values):
    with torch.no_grad():
        parameter.copy_(values)


class Function(nn.Module):
    """A layer without weights."""

    def __init__(self, function):
        super().__init__()
        self.forward = function


class Conv1d(nn.Conv1d):
    """Filled with arrays, as all that follow; `x` is what will come in."""

    def __init__(self, a, x, filters, width, stride=1, dilation=1, groups=1, padding="same"):
        super().__init__(x.shape[1], filters, width, stride, dilation=dilation, groups=groups)
        total = max((-(-x.shape[2] // stride) - 1) * stride + (width - 1) * dilation + 1 - x.shape[2], 0)
        self.ends = (total // 2, total - total // 2) if padding == "same" else (0, 0)
        copied(self.weight, a.parameter(filters, x.shape[1] // groups, width))
        copied(self.bias, a.parameter(filters))

    def forward(self, x):
        return super().forward(F.pad(x, self.ends))


class Linear(nn.Linear):
    """Over the channels of `[n, channels, length]`."""

    def __init__(self, a, x, units, bias=True):
        super().__init__(x.shape[1], units, bias)
        copied(self.weight, a.parameter(x.shape[1], units).mT)
        if bias:
            copied(self.bias, a.parameter(units))

    def forward(self, x):
        return super().forward(x.mT).mT


class BatchNorm1d(nn.BatchNorm1d):
    def __init__(self, a, x):
        super().__init__(x.shape[1])
        copied(self.weight, a.parameter(x.shape[1], around=1.0))
        copied(self.bias, a.parameter(x.shape[1]))
        copied(self.running_mean, a.buffer(x.shape[1]))
        copied(self.running_var, a.buffer(x.shape[1], around=1.0))
        self.eval()


class LayerNorm(nn.LayerNorm):
    def __init__(self, a, x):
        super().__init__(x.shape[1])
        copied(self.weight, a.parameter(x.shape[1], around=1.0))
        copied(self.bias, a.parameter(x.shape[1]))

    def forward(self, x):
        return super().forward(x.mT).mT


class RMSNorm(nn.RMSNorm):
    def __init__(self, a, x):
        super().__init__(x.shape[1], eps=1e-6)
        copied(self.weight, a.parameter(x.shape[1], around=1.0))

    def forward(self, x):
        return super().forward(x.mT).mT


class AttentionPool(Linear):
    def __init__(self, a, x, width=None):
        super().__init__(a, x, x.shape[1], bias=False)
        self.width = width

    def forward(self, x):
        width = self.width or x.shape[2]
        x = x[:, :, : x.shape[2] // width * width]
        scores, windows = (y.unflatten(2, (-1, width)) for y in (super(AttentionPool, self).forward(x), x))
        return (scores.softmax(3) * windows).sum(3)


class SelfAttention(nn.Module):
    def __init__(self, a, x, heads, key_size=None, positions="none", clip=32):
        super().__init__()
        size = key_size or x.shape[1] // heads
        self.heads, self.positions, self.clip = heads, positions, clip
        self.query, self.key, self.value = (Linear(a, x, heads * size) for _ in range(3))
        self.output = Linear(a, self.value(x), x.shape[1])
        if positions == "relative":
            self.position_bias = nn.Parameter(a.parameter(heads, 2 * clip + 1))

    def forward(self, x):
        q, k, v = (part(x).unflatten(1, (self.heads, -1)).mT for part in (self.query, self.key, self.value))
        mask = None
        if self.positions == "rotary":
            q, k = rotated(q), rotated(k)
        elif self.positions == "relative":
            places = torch.arange(x.shape[2])
            distance = (places[None, :] - places[:, None]).clamp(-self.clip, self.clip)
            mask = self.position_bias[:, distance + self.clip]
        return self.output(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).mT.flatten(1, 2))


def rotated(x):
    """Pairs of channels of `[n, heads, length, size]`, turned by their position."""
    length, size = x.shape[2:]
    angles = torch.arange(length)[:, None] * 10000.0 ** (-2 * torch.arange(size // 2) / size)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack([a * angles.cos() - b * angles.sin(), a * angles.sin() + b * angles.cos()], -1).flatten(3)


def recurrent_module(base, gates, biases):
    class Recurrent(base):
        def __init__(self, a, x, units, bidirectional=False, last=False):
            super().__init__(x.shape[1], units, batch_first=True, bidirectional=bidirectional)
            self.last = last
            for suffix in ["", "_reverse"][: 1 + bidirectional]:
                copied(getattr(self, f"weight_ih_l0{suffix}"), a.parameter(x.shape[1], gates * units).mT)
                copied(getattr(self, f"weight_hh_l0{suffix}"), a.parameter(units, gates * units).mT)
                copied(getattr(self, f"bias_ih_l0{suffix}"), a.parameter(gates * units))
                hidden = a.parameter(gates * units) if biases == 2 else torch.zeros(gates * units)
                copied(getattr(self, f"bias_hh_l0{suffix}"), hidden)

        def forward(self, x):
            y, state = super().forward(x.mT)
            state = state[0] if isinstance(state, tuple) else state
            return torch.cat(list(state), 1)[:, :, None] if self.last else y.mT

    return Recurrent


class Chain(nn.Module):
    """Layers in order, named by their numbers after `prefix`."""

    def __init__(self, a, x, layers, prefix=""):
        super().__init__()
        for number, one in enumerate(layers, 1):
            module = module_of(a, x, one)
            self.add_module(f"{prefix}{number}", module)
            x = module(x)

    def forward(self, x):
        for module in self.children():
            x = module(x)
        return x


class Residual(Chain):
    def __init__(self, a, x, layer):
        super().__init__(a, x, layer)

    def forward(self, x):
        return x + super().forward(x)


class Strands(Chain):
    def __init__(self, a, x, layer, combine="mean"):
        super().__init__(a, x, layer)
        self.combine = combine

    def forward(self, x):
        forward, reverse = super().forward(x), super().forward(x.flip([1, 2])).flip([2])
        return {"mean": (forward + reverse) / 2, "max": forward.maximum(reverse), "sum": forward + reverse}[self.combine]


class Concat(nn.Module):
    def __init__(self, a, x, branch):
        super().__init__()
        for number, layers in enumerate(branch, 1):
            self.add_module(f"b{number}", Chain(a, x, layers))

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.children()], 1)


MODULES = {
    "conv1d": Conv1d,
    "dense": Linear,
    "batch-norm": BatchNorm1d,
    "layer-norm": LayerNorm,
    "rms-norm": RMSNorm,
    "attention-pool": AttentionPool,
    "self-attention": SelfAttention,
    "lstm": recurrent_module(nn.LSTM, 4, 1),
    "gru": recurrent_module(nn.GRU, 3, 2),
    "residual": Residual,
    "concat": Concat,
    "strands": Strands,
}


def module_of(a, x, layer):
    name, keys = layer["type"], {key: value for key, value in layer.items() if key != "type"}
    if name in MODULES:
        return MODULES[name](a, x, **keys)
    return Function(lambda x: LAYERS[name](a, x, **keys))


class ProfileHead(nn.Module):
    """The heads of a profile: logits of bins with what the control adds to them, then logarithms of totals."""

    def __init__(self, a, x, head):
        super().__init__()
        self.signal, self.head = a.control, head
        self.profile = Conv1d(a, x, head["tracks"], head["profile_width"])
        if self.signal is not None:
            self.control = Conv1d(a, self.signal, head["tracks"], head.get("control_width", 1))
        self.counts = Linear(a, self.pooled(x), head["tracks"])

    def pooled(self, x):
        mean = x.mean(2, keepdim=True)
        return mean if self.signal is None else torch.cat([mean, self.signal.sum(2, keepdim=True).log1p()], 1)

    def forward(self, x):
        span = self.head["bins"] * self.head["bin_size"]
        logits = self.profile(x).narrow(2, (x.shape[2] - span) // 2, span)
        logits = logits.unflatten(2, (-1, self.head["bin_size"])).mean(3)
        if self.signal is not None:
            logits = logits + self.control(self.signal.log1p() if self.head.get("control_log", True) else self.signal)
        return torch.cat([logits.flatten(1), self.counts(self.pooled(x))[:, :, 0]], 1)[:, :, None]


def fingerprint(values):
    """A number that changes if values change places."""
    return sum((i % 89 + 1) * v for i, v in enumerate(values.flatten().tolist()))


def state_dict(a, x, layers, head, wanted):
    """Names, shapes and fingerprints of the arrays of the network as modules, which must give the wanted scores."""
    net = Chain(a, x, layers, "layer")
    if isinstance(head, int):
        net.add_module("flatten", nn.Flatten())
        net.add_module("unsqueeze", nn.Unflatten(1, (-1, 1)))
        net.add_module("head", Linear(a, net(x), head))
    else:
        net.add_module("head", ProfileHead(a, net(x), head))
    torch.testing.assert_close(net(x)[:, :, 0], wanted, rtol=1e-10, atol=1e-10)
    arrays = [(name, array) for name, array in net.state_dict().items() if not name.endswith("num_batches_tracked")]
    return [[name, list(array.shape), fingerprint(array)] for name, array in arrays]


def layer(name, **keys):
    return {"type": name, **keys}


def conv(filters, width, **keys):
    return layer("conv1d", filters=filters, width=width, **keys)


RELU = layer("relu")
FLATTEN = layer("flatten")
POOL4 = layer("max-pool1d", width=4)


def hidden(units):
    return [layer("dense", units=units), RELU]


def basset(*widths):
    layers = []
    for filters, width, pool in zip(widths, (19, 11, 7), (3, 4, 4)):
        layers += [conv(filters, width, padding="valid"), layer("batch-norm"), RELU, layer("max-pool1d", width=pool)]
    layers.append(FLATTEN)
    for units in widths[3:]:
        layers += [layer("dense", units=units), layer("batch-norm"), RELU]
    return layers


def deepsea(a, b, c, units):
    first = [conv(a, 8, padding="valid"), RELU, POOL4, conv(b, 8, padding="valid"), RELU, POOL4]
    return [*first, conv(c, 8, padding="valid"), RELU, FLATTEN, *hidden(units)]


def danq(filters, state, units):
    first = [conv(filters, 26, padding="valid"), RELU, layer("max-pool1d", width=13)]
    return [*first, layer("lstm", units=state, bidirectional=True), FLATTEN, *hidden(units)]


def bpnet(filters):
    blocks = [layer("residual", layer=[conv(filters, 3, dilation=2**i), RELU]) for i in range(1, 9)]
    return [conv(filters, 21), RELU, *blocks]


def transformer(filters, inner):
    block = [
        layer("residual", layer=[layer("layer-norm"), layer("self-attention", heads=4, positions="rotary")]),
        layer("residual", layer=[layer("layer-norm"), conv(inner, 1), layer("gelu"), conv(filters, 1)]),
    ]
    stem = [conv(filters, 15), layer("gelu"), POOL4]
    return [*stem, *block, *block, layer("layer-norm"), layer("global-avg-pool")]


def both(name, units, **keys):
    return layer(name, units=units, bidirectional=True, **keys)


def cnn_lstm(filters, state, places, units):
    stem = [conv(filters, 13), layer("batch-norm"), RELU, layer("max-pool1d", width=3), both("lstm", state)]
    read = [[layer("global-max-pool")], [layer("global-avg-pool")], [conv(places, 1), FLATTEN]]
    return [*stem, layer("concat", branch=read), *hidden(units)]


# Each with its widths: filters, units and states, in order.
PRESETS = {
    "bpnet": (bpnet, (64,)),
    "cnn": (lambda a, b, c: [conv(a, 11), RELU, POOL4, conv(b, 7), RELU, POOL4, FLATTEN, *hidden(c)], (32, 48, 64)),
    "cnn-global": (lambda a, b: [conv(a, 15), RELU, layer("global-max-pool"), *hidden(b)], (64, 32)),
    "mlp": (lambda a, b: [FLATTEN, *hidden(a), *hidden(b)], (256, 64)),
    "deepbind": (lambda a, b: [conv(a, 24), RELU, layer("global-max-pool"), *hidden(b)], (16, 32)),
    "basset": (basset, (300, 200, 200, 1000, 1000)),
    "deepsea": (deepsea, (320, 480, 960, 925)),
    "danq": (danq, (320, 320, 925)),
    "dilated": (lambda a: [*bpnet(a), layer("global-avg-pool")], (64,)),
    "lstm": (lambda a, b: [both("lstm", a, last=True), *hidden(b)], (64, 32)),
    "gru": (lambda a, b: [both("gru", a, last=True), *hidden(b)], (64, 32)),
    "cnn-gru": (lambda a, b: [conv(a, 15), RELU, POOL4, both("gru", b, last=True)], (64, 64)),
    "cnn-lstm": (cnn_lstm, (160, 64, 24, 128)),
    "cnn-lstm-attention": (
        lambda a, b, c: [conv(a, 15), RELU, POOL4, both("lstm", b), layer("attention-pool"), *hidden(c)],
        (64, 64, 32),
    ),
    "transformer": (transformer, (64, 128)),
}

STEM = [conv(6, 5)]
BINS = ["bins", "log-bins"]
CONTROL = (2, 12)
ACTIVATIONS = ["relu", "gelu", "silu", "elu", "tanh", "sigmoid", "softplus", "exp", "softmax"]
SMALL = {
    "strided": [conv(5, 4, stride=3), conv(4, 3, dilation=2, padding="valid")],
    "separable": [*STEM, conv(6, 3, groups=6), conv(8, 1)],
    "pools": [*STEM, layer("max-pool1d", width=3, stride=2), layer("avg-pool1d", width=2)],
    "global pools": [*STEM, layer("concat", branch=[[layer("global-max-pool")], [layer("global-avg-pool")]])],
    "batch-norm": [*STEM, layer("batch-norm"), RELU],
    "layer-norm": [*STEM, layer("layer-norm")],
    "rms-norm": [*STEM, layer("rms-norm")],
    "crop and concat": [
        *STEM,
        layer(
            "concat",
            branch=[[layer("crop", left=1, right=3)], [conv(3, 5, padding="valid"), layer("residual", layer=[RELU])]],
        ),
    ],
    "side-inputs": [*STEM, layer("global-avg-pool"), layer("side-inputs"), *hidden(4)],
    "control-signal": [
        *STEM,
        layer("concat", branch=[[layer("crop", left=6, right=8)], *([layer("control-signal", form=f)] for f in BINS)]),
        conv(3, 3),
        layer("concat", branch=[[FLATTEN], [layer("control-signal", form="log-totals")]]),
    ],
    "upsample": [*STEM, layer("max-pool1d", width=2), layer("upsample", factor=2), conv(3, 3)],
    "attention-pool": [*STEM, layer("attention-pool", width=4), layer("attention-pool")],
    "self-attention": [*STEM, layer("self-attention", heads=3)],
    "self-attention, rotary": [*STEM, layer("self-attention", heads=2, key_size=4, positions="rotary")],
    "self-attention, relative": [*STEM, layer("self-attention", heads=2, positions="relative", clip=3)],
    "stacked lstm": [both("lstm", 5), layer("lstm", units=4, last=True)],
    "stacked gru": [layer("gru", units=5), both("gru", 3)],
}
SMALL |= {name: [*STEM, layer(name)] for name in ACTIVATIONS}
SMALL |= {
    f"strands, {how}": [layer("strands", combine=how, layer=[conv(5, 4), RELU, layer("max-pool1d", width=3)]), conv(2, 3)]
    for how in ["mean", "max", "sum"]
}


def toml(layers, prefix="layer"):
    lines = []
    for one in layers:
        lines.append(f"[[{prefix}]]")
        lines += [f"{key} = {json.dumps(value)}" for key, value in one.items() if key not in ("layer", "branch")]
        if "layer" in one:
            lines.append(toml(one["layer"], f"{prefix}.layer"))
        for branch in one.get("branch", []):
            lines += [f"[[{prefix}.branch]]", toml(branch, f"{prefix}.branch.layer")]
    return "\n".join(lines)


def case(name, layers, length, head=OUTPUTS, control=None, **keys):
    side = beside(2, SIDE) if "side-inputs" in toml(layers) else None
    signal = control_signal(2, *control) if control else None
    x = one_hot(2, length)
    found = scores(Arrays(counting=False, side=side, control=signal), x, layers, head)
    arrays = state_dict(Arrays(counting=False, side=side, control=signal), x, layers, head, found)
    if control:
        keys["control"] = control
    return {"name": name, **keys, "length": length, "scores": found.tolist(), "state_dict": arrays}


def preset(name):
    build, widths = PRESETS[name]
    counter = Arrays(counting=True)
    scores(counter, one_hot(1, 1000), build(*widths), 1)
    divisor = 32 if max(widths) > 256 else 8
    layers = build(*(max(width // divisor, 1) for width in widths))
    return case(name, layers, 168, parameters=counter.numbers, divisor=divisor)


def small(name):
    control = CONTROL if "control-signal" in toml(SMALL[name]) else None
    return case(name, SMALL[name], 26, control=control, toml=toml(SMALL[name]))


PROFILE = {"tracks": 2, "bins": 20, "bin_size": 3, "profile_width": 15}
# Settings of the heads, and tracks of control.
PROFILES = {
    "bpnet": ({}, 0),
    "bpnet with control": ({}, 2),
    "bpnet with one control as it is": ({"control_width": 4, "control_log": False}, 1),
}


def profile(name):
    settings, tracks = PROFILES[name]
    layers, head = bpnet(8), {**PROFILE, **settings}
    keys = {key: json.dumps(value) for key, value in head.items() if key in ("profile_width", *settings)}
    text = "\n".join(["[head]", *(f"{key} = {value}" for key, value in keys.items()), toml(layers)])
    sizes = [PROFILE["tracks"], PROFILE["bins"], PROFILE["bin_size"]]
    control = (tracks, PROFILE["bins"]) if tracks else None
    return case(name, layers, 168, head=head, control=control, toml=text, profile=sizes)


with torch.no_grad():
    cases = {
        "presets": [preset(name) for name in PRESETS],
        "layers": [small(name) for name in SMALL],
        "profiles": [profile(name) for name in PROFILES],
    }

# One number or array a line is more lines than a person reads.
lines = {part: ",\n  ".join(json.dumps(one) for one in cases[part]) for part in cases}
print("{" + ",".join(f'\n "{part}": [\n  {text}\n ]' for part, text in lines.items()) + "\n}")
