#!/bin/sh
# doc_tables.sh KARMA PAGE - print a page of doc/reference with its tables of options as the program
# knows them. The test of the pages compares; to bring a page up to date:
#
#   sh tools/doc_tables.sh build/karma doc/reference/models.md > new && mv new doc/reference/models.md
#
# A table stands between <!-- options: WHAT --> and <!-- end -->. WHAT is a class of models, "CLASS
# beside CLASS" (what the first has otherwise than the second), or "dataset NAME", "metric NAME",
# "processor NAME".
set -eu
karma=$1 page=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset KARMA_PATH
export KARMA_CONFIG_HOME="$work/config"
mkdir -p "$work/config/models"

# rows: the arguments in the JSON of `karma info` as rows of a table.
rows() {
    awk '
        function text(v) { sub(/^"/, "", v); sub(/"$/, "", v); gsub(/\\"/, "\"", v); gsub(/\|/, "\\|", v); return v }
        function flush() {
            if (name == "") return
            printf "| `%s` | %s | %s | %s | %s |\n", name, type, \
                required == "true" ? "required" : default == "" ? "" : "`" default "`", range, help
            name = type = default = range = help = required = ""
        }
        /^  "arguments": \[/ { inside = 1; next }
        !inside { next }
        /^    },?$/ { flush(); next }
        /^  \],?$/ { inside = 0; next }
        {
            line = $0
            sub(/^ */, "", line)
            sub(/,$/, "", line)
            if (in_default) { # a list or an object over several lines
                default = default (default ~ /[[{]$/ || line ~ /^[]}]/ ? "" : ", ") line
                if ($0 ~ /^      []}],?$/) in_default = 0
                next
            }
            key = line
            sub(/^"/, "", key); sub(/": .*/, "", key)
            value = substr(line, length(key) + 5)
            if (key == "name") name = text(value)
            else if (key == "type") type = text(value)
            else if (key == "default") { default = value; in_default = value ~ /^[[{]$/ }
            else if (key == "required") required = value
            else if (key == "range") range = text(value)
            else if (key == "help") help = text(value)
        }'
}

info() { # KIND NAME
    "$karma" --quiet info "$1" "$2" --json > "$work/json"
    rows < "$work/json"
}

class() { # the options of a class: of a model that is registered for it
    printf '{"name": "class/%s", "loader_class": "%s", "model_type": "text_generation"}\n' "$1" "$1" \
        > "$work/config/models/$1.json"
    info model "class/$1"
}

table() {
    echo "| argument | type | default | range | meaning |"
    echo "|---|---|---|---|---|"
    # shellcheck disable=SC2086 # words
    set -- $1
    case "$*" in
    *" beside "*)
        class "$3" > "$work/base"
        class "$1" > "$work/derived"
        grep -vxFf "$work/base" "$work/derived" || true
        ;;
    "dataset "* | "metric "* | "processor "*) info "$1" "$2" ;;
    *) class "$1" ;;
    esac
}

while IFS= read -r line; do
    case $line in
    "<!-- options: "*)
        printf '%s\n' "$line"
        what=${line#"<!-- options: "}
        table "${what%" -->"}"
        while IFS= read -r line && [ "$line" != "<!-- end -->" ]; do :; done
        ;;
    esac
    printf '%s\n' "$line"
done < "$page"
