# docs_split.awk - the examples of a Markdown page, as steps that tests/cli/test_docs.sh takes one after
# the other. Writes files into -v dir= and prints a line for each step:
#
#   run KIND N LINE     an example: dir/N.c, N.sh or N.python; what it prints is in N.want, if the page
#                       says: a block of text right behind it, or the ends of its lines behind "# ->"
#                       or "// ->"
#   file N PATH         dir/N.file is what stands at PATH from now on: a block behind <!-- file: PATH -->
#
# A block behind <!-- not run: why --> is no example, and neither is one of another kind. C without a
# main() is statements: they are put into one.

function close_block() {
    close(name)
    in_block = 0
    if (kind == "c" && !whole) wrap()
}

# Includes first, the rest inside main().
function wrap(    line, includes, body) {
    while ((getline line < name) > 0) {
        if (line ~ /^#include/) includes = includes line "\n"
        else body = body "    " line "\n"
    }
    close(name)
    printf "#include <karma/karma.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n%s\n" \
           "int main(void) {\n%s    return 0;\n}\n", includes, body > name
    close(name)
}

!in_block && /^<!-- file: .* -->$/ {
    path = $0
    sub(/^<!-- file: /, "", path)
    sub(/ -->$/, "", path)
    next
}
!in_block && /^<!-- not run: .* -->$/ { left_out = 1; next }

!in_block && /^```/ {
    in_block = 1
    kind = substr($0, 4)
    is_want = wants && (kind == "text" || kind == "json" && path == "")
    whole = 0
    if (is_want) {
        name = dir "/" n ".want"
        printf "" > name
    } else if (path != "") {
        files++
        name = dir "/" files ".file"
        printf "" > name
        print "file", files, path
        kind = "a file"
    } else if (!left_out && (kind == "c" || kind == "sh" || kind == "python")) {
        n++
        name = dir "/" n "." kind
        printf "" > name
        print "run", kind, n, NR
    } else name = ""
    path = ""
    left_out = 0
    next
}
in_block && /^```[ \t]*$/ {
    if (name != "") close_block()
    in_block = 0
    # What stands right behind a program is what it prints.
    wants = !is_want && name != "" && (kind == "c" || kind == "sh" || kind == "python")
    next
}
in_block {
    if (name == "") next
    print > name
    if ($0 ~ /(^|[ *])main\(/) whole = 1
    at = match($0, /(#|\/\/) -> /)
    if (at && !is_want && kind != "a file") print substr($0, RSTART + RLENGTH) > (dir "/" n ".want")
    next
}
!/^[ \t]*$/ { wants = 0; left_out = 0; path = "" }
END {
    if (in_block) { print "page ends inside a block"; exit 1 }
}
