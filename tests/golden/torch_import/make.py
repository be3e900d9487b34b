"""State dicts as PyTorch 2.15.0 saves them (see versions.txt), with inputs and outputs of their networks.

    python -m venv venv && venv/bin/pip install -r versions.txt safetensors && venv/bin/python make.py

Writes beside itself: conv, lstm, gru and encoder (.pt with .npz, the first also as .safetensors) for the networks in the
.toml files; checkpoint.pt and deflated.pt with the weights of conv; types.pt with views and other number types; module.pt and
legacy.pt, which are to be refused.
"""

import zipfile
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

here = Path(__file__).parent
torch.set_num_threads(1)
torch.manual_seed(20240611)


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 6, 5, padding="same")
        self.norm = nn.BatchNorm1d(6)
        self.dense = nn.Linear(30, 8)
        self.out = nn.Linear(8, 3)
        for array in (self.norm.weight.data, self.norm.running_var):
            array.copy_(torch.rand(6) + 0.5)
        for array in (self.norm.bias.data, self.norm.running_mean):
            array.copy_(torch.randn(6))

    def forward(self, x):
        x = torch.relu(self.norm(self.conv(x)))
        x = nn.functional.max_pool1d(x, 4).flatten(1)
        return self.out(nn.functional.gelu(self.dense(x)))


class Lstm(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 5, 4, dilation=2)
        self.lstm = nn.LSTM(5, 3, num_layers=2, bidirectional=True, batch_first=True)
        self.out = nn.Linear(6 * 14, 1)

    def forward(self, x):
        x = nn.functional.silu(self.conv(x))
        x, _ = self.lstm(x.transpose(1, 2))
        return self.out(x.transpose(1, 2).flatten(1))


class Gru(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(4, 4, bidirectional=True, batch_first=True)
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        _, last = self.gru(x.transpose(1, 2))
        return self.out(last.transpose(0, 1).flatten(1))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(4, 8, 5, padding="same")
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(8, 2, 12, batch_first=True, norm_first=True) for _ in range(2)
        )
        self.out = nn.Linear(8, 2)
        for name, array in self.named_parameters():
            if "norm" in name or name.endswith("bias"):
                array.data += 0.2 * torch.randn(array.shape)

    def forward(self, x):
        x = self.stem(x).mT
        for layer in self.layers:
            x = layer(x)
        return self.out(x.mean(1))


def one_hot(n, length):
    bases = torch.randint(0, 5, (n, length))  # 4 is an unknown base
    return nn.functional.one_hot(bases, 5)[..., :4].transpose(1, 2).float().contiguous()


def saved(net):
    name = type(net).__name__.lower()
    net.eval()
    x = one_hot(6, 20)
    with torch.no_grad():
        y = net(x)
    torch.save(net.state_dict(), here / f"{name}.pt")
    np.savez_compressed(here / f"{name}.npz", x=x.numpy(), y=y.numpy())
    if name == "conv":
        save_file(net.state_dict(), here / "conv.safetensors")
        state = net.state_dict()
        optimizer = torch.optim.Adam([nn.Parameter(torch.zeros(3))])
        torch.save({"epoch": 3, "loss": 0.25, "model_state_dict": state, "optimizer": optimizer.state_dict()},
                   here / "checkpoint.pt")
        torch.save(net.dense, here / "module.pt")
        torch.save({"a": torch.zeros(2)}, here / "legacy.pt", _use_new_zipfile_serialization=False)


for net in (Conv(), Lstm(), Gru()):
    saved(net)

with zipfile.ZipFile(here / "conv.pt") as stored, zipfile.ZipFile(here / "deflated.pt", "w", zipfile.ZIP_DEFLATED) as out:
    for member in stored.namelist():
        out.writestr(zipfile.ZipInfo(member), stored.read(member), zipfile.ZIP_DEFLATED)

numbers = torch.arange(6, dtype=torch.float32).reshape(2, 3) - 2.5
torch.save(
    {
        "half": numbers.half(),
        "bfloat": numbers.bfloat16(),
        "double": numbers.double(),
        "float": nn.Parameter(numbers),
        "turned": numbers.T,
        "column": numbers[:, 1],
        "scalar": torch.tensor(7.0),
        "whole": torch.arange(3),
        "truth": torch.tensor([True, False]),
    },
    here / "types.pt",
)

saved(Encoder())
