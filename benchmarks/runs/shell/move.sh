#!/usr/bin/env bash
# Moves models to AI Deploy as a person would with a shell: build, push, create, wait until it runs, ask once.
#
#   move.sh before|after FOLDER      FOLDER/NAME/model.onnx, each into an app of its own
#
# OVH_* say where and as whom, as for the tool. JOBS models go side by side; an app is looked at every POLL seconds.
# BASE and PIP_* go to the build. It needs docker, curl and jq. What it makes stays there.
set -euo pipefail

export FORM=$1 JOBS=${JOBS:-4} POLL=${POLL:-10} REGION=${REGION:-GRA}
export HERE WORK PROJECT=$OVH_CLOUD_PROJECT_SERVICE
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT
export DOCKER_CONFIG=$WORK/docker

# One signed call: METHOD PATH [BODY]. A call that the API's rate forbids is repeated when the API says.
api() {
  local method=$1 url=$OVH_ENDPOINT/cloud/project/$PROJECT$2 body=${3:-} now signature
  now=$(date +%s)
  signature=$(printf '%s' "$OVH_APPLICATION_SECRET+$OVH_CONSUMER_KEY+$method+$url+$body+$now" | sha1sum)
  curl --silent --show-error --fail --retry 10 --request "$method" ${body:+--data "$body"} \
    --header @<(printf 'X-Ovh-Application: %s\nX-Ovh-Consumer: %s\nX-Ovh-Timestamp: %s\nX-Ovh-Signature: $1$%s\n' \
      "$OVH_APPLICATION_KEY" "$OVH_CONSUMER_KEY" "$now" "${signature%% *}") \
    --header 'Content-Type: application/json' "$url"
}

move() {
  local name=$1 image=$REPOSITORY/$1:$FORM context=$WORK/$1 id app answer
  mkdir "$context"
  cp "$HERE/app.py" "$HERE/requirements.txt" "$MODELS/$name/model.onnx" "$context"
  docker build --quiet --network host --file "$HERE/$FORM.Dockerfile" --tag "$image" ${BASE:+--build-arg "BASE=$BASE"} \
    --build-arg PIP_FIND_LINKS --build-arg PIP_NO_INDEX --build-arg PIP_TRUSTED_HOST "$context" >"$context.log" 2>&1 ||
    { cat "$context.log" >&2; return 1; }
  docker push --quiet "$image" >/dev/null
  id=$(api POST /ai/app "$(jq --null-input --compact-output --arg name "$name" --arg image "$image" --arg region "$REGION" \
    '{name: $name, image: $image, region: $region, resources: {flavor: "ai1-1-cpu", cpu: 1}, defaultHttpPort: 8080,
      unsecureHttp: false, labels: {by: "shell"}, probe: {path: "/health", port: 8080},
      scalingStrategy: {fixed: {replicas: 1}}}')" | jq --raw-output .id)
  while sleep "$POLL"; do
    app=$(api GET "/ai/app/$id")
    case $(jq --raw-output .status.state <<<"$app") in
      RUNNING) break ;;
      FAILED | ERROR) printf '%s\n' "$app" >&2; return 1 ;;
    esac
  done
  answer=$(curl --silent --show-error --fail --header @<(printf 'Authorization: Bearer %s\n' "$TOKEN") \
    --header 'Content-Type: application/json' --data '{"input": [[1, 2, 3, 4]]}' \
    "$(jq --raw-output .status.url <<<"$app")/predict")
  printf '%s %s\n' "$name" "$answer"
}

export MODELS REPOSITORY TOKEN
MODELS=$(cd "$2" && pwd)
REPOSITORY=$(api GET "/ai/capabilities/region/$REGION" | jq --raw-output .registryUrl)
REPOSITORY=${REPOSITORY#*://}
user=$(api POST /user '{"description":"shell","roles":["ai_training_operator"]}')
until [ "$(api GET "/user/$(jq --raw-output .id <<<"$user")" | jq --raw-output .status)" = ok ]; do sleep 1; done
jq --raw-output .password <<<"$user" |
  docker login --username "$(jq --raw-output .username <<<"$user")" --password-stdin "${REPOSITORY%%/*}" >/dev/null 2>&1
TOKEN=$(api POST /ai/token "$(jq --null-input --compact-output --arg region "$REGION" \
  '{name: "shell", region: $region, role: "ai_training_read", labelSelector: "by=shell"}')" | jq --raw-output .status.value)
export -f api move
find "$MODELS" -mindepth 1 -maxdepth 1 -printf '%f\n' | sort |
  xargs --max-procs "$JOBS" --max-args 1 bash -o errexit -o nounset -o pipefail -c 'move "$1"' move
