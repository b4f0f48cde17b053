//! No event and no log line ever holds a secret.

use std::time::Duration;

use secrecy::SecretString;

use super::fault::{How, pull_of};
use super::harness::{Run, story};
use super::stacks::{gold, job, probed};
use super::{Bench, Life};
use crate::engine::event::FailureClass;
use crate::plan::reconcile::scene::runs;

const OLD: &str = "correct-horse-battery";
const NEW: &str = "staple-with-ünicode/+=";

fn assert_clean(run: &Run) {
    let state = run.state();
    let texts = [
        serde_json::to_string(&run.events()).unwrap(),
        serde_json::to_string(&state).unwrap(),
        serde_json::to_string(&run.logs()).unwrap(),
    ];
    for secret in [OLD, NEW] {
        for text in &texts {
            let at = text.find(secret);
            assert!(
                at.is_none(),
                "{secret} in …{}…",
                &text[at.unwrap().saturating_sub(200)..]
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_says_it() {
    let mut services = gold();
    for service in &mut services {
        *service = service.clone().with_env("JWT", "a${secret:JWT}b");
    }
    services.push(runs("pulled", &[]));
    services.push(job("broken", &[]));
    services.push(probed("sick", &[]));
    let mut bench = Bench::new(services);
    bench
        .facts
        .secrets
        .insert("JWT".to_owned(), SecretString::from(OLD));
    for service in ["db", "api", "web", "migrate", "broken", "sick"] {
        bench.world.behave(service, |service| {
            service.says = vec![format!("starting with {OLD}"), format!("later {NEW}")];
            service.complaint = format!("refused {OLD} and {NEW}");
        });
    }
    bench
        .world
        .behave("broken", |broken| broken.then = Life::ends(100, 1));
    bench.world.behave("sick", |sick| sick.sick = true);
    let refuse = How::Refuse(FailureClass::Other, format!("denied for {OLD}"));
    bench.world.fault(1, pull_of("pulled:1"), refuse);
    let mut run = bench.up();
    run.until("given up", |state| state.service("sick").unwrap().gave_up)
        .await;
    assert!(!run.logs().is_empty());
    // Until it is read, the second value is no secret.
    assert!(
        serde_json::to_string(&run.events())
            .unwrap()
            .contains("***")
    );
    let texts = serde_json::to_string(&run.events()).unwrap()
        + &serde_json::to_string(&run.logs()).unwrap();
    assert!(!texts.contains(OLD), "{:#?}", story(&run.events()));
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_was_replaced_stays_one() {
    let mut bench = Bench::new([
        probed("api", &[]).with_env("JWT", "${secret:JWT}"),
        probed("other", &[]),
    ]);
    bench
        .facts
        .secrets
        .insert("JWT".to_owned(), SecretString::from(OLD));
    let mut run = bench.up();
    run.until_settled().await;
    bench
        .facts
        .secrets
        .insert("JWT".to_owned(), SecretString::from(NEW));
    super::reload::reload_with(&run, bench.reloaded()).await;
    run.until_settled().await;
    // It runs on, with what it knew before, and its log is followed by who began that before.
    bench.world.say("gold-other-1", &format!("{OLD} and {NEW}"));
    bench.world.behave("other", |other| {
        other.sick = true;
        other.complaint = format!("{OLD} and {NEW}");
    });
    run.pass(Duration::from_secs(60)).await;
    assert_eq!(run.logs().len(), 1);
    assert_clean(&run);
}
