"""Writes lstm.txt and gru.txt: one bidirectional layer in PyTorch, its output and all gradients of sum(y * w).

Made with Python 3.11.7 and PyTorch 2.15.0:  python generate.py
Each line of the output is a name and its numbers, row-major. Weights are [inputs, gates * hidden], the transposes of
PyTorch's. The reversed direction's names end in _reverse.
"""

import pathlib

import torch

BATCH, LENGTH, CHANNELS, HIDDEN = 2, 4, 2, 3


def write(name, layer):
    torch.manual_seed(7)
    net = layer(CHANNELS, HIDDEN, batch_first=True, bidirectional=True).double()
    for parameter in net.parameters():
        torch.nn.init.normal_(parameter, std=0.8)
    x = torch.randn(BATCH, LENGTH, CHANNELS, dtype=torch.float64, requires_grad=True)
    w = torch.randn(BATCH, LENGTH, 2 * HIDDEN, dtype=torch.float64)
    y, _ = net(x)
    (y * w).sum().backward()
    arrays = {"x": x, "w": w, "y": y, "d_x": x.grad}
    for suffix in ["", "_reverse"]:
        for ours, theirs in [
            ("input_weight", "weight_ih"),
            ("hidden_weight", "weight_hh"),
            ("input_bias", "bias_ih"),
            ("hidden_bias", "bias_hh"),
        ]:
            parameter = getattr(net, f"{theirs}_l0{suffix}")
            turn = (lambda a: a.T) if parameter.dim() == 2 else (lambda a: a)
            arrays[ours + suffix] = turn(parameter)
            arrays[f"d_{ours}{suffix}"] = turn(parameter.grad)
    lines = [
        " ".join([key, *(f"{v:.9g}" for v in a.detach().flatten().tolist())]) for key, a in arrays.items()
    ]
    pathlib.Path(__file__).with_name(name).write_text("\n".join(lines) + "\n")


write("lstm.txt", torch.nn.LSTM)
write("gru.txt", torch.nn.GRU)
print("PyTorch", torch.__version__)
