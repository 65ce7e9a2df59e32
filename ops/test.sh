#!/usr/bin/env bash
# test.sh [SUITE...] - sets up for the tests, runs the suites (all, and the checks, if none is named) and adds up. The last line is
# "N passed, N failed"; the exit code is 0 only if none failed. It has a home of its own, so it may run beside the service.
set -uo pipefail
root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$root" || exit 1

# The service's settings are not the tests', but for the image that this machine takes its base from.
for name in $(compgen -e CLAWCAGE_); do
  [ "$name" = CLAWCAGE_BASE_IMAGE ] || unset "$name"
done
CLAWCAGE_HOME=$(mktemp -d "${TMPDIR:-/tmp}/clawcage-test.XXXXXX")
export CLAWCAGE_HOME
trap 'rm -rf "$CLAWCAGE_HOME"' EXIT

case "${*:-all}" in
  check | unit) needs=--packages ;;
  *) needs=--tests ;;
esac
if ! ops/setup.sh "$needs"; then
  echo '0 passed, 1 failed'
  [ -z "${TEST_SUMMARY:-}" ] || echo '0 passed, 1 failed' >"$TEST_SUMMARY"
  exit 1
fi
export PATH=$root/node_modules/node/bin:$root/node_modules/.bin:$PATH
ops/with-engine.sh node ops/run-tests.ts "$@"
