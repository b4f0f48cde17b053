use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

use super::Answer;
use super::answer::{FOREIGN, clean};

/// Runs a command inside the container, within a time: its exit code and output, or why it could not be run.
pub type Exec = Arc<
    dyn Fn(Vec<String>, Duration) -> BoxFuture<'static, Result<(i64, String), String>>
        + Send
        + Sync,
>;

/// Passes when the command exits 0. `slots` bounds how many run at once; the wait for one does not count as time of
/// the attempt.
pub(super) async fn probe(
    exec: &Exec,
    slots: &Semaphore,
    command: &[String],
    timeout: Duration,
) -> Answer {
    let Ok(_slot) = slots.acquire().await else {
        return Answer::Failed("no command is run any more".to_owned());
    };
    let name = clean(&shown(command), 60);
    match tokio::time::timeout(timeout, exec(command.to_vec(), timeout)).await {
        Err(_) => Answer::Failed(format!("`{name}` took longer than {timeout:?}")),
        Ok(Err(error)) => Answer::Failed(format!("`{name}`: {}", clean(&error, FOREIGN))),
        Ok(Ok((0, _))) => Answer::Passed(format!("`{name}` → exit 0")),
        Ok(Ok((code, output))) => {
            // The last line is the one that says why.
            let last = output
                .lines()
                .rev()
                .map(|line| clean(line, FOREIGN))
                .find(|line| !line.is_empty());
            let text = last.map(|line| format!(": {line}")).unwrap_or_default();
            Answer::Failed(format!("`{name}` → exit {code}{text}"))
        }
    }
}

/// The command as a person would name it: a shell's own words are left out.
fn shown(command: &[String]) -> String {
    match command {
        [shell, flag, script] if shell.ends_with("sh") && flag == "-c" => script.clone(),
        words => words.join(" "),
    }
}
