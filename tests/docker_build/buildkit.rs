use std::time::{Duration, Instant, SystemTime};

use dev::plan::desired::LABEL_BUILD;
use dev::watch::context::{Index, hash_context};

use crate::bench::{BASE, Bench, plain, secret};

#[tokio::test]
async fn a_first_build_sends_the_context_tags_and_labels_the_image() {
    let bench = Bench::new("fresh").await;
    bench.write(
        "Dockerfile",
        "FROM scratch\nARG WHO\nLABEL who=$WHO\nCOPY . /app\n",
    );
    bench.write("hello.txt", "hello");
    bench.write("sub/deep.txt", "deep");
    let mut spec = bench.spec();
    spec.args.push(("WHO".to_owned(), plain("me & you")));
    let outcome = bench.build(&spec).await;
    let steps: Vec<&str> = outcome.lines.iter().map(|l| l.text.as_str()).collect();
    assert!(
        steps.iter().any(|s| s.contains("COPY . /app")),
        "{steps:#?}"
    );
    let last = outcome.lines.last().expect("a line");
    assert!(
        last.total >= 2 && last.done == last.total,
        "{:#?}",
        outcome.lines
    );
    let image = outcome.image();
    assert!(image.id.starts_with("sha256:"), "{}", image.id);
    assert_eq!(image.files_sent, 3);
    assert_eq!(
        bench.read(&image, "/app/sub/deep.txt").await.as_deref(),
        Some("deep")
    );

    let found = bench.docker.inspect_image(&spec.tag).await.expect("tagged");
    assert_eq!(found.id.as_deref(), Some(image.id.as_str()));
    let labels = found.config.and_then(|c| c.labels).expect("labels");
    assert_eq!(labels.get(LABEL_BUILD).map(String::as_str), Some("true"));
    assert_eq!(labels.get("who").map(String::as_str), Some("me & you"));
    assert!(labels.contains_key("devtest"));
}

#[tokio::test]
async fn only_what_changed_is_sent_again() {
    let bench = Bench::new("changed").await;
    bench.write("Dockerfile", "FROM scratch\nCOPY src /src\n");
    for n in 0..2_000 {
        bench.write(&format!("src/{}/{n}.txt", n % 10), &format!("{n:05000}"));
    }
    let spec = bench.spec();
    let timed = async |what: &str| {
        let start = Instant::now();
        let image = bench.build(&spec).await.image();
        println!(
            "{what}: {} ms, {} files, {} bytes",
            start.elapsed().as_millis(),
            image.files_sent,
            image.bytes_sent
        );
        image
    };
    let first = timed("first").await;
    assert_eq!((first.files_sent, first.bytes_sent), (2_000, 2_000 * 5_000));
    let unchanged = timed("unchanged").await;
    assert_eq!(
        (unchanged.files_sent, unchanged.id.as_str()),
        (0, first.id.as_str())
    );
    bench.write("src/3/3.txt", "another");
    let changed = timed("one changed").await;
    assert_eq!((changed.files_sent, changed.bytes_sent), (1, 7));
    assert_ne!(changed.id, first.id);
    assert_eq!(
        bench.read(&changed, "/src/3/3.txt").await.as_deref(),
        Some("another")
    );
    std::fs::remove_file(bench.dir().join("src/4/4.txt")).expect("gone");
    let fewer = timed("one removed").await;
    assert_eq!(fewer.files_sent, 0);
    assert_eq!(bench.read(&fewer, "/src/4/4.txt").await, None);
}

#[tokio::test]
async fn a_secret_reaches_its_step_and_nothing_else() {
    let bench = Bench::new("secret").await;
    let value = format!(
        "value-{}",
        SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .expect("now")
            .as_nanos()
    );
    // BuildKit takes a step from its cache whatever the secret says; what it copies makes this one new.
    bench.write("new.txt", &value.replace("value", "run"));
    bench.write(
        "Dockerfile",
        &format!(
            "FROM {BASE}\nCOPY new.txt /\n\
             RUN --mount=type=secret,id=token sha256sum /run/secrets/token | cut -c1-64 > /sum\n\
             RUN --mount=type=secret,id=token echo \"it is $(cat /run/secrets/token)\"\n",
        ),
    );
    let mut spec = bench.spec();
    spec.secrets.push(("token".to_owned(), secret(&value)));
    let outcome = bench.build(&spec).await;
    assert!(
        outcome.lines.iter().all(|l| !l.text.contains(&value)),
        "shown: {:#?}",
        outcome.lines
    );
    assert!(
        outcome.lines.iter().any(|l| l.text == "it is ***"),
        "{:#?}",
        outcome.lines
    );
    let image = outcome.image();
    let sum = bench.read(&image, "/sum").await.expect("the step ran");
    let expected = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$VALUE\" | sha256sum | cut -c1-64"])
        .env("VALUE", &value)
        .output()
        .expect("sha256sum");
    assert_eq!(sum, String::from_utf8_lossy(&expected.stdout));
    assert_eq!(
        bench
            .read(&image, "/run/secrets/token")
            .await
            .unwrap_or_default(),
        ""
    );
    let history = format!("{:?}", bench.docker.image_history(&image.id).await);
    assert!(!history.contains(&value));
}

#[tokio::test]
async fn a_target_gets_only_what_its_stages_copy() {
    let bench = Bench::new("target").await;
    bench.write(
        "Dockerfile",
        "FROM scratch AS small\nCOPY small.txt link.txt /\nFROM scratch AS big\nCOPY big /big\nFROM small AS dev\nCOPY dev/*.txt /dev-files/\n",
    );
    bench.write("small.txt", "small");
    bench.write("dev/a.txt", "a");
    bench.write("dev/b.md", "b");
    for n in 0..50 {
        bench.write(&format!("big/{n}.bin"), "big");
    }
    std::os::unix::fs::symlink("small.txt", bench.dir().join("link.txt")).expect("a link");
    let mut spec = bench.spec();
    spec.target = Some("dev".to_owned());
    let image = bench.build(&spec).await.image();
    assert_eq!(image.files_sent, 2, "small.txt and dev/a.txt");
    assert_eq!(
        bench.read(&image, "/dev-files/a.txt").await.as_deref(),
        Some("a")
    );
    assert_eq!(
        bench.read(&image, "/link.txt").await.as_deref(),
        Some("small")
    );
}

#[tokio::test]
async fn what_is_ignored_is_not_sent_and_what_is_taken_back_is() {
    let bench = Bench::new("ignore").await;
    bench.write("Dockerfile", "FROM scratch\nCOPY . /app\n");
    bench.write(
        ".dockerignore",
        "# comment\nnode_modules\n!node_modules/keep/me.txt\n**/*.log\nDockerfile\n.dockerignore\n",
    );
    bench.write("node_modules/a/index.js", "a");
    bench.write("node_modules/keep/me.txt", "kept");
    bench.write("src/x.log", "log");
    bench.write("src/x.py", "py");
    bench.write(".dev/secrets.json", "never");
    let image = bench.build(&bench.spec()).await.image();
    assert_eq!(image.files_sent, 2);
    assert_eq!(
        bench
            .read(&image, "/app/node_modules/keep/me.txt")
            .await
            .as_deref(),
        Some("kept")
    );
    assert_eq!(
        bench.read(&image, "/app/node_modules/a/index.js").await,
        None
    );
    assert_eq!(bench.read(&image, "/app/src/x.log").await, None);
    assert_eq!(bench.read(&image, "/app/.dev/secrets.json").await, None);
    assert_eq!(bench.read(&image, "/app/Dockerfile").await, None);
}

#[tokio::test]
async fn a_dockerfile_elsewhere_brings_its_own_ignore_file() {
    let bench = Bench::new("elsewhere").await;
    bench.write("docker/api.Dockerfile", "FROM scratch\nCOPY . /app\n");
    bench.write("docker/api.Dockerfile.dockerignore", "no.txt\n");
    bench.write("app/.dockerignore", "yes.txt\n");
    bench.write("app/yes.txt", "yes");
    bench.write("app/no.txt", "no");
    let mut spec = bench.spec();
    spec.context = bench.dir().join("app");
    spec.dockerfile = bench.dir().join("docker/api.Dockerfile");
    let image = bench.build(&spec).await.image();
    assert_eq!(
        bench.read(&image, "/app/yes.txt").await.as_deref(),
        Some("yes")
    );
    assert_eq!(bench.read(&image, "/app/no.txt").await, None);
}

#[tokio::test]
async fn a_hundred_thousand_ignored_files_cost_nothing() {
    let bench = Bench::new("many").await;
    bench.write("Dockerfile", "FROM scratch\nCOPY . /app\n");
    bench.write(".dockerignore", "target/\n");
    bench.write("main.rs", "fn main() {}");
    for folder in 0..100 {
        let folder = bench.dir().join(format!("target/{folder}"));
        std::fs::create_dir_all(&folder).expect("a folder");
        for n in 0..1_000 {
            std::fs::File::create(folder.join(n.to_string())).expect("a file");
        }
    }
    let spec = bench.spec();
    let start = Instant::now();
    let mut index = Index::for_context(&bench.dir().join(".dev"), &spec.context, &spec.dockerfile);
    let hash = hash_context(&spec.context, &spec.dockerfile, &mut index).expect("readable");
    println!("hash: {} ms", start.elapsed().as_millis());
    assert_eq!(hash.files, 3);
    let start = Instant::now();
    let image = bench.build(&spec).await.image();
    println!("build: {} ms", start.elapsed().as_millis());
    assert_eq!(image.files_sent, 3);
    assert!(
        start.elapsed() < Duration::from_secs(20),
        "{:?}",
        start.elapsed()
    );
}

/// An agent that gives back what it is asked, in capitals; on a socket as people's own.
fn agent(socket: &std::path::Path) -> std::thread::JoinHandle<()> {
    use std::io::{Read, Write};
    let listener = std::os::unix::net::UnixListener::bind(socket).expect("a socket");
    std::thread::spawn(move || {
        let (mut asked, _) = listener.accept().expect("somebody");
        let mut buffer = [0; 64];
        let length = asked.read(&mut buffer).expect("a question");
        let answer = buffer[..length].to_ascii_uppercase();
        asked.write_all(&answer).expect("an answer");
    })
}

#[tokio::test]
async fn an_ssh_agent_is_handed_to_a_step_that_asks_for_it() {
    let bench = Bench::new("ssh").await;
    let socket = bench.dir().join("agent.sock");
    let answered = agent(socket.as_std_path());
    bench.write(".dockerignore", "*.sock\n");
    bench.write(
        "Dockerfile",
        "FROM dev.local/python:3.11\nRUN --mount=type=ssh python -c \"import os, socket; \
         s = socket.socket(socket.AF_UNIX); s.connect(os.environ['SSH_AUTH_SOCK']); s.sendall(b'who is there'); \
         open('/answer', 'wb').write(s.recv(64))\"\n",
    );
    let mut spec = bench.spec();
    spec.options.ssh.insert("default".to_owned(), Some(socket));
    let image = bench.build(&spec).await.image();
    answered.join().expect("it was asked");
    assert_eq!(
        bench.read(&image, "/answer").await.as_deref(),
        Some("WHO IS THERE")
    );
}

#[tokio::test]
async fn an_ssh_agent_that_is_none_is_told() {
    let bench = Bench::new("nossh").await;
    bench.write("Dockerfile", "FROM scratch\n");
    bench.write("id_rsa", "a key");
    for (name, said) in [("id_rsa", "ssh-add"), ("nothing", "ssh-agent")] {
        let mut spec = bench.spec();
        let path = bench.dir().join(name);
        spec.options.ssh.insert("default".to_owned(), Some(path));
        let failure = bench.build(&spec).await.error();
        assert!(failure.message.contains(name), "{failure:#?}");
        assert!(failure.help.unwrap_or_default().contains(said));
    }
}

#[tokio::test]
async fn a_dockerfile_may_come_with_the_spec() {
    let bench = Bench::new("inline").await;
    bench.write("hello.txt", "hello");
    let mut spec = bench.spec();
    spec.dockerfile = dev::stack::Build::NO_FILE.into();
    spec.options.dockerfile = Some("FROM scratch\nCOPY hello.txt /\n".to_owned());
    let image = bench.build(&spec).await.image();
    assert_eq!(
        bench.read(&image, "/hello.txt").await.as_deref(),
        Some("hello")
    );
    spec.options.dockerfile = Some("FROM scratch\nCOPPY a b\n".to_owned());
    let failure = bench.build(&spec).await.error();
    assert!(
        failure.message.starts_with("dockerfile_inline:2:"),
        "{failure:#?}"
    );
}

#[tokio::test]
async fn further_contexts_are_folders_and_images() {
    let bench = Bench::new("further").await;
    bench.write("main/Dockerfile", "FROM scratch\nCOPY --from=shared lib/a.txt /a.txt\nCOPY --from=tools /bin/busybox /b\nCOPY c.txt /\n");
    bench.write("main/c.txt", "own");
    bench.write("shared/lib/a.txt", "shared");
    bench.write("shared/.dockerignore", "secret\n");
    let mut spec = bench.spec();
    (spec.context, spec.dockerfile) = (
        bench.dir().join("main"),
        bench.dir().join("main/Dockerfile"),
    );
    spec.options.contexts = [
        ("shared".to_owned(), bench.dir().join("shared").to_string()),
        ("tools".to_owned(), format!("docker-image://{BASE}")),
    ]
    .into();
    let built = bench.build(&spec).await;
    if !has_named_contexts(&bench).await {
        let failure = built.error();
        assert!(failure.help.unwrap_or_default().contains("Engine 23"));
        return;
    }
    assert!(
        built
            .lines
            .iter()
            .any(|line| line.text.contains("COPY c.txt"))
    );
    let image = built.image();
    let found = bench.docker.inspect_image(&spec.tag).await.expect("tagged");
    assert_eq!(found.id.as_deref(), Some(image.id.as_str()));
    let labels = found.config.and_then(|c| c.labels).expect("labels");
    assert_eq!(labels.get(LABEL_BUILD).map(String::as_str), Some("true"));
    for (path, content) in [("/a.txt", "shared"), ("/c.txt", "own")] {
        assert_eq!(bench.read(&image, path).await.as_deref(), Some(content));
    }
    // What changes there is sent, and what fails is told as for any build.
    bench.write("shared/lib/a.txt", "changed");
    let image = bench.build(&spec).await.image();
    assert_eq!(
        bench.read(&image, "/a.txt").await.as_deref(),
        Some("changed")
    );
    bench.write(
        "main/Dockerfile",
        &format!("FROM {BASE}\nRUN echo oh no >&2; exit 3\n"),
    );
    let failure = bench.build(&spec).await.error();
    assert!(
        failure.message.ends_with("failed with exit code 3"),
        "{failure:#?}"
    );
    assert_eq!(failure.detail, ["oh no"]);
}

/// Docker Engine 23 and newer.
async fn has_named_contexts(bench: &Bench) -> bool {
    let version = bench.docker.version().await.expect("a version");
    let api = version.api_version.unwrap_or_default();
    let minor = api
        .split('.')
        .nth(1)
        .and_then(|minor| minor.parse::<u32>().ok());
    minor.is_some_and(|minor| minor >= 42)
}
