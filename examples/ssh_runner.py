#!/usr/bin/env python3
"""Drives the devices of another machine, where vpunas-device is on the PATH:

  vpunas profile --space vpu -d CPU --runner 'examples/ssh_runner.py user@board'"""
import json, os, subprocess, sys

host, sent = sys.argv[1], set()
board = subprocess.Popen(["ssh", host, "vpunas-device"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
for line in sys.stdin:
    request = json.loads(line)
    if "model" in request:
        there = "/tmp/vpunas_" + os.path.basename(request["model"])
        if there not in sent:
            subprocess.run(["scp", "-q", request["model"], f"{host}:{there}"], check=True, stdout=sys.stderr)
            sent.add(there)
        request["model"] = there
    board.stdin.write(json.dumps(request) + "\n")
    board.stdin.flush()
    print(board.stdout.readline(), end="", flush=True)
