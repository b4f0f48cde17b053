# shellcheck shell=bash disable=SC2154 # what the cluster's script says
# A stand-in for an ingress controller: makes one nginx configuration from all Ingress objects that there are at the moment, and
# serves it on the node's ports 80 and 443. It knows hosts, Prefix and Exact paths, ports by name or number, and TLS by secret;
# it follows no later change: whoever changed an Ingress asks again. Sourced, never run.

ports_template='{{range .items}}{{$at := .metadata}}{{range .spec.ports}}{{$at.namespace}}/{{$at.name}}/{{.name}} {{.port}}
{{end}}{{end}}'
# One line a path: host, path, type, Service, port, namespace/secret or -
paths_template='{{range .items}}{{$at := .metadata}}{{$tls := "-"}}{{range .spec.tls}}{{$tls = printf "%s/%s" $at.namespace .secretName}}{{end}}
{{- range .spec.rules}}{{$host := .host}}{{range .http.paths}}
{{- with .backend.service}}{{$service := printf "%s/%s" $at.namespace .name}}
{{- $port := ""}}{{if .port.number}}{{$port = .port.number}}{{else}}{{$port = .port.name}}{{end}}
{{- printf "%s\t%s" (or $host "_") $service}}	{{$port}}	{{$tls}}{{end}}	{{.path}}	{{.pathType}}
{{end}}{{end}}{{end}}'

ingress() {
  install_missing nginx=nginx-light
  local folder=$run/ingress
  mkdir -p "$folder/temp"
  kubectl get services --all-namespaces --output go-template="$ports_template" >"$folder/ports"
  kubectl get ingresses --all-namespaces --output go-template="$paths_template" >"$folder/paths"
  server_secrets "$folder"
  nginx_configuration "$folder" >"$folder/nginx.conf"
  if runs_as "$run/nginx.pid" nginx; then
    with_log "$logs/nginx-reload.log" nginx -t -c "$folder/nginx.conf"
    stop_or_kill nginx
  fi
  run nginx 10 listens 80 -- nginx -c "$folder/nginx.conf"
}

listens() { healthz --output /dev/null --write-out '' "http://$address:$1/.ingress"; }

server_secrets() {
  local secret
  cut -f 4 "$1/paths" | sort --unique | while read -r secret; do
    [[ $secret == */* ]] || continue
    for key in crt key; do
      kubectl --namespace "${secret%/*}" get secret "${secret#*/}" --output "jsonpath={.data.tls\\.$key}" | base64 --decode \
        >"$1/${secret/\//-}.$key" || say "note: there is no secret $secret"
    done
  done
}

nginx_configuration() {
  cat <<END
daemon off;
error_log stderr;
pid $1/nginx.pid;
events {}
http {
  access_log off;
  client_body_temp_path $1/temp/body;
  proxy_temp_path $1/temp/proxy;
  fastcgi_temp_path $1/temp/fastcgi;
  uwsgi_temp_path $1/temp/uwsgi;
  scgi_temp_path $1/temp/scgi;
  # Services are asked for by name at each request, so that one may come later.
  resolver $dns_address valid=1s ipv6=off;
  server {
    listen 80 default_server;
    location = /.ingress { return 200; }
    location / { return 404; }
  }
END
  # Ports by name become numbers; then one server for each host, the longest path first.
  awk -F '\t' -v folder="$1" '
    FILENAME ~ /ports$/ { split($0, one, " "); number[one[1]] = one[2]; next }
    NF >= 6 {
      port = $3 ~ /^[0-9]+$/ ? $3 : number[$2 "/" $3]
      split($2, service, "/")
      at = $6 == "Exact" ? "= " $5 : $5
      upstream = sprintf("%s.%s.svc.cluster.local:%s", service[2], service[1], port)
      locations[$1] = locations[$1] sprintf("    location %s { set $upstream %s; proxy_pass http://$upstream; }\n", at, upstream)
      if ($4 != "-") tls[$1] = $4
    }
    END {
      for (host in locations) {
        printf "  server {\n    server_name %s;\n    listen 80;\n", host
        if (host in tls) {
          file = tls[host]
          sub("/", "-", file)
          printf "    listen 443 ssl;\n    ssl_certificate %s/%s.crt;\n    ssl_certificate_key %s/%s.key;\n", folder, file, folder, file
        }
        print "    proxy_set_header Host $http_host;\n    proxy_set_header X-Forwarded-Proto $scheme;"
        print "    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\n    proxy_http_version 1.1;"
        printf "%s  }\n", locations[host]
      }
    }' "$1/ports" "$1/paths"
  echo "}"
}
