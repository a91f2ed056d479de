#!/bin/sh
# deps.sh - see to it that what karma is built, tested and checked with is there. Says nothing when
# all of it is. Installs Debian packages as root or through sudo; else prints the command to run.
set -eu

missing=
need() { # need PACKAGE, unless the command after it succeeds
    package=$1
    shift
    "$@" > /dev/null 2>&1 || missing="$missing $package"
}
has_header() {
    echo '#include <stdio.h>' | cc -E - || echo '#include <stdio.h>' | gcc -E -
}
has_numpy() { # for the tests of python/
    python3 -c 'import numpy' || /usr/bin/python3 -c 'import numpy'
}
look() {
    missing=
    need gcc command -v gcc
    need libc6-dev has_header
    need make command -v make
    need pkg-config command -v pkg-config
    need libjansson-dev pkg-config --exists jansson
    need libyaml-dev pkg-config --exists yaml-0.1
    need nettle-dev pkg-config --exists nettle
    need libutf8proc-dev pkg-config --exists libutf8proc
    need libsqlite3-dev pkg-config --exists sqlite3
    need libsndfile1-dev pkg-config --exists sndfile
    need libsoxr-dev pkg-config --exists soxr
    need zlib1g-dev pkg-config --exists zlib
    need libsnappy-dev pkg-config --exists snappy
    need libzstd-dev pkg-config --exists libzstd
    need liblz4-dev pkg-config --exists liblz4
    need libjpeg62-turbo-dev pkg-config --exists libjpeg
    need libpng-dev pkg-config --exists libpng
    need libwebp-dev pkg-config --exists libwebp
    if [ "${DICOM:-0}" = 1 ]; then # make deps DICOM=1: to read DICOM files
        need libdcmtk-dev pkg-config --exists dcmtk
        need g++ command -v g++
    fi
    need libcmocka-dev pkg-config --exists cmocka
    need clang-format command -v clang-format
    need cppcheck command -v cppcheck
    need python3-numpy has_numpy
}

look
[ -n "$missing" ] || exit 0

command="apt-get install -y --no-install-recommends$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo > /dev/null; then
        as_root=none
    elif [ -t 0 ]; then
        as_root=sudo
    else
        as_root="sudo -n" # nobody is there to type a password
        $as_root true 2> /dev/null || as_root=none
    fi
fi
if [ "$as_root" = none ] || ! command -v apt-get > /dev/null; then
    echo "deps: missing:$missing" >&2
    echo "deps: on Debian run, as root: apt-get update && $command" >&2
    exit 1
fi

echo "deps: installing$missing"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
install_them() {
    $as_root env DEBIAN_FRONTEND=noninteractive $command > "$log" 2>&1 < /dev/null
}
# A fresh machine has no package lists, an old one stale ones: update only then.
if ! install_them; then
    $as_root apt-get update > "$log" 2>&1 < /dev/null || { cat "$log" >&2; exit 1; }
    install_them || { cat "$log" >&2; exit 1; }
fi
look
if [ -n "$missing" ]; then
    echo "deps: installed, but still missing:$missing" >&2
    exit 1
fi
