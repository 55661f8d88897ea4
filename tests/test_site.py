"""The documentation as a site, opened from disk, in a browser where there is one."""

import json
import os
import re
import subprocess
import sys

import pytest

from conftest import PROJECT

# Chromium or Chrome; the tests take minutes on a slow machine, so they are asked for.
BROWSER = os.environ.get("LAMPFLUX_BROWSER")
# Opens every page in a frame of a window's width, and lists what its reader cannot see.
VISIT = """<!DOCTYPE html><body><script>
const visit = async (page) => {
  const frame = document.createElement("iframe");
  frame.style = "width: WIDTHpx; height: 900px; border: 0";
  frame.src = page;
  document.body.append(frame);
  await new Promise((resolve) => (frame.onload = resolve));
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
  frame.remove();
  return [page, cut];
};
const found = [];
(async () => {
  for (const page of PAGES) found.push(await visit(page));
  document.body.textContent = JSON.stringify(found);
  document.title = "done";
})();
</script></body>"""


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


def opened(page, width, *, patience=20_000):
    """Open a page in a headless browser; return its document and what it logs."""
    run = subprocess.run(
        [
            *(BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *("--allow-file-access-from-files", "--enable-logging=stderr"),
            *(f"--window-size={width},900", f"--virtual-time-budget={patience}"),
            *("--dump-dom", page),
        ],
        capture_output=True,
        text=True,
        timeout=300,
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


needs_browser = pytest.mark.skipif(not BROWSER, reason="LAMPFLUX_BROWSER does not name a browser")


@needs_browser
@pytest.mark.parametrize("width", [1280, 1920])
def test_nothing_is_cut_off(site, width):
    names = pages(site)
    script = VISIT.replace("WIDTH", str(width)).replace("PAGES", json.dumps(names))
    (site / f"visit{width}.html").write_text(script, encoding="utf-8")
    document, logged = opened((site / f"visit{width}.html").as_uri(), width, patience=120_000)
    assert logged == []
    found = json.loads(re.search(r"(?s)<body>(.*)</body>", document)[1])
    assert [page for page, _ in found] == names
    assert {page: cut for page, cut in found if cut} == {}


@needs_browser
def test_search_finds_a_word_when_the_site_is_opened_from_disk(site):
    document, logged = opened((site / "index.html").as_uri() + "?q=saturation", 1280)
    assert logged == []
    assert re.search(r"\d+ matching documents", document)
    assert "<mark>saturation</mark>" in document.lower()
