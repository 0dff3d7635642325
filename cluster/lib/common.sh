# shellcheck shell=bash
# What every other part and the tests use: messages, the names and paths of an instance, locks, waiting.
# Everything an instance owns lies under $STATE or carries $TAG in its name.

readonly STATE_ROOT=${CLUSTER_STATE_DIR:-/var/lib/videofactory-cluster}

say() { printf '%s\n' "$*" >&2; }

die() {
  printf 'cluster: %s\n' "$*" >&2
  exit 1
}

# same WANTED FOUND [WHAT]: ends the program unless both are the same.
same() { [[ $1 == "$2" ]] || die "${3:+$3: }\"$2\" instead of \"$1\""; }

# Sets the names and paths of the instance NAME.
use_instance() {
  NAME=$1
  # Twenty characters keep every derived name and socket path within the kernel's limits.
  [[ $NAME =~ ^[a-z][a-z0-9-]{0,19}$ ]] ||
    die "bad name \"$NAME\": use 1 to 20 of a-z, 0-9 and -, beginning with a letter"
  TAG=videofactory-$NAME
  STATE=$STATE_ROOT/$NAME
  RUN=$STATE/run
  PKI=$STATE/pki
  LOGS=$STATE/logs
  KUBECONFIG_FILE=$STATE/kubeconfig
  AUDIT_LOG=$STATE/audit.log
  NETNS=/run/netns/$TAG
}

# What makes a folder an instance. `up` writes it before anything else, and nothing without it is ever removed:
# CLUSTER_STATE_DIR and a name can point at a folder of somebody's.
readonly INSTANCE_MARK=.videofactory-cluster-instance

instance_exists() { [[ -f $STATE/$INSTANCE_MARK ]]; }

# Makes the instance's folder, unless something else is there.
create_state() {
  require_no_foreign_state
  mkdir -p "$STATE"
  : >"$STATE/$INSTANCE_MARK"
}

# Ends the program if the instance's folder is one that `up` has not made.
require_no_foreign_state() {
  instance_exists || [[ ! -e $STATE && ! -L $STATE ]] || [[ -d $STATE && -z $(ls -A "$STATE") ]] ||
    die "$STATE is not an instance of this program (it has no file $INSTANCE_MARK), so it is left alone; use another --name or CLUSTER_STATE_DIR"
}

# Names of all instances on this machine.
instances() {
  local mark
  for mark in "$STATE_ROOT"/*/"$INSTANCE_MARK"; do
    [[ -f $mark ]] && basename "$(dirname "$mark")"
  done
  return 0
}

# Holds the lock file $1 until the program ends; says what is waited for if another holds it.
# Daemons are started with this descriptor closed, or they would keep the lock for ever.
LOCK_FD=
lock() {
  while :; do
    mkdir -p "$(dirname "$1")"
    exec {LOCK_FD}>"$1"
    if ! flock --nonblock "$LOCK_FD"; then
      say "waiting for another cluster command ($1)"
      flock "$LOCK_FD"
    fi
    # `down` removes its lock file: a lock on a file that is no longer there excludes nobody.
    [[ /proc/self/fd/$LOCK_FD -ef $1 ]] && return
    exec {LOCK_FD}>&-
  done
}

# await SECONDS WHAT COMMAND…: polls COMMAND until it succeeds; fails with WHAT after SECONDS.
await() {
  local deadline=$((SECONDS + $1)) what=$2
  shift 2
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || {
      say "cluster: gave up waiting for $what"
      return 1
    }
    sleep 0.1
  done
}

in_network() { nsenter --net="$NETNS" -- "$@"; }

admin_kubectl() {
  KUBECACHEDIR=$STATE/kubectl-cache "$(binaries)/kubectl" --kubeconfig "$KUBECONFIG_FILE" "$@"
}
