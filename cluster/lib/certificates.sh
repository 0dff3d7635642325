# shellcheck shell=bash
# One authority for an instance, and a certificate for each party. RBAC knows a party by the
# certificate's common name (user) and organisation (group).

create_certificates() {
  mkdir -p "$PKI"
  chmod 700 "$PKI"
  create_authority
  serving_certificate apiserver kube-apiserver "IP:$NODE_ADDRESS,IP:$BRIDGE_ADDRESS,\
IP:$KUBERNETES_SERVICE_ADDRESS,IP:127.0.0.1,DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,\
DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  serving_certificate kubelet "$NAME" "IP:$NODE_ADDRESS,DNS:$NAME"
  client_certificate admin kubernetes-admin system:masters
  client_certificate apiserver-kubelet kube-apiserver-kubelet-client system:masters
  client_certificate controller-manager system:kube-controller-manager
  client_certificate scheduler system:kube-scheduler
  client_certificate kube-proxy system:kube-proxy
  client_certificate coredns system:coredns
  client_certificate node "system:node:$NAME" system:nodes
  [[ -s $PKI/service-accounts.key ]] || new_key service-accounts
}

# A second kubelet listens at the bridge's address.
create_second_certificates() {
  serving_certificate kubelet-second "$NAME-second" "IP:$BRIDGE_ADDRESS,DNS:$NAME-second"
  client_certificate node-second "system:node:$NAME-second" system:nodes
}

create_authority() {
  [[ -s $PKI/ca.crt ]] && return
  new_key ca
  openssl req -x509 -new -key "$PKI/ca.key" -days 3650 -subj "/CN=$TAG" \
    -addext basicConstraints=critical,CA:TRUE \
    -addext keyUsage=critical,keyCertSign,cRLSign -out "$PKI/ca.crt.new"
  mv "$PKI/ca.crt.new" "$PKI/ca.crt"
}

new_key() { openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -quiet -out "$PKI/$1.key"; }

# serving_certificate FILE COMMON-NAME ALTERNATIVE-NAMES
serving_certificate() { sign "$1" "/CN=$2" serverAuth "subjectAltName=$3"; }

# client_certificate FILE USER [GROUP]
client_certificate() { sign "client-$1" "${3:+/O=$3}/CN=$2" clientAuth; }

# sign FILE SUBJECT USAGE [EXTENSION]
sign() {
  [[ -s $PKI/$1.crt ]] && return
  new_key "$1"
  openssl req -new -key "$PKI/$1.key" -subj "$2" |
    openssl x509 -req -CA "$PKI/ca.crt" -CAkey "$PKI/ca.key" -days 3650 -extfile <(
      printf '%s\n' "keyUsage=critical,digitalSignature,keyEncipherment" \
        "extendedKeyUsage=$3" "${4:-}"
    ) -out "$PKI/$1.crt.new" 2>/dev/null
  mv "$PKI/$1.crt.new" "$PKI/$1.crt"
}

# write_kubeconfig FILE CLIENT: a kubeconfig that holds all it needs, so that it can be copied.
write_kubeconfig() {
  local file=$1 client=$PKI/client-$2
  (
    umask 077
    cat >"$file.new" <<EOF
apiVersion: v1
kind: Config
current-context: $TAG
clusters:
- name: $TAG
  cluster:
    server: https://$NODE_ADDRESS:6443
    certificate-authority-data: $(base64 -w0 "$PKI/ca.crt")
users:
- name: $TAG-$2
  user:
    client-certificate-data: $(base64 -w0 "$client.crt")
    client-key-data: $(base64 -w0 "$client.key")
contexts:
- name: $TAG
  context: {cluster: $TAG, user: $TAG-$2}
EOF
  )
  mv "$file.new" "$file"
}
