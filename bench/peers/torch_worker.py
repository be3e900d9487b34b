"""PyTorch's side of `torch_steps.py` and `torch_ism.py`: reads `train`, `infer` or `mutate N` from stdin and answers as
`basewise-bench` does.

python torch_worker.py NAME THREADS [--compile]
"""

import sys
import time

import torch

from torch_models import Workload


def peak_kib():
    """The most memory that this process has held at once, in KiB."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))


def main():
    name, threads, *options = sys.argv[1:]
    torch.set_num_threads(int(threads))
    workload = Workload(name)
    if "--compile" in options:
        workload.model = torch.compile(workload.model)
    print("ready", torch.__version__, flush=True)
    for request in sys.stdin:
        what, *copies = request.split()
        run = {"train": workload.train, "infer": workload.infer, "mutate": workload.mutate}[what]
        start = time.perf_counter()
        run(*map(int, copies))
        print(f"{(time.perf_counter() - start) * 1e3:.4f} {peak_kib()}", flush=True)


if __name__ == "__main__":
    main()
