# shellcheck shell=bash
# kind, which runs a Kubernetes in Docker.

# Puts kind on the PATH, compiled once if the machine has none. Supposes the repository's root as the present folder.
find_kind() {
  local kind
  ! command -v kind >/dev/null || return 0
  kind=$(scripts/tool kind) || die "there is no kind, and compiling it failed, as the lines above say; install it: https://kind.sigs.k8s.io"
  PATH=$(dirname "$kind"):$PATH
}
