#!/usr/bin/env bash
# modelgate in under a minute, without the internet: a stand-in Hub with a good and an evil model, the gateway in front of
# it, and the Hub's own command-line client in front of that. The evil model's payload is inert, and nothing loads it.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$(mktemp -d)
pids=()
cleanup() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap cleanup EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() { printf '\033[2m$ %s\033[0m\n' "$*"; }
# await FILE PATTERN prints what the pattern matches as soon as FILE has it.
await() {
  for _ in $(seq 200); do
    if grep -oEm1 "$2" "$1" 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "demo: nothing like $2 in $1" >&2
  cat "$1" >&2
  exit 1
}

hf=$(go run ./internal/testenv/cmd/testenv hf hub24)
go build -o "$work/hub" ./internal/hubtest/cmd/hub

say "A stand-in for the Hub, with demo/good and demo/evil"
"$work/hub" >"$work/hub.log" 2>&1 & pids+=($!)
upstream=$(await "$work/hub.log" 'http://[0-9.:]+')
echo "$upstream"

say "The gateway in front of it"
show "MODELGATE_HUGGINGFACE_ENDPOINT=$upstream modelgate serve"
MODELGATE_HUGGINGFACE_ENDPOINT=$upstream MODELGATE_LISTEN=127.0.0.1:0 MODELGATE_DATA_DIR=$work/data MODELGATE_LOG_LEVEL=warn \
  bin/modelgate serve >"$work/gate.log" 2>&1 & pids+=($!)
gate=$(await "$work/gate.log" 'HF_ENDPOINT=http://[0-9.:]+')
gate=${gate#HF_ENDPOINT=}
export HF_ENDPOINT=$gate HF_HOME=$work/hf HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_PROGRESS_BARS=1 NO_COLOR=1
show "export HF_ENDPOINT=$gate"

say "A good model arrives as ever"
show "hf download demo/good"
"$hf" download demo/good

say "An evil one is refused, with the reason and the UUID of its scan"
show "hf download demo/evil"
if "$hf" download demo/evil >"$work/evil.log" 2>&1; then
  echo "demo: the evil model came through" >&2
  exit 1
fi
grep -v '^ *$' "$work/evil.log" | tail -n 6

scan=$(grep -oE 'scan [0-9a-f-]{36}' "$work/evil.log" | head -n 1 | cut -d' ' -f2)
say "What was found"
show "modelgate get-scan $scan"
bin/modelgate get-scan "$scan" --base-url "$gate" --output text

say "Everything is on record"
show "modelgate list-scans"
bin/modelgate list-scans --base-url "$gate" --output text
