#!/usr/bin/env bash
# Starts an AppImage of Opabinia in a bare root as a user who may do nothing else: without FUSE, where it unpacks itself, and with
# FUSE, where it is mounted. Each time it asks the demo model, opens the window on a display in memory, is removed, and what is
# left behind is looked for.
#
#   sudo bash packaging/try-appimage.sh target/package/Opabinia-0.1.0-x86_64.AppImage [SUITE]
#
# Needs root and debootstrap. SUITE is that of this system, or bookworm; DEBIAN_MIRROR chooses where packages come from.
set -euo pipefail

[ $# -ge 1 ] && [ -f "$1" ] || { echo "say which file: bash packaging/try-appimage.sh FILE.AppImage" >&2; exit 1; }
image=$(realpath "$1")
suite=${2:-}
. "$(dirname "$0")/bare-root.sh"

say "what stands by without it: a display, and what a desktop has for windows and pictures"
install xvfb xauth xdotool libvulkan1 mesa-vulkan-drivers libx11-6 libx11-xcb1 libxcursor1 libxi6 libxkbcommon-x11-0 libwayland-client0

# Names of everything there is, but for what the display leaves.
everything() { find "$root" -xdev -path "$root/srv/reader" -prune -o -not -path "$root/tmp/.X*" -print | sort; }

# With the words given in front of its own.
goes() {
    local before
    before=$(everything)
    cp "$image" "$root/srv/reader/opabinia.AppImage"
    chmod 755 "$root/srv/reader/opabinia.AppImage"
    as_reader ./opabinia.AppImage "$@" --version
    asks ./opabinia.AppImage "$@"
    opens ./opabinia.AppImage "$@"
    # What was mounted is put away a moment after the program ended.
    sleep 3
    rm "$root/srv/reader/opabinia.AppImage"
    left=$(diff <(echo "$before") <(everything) | sed "s|$root||") || true
    [ -z "$left" ] || die "left behind: $left"
    say "nothing is left behind but what the program keeps for its user: $(cd "$root/srv/reader" && find . -name '*opabinia*' -prune | tr '\n' ' ')"
}

say "without FUSE"
goes --appimage-extract-and-run

if [ ! -c /dev/fuse ]; then
    say "note: not tried with FUSE, which this system has not"
    exit 0
fi
say "with FUSE"
install fuse3
[ -c "$root/dev/fuse" ] || mknod "$root/dev/fuse" c 10 229
chmod 666 "$root/dev/fuse"
goes
