# A Debian with nothing in it, to try packages in: for the scripts beside this one, which source it. It wants `suite` to be set,
# and leaves the place in `root`, which is removed at the end.

say() { printf '== %s\n' "$*"; }
die() { printf 'failed: %s\n' "$*" >&2; exit 1; }

[ "$(id -u)" -eq 0 ] || die "a bare root takes root to make: run this with sudo"
command -v debootstrap >/dev/null || die "debootstrap was not found: install the package debootstrap"
: "${suite:=$( . /etc/os-release && [ "${ID:-}" = debian ] && echo "$VERSION_CODENAME" || echo bookworm )}"
root=$(mktemp -d /var/tmp/opabinia-root.XXXXXX)
# Others than root shall see it.
chmod 755 "$root"

clean() {
    # The latest first: what is mounted in it, and what was tried may have mounted itself.
    tac /proc/mounts | cut -d' ' -f2 | grep "^$root/" | while read -r place; do umount -l "$place"; done || true
    rm -rf --one-file-system "$root"
}
trap clean EXIT

# Runs a command as root, or as a reader, with nothing of this system's environment.
inside() { enter 0 /root "$@"; }
as_reader() { enter 1000 /srv/reader "$@"; }
enter() {
    local user=$1 home=$2
    shift 2
    chroot --userspec="$user:$user" "$root" /usr/bin/env -i -C "$home" PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$home" \
        LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}
install() {
    inside apt-get install -q -y --no-install-recommends "$@" >"$root/var/log/try.log" 2>&1 ||
        { tail -20 "$root/var/log/try.log"; die "apt-get install $*"; }
}

say "a bare $suite"
debootstrap --variant=minbase "$suite" "$root" "${DEBIAN_MIRROR:-http://deb.debian.org/debian}" >/dev/null || die "debootstrap"
cp /etc/resolv.conf "$root/etc/resolv.conf" 2>/dev/null || true
# What this system's apt has been told of proxies holds inside, too.
cp /etc/apt/apt.conf.d/*proxy* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
mount -t proc proc "$root/proc" 2>/dev/null || say "note: /proc cannot be mounted here"
mkdir -p "$root/dev/shm"
mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || say "note: /dev/shm cannot be mounted here"
# As on every system that was started: who mounts something looks there.
[ -e "$root/etc/mtab" ] || ln -s ../proc/self/mounts "$root/etc/mtab"
inside useradd --create-home --home-dir /srv/reader --uid 1000 reader
inside apt-get update -q >/dev/null

# Asks the demo model with the command given.
asks() {
    local answer
    answer=$(as_reader "$@" ask --quiet "How many red circles are there?") || die "ask"
    [ -n "$answer" ] || die "no answer"
    say "it says: $answer"
}

# Opens the window on a display in memory with the command given, waits until it is there, and ends it.
opens() {
    as_reader bash -c '
        Xvfb :7 -screen 0 1360x860x24 -nolisten tcp >/dev/null 2>&1 & display=$!
        export DISPLAY=:7
        "$@" >/dev/shm/window.log 2>&1 & window=$!
        seen=1
        for second in $(seq 90); do
            kill -0 $window 2>/dev/null || break
            if xdotool search --name Opabinia >/dev/null 2>&1; then seen=0; break; fi
            sleep 1
        done
        sleep 5
        kill -0 $window 2>/dev/null || seen=1
        # What was started may wait for the program, and put things away after it.
        program=$(grep -lsE "^PPid:[[:space:]]$window$" /proc/[0-9]*/status | cut -d/ -f3)
        kill ${program:-$window} 2>/dev/null
        wait $window 2>/dev/null
        kill $display; wait $display 2>/dev/null
        [ $seen -eq 0 ] || cat /dev/shm/window.log
        exit $seen' -- "$@" || die "the window did not open"
    say "the window opened"
}
