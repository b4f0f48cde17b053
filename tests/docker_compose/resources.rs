//! Ports, volumes, networks, files and copies of a service.

use crate::engine::{ask, call, containers, minor_version, names, networks, text, volumes};
use crate::tool::{Project, Tool, eventually, same};

/// Published ports of each container, by its name.
fn published(project: &Project) -> Vec<(String, Vec<u16>)> {
    let of = |container: &serde_json::Value| {
        let ports = container["NetworkSettings"]["Ports"].as_object();
        let mut numbers: Vec<u16> = ports
            .into_iter()
            .flat_map(|ports| ports.values())
            .filter_map(|bindings| bindings.as_array())
            .flatten()
            .filter_map(|binding| text(&binding["HostPort"]).parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        (
            text(&container["Name"]).replace(&project.name, "P"),
            numbers,
        )
    };
    containers(&project.name).iter().map(of).collect()
}

#[test]
fn ranges_of_ports() {
    let file = r#"
services:
  each:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    ports: ["${FIRST}-${THIRD}:8000-8002"]
  several:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    scale: 2
    ports: ["127.0.0.1:${FOURTH}-${SIXTH}:9000"]
"#;
    for tool in crate::tool::BOTH {
        let first = crate::tool::free_ports(6);
        let mut project = Project::new(file);
        for (name, number) in ["FIRST", "SECOND", "THIRD", "FOURTH", "FIFTH", "SIXTH"]
            .iter()
            .zip(first..)
        {
            project = project.with(name, &number.to_string());
        }
        project.up(tool);
        let found = published(&project);
        assert_eq!(
            found[0],
            ("/P-each-1".to_owned(), vec![first, first + 1, first + 2]),
            "{tool:?}"
        );
        let several: Vec<u16> = found[1..]
            .iter()
            .flat_map(|(_, ports)| ports.clone())
            .collect();
        assert_eq!(several.len(), 2, "{tool:?}: {found:?}");
        assert_ne!(several[0], several[1], "{tool:?}");
        let range = first + 3..=first + 5;
        assert!(
            several.iter().all(|port| range.contains(port)),
            "{tool:?}: {found:?}"
        );
        // And they stay where they are.
        project.up(tool);
        assert_eq!(published(&project), found, "{tool:?}");
    }
}

#[test]
fn links_and_volumes_of_others() {
    let file = "
services:
  db:
    image: dev.local/busybox
    init: true
    command: sh -c 'echo from db > /data/told; exec httpd -f -p 80 -h /data'
    volumes: [/data, 'named:/named']
  web:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    links: ['db:store', db]
    volumes_from: ['db:ro']
  writer:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    volumes_from: [db]
volumes: {named: {}}
";
    let seen = same(file, |project, tool| {
        project.up(tool);
        let fetch = |host: &str| {
            let url = format!("http://{host}/told");
            eventually("db answers", || {
                project.look("web", &["wget", "-qO-", &url])
            })
        };
        let fetched = ["db", "store"].map(fetch);
        let read = project.inside("web", &["cat", "/data/told"]);
        let writes = |service| {
            project
                .look(service, &["touch", "/data/x", "/named/x"])
                .is_some()
        };
        // What is mounted by `:ro` docker compose lets be written to.
        assert!(tool == Tool::Compose || !writes("web"));
        (fetched, read, writes("writer"))
    });
    assert_eq!(seen.1, "from db\n");
    assert!(seen.2);
}

const EXTERNAL: &str = "
services:
  web:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    networks: [shared]
    volumes: ['kept:/data']
networks: {shared: {external: true, name: '${SHARED}'}}
volumes: {kept: {external: true, name: '${KEPT}'}}
";

#[test]
fn what_is_external_is_used_and_never_removed() {
    for tool in crate::tool::BOTH {
        let project = Project::new(EXTERNAL);
        let (network, volume) = (
            format!("{}-net", project.name),
            format!("{}-vol", project.name),
        );
        let project = project.with("SHARED", &network).with("KEPT", &volume);
        call(
            "POST",
            "/networks/create",
            &format!("{{\"Name\":\"{network}\"}}"),
        );
        call(
            "POST",
            "/volumes/create",
            &format!("{{\"Name\":\"{volume}\"}}"),
        );
        let _left = External(&network, &volume);
        project.up(tool);
        project.inside("web", &["sh", "-c", "echo kept > /data/kept"]);
        // None of its own.
        assert!(networks(&project.name).is_empty(), "{tool:?}");
        assert!(volumes(&project.name).is_empty(), "{tool:?}");
        let found = &containers(&project.name)[0]["NetworkSettings"]["Networks"];
        let keys: Vec<&String> = found.as_object().expect("networks").keys().collect();
        assert_eq!(keys, [&network], "{tool:?}");
        match tool {
            Tool::Dev => project.done(tool, &["down", "-v", "--yes"]),
            Tool::Compose => project.done(tool, &["down", "-v"]),
        };
        assert!(containers(&project.name).is_empty());
        project.up(tool);
        assert_eq!(
            project.inside("web", &["cat", "/data/kept"]),
            "kept\n",
            "{tool:?}"
        );
        project.done(tool, &["down"]);
    }
}

/// Made by hand, removed at the end.
struct External<'a>(&'a str, &'a str);

impl Drop for External<'_> {
    fn drop(&mut self) {
        let filter = format!("%7B%22volume%22%3A%5B%22{}%22%5D%7D", self.1);
        let using = ask(&format!("/containers/json?all=1&filters={filter}"));
        for container in using.as_array().into_iter().flatten() {
            call(
                "DELETE",
                &format!("/containers/{}?force=1", text(&container["Id"])),
                "",
            );
        }
        call("DELETE", &format!("/networks/{}", self.0), "");
        call("DELETE", &format!("/volumes/{}", self.1), "");
    }
}

#[test]
fn what_is_external_and_missing_is_an_error_that_names_it() {
    for section in ["networks", "volumes"] {
        let file = match section {
            "networks" => EXTERNAL.replace("    volumes: ['kept:/data']\n", ""),
            _ => EXTERNAL.replace("    networks: [shared]\n", ""),
        };
        for tool in crate::tool::BOTH {
            let project = Project::new(&file)
                .with("SHARED", "cf-there-is-no-such-network")
                .with("KEPT", "cf-there-is-no-such-volume");
            let ended = match tool {
                Tool::Dev => project.run(tool, &["up", "--wait"]),
                Tool::Compose => project.run(tool, &["up", "-d"]),
            };
            assert_ne!(ended.code, 0, "{tool:?} {section}");
            let told = format!("{}{}", ended.said, ended.printed);
            assert!(told.contains("cf-there-is-no-such-"), "{told}");
            let running = containers(&project.name);
            assert!(
                running.iter().all(|c| c["State"]["Running"] == false),
                "{tool:?} {running:?}"
            );
        }
    }
}

#[test]
fn secrets_and_configurations_from_everywhere() {
    let file = "
services:
  a:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    secrets:
      - {source: by_file, target: /etc/by_file}
      - {source: by_variable, target: renamed}
    configs:
      - by_file
      - {source: by_variable, target: /etc/app/variable, mode: 0400, uid: '7', gid: '8'}
      - {source: by_content, target: /etc/app/content, mode: 0644}
  b:
    image: dev.local/busybox
    init: true
    user: '1000:1000'
    command: sleep 1000
    secrets: [by_variable]
    configs: [by_content]
secrets:
  by_file: {file: ./secret.txt}
  by_variable: {environment: TOKEN}
configs:
  by_file: {file: ./app.conf}
  by_variable: {environment: TOKEN}
  by_content: {content: 'cost: $$5, ${COST:-6}'}
#### secret.txt
from a file
#### app.conf
a = 1
";
    let seen = same(file, |project, tool| {
        project.up(tool);
        let a = "cat /etc/by_file /run/secrets/renamed /by_file /etc/app/variable /etc/app/content; stat -c '%n %a %u %g' /run/secrets/renamed /etc/app/variable /etc/app/content";
        let b = "cat /run/secrets/by_variable /by_content; stat -c '%n %a %u %g' /run/secrets/by_variable /by_content; id -u";
        [("a", a), ("b", b)].map(|(name, script)| project.inside(name, &["sh", "-c", script]))
    });
    assert!(
        seen[0].starts_with("from a file\ns3creta = 1\ns3cretcost: $5, 6"),
        "{}",
        seen[0]
    );
    assert!(seen[0].contains("/etc/app/variable 400 7 8"), "{}", seen[0]);
}

#[test]
fn a_file_of_a_secret_or_config_that_is_missing_is_an_error_and_no_folder() {
    for section in ["secrets", "configs"] {
        let file = format!(
            "
services:
  a:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    {section}: [given]
{section}:
  given: {{file: ./kept/given}}
"
        );
        let seen = same(&file, |project, tool| {
            let ended = project.run(tool, &["up", "-d", "--wait"]);
            let told = format!("{}{}", ended.said, ended.printed);
            assert!(told.contains("kept/given"), "{tool:?} {told}");
            let is_there = project.dir.join("kept").exists();
            let runs = containers(&project.name)
                .iter()
                .any(|container| container["State"]["Running"] == true);
            (ended.code, is_there, runs)
        });
        assert_eq!(seen, (1, false, false), "{section}");
    }
}

#[test]
fn labels_of_selinux_reach_the_engine() {
    let file = "
services:
  a:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    stop_grace_period: 1s
    volumes: ['./a:/a:z', './b:/b:ro,Z', 'data:/data:Z', './plain:/plain']
volumes: {data: {}}
";
    let seen = same(file, |project, tool| {
        for folder in ["a", "b", "plain"] {
            project.write(format!("{folder}/there").as_ref(), "there\n");
        }
        project.up(tool);
        let container = &containers(&project.name)[0];
        let binds = container["HostConfig"]["Binds"]
            .as_array()
            .into_iter()
            .flatten();
        let dir = project.dir.to_string_lossy();
        let binds = binds.map(|bind| text(bind).replace(&*dir, "DIR").replace(&project.name, "P"));
        // The plain one is in `Mounts`, or in both without a difference.
        let mut labelled: Vec<String> = binds
            .filter(|bind| bind.to_lowercase().ends_with('z'))
            .collect();
        labelled.sort();
        let read = project.inside("a", &["cat", "/a/there", "/b/there", "/plain/there"]);
        let refused = project.look("a", &["touch", "/b/new"]).is_none();
        (labelled, read, refused)
    });
    let binds = ["DIR/a:/a:rw,z", "DIR/b:/b:ro,Z", "P_data:/data:rw,Z"];
    assert_eq!(
        seen,
        (binds.map(str::to_owned).to_vec(), "there\n".repeat(3), true)
    );
}

#[test]
fn what_is_mounted_below_a_mount_is_read_only_where_the_file_says_so() {
    for way in ["readonly", "writable", "disabled"] {
        let file = format!(
            "
services:
  a:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    stop_grace_period: 1s
    volumes: [{{type: bind, source: ./a, target: /a, read_only: true, bind: {{recursive: {way}, propagation: rprivate}}}}]
#### a/there
there
"
        );
        // What an older engine does not know, it passes over in silence; `dev` does not.
        if way == "readonly" && minor_version() < 44 {
            let project = Project::new(&file);
            let ended = project.run(Tool::Dev, &["up", "-d", "--wait"]);
            assert_eq!(ended.code, 1, "{ended:?}");
            assert!(ended.printed.contains("recursive: readonly"), "{ended:?}");
            continue;
        }
        let seen = same(&file, |project, tool| {
            project.up(tool);
            let host = &containers(&project.name)[0]["HostConfig"];
            let given = &host["Mounts"][0]["BindOptions"];
            [
                "NonRecursive",
                "ReadOnlyNonRecursive",
                "ReadOnlyForceRecursive",
            ]
            .map(|name| given[name] == true)
        });
        // An older engine shows what it knows, and mounts as `writable` says in any case.
        let is_told = way == "disabled" || minor_version() >= 44;
        let given = ["disabled", "writable", "readonly"].map(|one| is_told && one == way);
        assert_eq!(seen, given, "{way}");
    }
}

#[test]
fn a_variable_that_is_not_set_is_missed_only_by_what_is_made_with_it() {
    let file = "
services:
  plain: {image: dev.local/busybox, init: true, command: sleep 1000}
  secret: {image: dev.local/busybox, secrets: [kept]}
  config: {image: dev.local/busybox, configs: [shown]}
secrets:
  kept: {environment: NOBODY_SETS_A}
configs:
  shown: {environment: NOBODY_SETS_B}
";
    same(file, |project, tool| {
        project.done(tool, &["config"]);
        project.done(tool, &["up", "-d", "plain"]);
        for (service, variable) in [("secret", "NOBODY_SETS_A"), ("config", "NOBODY_SETS_B")] {
            let ended = project.run(tool, &["up", "-d", service]);
            assert_ne!(ended.code, 0, "{tool:?} {ended:?}");
            let all = format!("{}{}", ended.said, ended.printed);
            assert!(all.contains(variable), "{tool:?} {ended:?}");
        }
        let left = containers(&project.name);
        let running = left
            .iter()
            .filter(|c| c["State"]["Running"] == true)
            .count();
        project.done(tool, &["down"]);
        running
    });
}

#[test]
fn a_changed_configuration_reaches_who_has_it() {
    let file = "
services:
  a:
    image: dev.local/busybox
    init: true
    command: sleep 1000
    configs: [app]
configs:
  app: {content: 'value ${TOKEN}'}
";
    // docker compose leaves the old one.
    let project = Project::new(file).with("TOKEN", "one");
    project.up(Tool::Dev);
    assert_eq!(project.inside("a", &["cat", "/app"]), "value one");
    let project = project.with("TOKEN", "two");
    project.up(Tool::Dev);
    assert_eq!(project.inside("a", &["cat", "/app"]), "value two");
}

#[test]
fn copies_of_a_service() {
    let file = "
services:
  scaled: {image: dev.local/busybox, command: sleep 1000, init: true, scale: 3}
  replicated: {image: dev.local/busybox, command: sleep 1000, init: true, deploy: {replicas: 2}}
  none: {image: dev.local/busybox, command: sleep 1000, init: true, scale: 0}
";
    let seen = same(file, |project, tool| {
        project.up(tool);
        let found = project.inside("scaled", &["nslookup", "replicated"]);
        let addresses = found
            .lines()
            .filter(|line| line.starts_with("Address"))
            .count();
        let first = names(&project.name);
        let wait: &[&str] = match tool {
            Tool::Dev => &["up", "--wait", "--scale", "scaled=1", "--scale", "none=2"],
            Tool::Compose => &[
                "up", "-d", "--wait", "--scale", "scaled=1", "--scale", "none=2",
            ],
        };
        project.done(tool, wait);
        (first, addresses, names(&project.name))
    });
    let three = [
        "/P-replicated-1",
        "/P-replicated-2",
        "/P-scaled-1",
        "/P-scaled-2",
        "/P-scaled-3",
    ];
    assert_eq!(seen.0, three);
    let two = [
        "/P-none-1",
        "/P-none-2",
        "/P-replicated-1",
        "/P-replicated-2",
        "/P-scaled-1",
    ];
    assert_eq!(seen.2, two);
}

#[test]
fn images_go_where_it_is_asked_for() {
    let file = "
services:
  built: {build: ., init: true, command: sleep 1000}
  named: {build: ., image: '${COMPOSE_PROJECT_NAME}-own:1', init: true, command: sleep 1000}
#### Dockerfile
FROM dev.local/busybox
RUN echo built > /built
";
    same(file, |project, tool| {
        project.up(tool);
        let images = || {
            let filter = format!("%7B%22reference%22%3A%5B%22{}*%22%5D%7D", project.name);
            let list = ask(&format!("/images/json?filters={filter}"));
            let tags = list.as_array().into_iter().flatten();
            let mut tags: Vec<String> = tags
                .flat_map(|image| image["RepoTags"].as_array().cloned().unwrap_or_default())
                .map(|tag| text(&tag).replace(&project.name, "P"))
                .collect();
            tags.sort();
            tags
        };
        let before = images();
        project.done(tool, &["down", "--rmi", "local"]);
        // One with a name of its own stays, as compose documents it; with buildx, compose removes it, too.
        let mut kept = images();
        if tool == Tool::Dev {
            assert_eq!(kept, ["P-own:1"]);
        }
        kept.retain(|tag| tag != "P-own:1");
        project.up(tool);
        let remote = project.run(tool, &["down", "--rmi", "all"]).code;
        (before, kept, remote, images())
    });
}

#[test]
fn profiles_by_their_variable_by_name_and_by_who_needs_them() {
    let file = "
services:
  always: {image: dev.local/busybox, command: sleep 1000, init: true}
  debug: {image: dev.local/busybox, command: sleep 1000, init: true, profiles: [debug, all]}
  tool:
    image: dev.local/busybox
    command: sleep 1000
    init: true
    profiles: [tool]
    depends_on: [helper]
  helper: {image: dev.local/busybox, command: sleep 1000, init: true, profiles: [tool]}
  broken: {image: dev.local/busybox, profiles: [broken], depends_on: [debug]}
";
    let up = |project: &Project, tool, before: &[&str], services: &[&str]| {
        let wait: &[&str] = match tool {
            Tool::Dev => &["up", "--wait"],
            Tool::Compose => &["up", "-d"],
        };
        project.run(tool, &[before, wait, services].concat()).code
    };
    let seen = same(file, |project, tool| {
        let named = up(project, tool, &[], &["tool"]);
        let tool_alone = names(&project.name);
        let star = up(
            project,
            tool,
            &["--profile", "debug", "--profile", "tool"],
            &[],
        );
        let broken = up(project, tool, &["--profile", "broken"], &[]);
        (
            (named, tool_alone),
            (star, names(&project.name)),
            broken != 0,
        )
    });
    assert_eq!(
        seen.0,
        (0, vec!["/P-helper-1".to_owned(), "/P-tool-1".to_owned()])
    );
    assert_eq!(seen.1.1.len(), 4);
    let by_variable = crate::tool::BOTH.map(|tool| {
        let project = Project::new(file).with("COMPOSE_PROFILES", "all,unknown");
        project.up(tool);
        names(&project.name)
    });
    assert_eq!(by_variable[0], by_variable[1]);
    assert_eq!(by_variable[0], ["/P-always-1", "/P-debug-1"]);
}
