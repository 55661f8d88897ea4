"""Give every pixel of a spectrum its wavelength: identify its lines, or keep the nominal one."""

import sys

sys.path.insert(0, f"{snakemake.scriptdir}/..")

import logging

from lampflux.files.products import write_product
from lampflux.files.spectra import read_sums, write_calibrated
from lampflux.jobs import run
from lampflux.peaks import find_peaks
from lampflux.wavelengths import identify, line_list
from lampflux.wavelengths.identification import nominal_identification
from lampflux.wavelengths.reference import arm_reference
from lampflux.wavelengths.resemblance import resembling_ion
from lampflux.wavelengths.scale import nominal_wavelength, spread_evenly
from lampflux.wavelengths.table import solution_cards
from lampflux.wavelengths.verdict import Verdict


def main(snakemake):
    """Read the spectrum, find its wavelengths and write them."""
    header, table = read_sums(snakemake.input.spectrum)
    counts, uncertainty = table["clean"].astype(float), table["clean_uncertainty"].astype(float)
    params = snakemake.params
    solution, searched = params.known
    linear = solution or spread_evenly(*searched, counts.size)
    nominal = nominal_wavelength(table["pixel"], **linear)
    if params.fit:
        lines = line_list(params.ions, snakemake.input.lines)
        reference, pinned = arm_reference(snakemake.input.get("reference"), table["pixel"])
        found = identify(counts, lines, nominal, reference, uncertainty, searched, pinned)
        other = None
        if not found.solution:
            other = resembling_ion(found.peaks, params.ions, nominal, searched)
        if other:
            reason = f"these look like lines of {other}"
            found = found._replace(verdict=found.verdict._replace(reason=reason))
    else:
        asked_for = Verdict(False, 0.0, 0.0, "asked for")
        found = nominal_identification(find_peaks(counts, uncertainty), nominal, asked_for)
    cards = list(solution_cards(found))
    for keyword, value, _ in cards:
        logging.info("%s = %s", keyword, value)
    table["wavelength"], table["wavelength_error"] = found.wavelength, found.error
    fits = snakemake.output.fits
    write_calibrated(fits, header, linear, cards, table, found.peaks, params.medium)
    write_product(snakemake.output.lines, "identified_lines", found.lines, params.medium)


if __name__ == "__main__":
    run(main, snakemake)
