#!/usr/bin/env bash
# Checks besides the tests: formatting, the core under sanitizers.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "== formatting"
git ls-files '*.h' '*.cpp' | xargs .venv-dev/bin/clang-format --dry-run --Werror

echo "== address and undefined-behaviour sanitizers on the core"
cmake --preset asan > /dev/null
cmake --build --preset asan -j "$(nproc)"
(cd build/asan && ctest --output-on-failure -j "$(nproc)" -L fast)
