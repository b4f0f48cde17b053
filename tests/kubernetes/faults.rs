use crate::support::Stack;

const WEB: &str = "[services.web]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\ncommand = [\"sleep\", \"1000\"]\nenv = { A = \"1\" }\nstop = { grace = \"1s\" }\n";

#[test]
fn a_pod_that_never_gets_ready_is_told_with_its_last_words() {
    let stack = Stack::new(
        "[services.web]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\ncommand = [\"sh\", \"-c\", \"echo no such table; exit 3\"]\nstop = { grace = \"1s\" }\nports = { http = 80 }\nready = { tcp = 80 }\n",
    );
    let said = stack.dev(&["promote", "--timeout", "15s"]).expect(4);
    assert!(
        said.err.contains("not ready within 15 s") && said.err.contains("ended with 3"),
        "{}",
        said.err
    );
    assert!(said.err.contains("no such table"), "{}", said.err);
}

#[test]
fn what_ends_soon_after_its_start_never_counts_as_ready() {
    for volume in ["", "volumes = [\"data:/data\"]\n"] {
        let stack = Stack::new(&format!(
            "[services.web]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\ncommand = [\"sh\", \"-c\", \"sleep 1; exit 3\"]\n{volume}[volumes]\ndata = {{}}\n"
        ));
        let said = stack.dev(&["promote", "--timeout", "12s"]).expect(4);
        assert!(said.err.contains("ended with 3"), "{}", said.err);
    }
}

#[test]
fn a_quota_that_refuses_a_rollout_is_told_before_an_old_pod_that_waits() {
    let asks = |greeting: &str| {
        format!(
            "{}kubernetes = {{ resources = {{ requests = {{ memory = \"900Gi\" }} }} }}\n",
            WEB.replace("A = \"1\"", &format!("A = \"{greeting}\""))
        )
    };
    let stack = Stack::new(&asks("1"));
    let said = stack.dev(&["promote", "--timeout", "5s"]).expect(4);
    assert!(said.err.contains("no node takes it"), "{}", said.err);
    stack.kubectl(&["create", "quota", "small", "--hard=requests.memory=950Gi"]);
    stack.write(&asks("2"));
    let said = stack.dev(&["promote", "--timeout", "5s"]).expect(4);
    assert!(said.err.contains("exceeded quota: small"), "{}", said.err);
}

#[test]
fn a_quota_that_is_used_up_and_a_node_without_room_are_told() {
    let asks = |memory: &str| {
        format!(
            "{WEB}kubernetes = {{ resources = {{ requests = {{ memory = \"{memory}\" }} }} }}\n"
        )
    };
    let stack = Stack::new(&asks("900Gi"));
    let said = stack.dev(&["promote", "--timeout", "10s"]).expect(4);
    assert!(
        said.err.contains("no node takes it") && said.err.contains("Insufficient memory"),
        "{}",
        said.err
    );

    let stack = Stack::new(&asks("16Mi"));
    stack.kubectl(&["create", "namespace", &stack.name]);
    stack.kubectl(&["create", "quota", "small", "--hard=requests.memory=8Mi"]);
    let said = stack.dev(&["promote", "--timeout", "10s"]).expect(4);
    assert!(said.err.contains("exceeded quota: small"), "{}", said.err);
}

#[test]
fn an_image_that_is_nowhere_is_named() {
    let stack = Stack::new("[services.web]\nimage = \"dev.local/nowhere:1\"\nuser = \"1000\"\n");
    let said = stack.dev(&["promote", "--timeout", "20s"]).expect(4);
    assert!(
        said.err.contains("its image cannot be pulled") && said.err.contains("dev.local/nowhere:1"),
        "{}",
        said.err
    );
}

#[test]
fn a_job_that_fails_ends_it_with_what_it_said() {
    let stack = Stack::new(
        "[services.migrate]\nimage = \"dev.local/busybox\"\nuser = \"1000\"\njob = true\ncommand = [\"sh\", \"-c\", \"echo column exists; exit 7\"]\n",
    );
    let said = stack.dev(&["promote"]).expect(1);
    assert!(
        said.err.contains("ended with 7") && said.err.contains("column exists"),
        "{}",
        said.err
    );
}

#[test]
fn an_object_of_somebody_else_is_left_as_it_is() {
    let stack = Stack::new(WEB);
    stack.kubectl(&["create", "namespace", &stack.name]);
    stack.kubectl(&["create", "configmap", "web-env", "--from-literal=A=theirs"]);
    let said = stack.dev(&["promote"]).expect(1);
    assert!(
        said.err.contains("ConfigMap web-env is there") && said.err.contains("kubectl"),
        "{}",
        said.err
    );
    assert_eq!(
        stack.kubectl(&[
            "get",
            "configmap",
            "web-env",
            "--output",
            "jsonpath={.data.A}"
        ]),
        "theirs"
    );
    assert!(
        !stack
            .kubectl(&["get", "deployments", "--output", "name"])
            .contains("web"),
        "nothing was begun"
    );
}

#[test]
fn a_field_that_somebody_else_manages_is_a_conflict_with_their_name() {
    let stack = Stack::new(WEB);
    stack.dev(&["promote"]).expect(0);
    let theirs = format!(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: web-env, namespace: {} }}\ndata: {{ A: theirs }}\n",
        stack.name
    );
    stack.file("theirs.yaml", &theirs);
    let file = stack.path("theirs.yaml");
    stack.kubectl(&[
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=someone",
        "--filename",
        file.to_str().unwrap(),
    ]);
    let said = stack.dev(&["promote"]).expect(1);
    assert!(
        said.err.contains("somebody else manages part of it") && said.err.contains("someone"),
        "{}",
        said.err
    );
}

#[test]
fn a_cut_promotion_is_taken_up_where_it_was() {
    let stack = Stack::new(WEB);
    let broken = WEB.replace("\"sleep\", \"1000\"", "\"false\"");
    stack.write(&format!(
        "{broken}ports = {{ http = 80 }}\nready = {{ tcp = 80 }}\n"
    ));
    stack.dev(&["promote", "--timeout", "3s"]).expect(4);
    stack.write(WEB);
    let said = stack.dev(&["promote"]).expect(0);
    assert!(said.out.contains("revision 2"), "{}", said.out);
}

#[test]
fn what_cannot_be_reached_says_what_to_do() {
    let stack = Stack::new(WEB);
    let none = stack.path("none");
    let said = stack
        .dev_with(&["promote"], &[("KUBECONFIG", none.to_str().unwrap())])
        .expect(3);
    assert!(said.err.contains("there is no kubeconfig"), "{}", said.err);

    let config = |server: &str, token: &str| {
        format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: staging\nclusters: [{{ name: c, cluster: {{ server: \"{server}\", insecure-skip-tls-verify: true }} }}]\ncontexts: [{{ name: staging, context: {{ cluster: c, user: u }} }}]\nusers: [{{ name: u, user: {{ token: \"{token}\" }} }}]\n"
        )
    };
    let file = stack.path("config");
    let with =
        |arguments: &[&str]| stack.dev_with(arguments, &[("KUBECONFIG", file.to_str().unwrap())]);
    stack.file("config", &config("https://127.0.0.1:1", "x"));
    let said = with(&["promote", "--context", "stagin"]).expect(3);
    assert!(
        said.err.contains("no context `stagin`") && said.err.contains("did you mean `staging`?"),
        "{}",
        said.err
    );
    let said = with(&["promote"]).expect(3);
    assert!(said.err.contains("does not answer"), "{}", said.err);

    let server = stack.dev_server();
    stack.file("config", &config(&server, "wrong"));
    let said = with(&["promote"]).expect(3);
    assert!(
        said.err.contains("does not know these credentials"),
        "{}",
        said.err
    );
}
