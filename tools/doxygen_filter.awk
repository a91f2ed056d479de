# doxygen_filter.awk - doxygen's INPUT_FILTER: makes doc comments of the headers' plain ones. A comment
# in front of a declaration or behind it is its documentation; declarations that follow each other
# without an empty line share the first one's. Every header becomes a module. Of a Markdown page, code
# spans that name something of the library become links, and links to headings work as they do where
# headings have anchors of their own making. What it prints is read by doxygen alone.

# --- Markdown -------------------------------------------------------------------------------------

function page_of(path) {
    sub(/.*\//, "", path)
    sub(/\.md$/, "", path)
    return path
}

# A heading's anchor, as links to it spell it.
function anchor(heading) {
    heading = tolower(heading)
    gsub(/[^a-z0-9 _-]/, "", heading)
    gsub(/ /, "-", heading)
    return heading
}

# Text between code spans: links to headings, and signs that are commands to doxygen.
function plain(text,    out, target, page) {
    out = ""
    while (match(text, /\]\([^():]*#[^()]*\)/)) {
        target = substr(text, RSTART + 2, RLENGTH - 3)
        page = target
        sub(/#.*/, "", page)
        sub(/.*#/, "", target)
        out = out escaped_at(substr(text, 1, RSTART - 1)) "](@ref " page_of(page == "" ? file : page) "-" target ")"
        text = substr(text, RSTART + RLENGTH)
    }
    return out escaped_at(text)
}
function escaped_at(text) {
    gsub(/@/, "\\@", text)
    return text
}

function markdown(line,    out, span, before, heading) {
    if (line ~ /^ *```/) fenced = !fenced
    if (fenced || line ~ /^ *```/ || line ~ /^    /) return line
    if (line ~ /^<!--.*-->$/) return ""
    heading = line
    if (sub(/^##+ /, "", heading)) return line " {#" page_of(file) "-" anchor(heading) "}"
    out = ""
    while (match(line, /`[^`]+`/)) {
        span = substr(line, RSTART + 1, RLENGTH - 2)
        before = substr(line, 1, RSTART - 1)
        line = substr(line, RSTART + RLENGTH)
        out = out plain(before)
        if (span ~ /^karma_[a-z_]+\(\)$/) out = out "<code>" span "</code>"
        else if (span ~ /^karma_[a-z_]+$/ || span ~ /^KARMA_[A-Z_]+$/) out = out "<code>" span "</code>"
        else out = out "`" span "`"
    }
    return out plain(line)
}

# --- headers --------------------------------------------------------------------------------------

# Text of a comment as doxygen must see it: nothing in it is a command, a tag or an emphasis. Names of
# statuses become links.
function escaped(text,    out) {
    gsub(/[\\@<>#*&$]/, "\\\\&", text)
    out = ""
    while (match(text, /(^|[^A-Za-z_])E_[A-Z]+/)) {
        out = out substr(text, 1, RSTART - 1)
        name = substr(text, RSTART, RLENGTH)
        if (substr(name, 1, 2) != "E_") { out = out substr(name, 1, 1); name = substr(name, 2) }
        out = out "@ref KARMA_" name " \"" name "\""
        text = substr(text, RSTART + RLENGTH)
    }
    return out text
}

# The words of a comment's line, without its signs.
function words(line) {
    sub(/\*\/[ \t]*$/, "", line)
    if (!sub(/^[ \t]*\/\*/, "", line)) sub(/^[ \t]*\*/, "", line)
    sub(/^[ \t]+/, "", line)
    sub(/[ \t]+$/, "", line)
    return line
}

function joined(a, b) {
    return a == "" ? b : b == "" ? a : a " " b
}

# With a capital, if it begins with a word and not with a name.
function sentence(text) {
    return text ~ /^[a-z]+[ ,:;.]/ ? toupper(substr(text, 1, 1)) substr(text, 2) : text
}

# What every struct of a kind has, said once.
function standing(statement) {
    if (statement ~ /[ *]struct_size[,;]/ && statement ~ /abi_version/) {
        return "The ABI this table was made for, and its size: the sizeof of the struct."
    }
    if (statement ~ /[ *]struct_size;/) return "The sizeof of this struct, set by who makes it."
    if (statement ~ /void \*user;/) return "Comes back in each call of the functions."
    return ""
}

function finish(    doc) {
    if (statement == "") return
    # A brace or the name behind it opens or closes; it declares nothing.
    if (statement ~ /^[ \t]*}/ || statement ~ /^[ \t]*(extern "C" {|{)/) {
        print statement
    } else {
        doc = joined(leading, trailing)
        if (doc == "") doc = standing(statement)
        if (doc == "" && statement ~ /KARMA_API/) doc = shared
        shared = statement !~ /KARMA_API/ ? "" : trailing == "" ? doc : leading
        doc = doc == "" ? "" : "/** " escaped(sentence(doc)) " */ "
        # double min, max: each of them needs the comment.
        if (statement ~ /^ +[a-z0-9_ ]+, [a-z0-9_, ]+;[ \t]*$/) {
            type = statement
            sub(/[a-z0-9_]+, .*/, "", type)
            n = split(substr(statement, length(type) + 1), member, /[,;] */)
            for (i = 1; i < n; i++) print doc type member[i] ";"
        } else print doc statement
    }
    statement = leading = trailing = ""
}

# The list of statuses, written out.
function statuses(    i) {
    for (i = 1; i <= n_status; i++) {
        printf "    KARMA_E_%s = -%d, /**< %s; exit status %d. */\n", status_name[i], i, \
            toupper(substr(status_text[i], 1, 1)) substr(status_text[i], 2), status_exit[i]
    }
}

FNR == 1 {
    file = FILENAME
    sub(/.*\//, "", file)
    is_page = file ~ /\.md$/
    module = file
    sub(/\.h$/, "", module)
}
is_page { print markdown($0); next }

# The comment a file begins with: NAME.h - what it is.
FNR == 1, /\*\// {
    line = words($0)
    if (line != "") head = joined(head, line)
    if ($0 ~ /\*\//) {
        sub(/^[^ ]+ - /, "", head)
        title = head
        if (match(title, /[.:;,] /)) title = substr(title, 1, RSTART - 1)
        sub(/\.$/, "", title)
        head = sentence(head)
        printf "/** @file\n * %s */\n", escaped(head)
        printf "/** @defgroup %s %s.h: %s\n * %s\n * @{ */\n", module, module, title, escaped(head)
        head = ""
    }
    next
}

/^[ \t]*X\([A-Z]+, [0-9]+, "/ { # a line of KARMA_STATUS_LIST
    n_status++
    line = $0
    sub(/^[ \t]*X\(/, "", line)
    status_name[n_status] = line
    sub(/,.*/, "", status_name[n_status])
    sub(/^[A-Z]+, /, "", line)
    status_exit[n_status] = line + 0
    sub(/^[0-9]+, "/, "", line)
    sub(/"\).*/, "", line)
    status_text[n_status] = line
    next
}
/^#define KARMA_STATUS_LIST/ { next }
/^enum karma_status_order/, /^};/ { next }
/^[ \t]*KARMA_STATUS_LIST\(X\)/ { statuses(); next }
/^#(define X\(|undef X)/ { next }

in_comment { # lines of a comment that has begun
    text = joined(text, words($0))
    if ($0 ~ /\*\//) {
        in_comment = 0
        if (is_trailing) { trailing = text; finish() } else leading = text
    }
    next
}
statement == "" && /^[ \t]*\/\*/ {
    text = words($0)
    is_trailing = 0
    if ($0 ~ /\*\//) leading = text
    else in_comment = 1
    next
}
/^[ \t]*$/ { finish(); shared = ""; leading = ""; print ""; next }
/^#/ && statement == "" { # a definition may have a comment, other directives have none
    if (/^#define/ && leading != "") printf "/** %s */\n", escaped(leading)
    leading = ""
    print
    while (/\\$/ && (getline) > 0) print
    next
}
{
    code = $0
    comment = ""
    at = index(code, "/*")
    if (at) {
        comment = substr(code, at)
        code = substr(code, 1, at - 1)
    }
    statement = statement == "" ? code : statement "\n" code
    opened += gsub(/\(/, "(", code) - gsub(/\)/, ")", code)
    ends = opened == 0 && code ~ /([;{},]|[A-Za-z0-9_])[ \t]*$/
    # Without a sign at its end a line goes on, except for the last value of an enum.
    if (ends && code ~ /[A-Za-z0-9_][ \t]*$/ && code !~ /^ +KARMA_[A-Z_0-9]+( = [-0-9a-zA-Z_]+)?[ \t]*$/) ends = 0
    if (comment != "") {
        text = words(comment)
        if (comment ~ /\*\//) { trailing = joined(trailing, text); if (ends) finish() }
        else { in_comment = 1; is_trailing = 1; if (!ends) is_trailing = 2 }
    } else if (ends) finish()
}

END { if (!is_page) { finish(); print "/** @} */" } }
