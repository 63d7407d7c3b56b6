#!/bin/sh
# Builds the wheel and installs it with the part of requirements.txt that it needs, every package by its hash.
# Usage: sh deploy/container/build.sh TARGET [EXTRA...], in the root of the repository. TARGET becomes a virtual environment.
set -eu
target=$1
shift
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pip() { "$1/bin/python" -m pip --quiet --disable-pip-version-check "install" --no-deps "$2" "$3" ${4+"$4"}; }

python3 -m venv "$work/tools"
awk '/^(cython|hatchling|packaging|pathspec|pluggy|setuptools|trove-classifiers)==/ { on = 1; print; next } /^[^ ]/ { on = 0 } on' requirements.txt > "$work/tools.txt"
pip "$work/tools" --require-hashes -r "$work/tools.txt"
"$work/tools/bin/python" -m hatchling build -t wheel -d "$work/dist" > /dev/null
"$work/tools/bin/python" deploy/container/closure.py requirements.txt "$work/dist"/*.whl "$@" > "$work/runtime.txt"

python3 -m venv "$target"
pip "$target" --require-hashes -r "$work/runtime.txt"
pip "$target" --no-index "$work/dist"/*.whl
"$target/bin/python" -m pip check --quiet --disable-pip-version-check
