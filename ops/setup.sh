#!/usr/bin/env bash
# Sets up what ClawCage needs and does not have yet; may be run at any time.
#   ops/setup.sh            what the service needs
#   ops/setup.sh --tests    also what only the tests need
#   ops/setup.sh --packages no more than the npm packages
# YES=1 answers its question. Exit codes: 0 ready, 1 a step failed, 2 usage, 3 something is missing that it may not install.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root"
for_tests=
case ${1:-} in
  '') ;;
  --tests) for_tests=1 ;;
  --packages) ;;
  *) echo 'usage: ops/setup.sh [--tests | --packages]' >&2; exit 2 ;;
esac

export CLAWCAGE_HOME=${CLAWCAGE_HOME:-$HOME/.clawcage}
# npm replaces the Node of the packages, so it must not run on it.
PATH=${PATH//"$root/node_modules/node/bin:"/}
node=$root/node_modules/node/bin/node

. ops/setup/steps.sh
. ops/setup/packages.sh
. ops/setup/engine.sh

open_log
one_at_a_time
if ! npm_is_current; then
  need_npm
  step 'npm packages' install_npm_packages
fi

[ "${1:-}" != --packages ] || exit 0

find_missing
install_missing
if ! engine_answers; then
  step 'container engine' start_engine
fi
join_engine_group

to_make=$(in_engine_group "$node" ops/images.ts --to-make 2>>"$log") || fail_step 'images'
if [ "$to_make" = debootstrap ]; then
  want debootstrap debootstrap 'debootstrap, since no image registry answers'
  install_missing
fi
if [ "$to_make" != nothing ]; then
  step 'images' in_engine_group "$node" ops/images.ts --prune
fi
if [ "$steps_done" = 0 ]; then
  echo 'set up: nothing to do'
fi
