#!/bin/sh
# debootstrap.sh SUITE OUT.tar - makes the base image's files as root, from the packages that this machine's apt is set to use.
set -eu
suite=$1
out=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
# On disk rather than in a /tmp that may be memory.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/clawcage-base.XXXXXX")
root=$work/root

clean_up() {
  for mounted in "$root/proc" "$root/sys"; do
    if mountpoint -q "$mounted"; then umount "$mounted"; fi
  done
  rm -rf --one-file-system "$work"
}
trap clean_up EXIT
trap 'exit 1' HUP INT TERM

# Prints the addresses of this machine's apt sources of one label ("Debian", "Debian-Security"); a list of mirrors gives its first.
sources_of() {
  apt-get indextargets --format '$(LABEL)|$(COMPONENT)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' -v label="$1" '$1 == label && $2 == "main" && !seen[$3]++ { print $3 }' |
    while read -r address; do
      case $address in
        mirror+file:*) sed -n '/^[a-z]*:/ { s/[[:space:]].*//; p; q; }' "${address#mirror+file:}" ;;
        http:* | https:* | file:* | copy:*) echo "$address" ;;
      esac
    done
}

proxy=$(apt-config shell proxy Acquire::http::Proxy) && eval "$proxy"
if [ -n "${proxy:-}" ] && [ "$proxy" != DIRECT ]; then
  export http_proxy="$proxy"
fi

mirror=$(sources_of Debian | head -n 1)
# Without a mirror of its own, debootstrap takes its default.
# shellcheck disable=SC2086
debootstrap --variant=minbase --include=tini,busybox-static,git,curl,ca-certificates "$suite" "$root" $mirror
security=$(sources_of Debian-Security | head -n 1)
if [ -n "$security" ]; then
  echo "deb $security $suite-security main" >> "$root/etc/apt/sources.list"
fi

cp "$here/prepare.sh" "$root/prepare.sh"
chroot "$root" sh /prepare.sh
# What debootstrap copied from this machine.
rm -f "$root/prepare.sh" "$root/etc/hostname"
: > "$root/etc/resolv.conf"

tar --numeric-owner --exclude='./dev/*' --exclude='./proc/*' --exclude='./sys/*' -C "$root" -cf "$out" .
