# shellcheck shell=bash
# Kubernetes' own programs, compiled once and kept by the hash of everything that goes into them.
# A program appears in the cache by a rename, so what is there is whole.

# That of the sources, so that what programs say of themselves is true.
KUBERNETES_VERSION=$(awk '$1 == "k8s.io/kubernetes" { print $2 }' "$ROOT/cluster/go/go.mod")
readonly KUBERNETES_VERSION
readonly COREDNS_VERSION=v1.12.4
readonly VERSITYGW_VERSION=v1.8.0
readonly CACHE_ROOT=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/videofactory

# name=package of our module, in the order in which they are wanted first
readonly MODULE_PROGRAMS=(
  kubectl=k8s.io/kubernetes/cmd/kubectl
  etcd=go.etcd.io/etcd/server/v3
  kube-apiserver=k8s.io/kubernetes/cmd/kube-apiserver
  kube-controller-manager=k8s.io/kubernetes/cmd/kube-controller-manager
  kube-scheduler=k8s.io/kubernetes/cmd/kube-scheduler
  kubelet=k8s.io/kubernetes/cmd/kubelet
  kube-proxy=k8s.io/kubernetes/cmd/kube-proxy
)
# What an instance runs only where it is asked to follow NetworkPolicies.
readonly POLICY_PROGRAMS=(
  kube-router=github.com/cloudnativelabs/kube-router/v2/cmd/kube-router
)
# Programs whose modules install as they are.
readonly INSTALLED_PROGRAMS=(
  "coredns=github.com/coredns/coredns@$COREDNS_VERSION"
  "versitygw=github.com/versity/versitygw/cmd/versitygw@$VERSITYGW_VERSION"
)

# The folder of the compiled programs.
binaries() {
  if [[ -z ${BINARIES:-} ]]; then
    BINARIES=$CACHE_ROOT/$({
      cat "$ROOT"/cluster/go/{go.mod,go.sum,tools.go}
      echo "$KUBERNETES_VERSION $COREDNS_VERSION $VERSITYGW_VERSION"
      go env GOVERSION GOOS GOARCH
    } | sha256sum | cut -c1-16)
  fi
  echo "$BINARIES"
}

# build_binaries [NAME…]: compiles what the cache does not have, of NAME or of what every instance runs.
build_binaries() {
  local dir entry name wanted=" $* "
  local programs=("${MODULE_PROGRAMS[@]}" "${INSTALLED_PROGRAMS[@]}")
  (($# == 0)) || programs+=("${POLICY_PROGRAMS[@]}")
  require_go
  dir=$(binaries)
  mkdir -p "$dir"
  for entry in "${programs[@]}"; do
    name=${entry%%=*}
    [[ $# == 0 || $wanted == *" $name "* ]] || continue
    [[ -x $dir/$name ]] || build_program "$name" "${entry#*=}" "$dir" "$ROOT/cluster/go" "$(version_flags)"
  done
}

# build_program NAME PACKAGE DIR [MODULE [FLAGS]]: compiles DIR/NAME, unless it is there. PACKAGE is one of the module in the
# folder MODULE, with FLAGS for the linker, or PACKAGE@VERSION by itself.
build_program() (
  name=$1 package=$2 dir=$3 module=${4:-} flags="-s -w ${5:-}"
  exec {build_lock}>"$dir/.lock-$name"
  flock "$build_lock"
  [[ -x $dir/$name ]] && exit
  say "building $name"
  rm -rf "$dir/.$name."*
  staging=$(mktemp -d "$dir/.$name.XXXXXX")
  trap 'rm -rf "$staging"' EXIT
  export CGO_ENABLED=0 GOFLAGS=-buildvcs=false
  if [[ $package == *@* ]]; then
    GOBIN=$staging go install -trimpath -ldflags '-s -w' "$package"
  else
    cd "$module" && go build -trimpath -ldflags "$flags" -o "$staging/$name" "$package"
  fi || die "building $name failed; the lines above say why"
  mv "$staging/$name" "$dir/$name"
)

# What makes programs say which version of Kubernetes they are.
version_flags() {
  local version=${KUBERNETES_VERSION#v} package flags=
  local major=${version%%.*} minor=${version#*.}
  minor=${minor%%.*}
  for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    flags+=" -X $package.gitVersion=$KUBERNETES_VERSION"
    flags+=" -X $package.gitMajor=$major -X $package.gitMinor=$minor"
  done
  echo "$flags"
}
