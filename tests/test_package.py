"""lampflux as a package: public functions, import time, and the content of a wheel."""

import inspect
import subprocess
import sys

import pytest

import lampflux
from conftest import PROJECT

FUNCTIONS = sorted(set(lampflux.__all__) - {"__version__"})
NEVER_INSTALLED = {"campaign", "jobs.py"}


def run_python(code, **options):
    return subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, **options
    ).stdout


def test_importing_lampflux_takes_less_than_a_tenth_of_a_second_and_loads_no_other_package():
    code = (
        "import sys, time; start = time.perf_counter(); import lampflux;"
        "print(time.perf_counter() - start, *sys.modules)"
    )
    runs = [run_python(code, cwd=PROJECT / "workflow").split() for _ in range(3)]
    assert min(float(seconds) for seconds, *_ in runs) < 0.1
    loaded = set(runs[0]) | set(runs[1]) | set(runs[2])
    assert not loaded & {"numpy", "astropy", "pandas", "matplotlib"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_name_is_a_documented_function(name):
    function = getattr(lampflux, name)
    assert callable(function)
    assert function.__name__ == name
    for section in "Parameters", "Returns", "Examples":
        assert f"\n{section}\n{'-' * len(section)}\n" in inspect.getdoc(function), section


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_has_a_type_for_each_argument_and_its_result(name):
    signature = inspect.signature(getattr(lampflux, name))
    hints = [parameter.annotation for parameter in signature.parameters.values()]
    assert inspect.Parameter.empty not in [*hints, signature.return_annotation]


def test_a_name_that_lampflux_does_not_have_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'extrakt'"):
        lampflux.extrakt  # noqa: B018
    assert not hasattr(lampflux, "numpy")


def test_the_public_names_are_listed():
    assert {"extract", "identify", "line_list", "measure"} <= set(dir(lampflux))


# The wheel


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install the project as a wheel into a separate folder, with the packages installed here."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--no-build-isolation", "--target", folder, PROJECT], check=True)
    return folder


def files_below(folder, pattern):
    return {str(path.relative_to(folder)) for path in folder.rglob(pattern)}


def test_the_wheel_holds_the_modules_of_the_science_and_the_line_lists(installed):
    modules = files_below(PROJECT / "workflow" / "lampflux", "*.py")
    science = {path for path in modules if path.split("/")[0] not in NEVER_INSTALLED}
    assert files_below(installed / "lampflux", "*.py") == science
    lists = files_below(PROJECT / "resources" / "line_lists", "*.csv")
    assert files_below(installed / "lampflux/resources/line_lists", "*.csv") == lists
    schemas = files_below(PROJECT / "workflow" / "schemas" / "products", "*.yaml")
    assert files_below(installed / "lampflux/schemas", "*.yaml") == schemas


def test_the_installed_package_works_outside_the_checkout(installed, tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r}); import lampflux;"
        "print(lampflux.__file__, *lampflux.line_list(['Xe I']).wavelength);"
        "print(lampflux.read_product('a.csv')['injected'].unit)"
    )
    (tmp_path / "a.csv").write_text("pixel,injected,stray,cosmic\n0,9,0,0\n")
    path, *wavelengths, unit = run_python(code, cwd=tmp_path).split()
    assert unit == "adu"
    assert path == str(installed / "lampflux/__init__.py")
    assert "4671.2258" in wavelengths
