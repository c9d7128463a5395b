#!/usr/bin/env bash
# Whether `huggingface_hub` finds and reads what `opabinia pull` brought, and the other way round. Installs huggingface_hub into a
# directory of its own, from the package index that pip is set to; where that cannot be done it says why, and nothing is tested.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { printf 'not tested: %s\n' "$*"; exit 0; }

command -v python3 >/dev/null || skip "python3 was not found (Debian: the package python3-venv)"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv" >"$dir/log" 2>&1 || skip "python3 makes no environment: $(tail -1 "$dir/log")"
"$dir/venv/bin/pip" install --quiet --retries 1 huggingface_hub >"$dir/log" 2>&1 ||
    skip "pip cannot install huggingface_hub: $(tail -1 "$dir/log")"
OPABINIA_HUGGINGFACE_HUB="$dir/venv/bin/python" \
    cargo test --locked --workspace --test pull -- --nocapture huggingface_hub
