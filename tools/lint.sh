#!/bin/sh
# lint.sh - what can be checked without running anything: layers and seams, format, static analysis,
# length of files, words that do not belong into finished work. One line a finding; the exit status
# is 1 if there is one.
set -u
cd "$(dirname "$0")/.."
. tools/files.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
jobs=$(nproc)

existing() { # a file deleted but not yet committed is listed all the same
    while IFS= read -r f; do
        [ -f "$f" ] && printf '%s\n' "$f"
    done
}
project_files '*.c' '*.h' | existing > "$work/c"
project_files '*.sh' '.ci/run' | existing > "$work/sh"
project_files | existing | grep -vE '^(tests/fixtures/|tests/golden/data/|fuzz/seeds/|demo/)' > "$work/text"
[ -s "$work/c" ] || { echo "lint: no source files found"; exit 1; }

# Releases of clang-format disagree; the tree is formatted with 14.
format=
for c in clang-format-14 clang-format; do
    if command -v "$c" > /dev/null && "$c" --version | grep -q 'version 14\.'; then
        format=$c
        break
    fi
done
[ -n "$format" ] || echo "lint: clang-format 14 is not here; the format is not checked" >&2

{
sh tools/check_layers.sh

if [ -n "$format" ]; then
    # shellcheck disable=SC2016 # expanded by the inner shell
    xargs -P "$jobs" -n 8 sh -c 'for f; do
        "$0" --dry-run -Werror "$f" > /dev/null 2>&1 || echo "$f: not formatted (make format)"
    done' "$format" < "$work/c"
fi

# Suppressed are the checks that the house's own ways trip: "if (st == KARMA_OK) st = f(&x)" leaves
# x unset only with st < 0 (uninitvar; gcc and the sanitizers watch it), hexadecimal floats are
# misread (incorrectLogicOperator), sums of positive terms are not seen as such (invalidFunctionArg).
# Another release than 2.10 has other opinions: of those only errors count.
mkdir -p build/cppcheck
grep -E '^(src|fuzz|bench)/.*\.c$' "$work/c" > "$work/analysed"
counted=': (error|warning|performance|portability): '
cppcheck --version | grep -q ' 2\.10' || counted=': error: '
cppcheck -j "$jobs" --quiet --std=c11 --language=c --platform=unix64 --inline-suppr \
    --cppcheck-build-dir=build/cppcheck --enable=warning,performance,portability \
    --suppress=missingInclude --suppress=missingIncludeSystem --suppress=unmatchedSuppression \
    --suppress=uninitvar --suppress=incorrectLogicOperator --suppress=invalidFunctionArg \
    --suppress=identicalInnerCondition --template='{file}:{line}: {severity}: {message} [{id}]' \
    '-Djson_object_foreach(o,k,v)=while(next(o,&k,&v))' '-Djson_array_foreach(a,i,v)=while(next(a,&i,&v))' \
    -D__x86_64__ -D__GNUC__=12 -Iinclude -Isrc -I. --file-list="$work/analysed" 2>&1 |
    grep -E "$counted"

while IFS= read -r f; do
    sh -n "$f" 2>&1 | sed 's/: Syntax/: syntax/'
done < "$work/sh"

# Tables that a script of ours makes are as long as they must be, and say so in their first lines.
while IFS= read -r f; do
    n=$(wc -l < "$f")
    [ "$n" -le 1000 ] || head -n 5 "$f" | grep -qiE '(generated|made) by' ||
        echo "$f: $n lines; a file has at most 1,000"
done < "$work/c"

words='todo|fixme|xxx|hack(s|y|ed|ish)?|for now|placeholders?|simplified|stub(s|bed)?'
grep -v '^tools/lint\.sh$' "$work/text" | tr '\n' '\0' |
    xargs -0 grep -InowiE "($words)" | sed 's/^\([^:]*:[0-9]*\):\(.*\)/\1: the word "\2"/'
} > "$work/found"

cat "$work/found"
[ ! -s "$work/found" ]
