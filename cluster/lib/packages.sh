# shellcheck shell=bash
# What the machine must have: Linux, root, Go and some Debian packages.

readonly CLUSTER_PACKAGES=(
  buildah busybox-static conntrack containerd containernetworking-plugins curl debian-archive-keyring
  iproute2 ipset iptables jq kmod mmdebstrap nftables openssl procps runc util-linux
)

require_linux_root() {
  [[ $(uname -s) == Linux ]] ||
    die "this builds a Kubernetes from Linux namespaces, and this is $(uname -s); use Docker and kind: kind create cluster --config kind-config.yaml"
  [[ $EUID == 0 ]] ||
    die "needs root for network namespaces, mounts and cgroups; run: sudo $0 …"
}

require_go() {
  command -v go >/dev/null || die "Go is missing; install Go 1.25 or newer from https://go.dev/dl"
  local version
  version=$(go env GOVERSION)
  [[ $version =~ ^go1\.([0-9]+) ]] || die "cannot read the version of Go in \"$version\""
  ((BASH_REMATCH[1] >= 25)) ||
    die "Go 1.25 or newer is needed and this is $version; install one from https://go.dev/dl"
}

missing_packages() {
  local package
  for package in "$@"; do
    [[ $(dpkg-query -W -f '${Status}' "$package" 2>/dev/null) == 'install ok installed' ]] ||
      echo "$package"
  done
}

# Installs what is missing on Debian; elsewhere says what is to be installed.
require_packages() {
  local missing
  if ! command -v dpkg-query >/dev/null; then
    require_commands
    return
  fi
  mapfile -t missing < <(missing_packages "${CLUSTER_PACKAGES[@]}")
  ((${#missing[@]} == 0)) && return
  if [[ -x $ROOT/scripts/setup ]] && "$ROOT/scripts/setup" >&2; then
    mapfile -t missing < <(missing_packages "${CLUSTER_PACKAGES[@]}")
    ((${#missing[@]} == 0)) && return
  fi
  die "packages are missing; run: apt-get install ${missing[*]}"
}

# Without dpkg, the commands themselves are looked for.
require_commands() {
  local command missing=()
  for command in buildah busybox conntrack containerd ctr curl ip ipset iptables jq mmdebstrap nft openssl runc; do
    command -v "$command" >/dev/null || missing+=("$command")
  done
  [[ -x /usr/lib/cni/bridge ]] || missing+=("/usr/lib/cni/bridge (containernetworking-plugins)")
  ((${#missing[@]} == 0)) ||
    die "missing on this machine: ${missing[*]}; install them with your distribution's package manager"
}
