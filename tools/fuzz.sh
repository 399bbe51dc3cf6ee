#!/usr/bin/env bash
# Fuzzes every target of the module, one after the other: tools/fuzz.sh 60s
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}

grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r pkg; do
  grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$pkg"/*_test.go | sed 's/func //' | sort -u | while read -r target; do
    echo "== $pkg $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg"
  done
done
