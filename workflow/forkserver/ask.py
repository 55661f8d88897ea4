"""Have a Python script run by the fork server, or, where that is not possible, plainly.

    python -IS ask.py NAME COMMAND [ARGUMENT ...]

Only what Python loads fast is imported here: this runs once for each job.
"""

# The modules os, signal, socket and struct, which are built on these, would double the time.
import _signal as signal
import _socket as socket
import _struct as struct
import marshal
import posix
import sys

# An interrupt, ignored so far, ends this without a message ...
signal.signal(signal.SIGINT, signal.SIG_DFL)
_, address, *command = sys.argv
connection = socket.socket(socket.AF_UNIX)
taken = b""
if command[0] == sys.executable:
    try:
        connection.connect(f"\0{address}")
        # A name that is free again may be anybody's.
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("iII", credentials)[1] != posix.getuid():
            raise OSError
        streams = socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("ii", 1, 2)
        connection.sendmsg([b"\0"], [streams])
        connection.sendall(marshal.dumps((command[1:], posix.getcwd(), posix.environ)))
        taken = connection.recv(1)
    except OSError:
        pass
if not taken:
    import os

    os.execvp(command[0], command)
# ... until there is a script, which then reports it.
signal.signal(signal.SIGINT, signal.SIG_IGN)
# Without a status the server was killed, and the script's process perhaps too.
status = connection.recv(1) or b"\1"
sys.exit(status[0])
