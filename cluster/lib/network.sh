# shellcheck shell=bash
# The instance's network namespace. Inside, every instance has the same addresses; a veth pair with
# an address range of its own leads from the host to it, and nothing leads out of the machine.
# All ranges lie in 198.18.0.0/15, which is reserved for benchmarks and is nobody's real network.

readonly POD_CIDR=198.18.0.0/20
# First and last address of the pods of a node, and of those of a second one.
readonly FIRST_POD_RANGE='198.18.0.2 198.18.7.255' SECOND_POD_RANGE='198.18.8.0 198.18.15.254'
readonly BRIDGE_ADDRESS=198.18.0.1
readonly BRIDGE_PREFIX=20
# Without a hardware address of its own, a bridge takes the lowest one of its pods, and so another one as pods come and go.
# Those that have the earlier one on record reach nothing then, until they ask again: up to a minute later.
readonly BRIDGE_MAC=02:00:c6:12:00:01
readonly SERVICE_CIDR=198.19.0.0/20
readonly KUBERNETES_SERVICE_ADDRESS=198.19.0.1
# The veth pairs share 198.19.128.0/17: 8,192 ranges of four addresses.
readonly LINK_SLOTS=8192

# Sets HOST_ADDRESS, NODE_ADDRESS (both ends of the veth pair) and LINK, choosing a slot at first.
use_network() {
  local slot
  [[ -s $STATE/slot ]] || choose_slot
  slot=$(<"$STATE/slot")
  HOST_ADDRESS=$(slot_address "$slot" 1)
  NODE_ADDRESS=$(slot_address "$slot" 2)
  LINK=vf-link-$slot
}

# slot_address SLOT N: the N-th address of a slot's range.
slot_address() { echo "198.19.$((128 + $1 / 64)).$(($1 % 64 * 4 + $2))"; }

# Begins at a slot that the name determines and continues to the first that is free.
choose_slot() (
  lock "$STATE_ROOT/.slots"
  first=$(cksum <<<"$NAME" | cut -d' ' -f1)
  for ((i = 0; i < LINK_SLOTS; i++)); do
    slot=$(((first + i) % LINK_SLOTS))
    if slot_is_free "$slot"; then
      # Recorded while the lock is held, so that the next one sees it.
      echo "$slot" >"$STATE/slot"
      exit
    fi
  done
  die "all $LINK_SLOTS address ranges of 198.19.128.0/17 are in use; take an instance down"
)

slot_is_free() {
  ! grep -qsx "$1" "$STATE_ROOT"/*/slot &&
    [[ -z $(ip -4 route show root "$(slot_address "$1" 0)/30") ]]
}

create_network() {
  [[ -e $NETNS ]] || ip netns add "$TAG"
  if ! ip link show "$LINK" >/dev/null 2>&1; then
    ip link add "$LINK" type veth peer name uplink netns "$TAG"
    ip address add "$HOST_ADDRESS/30" dev "$LINK"
    ip link set "$LINK" up
  fi
  in_network bash -euc "$(declare -f fill_network set_network_options)"'; fill_network "$@"' _ \
    "$NODE_ADDRESS/30" "$BRIDGE_ADDRESS/$BRIDGE_PREFIX" "$BRIDGE_MAC" "$SERVICE_CIDR"
  await 5 "the link $LINK" ping_link
}

ping_link() { [[ $(<"/sys/class/net/$LINK/operstate") == up ]]; }

# Runs inside the namespace: fill_network NODE-ADDRESS BRIDGE-ADDRESS BRIDGE-MAC SERVICE-RANGE
fill_network() {
  ip link set lo up
  ip address replace "$1" dev uplink
  ip link set uplink up
  # The pods' bridge is there before the first pod, because DNS and the API server use its address.
  ip link show cni0 >/dev/null 2>&1 || ip link add cni0 address "$3" type bridge
  ip address replace "$2" dev cni0
  ip link set cni0 up
  # What is sent to a service without endpoints ends here.
  ip link show idle >/dev/null 2>&1 || ip link add idle type bridge
  ip link set idle up
  ip route replace "$4" dev idle
  set_network_options
}

set_network_options() {
  echo 1 >/proc/sys/net/ipv4/ip_forward
  # Answers between pods of one bridge must pass the rules that translated a service's address.
  [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]] || modprobe br_netfilter || {
    echo "cluster: the kernel module br_netfilter is missing: load it with modprobe br_netfilter" >&2
    return 1
  }
  echo 1 >/proc/sys/net/bridge/bridge-nf-call-iptables
}

# Works on whatever there is of it; the pods' own links vanish with the namespace.
remove_network() {
  local slot
  if slot=$(cat "$STATE/slot" 2>/dev/null); then
    ip link delete "vf-link-$slot" 2>/dev/null || :
  fi
  [[ ! -e $NETNS ]] || ip netns delete "$TAG"
  # `ip netns` mounts this folder on itself when it is first used.
  if [[ -d /run/netns && -z $(ls -A /run/netns) ]]; then
    umount /run/netns 2>/dev/null || :
    rmdir /run/netns
  fi
}
