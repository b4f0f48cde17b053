//! Images that newer ones of the same build took the name from.

use super::support::{BUSYBOX, SOON, Stack, docker, eventually};

const APP: &str = "
[services.app]
build = { context = \".\" }
command = [\"sleep\", \"1000000\"]
stop = { signal = \"KILL\" }
";

/// One service that has the number of its build in `/version`.
fn built(topic: &str) -> Stack {
    let stack = Stack::new(topic, APP);
    stack.write("Dockerfile", format!("FROM {BUSYBOX}\nCOPY version /\n"));
    stack
}

/// Brings one version up; the id of its image.
fn up(stack: &Stack, version: u32) -> String {
    stack.write("version", version.to_string());
    stack.dev(["up", "--wait"]).succeeds();
    let container = stack.container("app");
    container.raw["Image"].as_str().expect("its id").to_owned()
}

/// The ids of the stack's images, sorted.
fn images(stack: &Stack, also: &str) -> Vec<String> {
    let label = format!("label=com.docker.compose.project={}", stack.name());
    let list = ["image", "ls", "--all", "--quiet", "--no-trunc"];
    let [a, b, c, d, e] = list;
    let listed = docker([a, b, c, d, e, "--filter", &label, "--filter", also]);
    sorted(listed.lines().map(str::to_owned))
}

fn nameless(stack: &Stack) -> Vec<String> {
    images(stack, "dangling=true")
}

fn sorted(ids: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut ids: Vec<String> = ids.into_iter().collect();
    ids.sort();
    ids.dedup();
    ids
}

/// A build does not wait until the engine has removed what went.
fn comes_to(what: &str, wanted: &[String], found: impl Fn() -> Vec<String>) {
    let wanted = sorted(wanted.to_vec());
    eventually(SOON, what, || {
        let found = found();
        if found == wanted {
            Ok(())
        } else {
            Err(format!("{found:#?}\ninstead of {wanted:#?}"))
        }
    });
}

#[test]
fn the_last_two_stay_and_can_be_run() {
    let stack = built("superseded");
    let all = || images(&stack, "dangling=false");
    let mut made: Vec<String> = (1..=4).map(|version| up(&stack, version)).collect();
    comes_to("the last two are there", &made[1..3], || nameless(&stack));
    assert_eq!(all(), [made[3].as_str()]);
    for (image, version) in made[1..].iter().zip(["2", "3", "4"]) {
        let run = ["run", "--rm", "--network=none", image, "cat", "/version"];
        assert_eq!(docker(run), version);
    }

    // Nothing is to be done; and who lost the notes builds the same once more.
    stack.dev(["up", "--wait"]).succeeds();
    std::fs::remove_file(stack.path(&format!(".dev/{}/builds.json", stack.name()))).expect("it");
    stack.dev(["up", "--wait"]).succeeds();
    comes_to("no other", &made[1..3], || nameless(&stack));
    assert_eq!(all(), [made[3].as_str()]);

    // What was gone back to is the newest again, however old it is.
    let back = up(&stack, 2);
    assert_eq!(back, made[1]);
    made.push(up(&stack, 5));
    let last = [made[1].clone(), made[3].clone()];
    comes_to("the last two that ran", &last, || nameless(&stack));

    stack.dev(["down", "--rmi", "local"]).succeeds();
    assert_eq!(nameless(&stack), [""; 0], "they go with the stack's own");
    assert_eq!(all(), [""; 0]);
}

#[test]
fn what_somebody_named_stays() {
    let stack = built("superseded-named");
    let first = up(&stack, 1);
    let mine = format!("{}-mine:one", stack.name());
    docker(["tag", &first, &mine]);
    let made: Vec<String> = (2..=4).map(|version| up(&stack, version)).collect();
    comes_to("the last two are there", &made[..2], || nameless(&stack));
    stack.dev(["down", "--rmi", "local"]).succeeds();
    assert_eq!(nameless(&stack), [""; 0]);
    assert_eq!(images(&stack, "dangling=false"), [first]);
    assert_eq!(
        docker(["run", "--rm", "--network=none", &mine, "cat", "/version"]),
        "1"
    );
    docker(["image", "rm", &mine]);
}

#[test]
fn stacks_with_one_name_for_their_images_keep_their_own() {
    let (one, other) = (built("superseded-one"), built("superseded-other"));
    let image = format!("image = \"{}-shared:dev\"", one.name());
    for stack in [&one, &other] {
        stack.edit(APP.replace("context", &format!("{image}, context")));
    }
    let of_one = [up(&one, 1), up(&one, 2)];
    let of_other = [up(&other, 11), up(&other, 12)];
    // The second of the one lost its name to the first of the other.
    comes_to("both are there", &of_one, || nameless(&one));
    comes_to("the first is there", &of_other[..1], || nameless(&other));
    one.dev(["down", "--rmi", "all"]).succeeds();
    assert_eq!(nameless(&other), [of_other[0].as_str()]);
    other.dev(["down", "--rmi", "all"]).succeeds();
    assert_eq!(nameless(&other), [""; 0]);
}
