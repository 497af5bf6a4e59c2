#!/usr/bin/env bash
# Question: A client resumes the download of a blob that it already has in full: `Range: bytes=SIZE-`. What does a
#           registry answer?
# Guess:    416 with a short message or none, so that the client knows that nothing is left.
# Truth:    Distribution 2.8 answers 416 with the Content-Length of the whole blob and sends no byte of it. Whoever
#           reads the body of the answer waits for bytes that never come, until the registry closes the connection,
#           and then reports a broken transfer: curl ends with 18, requests raises ChunkedEncodingError. Compare sizes
#           before resuming, and never read that body.
# Versions: distribution (docker-registry) 2.8.2, curl 7.88.1. The registry is Debian's package or any build of that
#           release, found on PATH.
# Seen:
#    bytes=3- of 5: status 206, Content-Length 2, received 2, curl ends with 0
#    bytes=5- of 5: status 416, Content-Length 5, received 0, curl ends with 18
set -euo pipefail

work=$(mktemp -d)
registry_process=""
trap '[[ -z $registry_process ]] || kill "$registry_process"; rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

command -v curl >/dev/null || untried "this needs curl"
program=$(command -v docker-registry || command -v registry) || untried "this needs docker-registry on PATH"
[[ $("$program" --version) == *" "*2.8.* ]] || untried "this needs release 2.8 of the registry"

cat >"$work/config.yml" <<CONFIG
version: 0.1
storage: {filesystem: {rootdirectory: "$work/data"}}
http: {addr: "127.0.0.1:0"}
CONFIG
: >"$work/log"
"$program" serve "$work/config.yml" >>"$work/log" 2>&1 &
registry_process=$!
for _ in {1..100}; do
  address=$(sed -nE 's/.*listening on (127\.0\.0\.1:[0-9]+).*/\1/p' "$work/log")
  [[ -z $address ]] || break
  sleep 0.1
done
[[ -n $address ]] || untried "the registry does not start: $(tail -n 1 "$work/log")"

printf 'layer' >"$work/blob"
digest="sha256:$(sha256sum <"$work/blob" | cut -d' ' -f1)"
location=$(curl -sS -D - -o "$work/answer" -X POST "http://$address/v2/demo/blobs/uploads/" | tr -d '\r' |
  sed -n 's/^[Ll]ocation: //p')
curl -sS --fail -X PUT --data-binary "@$work/blob" -H "Content-Type: application/octet-stream" \
  "$location$([[ $location == *\?* ]] && echo '&' || echo '?')digest=$digest"

ask() { # sets status, length, received and ended
  ended=0
  : >"$work/answer"
  curl -sS --max-time 20 -D "$work/headers" -o "$work/answer" -H "Range: bytes=$1" \
    "http://$address/v2/demo/blobs/$digest" 2>"$work/error" || ended=$?
  status=$(sed -nE '1s/^HTTP[^ ]* ([0-9]+).*/\1/p' "$work/headers")
  length=$(tr -d '\r' <"$work/headers" | sed -nE 's/^[Cc]ontent-[Ll]ength: //p')
  received=$(wc -c <"$work/answer")
  echo "bytes=$1 of 5: status $status, Content-Length $length, received $received, curl ends with $ended"
}
ask 3-
part="$status $length $received $ended"
ask 5-
behind="$status $length $received $ended"

if [[ $part != "206 2 2 0" || $behind != "416 5 0 18" ]]; then
  echo "changed: the registry answers such a range in another way" >&2
  exit 1
fi
