"""Runs a command on a terminal of its own and prints, as JSON, what it showed and how it ended.

Argument: JSON with `command` (argv), `rows`, `columns`, and `keys`: text to await, then text to type.
"""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time

DEADLINE = time.monotonic() + 30


def resize(terminal, rows, columns):
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def echoes(terminal):
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


def main():
    request = json.loads(sys.argv[1])
    keys = list(request.get("keys", []))
    # This side keeps the other end open too, so that the settings can be read when the command has ended.
    leader, follower = pty.openpty()
    resize(leader, request["rows"], request["columns"])
    pid = os.fork()
    if pid == 0:
        os.close(leader)
        os.login_tty(follower) if hasattr(os, "login_tty") else login(follower)
        os.execv(request["command"][0], request["command"])
    output = b""
    status = None
    while status is None and time.monotonic() < DEADLINE:
        if select.select([leader], [], [], 0.05)[0]:
            output += os.read(leader, 65536)
        if keys and keys[0][0].encode() in output:
            os.write(leader, keys.pop(0)[1].encode())
        ended, code = os.waitpid(pid, os.WNOHANG)
        if ended:
            status = code
    while select.select([leader], [], [], 0.1)[0]:
        output += os.read(leader, 65536)
    if status is None:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    result = {
        "output": output.decode("latin1"),
        "status": None if status is None else os.waitstatus_to_exitcode(status),
        "echo": echoes(leader),
    }
    print(json.dumps(result))


def login(terminal):
    """login_tty(3), which Python has from 3.11 on."""
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for fd in (0, 1, 2):
        os.dup2(terminal, fd)


main()
