#!/usr/bin/env bash
# Installs a Debian package of Opabinia into a bare root, asks the demo model, reads the manual, completes commands, opens the
# window on a display in memory, removes the package, and looks for what it left behind.
#
#   sudo bash packaging/try-deb.sh target/package/opabinia_0.1.0_amd64.deb [SUITE]
#
# Needs root and debootstrap. SUITE is that of this system, or bookworm; DEBIAN_MIRROR chooses where packages come from.
set -euo pipefail

[ $# -ge 1 ] && [ -f "$1" ] || { echo "say which package: bash packaging/try-deb.sh PACKAGE.deb" >&2; exit 1; }
package=$(realpath "$1")
suite=${2:-}
. "$(dirname "$0")/bare-root.sh"

say "what stands by without it: man, bash, zsh, fish, a display"
install man-db bash-completion zsh fish xvfb xauth xdotool

cp "$package" "$root/var/cache/opabinia.deb"
say "installing it, with nothing that it does not need"
install /var/cache/opabinia.deb
as_reader opabinia --version

say "asking the demo model"
asks opabinia

say "manual and completions"
as_reader man -P cat opabinia-pull | grep -q "Hugging Face" || die "no manual page of pull"
as_reader man -P cat opabinia | grep -qi "cambrian" || die "no manual page"
as_reader bash -c '. /usr/share/bash-completion/bash_completion
    _completion_loader opabinia 2>/dev/null || _comp_load opabinia 2>/dev/null; complete -p opabinia' | grep -q opabinia || die "no completion in bash"
as_reader zsh -c 'fpath=(/usr/share/zsh/vendor-completions $fpath); autoload -Uz compinit; compinit -u -D; print -- ${_comps[opabinia]}' |
    grep -qx _opabinia || die "no completion in zsh"
as_reader fish -c 'complete -C"opabinia pul"' | grep -q '^pull' || die "no completion in fish"

say "the window, with what the package recommends for it"
recommended=$(dpkg-deb -f "$package" Recommends | tr -d ' ' | tr ',' '\n' | grep -v portal)
# shellcheck disable=SC2086
install $recommended
opens opabinia

say "removing it"
rm -rf "$root/srv/reader" "$root/var/cache/opabinia.deb"
inside apt-get purge -q -y opabinia >/dev/null 2>&1 || die "apt-get purge"
left=$(find "$root" -xdev -iname '*opabinia*' -not -path "$root/proc/*" -not -path "$root/var/cache/man/*" | sed "s|^$root||")
[ -z "$left" ] || die "left behind: $left"
say "nothing is left behind"
