"""What CPython does with the system beneath it: every line printed is the same wherever it runs."""
import asyncio
import concurrent.futures
import ctypes
import fcntl
import mmap
import multiprocessing
import multiprocessing.shared_memory
import os
import pty
import queue
import random
import resource
import select
import selectors
import signal
import socket
import socketserver
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
import time


def threads():
    lock, total, local = threading.Lock(), [0], threading.local()
    barrier, done = threading.Barrier(8), queue.Queue()

    def work(n):
        local.n = n
        barrier.wait()
        for _ in range(500):
            with lock:
                total[0] += local.n
        done.put(n)

    workers = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print('sum', total[0], sorted(done.get() for _ in range(8)))
    condition, items = threading.Condition(), []

    def produce():
        for n in range(200):
            with condition:
                items.append(n)
                condition.notify()

    producer = threading.Thread(target=produce)
    producer.start()
    got = []
    while len(got) < 200:
        with condition:
            condition.wait_for(lambda: items, timeout=300)
            got += items
            items.clear()
    producer.join()
    print('condition', got == list(range(200)), threading.Event().wait(0.01))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print('pool', sum(pool.map(lambda n: n * n, range(100))))


def processes():
    result = subprocess.run(['tr', 'a-z', 'A-Z'], input=b'through tr', capture_output=True, check=True)
    print(result.stdout, subprocess.run(['sh', '-c', 'exit 7']).returncode)
    one = subprocess.Popen(['seq', '1', '50000'], stdout=subprocess.PIPE)
    two = subprocess.Popen(['sort', '-rn'], stdin=one.stdout, stdout=subprocess.PIPE)
    one.stdout.close()
    print('pipeline', len(two.communicate()[0]), one.wait())
    sleeper = subprocess.Popen(['sleep', '60'], start_new_session=True, preexec_fn=lambda: os.nice(1))
    os.killpg(sleeper.pid, signal.SIGTERM)
    print('killed', sleeper.wait(), os.getsid(0) != sleeper.pid)
    try:
        subprocess.run(['sleep', '60'], timeout=0.2)
    except subprocess.TimeoutExpired as error:
        print('timeout', error.cmd)
    try:
        subprocess.run(['/missing'])
    except FileNotFoundError as error:
        print(error)
    environment = subprocess.check_output(['env'], env={'A': '1'}, cwd='/', text=True)
    print(environment.strip(), subprocess.getoutput('echo output; echo error >&2'))
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b'from the child')
        os._exit(3)
    print(os.read(reader, 100), os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    child = os.posix_spawn('/bin/sh', ['sh', '-c', 'kill -9 $$'], os.environ)
    info = os.waitid(os.P_PID, child, os.WEXITED)
    print('waitid', info.si_pid == child, info.si_status, info.si_code == os.CLD_KILLED)
    descriptor = os.pidfd_open(os.getpid())
    print('pidfd', select.select([descriptor], [], [], 0)[0], resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss > 0)


def square(n):
    return n * n


def fill(shared, number, lock, results, connection):
    for _ in range(100):
        with lock:
            number.value += 1
    shared[0] = 42.5
    results.put(os.getppid() > 0)
    connection.send({'large': b'x' * 200_000})
    connection.close()


def multiprocesses():
    for method in ['fork', 'spawn']:
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            print(method, pool.map(square, range(10)))
        ours, theirs = context.Pipe()
        shared, number = context.Array('d', 4), context.Value('i', 0)
        lock, results = context.Lock(), context.Queue()
        worker = context.Process(target=fill, args=(shared, number, lock, results, theirs))
        worker.start()
        print(results.get(timeout=300), len(ours.recv()['large']))
        worker.join()
        print(worker.exitcode, number.value, shared[:])
    memory = multiprocessing.shared_memory.SharedMemory(create=True, size=10_000)
    memory.buf[:5] = b'hello'
    again = multiprocessing.shared_memory.SharedMemory(memory.name)
    print(bytes(again.buf[:5]))
    again.close()
    memory.close()
    memory.unlink()
    with concurrent.futures.ProcessPoolExecutor(2) as pool:
        print(sum(pool.map(square, range(50), chunksize=10)))


def loops():
    async def echo(reader, writer):
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
        writer.close()

    async def client(port, n):
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        for m in range(20):
            writer.write(f'client {n} line {m}\n'.encode())
            await writer.drain()
            assert await reader.readline() == f'CLIENT {n} LINE {m}\n'.encode()
        writer.close()
        return n

    async def main():
        server = await asyncio.start_server(echo, '127.0.0.1', 0)
        port = server.sockets[0].getsockname()[1]
        print('clients', sum(await asyncio.gather(*(client(port, n) for n in range(10)))))
        server.close()
        process = await asyncio.create_subprocess_exec('cat', stdin=-1, stdout=-1)
        print(await process.communicate(b'through cat'), process.returncode)
        try:
            await asyncio.wait_for(asyncio.sleep(60), 0.05)
        except asyncio.TimeoutError:
            print('timed out')
        loop = asyncio.get_running_loop()
        caught = loop.create_future()
        loop.add_signal_handler(signal.SIGUSR1, lambda: caught.set_result('signal'))
        os.kill(os.getpid(), signal.SIGUSR1)
        print(await caught, await loop.run_in_executor(None, square, 12))
        print(await loop.getaddrinfo('127.0.0.1', 80, type=socket.SOCK_STREAM))

    asyncio.run(main())


def sockets():
    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            size, = struct.unpack('>I', self.rfile.read(4))
            self.wfile.write(self.rfile.read(size)[::-1])

    for family, place in [(socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1')]:
        class Server(socketserver.ThreadingTCPServer):
            address_family = family

        with Server((place, 0), Handler) as server:
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            data = random.Random(1).randbytes(1_000_000)
            with socket.create_connection(server.server_address[:2], timeout=300) as connection:
                connection.sendall(struct.pack('>I', len(data)) + data)
                got = b''
                while chunk := connection.recv(65536):
                    got += chunk
            print(family.name, got == data[::-1], connection.fileno())
            server.shutdown()
    one, two = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(('127.0.0.1', 0))
    two.sendto(b'datagram', one.getsockname())
    print(one.recvfrom(100)[0])
    one.settimeout(0.05)
    try:
        one.recv(1)
    except TimeoutError as error:
        print(error)
    refused = socket.socket()
    print('refused', refused.connect_ex(('127.0.0.1', 1)), one.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE))
    left, right = socket.socketpair()
    with tempfile.TemporaryFile() as file:
        file.write(b'passed on')
        file.flush()
        socket.send_fds(left, [b'take'], [file.fileno()])
        message, descriptors, _, _ = socket.recv_fds(right, 10, 1)
        print(message, os.pread(descriptors[0], 100, 0))
    with selectors.DefaultSelector() as selector:
        selector.register(right, selectors.EVENT_READ | selectors.EVENT_WRITE)
        left.shutdown(socket.SHUT_WR)
        print(type(selector).__name__, [events for _, events in selector.select(1)], right.recv(1))
    print(socket.gethostbyname('localhost'), socket.getservbyname('http'), socket.inet_ntop(socket.AF_INET6, b'\1' * 16))


def memory():
    with open('mapped', 'w+b') as file:
        file.truncate(1 << 20)
        with mmap.mmap(file.fileno(), 0) as shared:
            shared[4090:4100] = b'0123456789'
            shared.flush()
            print(os.pread(file.fileno(), 10, 4090), shared.find(b'789'))
            shared.resize(1 << 21)
            print(len(shared), os.fstat(file.fileno()).st_size)
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as private:
            private[0] = 255
            print(os.pread(file.fileno(), 1, 0))
    anonymous = mmap.mmap(-1, 8192)
    if os.fork() == 0:
        anonymous[:5] = b'child'
        os._exit(0)
    os.wait()
    print(anonymous[:5])
    anonymous.madvise(mmap.MADV_DONTNEED)
    data = bytearray(50_000_000)
    data[::4096] = b'x' * len(data[::4096])
    print(sum(data) // ord('x'), ctypes.CDLL(None).abs(-5))
    try:
        mmap.mmap(-1, 1 << 60)
    except (OSError, ValueError, OverflowError) as error:
        print(error)


def signals():
    seen = []
    signal.signal(signal.SIGALRM, lambda number, frame: seen.append(signal.Signals(number).name))
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    while len(seen) < 3:
        signal.pause()
    signal.setitimer(signal.ITIMER_REAL, 0)
    print(seen[:3])
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, signal.SIGRTMIN])
    for number in [signal.SIGUSR2, signal.SIGUSR2, signal.SIGRTMIN, signal.SIGRTMIN]:
        os.kill(os.getpid(), number)
    print(sorted(signal.sigpending()) == [signal.SIGUSR2, signal.SIGRTMIN])
    print([signal.sigwait([signal.SIGUSR2, signal.SIGRTMIN]).name for _ in range(3)])
    print(signal.sigtimedwait([signal.SIGUSR2], 0.01))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    signal.raise_signal(signal.SIGALRM)
    print(os.read(reader, 10))
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(InterruptedError('handler')))
    try:
        signal.alarm(1)
        time.sleep(30)
    except InterruptedError as error:
        print('interrupted', error)
    print(signal.strsignal(signal.SIGSEGV), subprocess.run([sys.executable, '-c', 'import os; os.abort()']).returncode)


def database():
    with sqlite3.connect('python.db') as connection:
        connection.execute('pragma journal_mode = wal').fetchall()
        connection.execute('create table numbers (n integer primary key, text)')
        connection.executemany('insert into numbers values (?, ?)', ((n, str(n)) for n in range(5000)))
        connection.commit()
        other = sqlite3.connect('python.db', timeout=0.1)
        connection.execute('begin immediate')
        try:
            other.execute('begin immediate')
        except sqlite3.OperationalError as error:
            print(error)
        connection.rollback()
        print(other.execute('select count(*), sum(n), max(text) from numbers').fetchone())
    print(other.execute('pragma integrity_check').fetchone(), sqlite3.connect(':memory:').execute('select 6 * 7').fetchone())


def files():
    with tempfile.TemporaryDirectory(dir='.') as folder:
        path = os.path.join(folder, 'file')
        with open(path, 'w') as file:
            file.write('text' * 1000)
            fcntl.lockf(file, fcntl.LOCK_EX)
        os.symlink('file', path + '.link')
        os.link(path, path + '.hard')
        os.rename(path + '.hard', path + '.moved')
        os.utime(path, (1, 2))
        os.chmod(path, 0o640)
        status = os.stat(path)
        print(status.st_size, status.st_nlink, oct(status.st_mode), status.st_mtime, os.readlink(path + '.link'))
        print(sorted(entry.name for entry in os.scandir(folder)), os.access(path, os.X_OK))
        with open(path) as source, open(path + '.copy', 'w') as target:
            print(os.sendfile(target.fileno(), source.fileno(), 0, 4000), os.copy_file_range(source.fileno(), target.fileno(), 100))
    print(os.uname().sysname, os.path.realpath('/proc/self/exe'), len(os.sched_getaffinity(0)) > 0, os.cpu_count() > 0)
    print(time.clock_gettime(time.CLOCK_MONOTONIC) > 0, len(os.urandom(8)), time.strftime('%Y', time.gmtime(0)))


if __name__ == '__main__':
    for part in [threads, processes, multiprocesses, loops, sockets, memory, signals, database, files]:
        print('==', part.__name__, flush=True)
        part()
        sys.stdout.flush()
