#!/usr/bin/env bash
# Question: `POST /images/create?fromSrc=-&repo=NAME&tag=TAG` imports a file system under NAME:TAG in Docker. In
#           Podman's API of the same form?
# Guess:    The same.
# Truth:    Podman 4.3 names the image docker.io/library/NAME:latest and says nothing of the tag. Who looks for
#           NAME:TAG afterwards finds no image. The answer has the id: give the name with POST /images/ID/tag.
# Versions: Podman 4.3.1, curl 7.88.1. Podman is Debian's package or any build of that release, found on PATH.
# Seen:
#    named: docker.io/library/finding:latest
#    finding:one: status 404
#    after POST /images/ID/tag, finding:one: status 200
set -euo pipefail

work=$(mktemp -d)
service=""
clean() {
  [[ -z $service ]] || kill "$service"
  umount "$work/images/overlay" 2>/dev/null || true
  rm -rf "$work" 2>/dev/null || true
}
trap clean EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

command -v curl >/dev/null || untried "this needs curl"
command -v podman >/dev/null || untried "this needs podman on PATH"
[[ $(podman --version) == *" 4.3."* ]] || untried "this needs release 4.3 of podman"

printf '[storage]\ndriver = "vfs"\nrunroot = "%s"\ngraphroot = "%s"\n' "$work/state" "$work/images" >"$work/storage.conf"
export CONTAINERS_STORAGE_CONF="$work/storage.conf"
podman system service --time 0 "unix://$work/socket" >"$work/log" 2>&1 &
service=$!
for _ in {1..100}; do
  [[ ! -S $work/socket ]] || break
  sleep 0.1
done
[[ -S $work/socket ]] || untried "podman does not start here: $(tail -n 1 "$work/log")"

ask() { curl --silent --unix-socket "$work/socket" "$@"; }
status() { ask --output /dev/null --write-out '%{http_code}' "http://d/v1.41/images/finding:one/json"; }

echo content >"$work/file"
tar --create --file "$work/image.tar" --directory "$work" file
answer=$(ask --data-binary "@$work/image.tar" --header "Content-Type: application/x-tar" \
  "http://d/v1.41/images/create?fromSrc=-&repo=finding&tag=one")
id=$(sed -nE 's/.*"id":"(sha256:[0-9a-f]+)".*/\1/p' <<<"$answer")
[[ -n $id ]] || untried "podman does not import here: $answer"
named=$(ask "http://d/v1.41/images/$id/json" | sed -nE 's/.*"RepoTags":\["([^"]*)"\].*/\1/p')
echo "named: $named"
before=$(status)
echo "finding:one: status $before"
ask --output /dev/null --request POST "http://d/v1.41/images/$id/tag?repo=finding&tag=one"
after=$(status)
echo "after POST /images/ID/tag, finding:one: status $after"
[[ $named == docker.io/library/finding:latest && $before == 404 && $after == 200 ]]
