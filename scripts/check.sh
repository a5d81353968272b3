#!/usr/bin/env bash
# Checks besides the tests: formatting, the core under sanitizers, clang-tidy on the core.
set -euo pipefail
cd "$(dirname "$0")/.."

echo "== formatting"
git ls-files '*.h' '*.cpp' | xargs .venv-dev/bin/clang-format --dry-run --Werror

echo "== address and undefined-behaviour sanitizers on the core"
cmake --preset asan > /dev/null
cmake --build --preset asan -j "$(nproc)"
(cd build/asan && ctest --output-on-failure -j "$(nproc)" -L fast)

echo "== clang-tidy on the core"
git ls-files 'src/base/*.cpp' 'src/arch/*.cpp' 'src/onnx/*.cpp' 'src/latency/*.cpp' 'src/myriadx/*.cpp' 'src/data/*.cpp' \
  | xargs -P "$(nproc)" -n 4 .venv-dev/bin/clang-tidy -p build/asan --quiet
