use proptest::prelude::*;

use super::*;

fn parse(text: &str) -> Vec<Part> {
    Template::parse(text).unwrap().parts
}

fn text(text: &str) -> Part {
    Part::Text(text.to_owned())
}

fn fails(text: &str) -> (String, String) {
    let error = Template::parse(text).unwrap_err();
    (
        text[error.offset..error.offset + error.len].to_owned(),
        error.message,
    )
}

#[test]
fn text_and_references_alternate() {
    let url = Reference::Service {
        service: "db".to_owned(),
        path: vec!["auth".to_owned(), "url".to_owned()],
    };
    assert_eq!(
        parse("<${db.auth.url}>"),
        vec![text("<"), Part::Reference(url), text(">")]
    );
    assert_eq!(parse(""), vec![text("")]);
    assert_eq!(
        parse("${self.http.public}"),
        vec![Part::Reference(Reference::Own {
            path: vec!["http".to_owned(), "public".to_owned()]
        })]
    );
}

#[test]
fn a_dollar_that_opens_nothing_is_text() {
    assert_eq!(parse("$HOME costs $5$"), vec![text("$HOME costs $5$")]);
    assert_eq!(parse("$${HOME} $$$$"), vec![text("${HOME} $$")]);
}

#[test]
fn defaults_nest() {
    let outer = parse("${env:A:-x${env:B:-${db.url}}y}");
    assert_eq!(outer.len(), 1);
    let all = Template { parts: outer }.all_references();
    assert!(all.contains(&Reference::Service {
        service: "db".to_owned(),
        path: vec!["url".to_owned()]
    }));
    assert_eq!(all.len(), 3);
    assert_eq!(
        parse("${env:A:-}"),
        vec![Part::Reference(Reference::Env {
            name: "A".to_owned(),
            default: Some(String::new())
        })]
    );
}

#[test]
fn errors_point_at_the_reference() {
    assert_eq!(fails("a ${db.url").0, "${db.url");
    assert_eq!(fails("é ${HOME} b").0, "${HOME}");
    assert!(fails("${HOME}").1.contains("`${env:HOME}`"));
    assert_eq!(fails("${env:A:-x ${db url} y}").0, "${db url}");
    assert_eq!(
        fails("${git:tag}").1,
        "git knows `sha` and `branch`, not `tag`"
    );
    assert_eq!(fails("${}").0, "${}");
    assert_eq!(fails("${env:1A}").0, "${env:1A}");
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let deep = format!("{}{}", "${env:A:-".repeat(10_000), "}".repeat(10_000));
    assert!(
        Template::parse(&deep)
            .unwrap_err()
            .message
            .contains("nest deeper")
    );
}

proptest! {
    #[test]
    fn any_text_parses_or_errs_inside_itself(text in "[$\\{\\}a-z.:\\-é]{0,60}") {
        match Template::parse(&text) {
            Ok(template) => prop_assert_eq!(Template::parse(&template.to_string()).unwrap(), template),
            Err(error) => prop_assert!(text.get(error.offset..error.offset + error.len).is_some()),
        }
    }
}
