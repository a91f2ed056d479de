#!/bin/sh
# Plugins end to end: the example of doc/plugin.md as a stranger builds it, outside the tree against an
# installed karma; every command with --plugin before and after its name; hosts that link libkarma.a,
# libkarma.so or load it by hand; and plugins that misbehave, in the program and isolated.
. tests/cli/common.sh
build=$(dirname "$KARMA")
bad="$build/tests/plugins"
for tool in make pkg-config "${CC:-gcc}"; do
    command -v "$tool" > /dev/null || { echo "skip - no $tool"; exit 0; }
done
cc=${CC:-gcc}
tiny tiny

# --- the example, outside the tree --------------------------------------------------------------
env -u MAKEFLAGS -u MAKELEVEL make -s install BUILD="$build" DESTDIR="$dir/stage" \
    PREFIX="$dir/prefix" > "$dir/out" 2>&1
result $? "karma is installed into a folder"
mv "$dir/stage$dir/prefix" "$dir/prefix" || exit 1
export PKG_CONFIG_PATH="$dir/prefix/lib/pkgconfig"
cp -r plugins/example "$dir/example"
run env -u MAKEFLAGS -u MAKELEVEL make -s -C "$dir/example"
[ "$rc" -eq 0 ] && [ ! -s "$dir/err" ] && [ -f "$dir/example/example.so" ]
result $? "the example builds outside the tree with pkg-config alone"
[ -z "$(pkg-config --cflags karma | tr ' ' '\n' | grep -v '^-I' | tr -d '\n ')" ]
result $? "a plugin needs nothing but the folder of the headers"
! ldd "$dir/example/example.so" | grep -q libkarma
result $? "it links nothing of karma"
so="$dir/example/example.so"
installed="$dir/prefix/bin/karma"

# The page's listings are the file's; its commands are run by test_docs.sh.
awk '/^```c$/ { on = 1; n++; next } /^```$/ { on = 0 } on { print > ("'"$dir"'/block" n) }' doc/plugin.md
found=0
for block in "$dir"/block*; do
    [ -f "$block" ] || continue
    found=$((found + 1))
    awk -v block="$block" 'BEGIN { while ((getline l < block) > 0) b = b l "\n" }
        { all = all $0 "\n" } END { exit index(all, b) == 0 }' plugins/example/example.c
    result $? "listing $found of doc/plugin.md is part of the example"
done
[ "$found" -ge 5 ]
result $? "doc/plugin.md lists the example"
# --- every command, before and after its name ---------------------------------------------------
run "$installed" --plugin "$so" list plugins
[ "$rc" -eq 0 ] && grep -q '^example  *1.0  ' "$dir/out"
result $? "list plugins"
run "$installed" list plugins --plugin="$so" --format json
[ "$rc" -eq 0 ] && grep -q '"mentions"' "$dir/out"
result $? "list plugins as JSON"
run "$installed" list plugins --format simple
[ "$rc" -eq 0 ] && [ ! -s "$dir/out" ]
result $? "and none without one"
for list in "models custom_medical_model" "datasets three_questions" "metrics mentions" \
    "processors first_line"; do
    # shellcheck disable=SC2086 # two words
    set -- $list
    run "$installed" list "$1" --format simple --plugin "$so"
    grep -qx "$2" "$dir/out"
    result $? "list $1 has what the plugin brings"
done
run "$installed" info model custom_medical_model --plugin "$so"
[ "$rc" -eq 0 ] && grep -q CustomMedicalModel "$dir/out" && grep -q plugin_timeout_s "$dir/out"
result $? "info shows its model and arguments"
run "$installed" --plugin "$so" info metric mentions
[ "$rc" -eq 0 ]
result $? "info shows its metric"
run "$installed" --plugin "$so" run custom_medical_model "Is iron low?" --model-path "$dir/tiny" \
    --max-tokens 8 --json
[ "$rc" -eq 0 ] && cp "$dir/out" "$dir/plain"
result $? "run"
run "$installed" run --isolate-plugins custom_medical_model "Is iron low?" --plugin "$so" \
    --model-path "$dir/tiny" --max-tokens 8 --json
[ "$rc" -eq 0 ] && cmp -s "$dir/out" "$dir/plain"
result $? "run isolated gives the same"
for how in "" --isolate-plugins; do
    # shellcheck disable=SC2086
    run "$installed" run $how custom_medical_model "Is iron low?" --plugin "$so" --model-path "$dir/tiny" \
        --max-tokens 8 --json --model-args '{"logprobs": 3}'
    cp "$dir/out" "$dir/logprobs$how"
done
grep -q '"top"' "$dir/logprobs" && cmp -s "$dir/logprobs" "$dir/logprobs--isolate-plugins"
result $? "and the same log-probabilities to the bit"
run "$installed" run custom_medical_model "Is iron low?" --plugin "$so" --isolate-plugins \
    --model-path "$dir/tiny" --max-tokens 8 && cp "$dir/out" "$dir/streamed"
run "$installed" run custom_medical_model "Is iron low?" --plugin "$so" --model-path "$dir/tiny" \
    --max-tokens 8
[ "$rc" -eq 0 ] && [ -s "$dir/out" ] && cmp -s "$dir/out" "$dir/streamed"
result $? "text is streamed out of the child as it is made"
mkdir -p "$dir/mine/models"
printf 'name: mine\nloader_class: BaseModel\nmodel_type: text_generation\n' > "$dir/mine/models/mine.yaml"
run env KARMA_PATH="$dir/mine" "$installed" run mine "Medical Question: Is iron low?
Answer:" --model-path "$dir/tiny" --max-tokens 8 --json
cmp -s "$dir/out" "$dir/plain"
result $? "the class asks in its own words"
for how in "" --isolate-plugins; do
    # shellcheck disable=SC2086
    run "$installed" eval --plugin "$so" $how --model custom_medical_model --model-path "$dir/tiny" \
        --datasets three_questions --output "$dir/r$how.json" --store "$dir/store$how.db" --no-progress
    [ "$rc" -eq 0 ] && grep -q '"mentions"' "$dir/r$how.json"
    result $? "eval $how"
done
cmp -s "$dir/r.json" "$dir/r--isolate-plugins.json"
result $? "the same results isolated"
grep -q '"plugins"' "$dir/r--isolate-plugins.json" || grep -q '"plugins"' "$dir/r--isolate-plugins.run.json"
result $? "the plugin is recorded beside the results"
run "$installed" eval --plugin "$so" --isolate-plugins --model custom_medical_model --model-path "$dir/tiny" \
    --datasets three_questions --output "$dir/again.json" --store "$dir/store.db" --no-progress
[ "$rc" -eq 0 ] && cmp -s "$dir/r.json" "$dir/again.json" && grep -q '3 from the store' "$dir/out"
result $? "isolation changes no answer's key"

# An answer is a plugin's code too: another build does not get the old one's.
sed 's/Medical Question/Question/' "$dir/example/example.c" > "$dir/example/other.c"
# shellcheck disable=SC2046 # the flags are words
$cc -std=c17 -fPIC -shared $(pkg-config --cflags karma) -o "$dir/other.so" "$dir/example/other.c"
run "$installed" eval --plugin "$dir/other.so" --model custom_medical_model --model-path "$dir/tiny" \
    --datasets three_questions --output "$dir/other.json" --store "$dir/store.db" --no-progress
[ "$rc" -eq 0 ] && grep -q '0 from the store' "$dir/out"
result $? "another build of the plugin has answers of its own"

fails 2 E_USAGE "needs a value" "--plugin without a file" "$KARMA" list models --plugin
fails 2 E_USAGE "needs a value" "--plugin with an empty file" "$KARMA" list models --plugin=
fails 2 E_USAGE "takes no value" "--isolate-plugins with a value" "$KARMA" --isolate-plugins=1 list models
fails 2 E_USAGE "given twice" "--no-user-plugins twice" "$KARMA" --no-user-plugins list models --no-user-plugins
fails 2 E_USAGE "did you mean --plugin" "--plugins" "$KARMA" list models --plugins x
fails 4 E_MISSING "$dir/nowhere.so" "a plugin that is not there" "$KARMA" list models --plugin "$dir/nowhere.so"
fails 4 E_MAGIC "not a shared object" "a plugin that is none" "$KARMA" --plugin doc/plugin.md list models

# --- the user's folder ---------------------------------------------------------------------------
mkdir -p "$dir/config/plugins"
cp "$so" "$dir/config/plugins/example.so"
chmod 755 "$dir/config" "$dir/config/plugins" "$dir/config/plugins/example.so"
run env KARMA_CONFIG_HOME="$dir/config" "$installed" list models --format simple
grep -qx custom_medical_model "$dir/out" && [ ! -s "$dir/err" ]
result $? "plugins of the user's folder are there by themselves"
run env KARMA_CONFIG_HOME="$dir/config" "$installed" list models --format simple --no-user-plugins
! grep -qx custom_medical_model "$dir/out"
result $? "unless --no-user-plugins"
run env KARMA_CONFIG_HOME="$dir/config" "$installed" list plugins --plugin "$dir/config/plugins/example.so" --format simple
[ "$rc" -eq 0 ] && [ "$(cat "$dir/out")" = example ]
result $? "the same file named again is no second plugin"
chmod 777 "$dir/config/plugins/example.so"
run env KARMA_CONFIG_HOME="$dir/config" "$installed" list models --format simple
[ "$rc" -eq 0 ] && ! grep -qx custom_medical_model "$dir/out" && grep -q 'warning: .*chmod go-w' "$dir/err"
result $? "one that others may write is left out with a warning"
run env KARMA_PATH="$dir/config" KARMA_CONFIG_HOME="$dir/none" "$installed" list models --format simple
! grep -qx custom_medical_model "$dir/out"
result $? "folders of KARMA_PATH hold no plugins"

# --- other hosts ---------------------------------------------------------------------------------
cat > "$dir/host.c" << 'END2'
#include <karma/plugin.h>
#include <stdio.h>

int main(int argc, char **argv) {
    char *json = NULL;
    const karma_model_meta *meta;
    karma_status st = argc == 2 ? karma_load_plugin(argv[1]) : KARMA_E_USAGE;
    if (st == KARMA_OK) st = karma_get_model_meta("custom_medical_model", &meta);
    if (st == KARMA_OK) st = karma_list_plugins(&json);
    puts(st == KARMA_OK ? json : karma_error_message());
    karma_free(json);
    return karma_status_exit(st);
}
END2
# shellcheck disable=SC2046
$cc -std=c17 -o "$dir/dynamic" "$dir/host.c" $(pkg-config --cflags --libs karma) 2> "$dir/err" &&
    ldd "$dir/dynamic" | grep -q libkarma.so && run "$dir/dynamic" "$so" && [ "$rc" -eq 0 ]
result $? "a host that links libkarma.so loads it"
# shellcheck disable=SC2046
$cc -std=c17 -o "$dir/static" "$dir/host.c" \
    $(pkg-config --static --cflags --libs karma | sed 's/-lkarma/-l:libkarma.a/') 2> "$dir/err" &&
    ! ldd "$dir/static" | grep -q libkarma.so && run "$dir/static" "$so" && [ "$rc" -eq 0 ]
result $? "a host that links libkarma.a loads it"
# shellcheck disable=SC2046
$cc -std=c17 -o "$dir/mute" "$dir/host.c" \
    $(pkg-config --static --cflags --libs karma | sed 's/-lkarma/-l:libkarma.a/; s/-Wl,--export-dynamic//') 2> "$dir/err" &&
    run "$dir/mute" "$so" && [ "$rc" -ne 0 ] && grep -q -- -rdynamic "$dir/out"
result $? "one that hides its symbols is told of -rdynamic"
cat > "$dir/byhand.c" << 'END2'
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    void *lib = argc == 3 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL; /* as Python does */
    int (*load)(const char *) = lib ? (int (*)(const char *))dlsym(lib, "karma_load_plugin") : NULL;
    const char *(*why)(void) = lib ? (const char *(*)(void))dlsym(lib, "karma_error_message") : NULL;
    if (!load || !why) return 9;
    int st = load(argv[2]);
    if (st) puts(why());
    return st ? 1 : 0;
}
END2
$cc -o "$dir/byhand" "$dir/byhand.c" -ldl 2> "$dir/err" &&
    run "$dir/byhand" "$dir/prefix/lib/libkarma.so" "$so" && [ "$rc" -eq 0 ]
result $? "a host that loads libkarma.so for itself alone loads it"
# By mistake linked with the library: there would be two of all tables.
# shellcheck disable=SC2046
$cc -std=c17 -fPIC -shared -o "$dir/linked.so" "$dir/example/example.c" $(pkg-config --cflags --libs karma) &&
    ldd "$dir/linked.so" | grep -q libkarma.so && run "$installed" --plugin "$dir/linked.so" \
    run custom_medical_model "Is iron low?" --model-path "$dir/tiny" --max-tokens 8 --json &&
    cmp -s "$dir/out" "$dir/plain"
result $? "a plugin linked with -lkarma uses the program's own"

# --- misbehaving ones ----------------------------------------------------------------------------
[ -f "$bad/misbehaving.so" ] || { echo "skip - the tests' plugins are not built (make tests)"; exit 0; }
for case in abi:E_ABI size:E_ABI no_entry:E_PLUGIN entry_null:E_PLUGIN class_taken:E_DUPLICATE \
    class_size:E_ABI option_default:E_SYNTAX option_type:E_TYPE option_twice:E_DUPLICATE \
    meta_name:E_PATH meta_type:E_RANGE metric_empty:E_MISSING; do
    fails 4 "${case#*:}" "table_${case%:*}.so: " "refused: ${case%:*}" \
        "$KARMA" list models --plugin "$bad/table_${case%:*}.so"
done
fails 4 E_PLUGIN "signal 11" "a crash of a constructor is met in a child" \
    "$KARMA" list models --isolate-plugins --plugin "$bad/table_crash_early.so"

cat > "$dir/data.jsonl" << 'END2'
{"id": "k0", "question": "one", "answer": "one"}
{"id": "k1", "question": "bad", "answer": "bad"}
{"id": "k2", "question": "two", "answer": "two"}
END2
# evaluate NAME OPTION...: of three samples, the second one bad.
evaluate() {
    name=$1
    shift
    rm -f "$dir/bad.json" "$dir/bad.run.json"
    run "$KARMA" eval --plugin "$bad/misbehaving.so" --model "bad/$name" --datasets "$dir/data.jsonl" --no-cache \
        --no-progress --include-content --output "$dir/bad.json" "$@"
}
# The answers of k0 and k2 where they belong.
others_right() {
    awk '/"key": "k0"/ { at = 0 } /"key": "k2"/ { at = 2 } /"key": "k1"/ { at = 1 }
        /"output": "one"/ && at == 0 { n++ } /"output": "two"/ && at == 2 { n++ }
        END { exit n != 2 }' "$dir/bad.json"
}
for how in "" --isolate-plugins; do
    for case in Fewer Twice UnknownKey NoKey Garbage NullText PositiveStatus WrongSize; do
        # shellcheck disable=SC2086
        evaluate $case $how
        [ "$rc" -eq 3 ] && others_right && grep -q '"E_PLUGIN"' "$dir/bad.json"
        result $? "$case $how: its sample fails, the others keep their answers"
    done
    for case in Right Reordered RoundsUp Disturbs; do
        # shellcheck disable=SC2086
        evaluate $case $how
        [ "$rc" -eq 0 ] && others_right
        result $? "$case $how: all samples keep their answers"
    done
    # shellcheck disable=SC2086
    evaluate More $how
    [ "$rc" -eq 4 ] && grep -q 'E_PLUGIN: .*plugin misbehaving: class More: ' "$dir/err"
    result $? "More $how: an output nobody asked for ends the run"
done
for case in Crash Aborts Exits Endless ClosesFiles WritesToChannel ClaimsMuch Huge; do
    evaluate $case --isolate-plugins --model-args '{"plugin_timeout_s": 3}'
    [ "$rc" -eq 3 ] && others_right && grep -q 'E_PLUGIN\|E_LIMIT' "$dir/bad.json"
    result $? "$case --isolate-plugins: its sample fails, the others keep their answers"
done
evaluate Prints --isolate-plugins --format json
[ "$rc" -eq 0 ] && ! grep -q 'hello' "$dir/out" && grep -q 'hello' "$dir/err"
result $? "Prints --isolate-plugins: what it prints does not meet our output"
evaluate Swallows --isolate-plugins
[ "$rc" -eq 3 ] || [ "$rc" -eq 4 ]
result $? "Swallows --isolate-plugins: ends"
fails 4 E_PLUGIN "class CrashLoad: the child process ended by signal 11" "CrashLoad --isolate-plugins" \
    "$KARMA" run --isolate-plugins --plugin "$bad/misbehaving.so" bad/CrashLoad x
"$KARMA" run --plugin "$bad/misbehaving.so" bad/Crash bad > "$dir/out" 2>&1 < /dev/null
[ $? -ge 128 ]
result $? "Crash in this process ends it, as doc/plugin.md says"

# --- signals, the parent's death -----------------------------------------------------------------
lives() { # one that ended may wait for somebody to collect it
    [ -r "/proc/$1/stat" ] && ! grep -q ') [ZX] ' "/proc/$1/stat"
}
endless() {
    "$KARMA" run --isolate-plugins --plugin "$bad/misbehaving.so" bad/Endless bad > "$dir/out" 2> "$dir/err" &
    pid=$!
    n=0
    child= # the first is that which tries the plugin out
    while [ $n -lt 6 ] || { [ -z "$child" ] && [ $n -lt 50 ]; }; do
        sleep 0.1
        child=$(cat /proc/$pid/task/$pid/children 2> /dev/null | tr -d ' ')
        n=$((n + 1))
    done
}
if [ -r /proc/self/task/$$/children ]; then
    endless
    kill -INT "$child"
    sleep 0.1
    lives "$child"
    result $? "a child leaves it to its parent to answer Ctrl-C"
    kill -INT $pid 2> /dev/null || kill -TERM $pid
    kill -TERM $pid 2> /dev/null
    wait $pid
    rc=$?
    [ $rc -eq 130 ] || [ $rc -eq 143 ]
    result $? "a signal ends the program while the child loops"
    sleep 0.2
    ! lives "$child"
    result $? "and the child with it"
    endless
    kill -KILL $pid
    wait $pid 2> /dev/null
    sleep 0.3
    ! lives "$child"
    result $? "a child dies with a parent that is killed"
else
    echo "skip - no /proc to see children"
fi
