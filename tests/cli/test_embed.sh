#!/bin/sh
# The library as a stranger meets it: installed into a folder, found by pkg-config, used by a C
# program of twenty lines; and every public header alone, as C and as C++.
set -u
build=$(dirname "$KARMA")
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

for tool in make pkg-config "${CC:-gcc}"; do
    command -v "$tool" > /dev/null || { echo "skip - no $tool"; exit 0; }
done
result() { # STATUS SENTENCE
    [ "$1" -eq 0 ] && { echo "ok - $2"; return; }
    cat "$dir/log"
    echo "not ok - $2"
}

# Staged as a packager does it, then moved to where it says it is.
env -u MAKEFLAGS -u MAKELEVEL make -s install BUILD="$build" DESTDIR="$dir/stage" \
    PREFIX="$dir/prefix" > "$dir/log" 2>&1
result $? "installs below DESTDIR"
[ ! -e "$dir/prefix" ] && [ -x "$dir/stage$dir/prefix/bin/karma" ]
result $? "writes nothing outside DESTDIR"
mv "$dir/stage$dir/prefix" "$dir/prefix" || exit 1

cat > "$dir/answer.c" << 'END'
#include <karma/karma.h>
#include <stdio.h>

int main(int argc, char **argv) {
    karma_model *model;
    char *answer;
    if (argc != 3) return 2;
    karma_status st = karma_get_model(argv[1], "{\"max_tokens\": 8, \"threads\": 1}", &model);
    if (st == KARMA_OK) st = karma_model_run_text(model, argv[2], &answer);
    if (st == KARMA_OK) {
        printf("%s\n", answer);
        karma_free(answer);
        karma_model_destroy(model);
        return 0;
    }
    fprintf(stderr, "%s: %s\n", karma_status_name(st), karma_error_message());
    return karma_status_exit(st);
}
END
export PKG_CONFIG_PATH="$dir/prefix/lib/pkgconfig"
# shellcheck disable=SC2046 # the flags are words
${CC:-gcc} -std=c17 -Wall -Werror -o "$dir/answer" "$dir/answer.c" \
    $(pkg-config --cflags --libs karma 2> "$dir/log") > "$dir/log" 2>&1
result $? "a program of twenty lines builds with pkg-config"

mkdir "$dir/tiny"
cp tests/fixtures/models/qwen3_tied/config.json tests/fixtures/models/qwen3_tied/model.safetensors \
    tests/fixtures/api/tiny/*.json "$dir/tiny/"
"$dir/answer" "$dir/tiny" "Is iron low?" > "$dir/first" 2> "$dir/log"
result $? "it answers from a checkpoint"
"$dir/answer" "$dir/tiny" "Is iron low?" > "$dir/second" 2> "$dir/log"
cmp "$dir/first" "$dir/second" > "$dir/log" 2>&1
result $? "it answers the same the second time"
"$dir/answer" "$dir/nowhere" x > /dev/null 2> "$dir/log"
[ $? -eq 2 ] && grep -q '^E_NOTFOUND: ' "$dir/log" && [ "$(wc -l < "$dir/log")" -eq 1 ]
result $? "a wrong name is one line and exit status 2"

[ "$(pkg-config --modversion karma)" = "$("$dir/prefix/bin/karma" --version | sed 's/.* //')" ] 2> "$dir/log"
result $? "pkg-config and the program name the same version"

for header in "$dir"/prefix/include/karma/*.h; do
    name=$(basename "$header")
    echo "#include <karma/$name>" > "$dir/alone.c"
    ${CC:-gcc} -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$dir/prefix/include" \
        "$dir/alone.c" > "$dir/log" 2>&1
    result $? "karma/$name stands alone in C"
done
if command -v g++ > /dev/null; then
    cat > "$dir/plus.cc" << 'END'
#include <karma/karma.h>
int main() {
    const karma_model_meta *meta = nullptr;
    karma_generate_options options = {};
    (void)options;
    return karma_get_model_meta("no/such", &meta) == KARMA_E_NOTFOUND && !meta ? 0 : 1;
}
END
    # shellcheck disable=SC2046
    g++ -std=c++11 -Wall -Wextra -Werror -o "$dir/plus" "$dir/plus.cc" \
        $(pkg-config --cflags --libs karma) > "$dir/log" 2>&1 && "$dir/plus" > "$dir/log" 2>&1
    result $? "the headers and the library work from C++"
else
    echo "skip - no g++"
fi

# Only names of the public interface leave the library.
nm -g --defined-only "$dir/prefix/lib/libkarma.a" 2> /dev/null |
    awk 'NF == 3 && $3 !~ /^karma_/ { print $3 }' > "$dir/log"
[ ! -s "$dir/log" ]
result $? "the library defines no global name but karma_*"
