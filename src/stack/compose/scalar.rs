//! What an unquoted word of YAML is, as `docker compose` reads it: the core schema of YAML 1.2, and the octal numbers with a
//! leading zero and the underscores of YAML 1.1 besides (<https://yaml.org/spec/1.2.2/#103-core-schema>).

use super::node::Value;

pub(super) fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        _ => {}
    }
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if matches!(digits, ".inf" | ".Inf" | ".INF") {
        return Value::Float(if negative {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        });
    }
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Value::Text(text.to_owned());
    }
    let number = digits.replace('_', "");
    if let Some(whole) = integer(&number) {
        return Value::Int(if negative { -whole } else { whole });
    }
    match is_float(&number)
        .then(|| number.parse::<f64>().ok())
        .flatten()
    {
        Some(float) => Value::Float(if negative { -float } else { float }),
        None => Value::Text(text.to_owned()),
    }
}

fn integer(digits: &str) -> Option<i64> {
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_number
        .then(|| i64::from_str_radix(digits, radix).ok())
        .flatten()
}

/// `1.5`, `.5`, `1e3`: what Rust reads beside that (`inf`, `1.e`) is text in YAML.
fn is_float(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let exponent = exponent.map(|exponent| exponent.strip_prefix(['+', '-']).unwrap_or(exponent));
    digits(whole)
        && digits(fraction)
        && mantissa.bytes().any(|byte| byte.is_ascii_digit())
        && exponent.is_none_or(|exponent| !exponent.is_empty() && digits(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_what_compose_takes_them_for() {
        let cases = [
            ("8080", Value::Int(8080)),
            ("-1", Value::Int(-1)),
            ("0444", Value::Int(0o444)),
            ("0o444", Value::Int(0o444)),
            ("0x1F", Value::Int(31)),
            ("1_000", Value::Int(1000)),
            ("1.5", Value::Float(1.5)),
            (".5", Value::Float(0.5)),
            ("1e3", Value::Float(1000.0)),
            ("~", Value::Null),
            ("", Value::Null),
            ("True", Value::Bool(true)),
            ("yes", Value::Text("yes".into())),
            ("22:22", Value::Text("22:22".into())),
            ("1.2.3", Value::Text("1.2.3".into())),
            ("089", Value::Float(89.0)),
            (".", Value::Text(".".into())),
            ("1e", Value::Text("1e".into())),
            ("10s", Value::Text("10s".into())),
        ];
        for (text, expected) in cases {
            assert_eq!(plain(text), expected, "{text}");
        }
    }
}
