//! Networks and volumes for which the stack file has other options than they were made with.

use std::collections::BTreeSet;

use super::super::Standing;
use super::super::scene::{Scene, runs};
use super::gold;
use crate::plan::operation::Action;
use crate::stack::{Network, NetworkOptions, Pool, Volume};

fn with_subnet(scene: &mut Scene, subnet: &str) {
    let pool = Pool {
        subnet: Some(subnet.to_owned()),
        ..Pool::default()
    };
    let options = NetworkOptions {
        pools: vec![pool],
        ..NetworkOptions::default()
    };
    let network = Network {
        options,
        ..Network::default()
    };
    scene.stack.networks.insert("default".to_owned(), network);
}

fn renews(scene: &Scene) -> bool {
    let is_removal = |action: &Action| matches!(action, Action::RemoveNetwork { .. });
    let plan = scene.plan();
    plan.operations.iter().any(|op| is_removal(&op.action))
}

#[test]
fn what_is_on_it_stops_and_is_made_anew_with_it() {
    let mut scene = Scene::running(gold());
    with_subnet(&mut scene, "10.9.0.0/24");
    insta::assert_snapshot!(scene.text());
    let before = scene.observed.networks["gold_default"].config.clone();
    scene.converge();
    let after = scene.observed.networks["gold_default"].config.clone();
    assert!(before != after && after.is_some());
    let mut services = scene.observed.containers.iter();
    assert!(services.all(|c| c.is_running() || c.service == "migrate"));
    assert!(scene.observed.volumes.contains_key("gold_data"));
}

#[test]
fn a_build_of_the_same_round_comes_first() {
    let mut scene = Scene::running(gold());
    with_subnet(&mut scene, "10.9.0.0/24");
    let tag = "gold-api".to_owned();
    scene.sources.contexts.insert(tag, "tree-2".to_owned());
    insta::assert_snapshot!(scene.text());
    scene.converge();
}

#[test]
fn what_goes_for_other_reasons_goes_first() {
    let mut scene = Scene::running([runs("api", &[]), runs("old", &[])]);
    scene.stack.services.remove("old");
    scene.scope.remove("old");
    with_subnet(&mut scene, "10.9.0.0/24");
    assert!(!renews(&scene));
    scene.converge();
    assert!(!renews(&scene));
    assert_eq!(scene.observed.containers.len(), 1);
}

#[test]
fn nothing_stops_that_nobody_asked_for_or_that_could_not_come_back() {
    let running = || {
        let mut scene = Scene::running([runs("api", &[]), runs("db", &[])]);
        with_subnet(&mut scene, "10.9.0.0/24");
        assert!(renews(&scene));
        scene
    };
    let mut other = running();
    other.scope = BTreeSet::from(["api".to_owned()]);
    assert_eq!(other.text(), "nothing to do\n");

    let mut kept = running();
    let id = kept.container("gold-api-1").id.clone();
    kept.demands.keep.insert(id);
    assert_eq!(kept.text(), "nothing to do\n");

    for standing in [Standing::Backoff, Standing::GaveUp] {
        let mut failed = running();
        failed.standing.insert("db".to_owned(), standing);
        assert!(!renews(&failed));
    }
}

#[test]
fn one_of_which_nothing_is_known_stays() {
    let mut scene = Scene::running(gold());
    let network = scene.observed.networks.get_mut("gold_default");
    network.expect("it is there").config = None;
    with_subnet(&mut scene, "10.9.0.0/24");
    assert_eq!(scene.text(), "nothing to do\n");
}

#[test]
fn a_volume_is_never_made_anew() {
    let mut scene = Scene::running(gold());
    let mut volume = Volume::default();
    volume.options.driver = Some("local".to_owned());
    scene.stack.volumes.insert("data".to_owned(), volume);
    let desired = scene.desired();
    let wanted = desired.volumes.iter().find(|v| v.name == "gold_data");
    let wanted = wanted.expect("it is wanted");
    assert!(scene.observed.volumes["gold_data"].is_outdated(wanted));
    assert_eq!(scene.text(), "nothing to do\n");
}
