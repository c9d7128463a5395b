#!/usr/bin/env bash
# The one test command. Installs what a bare Debian or Ubuntu lacks (a linker, Vulkan and OpenGL in software, a font with Chinese
# characters, a display in memory), then runs the suite.
# Arguments go to `cargo test` (for example: bash tests/run.sh -p opabinia-engine).
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }

# Whether the dynamic linker finds a library.
have_library() {
    case "$(PATH="$PATH:/usr/sbin:/sbin" ldconfig -p 2>/dev/null)" in *"$1"*) ;; *) return 1 ;; esac
}

# Whether a Vulkan loader and at least one driver are there: what the off-screen pictures are drawn with.
have_vulkan() {
    have_library libvulkan.so.1 || return 1
    compgen -G '/usr/share/vulkan/icd.d/*.json' >/dev/null || compgen -G '/etc/vulkan/icd.d/*.json' >/dev/null
}

# Whether OpenGL in software is there: the other back end that memory is watched on.
have_gl() {
    have_library libEGL.so.1 && compgen -G '/usr/lib/*/dri/swrast_dri.so' >/dev/null
}

# Whether some font has Simplified Chinese characters: the window's tests fail on a character that no font has.
have_chinese_font() {
    command -v fc-list >/dev/null && [ -n "$(fc-list :lang=zh-cn family)" ]
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# Installs what is missing on Linux: a linker for Rust, Vulkan and OpenGL in software, a Chinese font, and for the test of the real
# window a display in memory (Xvfb), what moves its pointer (xdotool), what copies its screen (xwd, in x11-apps) and the
# libraries the window opens at run time.
prepare_linux() {
    local packages=()
    command -v cc >/dev/null || packages+=(gcc libc6-dev)
    have_vulkan || packages+=(libvulkan1 mesa-vulkan-drivers)
    have_gl || packages+=(libegl1 libgl1-mesa-dri)
    have_chinese_font || packages+=(fontconfig fonts-wqy-microhei)
    command -v Xvfb >/dev/null || packages+=(xvfb)
    command -v xdotool >/dev/null || packages+=(xdotool)
    command -v xwd >/dev/null || packages+=(x11-apps)
    have_library libX11.so.6 || packages+=(libx11-6)
    have_library libX11-xcb.so.1 || packages+=(libx11-xcb1)
    have_library libXcursor.so.1 || packages+=(libxcursor1)
    have_library libXi.so.6 || packages+=(libxi6)
    have_library libxkbcommon-x11.so.0 || packages+=(libxkbcommon-x11-0)
    if [ "${#packages[@]}" -eq 0 ]; then
        say "everything the tests need is there"
    elif ! command -v apt-get >/dev/null; then
        say "missing, by their Debian names: ${packages[*]}. Install what your distribution calls them: a C linker;"
        say "the Vulkan loader and Mesa's software driver (vulkan-loader or vulkan-icd-loader; mesa-vulkan-drivers"
        say "or vulkan-swrast); a font with Simplified Chinese characters; Xvfb, xdotool and xwd; the X11 libraries"
        return 1
    elif [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
        say "missing packages cannot be installed without a password. Run this once, then try again:"
        say "    sudo apt-get install ${packages[*]}"
        return 1
    else
        say "installing ${packages[*]}"
        as_root apt-get update -q
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${packages[@]}"
    fi
}

if ! command -v cargo >/dev/null; then
    say "cargo was not found: install Rust from https://rustup.rs, then run this again"
    exit 1
fi
if [ "$(uname -s)" = Linux ]; then
    prepare_linux
else
    say "not Linux: the linker and the graphics driver of the system are used"
fi

if [ "$#" -eq 0 ]; then set -- --workspace; fi
say "cargo test --locked --no-fail-fast $*"
exec cargo test --locked --no-fail-fast "$@"
