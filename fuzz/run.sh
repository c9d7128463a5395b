#!/usr/bin/env bash
# Runs every fuzz target for so many executions each: `fuzz/run.sh 10000000`, or `fuzz/run.sh 10000000 jpeg tiff` for
# some of them. Needs a stable Rust and a C++ compiler. What a run finds lies in `fuzz/artifacts`.
set -euo pipefail
cd "$(dirname "$0")"
runs="${1:?how many executions of each target}"
shift
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    for wrapper in fuzz_targets/*.rs; do targets+=("$(basename "$wrapper" .rs)"); done
fi
# What `cargo fuzz` sets, without a sanitizer, which only nightly compilers have.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares ${RUSTFLAGS:-}"
# Naming the target keeps build scripts and macros free of all this.
host="$(rustc -vV | sed -n 's/^host: //p')"
cargo build --locked --release --target "$host"
# Some targets read files from a folder: rather in memory than on a disk.
if [ -w /dev/shm ]; then export TMPDIR=/dev/shm; fi
for target in "${targets[@]}"; do
    # What is learned in a run is kept outside the repository's small corpus.
    mkdir -p "target/corpus/$target" "artifacts/$target"
    "target/$host/release/$target" -runs="$runs" -max_len=8192 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" "target/corpus/$target" "corpus/$target"
done
