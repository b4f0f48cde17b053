//! The forms in which a value may show up in somebody's output.

const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A shorter piece of Base64 would hit what is no secret.
const SHORTEST: usize = 6;

/// `value` and its other forms.
pub(super) fn forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned(), json(value)];
    for upper in [true, false] {
        forms.push(percent(value, upper, "%20"));
        forms.push(percent(value, upper, "+"));
    }
    for alphabet in [STANDARD, URL_SAFE] {
        forms.push(base64(value.as_bytes(), alphabet));
        forms.extend(
            (0..3)
                .map(|shift| base64_within(value.as_bytes(), shift, alphabet))
                .filter(|f| f.len() >= SHORTEST),
        );
    }
    forms
}

/// Without padding: with it, the padding stays behind, and says nothing.
fn base64(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut out = String::with_capacity(bytes.len() * 4 / 3 + 2);
    for chunk in bytes.chunks(3) {
        let three = [
            chunk[0],
            chunk.get(1).copied().unwrap_or(0),
            chunk.get(2).copied().unwrap_or(0),
        ];
        let number = u32::from_be_bytes([0, three[0], three[1], three[2]]);
        for at in 0..=chunk.len() {
            let index = (number >> (18 - 6 * at)) & 63;
            out.push(char::from(alphabet[index as usize]));
        }
    }
    out
}

/// The characters that `value` alone decides when it stands in a longer text, `shift` bytes into a group of three: as
/// in `user:password` of basic authentication.
fn base64_within(value: &[u8], shift: usize, alphabet: &[u8; 64]) -> String {
    let shifted = [&vec![0; shift][..], value].concat();
    let whole = base64(&shifted, alphabet);
    let first = (shift * 8).div_ceil(6);
    let last = shifted.len() * 8 / 6;
    whole.get(first..last).unwrap_or_default().to_owned()
}

/// As in a URL; `space` is how a blank is written there.
fn percent(value: &str, upper: bool, space: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            b' ' => out.push_str(space),
            byte if upper => out.push_str(&format!("%{byte:02X}")),
            byte => out.push_str(&format!("%{byte:02x}")),
        }
    }
    out
}

/// As inside a JSON string.
fn json(value: &str) -> String {
    let quoted = serde_json::Value::from(value).to_string();
    quoted
        .trim_start_matches('"')
        .strip_suffix('"')
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, coded) in [
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes(), STANDARD), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff], URL_SAFE), "-_8");
    }

    #[test]
    fn a_value_within_basic_authentication_is_known() {
        for user in ["a", "ab", "abc", "admin"] {
            let header = base64(format!("{user}:correct horse").as_bytes(), STANDARD);
            let found = forms("correct horse")
                .into_iter()
                .any(|form| header.contains(&form));
            assert!(found, "{user}: {header}");
        }
    }
}
