#!/usr/bin/env bash
# Installs a Debian package of Opabinia into a bare root, asks the demo model, reads the manual, completes commands, opens the
# window on a display in memory, removes the package, and looks for what it left behind.
#
#   sudo bash packaging/try-deb.sh target/package/opabinia_0.1.0_amd64.deb [SUITE]
#
# Needs root and debootstrap. SUITE is that of this system, or bookworm; DEBIAN_MIRROR chooses where packages come from.
set -euo pipefail

say() { printf '== %s\n' "$*"; }
die() { printf 'failed: %s\n' "$*" >&2; exit 1; }

[ $# -ge 1 ] || die "say which package: bash packaging/try-deb.sh PACKAGE.deb"
package=$(realpath "$1")
[ -f "$package" ] || die "$1: no such file"
[ "$(id -u)" -eq 0 ] || die "a bare root takes root to make: run this with sudo"
command -v debootstrap >/dev/null || die "debootstrap was not found: install the package debootstrap"
suite=${2:-$( . /etc/os-release && [ "${ID:-}" = debian ] && echo "$VERSION_CODENAME" || echo bookworm )}
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}

root=$(mktemp -d /var/tmp/opabinia-root.XXXXXX)
clean() {
    for place in proc dev/shm; do mountpoint -q "$root/$place" && umount -l "$root/$place"; done
    rm -rf --one-file-system "$root"
}
trap clean EXIT

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/var/reader LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
install() { inside apt-get install -q -y --no-install-recommends "$@" >"$root/var/log/try-deb.log" 2>&1 || { tail -20 "$root/var/log/try-deb.log"; die "apt-get install $*"; }; }

say "a bare $suite"
debootstrap --variant=minbase "$suite" "$root" "$mirror" >/dev/null || die "debootstrap"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
# What this system's apt has been told of proxies holds inside, too.
cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
mount -t proc proc "$root/proc" 2>/dev/null || say "note: /proc cannot be mounted here"
mkdir -p "$root/dev/shm" "$root/var/reader"
mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || say "note: /dev/shm cannot be mounted here"
inside apt-get update -q >/dev/null

say "what stands by without it: man, bash, zsh, fish, a display"
install man-db bash-completion zsh fish xvfb xauth xdotool

cp "$package" "$root/var/cache/opabinia.deb"
say "installing it, with nothing that it does not need"
install /var/cache/opabinia.deb
inside opabinia --version

say "asking the demo model"
answer=$(inside opabinia ask --quiet "How many red circles are there?")
[ -n "$answer" ] || die "no answer"
say "it says: $answer"

say "manual and completions"
inside man -P cat opabinia-pull | grep -q "Hugging Face" || die "no manual page of pull"
inside man -P cat opabinia | grep -qi "cambrian" || die "no manual page"
inside bash -c '. /usr/share/bash-completion/bash_completion
    _completion_loader opabinia 2>/dev/null || _comp_load opabinia 2>/dev/null; complete -p opabinia' | grep -q opabinia || die "no completion in bash"
inside zsh -c 'fpath=(/usr/share/zsh/vendor-completions $fpath); autoload -Uz compinit; compinit -u -D; print -- ${_comps[opabinia]}' |
    grep -qx _opabinia || die "no completion in zsh"
inside fish -c 'complete -C"opabinia pul"' | grep -q '^pull' || die "no completion in fish"

say "the window, with what the package recommends for it"
recommended=$(dpkg-deb -f "$package" Recommends | tr -d ' ' | tr ',' '\n' | grep -v portal)
# shellcheck disable=SC2086
install $recommended
inside sh -c 'Xvfb :7 -screen 0 1360x860x24 -nolisten tcp >/dev/null 2>&1 & display=$!
    DISPLAY=:7 opabinia >/tmp/window.log 2>&1 & window=$!
    seen=1
    for second in $(seq 90); do
        kill -0 $window 2>/dev/null || break
        if DISPLAY=:7 xdotool search --name Opabinia >/dev/null 2>&1; then seen=0; break; fi
        sleep 1
    done
    sleep 5; kill -0 $window 2>/dev/null || seen=1
    kill $window $display 2>/dev/null; wait 2>/dev/null
    [ $seen -eq 0 ] || cat /tmp/window.log
    exit $seen' || die "the window did not open"
say "the window opened"

say "removing it"
rm -rf "$root/var/reader" "$root/tmp/window.log" "$root/var/cache/opabinia.deb"
inside apt-get purge -q -y opabinia >/dev/null 2>&1 || die "apt-get purge"
left=$(find "$root" -xdev -iname '*opabinia*' -not -path "$root/proc/*" -not -path "$root/var/cache/man/*" | sed "s|^$root||")
[ -z "$left" ] || die "left behind: $left"
say "nothing is left behind"
