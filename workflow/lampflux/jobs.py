"""Run a rule's script: with a log, and end with a sentence."""

import gc
import logging
import platform
import sys
import time

from lampflux import __version__
from lampflux.errors import UserError
from lampflux.files.whole import check_untouched


def run(main, snakemake):
    """Run a rule's ``main(snakemake)`` with its log, and end with a sentence, not a traceback.

    Products that the job reads are held against the checksums that were kept when they were
    written.

    Parameters
    ----------
    main : callable
        Takes Snakemake's job object.
    snakemake : object
        Snakemake's job object; the first log file is written.
    """
    # A log that cannot be written must not hide what went wrong.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    # A job is short: to look for garbage, now and at the end, takes a fifth of its time.
    gc.disable()
    gc.freeze()
    try:
        logging.basicConfig(
            filename=snakemake.log[0],
            filemode="w",
            level=logging.INFO,
            format="%(levelname)s: %(message)s",
        )
        logging.info(
            "lampflux %s, Python %s, %s",
            __version__,
            platform.python_version(),
            time.strftime("%Y-%m-%d %H:%M:%S %z"),
        )
        for path in snakemake.input:
            check_untouched(path)
        main(snakemake)
    except UserError as error:
        for sentence in error.args:
            logging.error(sentence)
        end(*error.args)
    except OSError as error:
        what = f"{error.filename or 'a file'}: {error.strerror or error}"
        sentence = f"{what}; mend this and run again."
        logging.exception(sentence)
        end(sentence)
    except KeyboardInterrupt:
        sentence = "interrupted; run the same command again to go on."
        logging.error(sentence)
        end(sentence)
    except Exception as error:
        sentence = (
            f"rule {snakemake.rule} met a fault of lampflux itself "
            f"({type(error).__name__}: {error}); please report it with {snakemake.log[0]}."
        )
        logging.exception(sentence)
        end(sentence)


def end(*sentences):
    """End the process with sentences, in one write: jobs that fail together keep their lines."""
    # Snakemake may be in the middle of a line.
    sys.stderr.write("\n" + "".join(f"lampflux: {sentence}\n" for sentence in sentences))
    sys.exit(1)
