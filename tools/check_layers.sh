#!/bin/sh
# check_layers.sh - which room may include which, and who may call what. One line a finding, exit
# status 1 if there is one. The table is that of doc/architecture.md; comments and the text of
# strings are not looked at, except for names of models and data sets, which count in strings.
set -u
cd "$(dirname "$0")/.."
. tools/files.sh
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

sources() { # C files of src and include; a deleted file may still be listed
    project_files 'src/*.c' 'src/*.h' 'include/*.h' | while read -r f; do
        [ -f "$f" ] && echo "$f"
    done
}

# Every line of code as FILE:LINE:TEXT, without comments. The compiler removes those and leaves
# line markers where it drops lines.
sources | xargs -P 4 -n 8 sh -c '
    for f; do
        ${CC:-gcc} -x c -fpreprocessed -dD -E "$f" 2> /dev/null | awk -v f="$f" "
            /^# [0-9]+ \"/ { n = \$2 - 1; next }
            { n++; if (\$0 != \"\") print f \":\" n \":\" \$0 }" > "$0/$(echo "$f" | tr / _)"
    done' "$work"
cat "$work"/* > "$work.code" 2> /dev/null
mv "$work.code" "$work/all"

{
# 1. Includes.
awk -F: '
    BEGIN {
        may["base"] = ""
        may["tensor"] = "base"
        may["formats"] = "base tensor"
        may["text"] = "base"
        may["media"] = "base"
        may["nn"] = "base tensor formats text media"
        may["models"] = may["nn"] " nn"
        may["engine"] = may["models"] " models"
        may["datasets"] = "base formats text"
        may["processors"] = "base text"
        may["metrics"] = "base text"
        may["hub"] = "base"
        may["api"] = may["engine"] " engine datasets processors metrics hub"
        may["eval"] = "base"
        may["cli"] = ""
        # Of the system, a room sees the C library; beyond it lies base. Libraries have one home.
        iso = "assert complex ctype errno fenv float inttypes limits locale math setjmp signal " \
              "stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string " \
              "threads time uchar wchar wctype "
        system_may["formats"] = "zlib zstd snappy-c lz4"
        system_may["text"] = "utf8proc"
        system_may["eval"] = "sqlite3"
        system_may["media"] = "sndfile soxr jpeglib jerror png webp/decode zlib"
        system_may["hub"] = "curl/curl"
    }
    $3 ~ /^[ \t]*#[ \t]*include/ {
        split($1, part, "/")
        room = part[1] == "include" ? "include" : part[2]
        match($3, /["<][^">]*/)
        quote = substr($3, RSTART, 1)
        name = substr($3, RSTART + 1, RLENGTH - 1)
        if (quote == "\"") {
            target = name
            sub(/\/.*/, "", target)
            if (target == "karma") next
            if (room == "include") print $1 ":" $2 ": a public header includes " name
            else if (target == room) next
            else if (!(room in may)) print $1 ":" $2 ": room " room " is not in the table"
            else if (index(" " may[room] " ", " " target " ") == 0)
                print $1 ":" $2 ": " room " may not include " name
        } else {
            if (room == "base" || room == "cli") next
            sub(/\.h$/, "", name)
            if (index(" " iso, " " name " ")) next
            if (index(" " system_may[room] " ", " " name " ")) next
            if ($1 ~ /^src\/tensor\/cpu\/kernels_[a-z0-9_]*\.[ch]$/ && name ~ /intrin$/) next
            print $1 ":" $2 ": " room " may not include <" name ".h>"
        }
    }' "$work/all"

# 2. Calls with one home, so that faults can be injected and nothing escapes accounting.
sed 's/"[^"]*"/""/g' "$work/all" | awk '
    function rule(words, homes, why) { n++; list[n] = words; home[n] = homes; reason[n] = why }
    BEGIN {
        rule("malloc calloc realloc reallocarray free strdup strndup asprintf vasprintf getline " \
             "getdelim aligned_alloc posix_memalign", "src/base/mem.c src/cli/", "allocate through base/mem.h")
        rule("open close", "src/base/file.c src/base/child.c src/cli/main.c", "reach files through base/file.h")
        rule("write", "src/base/file.c src/cli/signals.c src/cli/terminal.c", "reach files through base/file.h")
        rule("openat creat fopen fdopen freopen tmpfile read pread readv pwrite " \
             "writev fsync fdatasync truncate ftruncate rename renameat unlink unlinkat remove " \
             "mkdir rmdir link symlink opendir readdir scandir stat fstat lstat statfs access " \
             "faccessat chmod fchmod realpath mmap munmap mkstemp mkdtemp",
             "src/base/file.c src/cli/text_input.c src/cli/vector_output.c src/cli/cmd_transcribe.c " \
             "src/cli/output_place.c src/cli/bench.c src/cli/run_file_write.c src/cli/run_path.c " \
             "src/cli/terminal.c",
             "reach files through base/file.h")
        rule("fread fgets fgetc getc getchar", "src/cli/", "reach files through base/file.h")
        rule("fflush", "src/cli/ src/base/child.c", "reach files through base/file.h")
        rule("getenv setenv putenv unsetenv", "src/base/file.c src/cli/terminal.c", "use env_get of base/file.h")
        rule("time clock gettimeofday clock_gettime localtime localtime_r gmtime gmtime_r mktime " \
             "strftime", "src/base/clock.c src/cli/bench.c", "read clocks through base/clock.h")
        rule("rand srand random srandom drand48 getrandom getentropy arc4random",
             "src/base/random.c", "draw from base/random.h")
        rule("socket connect bind listen accept sendto recvfrom getaddrinfo",
             "src/hub/net.c", "only src/hub/net.c reaches a network")
        rule("socketpair send recv", "src/base/child.c src/hub/net.c",
             "only src/base/child.c talks to a process of ours")
        rule("system popen vfork execve execv execvp posix_spawn", "", "no other program is run")
        rule("fork waitpid _exit", "src/base/child.c src/cli/", "processes are made by base/child.h")
        rule("child_start", "src/base/ src/api/isolate.c src/api/plugin.c",
             "only plugins run in a process of their own")
        rule("dlopen dlsym", "src/base/shared_object.c", "code is loaded by base/shared_object.h")
        rule("shared_object_open", "src/base/ src/api/plugin.c src/media/dicom.c",
             "only src/api/plugin.c loads code, and src/media/dicom.c a part of our own")
        rule("printf vprintf fprintf vfprintf puts fputs putchar fputc putc fwrite perror exit " \
             "_Exit quick_exit abort", "src/cli/", "the library neither prints nor exits")
        rule("signal sigaction raise kill", "src/cli/ src/base/child.c", "signals are for the program")
        rule("setlocale", "src/cli/", "the locale is for the program")
        rule("sprintf vsprintf strcpy strcat gets strtok sscanf atoi atol atoll atof", "src/base/",
             "is unsafe or silent about errors")
        rule("strtod strtof strtold", "src/base/", "depends on the locale: json_parse_real")
        rule("strcasecmp strncasecmp strcasestr tolower toupper isalpha isalnum isupper islower",
             "", "depends on the locale: ascii_lower, ascii_same of base/utf8.h")
    }
    {
        file = $0; sub(/:.*/, "", file)
        rest = substr($0, length(file) + 2)
        line = rest; sub(/:.*/, "", line)
        text = substr(rest, length(line) + 2)
        while (match(text, /[A-Za-z_][A-Za-z0-9_]*[ \t]*\(/)) {
            before = RSTART > 1 ? substr(text, RSTART - 1, 1) : ""
            name = substr(text, RSTART, RLENGTH)
            sub(/[ \t]*\($/, "", name)
            text = substr(text, RSTART + RLENGTH)
            if (before == "." || before == ">") continue # a member of a table of functions
            for (i = 1; i <= n; i++) {
                if (!index(" " list[i] " ", " " name " ")) continue
                at_home = 0
                homes = split(home[i], one, " ")
                for (k = 1; k <= homes; k++) at_home += index(file, one[k]) == 1
                if (!at_home) print file ":" line ": " name "(): " reason[i]
            }
        }
    }'

# 3. Intrinsics.
grep -E '\b_mm(256|512)?_[a-z0-9_]+|\b__m(64|128|256|512)[a-z]*\b|\bv(ld|st)[1-4]q_|[^_]cuda[A-Z]' \
    "$work/all" | grep -vE '^src/tensor/(cpu/kernels_[a-z0-9_]*\.[ch]|cuda/)' |
    awk -F: '{ print $1 ":" $2 ": intrinsics belong to src/tensor/cpu/kernels_*.c" }'

# 4. Names of models and of data sets. Not meant: patterns of tokenizers and kinds of rope scaling
# that bear a model's name in every file format.
sed -E -e 's/"(qwen2|llama-bpe|smollm|llama3)"//g' -e 's/(rope_|ROPE_|\b)(llama3|LLAMA3)\b//g' \
    -e '/^src\/api\/text_assets\.c:/s/"llama"//g' "$work/all" |
    grep -iE '(qwen|gemma|llama|smollm|siglip|indic_?conformer|minilm)' |
    grep -vE '^src/(models/|text/|api/catalog\.c)' |
    awk -F: '{ print $1 ":" $2 ": names a model; only src/models and src/api/catalog.c do" }'
grep -iE '(pubmed_?qa|med_?mcqa|med_?qa|mmlu|bioasq|in22|indicvoices|vqa_?rad|slake)' "$work/all" |
    grep -vE '^src/datasets/' |
    awk -F: '{ print $1 ":" $2 ": names a data set; only src/datasets does" }'
} > "$work/found"
sort -u "$work/found" | sort -s -t: -k1,1 -k2,2n
[ ! -s "$work/found" ]
