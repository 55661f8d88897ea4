"""Let pages link to files of the repository: the site holds copies of those that are linked."""

import posixpath
import re
from pathlib import Path

from mkdocs.structure.files import File

PROJECT = Path(__file__).resolve().parent.parent
COPIES = "repository"


def on_page_markdown(markdown, page, config, files):
    """Turn links that leave docs/ into links to copies, as text, so that a browser shows them."""
    folder = posixpath.dirname(page.file.src_uri)

    def linked(match):
        path = posixpath.normpath(posixpath.join("docs", folder, match[1]))
        inside = posixpath.relpath(path, "docs")
        source = PROJECT / path
        if not source.is_file() or (inside[:3] != "../" and source.suffix != ".py"):
            return match[0]
        copy = f"{COPIES}/{path}.txt"
        if not files.get_file_from_path(copy):
            files.append(File.generated(config, copy, abs_src_path=str(source)))
        return f"]({posixpath.relpath(copy, folder or '.')})"

    return re.sub(r"\]\(([^)#:]+)\)", linked, markdown)
