"""Wavelengths in air and in vacuum."""

MEDIA = ("air", "vacuum")


def refractive_index(vacuum):
    """Refractive index of standard air: 15 degrees Celsius, 101325 Pa, 450 ppm CO2, dry.

    Ciddor (1996, Applied Optics 35, 1566, eq. 1), good to 1e-8 from 2300 to 16900 Angstrom.

    Parameters
    ----------
    vacuum : float or ndarray
        Wavelength in vacuum [Angstrom].

    Returns
    -------
    float or ndarray
    """
    square = (1e4 / vacuum) ** 2
    return 1 + 0.05792105 / (238.0185 - square) + 0.00167917 / (57.362 - square)


def to_air(vacuum):
    """Wavelengths in air of those in vacuum [Angstrom]."""
    return vacuum / refractive_index(vacuum)


def to_vacuum(air):
    """Wavelengths in vacuum of those in air [Angstrom]."""
    vacuum = air
    # The index hardly changes with the wavelength: three turns are exact to 1e-12.
    for _ in range(3):
        vacuum = air * refractive_index(vacuum)
    return vacuum


def in_medium(air, medium):
    """Wavelengths in a medium, ``air`` or ``vacuum``, of those in air [Angstrom]."""
    return to_vacuum(air) if medium == "vacuum" else air


def from_medium(wavelength, medium):
    """Wavelengths in air of those in a medium, ``air`` or ``vacuum`` [Angstrom]."""
    return to_air(wavelength) if medium == "vacuum" else wavelength


def other_medium(stated, known, tolerance=0.05):
    """Whether wavelengths said to be in air are in vacuum, by the lines that they are.

    Parameters
    ----------
    stated : array-like, shape (wavelengths,)
        [Angstrom]
    known : array-like, shape (lines,)
        Laboratory wavelengths in air [Angstrom].
    tolerance : float
        Distance within which a wavelength is a line's [Angstrom]: a twentieth of what the media
        differ by in the blue.

    Returns
    -------
    str or None
        The medium that they are in, where most are lines in that and few in air.
    """
    raise NotImplementedError
