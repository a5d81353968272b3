#!/usr/bin/env bash
# Copies the figures of the quick run to docs/results/quick_run.json with what made them:
#   scripts/results.sh [RUN_FOLDER [COMMAND [COMMIT]]]   (runs/quick, "make run", HEAD)
set -euo pipefail
cd "$(dirname "$0")/.."
readonly run=${1:-runs/quick} command=${2:-make run} commit=${3:-HEAD}
[ -f "$run/result.json" ] || { echo "results: $run/result.json is not there; run \`make run\` first" >&2; exit 1; }
mkdir -p docs/results
python3 - "$run" "$command" "$(git rev-parse "$commit")" <<'PY'
import json, os, platform, sys
run, command, commit = sys.argv[1:]
result = json.load(open(os.path.join(run, "result.json")))
model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
result = {**result, "commit": commit, "command": command, "processor": f"{model}, {os.cpu_count()} cores"}
with open("docs/results/quick_run.json", "w") as file:
    json.dump(result, file, indent=2)
    file.write("\n")
PY
echo "docs/results/quick_run.json"
