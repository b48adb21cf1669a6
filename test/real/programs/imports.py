"""Imports every module of the standard library, and says of each how that went."""
import pkgutil
import sys
import warnings

warnings.simplefilter('ignore')
# Say something, open a browser, or run a program when imported; the tests are not part of the library.
LEFT_OUT = {'this', 'antigravity', '__main__', 'test', 'idlelib'}


def try_import(name):
    try:
        __import__(name)
    except BaseException as error:
        print(name, type(error).__name__, error)
    else:
        print(name)


def names():
    for name in sorted(sys.stdlib_module_names - LEFT_OUT):
        yield name
        path = getattr(sys.modules.get(name), '__path__', None)
        if path is not None:
            for module in pkgutil.walk_packages(path, f'{name}.'):
                if not LEFT_OUT & set(module.name.split('.')) and '.tests' not in module.name:
                    yield module.name


for name in names():
    try_import(name)
print('loaded', sum('.' not in name for name in sys.modules) > 200)
