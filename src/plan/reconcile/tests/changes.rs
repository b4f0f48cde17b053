//! What one difference between the file and the world leads to.

use insta::assert_snapshot;

use super::super::scene::{Scene, runs};
use super::{gold, text_after};
use crate::plan::observed::ObservedNetwork;
use crate::stack::resolve::fixture::{http, template};
use crate::stack::{HostPort, Network, Volume};

#[test]
fn the_first_start_makes_everything() {
    assert_snapshot!(Scene::of(gold()).text());
}

#[test]
fn nothing_to_do() {
    assert_eq!(Scene::running(gold()).text(), "nothing to do\n");
}

#[test]
fn a_changed_configuration_replaces_one_container() {
    assert_snapshot!(text_after(Scene::running(gold()), |scene| {
        scene.edit("db", |db| {
            db.env.insert("MORE".to_owned(), template("1"));
        });
    }));
}

#[test]
fn changed_ports_touch_one_container() {
    assert_snapshot!(text_after(Scene::running(gold()), |scene| {
        scene.edit("api", |api| {
            let port = api.ports.get_mut("http").unwrap();
            port.host = HostPort::Fixed(18_000);
        });
    }));
}

#[test]
fn another_image_is_pulled_before_the_old_container_goes() {
    assert_snapshot!(text_after(Scene::running(gold()), |scene| {
        scene.edit("worker", |worker| {
            worker.source = crate::stack::Source::Image("worker:2".to_owned())
        });
    }));
}

#[test]
fn an_image_that_was_pulled_anew_by_hand_replaces_its_container() {
    assert_snapshot!(text_after(Scene::running(gold()), |scene| {
        scene.observed.images.get_mut("worker:1").unwrap().id = "sha256:newer".to_owned();
    }));
}

#[test]
fn changed_sources_replace_the_container_only_if_the_image_comes_out_different() {
    let mut scene = Scene::running(gold());
    scene
        .sources
        .contexts
        .insert("gold-api".to_owned(), "tree-2".to_owned());
    assert_snapshot!(scene.text());
    scene.converge();

    // A lost record means another build, whose result is the same image: its container stays.
    let id = scene.container("gold-api-1").id.clone();
    scene.observed.images.get_mut("gold-api").unwrap().build = None;
    assert!(scene.text().contains("build"));
    scene.converge();
    assert_eq!(scene.container("gold-api-1").id, id);
}

#[test]
fn a_service_that_is_gone_from_the_file_is_removed_if_it_is_ours() {
    assert_snapshot!(text_after(Scene::running(gold()), |scene| {
        scene.stack.services.remove("worker");
        scene.scope.remove("worker");
        let mut theirs = scene.container("gold-worker-1").clone();
        theirs.id = "theirs".to_owned();
        theirs.name = "gold-other-1".to_owned();
        theirs.service = "other".to_owned();
        theirs.dir = Some("/src/elsewhere".to_owned());
        theirs.checkout = Some("there".to_owned());
        scene.observed.containers.push(theirs);
    }));
}

#[test]
fn fewer_replicas_remove_the_last() {
    let mut services = gold();
    services[3].replicas = 3;
    assert_snapshot!(text_after(Scene::running(services), |scene| {
        scene.edit("worker", |worker| worker.replicas = 1);
    }));
}

#[test]
fn a_narrow_scope_leaves_the_rest_alone() {
    let mut scene = Scene::running(gold());
    scene.scope = scene.stack.closure(["migrate"]);
    scene.edit("worker", |worker| {
        worker.env.insert("MORE".to_owned(), template("1"));
    });
    scene.set("gold-worker-1", crate::plan::observed::Status::Paused);
    assert_eq!(scene.text(), "nothing to do\n");

    scene.observed.containers.clear();
    let text = scene.text();
    assert!(
        text.contains("gold-db-1") && !text.contains("gold-api-1"),
        "{text}"
    );
}

#[test]
fn what_others_made_is_never_created() {
    let mut scene = Scene::of([runs("api", &[]).with_volume("data")]);
    scene.stack.networks.insert(
        "default".to_owned(),
        Network {
            external: Some("shared".to_owned()),
            internal: false,
            name: None,
            options: crate::stack::NetworkOptions::default(),
        },
    );
    scene.stack.volumes.insert(
        "data".to_owned(),
        Volume {
            external: Some("pool".to_owned()),
            name: None,
            options: crate::stack::VolumeOptions::default(),
        },
    );
    assert_snapshot!(scene.text());
}

#[test]
fn a_network_that_was_pruned_is_made_again_with_the_containers_on_it() {
    // The engine keeps the id of the old one in the container, and cannot start it any more.
    assert_snapshot!(text_after(
        Scene::running([runs("api", &[]), runs("web", &["api"])]),
        |scene| {
            scene.set(
                "gold-api-1",
                crate::plan::observed::Status::Exited {
                    code: 143,
                    out_of_memory: false,
                },
            );
            scene.set(
                "gold-web-1",
                crate::plan::observed::Status::Exited {
                    code: 143,
                    out_of_memory: false,
                },
            );
            scene.observed.networks.clear();
        }
    ));
}

#[test]
fn a_network_is_made_only_for_something() {
    let mut scene = Scene::of([runs("api", &[])]);
    scene
        .standing
        .insert("api".to_owned(), super::super::Standing::GaveUp);
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn two_services_of_one_build_are_built_once() {
    let services = ["api", "worker"].map(|name| {
        let one = runs("api", &[]).built();
        crate::stack::Service {
            source: one.source,
            ..runs(name, &[])
        }
    });
    assert_snapshot!(Scene::of(services).text());
}

#[test]
fn a_port_that_was_refused_leads_to_a_new_container() {
    assert_snapshot!(text_after(
        Scene::running([runs("api", &[]).with_port("http", http(8000))]),
        |scene| {
            scene.set("gold-api-1", crate::plan::observed::Status::Created);
            let id = scene.container("gold-api-1").id.clone();
            let taken = crate::plan::Cause::PortTaken;
            scene.demands.renew.insert(id, taken);
        }
    ));
}

#[test]
fn someone_elses_network_of_the_wanted_name_is_used() {
    let mut scene = Scene::of([runs("api", &[])]);
    let theirs = ObservedNetwork {
        id: "n".to_owned(),
        twins: Vec::new(),
        ours: false,
        dir: None,
        config: None,
    };
    scene
        .observed
        .networks
        .insert("gold_default".to_owned(), theirs);
    assert!(!scene.text().contains("network"));
}

#[test]
fn the_twin_of_a_network_goes_before_anything_is_made_on_it() {
    let mut scene = Scene::running([runs("api", &[]), runs("web", &["api"])]);
    scene.observed.containers.retain(|c| c.service == "api");
    let network = scene.observed.networks.get_mut("gold_default").unwrap();
    network.twins = vec!["twin".to_owned()];
    assert_snapshot!(scene.text());
    let plan = scene.plan();
    let at = |verb: &str| {
        let found = plan
            .operations
            .iter()
            .find(|o| o.action.verb_text() == verb);
        found.unwrap()
    };
    assert!(at("create").after.contains(&at("remove").id));
    let down = super::super::remove(
        &scene.stack,
        &scene.observed,
        super::super::Removal::default(),
    );
    let networks: Vec<String> = down
        .operations
        .iter()
        .map(|operation| operation.subject.to_string())
        .filter(|subject| subject.starts_with("network"))
        .collect();
    assert_eq!(networks, ["network twin", "network gold_default"]);
}

#[test]
fn whose_volumes_it_has_is_made_before_it() {
    let mut web = runs("web", &["db"]);
    web.container.volumes_from = vec![crate::stack::VolumesFrom {
        from: crate::stack::Namespace::Service("db".to_owned()),
        read_only: false,
    }];
    let plan = Scene::of([runs("db", &[]), web, runs("free", &["db"])]).plan();
    let making = |service: &str| {
        plan.operations.iter().find(|operation| {
            matches!(&operation.action, crate::plan::Action::CreateContainer { spec, .. } if spec.service == service)
        })
    };
    let [db, web, free] = ["db", "web", "free"].map(|name| making(name).unwrap());
    assert!(web.after.contains(&db.id));
    assert!(!free.after.contains(&db.id));
}

#[test]
fn an_image_that_a_compose_file_does_not_name_is_the_stacks_own() {
    let built = |name: &str, image: &str| {
        let mut service = runs(name, &[]).built();
        if let crate::stack::Source::Build(build) = &mut service.source {
            build.image = Some(image.to_owned());
            build.args.insert("for".to_owned(), template(name));
        }
        service
    };
    let scene = Scene::of([built("api", "gold-api"), built("web", "of-the-file:1")]);
    let own = crate::plan::reconcile::Images::Own.of(&scene.stack);
    assert_eq!(own.into_iter().collect::<Vec<_>>(), ["gold-api"]);
}

/// `api` is built from the image of `base`, which nobody needs to run.
fn on_a_base() -> [crate::stack::Service; 2] {
    let mut api = runs("api", &[]).built();
    if let crate::stack::Source::Build(build) = &mut api.source {
        let context = ("base".to_owned(), "service:base".to_owned());
        build.options.contexts.insert(context.0, context.1);
    }
    [api, runs("base", &[]).built()]
}

#[test]
fn an_image_is_built_after_those_that_it_is_built_from() {
    let mut scene = Scene::of(on_a_base());
    scene.scope.remove("base");
    assert_snapshot!(scene.text());
    let plan = scene.plan();
    let place = |tag: &str| {
        let subject = crate::plan::Subject::Image(tag.to_owned());
        let mut operations = plan.operations.iter();
        operations
            .find(|operation| operation.subject == subject)
            .expect("it is built")
    };
    let (base, api) = (place("gold-base"), place("gold-api"));
    assert_eq!(api.after, [base.id]);
    let crate::plan::Action::BuildImage(spec) = &api.action else {
        panic!()
    };
    assert_eq!(spec.options.contexts["base"], "docker-image://gold-base");
}

#[test]
fn what_changes_an_image_changes_those_that_are_built_from_it() {
    let mut scene = Scene::running(on_a_base());
    assert_eq!(scene.text(), "nothing to do\n");
    scene
        .sources
        .contexts
        .insert("gold-base".to_owned(), "tree-2".to_owned());
    scene.scope.remove("base");
    let text = scene.text();
    assert!(
        text.contains("build") && text.contains("gold-base") && text.contains("gold-api"),
        "{text}"
    );
    // The other way round, it is nothing to the base.
    let mut scene = Scene::running(on_a_base());
    scene
        .sources
        .contexts
        .insert("gold-api".to_owned(), "tree-2".to_owned());
    assert!(!scene.text().contains("gold-base"), "{}", scene.text());
}
