#!/usr/bin/env bash
# The one test command. Installs what software Vulkan needs where it is missing, then runs the whole suite.
# Arguments go to `cargo test` (for example: bash tests/run.sh -p opabinia-engine).
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }

# Whether a Vulkan loader and at least one driver are there: what the off-screen pictures are drawn with.
have_vulkan() {
    ldconfig -p 2>/dev/null | grep -q 'libvulkan\.so\.1' || return 1
    compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

prepare_vulkan() {
    if [ "$(uname -s)" != Linux ]; then
        say "not Linux: the system's own graphics driver is used"
    elif PATH="$PATH:/usr/sbin:/sbin" have_vulkan; then
        say "Vulkan is there"
    elif ! command -v apt-get >/dev/null; then
        say "no Vulkan driver found. Install the Vulkan loader and Mesa's software driver (lavapipe) of your"
        say "distribution: vulkan-loader and mesa-vulkan-drivers, or vulkan-icd-loader and vulkan-swrast"
        return 1
    elif [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
        say "no Vulkan driver found, and it cannot be installed without a password. Run this once, then try again:"
        say "    sudo apt-get install libvulkan1 mesa-vulkan-drivers"
        return 1
    else
        say "installing libvulkan1 and mesa-vulkan-drivers (software Vulkan)"
        as_root apt-get update -q
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
            libvulkan1 mesa-vulkan-drivers
    fi
}

if ! command -v cargo >/dev/null; then
    say "cargo was not found: install Rust from https://rustup.rs, then run this again"
    exit 1
fi
prepare_vulkan
say "cargo test --workspace --locked --no-fail-fast $*"
if [ "$#" -eq 0 ]; then
    exec cargo test --workspace --locked --no-fail-fast
else
    exec cargo test --locked --no-fail-fast "$@"
fi
