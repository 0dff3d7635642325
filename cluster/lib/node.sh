# shellcheck shell=bash
# The node: containerd, kubelet, kube-proxy, and CoreDNS beside them.
# containerd and the kubelet share a mount namespace in which the folders that Kubernetes' programs
# take for their own whatever they are given are the instance's. So two instances, or an instance
# and a real kubelet, do not touch each other's, and every mount is gone when they are.
#
# A second node is another pair of containerd and kubelet in the same network: its pods have addresses
# of the same bridge, so that the one kube-proxy and the one CoreDNS are theirs, too.
#
# The functions here take the node by its name in Kubernetes: $NAME, or $NAME-second. What it has that is its own
# is called as that of the first one, with the same ending.

readonly NODE=(kube-proxy coredns kubelet containerd)
readonly SECOND=(kubelet-second containerd-second)
# path in the namespace=folder under $STATE/node, or $STATE/node-second
readonly NODE_MOUNTS=(
  /var/lib/kubelet=kubelet
  /var/lib/cni=cni
  /var/log/pods=pod-logs
  /var/log/containers=container-logs
  /run/containerd=run-containerd
)

# suffix_of NODE: the ending of the names of what is a node's own.
suffix_of() { echo "${1#"$NAME"}"; }

start_node() {
  local bin
  bin=$(binaries)
  write_network_configuration
  write_node_configuration "$NAME"
  # The kubelet lives in containerd's mounts: without containerd the node starts from nothing.
  daemon_runs containerd || kill_node
  start_runtime "$NAME"
  start_kubelet "$NAME"
  start_daemon kube-proxy node "$bin/kube-proxy" --config "$STATE/kube-proxy.yaml"
  admin_kubectl apply --filename "$ROOT/cluster/dns.yaml" >/dev/null
  start_daemon coredns node env DNS_ADDRESS="$BRIDGE_ADDRESS" DNS_KUBECONFIG="$STATE/coredns.kubeconfig" \
    "$bin/coredns" -conf "$ROOT/cluster/Corefile" -quiet
  ! follows_policies || start_kube_router
  await_daemon 90 kubelet node_is_ready "$NAME"
  await_daemon 30 coredns in_network bash -c "exec 3<>/dev/tcp/$BRIDGE_ADDRESS/53"
  await 30 "the default service account" admin_kubectl get serviceaccount default
}

start_second_node() {
  local second=$NAME-second
  mkdir -p "$STATE/node-second"
  create_second_certificates
  create_group "$TAG/second"
  mkdir -p "$(daemon_root)/$TAG/node-second"
  write_node_configuration "$second"
  daemon_runs containerd-second || kill_second_node
  start_runtime "$second"
  # Before there is a kubelet that would look for them.
  copy_images "$NAME" "$second"
  start_kubelet "$second"
  await_daemon 90 kubelet-second node_is_ready "$second"
}

# Ends the second node and removes all that it had.
remove_second_node() {
  kill_second_node
  admin_kubectl delete node "$NAME-second" --ignore-not-found >/dev/null
  rm -rf "${STATE:?}"/{containerd,cni}-second "$STATE"/{kubelet-second.yaml,containerd-second.toml,node-second.kubeconfig}
  # At last: without it there is no second node.
  rm -rf "${STATE:?}/node-second"
}

# Ends everything of the node at once, as a loss of power does, and clears what such a loss clears.
kill_node() {
  local daemon
  for daemon in kube-router kubelet kube-proxy coredns containerd; do
    kill_daemon "$daemon"
  done
  kill_cgroups node kubepods
  ! follows_policies || clear_firewall
  clear_runtime "$NAME"
}

kill_second_node() {
  local daemon
  for daemon in "${SECOND[@]}"; do
    kill_daemon "$daemon"
  done
  kill_cgroups node-second second
  clear_runtime "$NAME-second"
}

# clear_runtime NODE: removes what lies in memory on a real machine.
clear_runtime() {
  local suffix
  suffix=$(suffix_of "$1")
  rm -rf "${RUN:?}/containerd$suffix" "$STATE/node$suffix/run-containerd" "$(runtime_socket "$1")"*
}

# runtime_socket NODE: where its containerd listens.
runtime_socket() { echo "$RUN/containerd$(suffix_of "$1").sock"; }

# kubelet_address NODE: where its kubelet listens. All listen at one port, each at an address of its own.
kubelet_address() { if [[ $1 == "$NAME" ]]; then echo "$NODE_ADDRESS"; else echo "$BRIDGE_ADDRESS"; fi; }

# pod_range NODE: the first and the last address of its pods. Each node has its own record of those in use, which goes with
# the node: so no address stays taken of pods that had no time to give it back.
pod_range() { if [[ $1 == "$NAME" ]]; then echo "$FIRST_POD_RANGE"; else echo "$SECOND_POD_RANGE"; fi; }

# node_is_ready NODE: its kubelet answers (so that it is not the state from before a restart) and has said Ready.
node_is_ready() {
  in_network bash -c ": </dev/tcp/$(kubelet_address "$1")/10250" &&
    admin_kubectl wait --for condition=Ready "node/$1" --timeout 0s
}

# start_runtime NODE
start_runtime() {
  start_containerd "$1"
  await_daemon 30 "containerd$(suffix_of "$1")" runtime_answers "$1"
  import_pause_image "$1"
}

# runtime_answers NODE: the part of containerd that the kubelet asks, by gRPC. It begins to answer later than the rest, and
# a kubelet that comes before it ends. The five bytes are the head of an empty message.
runtime_answers() {
  printf '\0\0\0\0\0' |
    curl --silent --http2-prior-knowledge --unix-socket "$(runtime_socket "$1")" --max-time 5 --dump-header - --output /dev/null \
      --header 'content-type: application/grpc' --header 'te: trailers' --data-binary @- \
      http://localhost/runtime.v1.RuntimeService/Version | grep -q '^grpc-status: 0'
}

# containerd_ctr NODE ARGUMENT…
containerd_ctr() { ctr --address "$(runtime_socket "$1")" --namespace k8s.io "${@:2}"; }

# start_containerd NODE
start_containerd() {
  local suffix mount
  suffix=$(suffix_of "$1")
  for mount in "${NODE_MOUNTS[@]}"; do
    mkdir -p "$STATE/node$suffix/${mount#*=}"
    # An empty folder to mount on; those that we make are listed, for `down` to remove.
    [[ -d ${mount%%=*} ]] || {
      mkdir -p "${mount%%=*}"
      echo "${mount%%=*}" >>"$STATE/made-folders"
    }
  done
  start_daemon "containerd$suffix" "node$suffix" unshare --mount --propagation slave -- \
    "$ROOT/cluster/lib/containerd-in-mounts" "$STATE/containerd$suffix.toml" \
    "${NODE_MOUNTS[@]/=/=$STATE/node$suffix/}"
}

# start_kubelet NODE
start_kubelet() {
  local suffix mounts
  suffix=$(suffix_of "$1")
  mounts=/proc/$(daemon_pid "containerd$suffix")/ns/mnt
  start_daemon "kubelet$suffix" "node$suffix" nsenter --mount="$mounts" -- "$(binaries)/kubelet" \
    --config "$STATE/kubelet$suffix.yaml" --kubeconfig "$STATE/node$suffix.kubeconfig" \
    --hostname-override "$1" --node-ip "$(kubelet_address "$1")"
}

# What all nodes have in common.
write_network_configuration() {
  write_kubeconfig "$STATE/kube-proxy.kubeconfig" kube-proxy
  write_kubeconfig "$STATE/coredns.kubeconfig" coredns
  # Pods with dnsPolicy Default get the same server: there is no other within reach.
  echo "nameserver $BRIDGE_ADDRESS" >"$STATE/resolv.conf"
  kube_proxy_configuration >"$STATE/kube-proxy.yaml"
}

# write_node_configuration NODE
write_node_configuration() {
  local suffix
  suffix=$(suffix_of "$1")
  mkdir -p "$STATE/cni$suffix"
  write_kubeconfig "$STATE/node$suffix.kubeconfig" "node$suffix"
  cni_configuration "$1" >"$STATE/cni$suffix/10-pods.conflist"
  containerd_configuration "$1" >"$STATE/containerd$suffix.toml"
  kubelet_configuration "$1" >"$STATE/kubelet$suffix.yaml"
}

# containerd_configuration NODE
containerd_configuration() {
  local suffix
  suffix=$(suffix_of "$1")
  # Without CAP_SYS_RESOURCE runc cannot lower a score, and dies of it: hence restrict_oom_score_adj.
  cat <<EOF
version = 2
root = "$STATE/containerd$suffix"
state = "$RUN/containerd$suffix"
[grpc]
  address = "$(runtime_socket "$1")"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "$STATE/cni$suffix"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
EOF
}

# cni_configuration NODE
cni_configuration() {
  local first last
  read -r first last < <(pod_range "$1")
  cat <<EOF
{
  "cniVersion": "0.4.0",
  "name": "$TAG",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
      "ipam": {
        "type": "host-local", "dataDir": "$STATE/node$(suffix_of "$1")/addresses",
        "ranges": [[{
          "subnet": "$POD_CIDR", "rangeStart": "$first", "rangeEnd": "$last", "gateway": "$BRIDGE_ADDRESS"
        }]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
EOF
}

# kubelet_configuration NODE
kubelet_configuration() {
  local suffix
  suffix=$(suffix_of "$1")
  # Images come from nowhere but `cluster load`, so none is ever collected. Nobody asks at healthzPort, which kubelets of
  # one network would fight for. Each has a root of control groups of its own: it removes pods there that it does not know.
  cat <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $(kubelet_address "$1")
healthzPort: 0
containerRuntimeEndpoint: unix://$(runtime_socket "$1")
cgroupDriver: cgroupfs
cgroupRoot: /$TAG${suffix/#-//}
failSwapOn: false
resolvConf: $STATE/resolv.conf
clusterDNS: [$BRIDGE_ADDRESS]
clusterDomain: cluster.local
tlsCertFile: $PKI/kubelet$suffix.crt
tlsPrivateKeyFile: $PKI/kubelet$suffix.key
authentication:
  anonymous: {enabled: false}
  webhook: {enabled: true}
  x509: {clientCAFile: $PKI/ca.crt}
authorization: {mode: Webhook}
evictionHard:
  memory.available: 100Mi
  nodefs.available: 1%
  nodefs.inodesFree: 1%
  imagefs.available: 1%
imageGCHighThresholdPercent: 100
maxPods: 250
serializeImagePulls: false
kubeAPIQPS: 200
kubeAPIBurst: 400
EOF
}

kube_proxy_configuration() {
  cat <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $STATE/kube-proxy.kubeconfig}
hostnameOverride: $NAME
clusterCIDR: $POD_CIDR
conntrack: {maxPerCore: 0}
EOF
}
