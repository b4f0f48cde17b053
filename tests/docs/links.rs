use std::path::Path;

use crate::{file, markdown};

const PAGES: &[&str] = &[
    "README.md",
    "docs/ARCHITECTURE.md",
    "docs/reference/commands.md",
    "docs/reference/json.md",
    "docs/reference/presets.md",
    "docs/reference/stack-file.md",
    "examples/gold-platform/README.md",
    "examples/secumsg/README.md",
];

/// As GitHub makes it: lower case, spaces to `-`, other signs left out.
fn anchor(heading: &str) -> String {
    heading
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            _ if c.is_alphanumeric() || "-_".contains(c) => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut broken = Vec::new();
    for page in PAGES {
        let folder = root.join(page).parent().unwrap().to_owned();
        for link in markdown::links(&file(page)) {
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((&link, ""));
            let target = if path.is_empty() {
                root.join(page)
            } else {
                folder.join(path)
            };
            let has_heading = || {
                let text = fs_err::read_to_string(&target).unwrap_or_default();
                let mut sections = markdown::sections(&text).into_iter();
                sections.any(|(name, _)| anchor(&name) == heading)
            };
            if !target.exists() || !heading.is_empty() && !has_heading() {
                broken.push(format!("{page}: {link}"));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}
