#!/usr/bin/env bash
# Question: A registry holds an OCI image. Does a client see it that asks for the manifest with `Accept: */*`, as curl
#           and most HTTP libraries do by themselves?
# Guess:    Yes: */* accepts everything.
# Truth:    Distribution 2.8 answers 404 MANIFEST_UNKNOWN, by tag and by digest, unless Accept names the very type
#           "application/vnd.oci.image.manifest.v1+json"; a wildcard does not count. A check "is the tag there?" by a
#           plain HEAD says no, although `tags/list` has the tag. Only the JSON of the error tells why, and a HEAD has
#           none.
# Versions: distribution (docker-registry) 2.8.2, curl 7.88.1. The registry is Debian's package or any build of that
#           release, found on PATH.
# Seen:
#    HEAD with Accept: */*: 404
#    HEAD with Accept: application/*: 404
#    HEAD with Accept: application/json: 404
#    HEAD with Accept: application/vnd.oci.image.manifest.v1+json: 200
#    tags/list: {"name":"demo","tags":["1"]}
#    GET with Accept: */*: OCI manifest found, but accept header does not support OCI manifests
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
image="http://$address/v2/demo"

upload() { # a blob; prints its digest
  local digest location
  digest="sha256:$(sha256sum <"$1" | cut -d' ' -f1)"
  location=$(curl -sS -D - -o "$work/answer" -X POST "$image/blobs/uploads/" | tr -d '\r' |
    sed -n 's/^[Ll]ocation: //p')
  curl -sS --fail -X PUT --data-binary "@$1" -H "Content-Type: application/octet-stream" \
    "$location$([[ $location == *\?* ]] && echo '&' || echo '?')digest=$digest"
  echo "$digest"
}
echo '{}' >"$work/blob"
digest=$(upload "$work/blob")
oci=application/vnd.oci.image.manifest.v1+json
config="{\"mediaType\":\"application/vnd.oci.image.config.v1+json\",\"digest\":\"$digest\",\"size\":3}"
echo "{\"schemaVersion\":2,\"mediaType\":\"$oci\",\"config\":$config,\"layers\":[]}" >"$work/manifest"
curl -sS --fail -X PUT --data-binary "@$work/manifest" -H "Content-Type: $oci" "$image/manifests/1"

seen=""
for accept in "*/*" "application/*" "application/json" "$oci"; do
  status=$(curl -sS --head -o "$work/answer" -w '%{http_code}' -H "Accept: $accept" "$image/manifests/1")
  echo "HEAD with Accept: $accept: $status"
  seen+="$status "
done
tags=$(curl -sS "$image/tags/list")
echo "tags/list: $tags"
echo "GET with Accept: */*: $(curl -sS "$image/manifests/1" | sed -nE 's/.*"message":"([^"]*)".*/\1/p')"

if [[ $seen != "404 404 404 200 " || $tags != *'"1"'* ]]; then
  echo "changed: the registry shows an OCI manifest to others" >&2
  exit 1
fi
