#!/usr/bin/env bash
# The kernels' tests for 64-bit ARM (NEON), emulated. Needs a compiler with that target's standard library
# (`rustup target add aarch64-unknown-linux-gnu`, or RUSTC names one that has it), and of Debian's packages
# gcc-aarch64-linux-gnu, libc6-dev-arm64-cross and qemu-user. What is given goes to the tests, such as a part of their
# names.
#
#   scripts/emulate_arm.sh [TEST...]
set -euo pipefail
cd "$(dirname "$0")/.."

export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER=qemu-aarch64
# Linked statically, so that no library of another version comes between.
export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS="-C target-feature=+crt-static"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/arm
cargo test --locked -p basewise-kernels --lib --target aarch64-unknown-linux-gnu -- "$@"
