"""Runs test cases of CPython's own, and adds to a report when each begins and how it ended: lines of JSON.

Of the module, or of its cases that are named, those are run that have no outcome in the report yet.
"""
import argparse
import json
import sys
import time
import unittest

options = argparse.ArgumentParser()
options.add_argument('--leave-out', required=True)
options.add_argument('report')
options.add_argument('module')
options.add_argument('cases', nargs='*')
chosen = options.parse_args()
# The tests look at their arguments, and are to import nothing from here.
sys.argv[1:] = []
del sys.path[0]

from test import support
from test.support import os_helper

with open(chosen.report) as lines:
    done = {line['name'] for line in map(json.loads, lines) if 'outcome' in line}
report = open(chosen.report, 'a', buffering=1)


class Outcomes(unittest.TextTestResult):
    """Of a case with subtests the first counts that did not pass."""

    outcome = None
    began = 0

    def tell(self, test, *outcome):
        reason = outcome[1][:300] if len(outcome) > 1 else ''
        took = round(time.monotonic() - self.began, 3)
        print(json.dumps({'name': test.id(), 'outcome': outcome[0], 'reason': reason, 'seconds': took}), file=report)

    def startTest(self, test):
        super().startTest(test)
        self.outcome, self.began = ('passed',), time.monotonic()
        print(json.dumps({'name': test.id()}), file=report)

    def stopTest(self, test):
        super().stopTest(test)
        self.tell(test, *self.outcome)
        self.outcome = None

    def note(self, test, *outcome):
        if self.outcome is None:
            # A class or a module that could not be set up: there is no case yet.
            self.tell(test, *outcome)
        elif self.outcome[0] == 'passed' or outcome[0] == 'failed':
            self.outcome = outcome

    def addError(self, test, error):
        super().addError(test, error)
        self.note(test, 'failed', f'{error[0].__name__}: {error[1]}')

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.note(test, 'failed', f'{error[0].__name__}: {error[1]}')

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.note(test, 'failed', f'{error[0].__name__}: {error[1]}')

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, 'skipped', reason)

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, 'passed unexpectedly')


def cases(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from cases(test)
        else:
            yield test


def wanted(name):
    return (name in chosen.cases or not chosen.cases) and name not in done and chosen.leave_out not in name


# No resources: what `python -m test` does by itself, without the network, gigabytes of files and minutes of time.
support.use_resources = []
support.verbose = 0
with os_helper.temp_cwd(None):
    found = unittest.defaultTestLoader.loadTestsFromName(f'test.{chosen.module}')
    suite = unittest.TestSuite(test for test in cases(found) if wanted(test.id()))
    unittest.TextTestRunner(stream=sys.stderr, verbosity=2, resultclass=Outcomes).run(suite)
print(json.dumps({'end': True}), file=report)
