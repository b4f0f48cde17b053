//! Whatever is in a file, it ends in a stack or in findings that can be shown.

use std::fmt::Write;

use proptest::prelude::*;

use super::{errors, read, stack};
use crate::stack::file::render;

fn ends(files: &[(&str, &str)]) {
    if let Err(error) = read(files) {
        assert!(
            error.diagnostics.iter().any(|d| !d.is_warning()),
            "an error without a finding"
        );
        let text = render(&error, false, 80);
        assert!(!text.contains("Failed to read contents"), "{text}");
        assert!(
            error.diagnostics.iter().all(|d| d.help().is_some()),
            "{text}"
        );
    }
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "[a-z${}:./-]{0,8}".prop_map(|text| format!("\"{text}\"")),
        Just("\"${b.url}\"".to_owned()),
        Just("\"10s\"".to_owned()),
        Just("\"8000:80\"".to_owned()),
        Just("\"/x\"".to_owned()),
        Just("\"b\"".to_owned()),
        any::<i32>().prop_map(|number| number.to_string()),
        (0..70_000_u32).prop_map(|number| number.to_string()),
        any::<bool>().prop_map(|truth| truth.to_string()),
        Just("1.5".to_owned()),
        Just("1979-05-27".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4)
                .prop_map(|items| format!("[{}]", items.join(", "))),
            prop::collection::btree_map(key(), inner, 0..4).prop_map(|entries| {
                let entries: Vec<String> = entries
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                format!("{{ {} }}", entries.join(", "))
            }),
        ]
    })
}

/// Mostly keys that exist somewhere.
fn key() -> impl Strategy<Value = String> {
    let known = crate::stack::file::schema();
    let mut names: Vec<String> = Vec::new();
    let shapes = known["definitions"]
        .as_object()
        .unwrap()
        .values()
        .chain(std::iter::once(&known));
    for shape in shapes {
        names.extend(shape["properties"].as_object().unwrap().keys().cloned());
    }
    prop_oneof![9 => prop::sample::select(names), 1 => "[a-z]{1,4}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn any_text_ends(text in "\\PC{0,200}") {
        ends(&[("dev.toml", &text)]);
    }

    #[test]
    fn any_letters_of_toml_end(text in "[a-c\\[\\]\\{\\}=\"'.,\n #0-9é\\\\$]{0,80}") {
        ends(&[("dev.toml", &text)]);
    }

    #[test]
    fn any_services_end(
        a in prop::collection::btree_map(key(), value(), 0..8),
        b in prop::collection::btree_map(key(), value(), 0..6),
        over in prop::collection::btree_map(key(), value(), 0..4),
    ) {
        let table = |name: &str, entries: &std::collections::BTreeMap<String, String>| {
            let lines: String = entries.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
            format!("[services.{name}]\n{lines}")
        };
        let base = format!("{}{}", table("a", &a), table("b", &b));
        ends(&[("dev.toml", &base), ("dev.x.toml", &table("a", &over)), ("b", "A=1"), ("x", "'")]);
    }

    #[test]
    fn a_broken_fixture_ends(at in 0usize..2000, with in "\\PC{0,3}", cut in 0usize..20) {
        let text = include_str!("../../../../tests/fixtures/stacks/req1/dev.toml");
        let start = (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let end = (start + cut).min(text.len());
        let end = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        ends(&[("dev.toml", &format!("{}{with}{}", &text[..start], &text[end..]))]);
    }
}

#[test]
fn a_thousand_services_are_read() {
    let mut text = String::new();
    for n in 0..1000 {
        let needs = if n == 0 {
            String::new()
        } else {
            format!(
                "needs = [\"s{}\"]\nenv = {{ U = \"${{s{}.url}}\" }}\n",
                n - 1,
                n / 2
            )
        };
        write!(text, "[services.s{n}]\nimage = \"x\"\nports = {{ http = 8000 }}\nready = {{ http = \"/\" }}\n{needs}\n").unwrap();
    }
    assert_eq!(stack(&text).services.len(), 1000);
}

/// Each shape once cost a parser of some kind more than linear time; here it would not come back.
#[test]
fn large_files_of_nonsense_end() {
    let size = 1 << 18;
    let fill = |unit: &str| unit.repeat(size / unit.len());
    let keys: String = (0..size / 12).map(|n| format!("k{n:07} = 1\n")).collect();
    let services: String = (0..size / 32)
        .map(|n| format!("[services.s{n:06}]\nimage=\"x\"\n"))
        .collect();
    let nested = format!(
        "[services.a]\nimage = \"x\"\nenv = {{ A = \"{}\" }}\n",
        fill("${env:A:-")
    );
    for text in [
        keys,
        fill("[[a]]\n"),
        fill("= \n"),
        fill("\"\"\"\n"),
        fill("[a.b.c]\n"),
        fill("[{"),
        nested,
    ] {
        let error = errors(&text);
        assert!(error.diagnostics.len() <= 100);
    }
    assert!(stack(&services).services.len() > 8_000);
}

#[test]
fn a_ring_of_a_thousand_is_told_on_one_screen() {
    let services: String = (0..1000)
        .map(|n| {
            format!(
                "[services.s{n:03}]\nimage = \"x\"\nneeds = [\"s{:03}\"]\n",
                (n + 1) % 1000
            )
        })
        .collect();
    let text = render(&errors(&services), false, 100);
    assert!(
        text.contains("s000 -> s001") && text.contains('…') && text.lines().count() < 200,
        "{text}"
    );
}
