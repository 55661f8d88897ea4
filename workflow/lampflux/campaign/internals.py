"""Changes inside Snakemake that its public interface does not allow.

Without them a run gives the same products. If a version of Snakemake differs here, only the
improvement is lost.
"""

import os
import subprocess
import sys
from contextlib import suppress


def start_without_pause(workflow):
    """Let only the number of cores limit how many jobs start on one machine.

    Snakemake also limits how many start per second. To do so, it checks all waiting jobs again a
    second after each check, and each job that ends adds a check. In a campaign of thousands of
    exposures, these checks took more time than the jobs.
    """
    with suppress(AttributeError):
        if workflow.local_exec and hasattr(workflow.scheduler, "job_rate_limiter"):
            workflow.scheduler.job_rate_limiter = None


def fit_cores_to_nodes(workflow):
    """Let no cluster job request more cores than a node of Slurm has: it would wait forever."""
    with suppress(AttributeError, OSError, ValueError, subprocess.CalledProcessError):
        if workflow.executor_plugin.name != "slurm":
            return
        command = ["sinfo", "--noheader", "--format", "%c"]
        # An unset resource has the value None.
        defaults = workflow.resource_settings._parsed_default_resources
        partition = getattr(defaults.get("slurm_partition"), "value", None)
        if partition:
            command += ["--partition", partition]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        # Nodes of several sizes are listed as 32+.
        cores = max(int(size.rstrip("+")) for size in said.split())
        if cores < workflow.cores:
            workflow.global_resources["_cores"] = cores


def keep_going_in_groups(workflow):
    """Let a cluster job of many exposures continue when one fails.

    The profile's keep-going does not apply to cluster jobs. Snakemake sets it after reading the
    Snakefile, so an input function has to call this.
    """
    with suppress(AttributeError):
        if not workflow.is_main_process and hasattr(workflow.execution_settings, "keep_going"):
            workflow.execution_settings.keep_going = True


def end_while_waiting():
    """Let SIGTERM end a run also while Snakemake waits for a job's files.

    Snakemake would then wait forever for a lock that it holds itself, as on a node of Slurm that
    was lost.
    """
    with suppress(ImportError):
        from snakemake.scheduling.job_scheduler import JobScheduler

        def exit_gracefully(scheduler, *_):
            scheduler._user_kill = "graceful"
            scheduler._open_jobs.release()

        if hasattr(JobScheduler, "exit_gracefully"):
            JobScheduler.exit_gracefully = exit_gracefully


def leave_pandas_out():
    """Keep Snakemake from importing pandas to see whether params are tables: none is.

    The import takes a sixth of a run with nothing to do, and half a second before the first job.
    """
    with suppress(ImportError):
        from snakemake.iocontainers import Params, Snakemake
        from snakemake.persistence import PersistenceBase

        def store(job, params):
            job._params_store, job._params_types = Params(toclone=list(params)), {}
            job._params_store._take_names(params._get_names())

        if hasattr(PersistenceBase, "_serialize_param_builtin"):
            PersistenceBase._serialize_param = property(
                lambda persistence: persistence._serialize_param_builtin
            )
        if hasattr(Snakemake, "_safely_store_params"):
            Snakemake._safely_store_params = store


def remember_checksums():
    """Read each file only once for its checksum, although many products may depend on it."""
    with suppress(ImportError, AttributeError):
        from snakemake.io import _IOFile

        checksum, known = _IOFile.checksum, {}

        async def remembered(file, *arguments, **options):
            if file.is_storage or not os.path.exists(file):
                return await checksum(file, *arguments, **options)
            state = os.stat(file)
            key = str(file), state.st_size, state.st_mtime_ns, arguments, *options.items()
            if key not in known:
                known[key] = await checksum(file, *arguments, **options)
            return known[key]

        _IOFile.checksum = remembered


def run_scripts_with(run):
    """Run Python scripts with a function instead of a shell that starts Python.

    Parameters
    ----------
    run : callable
        Takes the arguments of Python and environment variables, and returns the script's exit
        status, or None to have Snakemake run the script.
    """
    with suppress(ImportError, AttributeError):
        from snakemake.script import PythonScript

        execute = PythonScript._execute_cmd

        def by_function(script, command, **options):
            status = None
            other = script.conda_env or script.env_modules or script.bench_record
            if options.get("py_exec") == sys.executable and not other:
                folder = script.resources.get("tmpdir")
                status = run([options["fname"]], {"TMPDIR": folder} if folder else {})
            if status is None:
                return execute(script, command, **options)
            if status:
                raise subprocess.CalledProcessError(status, [sys.executable, options["fname"]])

        PythonScript._execute_cmd = by_function


def config_as_written(workflow, config):
    """Replace numbers from ``--config`` by the text that the user wrote.

    Snakemake reads the folders ``007`` and ``2020_03_21`` as the numbers 7 and 20200321. The
    schema of the config converts text back to numbers where it requires numbers.
    """
    texts = {}
    with suppress(AttributeError):
        texts = dict(entry.split("=", 1) for entry in workflow.config_settings.config_args)
    numbers = {
        key: texts[key]
        for key, value in config.items()
        if type(value) in (int, float) and key in texts and type(value)(texts[key]) == value
    }
    return config | numbers
