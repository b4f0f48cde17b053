//! Signals by name.

use rustix::process::Signal;

/// `TERM`, `SIGTERM` or `15`. `None`: no signal that can be sent.
pub fn by_name(name: &str) -> Option<Signal> {
    let upper = name.trim().to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    Some(match name {
        "HUP" | "1" => Signal::HUP,
        "INT" | "2" => Signal::INT,
        "QUIT" | "3" => Signal::QUIT,
        "ABRT" | "6" => Signal::ABORT,
        "KILL" | "9" => Signal::KILL,
        "USR1" | "10" => Signal::USR1,
        "USR2" | "12" => Signal::USR2,
        "ALRM" | "14" => Signal::ALARM,
        "TERM" | "15" => Signal::TERM,
        "CONT" | "18" => Signal::CONT,
        "STOP" | "19" => Signal::STOP,
        "WINCH" | "28" => Signal::WINCH,
        _ => return None,
    })
}

/// What a process is asked to end with.
pub fn of_stop(name: Option<&str>) -> Signal {
    name.and_then(by_name).unwrap_or(Signal::TERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_with_and_without_their_prefix() {
        assert_eq!(by_name("SIGINT"), Some(Signal::INT));
        assert_eq!(by_name("hup"), Some(Signal::HUP));
        assert_eq!(by_name("9"), Some(Signal::KILL));
        assert_eq!(by_name("NONE"), None);
        assert_eq!(of_stop(None), Signal::TERM);
    }
}
