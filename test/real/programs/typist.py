"""Types at a program on a pseudo-terminal as a person does: reads on until what is awaited is there, then types."""
import os
import pty
import re
import select
import sys
import termios

PATIENCE = 50


class Session:
    def __init__(self, command, **environment):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            termios.tcsetwinsize(0, (24, 200))
            os.environ.update(environment)
            os.execv(command[0], command)
        self.seen = b''

    def until(self, pattern):
        """Reads until the output since the last call ends with `pattern`, or all ends, and gives it."""
        while not re.search(pattern + rb'\Z', self.seen):
            if not select.select([self.terminal], [], [], PATIENCE)[0]:
                sys.exit(f'nothing more than {self.seen!r}, and no {pattern!r}')
            try:
                chunk = os.read(self.terminal, 4096)
            except OSError:
                chunk = b''
            if chunk == b'':
                break
            self.seen += chunk
        shown, self.seen = self.seen.decode().replace('\r\n', '\n'), b''
        return shown

    def type(self, keys):
        os.write(self.terminal, keys)

    def status(self):
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
