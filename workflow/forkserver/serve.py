"""Run Python scripts in forks of one process that has loaded their libraries already.

    python serve.py FOLDER MODULES MODULE...

It writes the name of the socket on which it listens to standard output, serves only its own user,
and ends when its standard input ends. FOLDER holds the modules. MODULES, separated by commas, are
loaded before the first script; each other MODULE as soon as the server is idle. A script has its
own arguments, environment, working directory, standard output and error, as in a separate process,
and sees nothing of earlier scripts; its standard input is empty.
"""

import gc
import marshal
import os
import runpy
import signal
import socket
import struct
import sys
import tempfile
from collections import deque
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import wait


def load(modules):
    """Import modules."""
    # If one fails, the script that needs it reports the error.
    with suppress(Exception):
        for module in modules:
            import_module(module)
    # A fork's collector would write into memory that it shares with the server.
    gc.freeze()


def run(others, streams, arguments, folder, environment):
    """Run a script in this process, as if Python had been started with its arguments."""
    for other in others:
        other.close()
    for number, stream in enumerate(streams, 1):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environb.update(environment)
    tempfile.tempdir = None
    sys.argv = arguments
    sys.path[0] = os.path.dirname(arguments[0])
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        runpy.run_path(arguments[0], run_name="__main__")
    except KeyboardInterrupt:
        sys.exit(1)


def peer(connection):
    """User at the other end of a connection."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return struct.unpack("iII", credentials)[1]


def started(client, others):
    """Start a client's script in a fork without the sockets of others.

    Parameters
    ----------
    client : socket.socket
        It sends its standard output and error, then the script's arguments, folder and
        environment.
    others : list of socket.socket

    Returns
    -------
    multiprocessing.Process
    """
    _, streams, _, _ = socket.recv_fds(client, 1, 2)
    with client.makefile("rb") as file:
        request = marshal.load(file)
    client.sendall(b"\0")
    script = get_context("fork").Process(target=run, args=(others, streams, *request))
    script.start()
    for stream in streams:
        os.close(stream)
    return script


def settle(client, script):
    """Wait for a script's end and send its status to the client, signals as shells report them."""
    script.join()
    status = script.exitcode
    with suppress(OSError), client:
        client.sendall(bytes([status if status >= 0 else 128 - status]))


def serve(listener, unloaded):
    """Run the scripts of all clients until standard input ends.

    Parameters
    ----------
    listener : socket.socket
    unloaded : collections.deque of str
        Modules to load while the server is idle.
    """
    scripts = {}
    while True:
        ends = [script.sentinel for script in scripts.values()]
        ready = wait([sys.stdin, listener, *scripts, *ends], 0 if unloaded else None)
        for client, script in list(scripts.items()):
            if client in ready:
                # The client has gone.
                script.kill()
            if client in ready or script.sentinel in ready:
                settle(client, scripts.pop(client))
        if sys.stdin in ready:
            break
        if listener in ready:
            client, _ = listener.accept()
            with suppress(OSError, EOFError):
                if peer(client) == os.getuid():
                    scripts[client] = started(client, [listener, client, *scripts])
        elif unloaded:
            load([unloaded.popleft()])
    listener.close()
    for client, script in scripts.items():
        settle(client, script)


def main():
    """Listen and serve; without a socket, write nothing."""
    # The terminal interrupts the scripts; the server must outlive them to report their status.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # If the system allows no fork, Snakemake runs the scripts itself.
    with socket.socket(socket.AF_UNIX) as listener, suppress(OSError):
        # Linux chooses a name that is not a file, so a killed server leaves nothing behind.
        listener.bind("")
        listener.listen(socket.SOMAXCONN)
        print(listener.getsockname()[1:].decode(), flush=True)
        folder, first, *others = sys.argv[1:]
        sys.path.append(folder)
        load(first.split(","))
        serve(listener, deque(others))


if __name__ == "__main__":
    main()
