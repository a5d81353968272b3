"""What every file of results says of itself, and tables that documents take from them."""
import datetime
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def provenance():
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, text=True, capture_output=True)
    return {"commit": commit.stdout.strip(),
            "date": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}


def write_section(document, script, text):
    """Puts `text` between the document's lines <!-- bench/SCRIPT --> and the next <!-- end -->."""
    begin, end = f"<!-- bench/{script} -->\n", "<!-- end -->"
    before, rest = document.read_text().split(begin, 1)
    document.write_text(f"{before}{begin}{text}\n{end}{rest.split(end, 1)[1]}")
