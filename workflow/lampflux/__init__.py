"""Line fluxes of calibration lamps from raw spectrograph frames.

The public functions are loaded on first use, so that ``import lampflux`` costs nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

# Each public function and the module that defines it.
_MODULES = {
    "extract": "lampflux.extraction.spectrum",
    "identify": "lampflux.wavelengths.identification",
    "line_list": "lampflux.wavelengths.lines",
    "measure": "lampflux.fluxes.measure",
    "plan": "lampflux.lamps.planner",
    "read_frame": "lampflux.files.frames",
    "read_product": "lampflux.files.products",
    "summarise": "lampflux.lamps.summary",
}
__all__ = ["__version__", *_MODULES]


def __getattr__(name):
    if name not in _MODULES:
        raise AttributeError(f"module 'lampflux' has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__():
    return sorted(__all__)
