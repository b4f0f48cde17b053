//! As much of a Dockerfile as has to be known before it is sent: its stages, what needs BuildKit, which secrets it asks
//! for. Not a parser of all of it; the engine's own has the last word.

use std::collections::BTreeSet;

/// A Dockerfile's instructions, continued lines joined.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Dockerfile {
    pub instructions: Vec<Instruction>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Instruction {
    /// Of its first line, from 1.
    pub line: usize,
    /// Upper case.
    pub keyword: String,
    /// `--mount=type=secret,id=x` → (`mount`, `type=secret,id=x`)
    pub flags: Vec<(String, String)>,
    /// What follows the flags.
    pub rest: String,
    pub heredoc: bool,
    /// Index of its stage; `None` before the first FROM.
    pub stage: Option<usize>,
}

/// A secret that a RUN asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SecretMount {
    pub line: usize,
    pub id: String,
}

impl Dockerfile {
    pub(super) fn parse(text: &str) -> Self {
        let escape = escape_character(text);
        let mut instructions = Vec::new();
        let mut stage = None;
        let mut lines = text.lines().enumerate();
        while let Some((at, first)) = lines.next() {
            if first.trim().is_empty() || first.trim_start().starts_with('#') {
                continue;
            }
            let mut joined = String::new();
            let mut line = first;
            while let Some(head) = line.trim_end().strip_suffix(escape) {
                joined.push_str(head);
                joined.push(' ');
                // Comments and empty lines do not end an instruction.
                let next =
                    lines.find(|(_, l)| !l.trim().is_empty() && !l.trim_start().starts_with('#'));
                let Some((_, next)) = next else {
                    line = "";
                    break;
                };
                line = next;
            }
            joined.push_str(line);
            let mut instruction = Instruction::parse(at + 1, &joined);
            for end in instruction.heredocs() {
                instruction.heredoc = true;
                lines.find(|(_, l)| l.trim_start_matches('\t') == end);
            }
            if instruction.keyword == "FROM" {
                stage = Some(stage.map_or(0, |s| s + 1));
            }
            instruction.stage = stage;
            instructions.push(instruction);
        }
        Self { instructions }
    }

    /// Secrets that the build of `target` asks for. A mount that says `required=false` does well without.
    pub(super) fn secrets(&self, target: Option<&str>) -> Vec<SecretMount> {
        let reached = self.reached(target);
        let mut found = Vec::new();
        for instruction in self
            .instructions
            .iter()
            .filter(|i| i.stage.is_some_and(|s| reached.contains(&s)))
        {
            for (_, mount) in instruction.flags.iter().filter(|(name, _)| name == "mount") {
                let option = |names: &[&str]| {
                    mount
                        .split(',')
                        .filter_map(|p| p.split_once('='))
                        .find(|(k, _)| names.contains(k))
                        .map(|(_, v)| v)
                };
                if option(&["type"]) != Some("secret") || option(&["required"]) == Some("false") {
                    continue;
                }
                let named = option(&["id"]);
                let target =
                    option(&["target", "dst", "destination"]).and_then(|t| t.rsplit('/').next());
                if let Some(id) = named.or(target).filter(|id| !id.contains('$')) {
                    found.push(SecretMount {
                        line: instruction.line,
                        id: id.to_owned(),
                    });
                }
            }
        }
        found
    }

    /// The images that it takes from, as far as they are written out.
    pub(super) fn images(&self) -> BTreeSet<String> {
        let from = self.instructions.iter().filter(|i| i.keyword == "FROM");
        let stages: Vec<String> = from.filter_map(Instruction::stage_name).collect();
        let is_stage = |name: &str| {
            name == "scratch"
                || name.parse::<usize>().is_ok()
                || stages.iter().any(|s| s.eq_ignore_ascii_case(name))
        };
        let sources = self.instructions.iter().flat_map(Instruction::sources);
        sources
            .filter(|name| !name.contains('$') && !is_stage(name))
            .collect()
    }

    /// What the classic builder cannot do: (line, what).
    pub(super) fn needs_buildkit(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for i in &self.instructions {
            let newer: &[&str] = match i.keyword.as_str() {
                "RUN" => &["mount", "network", "security", "device"],
                "COPY" | "ADD" => &[
                    "link",
                    "chmod",
                    "parents",
                    "exclude",
                    "checksum",
                    "keep-git-dir",
                ],
                _ => &[],
            };
            for (name, _) in i
                .flags
                .iter()
                .filter(|(name, _)| newer.contains(&name.as_str()))
            {
                found.push((i.line, format!("{} --{name}", i.keyword)));
            }
            if i.heredoc {
                found.push((i.line, format!("{} <<…", i.keyword)));
            }
        }
        found
    }

    /// The stages that building `target` (without one: the last) looks at.
    fn reached(&self, target: Option<&str>) -> BTreeSet<usize> {
        let stages: Vec<&Instruction> = self
            .instructions
            .iter()
            .filter(|i| i.keyword == "FROM")
            .collect();
        let names: Vec<Option<String>> = stages.iter().map(|from| from.stage_name()).collect();
        let index = |name: &str, before: usize| {
            names[..before]
                .iter()
                .rposition(|n| n.as_deref().is_some_and(|n| n.eq_ignore_ascii_case(name)))
        };
        let last = stages.len().checked_sub(1);
        let by_number = |name: &str| name.parse::<usize>().ok().filter(|n| *n < stages.len());
        let start = target.map_or(last, |name| index(name, stages.len()).or(by_number(name)));
        let mut todo: Vec<usize> = start.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(stage) = todo.pop() {
            if !reached.insert(stage) {
                continue;
            }
            for i in self.instructions.iter().filter(|i| i.stage == Some(stage)) {
                for source in i.sources() {
                    if source.contains('$') {
                        // It may be any of them.
                        todo.extend(0..stage);
                    }
                    todo.extend(index(&source, stage).or_else(|| {
                        (i.keyword != "FROM")
                            .then(|| by_number(&source))
                            .flatten()
                            .filter(|n| *n < stage)
                    }));
                }
            }
        }
        reached
    }
}

impl Instruction {
    fn parse(line: usize, text: &str) -> Self {
        let text = text.trim();
        let (keyword, mut rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let mut flags = Vec::new();
        loop {
            rest = rest.trim_start();
            let Some(flag) = rest.strip_prefix("--") else {
                break;
            };
            let end = flag.find(char::is_whitespace).unwrap_or(flag.len());
            let (name, value) = flag[..end].split_once('=').unwrap_or((&flag[..end], ""));
            flags.push((name.to_owned(), value.trim_matches('"').to_owned()));
            rest = &flag[end..];
        }
        let keyword = keyword.to_ascii_uppercase();
        Self {
            line,
            keyword,
            flags,
            rest: rest.to_owned(),
            heredoc: false,
            stage: None,
        }
    }

    /// The words that end the heredocs which begin here.
    fn heredocs(&self) -> Vec<String> {
        if !matches!(self.keyword.as_str(), "RUN" | "COPY" | "ADD") {
            return Vec::new();
        }
        self.rest
            .split_whitespace()
            .filter_map(|word| {
                word.trim_start_matches(|c: char| c.is_ascii_digit())
                    .strip_prefix("<<")
            })
            .map(|word| word.trim_start_matches('-').trim_matches(['"', '\'']))
            .filter(|word| word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'))
            .map(|word| {
                word.chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                    .collect()
            })
            .collect()
    }

    /// `FROM x AS name`
    fn stage_name(&self) -> Option<String> {
        let words: Vec<&str> = self.rest.split_whitespace().collect();
        match words.as_slice() {
            [_, word, name, ..] if word.eq_ignore_ascii_case("as") => Some((*name).to_owned()),
            _ => None,
        }
    }

    /// The stages or images that it takes from.
    fn sources(&self) -> Vec<String> {
        let mut sources = Vec::new();
        if self.keyword == "FROM" {
            sources.extend(self.rest.split_whitespace().next().map(str::to_owned));
        }
        for (name, value) in &self.flags {
            match name.as_str() {
                "from" => sources.push(value.clone()),
                "mount" => {
                    sources.extend(
                        value
                            .split(',')
                            .filter_map(|p| p.strip_prefix("from="))
                            .map(str::to_owned),
                    );
                }
                _ => {}
            }
        }
        sources
    }
}

/// `# escape=` among the directives at the top.
fn escape_character(text: &str) -> char {
    for line in text.lines() {
        let Some(comment) = line.trim().strip_prefix('#') else {
            break;
        };
        let Some((name, value)) = comment.split_once('=') else {
            break;
        };
        if name.trim().eq_ignore_ascii_case("escape") {
            return value.trim().chars().next().unwrap_or('\\');
        }
    }
    '\\'
}

#[cfg(test)]
mod tests;
