"""Job control in shells on a pseudo-terminal: what a person types, and what the terminal shows of it."""
import re
import sys

sys.dont_write_bytecode = True
from typist import Session

INTERRUPT, END, SUSPEND = b'\x03', b'\x04', b'\x1a'
# Busybox asks the terminal where the cursor is.
PROMPT = rb'prompt> (\x1b\[6n)?'
READY = rb'ready\r\n'
# Tells when it is there to be stopped, and shows by its copies that the terminal is its own.
CAT = b"sh -c 'echo ready; exec cat'"
# A shell with its own `cat` loses what is typed at a pipeline, natively, too.
SHELLS = [
    (['/bin/bash', '--norc', '-i'], CAT + b' | cat'),
    (['/bin/dash', '-i'], CAT + b' | cat'),
    (['/bin/busybox', 'sh', '-i'], CAT),
]


class Shell(Session):
    def __init__(self, command, job):
        super().__init__(command, TERM='dumb', PS1='prompt> ')
        self.job = job

    def show(self, pattern=PROMPT):
        shown = re.sub(r'\[(\d)\] \d+', r'[\1] <pid>', self.until(pattern))
        # A line of dash and busybox that comes or not: it depends on when they learn of the end.
        print(shown.replace('\nTerminated\n', '\n'), end='', flush=True)

    def run(self, line, pattern=PROMPT):
        self.type(line + b'\r')
        self.show(pattern)

    def key(self, key):
        self.type(key)
        self.show()

    def copies(self, text):
        self.run(text, text + rb'\r\n' + text + rb'\r\n')


def stopped_and_continued(shell):
    shell.run(shell.job, READY)
    shell.copies(b'before')
    shell.key(SUSPEND)
    shell.run(b'jobs')
    shell.run(b'fg', rb'cat.?\r\n')
    shell.copies(b'after')
    shell.key(INTERRUPT)
    shell.run(b'echo $?')


def continued_in_the_background(shell):
    shell.run(b"sh -c 'echo ready; exec sleep 60'", READY)
    shell.key(SUSPEND)
    shell.run(b'bg')
    shell.run(b'jobs')
    shell.run(b'kill %1; wait %1; echo $?')
    shell.run(b'jobs')


def stopped_by_reading(shell):
    shell.run(b'cat & until grep -q "State:.T" /proc/$!/status; do sleep 0.01; done')
    shell.run(b'jobs')
    shell.run(b'fg', rb'cat\r\n')
    shell.copies(b'typed')
    shell.key(END)
    shell.run(b'echo $?')


def interrupted(shell):
    shell.run(b"while sh -c 'echo ready; exec sleep 60'; do :; done", READY)
    shell.key(INTERRUPT)
    shell.run(b'echo $?')


def left_with_a_stopped_job(shell):
    shell.run(shell.job, READY)
    shell.key(SUSPEND)
    shell.run(b'exit')
    shell.run(b'exit', rb'never')
    print('status', shell.status())


for command, job in SHELLS:
    print('==', *command, flush=True)
    shell = Shell(command, job)
    shell.show()
    stopped_and_continued(shell)
    continued_in_the_background(shell)
    stopped_by_reading(shell)
    interrupted(shell)
    left_with_a_stopped_job(shell)
