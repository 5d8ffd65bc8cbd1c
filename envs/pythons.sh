#!/bin/sh
# Which Python makes .venv. The range is requires-python's in pyproject.toml.
#   pythons.sh list            every CPython that runs and can make an environment: version, place, path; newest first.
#                              The place is "path" or "pyenv" (installed there, and not called by its name).
#   pythons.sh newest          the newest in the range that a name on PATH calls; nothing if there is none
#   pythons.sh check PY GOAL   one line and status 1 unless PY is in the range: what was found, and what to write
set -eu
range=$(sed -n 's/^requires-python = ">=3\.\([0-9]*\),<3\.\([0-9]*\)"$/\1 \2/p' "$(dirname "$0")/../pyproject.toml")
lowest=${range% *} above=${range#* }

# By running it: pyenv puts names on PATH that end with status 127, and Debian's Python alone makes no environment.
version_of() {
    "$1" -c 'import sys, sysconfig, ensurepip, venv
if sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED"):
    print("%d.%d.%d" % sys.version_info[:3])' 2> /dev/null || true
}

list() {
    {
        printf '%s\n' "$PATH" | tr : '\n' | while read -r folder; do
            case $folder in '' | */.venv/bin) continue ;; esac # not the environment that is being made
            for name in "$folder"/python3 "$folder"/python3.[0-9] "$folder"/python3.[0-9][0-9]; do echo "path $name"; done
        done
        for name in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin/python3; do echo "pyenv $name"; done
    } | while read -r place name; do
        [ -x "$name" ] || continue
        version=$(version_of "$name")
        [ -z "$version" ] || printf '%s\t%s\t%s\n' "$version" "$place" "$name"
    done | sort -s -k 1,1Vr | awk -F '\t' '!seen[$1]++'
}

in_range() { awk -F '[.\t]' -v lowest="$lowest" -v above="$above" '$1 == 3 && $2 >= lowest && $2 < above'; }

case $1 in
    list) list ;;
    newest) list | in_range | awk -F '\t' '$2 == "path" { print $3; exit }' ;;
    check)
        [ -z "$2" ] || [ -z "$(version_of "$2" | in_range)" ] || exit 0
        all=$(list)
        usable=$(printf '%s\n' "$all" | in_range | head -n 1 | cut -f 3)
        found=$(printf '%s\n' "$all" | awk -F '\t' 'NF { printf "%s%s (%s)", (NR > 1 ? ", " : ""), $1, $3 }')
        echo "error: Python 3.$lowest to 3.$((above - 1)) is needed${2:+, $2 is none}; found: ${found:-no Python 3}." \
            "Write: make PYTHON=${usable:-/path/to/python3.$((above - 1))} $3" >&2
        exit 1
        ;;
esac
