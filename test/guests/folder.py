"""What can be done in a folder beyond reading and writing: attributes, files without names, sockets, FIFOs, holes."""

import ctypes
import errno
import fcntl
import os
import mmap
import shutil
import socket
import stat
import struct
import sys

sys.stdout.reconfigure(line_buffering=True)
base = os.path.join(sys.argv[1], f"folder-{os.getpid()}")
libc = ctypes.CDLL(None, use_errno=True)


def outcome(call, *arguments, **named):
    try:
        return call(*arguments, **named)
    except OSError as error:
        return errno.errorcode[error.errno]

def path(name):
    return os.path.join(base, name)

def checked(result):
    return errno.errorcode[ctypes.get_errno()] if result < 0 else result

def attributes():
    open(path("file"), "w").close()
    os.mkdir(path("dir"))
    os.symlink("file", path("link"))
    for target in ("file", "dir", "link"):
        where = path(target)
        print(target, outcome(os.listxattr, where), outcome(os.getxattr, where, "user.none"))
        print(outcome(os.setxattr, where, "user.one", b"value"), outcome(os.getxattr, where, "user.one"))
        print(outcome(os.setxattr, where, "user.one", b"other", os.XATTR_CREATE))
        print(outcome(os.setxattr, where, "user.two", b"", os.XATTR_REPLACE))
        print(outcome(os.setxattr, where, "user.two", b"", os.XATTR_CREATE))
        print(outcome(os.setxattr, where, "user.one", b"other", os.XATTR_REPLACE), outcome(os.getxattr, where, "user.one"))
        print(sorted(outcome(os.listxattr, where)))
        print(outcome(os.removexattr, where, "user.one"), outcome(os.removexattr, where, "user.one"))
        print(outcome(os.listxattr, where))
    print(outcome(os.setxattr, path("link"), "user.x", b"1", follow_symlinks=False))
    print(outcome(os.setxattr, path("file"), "user.", b"1"), outcome(os.setxattr, path("file"), "nonsense.x", b"1"))
    fd = os.open(path("file"), os.O_RDONLY)
    print(outcome(os.setxattr, fd, "user.fd", b"1"), outcome(os.getxattr, fd, "user.fd"), outcome(os.listxattr, fd))
    os.rename(path("file"), path("moved"))
    print(outcome(os.setxattr, fd, "user.renamed", b"1"), sorted(outcome(os.listxattr, path("moved"))))
    os.unlink(path("moved"))
    print(outcome(os.setxattr, fd, "user.gone", b"1"), outcome(os.getxattr, fd, "user.gone"), sorted(outcome(os.listxattr, fd)))
    os.close(fd)

def nameless():
    fd = outcome(os.open, base, os.O_TMPFILE | os.O_RDWR, 0o640)
    if isinstance(fd, str):
        # Not every file system has them.
        print(fd)
        return
    print(os.write(fd, b"hello"), os.pread(fd, 10, 0), os.fstat(fd).st_nlink, oct(os.fstat(fd).st_mode))
    print(os.listdir(base).count("named"))
    print(checked(libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, path("named").encode(), 0x400)))
    print(open(path("named")).read(), os.fstat(fd).st_nlink)
    os.close(fd)
    fd = os.open(base, os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
    print(checked(libc.linkat(-100, f"/proc/self/fd/{fd}".encode(), -100, path("never").encode(), 0x400)))
    os.fchmod(fd, 0o644)
    os.ftruncate(fd, 8192)
    m = mmap.mmap(fd, 8192)
    m[0:3] = b"abc"
    print(os.pread(fd, 3, 0), oct(os.fstat(fd).st_mode))
    os.close(fd)
    print(outcome(os.open, base, os.O_TMPFILE | os.O_RDONLY, 0o600))

def sockets():
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
        server = socket.socket(socket.AF_UNIX, kind)
        os.umask(0o027)
        print(outcome(server.bind, path("sock")))
        if os.path.exists(path("sock")):
            print(oct(os.stat(path("sock")).st_mode), os.listdir(base).count("sock"))
            print(outcome(os.open, path("sock"), os.O_RDWR))
        if kind != socket.SOCK_DGRAM:
            server.listen(3)
        pid = os.fork()
        if pid == 0:
            client = socket.socket(socket.AF_UNIX, kind)
            print("child", outcome(client.connect, path("sock")))
            print("child", outcome(client.send, b"hello"))
            os._exit(0)
        os.waitpid(pid, 0)
        if kind != socket.SOCK_DGRAM:
            server.settimeout(1)
            peer, _ = server.accept()
        else:
            peer = server
        print(peer.recv(10), server.getsockname() == path("sock"))
        other = socket.socket(socket.AF_UNIX, kind)
        print(outcome(other.bind, path("sock")))
        os.rename(path("sock"), path("sock2"))
        print(outcome(other.connect, path("sock2")))
        os.link(path("sock2"), path("sock3"))
        third = socket.socket(socket.AF_UNIX, kind)
        print(outcome(third.connect, path("sock3")))
        server.close()
        third = socket.socket(socket.AF_UNIX, kind)
        print(outcome(third.connect, path("sock3")))
        os.unlink(path("sock3"))
        os.unlink(path("sock2"))

def fifos():
    print(outcome(os.mkfifo, path("fifo"), 0o640))
    if os.path.exists(path("fifo")):
        print(oct(os.stat(path("fifo")).st_mode))
        r = os.open(path("fifo"), os.O_RDONLY | os.O_NONBLOCK)
        w = os.open(path("fifo"), os.O_WRONLY)
        os.write(w, b"x")
        print(os.read(r, 9))
    print(outcome(os.mknod, path("node"), stat.S_IFSOCK | 0o600))
    print(outcome(os.mknod, path("reg"), stat.S_IFREG | 0o600))

def sparse():
    fd = os.open(path("sparse"), os.O_RDWR | os.O_CREAT)
    os.ftruncate(fd, 1 << 20)
    print(outcome(os.lseek, fd, 0, os.SEEK_DATA), outcome(os.lseek, fd, 0, os.SEEK_HOLE))
    os.pwrite(fd, b"x" * 4096, 65536)
    os.pwrite(fd, b"x" * 4096, 262144)
    os.fsync(fd)
    at = 0
    while isinstance(at, int):
        at = outcome(os.lseek, fd, at, os.SEEK_DATA)
        if not isinstance(at, int):
            break
        end = outcome(os.lseek, fd, at, os.SEEK_HOLE)
        print(at, end)
        at = end
    print(at, os.fstat(fd).st_blocks)
    print(outcome(os.lseek, fd, 1 << 20, os.SEEK_DATA), outcome(os.lseek, fd, 1 << 20, os.SEEK_HOLE), outcome(os.lseek, fd, (1 << 20) - 1, os.SEEK_HOLE), outcome(os.lseek, fd, -1, os.SEEK_HOLE))
    def allocate(mode, offset, length):
        return checked(libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)))
    print("fallocate", allocate(0, 0, 8192), os.fstat(fd).st_blocks)
    print("keep", allocate(1, 1 << 20, 8192), os.fstat(fd).st_size)
    print("punch", allocate(3, 65536, 4096), os.fstat(fd).st_blocks, os.pread(fd, 4, 65536))
    print("zero", allocate(0x10, 262144, 4096), os.pread(fd, 4, 262144), os.fstat(fd).st_size)
    print("zero beyond", allocate(0x10, 1 << 20, 4096), os.fstat(fd).st_size)
    print("zero keep", allocate(0x11, 2 << 20, 4096), os.fstat(fd).st_size)
    print("collapse", allocate(8, 0, 4096), os.fstat(fd).st_size)
    print("insert", allocate(0x20, 0, 4096), os.fstat(fd).st_size)
    print("bad", allocate(2, 0, 4096), allocate(0, -1, 4), allocate(0, 0, 0), allocate(0x80, 0, 1))
    os.close(fd)

def transfers():
    a = os.open(path("a"), os.O_RDWR | os.O_CREAT)
    b = os.open(path("b"), os.O_RDWR | os.O_CREAT)
    os.write(a, b"0123456789" * 1000)
    print(os.sendfile(b, a, 0, 20), os.pread(b, 100, 0), os.lseek(b, 0, 1))
    print(os.sendfile(b, a, 5, 3), os.pread(b, 100, 0))
    print(os.copy_file_range(a, b, 100, 0, 0), os.fstat(b).st_size)
    print(outcome(os.copy_file_range, a, a, 100, 0, 50), outcome(os.copy_file_range, a, a, 100, 0, 5000))
    ap = os.open(path("b"), os.O_WRONLY | os.O_APPEND)
    print(outcome(os.copy_file_range, a, ap, 10), outcome(os.sendfile, ap, a, 0, 10))
    print(os.pwrite(ap, b"END", 0), os.fstat(b).st_size, os.pread(b, 3, os.fstat(b).st_size - 3))
    d = outcome(os.open, path("a"), os.O_RDWR | os.O_DIRECT)
    if isinstance(d, int):
        buf = mmap.mmap(-1, 4096)
        print(outcome(os.preadv, d, [buf], 0), buf[:4])
        print(fcntl.fcntl(d, fcntl.F_GETFL) & os.O_DIRECT != 0)
    print(outcome(os.preadv, a, [bytearray(5)], 0, os.RWF_NOWAIT if hasattr(os, "RWF_NOWAIT") else 8))
    print(outcome(os.preadv, a, [bytearray(5)], 0, os.RWF_HIPRI))
    print(outcome(os.preadv, a, [bytearray(5)], 0, 0x1000))
    print(outcome(os.pwritev, a, [b"app"], 0, os.RWF_APPEND), os.fstat(a).st_size)
    print(outcome(os.pwritev, a, [b"app"], 0, os.RWF_SYNC), outcome(os.pwritev, a, [b"app"], 0, os.RWF_DSYNC))
    print(os.fstat(a).st_size, os.pread(a, 5, 0))
    e = os.pipe()
    print(outcome(os.preadv, e[0], [bytearray(5)], 0, 8), outcome(os.preadv, e[0], [bytearray(5)], 0))
    pos = os.lseek(a, 2, 0)
    print(outcome(os.pwritev, a, [b"app"], -1, os.RWF_APPEND), os.lseek(a, 0, 1), os.fstat(a).st_size)
    print(outcome(os.preadv, a, [bytearray(5)], -1, 0), os.lseek(a, 0, 1))
    class V(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("len", ctypes.c_size_t)]
    buf = ctypes.create_string_buffer(5)
    iov = V(ctypes.addressof(buf), 5)
    def p2(fd, off, flags):
        return checked(libc.preadv2(fd, ctypes.byref(iov), 1, ctypes.c_long(off), flags))
    os.write(e[1], b"pi")
    print(p2(e[0], -1, 8), p2(e[0], -1, 8), p2(e[0], -1, 0x40), p2(e[0], 0, 0), p2(a, -1, 8), p2(a, -2, 0))
    print(checked(libc.pwritev2(e[1], ctypes.byref(iov), 1, ctypes.c_long(-1), 16)),checked(libc.pwritev2(e[1], ctypes.byref(iov), 1, ctypes.c_long(-1), 8)))
    while isinstance(result := checked(libc.pwritev2(e[1], ctypes.byref(iov), 1, ctypes.c_long(-1), 8)), int):
        pass
    print(result)


def statistics():
    e = os.pipe()
    s = socket.socketpair()
    for fd in (e[0], s[0].fileno(), os.open("/dev/null", os.O_RDONLY), os.open("/proc/self/stat", os.O_RDONLY), os.memfd_create("x"), os.eventfd(0) if hasattr(os, "eventfd") else 0):
        v = outcome(os.fstatvfs, fd)
        print(v if isinstance(v, str) else (v.f_bsize, v.f_namemax, v.f_flag & 1))
        buf = ctypes.create_string_buffer(120)
        print(hex(struct.unpack("q", buf.raw[:8])[0]) if checked(libc.fstatfs(fd, buf)) == 0 else "?")
        st = os.fstat(fd)
        print(oct(st.st_mode), st.st_nlink, st.st_size, st.st_blksize)
    for fd in (e[0], s[0].fileno()):
        print(outcome(os.fchmod, fd, 0o600), oct(os.fstat(fd).st_mode), outcome(os.fchown, fd, os.getuid(), os.getgid()), outcome(os.utime, fd, (1, 2)), os.fstat(fd).st_mtime)
        print(outcome(os.setxattr, fd, "user.x", b"1"), outcome(os.getxattr, fd, "user.x"), outcome(os.ftruncate, fd, 1), outcome(os.fsync, fd), outcome(os.lseek, fd, 0, 0), outcome(os.fchdir, fd))

os.mkdir(base)
for part in (attributes, nameless, sockets, fifos, sparse, transfers, statistics):
    print("--", part.__name__)
    part()
shutil.rmtree(base)
