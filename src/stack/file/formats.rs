//! Texts with a form: durations, sizes, names. Each form is checked, described to people and described to editors here.

use std::time::Duration;

use super::Code;
use crate::stack::path::clean_text;

/// A form that a text can have.
pub(super) struct Format {
    /// `a duration such as "10s"`
    pub expected: &'static str,
    pub code: Code,
    /// For editors; at least as wide as `check`. Empty: any text.
    pub pattern: &'static str,
    /// What is wrong with a text, and what to write instead.
    pub check: fn(&str) -> Result<(), String>,
}

pub(super) static NOT_EMPTY: Format = Format {
    expected: "text",
    code: Code::BadValue,
    pattern: "\\S",
    check: |text| {
        if text.trim().is_empty() {
            Err("write something between the quotes".to_owned())
        } else {
            Ok(())
        }
    },
};

/// For a shell.
pub(super) static COMMAND_LINE: Format = Format {
    expected: "a command line such as \"npm run dev\"",
    code: Code::BadValue,
    pattern: "\\S",
    check: |text| match text.trim().is_empty() {
        true => Err("write what a shell is to run, such as \"npm run dev\"".to_owned()),
        false => Ok(()),
    },
};

pub(super) static DURATION: Format = Format {
    expected: "a duration such as \"10s\"",
    code: Code::BadDuration,
    pattern: "^([0-9]+(ms|s|m|h))+$",
    check: |text| duration(text).map(|_| ()),
};

pub(super) static PACE: Format = Format {
    expected: "a duration such as \"10s\"",
    code: Code::BadDuration,
    pattern: "^([0-9]+(ms|s|m|h))+$",
    check: |text| match duration(text)? {
        Duration::ZERO => Err("write a duration longer than zero".to_owned()),
        _ => Ok(()),
    },
};

pub(super) static SIZE: Format = Format {
    expected: "a size such as \"256Mi\"",
    code: Code::BadSize,
    pattern: "^[0-9]+([KMGT]i?B?|kB|B)?$",
    check: |text| size(text).map(|_| ()),
};

/// Kubernetes reads its own quantities, in which `M` is clear.
pub(super) static QUANTITY: Format = Format {
    expected: "a quantity such as \"250m\" or \"10Gi\"",
    code: Code::BadSize,
    pattern: "^[0-9]+(\\.[0-9]+)?(m|k|[KMGTPE]i?)?$",
    check: quantity,
};

pub(super) static SIGNAL: Format = Format {
    expected: "a signal such as \"TERM\"",
    code: Code::BadSignal,
    pattern: "^[A-Za-z0-9+-]+$",
    check: |text| signal(text).map(|_| ()),
};

pub(super) static PROJECT: Format = Format {
    expected: "a name",
    code: Code::BadName,
    pattern: "^[a-z0-9][a-z0-9_-]*$",
    check: name,
};

pub(super) static SERVICE: Format = Format {
    expected: "a service name",
    code: Code::BadName,
    pattern: "^[a-z0-9][a-z0-9_-]{0,62}$",
    check: |text| match text {
        "self" => Err("`self` means the service that asks; take another name".to_owned()),
        _ => name(text),
    },
};

/// Keys of volumes, networks, ports, databases and secrets.
pub(super) static KEY: Format = Format {
    expected: "a name",
    code: Code::BadName,
    pattern: "^[A-Za-z0-9][A-Za-z0-9_-]*$",
    check: |text| match text
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
    {
        _ if text.is_empty() || !text.as_bytes()[0].is_ascii_alphanumeric() => {
            Err("begin it with a letter or digit".to_owned())
        }
        true => Ok(()),
        false => Err("use letters, digits, `-` and `_`".to_owned()),
    },
};

pub(super) static VARIABLE: Format = Format {
    expected: "the name of a variable",
    code: Code::BadName,
    pattern: "^[^=\\s]+$",
    check: |text| match text.is_empty()
        || text.contains(['=', '\0'])
        || text.contains(char::is_whitespace)
    {
        true => Err("use letters, digits and `_`".to_owned()),
        false => Ok(()),
    },
};

pub(super) static IMAGE: Format = Format {
    expected: "an image such as \"redis:7\"",
    code: Code::BadValue,
    pattern: "^[^\\s$]+$",
    check: |text| match text {
        _ if text.contains('$') => Err(
            "references are not read here; put another image into a layer such as `dev.ci.toml`"
                .to_owned(),
        ),
        _ if text.is_empty() || text.contains(char::is_whitespace) => {
            Err("write NAME:TAG without spaces".to_owned())
        }
        _ => Ok(()),
    },
};

pub(super) static HTTP_PATH: Format = Format {
    expected: "a path such as \"/health\"",
    code: Code::BadValue,
    pattern: "^/\\S*$",
    check: |text| match text.starts_with('/') && !text.contains(char::is_whitespace) {
        true => Ok(()),
        false => Err(
            "begin it with `/` and leave out spaces; the host and port come from `port`".to_owned(),
        ),
    },
};

pub(super) static ABSOLUTE: Format = Format {
    expected: "a path inside the container",
    code: Code::BadValue,
    pattern: "^/",
    check: |text| {
        if text.starts_with('/') {
            Ok(())
        } else {
            Err("begin it with `/`".to_owned())
        }
    },
};

pub(super) static SYNC_TARGET: Format = Format {
    expected: "a path inside the container",
    code: Code::BadValue,
    pattern: "^/",
    check: |text| match (ABSOLUTE.check)(text) {
        Ok(()) if text.split('/').any(|part| part == "..") => {
            Err(format!("write where it leads: \"{}\"", clean_text(text)))
        }
        result => result,
    },
};

/// A path, or a pattern as in a .gitignore.
pub(super) static GLOB: Format = Format {
    expected: "a file, a folder or a glob",
    code: Code::BadValue,
    pattern: "\\S",
    check: super::glob::check,
};

/// The same as in a .dockerignore, where braces mean nothing.
pub(super) static INPUT: Format = Format {
    expected: "a file, a folder or a glob",
    code: Code::BadValue,
    pattern: "\\S",
    check: super::glob::check_input,
};

pub(super) static REGEX: Format = Format {
    expected: "a regular expression",
    code: Code::BadValue,
    pattern: "",
    check: |text| match regex::RegexBuilder::new(text).size_limit(1 << 20).build() {
        Ok(_) => Ok(()),
        Err(regex::Error::CompiledTooBig(_)) => {
            Err("it is too large; write a shorter one".to_owned())
        }
        Err(error) => {
            let text = error.to_string();
            Err(text
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ")
                .to_owned())
        }
    },
};

pub(super) static CRON: Format = Format {
    expected: "five fields such as \"0 3 * * *\"",
    code: Code::BadValue,
    pattern: "^\\S+( +\\S+){4}$|^@[a-z]+$",
    check: cron,
};

pub(super) static IP: Format = Format {
    expected: "an address such as \"127.0.0.1\"",
    code: Code::BadValue,
    pattern: "^[0-9a-fA-F.:]+$",
    check: |text| match text.parse::<std::net::IpAddr>() {
        Ok(_) => Ok(()),
        Err(_) => Err(
            "write an address such as \"127.0.0.1\", or \"0.0.0.0\" for every interface".to_owned(),
        ),
    },
};

fn name(text: &str) -> Result<(), String> {
    let good = text
        .bytes()
        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
    match text.as_bytes().first() {
        None => Err("write a name".to_owned()),
        Some(b'-' | b'_') => Err("begin it with a letter or digit".to_owned()),
        _ if !good => Err(match suggest_name(text) {
            Some(better) => format!("use lower-case letters, digits, `-` and `_`: `{better}`"),
            None => "use lower-case letters, digits, `-` and `_`".to_owned(),
        }),
        _ if text.len() > 63 => Err("use at most 63 letters".to_owned()),
        _ => Ok(()),
    }
}

/// `text` with what a name cannot hold made into `-`; `None` if nothing is left.
pub(super) fn suggest_name(text: &str) -> Option<String> {
    let lower = text.to_lowercase();
    let kept = lower.replace(
        |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-'),
        "-",
    );
    let trimmed = kept.trim_matches(['-', '_']);
    let short = trimmed.get(..63).unwrap_or(trimmed);
    (!short.is_empty()).then(|| short.to_owned())
}

/// `500ms`, `10s`, `2m`, `1h`, and several after each other: `1h30m`. At most a year.
///
/// # Errors
/// What to write instead.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || {
        "write a number and `ms`, `s`, `m` or `h`, such as \"500ms\", \"10s\" or \"1h30m\""
            .to_owned()
    };
    let mut total = Duration::ZERO;
    let mut rest = text;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, after) = rest.split_at(digits);
        let unit = after.bytes().take_while(u8::is_ascii_alphabetic).count();
        let millis = match &after[..unit] {
            "ms" => 1_u64,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let part = number
            .checked_mul(millis)
            .ok_or_else(|| "write at most a year: \"8760h\"".to_owned())?;
        total = total.saturating_add(Duration::from_millis(part));
        rest = &after[unit..];
    }
    match total > Duration::from_secs(366 * 24 * 3600) {
        true => Err("write at most a year: \"8760h\"".to_owned()),
        false => Ok(total),
    }
}

/// Bytes of `256Mi`, `1GiB`, `512MB`, `1000`. `512m`, `512mb` and `512M` mean different things to compose and
/// Kubernetes, so they mean nothing here.
///
/// # Errors
/// What to write instead.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit {
        "" | "B" => 1,
        "kB" | "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "Ki" | "KiB" => 1 << 10,
        "Mi" | "MiB" => 1 << 20,
        "Gi" | "GiB" => 1 << 30,
        "Ti" | "TiB" => 1 << 40,
        "k" | "K" | "m" | "M" | "g" | "G" | "t" | "T" | "kb" | "Kb" | "mb" | "Mb" | "gb" | "Gb"
        | "tb" | "Tb" => {
            let upper = unit[..1].to_uppercase();
            return Err(format!(
                "`{unit}` is read in two ways; write \"{number}{upper}i\" (powers of 1024) or \"{number}{upper}B\" (powers of 1000)"
            ));
        }
        _ => {
            return Err(
                "write a whole number and a unit, such as \"256Mi\", \"1GiB\" or \"512MB\""
                    .to_owned(),
            );
        }
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "write a whole number and a unit, such as \"256Mi\"".to_owned())?;
    number
        .checked_mul(factor)
        .ok_or_else(|| "write a size that a machine can have".to_owned())
}

fn quantity(text: &str) -> Result<(), String> {
    const UNITS: &[&str] = &[
        "", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let good = match number.split_once('.') {
        Some((whole, part)) => digits(whole) && digits(part),
        None => digits(number),
    };
    match good && UNITS.contains(&&text[number.len()..]) {
        true => Ok(()),
        false => Err(
            "write a number as Kubernetes reads it, such as \"250m\", \"512Mi\" or \"10Gi\""
                .to_owned(),
        ),
    }
}

const SIGNALS: &[&str] = &[
    "HUP", "INT", "QUIT", "ABRT", "KILL", "USR1", "USR2", "PIPE", "ALRM", "TERM", "CHLD", "CONT",
    "STOP", "TSTP", "TTIN", "TTOU", "URG", "WINCH", "IO", "PWR",
];

/// `TERM` of `TERM`, `SIGTERM` or `sigterm`; `RTMIN+3` as it is.
///
/// # Errors
/// What to write instead.
pub(super) fn signal(text: &str) -> Result<String, String> {
    let upper = text.to_uppercase();
    let short = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = short
        .strip_prefix("RTMIN+")
        .or_else(|| short.strip_prefix("RTMAX-"));
    if SIGNALS.contains(&short) || real_time.is_some_and(|n| n.parse::<u8>().is_ok_and(|n| n <= 30))
    {
        return Ok(short.to_owned());
    }
    Err(match super::sink::nearest(short, SIGNALS.iter().copied()) {
        Some(meant) => format!("did you mean \"{meant}\"?"),
        None => {
            "write the name of a signal, such as \"TERM\", \"INT\", \"HUP\" or \"QUIT\"".to_owned()
        }
    })
}

fn cron(text: &str) -> Result<(), String> {
    const MACROS: &[&str] = &[
        "@yearly",
        "@annually",
        "@monthly",
        "@weekly",
        "@daily",
        "@midnight",
        "@hourly",
    ];
    if MACROS.contains(&text) {
        return Ok(());
    }
    let allowed = |field: &str| {
        field
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"*/,-?".contains(&b))
    };
    let fields: Vec<&str> = text.split_whitespace().collect();
    match fields.len() == 5 && fields.iter().all(|field| allowed(field)) {
        true => Ok(()),
        false => Err(
            "write minute, hour, day of month, month and day of week, such as \"0 3 * * *\""
                .to_owned(),
        ),
    }
}
