//! `${git:sha}` and `${git:branch}`, asked of git only where a stack refers to them.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::stack::{Reference, Stack, Template};

/// git on a cold disk may take its time; longer than this is a hang.
const DEADLINE: Duration = Duration::from_secs(5);

pub async fn facts(stack: &Stack) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for (what, arguments) in [
        ("sha", ["rev-parse", "HEAD"].as_slice()),
        ("branch", &["branch", "--show-current"]),
    ] {
        if mentions(stack, what)
            && let Some(answer) = ask(stack, arguments).await
        {
            facts.insert(what.to_owned(), answer);
        }
    }
    facts
}

async fn ask(stack: &Stack, arguments: &[&str]) -> Option<String> {
    let mut command = tokio::process::Command::new("git");
    command
        .args(arguments)
        .current_dir(&stack.dir)
        .kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, command.output())
        .await
        .ok()?
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}

fn mentions(stack: &Stack, wanted: &str) -> bool {
    let asks = |template: &Template| {
        let all = template.all_references();
        let is_wanted = |reference: &Reference| matches!(reference, Reference::Git { what, .. } if what == wanted);
        all.iter().any(is_wanted)
    };
    stack.services.values().any(|service| {
        let build_args = match &service.source {
            crate::stack::Source::Build(build) => build.args.values().any(asks),
            _ => false,
        };
        build_args || service.env.values().any(asks) || service.command.iter().flatten().any(asks)
    })
}
