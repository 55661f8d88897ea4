# From all lamps to answers: what they will give another instrument, and one page for people.

from lampflux.campaign.instrument import read_instrument


def instrument_file():
    """The file of the instrument to plan for; stops with a sentence where it is wrong."""
    path = resource(config["instrument"])
    try:
        read_instrument(path)
    except OSError as error:
        stop([f"config, instrument: {path} cannot be read ({error.strerror}); correct its name."])
    except UserError as error:
        stop(error.args)
    return path


rule plan_instrument:
    input:
        lines=f"{RESULTS}/lamps/all_lines.csv",
        instrument=instrument_file(),
        page=TABLE_PAGE,
    output:
        choices=f"{RESULTS}/instrument/choices.csv",
        lines=f"{RESULTS}/instrument/lines.csv",
        html=report(
            f"{RESULTS}/instrument/choices.html",
            caption="../report/choices_table.rst",
            category="1 Answers",
            labels={"answer": "4 lamps for the instrument", "as": "table"},
        ),
        png=report(
            f"{RESULTS}/instrument/arcs.png",
            caption="../report/arcs.rst",
            category="1 Answers",
            labels={"answer": "4 lamps for the instrument", "as": "picture"},
        ),
    log:
        f"{RESULTS}/logs/instrument.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("instrument"),
        line_lists=LINE_LISTS,
    message:
        "what the lamps will give the instrument"
    script:
        "../scripts/instrument.py"


rule answer:
    input:
        choices=f"{RESULTS}/instrument/choices.csv",
        arcs=f"{RESULTS}/instrument/arcs.png",
        coverage=f"{RESULTS}/lamps/coverage.csv",
        plan=f"{RESULTS}/lamps/exposure_plan.csv",
        lines=f"{RESULTS}/lamps/all_lines.csv",
        quality=f"{RESULTS}/quality/exposures.csv",
        page=f"{PROJECT}/workflow/report/answers.html",
    output:
        html=report(
            f"{RESULTS}/answers.html",
            caption="../report/answers.rst",
            category="1 Answers",
            labels={"answer": "0 all on one page", "as": "page"},
        ),
        markdown=f"{RESULTS}/answers.md",
    log:
        f"{RESULTS}/logs/answers.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("answers"),
        line_limit=config["line_limit"],
    message:
        "all answers on one page"
    script:
        "../scripts/answers.py"
