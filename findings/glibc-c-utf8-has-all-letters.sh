#!/usr/bin/env bash
# Question: A library asks the C library for en_US.UTF-8 by name, to change the case of texts. An image has C.UTF-8 alone.
#           Would its tables do?
# Guess:    No: the C locale knows the letters of ASCII, and C.UTF-8 is that with another encoding.
# Truth:    Its tables of upper and lower case are those of en_US.UTF-8. A link of the other name to
#           it, in a folder that LOCPATH names, is enough, and nothing has to be compiled.
# Versions: glibc 2.36 and locales 2.36 of Debian 12, CPython 3.11.
# Seen:
#    en_US.UTF-8 without a link: not there
#    code points whose case differs from the compiled en_US.UTF-8: 0 of 2879; É becomes é
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
untried() {
  echo "not tried: $*" >&2
  exit 77
}

command -v python3 >/dev/null || untried "this needs python3"
[ -d /usr/lib/locale/C.utf8 ] || untried "this needs glibc's C.UTF-8 as a folder, as Debian has it"
! locale -a 2>/dev/null | grep -qi '^en_US\.utf' || untried "this machine has en_US.UTF-8"
mkdir "$work/empty" "$work/linked" "$work/compiled"
ln -s /usr/lib/locale/C.utf8 "$work/linked/en_US.utf8"
localedef -i en_US -f UTF-8 "$work/compiled/en_US.utf8" 2>/dev/null ||
  untried "this needs localedef and the sources of locales (Debian: locales)"

cat >"$work/letters.py" <<'PYTHON'
import ctypes
import sys

LC_CTYPE_MASK = 1
libc = ctypes.CDLL(None)
libc.newlocale.restype = ctypes.c_void_p
libc.newlocale.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p]
found = libc.newlocale(LC_CTYPE_MASK, b"en_US.UTF-8", None)
if not found:
    sys.exit("not there")
for function in (libc.towlower_l, libc.towupper_l):
    function.restype, function.argtypes = ctypes.c_uint, [ctypes.c_uint, ctypes.c_void_p]
for point in range(0x110000):
    pair = libc.towlower_l(point, found), libc.towupper_l(point, found)
    if pair != (point, point):
        print(point, *pair)
PYTHON

without=$(LOCPATH="$work/empty" python3 "$work/letters.py" 2>&1 >/dev/null || true)
echo "en_US.UTF-8 without a link: ${without:-there}"
LOCPATH="$work/linked" python3 "$work/letters.py" >"$work/linked.txt"
LOCPATH="$work/compiled" python3 "$work/letters.py" >"$work/compiled.txt"
differing=$(diff "$work/linked.txt" "$work/compiled.txt" | grep -c '^[<>]' || true)
echo "code points whose case differs from the compiled en_US.UTF-8: $differing of $(wc -l <"$work/compiled.txt");" \
  "É becomes $(awk '$1 == 201 && $2 == 233 { print "é" }' "$work/linked.txt")"

[ "$without" = "not there" ] && [ "$differing" = 0 ] && grep -q '^201 233 201$' "$work/linked.txt" || {
  echo "changed: the tables differ, or the locale is found without a link" >&2
  exit 1
}
