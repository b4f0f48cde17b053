//! Prints how long planning takes; times are never asserted.

use std::time::Instant;

use super::super::scene::{Scene, runs};
use super::super::{Removal, remove};
use crate::stack::resolve::fixture::http;

#[test]
fn a_thousand_services() {
    let services = (0..1000u32).map(|n| {
        let needs: Vec<String> = (0..n)
            .rev()
            .take(2)
            .map(|need| format!("s{need:04}"))
            .collect();
        let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
        let one = runs(&format!("s{n:04}"), &needs).with_port("http", http(8000));
        if n % 10 == 0 {
            one.with_volume(&format!("v{n}"))
        } else {
            one
        }
    });
    let mut scene = Scene::of(services);
    let desired = scene.desired();

    let begun = Instant::now();
    let first = scene.plan_with(&desired);
    println!(
        "first start of 1000 services: {} operations planned in {:?}",
        first.operations.len(),
        begun.elapsed()
    );
    assert!(first.operations.len() > 3000);

    scene.converge();
    let begun = Instant::now();
    assert!(scene.plan_with(&desired).is_empty());
    println!(
        "nothing to do among 1000 services: planned in {:?}",
        begun.elapsed()
    );

    let begun = Instant::now();
    let plan = remove(
        &scene.stack,
        &scene.observed,
        Removal {
            volumes: true,
            ..Removal::default()
        },
    );
    println!(
        "removal of 1000 services: {} operations planned in {:?}",
        plan.operations.len(),
        begun.elapsed()
    );

    let begun = Instant::now();
    let _desired = scene.desired();
    println!("1000 services made concrete in {:?}", begun.elapsed());
}
