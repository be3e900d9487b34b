#!/usr/bin/env bash
# The kernels' tests under AddressSanitizer, at every instruction set that this processor has: each test goes through all
# of them. With `engine` as the first argument the tests of the engine, which calls the kernels, too; that builds all of
# its dependencies once more. What else is given goes to the kernels' tests, such as a part of their names.
#
#   scripts/sanitize_kernels.sh [engine] [TEST...]
set -euo pipefail
cd "$(dirname "$0")/.."

# The sanitizer is an unstable option of the compiler; this lets the stable one take it.
export RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address ${RUSTFLAGS:-}"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/sanitize
# With a target named, build scripts and macros stay without the sanitizer.
target=$(rustc -vV | sed -n 's/^host: //p')

engine=no
if [ "${1:-}" = engine ]; then
  engine=yes
  shift
fi
cargo test --locked -p basewise-kernels --lib --target "$target" -- "$@"
if [ "$engine" = yes ]; then
  cargo test --locked -p basewise-nn --lib --target "$target" engine::
fi
