"""FIFOs, packets, splice(2) and tee(2): prints what Linux gives for each call."""

import ctypes
import errno
import fcntl
import os
import select
import stat
import sys
import threading
import time

sys.stdout.reconfigure(line_buffering=True)
path = os.path.join(sys.argv[1], f"pipes-{os.getpid()}")
libc = ctypes.CDLL(None, use_errno=True)
NONBLOCK = 2


def outcome(call, *arguments):
    try:
        return call(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def tee(source, target, length, flags=0):
    result = libc.tee(source, target, length, flags)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result


def events(fd):
    poll = select.poll()
    poll.register(fd)
    return [mask for _, mask in poll.poll(0)]


def child(act):
    pid = os.fork()
    if pid == 0:
        try:
            act()
        finally:
            os._exit(0)
    return pid


def fifos():
    os.mkfifo(path, 0o640)
    status = os.stat(path)
    print(stat.S_ISFIFO(status.st_mode), oct(status.st_mode & 0o7777))
    print(outcome(os.open, path, os.O_WRONLY | os.O_NONBLOCK))
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    print(events(reader), outcome(os.read, reader, 10))
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    print(events(reader), events(writer), outcome(os.read, reader, 10))
    print(os.write(writer, b"abc"), events(reader), os.read(reader, 10))
    os.close(writer)
    print(events(reader), outcome(os.read, reader, 10))
    print(os.readlink(f"/proc/self/fd/{reader}") == path)
    os.close(reader)
    both = os.open(path, os.O_RDWR)
    print(os.write(both, b"own"), os.read(both, 10), outcome(os.lseek, both, 0, 0))
    os.close(both)

    def writes():
        time.sleep(0.05)
        fd = os.open(path, os.O_WRONLY)
        os.write(fd, b"from the child")

    pid = child(writes)
    fd = os.open(path, os.O_RDONLY)
    print(os.read(fd, 100), os.read(fd, 100))
    os.close(fd)
    os.waitpid(pid, 0)
    # An end that is closed again at once lets the other open all the same.
    pid = child(lambda: (time.sleep(0.05), os.close(os.open(path, os.O_RDONLY))))
    fd = os.open(path, os.O_WRONLY)
    os.waitpid(pid, 0)
    print("opened", outcome(os.write, fd, b"x"))
    os.close(fd)
    opened = []
    thread = threading.Thread(target=lambda: opened.append(os.open(path, os.O_WRONLY)))
    thread.start()
    fd = os.open(path, os.O_RDONLY)
    thread.join()
    os.write(opened[0], b"threads")
    print(os.read(fd, 100))
    os.close(fd)
    os.close(opened[0])
    print(os.system(f"cat {path} & echo shell > {path}; wait"))
    os.unlink(path)


def packets():
    reader, writer = os.pipe2(os.O_DIRECT | os.O_NONBLOCK)
    print(os.write(writer, b"first"), os.write(writer, b"second"), os.write(writer, bytes(5000)))
    print(os.read(reader, 3), os.read(reader, 100), len(os.read(reader, 9000)))
    print(len(os.read(reader, 9000)), outcome(os.read, reader, 1))
    count = 0
    while isinstance(outcome(os.write, writer, b"."), int):
        count += 1
    print(count, fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ))
    print(outcome(fcntl.fcntl, writer, fcntl.F_SETPIPE_SZ, 4096))


def splices():
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    os.write(file, b"0123456789")
    reader, writer = os.pipe()
    other_reader, other_writer = os.pipe()
    os.lseek(file, 0, os.SEEK_SET)
    print(os.splice(file, writer, 4), os.lseek(file, 0, os.SEEK_CUR))
    print(os.splice(file, writer, 3, offset_src=6), os.lseek(file, 0, os.SEEK_CUR))
    print(tee(reader, other_writer, 5), os.read(other_reader, 100))
    print(os.splice(reader, other_writer, 100), os.read(other_reader, 100))
    print(outcome(os.splice, reader, other_writer, 1, None, None, NONBLOCK), tee(reader, other_writer, 1, NONBLOCK))
    os.write(writer, b"XYZ")
    print(os.splice(reader, file, 100, offset_dst=2), os.pread(file, 100, 0))
    for arguments in (
        (file, file, 1),
        (reader, writer, 1),
        (reader, file, 1, 0),
        (writer, file, 1),
        (file, reader, 1),
        (99, writer, 1),
    ):
        print(outcome(os.splice, *arguments))
    print(tee(file, writer, 1), tee(reader, writer, 1), tee(99, writer, 1), tee(reader, other_writer, 0))
    print(libc.splice(reader, None, other_writer, None, 1, 64), errno.errorcode[ctypes.get_errno()])
    appending = os.open(path, os.O_WRONLY | os.O_APPEND)
    print(outcome(os.splice, reader, appending, 1))
    os.lseek(file, 0, os.SEEK_END)
    print(os.splice(file, writer, 10))
    pid = child(lambda: (time.sleep(0.05), os.write(writer, b"late")))
    print(os.splice(reader, other_writer, 100), os.read(other_reader, 100))
    os.waitpid(pid, 0)
    os.close(writer)
    print(os.splice(reader, other_writer, 100), tee(reader, other_writer, 1))
    os.close(other_reader)
    reader, writer = os.pipe()
    os.write(writer, b"q")
    print(outcome(os.splice, reader, other_writer, 1))
    os.unlink(path)


for part in (fifos, packets, splices):
    part()
