//! The reference of Compose files: its tables follow from the code and from the cases of `tests/compose`.
//! `UPDATE_DOCS=1` writes them.

use std::path::Path;

use dev::stack::compose::{Support, rows};

use crate::file;

const PAGE: &str = "docs/reference/compose.md";

/// A table without its heading, between two comments of the page.
fn hold(name: &str, expected: &str) {
    let page = file(PAGE);
    let (begin, end) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let start = page.find(&begin).expect("a table begins") + begin.len();
    let stop = page.find(&end).expect("a table ends");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        let page = format!("{}{expected}{}", &page[..start], &page[stop..]);
        fs_err::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE), page)
            .expect("the page can be written");
        return;
    }
    assert_eq!(&page[start..stop], expected, "UPDATE_DOCS=1 writes it");
}

/// Files beneath a folder.
fn count(folder: &Path) -> usize {
    let entries = fs_err::read_dir(folder).expect("a folder of cases");
    let each = entries.map(|entry| {
        let path = entry.expect("an entry").path();
        if path.is_dir() { count(&path) } else { 1 }
    });
    each.sum()
}

/// How many cases there are of each kind.
fn counts() -> String {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compose/cases");
    let mut table = "\n| cases | |\n|---|---|\n".to_owned();
    for (folder, what) in [
        ("same", "resolved by both to the same"),
        ("refused", "refused by both"),
        ("differs", "meant to differ"),
    ] {
        let count = count(&cases.join(folder));
        table.push_str(&format!("| {count} | {what} |\n"));
    }
    table.push('\n');
    table
}

/// One test, because all tables are in one file.
#[test]
fn every_attribute_and_every_meant_difference() {
    hold("counts", &counts());
    let mut table = "\n| attribute | | why |\n|---|---|---|\n".to_owned();
    for row in rows() {
        let (what, why) = match row.support {
            Support::Honoured => ("honoured", ""),
            Support::Partly(what) => ("partly", what),
            Support::Warned(why) => ("warned", why),
            Support::Refused(why) => ("refused", why),
        };
        table.push_str(&format!("| `{}` | {what} | {why} |\n", row.path));
    }
    table.push('\n');
    hold("attributes", &table);

    let folder = "tests/compose/cases/differs";
    let mut cases: Vec<String> =
        fs_err::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
    cases.sort();
    let mut table = "\n| case | why |\n|---|---|\n".to_owned();
    for case in cases {
        let text = file(&format!("{folder}/{case}"));
        let why = text
            .lines()
            .find_map(|line| line.strip_prefix("# differs: "));
        let name = case.trim_end_matches(".yaml");
        table.push_str(&format!(
            "| [{name}](../../{folder}/{case}) | {} |\n",
            why.expect("a reason")
        ));
    }
    table.push('\n');
    hold("differences", &table);
}
