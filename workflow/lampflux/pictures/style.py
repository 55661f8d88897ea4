"""The look that all pictures share."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from PIL import Image

from lampflux.files.whole import whole
from lampflux.pictures.lettering import Canvas


class Palette(NamedTuple):
    """Colours of all pictures."""

    # Spectra, points and titles.
    data: str = "#1b3a5c"
    # Line windows, and models and limits compared with the data.
    highlight: str = "#e08214"
    # Ticks, grids and remarks.
    muted: str = "#5f6b76"
    # The plain sum behind the clean one.
    plain_sum: str = "#a9bccd"
    # Saturated or failed.
    saturated: str = "#b2182b"


COLOUR = Palette()
# Width of a figure [inch] and the resolution at which it is drawn [pixel per inch].
WIDTH = 10.0
DPI = 140
# Width of a letter of small text, on average [inch].
LETTER = 0.072
# PNG files state this resolution: the figure is then 7 inches wide, as a page of two columns is.
PRINTED_DPI = 200
# Options of each format. At this compression level PNG files are a tenth larger than by default
# and take half the time. Without a date, the same picture gives the same file.
SAVING = {
    "png": {"compress_level": 4, "dpi": (PRINTED_DPI, PRINTED_DPI)},
    "pdf": {"metadata": {"CreationDate": None}},
    "svg": {"metadata": {"Date": None}},
}
# matplotlib searches all fonts of a family for each text.
ONE_FONT = {"font.sans-serif": ["DejaVu Sans"]}
# Text in vector pictures can be searched and edited.
TEXT_AS_TEXT = {"pdf.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "lampflux"}
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def new_figure(identity, subject):
    """Start a figure with the exposure, from its product's header, and the subject as title."""
    return titled_figure(
        f"{identity['BRAND']} {identity['LAMP']}, {identity['CCD']} arm, "
        f"{identity['EXPTIME']:g} s, exposure {identity['ID']}: {subject}",
        identity.get("SIMULATE", False),
    )


def titled_figure(title, simulated, height=6.4, room=(0.8, 0.15, 0.6, 0.65)):
    """Start a figure with a title, marked if it shows simulated frames.

    ``room`` is the space for labels to the left and right of the axes, below and above them
    [inch]. It takes matplotlib longer to find than to draw them.
    """
    figure = Figure(figsize=(WIDTH, height), dpi=DPI)
    Canvas(figure)
    mark = " [SIMULATED]" if simulated else ""
    top = 1 - 0.12 / height
    style = {"ha": "left", "va": "top", "fontweight": "bold", "color": COLOUR.data}
    figure.suptitle(title + mark, x=0.01, y=top, **style)
    left, right, below, above = room
    figure.subplots_adjust(
        left / WIDTH, below / height, 1 - right / WIDTH, 1 - above / height, hspace=0.25
    )
    return figure


def save(figure, path, formats=()):
    """Write a figure as PNG and in other formats, each file completely or not at all.

    ``path`` is the PNG; files of the other formats (``pdf``, ``svg``) are written beside it.
    """
    for form in {"png", *formats}:
        with whole(Path(path).with_suffix(f".{form}")) as part, rc_context(TEXT_AS_TEXT):
            if form == "png":
                picture(figure).save(part, format=form, **SAVING[form])
            else:
                figure.savefig(part, format=form, **SAVING[form])


def picture(figure):
    """Draw a figure's pixels in 256 colours: faster, and a third of the size of full colour.

    Tints paler than a tenth of `Palette.muted` become white.
    """
    with rc_context(ONE_FONT):
        figure.canvas.draw()
    pixels = Image.fromarray(np.asarray(figure.canvas.buffer_rgba())).convert("RGB")
    return pixels.quantize(method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)


def finish(axes):
    """Give axes the common look."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=COLOUR.muted)
    axes.margins(x=0)


def raised(power):
    """Write a power of ten; much faster than matplotlib's own typesetting."""
    return f"10{str(power).replace('−', '-').translate(SUPERSCRIPTS)}"


def round_ticks(knee, high):
    """Zero and round numbers above the knee of a stretch: 1, 2 and 5, or 1 over many decades."""
    powers = 10.0 ** np.arange(np.floor(np.log10(knee)), np.ceil(np.log10(high)) + 1)
    steps = (1, 2, 5) if high < 200 * knee else (1, 3) if high < 3000 * knee else (1,)
    ticks = np.outer(powers, steps).ravel()
    return [0.0, *ticks[(ticks >= knee) & (ticks <= high)]]


def label_powers(axis):
    """Label a logarithmic axis with plain numbers and powers of ten, without minor ticks."""
    axis.set_major_formatter(lambda value, _: number_text(value))
    axis.set_minor_locator(NullLocator())


def number_text(value, sign="-"):
    """Write a number with a minus sign and, if it is very large or small, a power of ten.

    With ``sign="+"``, positive numbers also have a sign.
    """
    mantissa, _, power = f"{value:{sign}.4g}".partition("e")
    mantissa = mantissa.replace("-", "−")
    if not power:
        return mantissa
    return raised(int(power)) if mantissa == "1" else f"{mantissa}×{raised(int(power))}"
