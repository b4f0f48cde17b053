//! Expressions of Helm's templates in the values of an object: words stand for them until the object is text.

use serde_json::Value;

use crate::promote::Object;

/// Sorts behind the keys of Kubernetes, so that no line of ours is the first of a list's item.
const STEM: &str = "zzvalue";

/// What stands for which expression.
pub struct Tokens {
    stem: String,
    expressions: Vec<Expression>,
}

enum Expression {
    /// In a line.
    Inline(String),
    /// What `{{- … }}` gives, `nindent`ed below its key.
    Below(String),
    /// In place of the whole line. `{indent}` is how far it is in, `{below}` one level more.
    Lines(&'static [&'static str], String),
}

impl Tokens {
    /// For these objects: no word of theirs is one of ours.
    pub fn of(objects: &[Object]) -> Self {
        let texts: Vec<String> = objects
            .iter()
            .map(|object| format!("{}{}", object.value, object.comments.join(" ")))
            .collect();
        let mut stem = STEM.to_owned();
        while texts.iter().any(|text| text.contains(&stem)) {
            stem.push('z');
        }
        Self {
            stem,
            expressions: Vec::new(),
        }
    }

    /// `{{ … }}` and text, in place of a value.
    pub fn inline(&mut self, expression: impl Into<String>) -> Value {
        self.add(Expression::Inline(expression.into())).into()
    }

    /// What an expression gives as YAML, in place of a value.
    pub fn below(&mut self, expression: &str) -> Value {
        self.add(Expression::Below(expression.to_owned())).into()
    }

    /// Lines with `with` in them for an expression, as a key of `object`.
    pub fn lines(&mut self, object: &mut Value, lines: &'static [&'static str], with: &str) {
        let key = self.add(Expression::Lines(lines, with.to_owned()));
        object[key] = "".into();
    }

    fn add(&mut self, expression: Expression) -> String {
        self.expressions.push(expression);
        format!("{}{}e", self.stem, self.expressions.len() - 1)
    }

    /// The text of an object as a template: what is Helm's own in it is written so that Helm writes it as it was.
    pub fn fill(&self, text: &str) -> String {
        text.lines().map(|line| self.line(line)).collect()
    }

    fn line(&self, line: &str) -> String {
        let text = line.replace("{{", r#"{{ "{{" }}"#);
        let found = self.expressions.iter().enumerate().find_map(|(at, one)| {
            let word = format!("{}{at}e", self.stem);
            text.contains(&word).then_some((word, one))
        });
        let Some((word, expression)) = found else {
            return text + "\n";
        };
        let indent = line.len() - line.trim_start_matches([' ', '-']).len();
        match expression {
            Expression::Inline(expression) => text.replace(&word, expression) + "\n",
            Expression::Below(expression) => {
                let expression = format!("{{{{- {expression} | nindent {} }}}}", indent + 2);
                text.replace(&word, &expression) + "\n"
            }
            Expression::Lines(lines, with) => {
                let filled = lines.iter().map(|line| {
                    let line = line
                        .replace("{with}", with)
                        .replace("{indent}", &indent.to_string())
                        .replace("{below}", &(indent + 2).to_string());
                    format!("{}{line}\n", " ".repeat(indent))
                });
                filled.collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::promote::Kind;
    use crate::stack::compose::yaml;

    #[test]
    fn what_is_helms_in_a_value_stays_a_value() {
        let object = Object::new(Kind::ConfigMap, "a", 0, &json!({ "zzvalue0e": "{{ x }}" }));
        let mut tokens = Tokens::of(std::slice::from_ref(&object));
        let mut value = object.value;
        value["a"] = tokens.inline("{{ .Values.a }}");
        let mut inner = json!({});
        inner["b"] = tokens.below("toYaml .Values.b");
        tokens.lines(
            &mut inner,
            &["{{- with {with} }}", "c: {{ . }}", "{{- end }}"],
            ".Values.c",
        );
        value["in"] = inner;
        assert_eq!(
            tokens.fill(&yaml(&value)),
            "a: {{ .Values.a }}\nin:\n  b: {{- toYaml .Values.b | nindent 4 }}\n  {{- with .Values.c }}\n  c: {{ . }}\n  {{- end }}\n\
             zzvalue0e: \"{{ \"{{\" }} x }}\"\n"
        );
    }
}
