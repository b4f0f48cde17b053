//! The data files, embedded.

use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Name and content of every file in `data/`, in alphabetical order; a test compares the two.
pub(super) const FILES: &[(&str, &str)] = &[
    ("mailpit", include_str!("data/mailpit.toml")),
    ("mariadb", include_str!("data/mariadb.toml")),
    ("minio", include_str!("data/minio.toml")),
    ("mongo", include_str!("data/mongo.toml")),
    ("mysql", include_str!("data/mysql.toml")),
    ("nats", include_str!("data/nats.toml")),
    ("postgres", include_str!("data/postgres.toml")),
    ("rabbitmq", include_str!("data/rabbitmq.toml")),
    ("redis", include_str!("data/redis.toml")),
    ("seaweedfs", include_str!("data/seaweedfs.toml")),
    ("valkey", include_str!("data/valkey.toml")),
];

/// A preset's file as it stands, versions not applied yet.
pub(super) fn table(name: &str) -> Option<&'static toml::Table> {
    static TABLES: LazyLock<BTreeMap<&str, toml::Table>> = LazyLock::new(|| {
        let read = |&(name, text): &(&'static str, &str)| Some((name, text.parse().ok()?));
        FILES.iter().filter_map(read).collect()
    });
    TABLES.get(name)
}
