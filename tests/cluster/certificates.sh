# shellcheck shell=bash
# The keys, certificates and kubeconfigs of the tests' cluster, new on each start. Sourced, never run.

# certificates FOLDER ADDRESS NODE
certificates() {
  local pki=$1
  mkdir -p "$pki"
  authority "$pki/ca" kubernetes-ca
  authority "$pki/front-ca" front-proxy-ca
  local names="DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local"
  certificate "$pki" ca apiserver /CN=kube-apiserver "$names,DNS:localhost,IP:127.0.0.1,IP:10.96.0.1,IP:$2"
  certificate "$pki" ca admin /O=system:masters/CN=admin
  certificate "$pki" ca controller /CN=system:kube-controller-manager
  certificate "$pki" ca scheduler /CN=system:kube-scheduler
  certificate "$pki" ca proxy /CN=system:kube-proxy
  certificate "$pki" ca kubelet "/O=system:nodes/CN=system:node:$3" "DNS:$3,IP:$2"
  certificate "$pki" front-ca front-proxy /CN=front-proxy
  openssl ecparam -name prime256v1 -genkey -noout -out "$pki/accounts.key"
  openssl ec -in "$pki/accounts.key" -pubout -out "$pki/accounts.pub" 2>/dev/null
}

# authority PATH NAME
authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=$2" \
    -keyout "$1.key" -out "$1.crt" 2>/dev/null
}

# certificate FOLDER AUTHORITY NAME SUBJECT [ALTERNATIVE NAMES]
certificate() {
  local pki=$1 by=$2 name=$3 extensions=$'keyUsage=digitalSignature\nextendedKeyUsage=clientAuth,serverAuth\n'
  if [[ -n ${5:-} ]]; then extensions+="subjectAltName=$5"; fi
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "$4" -keyout "$pki/$name.key" -out "$pki/$name.csr" \
    2>/dev/null
  openssl x509 -req -in "$pki/$name.csr" -CA "$pki/$by.crt" -CAkey "$pki/$by.key" -CAcreateserial -days 30 \
    -extfile <(printf '%s' "$extensions") -out "$pki/$name.crt" 2>/dev/null
}

# kubeconfigs FOLDER SERVER NODE: one for each client, as FOLDER/NAME.kubeconfig.
kubeconfigs() {
  local name
  for name in admin controller scheduler proxy kubelet; do
    cat >"$1/$name.kubeconfig" <<END
apiVersion: v1
kind: Config
current-context: dev-test
clusters:
  - name: dev-test
    cluster: { server: "$2", certificate-authority-data: "$(base64 --wrap 0 "$1/pki/ca.crt")" }
users:
  - name: $name
    user:
      client-certificate-data: "$(base64 --wrap 0 "$1/pki/$name.crt")"
      client-key-data: "$(base64 --wrap 0 "$1/pki/$name.key")"
contexts:
  - name: dev-test
    context: { cluster: dev-test, user: $name }
END
  done
  chmod 600 "$1"/*.kubeconfig
}
