"""Signal-driven I/O and /proc/locks: what Linux tells by a signal of files that become ready, and of locks in a file."""

import errno
import fcntl
import os
import signal
import socket
import struct
import sys

sys.stdout.reconfigure(line_buffering=True)
base = os.path.join(sys.argv[1], f"signals-{os.getpid()}")
F_SETSIG, F_GETSIG, F_SETOWN_EX, F_GETOWN_EX = 10, 11, 15, 16
REALTIME = signal.SIGRTMIN + 3
WANTED = {signal.SIGIO, REALTIME}


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def arrived():
    """Signals that wait, with what they carry of files."""
    seen = []
    while (info := signal.sigtimedwait(WANTED, 0)) is not None:
        seen.append((signal.Signals(info.si_signo).name if info.si_signo < 32 else "RT", info.si_code, info.si_band))
    return seen


def turn_on(fd, signo=0):
    print(fcntl.fcntl(fd, fcntl.F_SETOWN, os.getpid()), fcntl.fcntl(fd, fcntl.F_GETOWN) == os.getpid())
    print(fcntl.fcntl(fd, F_SETSIG, signo), fcntl.fcntl(fd, F_GETSIG) == signo)
    flags = fcntl.fcntl(fd, fcntl.F_GETFL)
    print(fcntl.fcntl(fd, fcntl.F_SETFL, flags | os.O_ASYNC), bool(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ASYNC))


def pipes():
    reader, writer = os.pipe()
    print(fcntl.fcntl(reader, fcntl.F_GETOWN), fcntl.fcntl(reader, F_GETSIG))
    os.write(writer, b"before")
    turn_on(reader)
    print(arrived())
    os.write(writer, b"x")
    print(arrived())
    turn_on(reader, REALTIME)
    os.write(writer, b"y")
    print(arrived())
    os.read(reader, 100)
    os.write(writer, b"z")
    print(arrived())
    os.close(writer)
    print(arrived())
    os.close(reader)
    reader, writer = os.pipe()
    turn_on(reader, REALTIME)
    flags = fcntl.fcntl(reader, fcntl.F_GETFL)
    fcntl.fcntl(reader, fcntl.F_SETFL, flags & ~os.O_ASYNC)
    os.write(writer, b"off")
    print("off", arrived())
    print(outcome(fcntl.ioctl, reader, 0x5452, struct.pack("i", 1)) and "on")
    os.write(writer, b"on")
    print(arrived())


def sockets():
    a, b = socket.socketpair()
    turn_on(a.fileno(), REALTIME)
    b.send(b"x")
    print(arrived()[:1])
    a.recv(10)
    b.close()
    print(arrived()[:1])
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    turn_on(listener.fileno(), REALTIME)
    client = socket.create_connection(listener.getsockname())
    print(arrived()[:1])
    server, _ = listener.accept()
    turn_on(server.fileno())
    client.send(b"x")
    print(arrived()[:1])
    receiver, sender = socket.socket(type=socket.SOCK_DGRAM), socket.socket(type=socket.SOCK_DGRAM)
    receiver.bind(("127.0.0.1", 0))
    turn_on(receiver.fileno(), REALTIME)
    sender.sendto(b"x", receiver.getsockname())
    print(arrived()[:1])


def owners():
    reader, writer = os.pipe()
    set_owner = lambda who: outcome(fcntl.fcntl, reader, fcntl.F_SETOWN, who)
    owner = lambda: struct.unpack("ii", fcntl.fcntl(reader, F_GETOWN_EX, bytes(8)))
    print(set_owner(2**22 - 1), set_owner(-os.getpgrp()), owner() == (2, os.getpgrp()), set_owner(0))
    print(fcntl.fcntl(reader, fcntl.F_GETOWN), outcome(fcntl.fcntl, reader, F_SETSIG, 65), outcome(fcntl.fcntl, reader, F_SETSIG, -1))
    ex = lambda kind, who: outcome(fcntl.fcntl, reader, F_SETOWN_EX, struct.pack("ii", kind, who))
    print(ex(3, 1), isinstance(ex(0, os.getpid()), bytes), owner() == (0, os.getpid()))
    turn_on(reader, REALTIME)
    pid = os.fork()
    if pid == 0:
        os.write(writer, b"x")
        print("child", arrived())
        os._exit(0)
    os.waitpid(pid, 0)
    print("parent", arrived())
    # A handler gets the descriptor that O_ASYNC was set by.
    caught = []
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGIO})
    signal.signal(signal.SIGIO, lambda signo, frame: caught.append(signo))
    fcntl.fcntl(reader, F_SETSIG, 0)
    os.write(writer, b"x")
    print(caught == [signal.SIGIO])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGIO})
    file = os.open(base, os.O_RDWR | os.O_CREAT)
    fcntl.fcntl(file, fcntl.F_SETFL, os.O_ASYNC)
    print(bool(fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ASYNC), outcome(fcntl.ioctl, file, 0x5452, struct.pack("i", 1)))
    os.close(file)
    os.unlink(base)


def locks():
    fd, other = os.open(base, os.O_RDWR | os.O_CREAT), os.open(base, os.O_RDWR)
    status = os.fstat(fd)
    place = f"{os.major(status.st_dev):02x}:{os.minor(status.st_dev):02x}:{status.st_ino}"

    def listed():
        mine = []
        with open("/proc/locks") as file:
            for line in file:
                fields = line.split()
                if place in fields:
                    pid = fields.index(place) - 1
                    fields[pid] = {str(os.getpid()): "own"}.get(fields[pid], fields[pid])
                    mine.append(" ".join(fields[1:pid + 1] + fields[pid + 2:]))
        return sorted(mine)

    print(listed())
    fcntl.flock(fd, fcntl.LOCK_SH)
    print(listed())
    fcntl.flock(fd, fcntl.LOCK_EX)
    fcntl.lockf(fd, fcntl.LOCK_EX, 10, 5)
    fcntl.lockf(fd, fcntl.LOCK_SH, 0, 100)
    print(listed())
    fcntl.fcntl(other, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 40, 2, 0))
    print(listed())
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(other)
    print(listed())
    os.close(fd)
    print(listed())
    os.unlink(base)


signal.pthread_sigmask(signal.SIG_BLOCK, WANTED)
for part in (pipes, sockets, owners, locks):
    print("--", part.__name__)
    part()
    # What was sent as its files were closed.
    arrived()
