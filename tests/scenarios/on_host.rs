//! Presets as servers on the host, where there is no container engine. They need servers that are installed: `tests/run`
//! brings them.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use super::support::{SOON, Stack, eventually};

/// A stack without a container engine, which other users than root can reach.
fn stack(topic: &str, toml: &str) -> Stack {
    let stack = Stack::without_engine(topic, toml);
    for (program, package) in [
        ("/usr/lib/postgresql", "postgresql"),
        ("/usr/bin/redis-server", "redis-server"),
        ("/usr/sbin/mariadbd", "mariadb-server"),
    ] {
        assert!(
            fs::exists(program).unwrap(),
            "this needs a server: `tests/run` brings it, or `apt-get install {package}`"
        );
    }
    open(&stack);
    stack
}

/// As root, servers run as somebody else, who has to get there.
fn open(stack: &Stack) {
    fs::set_permissions(stack.outside(""), fs::Permissions::from_mode(0o755)).unwrap();
}

fn leaves_no_process(stack: &Stack) {
    eventually(SOON, "no process is left", || match stack.processes() {
        left if left.is_empty() => Ok(()),
        left => Err(format!("{left:?}")),
    });
}

/// The users that servers of the stack run as, by the name of their program. They are where their data is; what they were
/// started with some of them overwrite.
fn users(stack: &Stack) -> BTreeSet<(String, u32)> {
    let of = |entry: fs::DirEntry| {
        let folder = fs::read_link(entry.path().join("cwd")).ok()?;
        let status = fs::read_to_string(entry.path().join("status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            Some(line.split_whitespace().next()?.to_owned())
        };
        let ours = folder.starts_with(stack.path(".dev"));
        ours.then_some((field("Name:")?, field("Uid:")?.parse().ok()?))
    };
    let processes = fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    processes.filter_map(of).collect()
}

/// What Redis answers to one command: the first line.
fn redis(address: &str, command: &[&str]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let words = command.iter();
    let words: String = words
        .map(|word| format!("${}\r\n{word}\r\n", word.len()))
        .collect();
    write!(stream, "*{}\r\n{words}", command.len()).unwrap();
    let mut answer = [0; 512];
    let size = stream.read(&mut answer).unwrap();
    String::from_utf8_lossy(&answer[..size])
        .trim()
        .replace("\r\n", " ")
}

fn told_to(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Three servers, and a process that is told of them.
const THREE: &str = r#"
    [services.pg]
    preset = "postgres:15"
    databases = ["orders"]

    [services.cache]
    preset = "redis:7"

    [services.shop]
    preset = "mariadb:10.11"
    databases = ["articles"]
    env = { MARIADB_PASSWORD = "it's\\odd", MARIADB_ROOT_PASSWORD = "root's" }

    [services.app]
    run = "exec sleep 1000000"
    env = { PG = "${pg.orders.url}", CACHE = "${cache.url}", SHOP = "${shop.articles.url}", MYSQL_PWD = "${shop.password}" }
"#;

/// The value of a variable that a service gets.
fn told(stack: &Stack, service: &str, name: &str) -> String {
    let script = format!("printf %s \"${name}\"");
    stack
        .dev(["exec", service, "sh", "-c", &script])
        .succeeds()
        .stdout
}

/// Each takes one more row, or one more, and says how many there are.
fn ask_all(stack: &Stack) -> [String; 3] {
    let rows =
        "create table if not exists t (n int); insert into t values (7); select count(*) from t";
    let url = told(stack, "app", "PG");
    let pg = told_to(Command::new("psql").args(["-q", &url, "-tAc", rows]));
    // mysql://mariadb:PASSWORD@127.0.0.1:PORT/NAME
    let url = told(stack, "app", "SHOP");
    let (_, at) = url.rsplit_once("@127.0.0.1:").unwrap();
    let (port, name) = at.split_once('/').unwrap();
    let shop = told_to(
        Command::new("mariadb")
            .args(["-h127.0.0.1", "-P", port, "-umariadb", name, "-Ne", rows])
            .env("MYSQL_PWD", told(stack, "app", "MYSQL_PWD")),
    );
    let url = told(stack, "app", "CACHE");
    let cache = redis(url.strip_prefix("redis://").unwrap(), &["INCR", "n"]);
    [pg, shop, cache]
}

#[test]
fn three_servers_without_an_engine_keep_their_data_and_none_is_root() {
    for runtime in ["", "runtime = \"process\"\n"] {
        let stack = stack("three", &format!("{runtime}{THREE}"));
        let up = stack.dev(["up", "--wait"]).succeeds();
        up.says("as processes on the host: cache, pg, shop");
        for service in ["cache", "pg", "shop"] {
            let address = stack.status().service(service).addresses[0].clone();
            assert!(address.contains("127.0.0.1:"), "{address}");
        }
        assert_eq!(ask_all(&stack), ["1", "1", ":1"]);
        stack
            .dev(["logs", "shop"])
            .says("ready for connections")
            .does_not_say("Access denied")
            .does_not_say("Aborted connection");
        stack
            .dev(["status"])
            .says("all of it runs as processes on the host, without a container engine");
        let users = users(&stack);
        let names: Vec<&str> = users.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["mariadbd", "postgres", "redis-server"], "{users:?}");
        assert!(users.iter().all(|(_, user)| *user != 0), "{users:?}");

        // What they hold is in the state folder, outlives a `down`, and goes when a person says so.
        stack.dev(["down"]).succeeds();
        leaves_no_process(&stack);
        let volumes = stack.path(".dev").join(stack.name()).join("volumes");
        assert_eq!(fs::read_dir(&volumes).unwrap().count(), 3);
        stack.dev(["up", "--wait"]).succeeds();
        assert_eq!(ask_all(&stack), ["2", "2", ":2"]);
        stack.dev(["plan"]).succeeds().says("nothing to do");
        stack.dev(["down", "--volumes", "--yes"]).succeeds();
        assert_eq!(fs::read_dir(&volumes).unwrap().count(), 0);
        leaves_no_process(&stack);
    }
}

#[test]
fn two_stacks_have_servers_of_their_own_on_other_ports() {
    let (one, mut two) = (stack("one", THREE), stack("two", THREE));
    // A language that this machine does not have is no obstacle.
    two.set("LC_ALL", "xx_XX.UTF-8");
    one.dev(["up", "--wait"]).succeeds();
    two.dev(["up", "--wait"]).succeeds();
    assert_eq!(ask_all(&one), ["1", "1", ":1"]);
    assert_eq!(ask_all(&two), ["1", "1", ":1"]);
    for service in ["cache", "pg", "shop"] {
        let address = |stack: &Stack| stack.status().service(service).addresses[0].clone();
        assert_ne!(address(&one), address(&two));
    }
    for stack in [one, two] {
        stack.dev(["down"]).succeeds();
        leaves_no_process(&stack);
    }
}

#[test]
fn a_long_path_and_a_cache_without_a_volume_are_no_obstacle() {
    let stack = stack("long", "");
    let folder = "f".repeat(120);
    let toml = THREE.replace("\"redis:7\"", "\"redis:7\"\nvolume = false");
    let name = stack.name();
    stack.write(
        &format!("{folder}/dev.toml"),
        format!("name = \"{name}\"\n{toml}"),
    );
    let dev = |arguments: &[&str]| {
        let mut all = vec!["-C", &folder];
        all.extend(arguments);
        told_to(&mut stack.command(&all))
    };
    // Ephemeral, as the container would be. Its port may be another stack's the second time.
    for _ in 0..2 {
        dev(&["up", "--wait"]);
        let url = dev(&["exec", "app", "sh", "-c", "printf %s $CACHE"]);
        assert_eq!(
            redis(url.strip_prefix("redis://").unwrap(), &["INCR", "n"]),
            ":1"
        );
        dev(&["down"]);
    }
    leaves_no_process(&stack);
}

#[test]
fn valkey_runs_as_its_own_server_or_as_redis_where_that_is_what_there_is() {
    let toml = "[services.cache]\npreset = \"valkey:8\"\n";
    let mut stack = stack("valkey", toml);
    let up = stack.dev(["up", "--wait"]).succeeds();
    up.says("where the file asks for 8");
    let server = |stack: &Stack| {
        users(stack)
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(server(&stack), ["redis-server"]);
    stack.dev(["down"]).succeeds();

    // Its shape: Debian 12 has no Valkey, whose server takes the same words.
    let bin = stack.outside("bin");
    fs::create_dir(&bin).unwrap();
    fs::copy("/usr/bin/redis-server", bin.join("valkey-server")).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    stack.set("PATH", &path);
    stack.dev(["up", "--wait"]).succeeds();
    assert_eq!(server(&stack), ["valkey-server"]);
    stack.dev(["down"]).succeeds();
}

#[test]
fn a_server_that_is_not_installed_is_named() {
    let mut stack = stack("lacks", THREE);
    let bin = stack.outside("bin");
    fs::create_dir(&bin).unwrap();
    for program in ["sh", "cat"] {
        let found = which::which(program).unwrap();
        std::os::unix::fs::symlink(found, bin.join(program)).unwrap();
    }
    stack.set("PATH", bin.to_str().unwrap());
    stack
        .dev(["up", "--wait"])
        .exits(3)
        .says("cache: it needs `redis-server` or")
        .says("shop: it needs `mariadbd`");
    assert!(stack.processes().is_empty());
}

/// What a file is edited to that runs: with one that no host can run.
const MORE: &str = r#"
    [services.q]
    preset = "rabbitmq:3"
"#;

const NOT_ALL: &str =
    "not all of this stack can run on the host: q: the preset `rabbitmq` knows no server";

fn names(stack: &Stack) -> BTreeSet<String> {
    users(stack).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn what_cannot_run_on_the_host_keeps_nobody_from_the_rest() {
    for runtime in ["", "runtime = \"process\"\n"] {
        let two = format!(
            "{runtime}[services.pg]\npreset = \"postgres:15\"\n[services.cache]\npreset = \"redis:7\"\n"
        );
        let mut stack = stack("off", &two);
        stack.dev(["up", "--wait"]).succeeds();
        stack.edit(format!("{two}{MORE}"));

        let status = stack.dev(["status"]).succeeds().says(NOT_ALL);
        status.says("going by what is there").says("pg");
        stack.dev(["why", "pg"]).succeeds().says("pg is ready");
        let why = stack.dev(["why", "q"]).succeeds();
        why.says("q cannot run on the host: the preset");
        stack.dev(["logs", "pg"]).succeeds().says(NOT_ALL);
        stack.dev(["env"]).succeeds().says("PG_URL");
        stack.dev(["wait"]).succeeds().says(NOT_ALL);
        stack.dev(["exec", "cache", "true"]).succeeds();
        stack
            .dev(["exec", "q", "true"])
            .exits(125)
            .says("does not run");
        stack.dev(["wait", "q"]).exits(2).says(NOT_ALL);
        stack.dev(["doctor"]).exits(1).says(NOT_ALL);
        stack
            .dev(["up", "--wait"])
            .exits(2)
            .says(NOT_ALL)
            .says("`dev up cache pg` brings up what can");
        stack.dev(["up", "--wait", "q"]).exits(2).says(NOT_ALL);
        stack.dev(["stop", "cache"]).succeeds().says(NOT_ALL);
        assert_eq!(names(&stack), BTreeSet::from(["postgres".to_owned()]));
        stack.dev(["up", "--wait", "cache"]).succeeds();
        stack.dev(["restart", "cache"]).succeeds();
        assert_eq!(names(&stack).len(), 2);

        // An engine that answers by now has nothing of it, and makes nothing of it.
        stack.unset("DOCKER_HOST");
        stack.dev(["stop"]).succeeds().says(NOT_ALL);
        leaves_no_process(&stack);
        stack.dev(["up", "--wait", "pg", "cache"]).succeeds();
        stack.dev(["status"]).succeeds().says(NOT_ALL);
        stack.dev(["down"]).succeeds().says(NOT_ALL);
        leaves_no_process(&stack);
    }
}

#[test]
fn what_runs_on_the_host_is_taken_down_there_whatever_the_file_says_by_now() {
    let two = "[services.cache]\npreset = \"redis:7\"\n\
               [services.other]\npreset = \"redis:7\"\n";
    let stack = stack("was", two);
    stack.dev(["up", "--wait"]).succeeds();
    stack.edit(format!("runtime = \"docker\"\n{two}"));

    stack.dev(["status"]).succeeds().says("127.0.0.1:");
    stack.dev(["stop", "other"]).succeeds();
    eventually(SOON, "one is left", || match users(&stack).len() {
        1 => Ok(()),
        count => Err(format!("{count} are there")),
    });
    stack.dev(["up", "--wait"]).exits(3);
    stack.dev(["down", "--volumes"]).succeeds();
    leaves_no_process(&stack);
    // Nothing of it is on the host any more.
    stack.dev(["status"]).exits(3);
}

#[test]
fn of_a_fresh_stack_comes_up_what_can_run_on_the_host() {
    for (runtime, refused) in [("", 3), ("runtime = \"process\"\n", 2)] {
        let toml = format!(
            "{runtime}[services.cache]\npreset = \"redis:7\"\n\
             [services.app]\nrun = \"exec sleep 1000000\"\nneeds = [\"q\"]\n{MORE}"
        );
        let stack = stack("some", &toml);
        stack
            .dev(["up", "--wait"])
            .exits(refused)
            .says(NOT_ALL)
            .says("`dev up cache` brings up what can");
        stack
            .dev(["up", "--wait", "app"])
            .exits(refused)
            .says(NOT_ALL);
        assert!(stack.processes().is_empty());
        stack
            .dev(["up", "--wait", "cache"])
            .succeeds()
            .says("as processes on the host: cache");
        stack.dev(["down"]).succeeds();
        leaves_no_process(&stack);
    }
}

#[test]
fn an_engine_on_the_host_takes_in_the_rest_of_what_is_edited() {
    let one = "[services.cache]\npreset = \"redis:7\"\n";
    let stack = stack("on", one);
    stack.dev(["up", "-d"]).succeeds();
    let other = "[services.app]\nrun = \"exec sleep 1000000\"\n";
    stack.edit(format!("{one}{other}{MORE}"));

    eventually(SOON, "what is new and can run is up", || {
        let status = stack.status();
        match status.is("app", "ready") {
            true => Ok(()),
            false => Err(status.to_string()),
        }
    });
    stack.dev(["logs", "cache"]).succeeds().says(NOT_ALL);
    stack.dev(["up", "--wait"]).exits(2).says(NOT_ALL);
    stack.dev(["up", "--wait", "cache"]).succeeds();
    stack.dev(["restart", "q"]).says(NOT_ALL);
    stack.dev(["wait"]).succeeds().says(NOT_ALL);
    // What is up stays up, where its next shape cannot.
    stack.edit("[services.cache]\nimage = \"redis:7\"\n");
    let remark = "cache: it is the image redis:7";
    stack.dev(["status"]).succeeds().says(remark);
    stack.dev(["up", "--wait"]).exits(2).says(remark);
    assert_eq!(names(&stack), BTreeSet::from(["redis-server".to_owned()]));
    stack.dev(["down"]).succeeds().says(remark);
    leaves_no_process(&stack);
}

#[test]
fn a_folder_that_only_its_owner_reaches_is_told_to_root_and_keeps_out_nobody_else() {
    let stack = stack(
        "shut",
        "[services.cache]\npreset = \"redis:7\"\nrestart = \"no\"\n",
    );
    fs::set_permissions(stack.outside(""), fs::Permissions::from_mode(0o700)).unwrap();
    let up = stack.dev(["up", "--wait"]);
    match rustix::process::geteuid().is_root() {
        // Servers run as somebody else.
        true => up.exits(1).says("chmod o+x"),
        false => up.succeeds(),
    };
    stack.dev(["down"]).succeeds();
}

#[test]
fn a_stack_for_one_command_comes_up_without_an_engine_and_leaves_nothing() {
    let stack = stack("ci-host", THREE);
    stack
        .dev([
            "ci",
            "--",
            "sh",
            "-c",
            "psql $PG_ORDERS_URL -tAc 'select 40 + 2'",
        ])
        .succeeds()
        .says("42");
    leaves_no_process(&stack);
}
