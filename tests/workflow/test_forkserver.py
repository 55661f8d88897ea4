"""Scripts run in forks of one Python as in separate processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conftest import PROJECT, lamp_counts, products, write_frame, write_text
from lampflux.campaign.forks import run_forked

FOLDER = PROJECT / "workflow/forkserver"
LOADED = "loaded_before"
# As in a thread of Snakemake, which an interrupt does not reach.
ASK = f"""
import signal, sys
sys.path.append({str(PROJECT / "workflow")!r})
from lampflux.campaign.forks import run_forked
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.exit(run_forked(sys.argv[1], sys.argv[2:]))
"""


@pytest.fixture
def server(tmp_path):
    """Return a process that serves, and the name of its socket."""
    write_text(tmp_path / f"modules/{LOADED}.py", "import os\nwho = os.getpid()\nmark = 0\n")
    command = [sys.executable, FOLDER / "serve.py", tmp_path / "modules", LOADED]
    with subprocess.Popen(command, stdin=-1, stdout=-1, text=True, process_group=0) as serve:
        yield serve, serve.stdout.readline().strip()
        serve.stdin.close()


def ask(address, script, *arguments, **options):
    """Start a script by way of the server."""
    command = [sys.executable, "-c", ASK, address, script, *arguments]
    return subprocess.Popen(list(map(str, command)), stdout=-1, stderr=-1, text=True, **options)


def waited(path):
    """Wait for a file that a script writes, and return its content."""
    end = time.monotonic() + 20
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.02)
    return path.read_text().strip()


def alive(process):
    """Whether a process still runs."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


SEEN = f"""
import os, sys, tempfile
print(sys.argv, __name__, os.getcwd(), dict(os.environ)["SEEN"], sys.path[0], sys.stdin.read())
print(tempfile.gettempdir(), file=sys.stderr)
print({LOADED!r} in sys.modules)
"""


def test_a_script_finds_what_it_would_find_in_a_process_of_its_own(server, tmp_path):
    script = write_text(tmp_path / "scripts/seen.py", SEEN)
    (tmp_path / "temporary").mkdir()
    options = {
        "cwd": tmp_path,
        "env": os.environ | {"SEEN": "for it alone", "TMPDIR": str(tmp_path / "temporary")},
        "stdin": subprocess.DEVNULL,
    }
    forked = ask(server[1], script, "one", "two words", **options).communicate()
    plain = subprocess.run(
        [sys.executable, script, "one", "two words"], **options, capture_output=True, text=True
    )
    assert forked[1] == plain.stderr == f"{tmp_path / 'temporary'}\n"
    assert plain.stdout.endswith("\nFalse\n")
    assert forked[0] == plain.stdout.replace("\nFalse\n", "\nTrue\n")


def test_a_script_gets_what_jobs_need_and_the_environment_is_left_alone(server, tmp_path):
    script = write_text(
        tmp_path / "seen.py",
        "import os, sys\nprint(dict(os.environ), file=open(sys.argv[1], 'w'))",
    )
    before = dict(os.environ)
    assert run_forked(server[1], [str(script), str(tmp_path / "seen")], {"TMPDIR": "/a"}) == 0
    assert dict(os.environ) == before
    wanted = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "TMPDIR": "/a"}
    assert wanted.items() <= eval((tmp_path / "seen").read_text()).items()


def test_nothing_of_a_script_is_left_to_the_next(server, tmp_path):
    script = write_text(
        tmp_path / "marks.py",
        f"import os, {LOADED} as m\nprint(m.mark, m.who != os.getpid(), 'LEFT' in os.environ)\n"
        "m.mark, os.environ['LEFT'] = 1, 'over'\nos.chdir('/')\n",
    )
    said = [ask(server[1], script).communicate()[0] for _ in range(2)]
    assert said == ["0 True False\n"] * 2


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("pass", 0),
        ("raise SystemExit(3)", 3),
        ("raise SystemExit('a word')", 1),
        ("raise ValueError('a fault')", 1),
        ("import os; os.kill(os.getpid(), 9)", 128 + 9),
    ],
)
def test_its_status_is_returned(server, tmp_path, ending, status):
    asked = ask(server[1], write_text(tmp_path / "ending.py", f"{ending}\n"))
    words = asked.communicate()[1]
    assert asked.returncode == status
    assert "fault" not in ending or "ValueError: a fault" in words


SLEEP = """
import os, sys, time
try:
    with open(sys.argv[1], "w") as file:
        print(os.getpid(), file=file)
    time.sleep(30)
except KeyboardInterrupt:
    sys.exit("interrupted")
"""


def test_a_script_is_killed_when_its_client_ends(server, tmp_path):
    script = write_text(tmp_path / "sleep.py", SLEEP)
    asked = ask(server[1], script, tmp_path / "number")
    process = waited(tmp_path / "number")
    asked.kill()
    asked.communicate()
    end = time.monotonic() + 10
    while alive(process) and time.monotonic() < end:
        time.sleep(0.02)
    assert not alive(process)


def test_an_interrupt_from_the_terminal_reaches_only_the_script(server, tmp_path):
    script = write_text(tmp_path / "sleep.py", SLEEP)
    asked = ask(server[1], script, tmp_path / "number", process_group=server[0].pid)
    waited(tmp_path / "number")
    os.killpg(server[0].pid, signal.SIGINT)
    assert asked.communicate()[1] == "interrupted\n"
    assert asked.returncode == 1
    again = ask(server[1], write_text(tmp_path / "fine.py", "print('fine')"))
    assert again.communicate()[0] == "fine\n"


def test_a_module_that_cannot_be_loaded_is_left_to_the_script(tmp_path):
    write_text(tmp_path / "broken.py", "1 / 0")
    command = [sys.executable, FOLDER / "serve.py", tmp_path, "broken"]
    with subprocess.Popen(command, stdin=-1, stdout=-1, stderr=-1, text=True) as serve:
        address = serve.stdout.readline().strip()
        asked = ask(address, write_text(tmp_path / "fine.py", "print('fine')"))
        assert asked.communicate() == ("fine\n", "")
        assert serve.communicate() == ("", "")


def test_the_server_ends_with_its_standard_input_and_the_last_script(server, tmp_path):
    serve, address = server
    script = write_text(
        tmp_path / "slow.py",
        "import sys, time\nprint('begun', file=open(sys.argv[1], 'w'))\n"
        "time.sleep(0.5)\nprint('done')",
    )
    asked = ask(address, script, tmp_path / "begun")
    waited(tmp_path / "begun")
    serve.stdin.close()
    assert asked.communicate()[0] == "done\n"
    assert serve.wait(20) == 0
    assert run_forked(address, [str(script)]) is None, "a server that is gone answers"


NO_SOCKETS = """
import socket
def bind(self, address):
    raise OSError("no socket can be had")
socket.socket.bind = bind
"""
# Fails a run that starts a server.
NO_SERVER = """
import subprocess
popen = subprocess.Popen.__init__
def start(self, command, *arguments, **options):
    assert "serve.py" not in str(command), "a server is started"
    popen(self, command, *arguments, **options)
subprocess.Popen.__init__ = start
"""


@pytest.mark.slow
def test_a_run_without_a_server_or_without_forks_gives_the_same_bytes(snakemake, tmp_path):
    stem = "Newport_Ne_Red_10s_01"
    write_text(tmp_path / "site/sitecustomize.py", NO_SOCKETS)
    write_text(tmp_path / "no_server/sitecustomize.py", NO_SERVER)
    variables = {"PYTHONPATH": str(tmp_path / "site")}
    serve = [sys.executable, FOLDER / "serve.py", tmp_path]
    silent = subprocess.run(serve, env=os.environ | variables, stdin=-3, capture_output=True)
    assert (silent.returncode, silent.stdout, silent.stderr) == (0, b"", b"")
    made = []
    off = ["--config", "fork_scripts=False"]
    for name, settings, arguments in (
        ("forks", {}, []),
        ("no socket", variables, []),
        ("off", {"PYTHONPATH": str(tmp_path / "no_server")}, off),
    ):
        write_frame(tmp_path / f"{name}/resources/raw/{stem}.fits", lamp_counts(1))
        run = snakemake(tmp_path / name, *arguments, variables=settings)
        assert run.status == 0, run.output
        made.append(products(tmp_path / name))
    assert made[0] == made[1] == made[2]
    assert f"results/fluxes/{stem}.csv" in made[0]
