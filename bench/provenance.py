"""What every file of results says of itself, and tables that documents take from them."""
import datetime
import os
import pathlib
import platform
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def git(*arguments):
    return subprocess.run(["git", *arguments], cwd=ROOT, text=True, capture_output=True).stdout.strip()


def provenance():
    """Commit and time; "-dirty" where files other than documents and results differ from it."""
    dirty = git("status", "--porcelain", "--", ".", ":!docs")
    return {"commit": git("rev-parse", "HEAD") + ("-dirty" if dirty else ""),
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def machine():
    """"2 x AMD EPYC"."""
    with open("/proc/cpuinfo") as file:
        names = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    return f"{os.cpu_count()} x {names[0] if names else platform.processor()}"


def write_section(document, script, text):
    """Puts `text` between the document's lines <!-- bench/SCRIPT --> and the next <!-- end -->."""
    begin, end = f"<!-- bench/{script} -->\n", "<!-- end -->"
    before, rest = document.read_text().split(begin, 1)
    document.write_text(f"{before}{begin}{text}\n{end}{rest.split(end, 1)[1]}")
