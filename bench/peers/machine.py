"""What a benchmark ran on, what it took, and files that appear whole."""

import json
import os
import platform
import resource
import time


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


def timed(work):
    """Seconds on the clock and of the processor, children included, and the result."""

    def spent():
        own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        return sum(usage.ru_utime + usage.ru_stime for usage in (own, children))

    clock, processor = time.perf_counter(), spent()
    result = work()
    return time.perf_counter() - clock, spent() - processor, result


def write_json(path, value):
    """Writes aside and renames."""
    with open(path + ".part", "w") as out:
        json.dump(value, out, indent=1)
        out.write("\n")
    os.replace(path + ".part", path)
