//! Log lines of services, told apart by a padded and coloured name before a bar.

use super::Look;
use super::line::{Line, Paint, fit, service_paint};
use super::sanitise::{self, Keep, cell};

/// Names longer than this are cut, so that one does not push all lines to the right.
const LONGEST: usize = 24;
/// Prefixes are at least this wide, so that few names and many look alike.
const SHORTEST: usize = 8;

/// The column that names stand in, one width for all lines of a view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gutter {
    width: usize,
    look: Look,
}

impl Gutter {
    /// Wide enough for `names`.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>, look: Look) -> Self {
        let widest = names
            .into_iter()
            .map(|name| super::line::width(&cell(name)))
            .max();
        Self {
            width: widest.unwrap_or(0).clamp(SHORTEST, LONGEST),
            look,
        }
    }

    /// Widens for names that were not known before; never narrows, so that columns stay.
    #[must_use]
    pub fn widened<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let other = Self::new(names, self.look);
        Self {
            width: self.width.max(other.width),
            ..self
        }
    }

    /// `api       | GET /health 200`; without a line end. Colours of the service's own stay where there are colours.
    pub fn log(&self, service: &str, text: &str) -> String {
        let bar = if self.look.color {
            self.look.bar()
        } else {
            "|"
        };
        let prefix = self.name(service, service_paint(service), bar, Paint::Dim);
        let text = bare(text, self.look);
        let line = format!("{} {text}", prefix.render(self.look));
        if self.look.color {
            line
        } else {
            line.trim_end().to_owned()
        }
    }

    /// The name, padded, and one character that says what kind of line follows.
    pub(super) fn name(&self, name: &str, paint: Paint, mark: &str, mark_paint: Paint) -> Line {
        let mut line = Line::new().with(paint, fit(&cell(name), self.width, self.look));
        line.pad(self.width);
        line.push(Paint::Plain, " ");
        line.push(mark_paint, mark);
        line
    }
}

/// The line alone, with nothing in it that a terminal would act on but colours, where there are colours.
pub fn bare(text: &str, look: Look) -> String {
    let keep = if look.color {
        Keep::Colors
    } else {
        Keep::Nothing
    };
    sanitise::line(text, keep)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_align_whatever_the_names() {
        let look = Look {
            color: false,
            unicode: true,
        };
        let gutter = Gutter::new(["api", "migrate-all"], look);
        assert_eq!(gutter.log("api", "hello\n"), "api         | hello");
        assert_eq!(gutter.log("migrate-all", "\x1b[2Jhi"), "migrate-all | hi");
        assert_eq!(gutter.log("api", ""), "api         |");
        let long = "a-service-with-a-name-that-goes-on-and-on";
        let gutter = gutter.widened([long]);
        assert_eq!(gutter.log(long, "x"), "a-service-with-a-name-t… | x");
    }

    #[test]
    fn colors_of_the_service_end_with_its_line() {
        let gutter = Gutter::new(
            ["api"],
            Look {
                color: true,
                unicode: true,
            },
        );
        let line = gutter.log("api", "\x1b[31mred");
        assert!(line.ends_with("\x1b[31mred\x1b[0m"), "{line:?}");
        assert_eq!(console::strip_ansi_codes(&line), "api      │ red");
    }
}
