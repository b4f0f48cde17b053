//! What a build prints may hold its secrets; nobody is shown them.

/// Takes secrets out of text.
#[derive(Clone, Default)]
pub(super) struct Mask {
    /// The longest first, so that no part of one stays when another is within it.
    secrets: Vec<String>,
}

/// Shorter texts are found everywhere, and hide more than they protect.
const SHORTEST: usize = 4;

impl Mask {
    /// A secret of several lines is masked line by line as well, because that is how logs show it.
    pub(super) fn new<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut secrets: Vec<String> = values
            .flat_map(|value| value.lines().chain([value.trim()]))
            .filter(|text| text.len() >= SHORTEST)
            .map(str::to_owned)
            .collect();
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        Self { secrets }
    }

    pub(super) fn apply(&self, text: String) -> String {
        self.secrets.iter().fold(text, |text, secret| {
            if text.contains(secret.as_str()) {
                text.replace(secret.as_str(), "***")
            } else {
                text
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Mask;

    #[test]
    fn hides_whole_secrets_and_their_lines() {
        let mask = Mask::new(
            [
                "s3cret-token",
                "-----BEGIN-----\nabcdef\n",
                "ab",
                "s3cret-token-longer",
            ]
            .into_iter(),
        );
        assert_eq!(mask.apply("got s3cret-token!".into()), "got ***!");
        assert_eq!(mask.apply("got s3cret-token-longer!".into()), "got ***!");
        assert_eq!(mask.apply("line abcdef of it".into()), "line *** of it");
        assert_eq!(mask.apply("ab is too short".into()), "ab is too short");
    }
}
