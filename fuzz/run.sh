#!/usr/bin/env bash
# Runs every fuzz target for so many executions each: `fuzz/run.sh 10000000`, or `fuzz/run.sh 10000000 jpeg tiff` for
# some of them; `fuzz/run.sh 60s` runs each for a minute. Needs a stable Rust and a C++ compiler. What a run finds lies in
# `fuzz/artifacts`.
set -euo pipefail
cd "$(dirname "$0")"
how_long="${1:?how many executions of each target, or how many seconds, as in 60s}"
shift
case "$how_long" in
    *s) limit="-max_total_time=${how_long%s}" ;;
    *) limit="-runs=$how_long" ;;
esac
targets=("$@")
if [ "${#targets[@]}" -eq 0 ]; then
    for wrapper in fuzz_targets/*.rs; do targets+=("$(basename "$wrapper" .rs)"); done
fi
export RUSTC_WRAPPER="$PWD/instrument.sh"
# Naming the target keeps build scripts and macros apart.
host="$(rustc -vV | sed -n 's/^host: //p')"
cargo build --locked --release --target "$host"
# Many targets read files from a folder: rather in memory than on a disk.
if [ -w /dev/shm ]; then scratch="$(mktemp -d -p /dev/shm)"; else scratch="$(mktemp -d)"; fi
trap 'rm -rf "$scratch"' EXIT
export TMPDIR="$scratch"
for target in "${targets[@]}"; do
    # What is learned in a run is kept outside the repository's small corpus.
    mkdir -p "target/corpus/$target" "artifacts/$target"
    "target/$host/release/$target" "$limit" -max_len=4608 -timeout=20 -rss_limit_mb=4096 -print_final_stats=1 \
        -artifact_prefix="artifacts/$target/" "target/corpus/$target" "corpus/$target"
done
