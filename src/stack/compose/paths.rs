//! Paths as text: what is relative starts at the folder of its project.

use camino::Utf8Path;

use super::node::{Node, Value};
use crate::stack::path::clean_text;

/// Where paths of a project start.
#[derive(Clone, Copy)]
pub(super) struct Base<'a> {
    /// Absolute.
    pub dir: &'a Utf8Path,
    /// What `~` stands for.
    pub home: Option<&'a str>,
}

impl Base<'_> {
    pub fn absolute(&self, path: &str) -> String {
        let path = self.at_home(path);
        match path.starts_with('/') {
            true => path,
            false => clean_text(&format!("{}/{path}", self.dir)),
        }
    }

    /// The same of what the engine reads, which may be on another machine.
    fn absolute_there(&self, path: &str) -> String {
        let path = self.at_home(path);
        match is_windows(&path) {
            true => path,
            false => self.absolute(&path),
        }
    }

    fn at_home(&self, path: &str) -> String {
        match (path.strip_prefix('~'), self.home) {
            (Some(rest), Some(home)) => clean_text(&format!("{home}/{rest}")),
            _ => path.to_owned(),
        }
    }

    /// Every relative path of a project.
    pub fn resolve(&self, project: &mut Node) {
        for (_, service) in project.section_mut("services") {
            self.service(service);
        }
        for section in ["configs", "secrets"] {
            for (_, table) in project.section_mut(section) {
                self.there(table.get_mut("file"));
            }
        }
        for (_, volume) in project.section_mut("volumes") {
            self.volume_of_a_folder(volume);
        }
    }

    pub fn service(&self, service: &mut Node) {
        if let Some(build) = service.get_mut("build") {
            self.build(build);
        }
        for file in service
            .get_mut("env_file")
            .map(Node::items_mut)
            .unwrap_or_default()
        {
            self.at(file, "path");
        }
        for file in service
            .get_mut("label_file")
            .map(Node::items_mut)
            .unwrap_or_default()
        {
            self.text(file);
        }
        for mount in service
            .get_mut("volumes")
            .map(Node::items_mut)
            .unwrap_or_default()
        {
            if mount.text_at("type") == Some("bind") {
                self.there(mount.get_mut("source"));
            }
        }
        let rules = service
            .get_mut("develop")
            .and_then(|develop| develop.get_mut("watch"));
        for rule in rules.map(Node::items_mut).unwrap_or_default() {
            self.at(rule, "path");
        }
    }

    fn build(&self, build: &mut Node) {
        if let Some(context) = build.get_mut("context") {
            self.context(context);
        }
        for (_, context) in build.section_mut("additional_contexts") {
            self.context(context);
        }
        for (_, key) in build.section_mut("ssh") {
            self.there(Some(key));
        }
    }

    /// A folder, unless it says that it is something else.
    fn context(&self, node: &mut Node) {
        let is_folder = node.as_text().is_some_and(|text| {
            !text.contains("://")
                && !text.starts_with("service:")
                && !text.starts_with("git@")
                && !text.starts_with("github.com/")
        });
        if is_folder {
            self.text(node);
        }
    }

    /// `driver_opts: { type: none, o: bind, device: ./data }`.
    fn volume_of_a_folder(&self, volume: &mut Node) {
        let is_local = volume.text_at("driver") == Some("local");
        if let Some(options) = volume.get_mut("driver_opts")
            && is_local
            && options.text_at("o") == Some("bind")
        {
            self.there(options.get_mut("device"));
        }
    }

    fn at(&self, table: &mut Node, key: &str) {
        if let Some(node) = table.get_mut(key) {
            self.text(node);
        }
    }

    fn text(&self, node: &mut Node) {
        if let Value::Text(path) = &mut node.value
            && !path.is_empty()
        {
            *path = self.absolute(path);
        }
    }

    fn there(&self, node: Option<&mut Node>) {
        if let Some(Node {
            value: Value::Text(path),
            ..
        }) = node
            && !path.is_empty()
        {
            *path = self.absolute_there(path);
        }
    }
}

/// `C:\data`, for an engine on such a machine.
fn is_windows(path: &str) -> bool {
    let bytes = path.as_bytes();
    path.starts_with(r"\\")
        || bytes.len() > 2 && bytes[1] == b':' && matches!(bytes[2], b'\\' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_by_their_text() {
        let cases = [
            ("/a/./b//c/..", "/a/b"),
            ("/../a", "/a"),
            ("./a/../..", ".."),
            ("a/", "a"),
            (".", "."),
            ("/", "/"),
        ];
        for (path, expected) in cases {
            assert_eq!(clean_text(path), expected, "{path}");
        }
    }

    #[test]
    fn relative_paths_start_at_the_folder() {
        let base = Base {
            dir: Utf8Path::new("/p/q"),
            home: Some("/home/me"),
        };
        assert_eq!(base.absolute("../x"), "/p/x");
        assert_eq!(base.absolute("~/x"), "/home/me/x");
        assert_eq!(base.absolute("/x/"), "/x/");
        assert_eq!(base.absolute_there(r"C:\x"), r"C:\x");
        assert_eq!(base.absolute_there("1:/x"), "1:/x");
        assert_eq!(base.absolute_there("c:x"), "/p/q/c:x");
        assert_eq!(base.absolute_there("~/x"), "/home/me/x");
        assert_eq!(base.absolute(r"C:\x"), r"/p/q/C:\x");
    }
}
