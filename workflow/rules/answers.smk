# All lamps to answers: predictions for another instrument, and the page of answers.


rule plan_instrument:
    input:
        lines=rules.compare_lamps.output.lines,
        instrument=campaign.planned_instrument,
        page=TABLE_PAGE,
    output:
        choices="<results>/instrument/choices.csv",
        lines="<results>/instrument/lines.csv",
        html=report(
            "<results>/instrument/choices.html",
            caption="../report/choices_table.rst",
            category="1 Answers",
            labels={"answer": "4 lamps for the instrument", "as": "table"},
        ),
        png=report(
            "<results>/instrument/arcs.png",
            caption="../report/arcs.rst",
            category="1 Answers",
            labels={"answer": "4 lamps for the instrument", "as": "picture"},
        ),
    log:
        "<results>/logs/instrument.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("instrument"),
        pictures=campaign.pictures,
        line_lists=campaign.line_lists,
    message:
        "predict the lamps for the planned instrument"
    script:
        "../scripts/instrument.py"


rule answer:
    input:
        choices=rules.plan_instrument.output.choices,
        arcs=rules.plan_instrument.output.png,
        coverage=rules.compare_lamps.output.coverage,
        plan=rules.plan_exposures.output.plan,
        lines=rules.compare_lamps.output.lines,
        quality=rules.check_quality.output.csv,
        page=str(PROJECT / "workflow" / "report" / "answers.html"),
    output:
        html=report(
            "<results>/answers.html",
            caption="../report/answers.rst",
            category="1 Answers",
            labels={"answer": "0 all on one page", "as": "page"},
        ),
        markdown="<results>/answers.md",
    log:
        "<results>/logs/answers.log",
    conda:
        "../../environment.yml"
    params:
        code=code_of("answers"),
        line_limit=config["line_limit"],
    message:
        "write the page of answers"
    script:
        "../scripts/answers.py"
