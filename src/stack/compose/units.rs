//! Sizes, durations and numbers, as the tools around Compose read and write them.

/// `1.5g`, `512 MB`, `64KiB`: bytes, with units of 1024.
pub(super) fn bytes(text: &str) -> Option<i64> {
    if let Ok(bytes) = text.parse() {
        return Some(bytes);
    }
    let end = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')?;
    let (number, unit) = text.split_at(end + 1);
    let number: f64 = number.strip_suffix(' ').unwrap_or(number).parse().ok()?;
    let unit = unit.to_ascii_lowercase();
    let power = match unit.as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 1,
        "m" | "mb" | "mib" => 2,
        "g" | "gb" | "gib" => 3,
        "t" | "tb" | "tib" => 4,
        "p" | "pb" | "pib" => 5,
        _ => return None,
    };
    let bytes = number * 1024_f64.powi(power);
    (bytes.is_finite() && (0.0..9.2e18).contains(&bytes)).then_some(bytes as i64)
}

/// Nanoseconds in `1h30m`, `1.5s`, `2w`.
pub(super) fn duration(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let letters = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        total = total.checked_add(part(number, nanoseconds(unit)?)?)?;
        rest = after;
    }
    Some(if negative { -total } else { total })
}

fn part(number: &str, unit: i64) -> Option<i64> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    let mut nanos = whole.checked_mul(unit)?;
    let mut scale = unit;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return None;
        }
        scale /= 10;
        nanos = nanos.checked_add(i64::from(digit - b'0') * scale)?;
    }
    Some(nanos)
}

fn nanoseconds(unit: &str) -> Option<i64> {
    const SECOND: i64 = 1_000_000_000;
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3_600 * SECOND,
        "d" => 86_400 * SECOND,
        "w" => 604_800 * SECOND,
        _ => return None,
    })
}

/// As Compose writes a duration: `1h30m0s`, `1.5s`, `500ms`.
pub(super) fn duration_text(nanos: i64) -> String {
    if nanos == 0 {
        return "0s".to_owned();
    }
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.unsigned_abs();
    let below_second = |unit: u64, name: &str| format!("{sign}{}{name}", decimal(nanos, unit));
    if nanos < 1_000 {
        return below_second(1, "ns");
    }
    if nanos < 1_000_000 {
        return below_second(1_000, "µs");
    }
    if nanos < 1_000_000_000 {
        return below_second(1_000_000, "ms");
    }
    let minutes = nanos / 60_000_000_000;
    let seconds = decimal(nanos % 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

/// `value / unit` without zeros at the end.
fn decimal(value: u64, unit: u64) -> String {
    let width = unit.ilog10() as usize;
    let fraction = format!("{:0width$}", value % unit);
    let fraction = fraction.trim_end_matches('0');
    match fraction.is_empty() || unit == 1 {
        true => (value / unit).to_string(),
        false => format!("{}.{fraction}", value / unit),
    }
}

/// A number as it goes into an environment variable or a label: without a fraction where there is none, and with an
/// exponent where it is far from one.
pub(super) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e6).contains(&size) {
        let text = format!("{number:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, digits) = match exponent.strip_prefix('-') {
            Some(digits) => ('-', digits),
            None => ('+', exponent),
        };
        return format!("{mantissa}e{sign}{digits:0>2}");
    }
    format!("{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(bytes("1024"), Some(1024));
        assert_eq!(bytes("1k"), Some(1024));
        assert_eq!(bytes("1.5GB"), Some(1_610_612_736));
        assert_eq!(bytes("64 MiB"), Some(67_108_864));
        assert_eq!(bytes("5b"), Some(5));
        for wrong in ["", "b", "1x", "1bb", "-1k", "1kk", "one"] {
            assert_eq!(bytes(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_are_read_and_written() {
        let cases = [
            ("30s", "30s"),
            ("1m30s", "1m30s"),
            ("90s", "1m30s"),
            ("1.5s", "1.5s"),
            ("500ms", "500ms"),
            ("2h", "2h0m0s"),
            ("1d", "24h0m0s"),
            ("1w", "168h0m0s"),
            ("10us", "10µs"),
            ("0", "0s"),
            ("0s", "0s"),
            ("5ns", "5ns"),
            ("1.25m", "1m15s"),
        ];
        for (text, expected) in cases {
            assert_eq!(
                duration(text).map(duration_text).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for wrong in ["", "10", "s", ".s", "1x", "1s2", "1.2.3s"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn numbers_as_text() {
        assert_eq!(float_text(1.0), "1");
        assert_eq!(float_text(1.5), "1.5");
        assert_eq!(float_text(1e21), "1e+21");
        assert_eq!(float_text(0.00001), "1e-05");
        assert_eq!(float_text(1_234_567.5), "1.2345675e+06");
        assert_eq!(float_text(-100_000.0), "-100000");
    }
}
