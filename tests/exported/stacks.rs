//! The same objects in every form, and valid, for stacks of all kinds.

use proptest::prelude::*;

use crate::agree::{named_jobs, same, without_helm, without_kustomize};
use crate::drawn::{drawn, text};
use crate::schemas::valid;
use crate::stack::Stack;

/// Every form that can be applied, beside the manifests.
#[track_caller]
fn agrees(stack: &Stack) {
    let manifests = stack.manifests(&[]);
    valid(&manifests);
    let chart = stack.chart();
    valid(&chart);
    same("helm", named_jobs(manifests.clone()), without_helm(chart));
    stack
        .dev(&["export", "kustomize", "--to", "kustomize"])
        .expect();
    let overlay = stack.overlay("default");
    valid(&overlay);
    same("kustomize", manifests, without_kustomize(overlay));
}

/// Each with what the others have not.
const STACKS: [(&str, &str); 13] = [
    (
        "one image",
        "[services.web]\nimage = \"nginx\"\nports = { http = 80 }",
    ),
    (
        "a digest",
        "[services.web]\nimage = \"r:5000/a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
    ),
    (
        "a cache without a volume",
        "[services.cache]\npreset = \"redis:7\"\nvolume = false",
    ),
    (
        "a database and a job",
        "[services.db]\npreset = \"postgres:16\"\ndatabases = [\"a\"]\n[services.migrate]\nimage = \"m:1\"\njob = true\nenv = { U = \"${db.a.url}\", L = \"x\" }\n\
      [services.api]\nimage = \"a:1\"\nneeds = [\"migrate\"]\nenv = { U = \"${db.a.url}\" }",
    ),
    (
        "by the clock",
        "[services.nightly]\nimage = \"a:1\"\njob = { schedule = \"0 3 * * *\" }\nenv = { A = \"1\" }",
    ),
    (
        "probes",
        "[services.a]\nimage = \"a:1\"\nports = { http = 80 }\nready = { http = \"/r\" }\nalive = { tcp = 80 }\n[services.b]\nimage = \"b:1\"\nneeds = [\"a\"]",
    ),
    (
        "an image for waiting",
        "[kubernetes]\ngate_image = \"busybox:1\"\n[services.a]\nimage = \"a:1\"\nports = { http = 80 }\n[services.b]\nimage = \"b:1\"\nneeds = [\"a\"]",
    ),
    (
        "scaled",
        "[kubernetes]\nnamespace = \"shop\"\npull_secrets = [\"registry\"]\n[services.a]\nimage = \"a:1\"\nports = { http = 80 }\nlimits = { memory = \"256Mi\", cpu = 0.5 }\n\
      kubernetes = { scale = { min = 2, max = 4, memory = 60 }, expose = { host = \"a.example\", path = \"/a\", class = \"nginx\", tls = \"issuer:le\" } }",
    ),
    (
        "exposed to all",
        "[services.a]\nimage = \"a:1\"\nports = { http = 80 }\nkubernetes = { expose = { tls = \"own\" } }",
    ),
    (
        "names that no cluster takes",
        "[services.my_api]\nimage = \"a:1\"\nports = { main_http = 80 }\n[services.1st]\nimage = \"a:1\"\nenv = { U = \"${my_api.url}\" }",
    ),
    (
        "names of Helm's own",
        "[services.global]\nimage = \"a:1\"\n[services.global-service]\nimage = \"b:1\"\n[services.templates]\nimage = \"c:1\"",
    ),
    (
        "what templates would read",
        "[services.a]\nimage = \"a:1\"\nvolumes = [\"./a.conf:/a:ro\"]\ncommand = [\"echo\", \"{{ .Values.x }}\", \"{{{ }}\"]\n\
      env = { T = \"{{ x }}\", Q = \"a \\\"b\\\" `c` <&> \\\\ \\u2028 ü\", Y = \"yes\", N = \"0123\", E = \"\", L = \"a\\n  b\\n\", zzvalue0e = \"zzvalue1e\" }",
    ),
    (
        "shared values of secrets",
        "[secrets]\nT = { generate = 8 }\n[services.a]\nimage = \"a:1\"\nenv = { T = \"${secret:T}\", U = \"x${secret:T}\" }\n[services.j]\nimage = \"a:1\"\njob = true\nenv = { T = \"${secret:T}\" }",
    ),
];

#[test]
fn every_form_holds_the_same_valid_objects() {
    for (name, text) in STACKS {
        println!("{name}");
        agrees(&Stack::new(text));
    }
}

/// The examples, as they are.
#[test]
fn those_of_the_examples_too() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    for name in ["secumsg", "gold-platform"] {
        println!("{name}");
        let text = fs_err::read_to_string(format!("{examples}/{name}/dev.toml")).expect("a stack");
        let (before, rest) = text.split_once("\nname = ").expect("it has a name");
        let rest = rest.split_once('\n').map(|(_, rest)| rest);
        agrees(&Stack::new(&format!(
            "{before}\n{}",
            rest.expect("services")
        )));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn any_stack_that_can_go(services in prop::collection::vec(drawn(), 1..5)) {
        let text = text(services);
        let stack = Stack::new(&text);
        if stack.dev(&["export", "kubernetes", "--to", "manifests"]).good {
            println!("{text}");
            agrees(&stack);
        }
    }
}
