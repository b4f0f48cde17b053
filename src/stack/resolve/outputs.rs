use crate::stack::Service;

/// What every port has.
pub(super) const OF_PORT: [&str; 4] = ["host", "port", "url", "public"];

/// Everything that `${service.…}` may say of a service, without its environment: `url`, `auth_db.url`, `http.public`.
pub fn known_outputs(service: &Service) -> Vec<String> {
    let mut known: Vec<String> = service.outputs.keys().cloned().collect();
    if service.main_port().is_some() {
        known.extend(OF_PORT.map(str::to_owned));
    }
    for database in &service.databases {
        known.extend(
            service
                .outputs
                .keys()
                .map(|output| format!("{database}.{output}")),
        );
    }
    for port in service.ports.keys() {
        known.extend(OF_PORT.map(|output| format!("{port}.{output}")));
    }
    known.sort();
    known.dedup();
    known
}

/// The port that `public` means: the main one where a browser can use it, else the first that it can.
pub(super) fn browser_port(service: &Service) -> Option<&str> {
    let is_web = |name: &str| {
        service
            .ports
            .get(name)
            .is_some_and(|port| matches!(port.scheme.as_str(), "http" | "https"))
    };
    let main = service
        .main_port
        .as_deref()
        .filter(|name| service.ports.contains_key(*name));
    main.filter(|name| is_web(name))
        .or_else(|| {
            service
                .ports
                .keys()
                .map(String::as_str)
                .find(|name| is_web(name))
        })
        .or(main)
}
