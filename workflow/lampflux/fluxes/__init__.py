"""Line fluxes: windows, continuum, a model of all lines, measurements and flags."""
