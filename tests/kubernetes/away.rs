//! The API server goes away, and comes back. Only the tests' own cluster can be treated so.

use std::path::Path;
use std::process::Command;

use crate::support::{Running, Stack, until};

/// Many objects of one wave, and no pods: nothing of them runs before three at night.
const MANY: usize = 60;

struct Api;

impl Api {
    #[track_caller]
    fn stop() -> Self {
        Self::set("stop");
        Self
    }

    #[track_caller]
    fn set(state: &str) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/cluster");
        let done = Command::new(script).args(["api", state]).status();
        assert!(done.is_ok_and(|done| done.success()), "api {state}");
    }
}

/// A test that fails leaves it to the next as it was.
impl Drop for Api {
    fn drop(&mut self) {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster/cluster");
        let _done = Command::new(script).args(["api", "start"]).status();
    }
}

fn many() -> String {
    let one = |number: usize| {
        format!(
            "[services.night-{number:02}]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\ncommand = [\"true\"]\n\
             job = {{ schedule = \"0 3 * * *\" }}\nenv = {{ A = \"1\" }}\n"
        )
    };
    (0..MANY).map(one).collect()
}

#[test]
fn an_api_server_that_goes_away_while_objects_are_applied_is_waited_for() {
    let stack = Stack::alone(&many());
    let promote = stack.begin(&["promote"]);
    until("the first objects are there", || {
        stack.count("configmaps") > 1
    });
    let api = Api::stop();
    let said = promote.said();
    assert!(!said.contains("CronJob"), "all were applied before: {said}");
    drop(api);
    let said = promote.end().expect(0);
    assert!(said.out.contains("revision 1"), "{}", said.out);
    assert_eq!(stack.count("cronjobs"), MANY);
    let again = stack.dev(&["promote"]).expect(0);
    assert!(again.out.contains("nothing to do"), "{}", again.out);
}

#[test]
fn an_api_server_that_goes_away_while_a_service_starts_is_waited_for() {
    let stack = Stack::alone(
        "[services.web]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\ncommand = [\"sh\", \"-c\", \"sleep 5; touch /tmp/up; sleep 1000\"]\n\
         ready = { exec = [\"test\", \"-e\", \"/tmp/up\"] }\nstop = { grace = \"1s\" }\n\
         [services.after]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\nneeds = [\"web\"]\njob = true\ncommand = [\"true\"]\n",
    );
    let promote: Running = stack.begin(&["promote"]);
    until("it waits", || {
        promote.said().contains("Deployment web created")
    });
    drop(Api::stop());
    let said = promote.end().expect(0);
    assert!(said.out.contains("after  ready"), "{}", said.out);
}
