#!/usr/bin/env bash
# Fuzzes every reader for SECONDS each, from the corpus in fuzz/corpus, in the sanitizers' build; stops at the first fault,
# whose input lies in build/fuzz/found then. What is found is fixed and its input added to the corpus, which tests/fuzz replays.
#
#   scripts/fuzz.sh SECONDS
set -euo pipefail
cd "$(dirname "$0")/.."
readonly seconds=$1

cmake --preset asan > /dev/null
readonly targets=(onnx safetensors jpeg png idx)
cmake --build --preset asan --target "${targets[@]/#/fuzz_}" -j "$(nproc)"
for target in "${targets[@]}"; do
  echo "== $target, $seconds s"
  mkdir -p "build/fuzz/corpus/$target" build/fuzz/found
  # Inputs that take 5 s, 1 GiB in all or 256 MiB at once are faults, too.
  "build/asan/fuzz_$target" "build/fuzz/corpus/$target" "fuzz/corpus/$target" \
    -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=8192 \
    -print_final_stats=1 -artifact_prefix="build/fuzz/found/$target-" 2>&1 |
    grep -E '^Done|ERROR|SUMMARY|Test unit written|new_units_added'
done
