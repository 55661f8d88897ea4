"""End a job with one sentence when the user can mend the cause."""

import gc
import logging
import sys


class UserError(Exception):
    """A mistake in the user's files or settings: says which file, what is wrong, what to do."""


def run(main, snakemake):
    """Run a rule's ``main(snakemake)`` with its log, and end with a sentence, not a traceback.

    Parameters
    ----------
    main : callable
        Takes Snakemake's job object.
    snakemake : object
        Snakemake's job object; the first log file is written.
    """
    logging.basicConfig(
        filename=snakemake.log[0],
        filemode="w",
        level=logging.INFO,
        format="%(levelname)s: %(message)s",
    )
    logging.captureWarnings(True)
    # A job is short: to look for garbage, now and at the end, takes a fifth of its time.
    gc.disable()
    gc.freeze()
    try:
        main(snakemake)
    except UserError as error:
        logging.error(error)
        end(str(error))
    except OSError as error:
        what = f"{error.filename or 'a file'}: {error.strerror or error}"
        sentence = f"{what}; mend this and run again."
        logging.exception(sentence)
        end(sentence)
    except Exception as error:
        sentence = (
            f"rule {snakemake.rule} met a fault of lampflux itself "
            f"({type(error).__name__}: {error}); please report it with {snakemake.log[0]}."
        )
        logging.exception(sentence)
        end(sentence)


def end(sentence):
    """End the process with a sentence, in one write: jobs that fail together keep their lines."""
    sys.stderr.write(f"lampflux: {sentence}\n")
    sys.exit(1)
