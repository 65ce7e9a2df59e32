# Steps: a line for each with its seconds, everything that it says in the log.

steps_done=0

open_log() {
  mkdir -p "$CLAWCAGE_HOME"
  chmod 0700 "$CLAWCAGE_HOME"
  log=$CLAWCAGE_HOME/setup.log
  printf '%s setup\n' "$(date -u +%FT%TZ)" >>"$log"
}

# Two set-ups of one checkout take turns: they would install the same packages into the same folder.
one_at_a_time() {
  mkdir -p build
  exec 9>build/setup.lock
  if has flock && ! flock --nonblock 9; then
    echo 'another set-up is under way: waiting for it'
    flock 9
  fi
}

has() {
  command -v "$1" >/dev/null 2>&1
}

# step NAME COMMAND... - runs the command with its output in the log; lines of it that begin with "note: " are shown.
step() {
  local name=$1 code=0 from start=${EPOCHREALTIME:-$SECONDS}
  shift
  steps_done=$((steps_done + 1))
  from=$(($(wc -c <"$log") + 1))
  printf '  %s ... ' "$name"
  printf -- '--- %s\n' "$name" >>"$log"
  # In a shell of its own, so that an error in it ends it there; without the lock, which a server that it starts would keep.
  set +e
  (set -e; "$@") >>"$log" 2>&1 </dev/null 9>&-
  code=$?
  set -e
  if [ "$code" != 0 ]; then
    echo 'failed'
    fail_step "$name"
  fi
  awk -v from="$start" -v to="${EPOCHREALTIME:-$SECONDS}" 'BEGIN { sub(",", ".", from); sub(",", ".", to); printf "%.1f s\n", to - from }'
  tail -c "+$from" "$log" | sed -n 's/^note: /      /p'
}

fail_step() {
  {
    echo
    tail -n 30 "$log"
    echo
    echo "The step \"$1\" failed; above is the end of $log."
  } >&2
  exit 1
}

# Says what has to be installed by hand and ends with 3.
give_up() {
  {
    echo
    echo "$1"
    echo 'What is needed:'
    local what
    for what in "${to_name[@]}"; do
      echo "  - $what"
    done
  } >&2
  exit 3
}
