#!/usr/bin/env bash
# The core under address and undefined-behaviour sanitizers, its kernels' threads under the thread
# sanitizer.
set -euo pipefail
cd "$(dirname "$0")/.."

cmake --preset asan > /dev/null
cmake --build --preset asan -j "$(nproc)"
(cd build/asan && ctest --output-on-failure -j "$(nproc)" -L fast)

cmake --preset tsan > /dev/null
cmake --build --preset tsan -j "$(nproc)" --target test_kernels
(cd build/tsan && ctest --output-on-failure -j "$(nproc)" -R '^kernels\.')
