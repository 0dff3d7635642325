# shellcheck shell=bash
# How tests in bash look at objects of the current kubectl context.

# field JSONPATH NAMESPACE WHAT…: a field of an object, or of each of several.
field() { kubectl -n "$2" get "${@:3}" --output "jsonpath={$1}"; }

# ready KIND NAME NAMESPACE: waits until the object is Ready.
ready() { kubectl -n "$3" wait "$1/$2" --for=condition=Ready --timeout=10m >/dev/null; }
