"""The documentation as a site, opened from disk in a browser, if there is one."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading

import pytest

from conftest import PROJECT

# Chromium or Chrome; the tests take minutes on a slow machine, so they run only on request.
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser")
# Lists, once all frames of this page have loaded, what readers of each cannot see.
VISIT = """<script>
const cutOff = (frame) => {
  const root = frame.contentDocument.documentElement;
  const cut = root.scrollWidth > root.clientWidth ? [`the page, ${root.scrollWidth}`] : [];
  const content = root.querySelector(".md-content__inner").getBoundingClientRect();
  const parts = root.querySelectorAll(".md-content__inner :is(table, pre, img, p, li, math)");
  for (const part of parts)
    if (
      part.getBoundingClientRect().right > content.right + 1 &&
      !part.closest(".md-typeset__scrollwrap, pre")
    )
      cut.push(`${part.localName}: ${part.textContent.trim().slice(0, 40)}`);
  for (const image of root.querySelectorAll("img"))
    if (!image.naturalWidth) cut.push(`${image.src} is missing`);
  return [frame.getAttribute("src"), cut];
};
onload = () => {
  const found = [...document.querySelectorAll("iframe")].map(cutOff);
  document.body.textContent = JSON.stringify(found);
};
</script>"""
# Shows what the search of its frame has found.
SEARCH = """<script>
onload = () => {
  const found = document.querySelector("iframe").contentDocument.querySelector(".md-search");
  document.body.innerHTML = found.innerHTML;
};
</script>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder],
        cwd=PROJECT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return folder


def opened(folder, names, script, *, width=1280, more=""):
    """Open a page with some others in its frames; return its document and what it logs."""
    frames = (
        f'<iframe src="{name}" style="width: {width}px; height: 900px; border: 0"></iframe>'
        for name in names
    )
    page = folder / "visit.html"
    page.write_text("<!DOCTYPE html><body>" + "".join(frames) + more + script, "utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    flags += ["--allow-file-access-from-files", "--enable-logging=stderr"]
    flags += [f"--user-data-dir={folder / 'browser'}", f"--window-size={width},900"]
    run = subprocess.run(
        [BROWSER, *flags, "--dump-dom", page.as_uri()],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return run.stdout, re.findall(r"CONSOLE.*", run.stderr)


def pages(site):
    names = (str(page.relative_to(site)) for page in site.rglob("*.html"))
    return sorted(name for name in names if name != "404.html" and not name.startswith("visit"))


def test_pages_load_nothing_from_the_network(site):
    assert len(pages(site)) > 25
    for name in pages(site):
        text = (site / name).read_text(encoding="utf-8")
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"?([^\s\">]+)", text)
        loaded += re.findall(r"<link[^>]* href=\"?([^\s\">]+)[^>]*>", text)
        assert [source for source in loaded if "//" in source] == [], name


needs_browser = pytest.mark.skipif(BROWSER is None, reason="needs the browser chromium")


@needs_browser
@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_is_cut_off(site, width):
    names = pages(site)
    document, logged = opened(site, names, VISIT, width=width)
    assert logged == []
    found = json.loads(re.search(r"(?s)<body>(.*)</body>", document)[1])
    assert [page for page, _ in found] == names
    assert {page: cut for page, cut in found if cut} == {}


@needs_browser
def test_search_finds_a_word_when_the_site_is_opened_from_disk(site):
    # The page has loaded once its image has failed: until then, the search has time.
    with socket.create_server(("127.0.0.1", 0)) as server:
        image = f'<img src="http://127.0.0.1:{server.getsockname()[1]}">'
        threading.Timer(10, server.close).start()
        document, logged = opened(site, ["index.html?q=saturation"], SEARCH, more=image)
    assert logged == []
    assert re.search(r"\d+ matching documents", document)
    assert "<mark>saturation</mark>" in document.lower()
