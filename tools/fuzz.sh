#!/usr/bin/env bash
# Fuzzes every target of the module, one after the other, and keeps the figures of the run: tools/fuzz.sh 60s [package pattern] [figures]
#
# A line of figures is target, seconds, executions and seeds, with tabs between. The run goes on when a target fails, and fails at its end.
set -uo pipefail
cd "$(dirname "$0")/.."
time=${1:-60s}
pattern=${2:-.}
figures=${3:-/dev/null}
failed=0

: >"$figures"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
for pkg in $(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | grep -E "$pattern"); do
  for target in $(grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$pkg"/*_test.go | sed 's/func //' | sort -u); do
    echo "== $pkg $target"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$pkg" >"$log" 2>&1 || { failed=1; tail -n 20 "$log" | cut -c1-400; }
    last=$(grep -E '^fuzz: elapsed' "$log" | tail -n 1)
    execs=$(sed -nE 's/.*execs: ([0-9]+).*/\1/p' <<<"$last")
    total=$(sed -nE 's/.*total: ([0-9]+).*/\1/p' <<<"$last")
    printf '%s\t%s\t%s\t%s\n' "${pkg#./internal/}.$target" "${time%s}" "${execs:-0}" "${total:-0}" | tee -a "$figures"
  done
done
exit "$failed"
