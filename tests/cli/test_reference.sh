#!/bin/sh
# What the pages of doc/reference and the manual list is what there is: options, arguments, fields,
# values, names, calls, statuses, variables, each in both directions; links lead somewhere; the manual
# and the browsable form are made without a warning. The examples in the pages: test_docs.sh.
. tests/cli/common.sh
reference=doc/reference
manual=doc/karma.1
command_line=$reference/command-line.md

# same SENTENCE: the lines of $dir/want and $dir/got are the same set.
same() {
    sort -u "$dir/want" > "$dir/want.sorted"
    sort -u "$dir/got" > "$dir/got.sorted"
    if [ -s "$dir/want.sorted" ] && cmp -s "$dir/want.sorted" "$dir/got.sorted"; then
        echo "ok - $1"
    else
        comm -23 "$dir/want.sorted" "$dir/got.sorted" | sed 's/^/# missing: /'
        comm -13 "$dir/want.sorted" "$dir/got.sorted" | sed 's/^/# too much: /'
        echo "not ok - $1"
    fi
}
# none SENTENCE: there is nothing in $dir/got.
none() {
    [ ! -s "$dir/got" ]
    status=$?
    sed 's/^/# /' "$dir/got" | head -n 20
    [ $status -eq 0 ] && echo "ok - $1" || echo "not ok - $1"
}
# section PAGE HEADING: the lines below a heading, up to the next of its level or a higher one.
section() {
    awk -v heading="$2" '
        /^#/ { level = $0; sub(/[^#].*/, "", level); n = length(level) }
        inside && /^#/ && n <= depth { exit }
        $0 == heading { inside = 1; depth = n; next }
        inside' "$1"
}
# column N: a column of the tables on standard input, code spans alone, one a line.
column() {
    awk -F' *\\| *' -v n="$1" '/^\|/ && !/^\|-/ { print $(n + 1) }' | grep -o '`[^`]*`' | tr -d '`'
}

# --- tables of arguments ----------------------------------------------------------------------------
for page in $(grep -l '^<!-- options: ' $reference/*.md); do
    sh tools/doc_tables.sh "$KARMA" "$page" > "$dir/out" 2> "$dir/err" && diff "$page" "$dir/out" > "$dir/err"
    result $? "$page has the arguments that the program has (tools/doc_tables.sh makes them)"
done

# --- options: help, manual, page --------------------------------------------------------------------
long_options() {
    grep -oE -- '--[a-z][a-z-]*' | sort -u
}
"$KARMA" --help > "$dir/help"
sed -n 's/^  \([a-z][a-z]*\)  *[^ ].*/\1/p' "$dir/help" > "$dir/commands"
cp "$dir/commands" "$dir/want"
sed -n 's/^## \([a-z]*\)$/\1/p' $command_line > "$dir/got"
same "the page has a section for each command"
sed -n '/^\.SH COMMANDS/,/^\.SH "*[E]/s/^\.SS \([a-z]*\)$/\1/p' $manual > "$dir/got"
same "the manual has a section for each command"

# man_section NAME: options that have a paragraph of their own there.
man_section() {
    sed 's/\\-/-/g; s/\\~/ /g' $manual | awk -v name="$1" '
        /^\.S[SH]/ { inside = $0 == ".SS " name || $0 == ".SS \"" name "\"" || $0 == ".SH \"" name "\"" }
        inside && after_tp { print }
        { after_tp = $0 == ".TP" }' | long_options
}
page_section() {
    section $command_line "## $1" | sed -n 's/^| \(`--[^|]*\)|.*/\1/p' | long_options
}
man_section "Model options" > "$dir/man.shared"
sed -n 's/^## \(Model options.*\)/\1/p' $command_line > "$dir/heading"
page_section "$(cat "$dir/heading")" > "$dir/page.shared"
while read -r command; do
    # The program does not list --help among a command's options.
    "$KARMA" "$command" --help | sed -n '/^options:/,$s/^  \(--[a-z-]*\).*/\1/p' > "$dir/listed"
    grep -vxF -e --plugin -e --isolate-plugins -e --no-user-plugins "$dir/listed" > "$dir/want"
    for where in man page; do
        ${where}_section "$command" > "$dir/own"
        # Of the shared ones those count that this command has.
        grep -xFf "$dir/want" "$dir/$where.shared" | cat "$dir/own" - > "$dir/got"
        same "karma $command: the options of --help are those of the $where's section"
    done
    cat "$dir/want" >> "$dir/all"
done < "$dir/commands"
for where in man page; do
    sort -u "$dir/all" > "$dir/all.sorted"
    grep -vxFf "$dir/all.sorted" "$dir/$where.shared" > "$dir/got"
    none "no model option of the $where is unknown to all commands"
done
man_section "GLOBAL OPTIONS" > "$dir/want"
cat "$dir/help" "$dir/listed" | long_options | grep -vxFf "$dir/want" | grep -vxFf "$dir/all" > "$dir/got"
none "options before the command: each that --help names stands in the manual"
while read -r option; do
    "$KARMA" "$option" 2>&1 | grep 'unknown option'
done < "$dir/want" > "$dir/got"
none "each of the manual is known to the program"
sed -n '1,/^## /p' $command_line | long_options | grep -xFf "$dir/want" > "$dir/got"
same "and stands in the page"

# --- the manual's other lists -----------------------------------------------------------------------
# Variables that the sources read; HOME and XDG_* only place folders.
grep -ohE '"(KARMA|HF)_[A-Z_]+"' -r src | tr -d '"' > "$dir/want"
section $command_line "## Environment" | column 1 > "$dir/got"
same "the page has each variable that is read"
sed -n '/^\.SH ENVIRONMENT/,/^\.SH FILES/p' $manual | grep '^\.B' | grep -oE '(KARMA|HF)_[A-Z_]+' > "$dir/got"
same "so has the manual"

{
    sed -n 's/^ *X([A-Z]*, \([0-9]*\), .*/\1/p' include/karma/status.h
    printf '%s\n' 0 3 143 # of the program alone: all went well, samples failed, SIGTERM
} > "$dir/want"
section $command_line "## Errors and exit status" | sed -n 's/^| \([0-9, ]*\) |.*/\1/p' | tr -s ', ' '\n' > "$dir/got"
same "the page has each exit status"
sed -n '/^\.SH "EXIT STATUS"/,/^\.SH ENVIRONMENT/p' $manual | sed -n 's/^\.BR* //p' | grep -oE '[0-9]+' > "$dir/got"
same "so has the manual"

if command -v groff > /dev/null; then
    groff -ww -man -Tutf8 $manual 2> "$dir/got" > /dev/null
    none "groff has nothing to say about the manual"
else
    echo "skip - groff is not here: the manual is not formatted"
fi

# --- names ------------------------------------------------------------------------------------------
sed -n 's/^karma_model_meta$//; /typedef struct karma_model_meta {/,/^} karma_model_meta;/p' include/karma/meta.h |
    sed -n 's/^ [^;]*[ *]\([a-z_]*\);.*/\1/p' > "$dir/want"
section $reference/models.md "## Metadata" | awk '/^### /{exit} 1' | column 2 | grep -v ' ' > "$dir/got"
same "every field of the metadata"
for type in model_type modality; do
    [ $type = model_type ] && heading="### ModelType" || heading="### ModalityType"
    sed -n "/typedef enum karma_$type {/,/^} karma_$type;/p" include/karma/meta.h |
        grep -oE 'KARMA_[A-Z_]+' | grep -v '_NONE$' > "$dir/want"
    section $reference/models.md "$heading" | column 2 > "$dir/got"
    same "every value of karma_$type"
done

# Each class of the table and each of its other names loads; every class there is stands in it.
sed -n '/karma_model_class class_[a-z]* = {/,/^};/s/.*\.name = "\([A-Za-z]*\)".*/\1/p' src/api/*.c > "$dir/want"
section $reference/models.md "## Classes" | column 1 > "$dir/got"
same "every class of models"
mkdir -p "$dir/config/models"
section $reference/models.md "## Classes" | { column 1; section $reference/models.md "## Classes" | column 2; } |
    while read -r class; do
        printf '{"name": "%s", "loader_class": "%s", "model_type": "embedding"}\n' "$class" "$class" \
            > "$dir/config/models/$class.json"
        echo "$class"
    done > "$dir/want"
KARMA_CONFIG_HOME="$dir/config" "$KARMA" --quiet list models --format simple | grep -xFf "$dir/want" > "$dir/got"
same "by each of its names"

for kind in metrics processors datasets; do
    "$KARMA" --quiet list $kind --format simple > "$dir/want"
    case $kind in
    metrics) column 1 < $reference/metrics.md ;;
    processors) sed -n 's/^\*\*\([a-z_]*\)\*\*.*/\1/p' $reference/processors.md ;;
    datasets) section $reference/datasets.md "## Built in" | grep -oE '\*\*[A-Za-z0-9_/.:-]+\*\*' | tr -d '*' ;;
    esac | grep -xFf "$dir/want" > "$dir/got"
    same "every name of $kind"
done

# --- calls ------------------------------------------------------------------------------------------
functions() { # HEADER: what it declares for callers
    tr '\n' ' ' < "include/karma/$1.h" | grep -oE 'KARMA_API [^;{]*\(' | grep -oE 'karma_[a-z_]+\(' | tr -d '('
}
for pair in model:models embedding:models registry:registries eval:evaluation run:evaluation prompt:models compare:compare report:report dataset:datasets metric:metrics \
    processor:processors; do
    functions "${pair%:*}" > "$dir/want"
    grep -oE 'karma_[a-z_]+' "$reference/${pair#*:}.md" $reference/registries.md -h | sort -u |
        grep -xFf "$dir/want" > "$dir/got"
    same "every function of ${pair%:*}.h stands in the pages"
done
cat include/karma/*.h | grep -oE '(karma|KARMA)_[A-Za-z_]+' | sort -u > "$dir/known"
grep -ohE '\b(karma_[a-z_]+[a-z]|KARMA_[A-Z]+_[A-Z_]+[A-Z])\b' README.md doc/*.md $reference/*.md | sort -u |
    grep -vxFf "$dir/known" | while read -r name; do
        # Variables, macros of the sources and the entry of a plugin are no part of the headers.
        grep -rqwE -- "$name" src Makefile plugins python 2> /dev/null || echo "$name"
    done > "$dir/got"
none "no page names what does not exist"

# --- links ------------------------------------------------------------------------------------------
anchor() { # as a heading's link is made of it
    tr '[:upper:]' '[:lower:]' | sed 's/[^a-z0-9 _-]//g; s/ /-/g'
}
for page in README.md doc/*.md doc/*/*.md; do
    awk '/^```/ { inside = !inside } !inside' "$page" | sed 's/`[^`]*`//g' | grep -oE '\]\([^)]+\)' | sed 's/^](//; s/)$//' |
        while read -r link; do
            case $link in http*) continue ;; esac
            file=${link%%#*} target=$page
            [ -z "$file" ] || target=$(dirname "$page")/$file
            [ -e "$target" ] || { echo "$page: $link: no such file"; continue; }
            case $link in
            *"#"*) sed -n 's/^##* //p' "$target" | anchor | grep -qx -- "${link#*#}" ||
                echo "$page: $link: no such heading" ;;
            esac
        done
done > "$dir/got"
none "every link leads somewhere"
find doc -name '*.md' ! -name README.md | while read -r page; do
    grep -qF "(${page#doc/})" doc/README.md || echo "$page is not in doc/README.md"
done > "$dir/got"
none "doc/README.md leads to every page"

# --- parts of files ---------------------------------------------------------------------------------
grep -l '^<!-- not run: a part of ' README.md doc/*.md $reference/*.md | while read -r page; do
    awk -v page="$page" '
        function whole(file,    line, text) {
            while ((getline line < file) > 0) text = text line "\n"
            close(file)
            return text
        }
        sub(/^<!-- not run: a part of /, "") { sub(/ -->$/, ""); file = $0; next }
        file != "" && /^```/ && !inside { inside = 1; part = ""; next }
        inside && /^```/ {
            if (!index(whole(file), part)) print page ": line " NR ": the block above is no part of " file
            inside = 0
            file = ""
            next
        }
        inside { part = part $0 "\n" }' "$page"
done > "$dir/got"
none "what is shown as a part of a file is one"

# --- the browsable form -----------------------------------------------------------------------------
if command -v doxygen > /dev/null; then
    KARMA_DOCS="$dir" doxygen Doxyfile > "$dir/got" 2>&1
    status=$?
    none "doxygen has nothing to say about headers and pages"
    [ $status -eq 0 ] && [ -s "$dir/html/index.html" ]
    result $? "the browsable form is made"
else
    echo "skip - doxygen is not here: the browsable form is not made"
fi
