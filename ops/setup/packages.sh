# Packages of npm and Debian.

to_install=()
to_name=()
apt_is_fresh=

npm_stamp=node_modules/.clawcage-lock

npm_is_current() {
  [ -x "$node" ] && [ -f "$npm_stamp" ] && [ "$(cat "$npm_stamp")" = "$(lock_digest)" ]
}

lock_digest() {
  sha256sum package-lock.json | cut -d' ' -f1
}

need_npm() {
  local major
  major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\).*/\1/p') || major=
  if [ "${major:-0}" -lt 18 ] || ! has npm; then
    to_name=('Node.js 18 or later with npm (Debian: apt-get install nodejs npm)')
    give_up 'The packages cannot be fetched.'
  fi
}

install_npm_packages() {
  npm ci --no-progress
  "$node" --version
  lock_digest >"$npm_stamp"
}

# want COMMAND PACKAGE DESCRIPTION - notes a package whose command is not here.
want() {
  if ! has "$1" && ! [ -x "/usr/sbin/$1" ]; then
    to_install+=("$2")
    to_name+=("$3 (Debian: apt-get install $2)")
  fi
}

# Fills to_install (Debian's names) and to_name (words for people) with what is not here.
find_missing() {
  if ! engine_answers; then
    if [ -n "${DOCKER_HOST:-}" ]; then
      to_name=("a container engine that answers at DOCKER_HOST=$DOCKER_HOST, or no DOCKER_HOST")
      give_up 'The container engine that DOCKER_HOST names does not answer.'
    fi
    want dockerd docker.io 'a container engine: Docker 20.10 or later, running'
    if [ "${#to_install[@]}" = 0 ] && ! may_be_root; then
      to_name=('the container engine started (dockerd), and its socket open to your user')
      give_up 'The container engine does not answer, and without root or sudo it cannot be started.'
    fi
  fi
  if [ -z "${CLAWCAGE_REDIS_URL:-}" ]; then
    want redis-server redis-server 'Redis 6.2 or later, or set CLAWCAGE_REDIS_URL'
  fi
  if [ -n "$for_tests" ]; then
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || want initdb postgresql 'PostgreSQL 15 or later'
    want chromium chromium 'Chromium'
    want promtool prometheus 'promtool of Prometheus'
    want docker-registry docker-registry 'the Docker registry server'
    want faketime faketime 'libfaketime'
  fi
}

is_debian() {
  has apt-get && has dpkg && grep -qE '^ID(_LIKE)?=.*debian' /etc/os-release 2>/dev/null
}

may_be_root() {
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || { has sudo && [ -t 0 ]; }
}

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Ends with the list where packages cannot be installed; on a terminal it asks first.
agree_to_install() {
  is_debian || give_up 'This is not Debian, so nothing is installed for you.'
  may_be_root || give_up 'Without root or sudo nothing can be installed.'
  if [ -t 0 ] && [ -t 1 ] && [ "${YES:-}" != 1 ]; then
    local answer
    read -r -p "Install from Debian's packages: ${to_install[*]}? [Y/n] " answer
    case $answer in
      '' | y | Y | yes) ;;
      *) give_up 'Nothing was installed.' ;;
    esac
  fi
  # Asks for the password here, where it can be seen.
  [ "$(id -u)" = 0 ] || sudo -v
}

install_missing() {
  [ "${#to_name[@]}" -gt 0 ] || return 0
  agree_to_install
  if [ "${#to_install[@]}" -gt 0 ]; then
    step "Debian packages: ${to_install[*]}" install_debian_packages "${to_install[@]}"
    apt_is_fresh=1
  fi
  to_install=()
  to_name=()
}

# Installs without starting a service: by Debian's own policy file, which is ours only for the time and only if there is none.
install_debian_packages() {
  local policy=/usr/sbin/policy-rc.d ours=
  if ! [ -e "$policy" ]; then
    ours=1
    trap 'as_root rm -f /usr/sbin/policy-rc.d' EXIT
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 0755 "$policy"
  fi
  if [ -z "$apt_is_fresh" ]; then
    as_root apt-get update
  fi
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends "$@"
  if has_systemd; then
    # Our service has a Redis of its own, the tests start theirs.
    local service
    for service in redis-server postgresql prometheus docker-registry; do
      case " $* " in *" $service "*) as_root systemctl disable --quiet "$service" || true ;; esac
    done
  fi
  if [ -n "$ours" ]; then
    as_root rm -f "$policy"
    trap - EXIT
  fi
}

has_systemd() {
  [ -d /run/systemd/system ]
}
