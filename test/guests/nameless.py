"""Files without a name, seals, holes, extended attributes: prints what Linux gives for each call."""

import ctypes
import errno
import fcntl
import mmap
import os
import stat
import sys

sys.stdout.reconfigure(line_buffering=True)
base = os.path.join(sys.argv[1], f"nameless-{os.getpid()}")
libc = ctypes.CDLL(None, use_errno=True)
PUNCH, KEEP = 2, 1
ADD_SEALS, GET_SEALS = 1033, 1034
SEAL, SHRINK, GROW, WRITE, FUTURE = 1, 2, 4, 8, 16


def outcome(call, *arguments, **options):
    try:
        return call(*arguments, **options)
    except OSError as error:
        return errno.errorcode[error.errno]


def fallocate(fd, mode, offset, length):
    result = libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length))
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result


def give_name(fd, name):
    source = f"/proc/self/fd/{fd}".encode()
    result = libc.linkat(-100, source, -100, name.encode(), 0x400)
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result


def nameless():
    fd = os.open(base, os.O_TMPFILE | os.O_RDWR, 0o640)
    status = os.fstat(fd)
    print(stat.S_ISREG(status.st_mode), oct(status.st_mode & 0o7777), status.st_nlink, os.listdir(base))
    print(os.write(fd, b"contents"), os.readlink(f"/proc/self/fd/{fd}").endswith(" (deleted)"))
    print(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_TMPFILE == os.O_TMPFILE)
    name = os.path.join(base, "name")
    print(give_name(fd, name))
    print(open(name).read(), os.fstat(fd).st_nlink, os.stat(name).st_ino == os.fstat(fd).st_ino)
    os.unlink(name)
    os.close(fd)
    fd = os.open(base, os.O_TMPFILE | os.O_RDWR | os.O_EXCL)
    print(give_name(fd, name))
    os.close(fd)
    open(name, "w").close()
    print(outcome(os.open, base, os.O_TMPFILE | os.O_RDONLY), outcome(os.open, name, os.O_TMPFILE | os.O_RDWR))
    os.unlink(name)


def seals():
    fd = os.memfd_create("plain")
    print(fcntl.fcntl(fd, GET_SEALS), outcome(fcntl.fcntl, fd, ADD_SEALS, WRITE))
    fd = os.memfd_create("sealed", os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, 8192)
    print(fcntl.fcntl(fd, GET_SEALS), outcome(fcntl.fcntl, fd, ADD_SEALS, 64), outcome(fcntl.fcntl, 0, GET_SEALS))
    print(fcntl.fcntl(fd, ADD_SEALS, SHRINK), outcome(os.ftruncate, fd, 4096), outcome(os.ftruncate, fd, 16384))
    print(fcntl.fcntl(fd, ADD_SEALS, GROW), outcome(os.ftruncate, fd, 20000), outcome(os.pwrite, fd, b"x", 16384))
    print(os.pwrite(fd, b"abc", 0))
    memory = mmap.mmap(fd, 4096)
    print(outcome(fcntl.fcntl, fd, ADD_SEALS, WRITE))
    memory.close()
    print(fcntl.fcntl(fd, ADD_SEALS, WRITE), outcome(os.pwrite, fd, b"x", 0), fallocate(fd, PUNCH | KEEP, 0, 1))
    print(os.pread(fd, 3, 0), mmap.mmap(fd, 4096, mmap.MAP_SHARED, mmap.PROT_READ)[:3])
    print(fcntl.fcntl(fd, ADD_SEALS, SEAL), outcome(fcntl.fcntl, fd, ADD_SEALS, FUTURE), fcntl.fcntl(fd, GET_SEALS))
    print(outcome(os.memfd_create, "x", 1 << 20), oct(os.fstat(fd).st_mode))


def holes():
    name = os.path.join(base, "holes")
    fd = os.open(name, os.O_RDWR | os.O_CREAT)
    os.write(fd, b"x" * 20000)
    print(fallocate(fd, PUNCH | KEEP, 5000, 10000), os.fstat(fd).st_size)
    data = os.pread(fd, 30000, 0)
    print(data.count(b"x"), data[4999:5001], data[14999:15001])
    print(fallocate(fd, PUNCH | KEEP, 15000, 10**12), os.fstat(fd).st_size, os.pread(fd, 30000, 0).count(b"x"))
    print(fallocate(fd, 0, 30000, 100), os.fstat(fd).st_size, fallocate(fd, KEEP, 0, 10**6), os.fstat(fd).st_size)
    print(fallocate(fd, PUNCH, 0, 1), fallocate(fd, 0, -1, 1), fallocate(fd, 0, 0, 0), fallocate(99, 0, 0, 1))
    reader, writer = os.pipe()
    print(fallocate(writer, 0, 0, 1), outcome(os.fchmod, reader, 0o600))
    os.close(fd)
    os.unlink(name)


def attributes():
    name = os.path.join(base, "file")
    link = os.path.join(base, "link")
    open(name, "w").close()
    os.symlink("file", link)
    for path in (name, base):
        print(outcome(os.getxattr, path, "user.a"), os.listxattr(path))
        print(outcome(os.setxattr, path, "user.a", b"one"), os.getxattr(path, "user.a"))
        print(outcome(os.setxattr, path, "user.a", b"two", os.XATTR_CREATE))
        print(outcome(os.setxattr, path, "user.b", b"", os.XATTR_REPLACE), outcome(os.setxattr, path, "user.b", b""))
        print(sorted(os.listxattr(path)), os.getxattr(path, "user.b"), outcome(os.removexattr, path, "user.c"))
        print(outcome(os.removexattr, path, "user.a"), os.listxattr(path), outcome(os.getxattr, path, "user.a"))
    print(outcome(os.setxattr, link, "user.a", b"x", follow_symlinks=False), os.setxattr(link, "user.a", b"x"))
    print(os.getxattr(name, "user.a"), outcome(os.setxattr, name, "user.", b"x"), outcome(os.setxattr, name, "user.x", b"", 4))
    print(outcome(os.setxattr, name, "user." + "x" * 300, b""), outcome(os.setxattr, name, "nothing", b""))
    with open(name) as handle:
        print(os.getxattr(handle.fileno(), "user.a"), os.setxattr(handle.fileno(), "user.d", b"y" * 1000))
        print(len(os.getxattr(name, "user.d")))
    os.unlink(link)
    os.unlink(name)


os.mkdir(base)
for part in (nameless, seals, holes, attributes):
    part()
os.rmdir(base)
