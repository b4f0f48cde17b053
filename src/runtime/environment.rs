use std::collections::BTreeMap;

use camino::Utf8PathBuf;

/// What the process was started with, as a parameter, so that finding an engine can be tried without one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    pub variables: BTreeMap<String, String>,
    pub home: Option<Utf8PathBuf>,
}

impl Environment {
    /// That of this process. Variables that are not UTF-8 are left out.
    pub fn of_process() -> Self {
        let variables = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        let home = etcetera::home_dir()
            .ok()
            .and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        Self { variables, home }
    }

    /// A variable's value; an empty one counts as not set, as the field's tools do it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }
}
