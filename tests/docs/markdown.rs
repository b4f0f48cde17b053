//! The little of Markdown that these documents use.

/// Every block that begins with ```` ```language ````.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<(bool, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(name)) => open = Some((name == language, String::new())),
            (Some(_), Some(_)) => {
                found.extend(
                    open.take()
                        .filter(|(is_wanted, _)| *is_wanted)
                        .map(|(_, text)| text),
                );
            }
            (Some((_, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}

/// Rows of every table whose first heading is `heading`: cells as they are written, headings left out.
pub fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut wanted = false;
    let mut previous_was_row = false;
    for line in page.lines() {
        let Some(row) = line.strip_prefix('|') else {
            previous_was_row = false;
            continue;
        };
        let row = cells(row);
        if !previous_was_row {
            wanted = row.first().is_some_and(|cell| cell == heading);
        } else if wanted
            && !row
                .iter()
                .all(|cell| cell.trim_matches(['-', ':']).is_empty())
        {
            found.push(row);
        }
        previous_was_row = true;
    }
    found
}

/// `\|` inside a cell is no border.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim().trim_end_matches('|').replace(r"\|", "\0");
    let cell = |cell: &str| cell.trim().replace('\0', "|");
    row.split('|').map(cell).collect()
}

/// Texts in backticks.
pub fn code(text: &str) -> Vec<String> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Sections by the text of their heading, `## ` or deeper; each to the next heading.
pub fn sections(page: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut in_block = false;
    for line in page.lines() {
        in_block ^= line.starts_with("```");
        let heading = line.trim_start_matches('#');
        let depth = line.len() - heading.len();
        if !in_block && depth >= 2 {
            found.push((heading.trim().to_owned(), String::new()));
        } else if let Some((_, text)) = found.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    found
}

/// Where links lead: `](…)`.
pub fn links(page: &str) -> Vec<String> {
    page.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link.to_owned())
        .collect()
}

#[test]
fn what_is_read_of_a_page() {
    let page = "# T\n## One\n|a|b|\n|---|---|\n|`x`|1 \\| 2|\n\n|c|\n|-|\n|no|\n```toml\n## no = 1\n```\n### Two\n[l](x.md)\n";
    assert_eq!(rows(page, "a"), [["`x`", "1 | 2"]]);
    assert_eq!(blocks(page, "toml"), ["## no = 1\n"]);
    assert_eq!(code("a `b` c `d`"), ["b", "d"]);
    assert_eq!(links(page), ["x.md"]);
    let headings: Vec<String> = sections(page).into_iter().map(|(name, _)| name).collect();
    assert_eq!(headings, ["One", "Two"]);
}
