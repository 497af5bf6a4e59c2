#!/usr/bin/env bash
# Builds and pushes models as a person would in a shell, one after the other: pip in a RUN, packages before the model.
#
#   loop.sh FOLDER REQUIREMENTS      FOLDER/NAME/, each to $REGISTRY/shell/NAME:1; its tag is read back
#
# REGISTRY, BASE and PIP_* go to the build.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/../../runs/shell
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
for model in "$1"/*/; do
  name=$(basename "$model")
  context=$work/$name
  mkdir "$context"
  cp "$here/app.py" "$context"
  cp "$2" "$context/requirements.txt"
  cp -r "$model." "$context"
  docker build --quiet --network host --file "$here/after.Dockerfile" --tag "$REGISTRY/shell/$name:1" \
    --build-arg "BASE=$BASE" --build-arg PIP_FIND_LINKS --build-arg PIP_NO_INDEX --build-arg PIP_TRUSTED_HOST \
    "$context" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
  docker push --quiet "$REGISTRY/shell/$name:1" >/dev/null
  curl --silent --show-error --fail --output /dev/null "http://$REGISTRY/v2/shell/$name/manifests/1" \
    --header 'Accept: application/vnd.docker.distribution.manifest.v2+json'
done
