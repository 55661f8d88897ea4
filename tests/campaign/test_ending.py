"""The last lines of a run."""

import logging
import os
from types import SimpleNamespace

import pytest

from lampflux.campaign.ending import (
    RunRecord,
    answer_lines,
    failure_lines,
    remove_outdated,
    sentences_of,
    stop,
)

EXPOSURES = {
    name: SimpleNamespace(identity=tuple(name.split("_")))
    for name in ("GS_Ne_Red_10s_01", "GS_Ne_Red_10s_02", "GS_Kr_Red_10s_01")
}
NEON = "GS_Ne_Red_10s_01"


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return the record of a run in an empty folder, in which some job began."""
    monkeypatch.chdir(tmp_path)
    record = RunRecord()
    report(record, "job_info", rule_name="extract_spectrum")
    return record


def report(run, event, message="", **fields):
    """Give a record of Snakemake's logger to a handler."""
    record = logging.makeLogRecord({"msg": message, "event": event} | fields)
    run.handle(record)


def write(path, text=""):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)
    return path


def test_a_failed_job_is_named_with_the_sentences_of_its_log(run):
    path = write(f"logs/{NEON}.log", "INFO: hello\nERROR: it is torn; copy it.\nERROR: two.\n")
    report(run, "job_error", indent=False, log=[path], output=["a"])
    assert failure_lines(run, EXPOSURES) == [
        "Some products could not be made; all that do not depend on them were.",
        f"{NEON}: it is torn; copy it.",
        f"{NEON}: two.",
        f"  log: {path}",
        "Not made because of the failed exposures: the summaries of GS Ne Red, and all that "
        "compares lamps or exposures; correct or remove these frames and run again.",
    ]


@pytest.mark.parametrize("text", [None, "", "INFO: so far so good\n"])
def test_a_job_that_ended_without_a_message_is_named_too(tmp_path, text):
    path = tmp_path / "a.log"
    if text is not None:
        path.write_text(text)
    (sentence,) = sentences_of(path)
    assert "ended without a message" in sentence


def test_a_failed_job_that_is_no_exposures_makes_no_lamp_wait(run):
    path = write("logs/quality.log", "ERROR: no room.\n")
    report(run, "job_error", indent=False, log=[path], output=["a"])
    assert not [line for line in failure_lines(run, EXPOSURES) if line.startswith("Waiting")]


def test_a_check_that_fails_is_not_reported_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run = RunRecord()
    path = write("logs/check.log", "ERROR: a.fits is torn.\n")
    report(run, "job_info", rule_name="check")
    report(run, "job_error", indent=False, log=[path], output=[])
    assert failure_lines(run, EXPOSURES) == []


def test_a_product_that_came_out_older_than_its_source_is_named(run):
    words = (
        "WorkflowError in rule b:\nOutput results/b.fits has older modification time (2001-01-01 "
        "00:00:00) than input results/a b.fits (2096-10-02 07:06:40). This could indicate"
    )
    report(run, "error", words, exception="WorkflowError")
    assert failure_lines(run, EXPOSURES)[1:] == [
        "b: results/b.fits is older than results/a b.fits, from which it was made: the "
        "clock was set back; correct it, run touch 'results/a b.fits' and start again."
    ]


def test_of_a_failed_cluster_job_only_the_jobs_that_began_and_did_not_end_are_named(run):
    run.begin = 10**18
    jobs = {
        "failed": dict(log="ERROR: torn.\n", time=2 * 10**9, made=False),
        "ended": dict(log="INFO: all well\n", time=2 * 10**9, made=True),
        "never_began": dict(log="", time=2 * 10**9, made=False),
        "failed_before": dict(log="ERROR: torn.\n", time=10**8, made=False),
    }
    info = []
    for name, job in jobs.items():
        path = write(f"logs/{name}.log", job["log"])
        os.utime(path, (job["time"], job["time"]))
        if job["made"]:
            write(f"made/{name}")
        info.append({"log": [path], "output": [f"made/{name}"]})
    report(run, "group_error", job_error_info=info)
    for each in info:
        report(run, "job_error", indent=True, **each)
    assert failure_lines(run, EXPOSURES)[1:] == ["failed: torn.", "  log: logs/failed.log"]


def test_products_that_a_failed_cluster_job_did_not_replace_are_removed(run):
    run.begin = 10**18
    for name, seconds in ("old", 10**8), ("new", 2 * 10**9):
        os.utime(write(f"made/{name}"), (seconds, seconds))
    jobs = [{"log": [], "output": [f"made/{name}"]} for name in ("old", "new", "never")]
    report(run, "group_error", job_error_info=jobs)
    remove_outdated(run)
    assert os.listdir("made") == ["new"]


def test_the_answers_are_health_and_places(run):
    rows = ["a,good,", "b,failed,cosmic 3 % > 2 %", "c,good,", "d,warned,rms 0.2 > 0.1"]
    rows += ["e,warned,rms 0.2 > 0.1", "f,warned,rms 0.3 > 0.1"]
    write_health([f"{row},Red,fitted" for row in rows])
    write("results/lamps/exposure_plan.csv")
    assert answer_lines(run, "results") == [
        "Health of 6 exposures: 2 good, 3 warned, 1 failed (results/quality/exposures.csv)",
        "  warned (rms 0.2 > 0.1): d, e",
        "  warned (rms 0.3 > 0.1): f",
        "  failed (cosmic 3 % > 2 %): b",
        "Exposure times: results/lamps/exposure_plan.csv",
        "All in one page: the same command with --report results/report.html",
    ]


def write_health(rows):
    heading = "exposure,score,reasons,arm,wave_method"
    write("results/quality/exposures.csv", "\n".join([heading, *rows, ""]))


def test_a_reference_is_suggested_for_an_arm_with_and_without_solutions(run):
    rows = ["a,good,,Red,fitted", "b,warned,no,Red,nominal", "c,warned,no,Red,nominal"]
    rows += ["d,warned,no,Blue,nominal", "e,good,,NIR,fitted"]
    write_health(rows)
    reference = "results/wavelength_references/Red.csv"
    hint = (
        "  2 of 3 exposures of the Red arm have nominal wavelengths: a reference from the others "
        f"may help (snakemake {reference})"
    )
    assert [line for line in answer_lines(run, "results") if "reference" in line] == [hint]
    write(reference)
    assert hint not in answer_lines(run, "results")


def test_there_are_no_answers_without_products_or_after_a_check(run):
    assert answer_lines(run, "results") == []
    write("results/lamps/exposure_plan.csv")
    assert answer_lines(RunRecord(), "results") == []


def test_every_problem_is_one_line_whatever_it_quotes():
    with pytest.raises(SystemExit) as caught:
        stop(["a\nb\x1b[31m", "c", "c"])
    assert caught.value.code == "lampflux: a?b?[31m\nlampflux: c"
