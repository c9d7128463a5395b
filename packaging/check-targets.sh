#!/usr/bin/env bash
# Checks that the program compiles for macOS and Windows, as far as that can be seen from another system: types and borrows, not
# linking, and nothing is run. Needs rustup to bring the standard library of each target.
#
#   bash packaging/check-targets.sh [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/.."

[ $# -gt 0 ] || set -- x86_64-pc-windows-msvc aarch64-apple-darwin
command -v rustup >/dev/null || { echo "not checked: rustup was not found, and brings the standard libraries of other systems"; exit 0; }

# One dependency compiles C. For a check its objects are not needed: these stand in for a compiler and an archiver that this
# system has not.
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
cat >"$tools/cc" <<'CC'
#!/bin/sh
out=
for word; do
    case "$previous" in -o) out=$word ;; esac
    case "$word" in -Fo*|/Fo*) out=${word#?Fo} ;; esac
    previous=$word
done
[ -z "$out" ] || : >"$out"
CC
cat >"$tools/ar" <<'AR'
#!/bin/sh
for word; do
    case "$word" in *.a|*.lib) : >"${word#-out:}" ;; esac
done
AR
chmod +x "$tools/cc" "$tools/ar"

failed=0
for target; do
    if ! rustup target add "$target" >/dev/null 2>&1; then
        echo "$target: not checked: rustup cannot bring its standard library"
        continue
    fi
    name=${target//-/_}
    if env "CC_$name=$tools/cc" "AR_$name=$tools/ar" cargo clippy --locked --workspace --all-targets --target "$target" -- -D warnings; then
        echo "$target: compiles; not linked, not run"
    else
        echo "$target: does not compile"
        failed=1
    fi
done
exit $failed
