"""Locks on files, whole and in ranges, of processes and of descriptions: who gets one, who waits, who gives up."""

import errno
import fcntl
import os
import signal
import struct
import sys
import time

F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW = 36, 37, 38
LOCK = "hhqqi4x"
READ, WRITE, NONE = fcntl.F_RDLCK, fcntl.F_WRLCK, fcntl.F_UNLCK

sys.stdout.reconfigure(line_buffering=True)
path = os.path.join(sys.argv[1], f"locks-{os.getpid()}")


def outcome(call, *arguments):
    try:
        return call(*arguments) or 0
    except OSError as error:
        return errno.errorcode[error.errno]


def record(fd, command, kind, start, length, whence=0, pid=0):
    result = outcome(fcntl.fcntl, fd, command, struct.pack(LOCK, kind, whence, start, length, pid))
    if not isinstance(result, bytes):
        return result
    kind, whence, start, length, pid = struct.unpack(LOCK, result)
    whose = {0: 0, -1: -1, os.getpid(): "own"}.get(pid, "another's")
    return (kind, start, length, whose)


def child(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid


def until_asleep(pid):
    """Until the child waits for a lock: it has nothing else to wait for."""
    while True:
        with open(f"/proc/{pid}/status") as status:
            if "State:\tS" in status.read():
                return
        time.sleep(0.001)


def inside(act):
    os.waitpid(child(act), 0)


def opened(flags=os.O_RDWR | os.O_CREAT):
    return os.open(path, flags, 0o600)


def whole():
    a, b = opened(), opened()
    flock = lambda fd, how: outcome(fcntl.flock, fd, how | fcntl.LOCK_NB)
    print(flock(a, fcntl.LOCK_SH), flock(b, fcntl.LOCK_SH), flock(a, fcntl.LOCK_EX))
    print(flock(b, fcntl.LOCK_EX), flock(a, fcntl.LOCK_SH), flock(a, fcntl.LOCK_UN))
    copy = os.dup(b)
    os.close(b)
    print(flock(a, fcntl.LOCK_EX), flock(copy, fcntl.LOCK_EX))
    inside(lambda: print("child", flock(copy, fcntl.LOCK_UN), flock(a, fcntl.LOCK_EX)))
    print(flock(copy, fcntl.LOCK_EX), outcome(fcntl.flock, a, 0), outcome(fcntl.flock, 99, 1))
    ready, wake = os.pipe()

    def waits():
        os.close(a)
        os.close(copy)
        fd = opened()
        os.write(wake, b".")
        fcntl.flock(fd, fcntl.LOCK_EX)
        print("got it")

    pid = child(waits)
    os.read(ready, 1)
    until_asleep(pid)
    print("giving up")
    os.close(a)
    os.close(copy)
    os.waitpid(pid, 0)
    os.close(ready)
    os.close(wake)


def ranges():
    fd = opened()
    os.truncate(fd, 100)
    print(record(fd, fcntl.F_SETLK, WRITE, 10, 10), record(fd, fcntl.F_GETLK, WRITE, 0, 0))

    def other():
        print(record(fd, fcntl.F_GETLK, READ, 0, 0), record(fd, fcntl.F_SETLK, READ, 15, 1))
        print(record(fd, fcntl.F_SETLK, READ, 20, 1), record(fd, fcntl.F_SETLK, READ, 0, 10))

    inside(other)
    print(record(fd, fcntl.F_SETLK, READ, 12, 2), record(fd, fcntl.F_SETLK, NONE, 18, 0))
    inside(lambda: print([record(fd, fcntl.F_GETLK, WRITE, at, 1) for at in range(8, 22)]))
    inside(lambda: print(record(fd, fcntl.F_GETLK, READ, 11, 5), record(fd, fcntl.F_GETLK, WRITE, 13, 3)))
    os.lseek(fd, 50, os.SEEK_SET)
    print(record(fd, fcntl.F_SETLK, WRITE, 0, -5, 1), record(fd, fcntl.F_SETLK, WRITE, -10, 0, 2))
    inside(lambda: print(record(fd, fcntl.F_GETLK, READ, 40, 20), record(fd, fcntl.F_GETLK, READ, 60, 0)))
    for bad in ((WRITE, -1, 1, 0), (WRITE, 0, -1, 0), (7, 0, 1, 0), (WRITE, 0, 1, 5)):
        print(record(fd, fcntl.F_SETLK, *bad))
    print(record(fd, fcntl.F_GETLK, NONE, 0, 1), record(fd, fcntl.F_SETLK, WRITE, 2**63 - 1, 2))
    print(record(fd, fcntl.F_SETLK, WRITE, 2**62, 2**62 - 1))
    reader = opened(os.O_RDONLY)
    print(record(reader, fcntl.F_SETLK, WRITE, 200, 1), record(reader, fcntl.F_SETLK, READ, 200, 1))
    # Any close of the file gives up all that the process has.
    os.close(reader)
    inside(lambda: print(record(fd, fcntl.F_GETLK, WRITE, 0, 0)))
    os.close(fd)


def descriptions():
    a, b = opened(), opened()
    print(record(a, F_OFD_SETLK, WRITE, 0, 10), record(b, F_OFD_SETLK, READ, 5, 1))
    print(record(b, F_OFD_GETLK, READ, 5, 1), record(b, fcntl.F_SETLK, READ, 5, 1))
    print(record(a, F_OFD_SETLK, READ, 0, 1, 0, 7))
    copy = os.dup(a)
    os.close(a)
    print(record(b, F_OFD_SETLK, READ, 5, 1))
    inside(lambda: os.close(copy))
    print(record(b, F_OFD_SETLK, READ, 5, 1))
    os.close(copy)
    print(record(b, F_OFD_SETLK, READ, 5, 1))
    os.close(b)


def waiting():
    fd = opened()
    ready, wake = os.pipe()
    record(fd, fcntl.F_SETLK, WRITE, 0, 1)

    def waits():
        record(fd, fcntl.F_SETLK, WRITE, 1, 1)
        os.write(wake, b".")
        print("waited", record(fd, fcntl.F_SETLKW, WRITE, 0, 1))
        os.write(wake, b".")

    pid = child(waits)
    os.read(ready, 1)
    until_asleep(pid)
    print("deadlock", record(fd, fcntl.F_SETLKW, WRITE, 1, 1))
    record(fd, fcntl.F_SETLK, NONE, 0, 0)
    os.read(ready, 1)
    os.waitpid(pid, 0)

    def interrupted():
        signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        try:
            record(fd, fcntl.F_SETLKW, WRITE, 0, 1)
        except ZeroDivisionError:
            print("interrupted")

    record(fd, fcntl.F_SETLK, WRITE, 0, 1)
    inside(interrupted)
    # A lock outlives execve(2), and a process that dies gives it up.
    inside(lambda: print(record(fd, fcntl.F_GETLK, READ, 0, 1)))
    os.close(fd)


for part in (whole, ranges, descriptions, waiting):
    part()
os.unlink(path)
