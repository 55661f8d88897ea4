"""The planned instrument, for which lamps are chosen, from its file."""

from typing import NamedTuple

from lampflux.campaign.config import read_yaml
from lampflux.campaign.problems import schema_problems
from lampflux.errors import UserError


class Mode(NamedTuple):
    """A mode of an instrument.

    First and last wavelength in air, ``low`` and ``high``, and the width of a resolution
    ``element`` [Angstrom], the ``pixels`` that sample it, ``blocked`` ranges [Angstrom], ``light``
    (electrons per second in a spatial element for 1 ADU/s/fibre) and its 1-sigma ``light_err``,
    the fraction of it in the ``brightest_row``, the number of ``rows``, ``read_noise`` and highest
    ``peak`` to aim at [electrons], ``shortest_time``, ``longest_time`` and ``time_step`` [s], the
    lowest ``snr`` of a line to use, the ``order`` of the polynomial of the wavelengths, and
    ``centre_floor``, the error of a centre that does not decrease with more light [pixel].
    """

    name: str
    low: float
    high: float
    element: float
    pixels: float
    blocked: list
    light: float
    light_err: float
    brightest_row: float
    rows: int
    read_noise: float
    peak: float
    shortest_time: float
    longest_time: float
    time_step: float
    snr: float
    order: int
    centre_floor: float


# Keys of the file that are fields of a mode under the same name.
SAME_NAMES = (
    *("blocked", "brightest_row", "rows", "read_noise", "peak", "snr", "centre_floor"),
    *("shortest_time", "longest_time", "time_step"),
)


def read_planned_instrument(path):
    """Read the modes of an instrument.

    Parameters
    ----------
    path : str
        YAML file; resources/instruments/mavis.yaml explains its keys.

    Returns
    -------
    name : str
    modes : list of Mode

    Raises
    ------
    UserError
        The file cannot be read or is not YAML, or a key is missing or wrong.
    """
    facts = read_yaml(path)
    problems = schema_problems(facts, "planned_instrument", str(path))
    problems += [
        f"{path}, modes, {name}: wavelength_to is not above wavelength_from; correct it."
        for name, mode in (facts["modes"].items() if not problems else ())
        if mode["wavelength_to"] <= mode["wavelength_from"]
    ]
    if problems:
        raise UserError(*problems)
    common = {
        "pixels": facts["pixels_per_element"],
        "light": facts["light"]["factor"],
        "light_err": facts["light"]["error"],
        "order": facts["polynomial_order"],
    } | {name: facts[name] for name in SAME_NAMES}
    return facts["name"], [
        Mode(
            name=name,
            low=mode["wavelength_from"],
            high=mode["wavelength_to"],
            element=mode["wavelength_from"] / mode["resolving_power"],
            **common,
        )
        for name, mode in facts["modes"].items()
    ]
