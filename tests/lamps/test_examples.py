"""The examples of the public functions on lamps give what they say."""

import doctest

import pytest

from lampflux.lamps import planner, prediction, summary


@pytest.mark.parametrize(
    "module", [planner, prediction, summary], ids=lambda module: module.__name__
)
def test_the_examples_are_right(module):
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0
