# files.sh - sourced by the checks: which files are the project's. git knows; without a repository
# (a release archive) it is all but build/.
project_files() { # patterns as git's; none: all
    [ $# -gt 0 ] || set -- '*'
    if git rev-parse --is-inside-work-tree > /dev/null 2>&1; then
        git ls-files -co --exclude-standard -- "$@" | sort -u
        return
    fi
    for pattern in "$@"; do
        find . -path ./build -prune -o -type f -path "./$pattern" -print
    done | sed 's|^\./||' | sort -u
}
