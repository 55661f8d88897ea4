# The start and the end of a run, unless lampflux is a module of another workflow.

from functools import partial

from snakemake.shell import shell

from lampflux.campaign.ending import RunRecord, answer_lines, failure_lines, remove_outdated
from lampflux.campaign.forks import PREFIX, fork_server, run_forked
from lampflux.campaign.starting import claim_results
from lampflux.campaign.terminal import explain_targets, hide_greeting, shorten


def start_server():
    """Have scripts run in forks of one Python, unless the config says otherwise."""
    shell.prefix(PREFIX)
    if config["fork_scripts"] and (address := fork_server(PROJECT / "workflow")):
        internals.run_scripts_with(partial(run_forked, address))


if IS_MAIN:
    internals.end_while_waiting()
    internals.leave_pandas_out()
    internals.remember_checksums()
    run_record = RunRecord()
    logger.addHandler(run_record)
    hide_greeting(logger)
    explain_targets(logger, [*campaign.targets, *(rule.name for rule in workflow.rules)])
    if not workflow.is_main_process:
        # A cluster job of many exposures has no onstart.
        start_server()

    onstart:
        run_record.begin = or_stop(claim_results, campaign)
        shorten(logger, run_record)
        internals.start_without_pause(workflow)
        internals.fit_cores_to_nodes(workflow)
        start_server()

    onsuccess:
        if lines := answer_lines(run_record, campaign.results):
            logger.info("\n".join(lines))

    onerror:
        remove_outdated(run_record)
        if lines := failure_lines(run_record, campaign.exposures):
            logger.error("\n".join(lines))
