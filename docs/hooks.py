"""Make pages that read well in the repository work as a site.

Links to files of the repository lead to copies of them, and formulas become MathML, which browsers
typeset without a script.
"""

import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.structure.files import File

PROJECT = Path(__file__).resolve().parent.parent
COPIES = "repository"


def on_page_markdown(markdown, page, config, files):
    """Turn formulas into MathML and links that leave docs/ into links to copies."""
    return copied_links(typeset(markdown), page, config, files)


def typeset(markdown):
    """Turn formulas as GitHub marks them, ```math and $`...`$, into MathML."""
    markdown = re.sub(
        r"(?ms)^```math\n(.+?)^```$", lambda found: convert(found[1], display="block"), markdown
    )
    # In a span, since Markdown takes a line that begins with <math> for a block.
    return re.sub(r"(?s)\$`(.+?)`\$", lambda found: f"<span>{convert(found[1])}</span>", markdown)


def copied_links(markdown, page, config, files):
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
