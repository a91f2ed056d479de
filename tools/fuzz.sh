#!/bin/sh
# fuzz.sh [TARGET...] - fuzz with clang's libFuzzer, all targets or those named ("gguf"), each for
# FUZZ_SECONDS (60). What is found new is kept in build/corpus/; an input that fails is written to
# build/fuzz-failures/ and belongs, made small, into fuzz/seeds/ with its fix.
set -eu
cd "$(dirname "$0")/.."
seconds=${FUZZ_SECONDS:-60}
clang=
for c in clang clang-19 clang-18 clang-17 clang-16 clang-15 clang-14; do
    command -v "$c" > /dev/null && clang=$c && break
done
if [ -z "$clang" ]; then
    echo "fuzz: clang is missing; on Debian run, as root: apt-get install clang" >&2
    exit 1
fi

if [ $# -eq 0 ]; then
    for src in fuzz/fuzz_*.c; do
        name=${src#fuzz/fuzz_}
        set -- "$@" "${name%.c}"
    done
fi

build=build/fuzzer
sanitizers=fuzzer-no-link,address,undefined
# Warnings are gcc's matter, in the ordinary build.
fuzz_make() {
    make -s -j"$(nproc)" CC="$clang" CXX="clang++${clang#clang}" BUILD=$build SAN=$sanitizers CFLAGS="-O1 -g" WARN= "$@"
}
fuzz_make $build/libinside.a dicom
mkdir -p build/fuzz-failures
libs="$(pkg-config --libs jansson yaml-0.1 nettle libutf8proc sqlite3 sndfile soxr zlib snappy libzstd liblz4 libjpeg libpng libwebp) -lm -pthread"

status=0
for name in "$@"; do
    fuzz_make "$build/fuzz/fuzz_$name.o"
    # shellcheck disable=SC2086 # the libraries are several words
    $clang -fsanitize=fuzzer,address,undefined -o "$build/fuzz_$name" "$build/fuzz/fuzz_$name.o" \
        $build/libinside.a $libs
    mkdir -p "build/corpus/$name"
    seeds=
    [ -d "fuzz/seeds/$name" ] && seeds=fuzz/seeds/$name
    echo "== $name, $seconds s"
    # shellcheck disable=SC2086 # no seeds, no word
    BUILD=$build ASAN_OPTIONS=allocator_may_return_null=1 "$build/fuzz_$name" -max_total_time="$seconds" \
        -timeout=5 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len=65536 -print_final_stats=1 \
        -artifact_prefix="build/fuzz-failures/$name-" "build/corpus/$name" $seeds \
        > "build/fuzz-failures/$name.log" 2>&1 || {
        echo "fuzz: $name failed:"
        tail -n 40 "build/fuzz-failures/$name.log"
        status=1
        continue
    }
    grep -E 'number_of_executed_units|average_exec_per_sec|peak_rss_mb' \
        "build/fuzz-failures/$name.log" || true
done
exit $status
