"""Line fluxes of calibration lamps from raw spectrograph frames."""

__version__ = "0.1.0"
