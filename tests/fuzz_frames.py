"""Damage small FITS files of every kind, read them, and check the results.

A damaged file must be refused with one sentence that names it, within seconds, or give the pixels
of the sound file. Other pixels may come only from a file that is still legal FITS without a
checksum, where no reader could know; an independent reader of the standard decides that.
"""

import argparse
import gzip
import io
import logging
import multiprocessing
import multiprocessing.connection
import random
import re
import resource
import signal
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
from astropy.io import fits

from lampflux.errors import UserError
from lampflux.files.frames import read_frame
from lampflux.files.keywords import check_exposure_time

# Longest time that a file may take [s], and most memory [bytes].
SECONDS, MEMORY = 5, 4 * 2**30
BLOCK, CARD = 2880, 80
EXPTIME = 60.0
# Outcomes of a damaged file that are right.
RIGHT = ("refused", "as before", "warned", "undetectable")
NUMBERS = re.findall(
    r"\S+",
    "-1 0 1 2 7 8 15 16 17 64 -32 -64 999 65536 2147483647 4294967296 999999999 9999999999 "
    "99999999999999999999999999 1.5 1E400 -1E400 1E-310 NaN INF T F '' 'text' 0x10 1,6 16. (1,2)",
)
KEYWORDS = re.findall(
    r"\S+",
    "SIMPLE XTENSION BITPIX NAXIS NAXIS1 NAXIS2 NAXIS3 PCOUNT GCOUNT GROUPS EXTEND BSCALE BZERO "
    "BLANK TFIELDS TFORM1 TTYPE1 TSCAL1 TZERO1 THEAP EXTNAME ZIMAGE ZCMPTYPE ZBITPIX ZNAXIS "
    "ZNAXIS1 ZNAXIS2 ZTILE1 ZTILE2 ZNAME1 ZVAL1 ZNAME2 ZVAL2 ZSCALE ZZERO ZBLANK ZQUANTIZ "
    "ZDITHER0 ZSIMPLE ZTENSION ZPCOUNT ZGCOUNT EXPTIME EXPOSED CHECKSUM DATASUM CONTINUE END "
    "HIERARCH COMMENT",
)


# Sound files


def sound_files():
    """Make a file of every kind that the workflow reads: kind to suffix and content."""
    rng = np.random.default_rng(1)
    counts = rng.integers(400, 60000, (30, 50)).astype("u2")
    signed = (counts.astype("i4") - 30000).astype("i2")
    reals = rng.normal(500, 50, (30, 50)).astype("f4")
    reals[3, 4] = np.nan
    kinds = {
        "unsigned": (".fits", [fits.PrimaryHDU(counts)]),
        "signed 32": (".fits", [fits.PrimaryHDU(counts.astype("i4"))]),
        "bytes": (".fits", [fits.PrimaryHDU((counts % 251).astype("u1"))]),
        "reals": (".fits", [fits.PrimaryHDU(reals)]),
        "scaled": (".fits", [fits.PrimaryHDU(signed)]),
        "blank": (".fits", [fits.PrimaryHDU(signed)]),
        "extension": (".fits", [fits.PrimaryHDU(), table(), fits.ImageHDU(counts), table()]),
        "Rice": (".fits.fz", [fits.PrimaryHDU(), compressed(counts, "RICE_1")]),
        "gzip tiles": (".fits.fz", [fits.PrimaryHDU(), compressed(reals, "GZIP_2")]),
        "quantised": (".fits.fz", [fits.PrimaryHDU(), compressed(reals, "RICE_1", -0.5)]),
    }
    files = {}
    for kind, (suffix, hdus) in kinds.items():
        image = next(hdu for hdu in hdus if hdu.header.get("NAXIS") == 2 and hdu.is_image)
        image.header["EXPTIME"] = (EXPTIME, "[s]")
        image.header["OBJECT"] = "ThAr"
        files[kind] = suffix, content_of(hdus)
        if kind not in ("signed 32", "bytes", "blank", "scaled"):
            files[f"{kind}, summed"] = suffix, with_sums(files[kind][1])
    files["scaled"] = ".fits", with_cards(files["scaled"][1], BSCALE=0.25, BZERO=100.5)
    files["blank"] = ".fits", with_cards(files["blank"][1], BLANK=int(signed[5, 6]))
    files["mosaic, summed"] = ".fits", with_sums(content_of(mosaic(counts)))
    files["gzip"] = ".fits.gz", gzip.compress(files["unsigned"][1], mtime=0)
    return files


def mosaic(counts):
    """Make a frame of two amplifiers in extensions, joined by their place on the detector."""
    halves = [fits.ImageHDU(counts[:, :25], name="A"), fits.ImageHDU(counts[:, 25:], name="B")]
    for number, half in enumerate(halves):
        half.header["DETSEC"] = f"[{25 * number + 1}:{25 * number + 25},1:30]"
        half.header["DATASEC"] = "[1:25,1:30]"
        half.header["EXPTIME"] = EXPTIME
    primary = fits.PrimaryHDU()
    primary.header["NEXTEND"] = len(halves)
    return [primary, *halves]


def table():
    """Make a small table, for files that hold more than the image."""
    return fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])])


def compressed(image, kind, level=0):
    """Make a tile-compressed image; reals are kept exactly at quantisation level 0."""
    return fits.CompImageHDU(image, compression_type=kind, quantize_level=level)


def content_of(hdus):
    """Write HDUs to bytes."""
    file = io.BytesIO()
    fits.HDUList(hdus).writeto(file)
    return file.getvalue()


def with_sums(content):
    """Give every HDU of a file its DATASUM and CHECKSUM, without the time of day."""
    plain = {"disable_image_compression": True, "do_not_scale_image_data": True}
    with fits.open(io.BytesIO(content), **plain) as hdus:
        for hdu in hdus:
            hdu.add_checksum(when="when written")
        return content_of(hdus)


def with_cards(content, **cards):
    """Put cards before the END of a file's first header, the data left as they are."""
    end = content.index(b"END" + b" " * 77)
    added = b"".join(f"{key:<8}= {value:>20}".ljust(CARD).encode() for key, value in cards.items())
    return content[:end] + added + content[end : BLOCK - len(added)] + content[BLOCK:]


# Damage


def flip_bits(rng, content):
    """Flip one to eight bits anywhere."""
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 8))):
        damaged[rng.randrange(len(damaged))] ^= 1 << rng.randrange(8)
    return bytes(damaged)


def overwrite(rng, content):
    """Overwrite a run of bytes with zeros, ones, blanks or noise."""
    length = rng.choice((1, 4, 16, 80, 512, 2880))
    start = rng.randrange(len(content))
    length = min(length, len(content) - start)
    run = rng.choice((b"\0" * length, b"\xff" * length, b" " * length, rng.randbytes(length)))
    return content[:start] + run + content[start + length :]


def truncate(rng, content):
    """Cut the file off anywhere."""
    return content[: rng.choice((rng.randrange(len(content)), block_start(rng, content)))]


def insert(rng, content):
    """Insert bytes or whole blocks."""
    length = rng.choice((1, 2, 4, 80, BLOCK))
    start = rng.choice((rng.randrange(len(content) + 1), block_start(rng, content)))
    run = rng.choice((b"\0" * length, b" " * length, rng.randbytes(length)))
    return content[:start] + run + content[start:]


def remove(rng, content):
    """Leave bytes or whole blocks out."""
    length = rng.choice((1, 2, 4, 80, BLOCK))
    start = rng.choice((rng.randrange(len(content)), block_start(rng, content)))
    return content[:start] + content[start + length :]


def move_block(rng, content):
    """Exchange two blocks, as a file system may."""
    one, two = sorted(block_start(rng, content) for _ in range(2))
    if two - one < BLOCK:
        return content[one:] + content[:one]
    blocks = content[one : one + BLOCK], content[two : two + BLOCK]
    return (
        content[:one] + blocks[1] + content[one + BLOCK : two] + blocks[0] + content[two + BLOCK :]
    )


def block_start(rng, content):
    """Place of a block."""
    return BLOCK * rng.randrange(-(-len(content) // BLOCK))


def card_places(content):
    """Places of all cards in front of each END."""
    places, start = [], 0
    while start < len(content):
        if re.match(rb"SIMPLE  =|XTENSION=", content[start : start + 9]):
            while start < len(content) and content[start : start + 8] != b"END     ":
                places.append(start)
                start += CARD
        start = start // BLOCK * BLOCK + BLOCK
    return places


def swap_cards(rng, content):
    """Exchange two cards."""
    one, two = (rng.choice(card_places(content)) for _ in range(2))
    damaged = bytearray(content)
    damaged[one : one + CARD] = content[two : two + CARD]
    damaged[two : two + CARD] = content[one : one + CARD]
    return bytes(damaged)


def repeat_card(rng, content):
    """Write a card over another one, so that it stands there twice."""
    one, two = (rng.choice(card_places(content)) for _ in range(2))
    return content[:two] + content[one : one + CARD] + content[two + CARD :]


def change_value(rng, content):
    """Give a card another value."""
    place = rng.choice(card_places(content))
    card = content[place : place + 10] + rng.choice(NUMBERS).rjust(20).encode().ljust(CARD - 10)
    return content[:place] + card[:CARD] + content[place + CARD :]


def add_card(rng, content):
    """Put a card of structure or scaling with a hostile value before some other card."""
    place = rng.choice(card_places(content))
    key = rng.choice(KEYWORDS)
    card = f"{key:<8}= {rng.choice(NUMBERS):>20}".ljust(CARD)[:CARD].encode()
    return with_card(content, place, card)


def odd_card(rng, content):
    """Put a card that no header should hold before some other card."""
    place = rng.choice(card_places(content))
    card = rng.choice(
        (
            b"CONTINUE  'and so on&'",
            b"CONTINUE= 'and so on&' /",
            b"OBSERVER= 'Jos\xe9 &'",
            b"OBSERVER= 'O''Brien",
            b"HIERARCH ESO DET CHIP1 NAXIS1 = 16",
            b"HIERARCH NAXIS1 = 16",
            b"NAXIS1 =                   16",
            b" NAXIS1 =                  16",
            b"naxis1  =                   16",
            b"BZERO   " + b"= " * 30,
            b"BZERO   =                1D300",
            b"\0" * CARD,
            b"\xff" * CARD,
            b"END" + b"\0" * 77,
            b"END     = 5",
            b"=" * CARD,
            rng.randbytes(CARD),
        )
    )
    return with_card(content, place, card.ljust(CARD))


def with_card(content, place, card):
    """Put a card into a header, whose blank rest of the last block shrinks."""
    end = content.index(b"END" + b" " * 77, place)
    if (end + 2 * CARD - 1) // BLOCK > end // BLOCK or content[
        end + CARD : end + 2 * CARD
    ].strip():
        return content[:place] + card + content[place + CARD :]
    return content[:place] + card + content[place : end + CARD] + content[end + 2 * CARD :]


BYTES = (flip_bits, overwrite, truncate, insert, remove, move_block)
CARDS = (swap_cards, repeat_card, change_value, add_card, odd_card)


def damage(seed, number, files):
    """Make the damaged file of a number: kind, damage's name, suffix and content."""
    rng = random.Random(f"{seed} {number}")
    kind = rng.choice(sorted(files))
    suffix, content = files[kind]
    mutate = rng.choice(BYTES if kind == "gzip" else BYTES + CARDS)
    return kind, mutate.__name__, suffix, mutate(rng, content)


# What no reader could know


class NotLegalError(Exception):
    """The bytes are not FITS by the standard."""


def legal_image(content):
    """Read the one 2D image of a plain FITS file by the letter of the standard.

    Independent of astropy and strict: mandatory keywords in their order, each keyword of structure
    and scaling once, values well formed, whole blocks, nothing after the last HDU.

    Returns
    -------
    ndarray
        Physical values, float64.
    """
    images, place = [], 0
    while place < len(content):
        if not content[place:].strip(b"\0 "):
            break
        cards, place = legal_header(content, place)
        axes = legal_integer(cards["NAXIS"])
        shape = [legal_integer(cards[f"NAXIS{n}"]) for n in range(axes, 0, -1)]
        bits = legal_integer(cards["BITPIX"])
        groups = legal_integer(cards.get("GCOUNT", "1"))
        heap = legal_integer(cards.get("PCOUNT", "0"))
        least = min([heap, *shape])
        if bits not in (8, 16, 32, 64, -32, -64) or groups != 1 or least < 0:
            raise NotLegalError
        size = abs(bits) // 8 * (int(np.prod(shape, dtype=object)) + heap) if shape else 0
        if place + size > len(content):
            raise NotLegalError
        is_image = cards.get("XTENSION", "'IMAGE   '").startswith("'IMAGE")
        if is_image and len(shape) == 2:
            number_type = f">{'f' if bits < 0 else 'u' if bits == 8 else 'i'}{abs(bits) // 8}"
            stored = np.frombuffer(content[place : place + size], number_type).reshape(shape)
            images.append(physical(stored, cards))
        place += -(-size // BLOCK) * BLOCK
    if len(images) != 1:
        raise NotLegalError
    return images[0]


def legal_header(content, place):
    """Read a header: its keywords that have values, and the place behind it."""
    cards, start = {}, place
    for at in range(place, len(content), CARD):
        card = content[at : at + CARD]
        if card == b"END" + b" " * 77:
            place = at // BLOCK * BLOCK + BLOCK
            break
        if len(card) < CARD or re.search(rb"[^ -~]", card[:8]):
            raise NotLegalError
        if card[8:10] == b"= ":
            key = card[:8].decode().rstrip().upper()
            if key in cards and re.fullmatch(r"BITPIX|NAXIS\d*|BZERO|BSCALE|BLANK|[PG]COUNT", key):
                raise NotLegalError
            value = re.match(rb" *('(?:[^']|'')*'|[^/ ]*)", card[10:])[1].decode("latin-1")
            cards.setdefault(key, value)
    else:
        raise NotLegalError
    order = ["SIMPLE" if start == 0 else "XTENSION", "BITPIX", "NAXIS"]
    if list(cards)[:3] != order or (start == 0 and cards["SIMPLE"] != "T"):
        raise NotLegalError
    order += [f"NAXIS{n}" for n in range(1, legal_integer(cards["NAXIS"]) + 1)]
    order += ["PCOUNT", "GCOUNT"] if start else []
    if list(cards)[: len(order)] != order:
        raise NotLegalError
    return cards, place


def legal_integer(text):
    """Read an integer value."""
    if not re.fullmatch(r"[+-]?\d{1,9}", text):
        raise NotLegalError
    return int(text)


def physical(stored, cards):
    """Scale stored numbers by a header's BSCALE, BZERO and BLANK."""
    for key in "BSCALE", "BZERO":
        if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([ED][+-]?\d+)?", cards.get(key, "1")):
            raise NotLegalError
    scale = float(cards.get("BSCALE", "1").replace("D", "E"))
    zero = float(cards.get("BZERO", "0").replace("D", "E"))
    if not np.isfinite([scale, zero]).all() or scale == 0:
        raise NotLegalError
    with np.errstate(all="ignore"):
        image = zero + scale * stored.astype(float)
    if "BLANK" in cards and stored.dtype.kind in "iu":
        if not re.fullmatch(r"[+-]?\d+", cards["BLANK"]):
            raise NotLegalError
        image[stored == int(cards["BLANK"])] = np.nan
    return image


def same(one, other):
    """Whether two images are the same, NaN where NaN."""
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=True)


def excused(kind, name, content, frame, files):
    """Whether no reader could know that a damaged file does not give the sound pixels."""
    if kind == "gzip" or name == "truncate":
        return False
    if kind.endswith("summed"):
        # A sum does not know the order of its words, nor changes that make each other up.
        return len(content) % 4 == 0 and word_sum(content) == word_sum(files[kind][1])
    if files[kind][0] == ".fits.fz":
        # Compressed numbers without a checksum carry nothing to tell a changed one by.
        return frame.ndim == 2 and frame.size > 0 and frame.dtype.kind in "iuf"
    try:
        image = legal_image(content)
    except NotLegalError:
        return False
    return same(image, frame.astype(float))


def word_sum(content):
    """Sum of the 32-bit words, carried over at the end, as FITS checksums are."""
    return int(np.frombuffer(content, ">u4").sum(dtype="u8")) % (2**32 - 1)


# Judgement


def judge(path, kind, name, content, files, sound):
    """Read a damaged file: how it ended, and what to say of a failure."""
    warned = io.StringIO()
    handler = logging.StreamHandler(warned)
    logging.getLogger().addHandler(handler)
    path.write_bytes(content)
    try:
        frame, header, *_ = read_frame(str(path))
        check_exposure_time(header, EXPTIME, str(path))
    except UserError as error:
        sentence = str(error)
        is_one = "\n" not in sentence and sentence.isprintable() and sentence.endswith(".")
        if str(path) in sentence and is_one and len(sentence) < 400:
            return "refused", sentence
        return "sentence", sentence
    except BaseException as error:
        return "traceback", f"{type(error).__name__}: {error}"
    finally:
        logging.getLogger().removeHandler(handler)
    if same(frame, sound):
        return "as before", ""
    if str(path) in warned.getvalue():
        return "warned", warned.getvalue()
    if excused(kind, name, content, frame, files):
        return "undetectable", ""
    return "wrong pixels", f"{frame.shape} {frame.dtype}"


def work(seed, numbers, files, sound, folder, results):
    """Judge damaged files one after another; a hang ends the process by its alarm."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warnings.simplefilter("ignore")
    for number in numbers:
        kind, name, suffix, content = damage(seed, number, files)
        path = Path(folder, f"Photron_ThAr_Red_60s_{number}{suffix}")
        signal.alarm(SECONDS)
        outcome, said = judge(path, kind, name, content, files, sound[kind])
        signal.alarm(0)
        path.unlink()
        results.send((number, outcome, said))
    results.close()


def sound_pixels(suffix, content):
    """Read a sound file."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(content)
        file.flush()
        return read_frame(file.name)[0]


def run_all(seed, number_of_files, workers, files):
    """Judge all files in processes that may die: number to outcome and what was said."""
    sound = {kind: sound_pixels(*file) for kind, file in files.items()}
    context = multiprocessing.get_context("spawn")
    outcomes = {}
    with tempfile.TemporaryDirectory() as folder:
        waiting = [list(range(first, number_of_files, workers)) for first in range(workers)]
        running = {}
        while waiting or running:
            while waiting:
                numbers = waiting.pop()
                place = Path(folder, str(numbers[0]))
                place.mkdir()
                end, start = context.Pipe(duplex=False)
                process = context.Process(
                    target=work, args=(seed, numbers, files, sound, place, start)
                )
                process.start()
                start.close()
                running[end] = process, numbers
            for end in multiprocessing.connection.wait(list(running)):
                process, numbers = running[end]
                try:
                    number, *outcome = end.recv()
                    outcomes[number] = outcome
                except EOFError:
                    process.join()
                    del running[end]
                    left = [number for number in numbers if number not in outcomes]
                    if left:
                        outcomes[left[0]] = ["died", f"exit status {process.exitcode}"]
                    if left[1:]:
                        waiting.append(left[1:])
    return outcomes


def main():
    """Fuzz, print what came of it, and keep the files that failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=Path("fuzz_failures"))
    args = parser.parse_args()
    files = sound_files()
    outcomes = run_all(args.seed, args.files, args.workers, files)
    counts = Counter()
    failures = []
    for number, (outcome, said) in sorted(outcomes.items()):
        kind, name, suffix, content = damage(args.seed, number, files)
        counts[kind, "files"] += 1
        counts[kind, outcome if outcome in RIGHT else "failures"] += 1
        if outcome not in RIGHT:
            args.keep.mkdir(parents=True, exist_ok=True)
            path = args.keep / f"{args.seed}_{number}{suffix}"
            path.write_bytes(content)
            failures.append(f"{path}: {kind}, {name}: {outcome}: {said}")
    columns = ("files", *RIGHT, "failures")
    print(f"{'kind of file':<20}", *(f"{column:>12}" for column in columns))
    for kind in [*sorted(files), None]:
        cells = [
            sum(n for (each, what), n in counts.items() if what == column and kind in (each, None))
            for column in columns
        ]
        print(f"{kind or 'all':<20}", *(f"{cell:>12}" for cell in cells))
    if failures:
        print(*failures, f"{len(failures)} failures with --seed {args.seed}", sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
