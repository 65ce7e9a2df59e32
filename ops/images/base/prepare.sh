#!/bin/sh
# Makes a plain Debian into the base image, from inside it. Both ways to a base (pulled or debootstrapped) end here.
set -eu
export DEBIAN_FRONTEND=noninteractive

apt-get update
# A mirror without the newest packages is no reason to have no image.
apt-get upgrade --yes --no-install-recommends || echo 'not upgraded' >&2
apt-get install --yes --no-install-recommends tini busybox-static git curl ca-certificates

apt-get clean
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* \
  /usr/share/man /usr/share/info /usr/share/locale /usr/share/lintian /usr/share/groff /tmp/* /var/tmp/* /root/.wget-hsts
find /usr/share/doc -type f ! -name copyright -delete
find /usr/share/doc -type l -delete
find /usr/share/doc -type d -empty -delete
# Nothing in a cage changes its user; without the bits nothing is tempted to.
find / -xdev -perm /6000 -type f -exec chmod a-s {} +
