#!/usr/bin/env python3
"""Drives the devices of another machine, where vpunas-device is on the PATH:

  vpunas profile --space vpu -d CPU --runner 'examples/ssh_runner.py user@board'"""
import hashlib, json, os, pathlib, subprocess, sys

host, sent = sys.argv[1], {}


def send(model):
    """The model's path there; files of one name in several folders stay apart, and a changed one is sent anew."""
    here = pathlib.Path(model).resolve()
    there = f"/tmp/vpunas_{hashlib.sha1(str(here.parent).encode()).hexdigest()[:12]}_{here.name}"
    files = [here] + [weights for weights in [here.with_suffix(".bin")] if here.suffix == ".xml" and weights.exists()]
    if sent.get(here) != here.stat().st_mtime_ns:
        for file in files:
            target = f"{host}:{os.path.splitext(there)[0]}{file.suffix}"
            subprocess.run(["scp", "-q", file, target], check=True, stdout=sys.stderr)
        sent[here] = here.stat().st_mtime_ns
    return there


board = subprocess.Popen(["ssh", host, "vpunas-device"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
for line in sys.stdin:
    request = json.loads(line)
    if "model" in request:
        request["model"] = send(request["model"])
    board.stdin.write(json.dumps(request) + "\n")
    board.stdin.flush()
    print(board.stdout.readline(), end="", flush=True)
