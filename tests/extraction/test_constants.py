"""The most influential constants, moved by a fifth: fluxes stay true within the same bounds."""

import numpy as np
import pytest

import lampflux.extraction.bad_columns
import lampflux.extraction.cosmic_rays
import lampflux.extraction.drift
import lampflux.extraction.gain
import lampflux.extraction.lines
import lampflux.extraction.model
import lampflux.extraction.photon_transfer
import lampflux.extraction.ray_proofs
import lampflux.extraction.rows
import lampflux.extraction.slit
import lampflux.extraction.spikes
import lampflux.extraction.traces
from lampflux.extraction import detector
from lampflux.extraction.spectrum import extract
from slits import line_errors, line_sums, simulate

CONSTANTS = [
    (lampflux.extraction.bad_columns, "COLUMNS", "significance"),
    (lampflux.extraction.cosmic_rays, "RAYS", "detection"),
    (lampflux.extraction.cosmic_rays, "RAYS", "least_misfit"),
    (lampflux.extraction.ray_proofs, "PROOFS", "contrast"),
    (lampflux.extraction.ray_proofs, "PROOFS", "outnumber"),
    (lampflux.extraction.gain, "TRANSFER", "crest"),
    (lampflux.extraction.photon_transfer, "FIT", "step"),
    (lampflux.extraction.photon_transfer, "FIT", "misfit"),
    (lampflux.extraction.model, "MODEL", "weak"),
    (lampflux.extraction.model, "MODEL", "block_scatter"),
    (lampflux.extraction.rows, "LIT", "part"),
    (lampflux.extraction.rows, "LIT", "significance"),
    (lampflux.extraction.slit, "SHIFT", "crest"),
    (lampflux.extraction.slit, "SHIFT", "weak"),
    (lampflux.extraction.slit, "SHIFT", "significance"),
    (lampflux.extraction.spikes, "SPIKES", "significance"),
    (lampflux.extraction.spikes, "SPIKES", "neighbours"),
    (lampflux.extraction.traces, "TRACES", "significance"),
    (lampflux.extraction.traces, "TRACES", "likeness"),
    (detector, "QUIET", "percent"),
    (detector, "QUIET", "largest"),
]
FRAMES = {
    "fibres": {"seed": 21, "fibres": 30, "rows": 260, "bow": 0.5, "lines": 30, "columns": 1536},
    "steep slit": {"seed": 22, "slit": 90, "rise": 110, "tilt": 10, "lines": 24, "columns": 1536},
}


def hold(name):
    settings = dict(FRAMES[name])
    frame = simulate(settings.pop("seed"), peaks=(100, 20000), rays=60, **settings)
    spectrum = extract(frame.counts, frame.bias, saturation=65535)
    sums = line_sums(spectrum.clean["counts"], frame.centres)
    errors = line_errors(spectrum.clean["uncertainty"], frame.centres)
    off = np.abs(sums / frame.fluxes - 1)
    assert np.median(off) < 0.005
    assert np.percentile(off, 95) < 0.03
    assert 0.6 < np.percentile(np.abs((sums - frame.fluxes) / errors), 68) < 1.5
    assert spectrum.detector.gain is None or spectrum.detector.gain == pytest.approx(1.9, rel=0.2)


@pytest.mark.parametrize("name", FRAMES)
def test_fluxes_are_true_with_the_constants_as_they_are(name):
    hold(name)


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.8, 1.2])
@pytest.mark.parametrize(
    ("module", "group", "constant"), CONSTANTS, ids=lambda part: getattr(part, "__name__", part)
)
def test_fluxes_are_true_with_a_constant_moved_by_a_fifth(
    monkeypatch, module, group, constant, factor
):
    settings = getattr(module, group)
    moved = settings._replace(**{constant: factor * getattr(settings, constant)})
    monkeypatch.setattr(module, group, moved)
    for name in FRAMES:
        hold(name)
