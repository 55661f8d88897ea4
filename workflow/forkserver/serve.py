"""Run Python scripts in forks of one process that has loaded their libraries already.

    python serve.py FOLDER MODULES MODULE...

It says on standard output the name of the socket on which it listens, to its own user alone, and
ends with its standard input. FOLDER holds the modules. MODULES, with commas between them, are
loaded before the first script, each other MODULE as soon as there is nothing else to do. A script
finds what it would find in a separate process: its arguments, environment, working directory,
standard output and error, and nothing of the scripts before it; its standard input is empty.
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
    """Start the script that a client asks for, in a fork without the sockets of others.

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
    """Wait for a script's end and send its client the status, signals as shells report them."""
    script.join()
    status = script.exitcode
    with suppress(OSError), client:
        client.sendall(bytes([status if status >= 0 else 128 - status]))


def serve(listener, unloaded):
    """Run the scripts of all clients, until standard input ends.

    Parameters
    ----------
    listener : socket.socket
    unloaded : collections.deque of str
        Modules to load whenever nothing else is to do.
    """
    scripts = {}
    while True:
        ends = [script.sentinel for script in scripts.values()]
        ready = wait([sys.stdin, listener, *scripts, *ends], 0 if unloaded else None)
        for client, script in list(scripts.items()):
            if client in ready:
                # Nobody waits for it any more.
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
    """Listen and serve; where no socket can be had, say nothing."""
    # The terminal's interrupt is for the scripts; who waits for them must outlive them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Where a fork is too much, scripts run plainly.
    with socket.socket(socket.AF_UNIX) as listener, suppress(OSError):
        # Linux finds a name that is no file, so that nothing is left of a server that is killed.
        listener.bind("")
        listener.listen(socket.SOMAXCONN)
        print(listener.getsockname()[1:].decode(), flush=True)
        folder, first, *others = sys.argv[1:]
        sys.path.append(folder)
        load(first.split(","))
        serve(listener, deque(others))


if __name__ == "__main__":
    main()
