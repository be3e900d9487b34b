"""What a benchmark ran on, and files that appear whole."""

import json
import os
import platform


def describe(threads):
    """Processor, cores, load and versions, as they belong beside a figure."""
    model = platform.processor() or "unknown"
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo") as lines:
            model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "threads": threads,
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(),
    }


def in_words(machine):
    """One line for a page."""
    words = "{processor}, {cores} cores, {threads} threads; load {load} at the start".format(**machine)
    busy = " (NOT IDLE: the figures are worth little)" if machine["load"] > 0.5 else ""
    return words + busy


def write_json(path, value):
    """Writes aside and renames."""
    with open(path + ".part", "w") as out:
        json.dump(value, out, indent=1)
        out.write("\n")
    os.replace(path + ".part", path)
