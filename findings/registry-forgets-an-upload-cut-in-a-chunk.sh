#!/usr/bin/env bash
# Question: The connection breaks in the middle of a chunk (PATCH) of an upload. The client asks how far the upload came,
#           as the distribution specification has it (GET of its Location). What does it hear?
# Guess:    204 with a Range: the bytes that arrived, or those of the last whole chunk. The upload goes on there.
# Truth:    404 BLOB_UPLOAD_INVALID, for the GET and for everything else: the Location is signed for the number of bytes
#           at the last answer, and the bytes of the cut chunk have been added to the file. The upload is lost, however
#           many chunks had arrived. The same where the chunk arrived whole and only its answer was lost. A PATCH that
#           was opened before the cut, and whose body comes after it, still writes where the chunk begins, and is
#           answered with a good Location: with such a second request in reserve the upload can be saved.
# Versions: distribution (docker-registry) 2.8.2, Python 3.11's standard library. The registry is Debian's package or any
#           build of that release, found on PATH, with its files in a folder.
# Seen:
#    between two chunks: 204, Range 0-999999
#    after a cut in the second chunk: 404 BLOB_UPLOAD_INVALID
#    by a request opened before: 202, Range 0-1999999
#    the blob: 201, and read back as sent
set -euo pipefail

work=$(mktemp -d)
registry_process=""
trap '[[ -z $registry_process ]] || kill "$registry_process"; rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

command -v python3 >/dev/null || untried "this needs python3"
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

python3 - "$address" <<'PYTHON'
import hashlib, http.client, json, sys, time
from urllib.parse import urlsplit

address = sys.argv[1]
data = hashlib.shake_256(b"a layer").digest(3_000_000)
digest = "sha256:" + hashlib.sha256(data).hexdigest()


def ask(method, target, body=None):
    connection = http.client.HTTPConnection(address)
    kind = {"Content-Type": "application/octet-stream"} if body is not None else {}
    connection.request(method, target, body=body, headers=kind)
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def place(headers):
    parts = urlsplit(headers["Location"])
    return f"{parts.path}?{parts.query}"


def begin(target, **headers):
    connection = http.client.HTTPConnection(address)
    connection.putrequest("PATCH", target)
    for name, text in {"Content-Type": "application/octet-stream", **headers}.items():
        connection.putheader(name.replace("_", "-"), text)
    connection.endheaders()
    return connection


target = place(ask("POST", "/v2/demo/blobs/uploads/")[1])
target = place(ask("PATCH", target, data[:1_000_000])[1])
status, headers, _ = ask("GET", target)
print(f"between two chunks: {status}, Range {headers['Range']}")
good = status == 204

reserve = begin(target, Transfer_Encoding="chunked", Expect="100-continue")
reserve.sock.recv(64)  # 100 Continue: the registry has opened the upload
cut = begin(target, Content_Length="1000000")
cut.send(data[1_000_000:1_300_000])
cut.close()
for _ in range(100):  # until the registry has noticed
    status, _, body = ask("GET", target)
    if status != 204:
        break
    time.sleep(0.1)
code = json.loads(body)["errors"][0]["code"] if body else "-"
print(f"after a cut in the second chunk: {status} {code}")
good &= (status, code) == (404, "BLOB_UPLOAD_INVALID")

reserve.send(b"%x\r\n" % 1_000_000 + data[1_000_000:2_000_000] + b"\r\n0\r\n\r\n")
answer = reserve.getresponse()
print(f"by a request opened before: {answer.status}, Range {answer.headers['Range']}")
good &= answer.status == 202
target = place(ask("PATCH", place(answer.headers), data[2_000_000:])[1])
status = ask("PUT", f"{target}&digest={digest}")[0]
same = ask("GET", f"/v2/demo/blobs/{digest}")[2] == data
print(f"the blob: {status}, and {'read back as sent' if same else 'another one'}")
if not (good and status == 201 and same):
    sys.exit("changed: the registry goes on after a cut, or not even by a request opened before")
PYTHON
