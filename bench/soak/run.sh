#!/usr/bin/env bash
# Training killed with SIGKILL at random moments and resumed, with the release binary: bench/soak/run.sh [KILLS]
# Each run must end with the weights and the history of an undisturbed one. Prints how many kills fell where.
set -euo pipefail
cd "$(dirname "$0")/../.."
BASEWISE_SOAK=${1:-200} cargo test --release -p basewise-cli --test cli soak::killed -- --nocapture
