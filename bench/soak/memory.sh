#!/usr/bin/env bash
# Peak memory of training on a data set that is streamed, and on one with a tenth of its rows:
#   bench/soak/memory.sh OUT [MEGABYTES] [SHUFFLE_WINDOW_MB]
# MEGABYTES is the size of the larger one's sequences; the default of 2000 takes about 10 GB of memory and some
# minutes to make (not to train). BASEWISE is the binary to measure.
set -euo pipefail
out=$1 megabytes=${2:-2000} window=${3:-256}
basewise=${BASEWISE:-basewise}
length=1000
mkdir -p "$out"
cat > "$out/small.toml" <<'TOML'
[[layer]]
type = 'conv1d'
filters = 4
width = 8
stride = 8
[[layer]]
type = 'relu'
[[layer]]
type = 'global-max-pool'
TOML

# Runs a command and prints the most memory it ever had, as Linux counts it, in megabytes.
peak() {
    "$@" >"$out/log" 2>&1 &
    local pid=$! most=0 now
    while now=$(awk '/^VmHWM/ {print $2}' "/proc/$pid/status" 2>/dev/null) && [ -n "$now" ]; do
        most=$now
        sleep 0.1
    done
    wait "$pid" || { cat "$out/log" >&2; exit 1; }
    echo $((most / 1000))
}

for size in $((megabytes / 10)) "$megabytes"; do
    data=$out/data-$size
    [ -f "$data/dataset.json" ] ||
        "$basewise" dataset simulate --plant MA0139.2 --count $((size * 1000000 / length)) --length $length -o "$data"
    mb=$(peak "$basewise" train "$data" --model "$out/small.toml" --epochs 1 --batch-size 256 \
        --shuffle-window "$window" --checkpoint-every 1m -o "$out/run-$size" --overwrite)
    rate=$(sed 's/.*"examples_per_second"://; s/}//' "$out/run-$size/timing.jsonl")
    echo "$size MB of sequence, window $window MB: peak $mb MB, $rate examples/s"
done
