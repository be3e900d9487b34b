"""The networks that both sides time, in PyTorch: layers and shapes only, with random weights.

Each name is NETWORK-BATCHxLENGTH. Inputs are one-hot DNA as float32 [batch, 4, length], which is what a PyTorch program
holds; basewise starts from the base codes. Dropout is left out, so that both sides do the same arithmetic.
"""

import torch
from torch import nn
from torch.nn import functional as F


class Cnn(nn.Module):
    """Three convolutions of 128 filters (widths 15, 9, 5), the strongest match of each, one output."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(4, 128, 15, padding="same"), nn.ReLU(), nn.MaxPool1d(4),
            nn.Conv1d(128, 128, 9, padding="same"), nn.ReLU(), nn.MaxPool1d(4),
            nn.Conv1d(128, 128, 5, padding="same"), nn.ReLU(), nn.AdaptiveMaxPool1d(1),
            nn.Flatten(), nn.Linear(128, 1),
        )  # fmt: skip

    def forward(self, x):
        return self.layers(x)


class Basset(nn.Module):
    """Kelley et al. 2016, for 600 positions or others and 164 outputs."""

    def __init__(self, length=600):
        super().__init__()
        layers, channels = [], 4
        for filters, width, pool in [(300, 19, 3), (200, 11, 4), (200, 7, 4)]:
            layers += [nn.Conv1d(channels, filters, width, padding="same"), nn.BatchNorm1d(filters), nn.ReLU()]
            layers += [nn.MaxPool1d(pool)]
            channels, length = filters, length // pool
        layers += [nn.Flatten(), nn.Linear(channels * length, 1000), nn.ReLU(), nn.Linear(1000, 1000), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear(1000, 164))

    def forward(self, x):
        return self.layers(x)


class BpNet(nn.Module):
    """Avsec et al. 2021: a trunk of 64 channels with 8 dilated residual layers; profile and count of the middle."""

    OUTPUTS = 1000

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(4, 64, 21, padding="same")
        self.dilated = nn.ModuleList(nn.Conv1d(64, 64, 3, padding="same", dilation=2**i) for i in range(1, 9))
        self.profile, self.count = nn.Conv1d(64, 1, 75), nn.Linear(64, 1)

    def forward(self, x):
        x = F.relu(self.first(x))
        for layer in self.dilated:
            x = x + F.relu(layer(x))
        profile = self.profile(x)
        cut = (profile.shape[-1] - self.OUTPUTS) // 2
        middle = (x.shape[-1] - self.OUTPUTS) // 2
        return profile[..., cut : cut + self.OUTPUTS], self.count(x[..., middle : middle + self.OUTPUTS].mean(-1))


class DanQ(nn.Module):
    """Quang and Xie 2016, for 1,000 positions and 919 outputs."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv1d(4, 320, 26), nn.ReLU(), nn.MaxPool1d(13))
        self.lstm = nn.LSTM(320, 320, batch_first=True, bidirectional=True)
        self.dense = nn.Sequential(nn.Flatten(), nn.Linear(75 * 640, 925), nn.ReLU(), nn.Linear(925, 919))

    def forward(self, x):
        return self.dense(self.lstm(self.conv(x).transpose(1, 2))[0])


def cross_entropy(scores):
    return F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))


def squares(heads):
    """Stands for profile and count loss; a few thousand operations beside billions."""
    return sum(head.square().mean() for head in heads)


# Name: network, batch, length, loss.
WORKLOADS = {
    "bpnet-32x2114": (BpNet, 32, 2114, squares),
    "cnn-128x1000": (Cnn, 128, 1000, cross_entropy),
    "cnn-128x101": (Cnn, 128, 101, cross_entropy),
    "basset-64x600": (Basset, 64, 600, cross_entropy),
    "basset-64x1000": (lambda: Basset(1000), 64, 1000, cross_entropy),
    "danq-32x1000": (DanQ, 32, 1000, cross_entropy),
}


class Workload:
    """One network with its batch and its optimizer; `train` and `infer` run one step."""

    def __init__(self, name):
        torch.manual_seed(1)
        network, batch, length, self.loss = WORKLOADS[name]
        self.model = network()
        codes = torch.randint(0, 4, (batch, length))
        self.x = F.one_hot(codes, 4).float().transpose(1, 2).contiguous()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def train(self):
        self.model.train()
        self.optimizer.zero_grad()
        self.loss(self.model(self.x)).backward()
        self.optimizer.step()

    def infer(self):
        self.model.eval()
        with torch.inference_mode():
            self.model(self.x)

    def mutate(self, copies, batch=128):
        """Naive in-silico mutagenesis: the first substituted copies of a sequence, as a program would make them."""
        self.model.eval()
        x, made = self.x[0], []
        with torch.inference_mode():
            for at in range(copies):
                position, other = divmod(at, 3)
                old = int(x[:, position].argmax())
                y = x.clone()
                y[:, position] = 0
                y[(old + 1 + other) % 4, position] = 1
                made.append(y)
                if len(made) == batch or at + 1 == copies:
                    self.model(torch.stack(made))
                    made = []
