#!/usr/bin/env python3
"""Dead links and long lines in the documents; prints each and exits with 1 where there are any.

Lines of prose have at most 120 characters. Tables, code and what a script of bench/ wrote may have
more, and so has docs/formats.md, whose tables are its text.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LIMIT = 120
ANY_LENGTH = {"docs/formats.md"}


def anchors(text):
    """What `#...` may follow a document's name: its headings, as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(document):
    for number, line in enumerate(document.read_text().splitlines(), 1):
        for target in re.findall(r"\]\(([^)\s]+)\)", line):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, anchor = target.partition("#")
            other = document.parent / path if path else document
            if not other.exists():
                yield number, f"no file {target}"
            elif anchor and anchor not in anchors(other.read_text()):
                yield number, f"no heading {target}"


def long_lines(document):
    code = generated = False
    for number, line in enumerate(document.read_text().splitlines(), 1):
        if line.startswith("```"):
            code = not code
        if re.match(r"<!-- (bench|end)", line):
            generated = not line.startswith("<!-- end")
        is_prose = not (code or generated or line.startswith(("|", "    ")))
        if is_prose and len(line) > LIMIT:
            yield number, f"{len(line)} characters, at most {LIMIT}"


def main():
    faults = []
    for document in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "tests/README.md"]:
        name = document.relative_to(ROOT).as_posix()
        found = list(dead_links(document))
        if name not in ANY_LENGTH:
            found += long_lines(document)
        faults += [f"{name}:{number}: {fault}" for number, fault in found]
    print("\n".join(sorted(faults)), end="\n" if faults else "")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
