# shellcheck shell=bash
# NetworkPolicies, which kube-proxy and the CNI plugins do not follow. kube-router does, as a firewall and nothing else. It
# runs where it is asked for, because each pod that comes and goes costs it an eighth of a second of a processor.
#
# It knows the pods of one node, and takes the rules of another kube-router in its network for old ones of its own: so the
# pods of a second node go without.

# The kubeconfig of kube-router is there as long as policies are to be followed, also where it has died.
follows_policies() { [[ -s $STATE/kube-router.kubeconfig ]]; }

follow_policies() {
  client_certificate kube-router system:kube-router
  write_kubeconfig "$STATE/kube-router.kubeconfig" kube-router
  start_kube_router
  await_daemon 60 kube-router firewall_is_complete
}

ignore_policies() {
  # Asked to, because it ends what it has begun to write.
  stop_daemon kube-router
  clear_firewall
  rm "$STATE/kube-router.kubeconfig"
}

start_kube_router() {
  admin_kubectl apply --filename "$ROOT/cluster/network-policies.yaml" >/dev/null
  start_daemon kube-router node "$(binaries)/kube-router" --kubeconfig "$STATE/kube-router.kubeconfig" \
    --run-firewall=true --run-router=false --run-service-proxy=false \
    --hostname-override "$NAME" --service-cluster-ip-range "$SERVICE_CIDR" --health-port 0
}

# The last rule of a chain is written with those of the pods that there were at the start.
firewall_is_complete() { in_network iptables --list-rules KUBE-ROUTER-FORWARD | grep -q -- '-j ACCEPT$'; }

# Takes away kube-router's chains, the rules that lead to them, and its sets of addresses; the kubelet's chains stay.
clear_firewall() {
  # shellcheck disable=SC2016
  in_network bash -euo pipefail -c '
    iptables-save --table filter | { grep -vE "KUBE-(ROUTER|NWPLCY|POD-FW)-" || :; } | iptables-restore --wait
    ipset destroy'
}
