"""Run Python scripts in forks of one process that has loaded their libraries already.

    python serve.py FOLDER MODULE...

It says on standard output the name of the socket on which it listens, to its own user alone, and
ends with its standard input. FOLDER holds the modules that are loaded before the first script. A
script finds what it would find in a separate process: its arguments, environment, working
directory, standard output and error, and nothing of the scripts before it; its standard input is
empty.
"""

import functools
import gc
import marshal
import os
import runpy
import signal
import socket
import struct
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from multiprocessing import get_context
from multiprocessing.connection import wait


@functools.cache
def load(folder, *modules):
    """Import modules, which lie in a folder or where Python looks for them; once."""
    sys.path.append(folder)
    # If one fails, the script that needs it reports the error.
    with suppress(Exception):
        for module in modules:
            import_module(module)
    # Python's collector would write into the memory that all forks share.
    gc.collect()
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


def serve(listener, prepare):
    """Run the scripts of all clients, until standard input ends.

    Parameters
    ----------
    listener : socket.socket
    prepare : callable
        Called before each fork.
    """
    scripts = {}
    while True:
        ends = [script.sentinel for script in scripts.values()]
        ready = wait([sys.stdin, listener, *scripts, *ends])
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
            prepare()
            with suppress(OSError, EOFError):
                if peer(client) == os.getuid():
                    scripts[client] = started(client, [listener, client, *scripts])
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
        serve(listener, lambda: load(*sys.argv[1:]))


if __name__ == "__main__":
    main()
