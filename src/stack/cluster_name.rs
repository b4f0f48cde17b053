//! What a thing of the stack is called on a cluster.

/// Longest name: what Kubernetes hangs behind a name (`-0`, a revision's hash, a CronJob's time) has to fit into 63
/// characters with it.
const LONGEST: usize = 40;

/// `name` as a DNS label that begins with a letter (RFC 1035), at most 40 characters. The name itself where it is one; else
/// made into one with a hash of the name behind it, so that two names never become the same.
pub fn cluster_name(name: &str) -> String {
    if is_label(name) {
        return name.to_owned();
    }
    let lower = name.to_ascii_lowercase();
    let fitting = lower.chars().map(|c| match c {
        'a'..='z' | '0'..='9' => c,
        _ => '-',
    });
    let hash = blake3::hash(name.as_bytes()).to_hex();
    let mut label: String = fitting.take(LONGEST - 9).collect();
    if !label.starts_with(|c: char| c.is_ascii_lowercase()) {
        label.insert(0, 'x');
        label.truncate(LONGEST - 9);
    }
    format!("{}-{}", label.trim_end_matches('-'), &hash[..8])
}

fn is_label(name: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    name.len() <= LONGEST
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && !name.ends_with('-')
        && name.bytes().all(inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_good_name_stays() {
        for name in ["api", "db-2", "a"] {
            assert_eq!(cluster_name(name), name);
        }
    }

    #[test]
    fn any_other_becomes_a_label_of_its_own() {
        let long = "a".repeat(63);
        let longer = format!("{}b", "a".repeat(62));
        let names = [
            "my_api", "my-api-", "1api", "API", "ü", "", "a.b", "a_b", "a-b", &long, &longer,
        ];
        let made: std::collections::BTreeSet<String> =
            names.iter().map(|name| cluster_name(name)).collect();
        assert_eq!(made.len(), names.len(), "{made:?}");
        assert!(made.iter().all(|name| is_label(name)), "{made:?}");
    }
}
