//! Who made something on a container engine: a process of this machine, while it runs. For what is found when nothing else
//! is known of it any more.

use super::system::{namespace, start_time};

/// Names this process for good: `PID`, the namespace of that number, the boot and the time after it. `None` where the system
/// does not say.
pub fn this_process() -> Option<String> {
    let pid = i32::try_from(std::process::id()).ok()?;
    let born = start_time(pid)?;
    let namespace = namespace();
    (!namespace.is_empty()).then(|| format!("{pid} {namespace} {born}"))
}

/// Whether the process of that name has ended for certain. Of one on another machine, in another container or before the last
/// boot, nobody knows it.
pub fn has_ended(owner: &str) -> bool {
    is_over(owner, this_process().as_deref(), start_time)
}

fn is_over(owner: &str, here: Option<&str>, start_time: impl Fn(i32) -> Option<String>) -> bool {
    let (Some(owner), Some(here)) = (parts(owner), here.and_then(parts)) else {
        return false;
    };
    owner.place == here.place && start_time(owner.pid).as_deref() != Some(owner.born)
}

struct Parts<'a> {
    pid: i32,
    /// The namespace and the boot.
    place: (&'a str, &'a str),
    /// As [`start_time`] says it.
    born: &'a str,
}

fn parts(owner: &str) -> Option<Parts<'_>> {
    let (pid, rest) = owner.split_once(' ')?;
    let (namespace, born) = rest.split_once(' ')?;
    let (boot, _) = born.split_once(' ')?;
    Some(Parts {
        pid: pid.parse().ok()?,
        place: (namespace, boot),
        born,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_ended_only_where_that_can_be_known() {
        let here = "7 pid:[1] boot 70";
        let runs = |pid| (pid == 8).then(|| "boot 80".to_owned());
        let is_over = |owner| is_over(owner, Some(here), runs);
        assert!(!is_over("8 pid:[1] boot 80"));
        assert!(is_over("9 pid:[1] boot 90"));
        assert!(
            is_over("8 pid:[1] boot 79"),
            "another has its number by now"
        );
        assert!(!is_over("9 pid:[2] boot 90"), "in another container");
        assert!(!is_over("9 pid:[1] other 90"), "on another machine");
        assert!(!is_over(""));
        assert!(!is_over("nonsense"));
    }

    #[test]
    fn this_one_runs() {
        let own = this_process().expect("a name");
        assert!(!has_ended(&own));
    }
}
