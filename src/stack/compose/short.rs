//! Short forms: `8080:80`, `data:/var/lib/data:ro`, `/dev/fuse`. Each is one text that means a table, or several.

use std::net::IpAddr;

use super::node::{Node, Value};
use crate::stack::file::Span;

/// Ports that short forms of one project may stand for: each becomes a table of its own.
pub(super) const MAX_PORTS: usize = 32_768;

/// How many ports a short form stands for; what is none is one.
pub(super) fn ports_in(text: &str) -> usize {
    let (_, _, target) = port_parts(text);
    let target = target.rsplit_once('/').map_or(target, |(target, _)| target);
    range(target).map_or(1, |(first, last)| (last - first) as usize + 1)
}

/// The tables that `text` means.
pub(super) fn port(text: &str, span: Span) -> Result<Vec<Node>, String> {
    let (address, published, target) = port_parts(text);
    let (target, protocol) = target.rsplit_once('/').unwrap_or((target, "tcp"));
    let protocol = match protocol {
        "" => "tcp".to_owned(),
        _ => protocol.to_lowercase(),
    };
    if !["tcp", "udp", "sctp"].contains(&protocol.as_str()) {
        return Err(format!(
            "`{protocol}` is no protocol; tcp, udp and sctp are"
        ));
    }
    let address = address
        .strip_prefix('[')
        .and_then(|inner| inner.strip_suffix(']'))
        .unwrap_or(address);
    if !address.is_empty() && address.parse::<IpAddr>().is_err() {
        return Err(format!(
            "`{address}` is no IP address; ports are written as ADDRESS:HOST:CONTAINER/PROTOCOL, all but CONTAINER may be left out"
        ));
    }
    let (first, last) = range(target).ok_or_else(|| not_a_port(target))?;
    let hosts = match published {
        "" => None,
        _ => Some(range(published).ok_or_else(|| not_a_port(published))?),
    };
    if let Some((host_first, host_last)) = hosts
        && last != first
        && last - first != host_last - host_first
    {
        return Err(format!(
            "the ranges {published} and {target} are not of one length"
        ));
    }
    let ports = (first..=last).map(|target| {
        let mut port = Node::table(
            [
                ("mode", text_value("ingress")),
                ("target", Value::Int(i64::from(target))),
                ("protocol", text_value(&protocol)),
            ],
            span,
        );
        if !address.is_empty() {
            port.set("host_ip", text_value(address));
        }
        if let Some((host_first, host_last)) = hosts {
            let published = match first == last && host_first != host_last {
                // One port, to be had from a range.
                true => format!("{host_first}-{host_last}"),
                false => (host_first + (target - first)).to_string(),
            };
            port.set("published", Value::Text(published));
        }
        port
    });
    Ok(ports.collect())
}

fn not_a_port(text: &str) -> String {
    format!("`{text}` is no port and no range of ports from 0 to 65535")
}

fn text_value(text: &str) -> Value {
    Value::Text(text.to_owned())
}

/// Address, published and target. Addresses of IPv6 have colons of their own.
fn port_parts(text: &str) -> (&str, &str, &str) {
    let Some((before, target)) = text.rsplit_once(':') else {
        return ("", "", text);
    };
    match before.rsplit_once(':') {
        Some((address, published)) => (address, published, target),
        None => ("", before, target),
    }
}

fn range(text: &str) -> Option<(u32, u32)> {
    let number = |text: &str| text.parse::<u32>().ok().filter(|port| *port <= 65_535);
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

/// The mount that `text` means.
pub(super) fn volume(text: &str, span: Span) -> Result<Node, String> {
    let sections = volume_sections(text);
    if sections.iter().any(|section| section.is_empty()) {
        return Err("there is nothing between two colons, or at an end".to_owned());
    }
    let (source, target, options) = match sections.as_slice() {
        [target] => ("", *target, ""),
        [source, target] => (*source, *target, ""),
        [source, target, options] => (*source, *target, *options),
        _ => return Err("it has too many colons".to_owned()),
    };
    let is_bind = is_path(source);
    let mut mount = Node::table(
        [
            ("type", text_value(if is_bind { "bind" } else { "volume" })),
            (
                "target",
                Value::Text(crate::stack::path::clean_text(target)),
            ),
        ],
        span,
    );
    if !source.is_empty() {
        mount.set("source", text_value(source));
    }
    let mut bind = Node::table([], span);
    let mut of_volume = Node::table([], span);
    for option in options.split(',') {
        match option {
            "ro" => mount.set("read_only", Value::Bool(true)),
            "rw" => mount.set("read_only", Value::Bool(false)),
            "nocopy" => of_volume.set("nocopy", Value::Bool(true)),
            "rprivate" | "private" | "rshared" | "shared" | "rslave" | "slave" => {
                bind.set("propagation", text_value(option));
            }
            "z" | "Z" => bind.set("selinux", text_value(option)),
            // As Compose does: options of other systems are passed over.
            _ => {}
        }
    }
    let has_bind = is_bind || bind.as_map().is_some_and(|map| !map.is_empty());
    let has_volume = !is_bind || of_volume.as_map().is_some_and(|map| !map.is_empty());
    if is_bind {
        bind.set("create_host_path", Value::Bool(true));
    }
    if has_bind {
        mount.set("bind", bind.value);
    }
    if has_volume {
        mount.set("volume", of_volume.value);
    }
    Ok(mount)
}

/// What the colons separate, but for that of a drive and those within `${…}`, which is only text by now.
fn volume_sections(text: &str) -> Vec<&str> {
    // A target alone, of one or two letters.
    if text.len() <= 2 {
        return vec![text];
    }
    let mut sections = Vec::new();
    let mut start = 0;
    let mut depth = 0_usize;
    for (at, letter) in text.char_indices() {
        let section = &text[start..at];
        match letter {
            '$' if text[at..].starts_with("${") => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && !is_drive(section) => {
                sections.push(section);
                start = at + 1;
            }
            _ => {}
        }
    }
    sections.push(&text[start..]);
    sections
}

/// One letter, of any alphabet.
fn is_drive(section: &str) -> bool {
    let mut letters = section.chars();
    letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none()
}

fn is_path(source: &str) -> bool {
    let mut letters = source.chars();
    source.starts_with(['.', '/', '~'])
        || source.starts_with(r"\\")
        || letters.next().is_some_and(char::is_alphabetic) && letters.next() == Some(':')
}

/// The device that `text` means.
pub(super) fn device(text: &str, span: Span) -> Result<Node, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts.as_slice() {
        [source] => (*source, "", "rwm"),
        [source, target] => (*source, *target, "rwm"),
        [source, target, permissions] => (*source, *target, *permissions),
        _ => return Err("it has too many colons; write `source` and `target`".to_owned()),
    };
    let target = if target.is_empty() { source } else { target };
    let entries = [
        ("source", source),
        ("target", target),
        ("permissions", permissions),
    ];
    let entries = entries.map(|(key, text)| (key, text_value(text)));
    Ok(Node::table(entries, span))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Span = Span {
        layer: 0,
        start: 0,
        end: 0,
    };

    fn ports(text: &str) -> Vec<String> {
        let shown = |node: &Node| {
            let Some(Value::Int(target)) = node.get("target").map(|node| &node.value) else {
                return String::new();
            };
            let [ip, published, protocol] =
                ["host_ip", "published", "protocol"].map(|key| node.text_at(key).unwrap_or("-"));
            format!("{ip} {published} {target} {protocol}")
        };
        match port(text, HERE) {
            Ok(found) => found.iter().map(shown).collect(),
            Err(problem) => vec![problem],
        }
    }

    #[test]
    fn ports_in_short() {
        assert_eq!(ports("80"), ["- - 80 tcp"]);
        assert_eq!(ports("8080:80/udp"), ["- 8080 80 udp"]);
        assert_eq!(ports("127.0.0.1:8080:80"), ["127.0.0.1 8080 80 tcp"]);
        assert_eq!(ports("[::1]:8080:80"), ["::1 8080 80 tcp"]);
        assert_eq!(ports("127.0.0.1::80"), ["127.0.0.1 - 80 tcp"]);
        assert_eq!(ports("9000-9001:80-81"), ["- 9000 80 tcp", "- 9001 81 tcp"]);
        assert_eq!(ports("9000-9005:80"), ["- 9000-9005 80 tcp"]);
        for wrong in [
            "", "x", "80:", "70000:80", "9-8:1", "1-3:1-2", "80/http", "a:1:2",
        ] {
            assert!(port(wrong, HERE).is_err(), "{wrong}");
        }
    }

    #[test]
    fn mounts_in_short() {
        let kind = |text: &str| {
            let mount = volume(text, HERE).unwrap();
            ["type", "source", "target"].map(|key| mount.text_at(key).unwrap_or("-").to_owned())
        };
        assert_eq!(kind("/data"), ["volume", "-", "/data"]);
        assert_eq!(kind("data:/data/"), ["volume", "data", "/data"]);
        assert_eq!(kind("./a:/b:ro"), ["bind", "./a", "/b"]);
        assert_eq!(kind("~/a:/b"), ["bind", "~/a", "/b"]);
        assert_eq!(kind(r"C:\a:/b:ro"), ["bind", r"C:\a", "/b"]);
        // A drive on every machine, as with docker compose.
        assert_eq!(kind("d:/path"), ["volume", "-", "d:/path"]);
        assert_eq!(kind("d:/a:/b"), ["bind", "d:/a", "/b"]);
        assert_eq!(kind("ü:/a:/b"), ["bind", "ü:/a", "/b"]);
        assert_eq!(kind("data:d:/b"), ["volume", "data", "d:/b"]);
        assert_eq!(kind("./${a:-b}:/c"), ["bind", "./${a:-b}", "/c"]);
        for wrong in ["data::b", ":/a/b", "data:/b:ro:x"] {
            assert!(volume(wrong, HERE).is_err(), "{wrong}");
        }
    }
}
