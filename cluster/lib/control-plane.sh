# shellcheck shell=bash
# etcd, the API server, the controller manager and the scheduler.

readonly CONTROL_PLANE=(etcd kube-apiserver kube-controller-manager kube-scheduler)

start_control_plane() {
  local bin
  bin=$(binaries)
  write_kubeconfig "$KUBECONFIG_FILE" admin
  write_kubeconfig "$STATE/controller-manager.kubeconfig" controller-manager
  write_kubeconfig "$STATE/scheduler.kubeconfig" scheduler
  start_etcd "$bin"
  start_api_server "$bin"
  await_daemon 90 kube-apiserver admin_kubectl get --raw /readyz
  start_controllers "$bin"
}

start_etcd() {
  # Nobody's data: an instance does not outlive its machine, so etcd need not wait for the disk.
  start_daemon etcd control-plane "$1/etcd" --name "$NAME" --data-dir "$STATE/etcd" \
    --unsafe-no-fsync --log-level warn \
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \
    --initial-cluster "$NAME=http://127.0.0.1:2380"
}

start_api_server() {
  # Every request is logged once, when it is complete and before its answer leaves: tests count
  # writes by user agent and take the time of a commit from here. No rotation below 100 GB.
  start_daemon kube-apiserver control-plane "$1/kube-apiserver" \
    --etcd-servers http://127.0.0.1:2379 --secure-port 6443 \
    --advertise-address "$BRIDGE_ADDRESS" --service-cluster-ip-range "$SERVICE_CIDR" \
    --client-ca-file "$PKI/ca.crt" \
    --tls-cert-file "$PKI/apiserver.crt" --tls-private-key-file "$PKI/apiserver.key" \
    --kubelet-certificate-authority "$PKI/ca.crt" \
    --kubelet-client-certificate "$PKI/client-apiserver-kubelet.crt" \
    --kubelet-client-key "$PKI/client-apiserver-kubelet.key" \
    --kubelet-preferred-address-types InternalIP \
    --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction \
    --allow-privileged \
    --service-account-issuer https://kubernetes.default.svc.cluster.local \
    --service-account-signing-key-file "$PKI/service-accounts.key" \
    --service-account-key-file "$PKI/service-accounts.key" \
    --audit-policy-file "$ROOT/cluster/audit-policy.yaml" \
    --audit-log-path "$AUDIT_LOG" --audit-log-format json --audit-log-mode blocking \
    --audit-log-maxsize 100000 --profiling=false
}

start_controllers() {
  start_daemon kube-controller-manager control-plane "$1/kube-controller-manager" \
    --kubeconfig "$STATE/controller-manager.kubeconfig" --leader-elect=false \
    --use-service-account-credentials --root-ca-file "$PKI/ca.crt" \
    --service-account-private-key-file "$PKI/service-accounts.key" \
    --cluster-signing-cert-file "$PKI/ca.crt" --cluster-signing-key-file "$PKI/ca.key" \
    --allocate-node-cidrs=false --kube-api-qps 200 --kube-api-burst 400 --profiling=false
  start_daemon kube-scheduler control-plane "$1/kube-scheduler" \
    --kubeconfig "$STATE/scheduler.kubeconfig" --leader-elect=false \
    --kube-api-qps 200 --kube-api-burst 400 --profiling=false
}
