#!/usr/bin/env bash
# with-engine.sh COMMAND... - runs a command as a member of the group that may use the container engine's socket, also in a login
# that is older than the membership. Where the socket is open already, or DOCKER_HOST is set, it just runs the command.
set -euo pipefail
socket=/var/run/docker.sock

if [ "$(id -u)" != 0 ] && [ -z "${DOCKER_HOST:-}" ] && [ -S "$socket" ] && ! [ -w "$socket" ]; then
  group=$(stat -c %G "$socket")
  if id -nG "$(id -un)" | tr ' ' '\n' | grep -qx "$group"; then
    printf -v line '%q ' "$@"
    exec sg "$group" -c "exec $line"
  fi
fi
exec "$@"
