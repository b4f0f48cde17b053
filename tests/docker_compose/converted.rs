//! A dev.toml made of a Compose file.

use crate::engine::{containers, text};
use crate::runs::PRODUCTION;
use crate::tool::{Project, Tool};

#[test]
fn the_dev_toml_that_is_made_of_a_file_means_the_same() {
    let project = Project::new(PRODUCTION);
    let name = project.name.clone();
    let project = project
        .with("STACK", &name)
        .with("POSTGRES_PASSWORD", "hunter2")
        .with("CORS_ORIGIN", "https://shop.example");
    project.up(Tool::Dev);
    let ids = || -> Vec<String> {
        let found = containers(&name);
        // The new file is in the build context of `app`, so that one may be made anew.
        let others = found.iter().filter(|c| !text(&c["Name"]).contains("-app-"));
        others.map(|c| text(&c["Id"]).to_owned()).collect()
    };
    let before = ids();
    project.done(Tool::Dev, &["init", "--from", "compose.yaml"]);
    let written = fs_err::read_to_string(project.dir.join("dev.toml")).expect("a dev.toml");
    assert!(written.contains("compose = \"compose.yaml\""), "{written}");
    assert!(written.contains("[services.app]"), "{written}");
    assert!(
        !written.contains("hunter2") && !written.contains("shop.example"),
        "{written}"
    );
    project.up(Tool::Dev);
    assert_eq!(ids(), before);
    // It is a person's from now on.
    let ended = project.run(Tool::Dev, &["init", "--from", "compose.yaml"]);
    assert_ne!(ended.code, 0);
    assert!(ended.said.contains("--force"), "{ended:?}");
    project.done(Tool::Dev, &["init", "--from", "compose.yaml", "--force"]);
}
