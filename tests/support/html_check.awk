# html_check.awk - is a page of ours well-formed? Tags nest and end, void elements do not; attributes
# are quoted; ids stand there once, and what refers to one finds it; nothing refers outside the page;
# no script, no handler of events. Prints what is wrong, a line each; nothing: all is well.
BEGIN {
    RS = "\001"
    n = split("meta img br hr link input", v, " ")
    for (i = 1; i <= n; i++) void[v[i]] = 1
}
{
    text = $0
    if (text !~ /^<!DOCTYPE html>/) print "does not begin with a doctype"
    sub(/^<!DOCTYPE html>/, "", text)
    while ((at = index(text, "<")) > 0) {
        before = substr(text, 1, at - 1)
        plain(before)
        text = substr(text, at)
        if (!match(text, /^<\/?[a-z][a-z0-9]*( [a-zA-Z0-9:-]+(="[^"<]*")?)* ?\/?>/)) {
            print "no tag of ours: " substr(text, 1, 60)
            text = substr(text, 2)
            continue
        }
        tag = substr(text, 1, RLENGTH)
        text = substr(text, RLENGTH + 1)
        name = tag
        sub(/^<\/?/, "", name)
        sub(/[^a-z0-9].*/, "", name)
        if (tag ~ /^<\//) {
            if (depth == 0 || stack[depth] != name) { print "</" name "> ends <" stack[depth] ">"; exit }
            depth--
            continue
        }
        attributes(name, tag)
        if (!(name in void) && tag !~ /\/>$/) stack[++depth] = name
        if (name == "style") { # its text is no markup
            at = index(text, "</style>")
            css = substr(text, 1, at - 1)
            if (css ~ /url\(|@import|expression|</) print "style reaches out"
            text = substr(text, at)
        }
    }
    plain(text)
    for (; depth > 0; depth--) print "<" stack[depth] "> has no end"
    for (r in wanted) if (!(r in ids)) print "nothing has the id " r
}
# Outside of tags: entities alone.
function plain(s) {
    gsub(/&(amp|lt|gt|quot|#39);/, "", s)
    if (s ~ /&/) print "a bare &: " substr(s, index(s, "&"), 40)
    if (s ~ />/) print "a bare >: " substr(s, index(s, ">"), 40)
}
function attributes(name, tag,   rest, a, value, parts, k, i) {
    if (name == "script" || name == "iframe" || name == "object" || name == "embed" || name == "link" ||
        name == "form" || name == "base") print "a <" name ">"
    rest = tag
    while (match(rest, / [a-zA-Z0-9:-]+="[^"]*"/)) {
        a = substr(rest, RSTART + 1, RLENGTH - 1)
        rest = substr(rest, RSTART + RLENGTH)
        value = a
        sub(/^[^=]*="/, "", value)
        sub(/"$/, "", value)
        sub(/=.*/, "", a)
        plain(value)
        if (a ~ /^on/) print "a handler: " a
        if (a == "id" && value in ids) print "the id " value " stands there twice"
        if (a == "id") ids[value] = 1
        if (a == "style") print "a style attribute"
        if (a == "src" && value !~ /^data:(image\/(png|jpeg|webp)|audio\/(wav|flac|ogg|mpeg));base64,/)
            print "src reaches out: " substr(value, 1, 60)
        if (a == "href" && value !~ /^#/) print "href reaches out: " substr(value, 1, 60)
        if (a == "href" && value ~ /^#/) wanted[substr(value, 2)] = 1
        if (a == "aria-labelledby") {
            k = split(value, parts, " ")
            for (i = 1; i <= k; i++) wanted[parts[i]] = 1
        }
    }
    if (name == "th" && tag !~ / scope="(row|col)"/) print "a header cell without scope"
    if (name == "img" && tag !~ / alt="/) print "a picture without alt"
    if (name == "html" && tag !~ / lang="/) print "no language"
}
