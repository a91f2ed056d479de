# docs_match.awk - does text look as a page says? WANT and GOT are the two files; a line "..." stands for
# any lines, "..." inside a line for any characters. Exit status 0: yes. Else it prints the first line
# that differs.

function line_matches(want, got,    at, part, rest) {
    at = index(want, "...")
    if (!at) return want == got
    part = substr(want, 1, at - 1)
    if (substr(got, 1, at - 1) != part) return 0
    want = substr(want, at + 3)
    for (rest = substr(got, at); ; rest = substr(rest, 2)) {
        if (line_matches(want, rest)) return 1
        if (rest == "") return 0
    }
}

function matches(w, g) {
    for (; w <= n_want; w++) {
        if (want[w] == "...") {
            if (w == n_want) return 1
            for (; g <= n_got + 1; g++) if (matches(w + 1, g)) return 1
            return 0
        }
        if (g > n_got || !line_matches(want[w], got[g])) {
            if (g >= furthest) { furthest = g; missed = want[w] }
            return 0
        }
        g++
    }
    if (g <= n_got && g >= furthest) { furthest = g; missed = "no more" }
    return g > n_got
}

BEGIN {
    furthest = 1
    while ((getline line < WANT) > 0) want[++n_want] = line
    while ((getline line < GOT) > 0) got[++n_got] = line
    if (matches(1, 1)) exit 0
    printf "line %d: expected \"%s\", found \"%s\"\n", furthest, missed, \
           (furthest > n_got ? "nothing" : got[furthest])
    exit 1
}
