"""Reads the TensorBoard file of a run with TensorBoard's own reader and compares it with history.jsonl.

    pip install tensorboard==2.20.0
    basewise train DATA --tensorboard -o RUN
    python scripts/check_tensorboard.py RUN
"""

import json
import math
import pathlib
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def main(run):
    run = pathlib.Path(run)
    history = [json.loads(line) for line in (run / "history.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(run / "tensorboard"), size_guidance={"scalars": 0})
    events.Reload()
    metric = history[0]["metric"]
    wanted = {"loss/train": "train_loss", "loss/valid": "valid_loss", "learning_rate": "learning_rate"}
    wanted[f"{metric}/valid"] = "valid_metric"
    found = set(events.Tags()["scalars"])
    assert found <= set(wanted), found
    checked = 0
    for tag, key in wanted.items():
        expected = [(record["epoch"], record[key]) for record in history if record[key] is not None]
        scalars = events.Scalars(tag) if expected else []
        assert [scalar.step for scalar in scalars] == [epoch for epoch, _ in expected], tag
        for scalar, (_, value) in zip(scalars, expected):
            assert math.isclose(scalar.value, value, rel_tol=1e-6), (tag, scalar, value)
            checked += 1
        times = [scalar.wall_time for scalar in scalars]
        assert times == sorted(times), tag
    print(f"{run}: {checked} values of {len(history)} epochs are those of history.jsonl")


if __name__ == "__main__":
    main(sys.argv[1])
