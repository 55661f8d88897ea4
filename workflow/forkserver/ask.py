"""Have a Python script run by the fork server, or, where that is not possible, plainly.

    python -IS ask.py NAME COMMAND [ARGUMENT ...]

Only what Python loads fast is imported here: this runs once for each job.
"""

# The modules socket and signal, which are built on these, would double the time.
import _signal as signal
import _socket as socket
import marshal
import os
import sys
from array import array

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
        if array("I", credentials)[1] != os.getuid():
            raise OSError
        streams = socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [1, 2])
        connection.sendmsg([b"\0"], [streams])
        connection.sendall(marshal.dumps((command[1:], os.getcwd(), dict(os.environb))))
        taken = connection.recv(1)
    except OSError:
        pass
if not taken:
    os.execvp(command[0], command)
# ... until there is a script, which then reports it.
signal.signal(signal.SIGINT, signal.SIG_IGN)
# Without a status the server was killed, and the script's process perhaps too.
status = connection.recv(1) or b"\1"
sys.exit(status[0])
