#!/bin/sh
# The Python package, with the library that was just built: tests/python, a line for each test.
# Needs Debian's python3 with python3-numpy; run.sh gives BUILD.
set -u
BUILD=${BUILD:-build}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac

PYTHON=
for python in python3 /usr/bin/python3; do
    if "$python" -c 'import sys, numpy; sys.exit(sys.version_info < (3, 9))' > /dev/null 2>&1; then
        PYTHON=$python
        break
    fi
done
if [ -z "$PYTHON" ]; then
    echo "skip - the Python package: no python3 (3.9 or newer) with numpy here"
    exit 0
fi
if [ ! -f "$BUILD/libkarma.so" ]; then
    echo "not ok - $BUILD/libkarma.so is there"
    exit 1
fi
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=python KARMA_LIBRARY="$BUILD/libkarma.so" \
    exec "$PYTHON" tests/python/run.py "$@"
