# shellcheck shell=bash
# The node: containerd, kubelet, kube-proxy, and CoreDNS beside them.
# containerd and the kubelet share a mount namespace in which the folders that Kubernetes' programs
# take for their own whatever they are told are the instance's. So two instances, or an instance
# and a real kubelet, do not touch each other's, and every mount is gone when they are.
#
# A second node is another pair of containerd and kubelet in the same network: its pods have addresses
# of the same bridge, so that the one kube-proxy and the one CoreDNS are theirs, too.

readonly NODE=(kube-proxy coredns kubelet containerd)
readonly SECOND=(kubelet-second containerd-second)
# Ending of all names that are a node's own: nothing, or -second after use_second.
NODE_SUFFIX=
# path in the namespace=folder under $STATE/node$NODE_SUFFIX
readonly NODE_MOUNTS=(
  /var/lib/kubelet=kubelet
  /var/lib/cni=cni
  /var/log/pods=pod-logs
  /var/log/containers=container-logs
  /run/containerd=run-containerd
)

start_node() {
  local bin
  bin=$(binaries)
  write_network_configuration
  write_node_configuration
  # The kubelet lives in containerd's mounts: without containerd the node starts from nothing.
  daemon_runs containerd || kill_node
  start_runtime
  start_kubelet "$bin"
  start_daemon kube-proxy node "$bin/kube-proxy" --config "$STATE/kube-proxy.yaml"
  admin_kubectl apply --filename "$ROOT/cluster/dns.yaml" >/dev/null
  start_daemon coredns node "$bin/coredns" -conf "$STATE/Corefile" -quiet
  await_daemon 90 kubelet node_is_ready
  await_daemon 30 coredns in_network bash -c "exec 3<>/dev/tcp/$BRIDGE_ADDRESS/53"
  await 30 "the default service account" admin_kubectl get serviceaccount default
}

start_runtime() {
  start_containerd
  await_daemon 30 "containerd$NODE_SUFFIX" runtime_answers
  import_pause_image
}

# From here on, the node is the second one.
use_second() {
  NODE_SUFFIX=-second
  CONTAINERD_SOCKET=$RUN/containerd-second.sock
}

start_second_node() {
  local first=$CONTAINERD_SOCKET
  use_second
  create_second_certificates
  create_group "$TAG/second"
  mkdir -p "$(daemon_root)/$TAG/node-second"
  write_node_configuration
  daemon_runs containerd-second || kill_second_node
  start_runtime
  # Before there is a kubelet that would look for them.
  copy_images "$first"
  start_kubelet "$(binaries)"
  await_daemon 90 kubelet-second node_is_ready
}

# Ends the second node and removes all that it had.
remove_second_node() {
  use_second
  kill_second_node
  admin_kubectl delete node "$NAME-second" --ignore-not-found >/dev/null
  rm -rf "${STATE:?}"/{node-second,containerd-second,kubelet-second.yaml,containerd-second.toml,node-second.kubeconfig}
}

kill_second_node() {
  local daemon
  for daemon in "${SECOND[@]}"; do
    kill_daemon "$daemon"
  done
  kill_cgroups node-second second
  rm -rf "${RUN:?}/containerd-second" "$STATE/node-second/run-containerd" "$CONTAINERD_SOCKET"*
}

# Where the kubelet listens. All listen at one port, each at an address of its own.
kubelet_address() { if [[ -z $NODE_SUFFIX ]]; then echo "$NODE_ADDRESS"; else echo "$BRIDGE_ADDRESS"; fi; }

# The kubelet answers (so that it is not the state from before a restart) and has said Ready.
node_is_ready() {
  in_network bash -c ": </dev/tcp/$(kubelet_address)/10250" &&
    admin_kubectl wait --for condition=Ready "node/$NAME$NODE_SUFFIX" --timeout 0s
}

# The part of containerd that the kubelet asks, by gRPC: it begins to answer later than the rest, and a kubelet that
# comes before it ends. The five bytes are the head of an empty message.
runtime_answers() {
  printf '\0\0\0\0\0' |
    curl --silent --http2-prior-knowledge --unix-socket "$CONTAINERD_SOCKET" --max-time 5 --dump-header - --output /dev/null \
      --header 'content-type: application/grpc' --header 'te: trailers' --data-binary @- \
      http://localhost/runtime.v1.RuntimeService/Version | grep -q '^grpc-status: 0'
}

containerd_ctr() { ctr --address "$CONTAINERD_SOCKET" --namespace k8s.io "$@"; }

start_containerd() {
  local mount
  for mount in "${NODE_MOUNTS[@]}"; do
    mkdir -p "$STATE/node$NODE_SUFFIX/${mount#*=}"
    # An empty folder to mount on; those that we make are listed, for `down` to remove.
    [[ -d ${mount%%=*} ]] || {
      mkdir -p "${mount%%=*}"
      echo "${mount%%=*}" >>"$STATE/made-folders"
    }
  done
  start_daemon "containerd$NODE_SUFFIX" "node$NODE_SUFFIX" unshare --mount --propagation slave -- \
    "$ROOT/cluster/lib/containerd-in-mounts" "$STATE/containerd$NODE_SUFFIX.toml" \
    "${NODE_MOUNTS[@]/=/=$STATE/node$NODE_SUFFIX/}"
}

start_kubelet() {
  local mounts
  mounts=/proc/$(daemon_pid "containerd$NODE_SUFFIX")/ns/mnt
  start_daemon "kubelet$NODE_SUFFIX" "node$NODE_SUFFIX" nsenter --mount="$mounts" -- "$1/kubelet" \
    --config "$STATE/kubelet$NODE_SUFFIX.yaml" --kubeconfig "$STATE/node$NODE_SUFFIX.kubeconfig" \
    --hostname-override "$NAME$NODE_SUFFIX" --node-ip "$(kubelet_address)"
}

# What all nodes have in common.
write_network_configuration() {
  write_kubeconfig "$STATE/kube-proxy.kubeconfig" kube-proxy
  write_kubeconfig "$STATE/coredns.kubeconfig" coredns
  mkdir -p "$STATE/cni"
  # Pods with dnsPolicy Default get the same server: there is no other within reach.
  echo "nameserver $BRIDGE_ADDRESS" >"$STATE/resolv.conf"
  cni_configuration >"$STATE/cni/10-pods.conflist"
  kube_proxy_configuration >"$STATE/kube-proxy.yaml"
  dns_configuration >"$STATE/Corefile"
}

write_node_configuration() {
  write_kubeconfig "$STATE/node$NODE_SUFFIX.kubeconfig" "node$NODE_SUFFIX"
  containerd_configuration >"$STATE/containerd$NODE_SUFFIX.toml"
  kubelet_configuration >"$STATE/kubelet$NODE_SUFFIX.yaml"
}

containerd_configuration() {
  # Without CAP_SYS_RESOURCE runc cannot lower a score, and dies of it: hence restrict_oom_score_adj.
  cat <<EOF
version = 2
root = "$STATE/containerd$NODE_SUFFIX"
state = "$RUN/containerd$NODE_SUFFIX"
[grpc]
  address = "$CONTAINERD_SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE_IMAGE"
  restrict_oom_score_adj = true
  disable_apparmor = true
  netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "/usr/lib/cni"
  conf_dir = "$STATE/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
EOF
}

cni_configuration() {
  cat <<EOF
{
  "cniVersion": "0.4.0",
  "name": "$TAG",
  "plugins": [
    {
      "type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true,
      "ipam": {
        "type": "host-local", "dataDir": "$STATE/node/addresses",
        "ranges": [[{"subnet": "$POD_CIDR", "gateway": "$BRIDGE_ADDRESS"}]],
        "routes": [{"dst": "0.0.0.0/0"}]
      }
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}
EOF
}

kubelet_configuration() {
  # Images come from nowhere but `cluster load`, so none is ever collected. Nobody asks at healthzPort, which kubelets of
  # one network would fight for. Each has a root of control groups of its own: it removes pods there that it does not know.
  cat <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $(kubelet_address)
healthzPort: 0
containerRuntimeEndpoint: unix://$CONTAINERD_SOCKET
cgroupDriver: cgroupfs
cgroupRoot: /$TAG${NODE_SUFFIX:+/second}
failSwapOn: false
resolvConf: $STATE/resolv.conf
clusterDNS: [$BRIDGE_ADDRESS]
clusterDomain: cluster.local
tlsCertFile: $PKI/kubelet$NODE_SUFFIX.crt
tlsPrivateKeyFile: $PKI/kubelet$NODE_SUFFIX.key
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

dns_configuration() {
  # Names outside the cluster are answered at once with "no such name": there is nobody to ask.
  # In a block of their own, since CoreDNS asks `template` before `kubernetes`.
  cat <<EOF
cluster.local in-addr.arpa {
    bind $BRIDGE_ADDRESS
    errors
    kubernetes {
        kubeconfig $STATE/coredns.kubeconfig
        ttl 5
    }
}
. {
    bind $BRIDGE_ADDRESS
    template ANY ANY {
        rcode NXDOMAIN
    }
}
EOF
}

# Ends everything of the node at once, as a loss of power does, and clears what such a loss clears.
kill_node() {
  local daemon
  for daemon in kubelet kube-proxy coredns containerd; do
    kill_daemon "$daemon"
  done
  kill_cgroups node kubepods
  rm -rf "${RUN:?}/containerd" "$STATE/node/run-containerd" "$CONTAINERD_SOCKET"*
}
