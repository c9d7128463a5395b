#!/usr/bin/env bash
# Stands between cargo and the compiler (`RUSTC_WRAPPER`), and instruments what reads files: this program's own crates and
# the decoders and parsers under them. Instrumenting everything would make each run sweep over the counters of a whole
# graphics stack, and every build longer. Only for the target: what runs while building is left alone.
set -euo pipefail
crate="" target=""
previous=""
for argument in "$@"; do
    if [ "$previous" = --crate-name ]; then crate="$argument"; fi
    case "$argument" in --target | --target=*) target=yes ;; esac
    previous="$argument"
done
flags=()
if [ -n "$target" ]; then
    case "$crate" in
        opabinia | opabinia_engine | opabinia_trace | opabinia_fuzz | image | image_webp | png | gif | weezl | fax | color_quant | \
            flate2 | miniz_oxide | fdeflate | serde_json | safetensors | tokenizers | fancy_regex | regex_syntax)
            # What `cargo fuzz` sets, without a sanitizer, which only nightly compilers have.
            flags=(-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4
                -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table
                -Cllvm-args=-sanitizer-coverage-trace-compares) ;;
    esac
fi
exec "$@" ${flags[@]+"${flags[@]}"}
