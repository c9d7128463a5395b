#!/usr/bin/env bash
# The README's two commands on a Debian that has nothing but Rust, made for this in a folder of its own.
#
#   sudo bash tests/bare-root.sh             # build and open the program, then `bash tests/run.sh`
#   sudo bash tests/bare-root.sh --start     # only the first
#
# Needs root, debootstrap, a Rust toolchain to copy, about 30 GB in /var/tmp, and an hour on two cores. SUITE (bookworm)
# chooses the Debian, DEBIAN_MIRROR where its packages come from. OPABINIA_BINARY=FILE is started as it is instead of being
# built, which takes most of the time of the first part.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf '== %s\n' "$*"; }
die() { printf 'failed: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || die "a bare root takes root to make: run this with sudo"
command -v debootstrap >/dev/null || die "debootstrap was not found: install the package debootstrap"
command -v git >/dev/null || die "git was not found"
toolchain="$(rustc --print sysroot)" || die "rustc was not found"
crates="${CARGO_HOME:-$HOME/.cargo}"
suite="${SUITE:-bookworm}"
root="$(mktemp -d /var/tmp/opabinia-root.XXXXXX)"
clean() {
    for place in proc dev/shm rust; do mountpoint -q "$root/$place" && umount -l "$root/$place"; done
    rm -rf --one-file-system "$root"
}
trap clean EXIT

inside() {
    chroot "$root" /usr/bin/env -i PATH=/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        HOME=/builder LANG=C.UTF-8 CARGO_TERM_COLOR=never "$@"
}

say "a bare $suite"
debootstrap --variant=minbase "$suite" "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >"$root.log" ||
    { tail -5 "$root.log"; die "debootstrap"; }
rm -f "$root.log"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
# What this system's apt has been told of proxies and of trust holds inside, too.
cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
mount -t proc proc "$root/proc" || die "/proc cannot be mounted here"
mkdir -p "$root/dev/shm" "$root/rust" "$root/builder/.cargo"
mount -t tmpfs tmpfs "$root/dev/shm" || die "/dev/shm cannot be mounted here"

say "Rust, and the crates that are here already"
mount --bind -o ro "$toolchain" "$root/rust" || die "the toolchain cannot be mounted there"
if [ -d "$crates/registry" ]; then cp -r "$crates/registry" "$root/builder/.cargo/registry"; fi
# Certificates of those from whom the rest comes.
if [ -d /etc/ssl/certs ]; then mkdir -p "$root/etc/ssl" && cp -rL /etc/ssl/certs "$root/etc/ssl/certs"; fi

say "a clone of what is committed"
git clone -q --no-hardlinks . "$root/opabinia"

say "what the tests install where it is missing"
# Selects no test: everything but the building and running of tests.
inside bash -c 'cd /opabinia && bash tests/run.sh -h >/dev/null' || die "tests/run.sh cannot install what it needs"

say "the first command of the README, on a display in memory"
if [ -n "${OPABINIA_BINARY:-}" ]; then
    install -m 755 "$OPABINIA_BINARY" "$root/usr/local/bin/opabinia"
    command="opabinia"
else
    inside bash -c 'cd /opabinia && cargo build --release --locked' || die "cargo build --release"
    command="cargo run -q --release --"
fi
inside bash -c "cd /opabinia; $command ask 'How many red circles are there?'" || die "no answer"
inside bash -c "cd /opabinia
    Xvfb :7 -screen 0 1360x860x24 -nolisten tcp >/dev/null 2>&1 & display=\$!
    export DISPLAY=:7
    $command >/tmp/window.log 2>&1 & window=\$!
    seen=1
    for second in \$(seq 120); do
        if xdotool search --name Opabinia >/dev/null 2>&1; then seen=0; break; fi
        kill -0 \$window 2>/dev/null || break
        sleep 1
    done
    kill \$window \$display 2>/dev/null; wait 2>/dev/null
    cat /tmp/window.log
    exit \$seen" || die "the window did not open"
say "the window opened"
if [ "${1:-}" = --start ]; then exit 0; fi

say "the second command of the README"
inside bash -c 'cd /opabinia && bash tests/run.sh' || die "tests/run.sh"
say "both commands do what the README says"
