//! When an image is looked for in its registry, though it is there.

use std::collections::BTreeSet;

use crate::engine::{call, containers, text};
use crate::registry::Registry;
use crate::tool::{BOTH, Project, Tool};

const FILE: &str = r#"
services:
  web:
    image: IMAGE
    command: sleep 1000
    init: true
    stop_grace_period: 1s
"#;

/// Up with these arguments: the version that runs, whether its container is another one, and whether the registry was asked.
struct Up<'a> {
    project: &'a Project,
    registry: &'a Registry,
    tool: Tool,
    last: String,
    images: BTreeSet<String>,
}

/// Without a name nobody would find them any more.
impl Drop for Up<'_> {
    fn drop(&mut self) {
        self.project
            .run(Tool::Compose, &["down", "-v", "--rmi", "all", "-t", "1"]);
        for image in &self.images {
            call("DELETE", &format!("/images/{image}"), "");
        }
    }
}

impl Up<'_> {
    fn with(&mut self, more: &[&str]) -> (String, bool, bool) {
        let first: &[&str] = match self.tool {
            Tool::Dev => &["up", "--wait"],
            Tool::Compose => &["up", "-d", "--wait"],
        };
        self.project.done(self.tool, &[first, more].concat());
        let found = containers(&self.project.name);
        let id = text(&found[0]["Id"]).to_owned();
        self.images.insert(text(&found[0]["Image"]).to_owned());
        let is_another = id != self.last;
        self.last = id;
        let version = self.project.inside("web", &["sh", "-c", "echo $VERSION"]);
        let asked = self.registry.asked() > 0;
        (version.trim().to_owned(), is_another, asked)
    }
}

#[test]
fn an_image_is_pulled_anew_when_that_is_asked_for_and_no_earlier() {
    let [ours, theirs] = BOTH.map(|tool| {
        let registry = Registry::start("1");
        let project = Project::new(&FILE.replace("IMAGE", &registry.reference));
        let mut up = Up {
            project: &project,
            registry: &registry,
            tool,
            last: String::new(),
            images: BTreeSet::new(),
        };
        let mut seen = vec![up.with(&[])];
        registry.push("2");
        seen.push(up.with(&[]));
        seen.push(up.with(&["--pull", "missing"]));
        seen.push(up.with(&["--pull", "always"]));
        // The same again: asked for, and nothing new.
        seen.push(up.with(&["--pull", "always"]));
        registry.push("3");
        let file = FILE.replace("IMAGE", &registry.reference);
        project.write(
            "compose.yaml".as_ref(),
            &format!("{file}    pull_policy: always\n"),
        );
        seen.push(up.with(&[]));
        registry.push("4");
        seen.push(up.with(&["--pull", "never"]));
        seen
    });
    assert_eq!(ours, theirs, "dev, and docker compose");
    let of = |version: &str, is_another, asked| (version.to_owned(), is_another, asked);
    assert_eq!(
        ours,
        [
            of("1", true, true),
            of("1", false, false),
            of("1", false, false),
            of("2", true, true),
            of("2", false, true),
            of("3", true, true),
            of("3", false, false),
        ]
    );
}

const BEFORE: &str = r#"
services:
  web:
    image: IMAGE
    command: sleep 1000
    init: true
    stop_grace_period: 1s
    volumes: ["data:/data"]
    pre_start:
      - image: STEP
        command: [sh, -c, 'echo $$VERSION >> /data/said']
volumes: {data: {}}
"#;

/// Goes with the test, whatever becomes of it.
struct Pulled(String);

impl Drop for Pulled {
    fn drop(&mut self) {
        call("DELETE", &format!("/images/{}?force=1", self.0), "");
    }
}

#[test]
fn the_image_of_a_step_before_the_start_is_pulled_anew_as_that_of_its_service() {
    let [ours, theirs] = BOTH.map(|tool| {
        let (own, step) = (Registry::start("0"), Registry::start("1"));
        let _pulled = [&own, &step].map(|registry| Pulled(registry.reference.clone()));
        let file = BEFORE.replace("IMAGE", &own.reference);
        let file = file.replace("STEP", &step.reference);
        let project = Project::new(&file);
        let up = |more: &[&str]| {
            let first: &[&str] = match tool {
                Tool::Dev => &["up", "--wait"],
                Tool::Compose => &["up", "-d", "--wait"],
            };
            project.done(tool, &[first, more].concat());
            let said = project.inside("web", &["cat", "/data/said"]);
            (said.replace('\n', " "), step.asked() > 0)
        };
        let mut seen = vec![up(&[])];
        step.push("2");
        seen.push(up(&["--force-recreate"]));
        // Nothing is to run now, and it is pulled all the same.
        seen.push(up(&["--pull", "always"]));
        seen.push(up(&["--force-recreate"]));
        step.push("3");
        let always = file.replace("sleep 1000\n", "sleep 1000\n    pull_policy: always\n");
        project.write("compose.yaml".as_ref(), &always);
        seen.push(up(&["--force-recreate", "--pull", "never"]));
        seen.push(up(&["--force-recreate"]));
        project.done(tool, &["down"]);
        seen
    });
    assert_eq!(ours, theirs, "dev, and docker compose");
    let of = |said: &str, asked| (said.to_owned(), asked);
    assert_eq!(
        ours,
        [
            of("1 ", true),
            of("1 1 ", false),
            of("1 1 ", true),
            of("1 1 2 ", false),
            of("1 1 2 2 ", false),
            of("1 1 2 2 3 ", true),
        ]
    );
}
