//! Parts of stack files that many scenarios share.

/// Made by `examples/offline/images`, as are the others.
pub const BUSYBOX: &str = "dev.local/busybox";
pub const POSTGRES: &str = "dev.local/postgres:15";
pub const REDIS: &str = "dev.local/redis:7";

/// A service that does nothing, and ends at once when told to. `more`: further keys of its table.
pub fn sleeps(name: &str, more: &str) -> String {
    format!(
        "[services.{name}]\n\
         image = \"{BUSYBOX}\"\n\
         command = [\"sleep\", \"1000000\"]\n\
         stop = {{ signal = \"KILL\" }}\n\
         {more}\n"
    )
}

/// A web server whose `/` is its name, ready when that is served. `more`: further keys of its table.
pub fn serves(name: &str, more: &str) -> String {
    format!(
        "[services.{name}]\n\
         image = \"{BUSYBOX}\"\n\
         command = \"mkdir -p /www; echo {name} >/www/index.html; exec httpd -f -p 8080 -h /www\"\n\
         stop = {{ signal = \"KILL\" }}\n\
         ports = {{ http = 8080 }}\n\
         ready = {{ http = \"/\" }}\n\
         {more}\n"
    )
}
