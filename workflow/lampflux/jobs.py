"""Run a rule's script: keep a log, and report a failure in one sentence."""

import gc
import logging
import platform
import sys
import time

from lampflux import __version__
from lampflux.errors import UserError


def run(main, snakemake):
    """Run a rule's ``main(snakemake)`` with a log; report a failure in one sentence.

    Parameters
    ----------
    main : callable
        Called with Snakemake's job object.
    snakemake : object
        Snakemake's job object. The log goes to its first log file.
    """
    # A log that cannot be written must not hide the actual failure.
    logging.raiseExceptions = False
    logging.captureWarnings(True)
    # Garbage collection would take a fifth of the time of such short jobs.
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
        main(snakemake)
    except UserError as error:
        for sentence in error.args:
            logging.error(sentence)
        end(*error.args)
    except OSError as error:
        what = f"{error.filename or 'a file'}: {error.strerror or error}"
        sentence = f"{what}; correct this and run again."
        logging.exception(sentence)
        end(sentence)
    except KeyboardInterrupt:
        sentence = "interrupted; run the same command again to continue."
        logging.error(sentence)
        end(sentence)
    except Exception as error:
        sentence = (
            f"rule {snakemake.rule} failed because of a fault in lampflux "
            f"({type(error).__name__}: {error}); please report it with {snakemake.log[0]}."
        )
        logging.exception(sentence)
        end(sentence)


def end(*sentences):
    """Print sentences in one write, so that jobs do not mix their lines, and exit."""
    # Begin on a new line: Snakemake may be in the middle of one.
    sys.stderr.write("\n" + "".join(f"lampflux: {sentence}\n" for sentence in sentences))
    sys.exit(1)
