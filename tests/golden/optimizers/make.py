"""Reference values of the optimizers and learning rates of basewise_nn, from PyTorch 2.15.0 (see versions.txt).

    python -m venv venv && venv/bin/pip install -r versions.txt && venv/bin/python make.py > expected.json

All is computed in float64 from float32 numbers. torch.optim.Muon rounds to bfloat16 within its iterations; that type is
replaced by float64 here, so that its formula is compared and not its rounding.
"""

import json

import numpy as np
import torch

torch.set_num_threads(1)
torch.bfloat16 = torch.float64
rng = np.random.default_rng(20261125)
STEPS = 6
RATE = 0.05


def f32(x):
    return np.asarray(x, dtype=np.float32).astype(np.float64)


def optimizer(name, kind, make, shapes=((3, 4), (5,)), **settings):
    numbers = dict(weight_decay=0.0, momentum=0.0, nesterov=False, beta1=0.9, beta2=0.999, epsilon=1e-8)
    numbers.update(settings)
    start = [f32(rng.standard_normal(shape)) for shape in shapes]
    gradients = [[f32(rng.standard_normal(shape)) for shape in shapes] for _ in range(STEPS)]
    parameters = [torch.nn.Parameter(torch.tensor(x)) for x in start]
    optimizers = make(parameters, numbers)
    values = []
    for step in gradients:
        for parameter, gradient in zip(parameters, step):
            parameter.grad = torch.tensor(gradient)
        for one in optimizers:
            one.step()
        values.append([p.detach().numpy().ravel().tolist() for p in parameters])
    return dict(name=name, kind=kind, shapes=[list(s) for s in shapes], rate=RATE, start=[x.ravel().tolist() for x in start],
                gradients=[[g.ravel().tolist() for g in step] for step in gradients], values=values, **numbers)


def sgd(p, n):
    return [torch.optim.SGD(p, RATE, momentum=n["momentum"], nesterov=n["nesterov"], weight_decay=n["weight_decay"])]


def adam(p, n):
    return [torch.optim.Adam(p, RATE, (n["beta1"], n["beta2"]), n["epsilon"], n["weight_decay"])]


def adamw(p, n):
    return [torch.optim.AdamW(p, RATE, (n["beta1"], n["beta2"]), n["epsilon"], n["weight_decay"])]


def rmsprop(p, n):
    return [torch.optim.RMSprop(p, RATE, n["beta2"], n["epsilon"], n["weight_decay"], n["momentum"])]


def muon(p, n):
    matrices = torch.optim.Muon(p[:1], RATE, n["weight_decay"], n["momentum"], n["nesterov"],
                                adjust_lr_fn="match_rms_adamw")
    return [matrices, *adamw(p[1:], n)]


def course(name, schedule, make, total, warmup=0, every=4, factor=0.5, least=0.0):
    parameter = torch.nn.Parameter(torch.zeros(1))
    one = torch.optim.SGD([parameter], 1.0)
    schedulers = torch.optim.lr_scheduler
    main = make(one)
    scheduler = main
    if warmup:
        rise = schedulers.LinearLR(one, 1 / (warmup + 1), 1.0, warmup)
        scheduler = schedulers.SequentialLR(one, [rise, main], [warmup])
    parts = []
    for _ in range(total):
        parts.append(one.param_groups[0]["lr"])
        one.step()
        scheduler.step()
    return dict(name=name, schedule=schedule, total=total, warmup=warmup, every=every, factor=factor, least=least, parts=parts)


def plateau(epochs, factor, scores):
    one = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 1.0)
    # PyTorch cuts the rate after more than `patience` bad epochs.
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(one, factor=factor, patience=epochs - 1, threshold=0.0)
    parts = []
    for score in scores:
        scheduler.step(score)
        parts.append(one.param_groups[0]["lr"])
    return dict(epochs=epochs, factor=factor, scores=scores, parts=parts)


def main():
    s = torch.optim.lr_scheduler
    optimizers = [
        optimizer("sgd", "sgd", sgd),
        optimizer("sgd with momentum and decay", "sgd", sgd, momentum=0.9, weight_decay=0.1),
        optimizer("sgd with Nesterov momentum", "sgd", sgd, momentum=0.8, nesterov=True, weight_decay=0.1),
        optimizer("adam", "adam", adam, weight_decay=0.1),
        optimizer("adam with other numbers", "adam", adam, beta1=0.8, beta2=0.95, epsilon=1e-4),
        optimizer("adamw", "adamw", adamw, weight_decay=0.1),
        optimizer("rmsprop", "rmsprop", rmsprop, beta2=0.99, weight_decay=0.1),
        optimizer("rmsprop with momentum", "rmsprop", rmsprop, beta2=0.9, momentum=0.9),
        optimizer("muon, wide", "muon", muon, momentum=0.95, nesterov=True, weight_decay=0.1),
        optimizer("muon, tall", "muon", muon, shapes=((5, 2), (3,)), momentum=0.9),
    ]
    schedules = [
        course("constant after a rise", "constant", lambda o: s.ConstantLR(o, 1.0), 12, warmup=5),
        course("step", "step", lambda o: s.StepLR(o, 4, 0.5), 15),
        course("step after a rise", "step", lambda o: s.StepLR(o, 4, 0.5), 15, warmup=3),
        course("cosine", "cosine", lambda o: s.CosineAnnealingLR(o, 20), 20),
        course("cosine to a floor after a rise", "cosine", lambda o: s.CosineAnnealingLR(o, 16, 0.1), 20, warmup=4, least=0.1),
        course("one-cycle", "one-cycle", lambda o: s.OneCycleLR(o, 1.0, 40, cycle_momentum=False), 40),
    ]
    scores = [5.0, 4.0, 4.0, 4.5, 4.2, 3.0, 3.0, 3.0, 3.0, 3.0, 2.0]
    print(json.dumps(dict(optimizers=optimizers, schedules=schedules, plateau=plateau(3, 0.1, scores))))


if __name__ == "__main__":
    import warnings

    warnings.simplefilter("ignore")
    main()
