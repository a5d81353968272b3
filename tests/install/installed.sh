#!/usr/bin/env bash
# Installs a build into a scratch folder, builds examples/library against it, and asks both programs there.
#
#   tests/install/installed.sh BUILD
set -euo pipefail
build=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
fail() { printf 'installed: %s\n' "$*" >&2; exit 1; }

cmake --install "$build" --prefix "$scratch/prefix" > /dev/null
cmake -S "$source/examples/library" -B "$scratch/example" -DCMAKE_PREFIX_PATH="$scratch/prefix" > /dev/null
cmake --build "$scratch/example" > /dev/null
example=$("$scratch/example/slowest_stages" mobilenet_v2)
printf '%s\n' "$example"
[[ $example =~ ^mobilenet_v2:\ ([0-9.]+)\ ms ]] || fail "the example does not tell mobilenet_v2's time"
[ "$(wc -l <<< "$example")" = 6 ] || fail "the example does not tell five stages"
"$scratch/prefix/bin/vpunas" explain mobilenet_v2 | grep -qF "${BASH_REMATCH[1]} ms" \
  || fail "the program tells another time than the example"
