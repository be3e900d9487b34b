#!/usr/bin/env python3
"""Open a basewise report in headless Chromium and check it as a reader would meet it.

    python3 scripts/check_report.py REPORT.html [--page run|comparison|plain] [--screenshot PNG] [--browser PATH]

Checked: the page loads without a console message of level warning or error, every section is present and has text, no
resource is asked for over the network, and the page has no horizontal overflow at the width of a phone. Only the
standard library is used; the browser is Debian's `chromium` or any Chrome-like one.

Exit codes: 0 the report is sound, 1 it is not, 2 it could not be looked at (3: there is no browser).
"""

import argparse
import html
import json
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from html.parser import HTMLParser
from pathlib import Path

PAGES = {
    "run": ["overview", "data", "training", "performance", "examples", "discovery", "filters", "details"],
    "comparison": ["overview", "scores", "differences", "costs", "data", "details"],
    "plain": [],
}
BROWSERS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"]
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # Nothing the page asks for may leave this machine.
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--allow-file-access-from-files",
]
SECONDS = 120
# `[pid:tid:date:INFO:CONSOLE:line] "message", source: file (line)`; the level before CONSOLE depends on the version.
CONSOLE = re.compile(r":CONSOLE[:(]\d+\)?\]\s*(.*)")
# Void elements have no end tag, so they open no level.
VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
PHONE = 390
# Chromium makes no narrower window; a narrower page is shown in a frame, which media queries treat as a window.
SMALLEST_WINDOW = 600

# Appended to a copy of the report: what only a layout engine knows, written where --dump-dom shows it.
PROBE = """
<script>
addEventListener('load', () => {
  const sections = %s;
  const missing = sections.filter(id => !document.getElementById(id));
  const flat = sections.filter(id => { const e = document.getElementById(id); return e && e.getBoundingClientRect().height < 1; });
  const wide = Math.max(0, document.documentElement.scrollWidth - innerWidth);
  const images = [...document.images].filter(i => !i.complete || i.naturalWidth === 0).length;
  const found = {missing, flat, wide, images, requests: performance.getEntriesByType('resource').map(e => e.name)
    .filter(name => !name.startsWith('data:') && !name.startsWith('blob:'))};
  parent.document.documentElement.setAttribute('data-probe', encodeURIComponent(JSON.stringify(found)));
});
</script>
"""


class Sections(HTMLParser):
    """Collects ids and, for each wanted section, the characters of text inside it."""

    def __init__(self, wanted):
        super().__init__(convert_charrefs=True)
        self.ids, self.text = [], {name: 0 for name in wanted}
        self.stack = []
        self.outside = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if values.get("id"):
            self.ids.append(values["id"])
        for name in ("src", "href", "xlink:href", "srcset", "action"):
            target = values.get(name) or ""
            loads = tag != "a" and re.match(r"(https?:)?//", target)
            if loads:
                self.outside.append(f"<{tag} {name}={target!r}>")
        if tag not in VOID:
            self.stack.append((tag, values.get("id")))

    def handle_endtag(self, tag):
        for depth in range(len(self.stack) - 1, -1, -1):
            if self.stack[depth][0] == tag:
                del self.stack[depth:]
                return

    def handle_data(self, data):
        if self.stack and self.stack[-1][0] in ("script", "style"):
            return
        for _, name in self.stack:
            if name in self.text:
                self.text[name] += len(data.strip())


def find_browser(asked):
    names = [asked] if asked else BROWSERS
    return next((path for path in map(shutil.which, names) if path), None)


def browse(browser, page, folder, *options):
    """Run the browser once on `page`; (stdout, stderr)."""
    with tempfile.TemporaryDirectory(dir=folder) as profile:
        command = [browser, *FLAGS, f"--user-data-dir={profile}", *options, page.as_uri()]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, errors="replace")
    if done.returncode != 0:
        raise OSError(f"{browser} ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout, done.stderr


def probe(browser, report, sections, folder, width):
    """What the layout engine says of the page at a window width: a dict, and console messages."""
    page = report.read_text(encoding="utf-8") + PROBE % json.dumps(sections)
    if width < SMALLEST_WINDOW:
        page = f'<!doctype html><iframe style="border:0;width:{width}px;height:900px" srcdoc="{html.escape(page)}"></iframe>'
    copy = folder / f"probe-{width}.html"
    copy.write_text(page, encoding="utf-8")
    options = ["--dump-dom", "--enable-logging=stderr", "--v=0", f"--window-size={max(width, SMALLEST_WINDOW)},900"]
    dom, log = browse(browser, copy, folder, "--virtual-time-budget=5000", *options)
    match = re.search(r'data-probe="([^"]*)"', dom)
    if not match:
        raise OSError(f"{report}: the page did not finish loading")
    return json.loads(urllib.parse.unquote(match.group(1))), console_messages(log)


def console_messages(log):
    """Console lines of the browser's log; info and debug lines of the page itself also count, a report says nothing."""
    return [match.group(1) for match in map(CONSOLE.search, log.splitlines()) if match]


def check_text(report, sections):
    """Problems that need no browser."""
    parser = Sections(sections)
    parser.feed(report.read_text(encoding="utf-8"))
    problems = [f"section #{name} is missing" for name in sections if name not in parser.ids]
    problems += [f"section #{name} has no text" for name in sections if name in parser.ids and parser.text[name] < 20]
    twice = sorted({name for name in parser.ids if parser.ids.count(name) > 1})
    problems += [f"the id {name!r} is used {parser.ids.count(name)} times" for name in twice]
    problems += [f"{tag} would be loaded over the network" for tag in parser.outside]
    return problems


def check_layout(browser, report, sections, folder):
    """Problems that only show in a browser."""
    problems = []
    for width in (1280, PHONE):
        found, console = probe(browser, report, sections, folder, width)
        problems += [f"console at {width} px: {message}" for message in console]
        problems += [f"section #{name} is not shown at {width} px" for name in found["missing"] + found["flat"]]
        problems += [f"asked for {name}" for name in found["requests"] if not name.startswith("file:")]
        if found["images"]:
            problems.append(f"{found['images']} images did not load")
        if found["wide"] > 1:
            problems.append(f"the page is {found['wide']} px wider than a window of {width} px")
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--page", choices=PAGES, default="run", help="what the page is about; plain: no sections")
    parser.add_argument("--screenshot", type=Path, help="also write the page as a PNG")
    parser.add_argument("--browser", help="the browser to use instead of the first one found")
    arguments = parser.parse_args()
    report = arguments.report.resolve()
    sections = PAGES[arguments.page]
    problems = check_text(report, sections)
    browser = find_browser(arguments.browser)
    if browser:
        with tempfile.TemporaryDirectory(prefix="report-check-") as folder:
            folder = Path(folder)
            problems += check_layout(browser, report, sections, folder)
            if arguments.screenshot:
                options = [f"--screenshot={arguments.screenshot.resolve()}", "--window-size=1280,6000"]
                browse(browser, report, folder, *options)
    for problem in problems:
        print(f"{arguments.report}: {problem}", file=sys.stderr)
    if problems:
        return 1
    if not browser:
        print("no Chromium was found: only the text of the report was checked", file=sys.stderr)
        return 3
    print(f"{arguments.report}: {len(sections)} sections, no console message, nothing from the network")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, UnicodeDecodeError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
