# The container engine. One that answers is never touched.

socket=/var/run/docker.sock

engine_answers() {
  "$node" ops/engine-answers.ts >/dev/null 2>&1 || engine_refuses_only_us
}

# The engine runs, but its socket is closed to this user.
engine_refuses_only_us() {
  [ -z "${DOCKER_HOST:-}" ] && [ -S "$socket" ] && ! [ -w "$socket" ] && may_be_root &&
    as_root "$node" ops/engine-answers.ts >/dev/null 2>&1
}

start_engine() {
  if has_systemd; then
    as_root systemctl start docker
  else
    # shellcheck disable=SC2016
    as_root sh -c 'PATH=/usr/sbin:/sbin:$PATH; setsid dockerd >>/var/log/clawcage-dockerd.log 2>&1 </dev/null &'
    echo 'note: its log is /var/log/clawcage-dockerd.log'
  fi
  local deadline=$((SECONDS + 60))
  until engine_answers; do
    if [ "$SECONDS" -ge "$deadline" ]; then
      echo 'dockerd does not answer after 60 s'
      as_root tail -n 20 /var/log/clawcage-dockerd.log 2>/dev/null || true
      return 1
    fi
    sleep 0.2
  done
}

# Docker lets the members of the socket's group in. This user is made one (after the question), and sg gives the membership to
# this run, which a new login would give for good.
join_engine_group() {
  [ "$(id -u)" != 0 ] && [ -z "${DOCKER_HOST:-}" ] && [ -S "$socket" ] && ! [ -w "$socket" ] || return 0
  local group
  group=$(stat -c %G "$socket")
  if [ "$group" = root ]; then
    to_name=("an engine whose socket $socket belongs to a group for its users, docker by custom")
    give_up 'The container engine is open to root alone.'
  fi
  if ! id -nG "$(id -un)" | tr ' ' '\n' | grep -qx "$group"; then
    to_name=("your user in the group $group: sudo usermod -aG $group $(id -un)")
    if [ -t 0 ] && [ "${YES:-}" != 1 ]; then
      local answer
      read -r -p "Add $(id -un) to the group $group, which may use the container engine? [Y/n] " answer
      case $answer in '' | y | Y | yes) ;; *) give_up 'The container engine is closed to this user.' ;; esac
    fi
    step "$(id -un) joins the group $group" as_root usermod -aG "$group" "$(id -un)"
  fi
}

in_engine_group() {
  ops/with-engine.sh "$@"
}
