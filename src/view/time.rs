//! Lengths of time, as short as they can be read.

/// How long something is so: `3s`, `2m`, `5h`, `12d`. At most four columns below 1,000 days.
pub fn age(millis: u64) -> String {
    let seconds = millis / 1_000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// How long something took: `85ms`, `1.9s`, `42s`, `2m 05s`, `1h 02m`.
pub fn took(millis: u64) -> String {
    let seconds = millis / 1_000;
    match millis {
        0..1_000 => format!("{millis}ms"),
        1_000..10_000 => format!("{seconds}.{}s", millis % 1_000 / 100),
        10_000..60_000 => format!("{seconds}s"),
        60_000..3_600_000 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages() {
        let ages: Vec<String> = [0, 3_900, 59_999, 120_000, 3_600_000, 86_400_000 * 12]
            .into_iter()
            .map(age)
            .collect();
        assert_eq!(ages, ["0s", "3s", "59s", "2m", "1h", "12d"]);
    }

    #[test]
    fn lengths() {
        let all: Vec<String> = [0, 85, 1_940, 42_500, 125_000, 3_725_000]
            .into_iter()
            .map(took)
            .collect();
        assert_eq!(all, ["0ms", "85ms", "1.9s", "42s", "2m 05s", "1h 02m"]);
    }
}
