//! The program as it is compiled without its tests: which module says which paths.

use std::path::{Path, PathBuf};

use crate::tokens::{Token, tokens};

/// Something that a module names: a path from the root of a crate, or a method.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mention {
    /// From `src/`.
    pub file: String,
    /// Of the module that names it: `["plan", "react"]`.
    pub module: Vec<String>,
    pub what: Named,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Named {
    /// A path inside this package, without `crate`: `["engine", "event", "Event"]`.
    Inside(Vec<String>),
    /// Any other path as it is written: `["std", "fs", "File", "open"]`.
    Outside(Vec<String>),
    /// `.name(`
    Method(String),
}

/// Everything that is named in the modules below `src/lib.rs`, those under `#[cfg(test)]` left out.
pub fn mentions(src: &Path) -> Vec<Mention> {
    let mut reader = Reader {
        src,
        found: Vec::new(),
    };
    reader.file(&src.join("lib.rs"), &[], src);
    reader.found
}

struct Reader<'a> {
    src: &'a Path,
    found: Vec<Mention>,
}

/// Where the reader is.
struct Place {
    file: String,
    /// The folder of the files of modules that are declared here.
    folder: PathBuf,
    module: Vec<String>,
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, module: &[String], folder: &Path) {
        let text = fs_err::read_to_string(path).expect("a file of the repository");
        let place = Place {
            file: path
                .strip_prefix(self.src)
                .expect("inside src")
                .display()
                .to_string(),
            folder: folder.to_owned(),
            module: module.to_vec(),
        };
        self.tokens(&tokens(&text), &place);
    }

    fn tokens(&mut self, tokens: &[Token], place: &Place) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at = match token {
                Token::Sign('#') if is_test_only(&tokens[at..]) => at + item_length(&tokens[at..]),
                Token::Word(word) if word == "mod" => self.module(tokens, at, place),
                Token::Word(_) if is_after_dot(tokens, at) => self.method(tokens, at, place),
                Token::Word(_) => self.path(tokens, at, &[], place),
                _ => at + 1,
            };
        }
    }

    /// `mod name;` or `mod name { … }`; to the place after it.
    fn module(&mut self, tokens: &[Token], at: usize, place: &Place) -> usize {
        let Some(name) = tokens.get(at + 1).and_then(Token::word) else {
            return at + 1;
        };
        let mut module = place.module.clone();
        module.push(name.to_owned());
        let folder = place.folder.join(name);
        if tokens.get(at + 2).is_some_and(|token| token.is(';')) {
            let beside = place.folder.join(format!("{name}.rs"));
            let file = if beside.exists() {
                beside
            } else {
                folder.join("mod.rs")
            };
            self.file(&file, &module, &folder);
            return at + 3;
        }
        let end = at + item_length(&tokens[at..]);
        let file = place.file.clone();
        let inner = Place {
            file,
            folder,
            module,
        };
        self.tokens(&tokens[at + 3..end], &inner);
        end
    }

    fn method(&mut self, tokens: &[Token], at: usize, place: &Place) -> usize {
        if let (Some(name), Some(next)) = (tokens[at].word(), tokens.get(at + 1))
            && next.is('(')
        {
            self.note(Named::Method(name.to_owned()), place);
        }
        at + 1
    }

    /// A path, or the tree of a `use`; to the place after it.
    fn path(&mut self, tokens: &[Token], mut at: usize, prefix: &[String], place: &Place) -> usize {
        let mut path = prefix.to_vec();
        while let Some(word) = tokens.get(at).and_then(Token::word) {
            path.push(word.to_owned());
            at += 1;
            if !follows_colons(tokens, at) {
                break;
            }
            at += 2;
            if tokens.get(at).is_some_and(|token| token.is('{')) {
                return self.branches(tokens, at, &path, place);
            }
        }
        self.named(&path, place);
        at
    }

    /// `{a, b::c}` of a `use`.
    fn branches(
        &mut self,
        tokens: &[Token],
        open: usize,
        prefix: &[String],
        place: &Place,
    ) -> usize {
        let end = open + block_length(&tokens[open..]);
        let mut at = open + 1;
        while at < end {
            at = match tokens[at] {
                Token::Word(ref word) if word == "as" => at + 2,
                Token::Word(_) => self.path(tokens, at, prefix, place),
                _ => at + 1,
            };
        }
        end
    }

    /// Follows `crate`, `self` and `super` to where they lead.
    fn named(&mut self, path: &[String], place: &Place) {
        let supers = path.iter().filter(|word| *word == "super").count();
        let rest = || {
            let is_step = |word: &&String| ["self", "super"].contains(&word.as_str());
            path.iter().skip_while(is_step).cloned()
        };
        let inside = match path.first().map(String::as_str) {
            Some("crate") => path[1..].to_vec(),
            Some("super" | "self") => {
                let depth = place.module.len().saturating_sub(supers);
                place.module[..depth]
                    .iter()
                    .cloned()
                    .chain(rest())
                    .collect()
            }
            _ if path.len() > 1 => return self.note(Named::Outside(path.to_vec()), place),
            _ => return,
        };
        self.note(Named::Inside(inside), place);
    }

    fn note(&mut self, what: Named, place: &Place) {
        let (file, module) = (place.file.clone(), place.module.clone());
        self.found.push(Mention { file, module, what });
    }
}

fn is_after_dot(tokens: &[Token], at: usize) -> bool {
    at > 0 && tokens[at - 1].is('.') && !(at > 1 && tokens[at - 2].is('.'))
}

fn follows_colons(tokens: &[Token], at: usize) -> bool {
    let is_colon = |at: usize| tokens.get(at).is_some_and(|token| token.is(':'));
    is_colon(at) && is_colon(at + 1)
}

/// `#[cfg(test)]` and `#[test]`.
fn is_test_only(tokens: &[Token]) -> bool {
    let inside = &tokens[..attribute_length(tokens)];
    let words: Vec<&str> = inside.iter().filter_map(Token::word).collect();
    words == ["cfg", "test"] || words == ["test"]
}

/// `#[…]` or `#![…]`.
fn attribute_length(tokens: &[Token]) -> usize {
    let open = tokens.iter().take(3).position(|token| token.is('['));
    open.map_or(1, |open| open + block_length(&tokens[open..]))
}

/// To the end of an item, its attributes included: a `;`, or the end of its `{ … }`.
fn item_length(tokens: &[Token]) -> usize {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Sign('#') => at += attribute_length(&tokens[at..]),
            Token::Sign(';') => return at + 1,
            Token::Sign('{') => return at + block_length(&tokens[at..]),
            Token::Sign('(' | '[') => at += block_length(&tokens[at..]),
            _ => at += 1,
        }
    }
    at
}

/// From an opening bracket to its closing one.
fn block_length(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

#[test]
fn paths_are_followed_and_tests_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(path, text).unwrap();
    };
    write("lib.rs", "pub mod a;\nmod b;");
    write(
        "a/mod.rs",
        "mod deep;\n#[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod t { use crate::hidden; }\n\
        use crate::{b::{self, Two as Second}, c};\nuse std::{fs, io::Write};",
    );
    write(
        "a/deep.rs",
        "use super::super::b::Other;\n#[test]\nfn t() { crate::hidden::f(); }\nfn g() { path.is_file(); crate::d::go::<u8>() }",
    );
    write("b.rs", "mod inner { use super::super::a; }");
    let mut found: Vec<String> = mentions(folder.path())
        .into_iter()
        .map(|mention| {
            let what = match mention.what {
                Named::Inside(path) => format!("crate::{}", path.join("::")),
                Named::Outside(path) => path.join("::"),
                Named::Method(name) => format!(".{name}"),
            };
            format!("{}: {what}", mention.file)
        })
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "a/deep.rs: .is_file",
            "a/deep.rs: crate::b::Other",
            "a/deep.rs: crate::d::go",
            "a/mod.rs: crate::b::Two",
            "a/mod.rs: crate::b::self",
            "a/mod.rs: crate::c",
            "a/mod.rs: std::fs",
            "a/mod.rs: std::io::Write",
            "b.rs: crate::a",
        ]
    );
}
